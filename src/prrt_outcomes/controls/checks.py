"""Data of controls held against the study and the cohort, before a run: names, codes, covariates, curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import DERIVED_COLUMNS, UNKNOWN
from prrt_outcomes.controls.digitised import LARGEST_RISE, clean_points, find_rises
from prrt_outcomes.controls.library import STUDY_FILE
from prrt_outcomes.errors import Problem, nearest_name
from prrt_outcomes.study.controls import AggregateControl, CurveControl, PatientsControl

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study

CURVE_TABLES = ("control_curves", "control_at_risk")
KEYS = ("control", "arm", "endpoint")


def check_control_data(
    study: Study, tables: Mapping[str, pd.DataFrame], lines: Mapping[str, np.ndarray]
) -> list[Problem]:
    """Find what in the tables of controls a comparison cannot be made with.

    Parameters
    ----------
    study : its controls
    tables : input tables as typed frames
    lines : line of the file of each row of a table, by its name; a table without lines is told without a row

    Returns
    -------
    Errors: a covariate that one side does not have, codes that the two sides do not share, a source, arm or
    endpoint that the tables do not have, points that rise, a risk table that grows or does not begin at 0.
    Warnings: points that belong to no control of the study, codes that only one side has. A table that the study
    does not have is no problem here: the stage says that the comparison is left out.
    """
    found: list[Problem] = []
    for index, control in enumerate(study.controls):
        if isinstance(control, PatientsControl):
            found += _check_negative_control(index, control, study)
            found += _check_patients(index, control, tables)
        if isinstance(control, CurveControl):
            found += _check_curve(index, control, tables, lines)
        if isinstance(control, AggregateControl):
            found += _check_baseline(index, control, tables["patients"])
    return [*found, *_check_strangers(study, tables, lines)]


def _study_problem(index: int, key: str, value: str, problem: str, expected: str) -> Problem:
    return Problem(STUDY_FILE, None, f"controls.{index}.{key}", value, problem, expected)


def _check_negative_control(index: int, control: PatientsControl, study: Study) -> Iterator[Problem]:
    known = [definition.name for definition in study.endpoints]
    name = control.negative_control
    if name is not None and name not in known:
        problem = "not among the study's endpoints"
        yield _study_problem(index, "negative_control", name, problem, _suggest(name, known))


def _check_patients(
    index: int, control: PatientsControl, tables: Mapping[str, pd.DataFrame]
) -> Iterator[Problem]:
    people, outcomes = tables["control_patients"], tables["control_outcomes"]
    if people.empty or outcomes.empty:
        return
    if control.source is not None:
        sources = sorted(set(people["source"].dropna().astype(str)))
        if control.source not in sources:
            yield _study_problem(
                index,
                "source",
                control.source,
                "no row of control_patients has this source",
                _suggest(control.source, sources),
            )
            return
        people = people.loc[people["source"].eq(control.source).fillna(False)]
    own = outcomes.loc[outcomes["patient_id"].isin(people["patient_id"]), "endpoint"]
    endpoints = sorted(set(own.astype(str)))
    for key in ("endpoint", "negative_control"):
        name = getattr(control, key)
        if name is not None and name not in endpoints:
            problem = "control_outcomes has no row of this endpoint for these patients"
            yield _study_problem(index, key, name, problem, _suggest(name, endpoints))
    for position, name in enumerate(control.covariates):
        yield from _check_covariate(index, position, name, tables["patients"], people)


def _check_covariate(
    index: int, position: int, name: str, ours: pd.DataFrame, theirs: pd.DataFrame
) -> Iterator[Problem]:
    """A covariate is known on both sides, in codes that the sides share."""
    key = f"covariates.{position}"
    expected = "a column that both patients and control_patients have and fill"
    levels = []
    for table, frame in (("patients", ours), ("control_patients", theirs)):
        if name not in frame.columns:
            if table == "control_patients" or name not in DERIVED_COLUMNS:
                yield _study_problem(index, key, name, f"{table} has no column {name}", expected)
                return
            return
        known = frame[name].dropna()
        known = known[known.astype(str) != UNKNOWN]
        if known.empty:
            yield _study_problem(index, key, name, f"{name} is missing in every row of {table}", expected)
            return
        levels.append(set(known.astype(str)))
    numeric = pd.api.types.is_numeric_dtype(ours[name].dtype) and not isinstance(
        ours[name].dtype, pd.BooleanDtype
    )
    if numeric:
        return
    words = ", ".join(sorted(levels[0]))
    alone = sorted(levels[1] - levels[0])
    if not levels[0] & levels[1]:
        problem = "the control codes this covariate in another way than patients: no code is shared"
        yield Problem(
            "control_patients", None, name, ", ".join(alone), problem, f"codes of patients: {words}"
        )
    elif alone:
        problem = "codes that no patient of the cohort has: these controls have nobody to be compared with"
        yield Problem(
            "control_patients",
            None,
            name,
            ", ".join(alone),
            problem,
            f"codes of patients: {words}",
            "warning",
        )


def _check_curve(
    index: int, control: CurveControl, tables: Mapping[str, pd.DataFrame], lines: Mapping[str, np.ndarray]
) -> Iterator[Problem]:
    points, risk = (_select(tables[name], control) for name in CURVE_TABLES)
    for name, rows in zip(CURVE_TABLES, (points, risk), strict=True):
        if len(tables[name]) and rows.empty:
            known = sorted(
                {" ".join(key) for key in tables[name][list(KEYS)].astype(str).to_numpy().tolist()}
            )
            wanted = f"{control.id} {control.arm} {control.endpoint}"
            problem = f"{name} has no row of this control, arm and endpoint"
            yield _study_problem(index, "arm", wanted, problem, _suggest(wanted, known))
    if len(points):
        yield from _check_points(points, lines.get("control_curves"))
    if len(risk):
        yield from _check_risk_table(risk, lines.get("control_at_risk"))


def _select(table: pd.DataFrame, control: CurveControl) -> pd.DataFrame:
    wanted = {"control": control.id, "arm": control.arm, "endpoint": control.endpoint}
    chosen = pd.concat([table[key].eq(value) for key, value in wanted.items()], axis=1).all(axis=1)
    return table.reset_index(drop=True).loc[chosen.to_numpy(dtype=bool)]


def _check_points(points: pd.DataFrame, lines: np.ndarray | None) -> Iterator[Problem]:
    expected = f"survival that never rises by more than {LARGEST_RISE:.0%}"
    rises = find_rises(points["time_months"].to_numpy(dtype=float), points["survival"].to_numpy(dtype=float))
    if len(rises):
        row = points.iloc[rises[0]]
        places = "1 point" if len(rises) == 1 else f"{len(rises)} points"
        problem = f"survival rises at {places}: not a survival curve"
        line = _line(lines, points.index[rises[0]])
        yield Problem("control_curves", line, "survival", str(row["survival"]), problem, expected)
        return
    try:
        clean_points(points["time_months"], points["survival"])
    except ValueError as error:
        line = _line(lines, points.index[0])
        yield Problem("control_curves", line, "survival", "", str(error), "points of a survival curve")


def _check_risk_table(risk: pd.DataFrame, lines: np.ndarray | None) -> Iterator[Problem]:
    ordered = risk.loc[risk["n_at_risk"].notna()].sort_values("time_months", kind="stable")
    numbers = ordered["n_at_risk"].to_numpy(dtype=float)
    if not len(ordered) or ordered["time_months"].iloc[0] != 0:
        problem = "the risk table has no row at time 0"
        yield Problem(
            "control_at_risk",
            _line(lines, risk.index[0]),
            "time_months",
            "",
            problem,
            "the size of the arm at 0",
        )
        return
    if numbers[0] < 1:
        line = _line(lines, ordered.index[0])
        yield Problem("control_at_risk", line, "n_at_risk", "0", "the arm is empty at time 0", "1 or more")
    for place in np.flatnonzero(np.diff(numbers) > 0) + 1:
        line = _line(lines, ordered.index[place])
        problem = f"the number at risk grows, from {numbers[place - 1]:.0f}"
        value = f"{numbers[place]:.0f}"
        yield Problem("control_at_risk", line, "n_at_risk", value, problem, "never more than the row before")


def _check_baseline(index: int, control: AggregateControl, patients: pd.DataFrame) -> Iterator[Problem]:
    for position, item in enumerate(control.baseline):
        key, name = f"baseline.{position}", item.covariate
        if name not in patients.columns:
            if name not in DERIVED_COLUMNS:
                known = [str(column) for column in patients.columns]
                yield _study_problem(
                    index,
                    f"{key}.covariate",
                    name,
                    "patients has no column of this name",
                    _suggest(name, known),
                )
            continue
        column = patients[name]
        if column.isna().all():
            yield _study_problem(
                index,
                f"{key}.covariate",
                name,
                f"{name} is missing in every row of patients",
                "a column that is filled",
            )
            continue
        numeric = pd.api.types.is_numeric_dtype(column.dtype) and not isinstance(
            column.dtype, pd.BooleanDtype
        )
        if item.statistic != "share" and not numeric:
            problem = f"{name} is no number: it has no {item.statistic}"
            yield _study_problem(index, f"{key}.statistic", item.statistic, problem, "share, with a level")
        needs_level = not numeric and not isinstance(column.dtype, pd.BooleanDtype)
        if item.statistic == "share" and item.level is None and needs_level:
            yield _study_problem(index, f"{key}.level", "", "a share of which level", "a level of the column")
        if item.level is not None:
            levels = sorted(
                set(
                    column.dropna().astype(str).str.lower()
                    if not needs_level
                    else column.dropna().astype(str)
                )
            )
            if item.level not in levels:
                problem = f"no patient of the cohort has this level of {name}"
                yield _study_problem(index, f"{key}.level", item.level, problem, _suggest(item.level, levels))


def _check_strangers(
    study: Study, tables: Mapping[str, pd.DataFrame], lines: Mapping[str, np.ndarray]
) -> Iterator[Problem]:
    """Rows of curves that no control of the study uses."""
    used = {(c.id, c.arm, c.endpoint) for c in study.controls if isinstance(c, CurveControl)}
    known = [" ".join(key) for key in sorted(used)]
    for name in CURVE_TABLES:
        table = tables[name].reset_index(drop=True)
        if table.empty:
            continue
        keys = pd.MultiIndex.from_frame(table[list(KEYS)].astype(str))
        for key in dict.fromkeys(keys):
            if key not in used:
                place = int(np.flatnonzero(keys == key)[0])
                value = " ".join(key)
                expected = _suggest(value, known) if known else "a control of kind curve in study.yaml"
                problem = "these rows belong to no control of the study and are not used"
                yield Problem(
                    name, _line(lines.get(name), place), "control", value, problem, expected, "warning"
                )


def _line(lines: np.ndarray | None, place: int) -> int | None:
    return None if lines is None else int(lines[place])


def _suggest(value: str, known: list[str]) -> str:
    near = nearest_name(value, known)
    return (f"did you mean {near}? " if near else "") + (f"there are: {', '.join(known)}" if known else "")
