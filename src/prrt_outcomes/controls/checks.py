"""Data of controls held against the study and the cohort, before a run: names, codes, covariates, curves."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.levels import DERIVED_COLUMNS, UNKNOWN
from prrt_outcomes.controls import reference_curves
from prrt_outcomes.controls.two_samples import select_source
from prrt_outcomes.errors import Problem, study_problem, suggest
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
    expected = "a column that both patients and control_patients have and fill"
    levels = []
    for table, frame in (("patients", ours), ("control_patients", theirs)):
        if name not in frame.columns:
            if table == "control_patients" or name not in DERIVED_COLUMNS:
                yield study_problem(key, name, f"{table} has no column {name}", expected)
            return
        known = frame[name].dropna()
        known = known[known.astype(str) != UNKNOWN]
        if known.empty:
            yield study_problem(key, name, f"{name} is missing in every row of {table}", expected)
            return
        levels.append(set(known.astype(str)))
    alone = levels[1] - levels[0]
    if _is_number(ours[name]) or not alone:
        return
    if levels[0] & levels[1]:
        problem = "codes that no patient of the cohort has: these controls have nobody to be compared with"
        severity = "warning"
    else:
        problem = "the control codes this covariate in another way than patients: no code is shared"
        severity = "error"
    expected = f"codes of patients: {', '.join(sorted(levels[0]))}"
    yield Problem("control_patients", None, name, ", ".join(sorted(alone)), problem, expected, severity)


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
    """Control, arm and endpoint of each row, as one text."""
    return [" ".join(key) for key in table[list(reference_curves.CURVE_KEYS)].astype(str).to_numpy().tolist()]


def _check_points(points: pd.DataFrame, lines: np.ndarray | None) -> Problems:
    rises = reference_curves.find_rises(
        points["time_months"].to_numpy(dtype=float), points["survival"].to_numpy(dtype=float)
    )
    if len(rises):
        place, value = points.index[int(rises[0])], str(points["survival"].iloc[int(rises[0])])
        places = "1 point" if len(rises) == 1 else f"{len(rises)} points"
        problem = f"survival rises at {places}: not a survival curve"
        expected = f"survival that never rises by more than {reference_curves.LARGEST_RISE:.0%}"
        yield Problem("control_curves", _line(lines, place), "survival", value, problem, expected)
        return
    try:
        reference_curves.clean_points(points["time_months"], points["survival"])
    except ValueError as error:
        line, expected = _line(lines, points.index[0]), "points of a survival curve"
        yield Problem("control_curves", line, "survival", "", str(error), expected)


def _check_months(points: pd.DataFrame, risk: pd.DataFrame, control: CurveControl, ours: float) -> Problems:
    for odd in reference_curves.find_odd_times(points, risk, control, ours):
        unit = min(OTHER_UNITS, key=lambda u: abs(np.log(odd.ratio * TIME_UNIT_DAYS[u] / DAYS_PER_MONTH)))
        expected = f"months; where the file has {unit}, write time_unit: {unit} in this table of study.yaml"
        severity = "error" if odd.what == "median" else "warning"
        value, problem = f"{odd.months:g}", odd.describe(f" of {control.id}")
        yield Problem("control_curves", None, "time_months", value, problem, expected, severity)


def _find_longest(tables: Tables, endpoint: str) -> float:
    """Months of the longest reported time of an endpoint, else from the first cycle of all to the last contact."""
    reported = tables["reported_outcomes"]
    days = reported.loc[reported["endpoint"].eq(endpoint).fillna(False).to_numpy(dtype=bool), "time"].max()
    if pd.isna(days):
        last, first = tables["follow_up"]["last_contact_date"].max(), tables["cycles"]["cycle_date"].min()
        days = (pd.to_datetime(last) - pd.to_datetime(first)).days
    return float(days) / DAYS_PER_MONTH


def _check_risk_table(risk: pd.DataFrame, lines: np.ndarray | None) -> Problems:
    def fault(place: int, column: str, value: str, problem: str, expected: str) -> Problem:
        return Problem("control_at_risk", _line(lines, place), column, value, problem, expected)

    ordered = risk.loc[risk["n_at_risk"].notna()].sort_values("time_months", kind="stable")
    numbers = ordered["n_at_risk"].to_numpy(dtype=float)
    if not len(ordered) or ordered["time_months"].iloc[0] != 0:
        problem = "the risk table has no row at time 0"
        yield fault(risk.index[0], "time_months", "", problem, "the size of the arm at 0")
        return
    if numbers[0] < 1:
        yield fault(ordered.index[0], "n_at_risk", "0", "the arm is empty at time 0", "1 or more")
    for place in (np.flatnonzero(np.diff(numbers) > 0) + 1).tolist():
        problem = f"the number at risk grows, from {numbers[place - 1]:.0f}"
        value = f"{numbers[place]:.0f}"
        yield fault(ordered.index[place], "n_at_risk", value, problem, "never more than the row before")


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
        problem = f"{name} is missing in every row of patients"
        yield study_problem(f"{place}.covariate", name, problem, "a column that is filled")
        return
    is_number, is_yes_no = _is_number(column), isinstance(column.dtype, pd.BooleanDtype)
    if item.statistic != "share" and not is_number:
        problem = f"{name} is no number: it has no {item.statistic}"
        yield study_problem(f"{place}.statistic", item.statistic, problem, "share, with a level")
    if item.statistic == "share" and item.level is None and not (is_number or is_yes_no):
        yield study_problem(f"{place}.level", "", "a share of which level", "a level of the column")
    values = column.dropna().astype(str)
    levels = sorted(set(values.str.lower() if is_number or is_yes_no else values))
    problem = f"no patient of the cohort has this level of {name}"
    yield from _find_unknown(f"{place}.level", item.level, levels, problem)


def _check_unused_curves(study: Study, tables: Tables, lines: Lines) -> Problems:
    """Rows of curves that no control of the study uses."""
    used = {(c.id, c.arm, c.endpoint) for c in study.controls if isinstance(c, CurveControl)}
    known = [" ".join(key) for key in sorted(used)]
    problem = "these rows belong to no control of the study and are not used"
    for name in reference_curves.CURVE_TABLES:
        keys = _name_curves(tables[name])
        for value in dict.fromkeys(keys):
            if value not in known:
                expected = _suggest(value, known) if known else "a control of kind curve in study.yaml"
                line = _line(lines.get(name), keys.index(value))
                yield Problem(name, line, "control", value, problem, expected, "warning")


def _line(lines: np.ndarray | None, place: int) -> int | None:
    return None if lines is None else int(lines[place])


def _find_unknown(key: str, value: str | None, known: list[str], problem: str) -> Problems:
    """A problem of the study file where a value, if it is given, is none of those known."""
    if value is not None and value not in known:
        yield study_problem(key, value, problem, _suggest(value, known))


def _suggest(value: str, known: list[str]) -> str:
    return suggest(value, known, f"there are: {', '.join(known)}" if known else "")
