"""Data of controls held against the study and the cohort, before a run: names, codes, covariates, curves."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.levels import DERIVED_COLUMNS, UNKNOWN
from prrt_outcomes.controls import reference_curves
from prrt_outcomes.controls.two_samples import select_source
from prrt_outcomes.errors import Problem, count_words, suggest, tell, tell_setting
from prrt_outcomes.study.controls import AggregateControl, BaselineSummary, CurveControl, PatientsControl
from prrt_outcomes.study.model import Study
from prrt_outcomes.units import DAYS_PER_MONTH, TIME_UNIT_DAYS

Tables = Mapping[str, pd.DataFrame]
Lines = Mapping[str, np.ndarray]
Problems = Iterator[Problem]
OTHER_UNITS = ("days", "weeks", "years")


def check_control_data(study: Study, tables: Tables, lines: Lines) -> list[Problem]:
    """Find what in the tables of controls a comparison cannot be made with.

    `lines` has the line of the file of each row of a table; a table without lines is named without a row. Errors: a
    covariate that one side does not have, codes that the sides do not share, a source, arm or endpoint that the
    tables do not have, points that rise, a risk table that grows or does not begin at 0, a median far from that
    published. Warnings: a curve that ends far beyond follow-up, points of no control of the study, codes that only one
    side has. An absent table is no problem: the stage leaves it out.
    """
    found: list[Problem] = []
    for index, control in enumerate(study.controls):
        place = f"controls.{index}"
        if isinstance(control, PatientsControl):
            found += _check_patients(place, control, study, tables)
        if isinstance(control, CurveControl):
            found += _check_curve(place, control, tables, lines)
        if isinstance(control, AggregateControl):
            for position, item in enumerate(control.baseline):
                found += _check_baseline(f"{place}.baseline.{position}", item, tables["patients"])
    return [*found, *_check_unused_curves(study, tables, lines)]


def _check_patients(place: str, control: PatientsControl, study: Study, tables: Tables) -> Problems:
    reported = sorted(set(tables["reported_outcomes"]["endpoint"].dropna().astype(str)))
    known = list(dict.fromkeys([*(definition.name for definition in study.endpoints), *reported]))
    problem = "no endpoint of the study, and no row of reported_outcomes reports it"
    yield from _find_unknown(f"{place}.negative_control", control.negative_control, known, problem)
    people, outcomes = tables["control_patients"], tables["control_outcomes"]
    if people.empty or outcomes.empty:
        return
    sources = sorted(set(people["source"].dropna().astype(str)))
    if control.source not in (None, *sources):
        problem = "no row of control_patients has this source"
        yield from _find_unknown(f"{place}.source", control.source, sources, problem)
        return
    people = select_source(people, control)
    own = outcomes.loc[outcomes["patient_id"].isin(people["patient_id"]), "endpoint"]
    endpoints = sorted(set(own.astype(str)))
    problem = "control_outcomes has no row of this endpoint for these patients"
    for key in ("endpoint", "negative_control"):
        yield from _find_unknown(f"{place}.{key}", getattr(control, key), endpoints, problem)
    for position, name in enumerate(control.covariates):
        yield from _check_covariate(f"{place}.covariates.{position}", name, tables["patients"], people)


def _check_covariate(key: str, name: str, ours: pd.DataFrame, theirs: pd.DataFrame) -> Problems:
    """A covariate is known on both sides, in codes that the sides share."""
    levels = []
    for table, frame in (("patients", ours), ("control_patients", theirs)):
        if name not in frame.columns:
            if table == "control_patients" or name not in DERIVED_COLUMNS:
                yield tell_setting("covariate_absent", key, name, table=table, name=name)
            return
        known = frame[name].dropna()
        known = known[known.astype(str) != UNKNOWN]
        if known.empty:
            yield tell_setting("covariate_empty", key, name, table=table, name=name)
            return
        levels.append(set(known.astype(str)))
    alone = levels[1] - levels[0]
    if _is_number(ours[name]) or not alone:
        return
    fault = "codes_of_control" if levels[0] & levels[1] else "codes_not_shared"
    found, codes = ", ".join(sorted(alone)), ", ".join(sorted(levels[0]))
    yield tell(fault, "control_patients", None, name, found, codes=codes)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype) and not isinstance(column.dtype, pd.BooleanDtype)


def _check_curve(place: str, control: CurveControl, tables: Tables, lines: Lines) -> Problems:
    points, risk = (
        reference_curves.select_curve(tables[name].reset_index(drop=True), control)
        for name in reference_curves.CURVE_TABLES
    )
    wanted = f"{control.id} {control.arm} {control.endpoint}"
    for name in reference_curves.CURVE_TABLES:
        known = sorted(set(_name_curves(tables[name])))
        if known:
            problem = f"{name} has no row of this control, arm and endpoint"
            yield from _find_unknown(f"{place}.arm", wanted, known, problem)
    if len(points):
        yield from _check_points(points, lines.get("control_curves"))
        yield from _check_months(points, risk, control, _find_longest(tables, control.endpoint))
    if len(risk):
        yield from _check_risk_table(risk, lines.get("control_at_risk"))


def _name_curves(table: pd.DataFrame) -> list[str]:
    return [" ".join(key) for key in table[list(reference_curves.CURVE_KEYS)].astype(str).to_numpy().tolist()]


def _check_points(points: pd.DataFrame, lines: np.ndarray | None) -> Problems:
    rises = reference_curves.find_rises(
        *(points[name].to_numpy(dtype=float) for name in ("time_months", "survival"))
    )
    if len(rises):
        place, value = points.index[int(rises[0])], str(points["survival"].iloc[int(rises[0])])
        named = {"points": count_words(len(rises), "point"), "most": reference_curves.LARGEST_RISE}
        yield tell("curve_rises", "control_curves", _line(lines, place), "survival", value, **named)
        return
    try:
        reference_curves.clean_points(points["time_months"], points["survival"])
    except ValueError as error:
        line = _line(lines, points.index[0])
        yield tell("no_curve", "control_curves", line, "survival", error=error)


def _check_months(points: pd.DataFrame, risk: pd.DataFrame, control: CurveControl, ours: float) -> Problems:
    for odd in reference_curves.find_odd_times(points, risk, control, ours):
        unit = min(OTHER_UNITS, key=lambda u: abs(np.log(odd.ratio * TIME_UNIT_DAYS[u] / DAYS_PER_MONTH)))
        severity = "error" if odd.what == "median" else "warning"
        named = {"words": odd.describe(f" of {control.id}"), "unit": unit, "severity": severity}
        yield tell("odd_months", "control_curves", None, "time_months", f"{odd.months:g}", **named)


def _find_longest(tables: Tables, endpoint: str) -> float:
    """Months of the longest reported time of an endpoint, else from the first cycle of all to the last contact."""
    reported = tables["reported_outcomes"]
    days = reported.loc[reported["endpoint"].eq(endpoint).fillna(False).to_numpy(dtype=bool), "time"].max()
    if pd.isna(days):
        last, first = tables["follow_up"]["last_contact_date"].max(), tables["cycles"]["cycle_date"].min()
        days = (pd.to_datetime(last) - pd.to_datetime(first)).days
    return float(days) / DAYS_PER_MONTH


def _check_risk_table(risk: pd.DataFrame, lines: np.ndarray | None) -> Problems:
    def fault(name: str, place: int, column: str, value: str = "", **named: float) -> Problem:
        return tell(name, "control_at_risk", _line(lines, place), column, value, **named)

    ordered = risk.loc[risk["n_at_risk"].notna()].sort_values("time_months", kind="stable")
    numbers = ordered["n_at_risk"].to_numpy(dtype=float)
    if not len(ordered) or ordered["time_months"].iloc[0] != 0:
        yield fault("risk_without_start", risk.index[0], "time_months")
        return
    if numbers[0] < 1:
        yield fault("empty_arm", ordered.index[0], "n_at_risk", "0")
    for place in (np.flatnonzero(np.diff(numbers) > 0) + 1).tolist():
        value, before = f"{numbers[place]:.0f}", numbers[place - 1]
        yield fault("risk_grows", ordered.index[place], "n_at_risk", value, before=before)


def _check_baseline(place: str, item: BaselineSummary, patients: pd.DataFrame) -> Problems:
    """A number of a published baseline table speaks of a column and a level that our patients have."""
    name = item.covariate
    if name not in patients.columns:
        known = [str(column) for column in patients.columns]
        if name not in DERIVED_COLUMNS:
            problem = "patients has no column of this name"
            yield from _find_unknown(f"{place}.covariate", name, known, problem)
        return
    column = patients[name]
    if column.isna().all():
        yield tell_setting("baseline_empty", f"{place}.covariate", name, name=name)
        return
    is_number, is_yes_no = _is_number(column), isinstance(column.dtype, pd.BooleanDtype)
    if item.statistic != "share" and not is_number:
        named = {"name": name, "statistic": item.statistic}
        yield tell_setting("baseline_no_number", f"{place}.statistic", item.statistic, **named)
    if item.statistic == "share" and item.level is None and not (is_number or is_yes_no):
        yield tell_setting("baseline_no_level", f"{place}.level")
    values = column.dropna().astype(str)
    levels = sorted(set(values.str.lower() if is_number or is_yes_no else values))
    problem = f"no patient of the cohort has this level of {name}"
    yield from _find_unknown(f"{place}.level", item.level, levels, problem)


def _check_unused_curves(study: Study, tables: Tables, lines: Lines) -> Problems:
    """Rows of curves that no control of the study uses."""
    used = {(c.id, c.arm, c.endpoint) for c in study.controls if isinstance(c, CurveControl)}
    known = [" ".join(key) for key in sorted(used)]
    for name in reference_curves.CURVE_TABLES:
        keys = _name_curves(tables[name])
        for value in dict.fromkeys(keys):
            if value not in known:
                expected = _suggest(value, known) if known else "a control of kind curve in study.yaml"
                line = _line(lines.get(name), keys.index(value))
                yield tell("unused_curve", name, line, "control", value, expected=expected)


def _line(lines: np.ndarray | None, place: int) -> int | None:
    return None if lines is None else int(lines[place])


def _find_unknown(key: str, value: str | None, known: list[str], problem: str) -> Problems:
    """A problem of the study file where a value, if it is given, is none of those known."""
    if value is not None and value not in known:
        yield tell_setting("unknown_name", key, value, problem=problem, expected=_suggest(value, known))


def _suggest(value: str, known: list[str]) -> str:
    return suggest(value, known, f"there are: {', '.join(known)}" if known else "")
