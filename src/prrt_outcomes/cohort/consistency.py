"""What the columns of one row say about each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prrt_outcomes.tables.faults import CellFaults

if TYPE_CHECKING:
    import pandas as pd

AGE_TOLERANCE_YEARS = 1.5


def check_consistency(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[CellFaults]]:
    """List rows whose columns contradict each other; errors where no reading of them can be right.

    Parameters
    ----------
    tables : typed tables that could be read

    Returns
    -------
    Faults by table.
    """
    checks = {
        "follow_up": _check_follow_up,
        "lesions": _check_lesions,
        "labs": _check_labs,
        "reported_outcomes": _check_outcomes,
        "control_outcomes": _check_outcomes,
    }
    faults = {name: checks[name](frame) if name in checks else [] for name, frame in tables.items()}
    if "patients" in tables and "cycles" in tables:
        faults["patients"] = _check_age(tables["patients"], tables["cycles"])
    return faults


def _fault(
    frame: pd.DataFrame, wrong: pd.Series, column: str, problem: str, expected: str, severity: str = "error"
) -> list[CellFaults]:
    import numpy as np

    positions = np.flatnonzero(wrong.fillna(False).to_numpy(bool))
    if not len(positions):
        return []
    found = frame[column].iloc[positions].astype("string").fillna("").tolist()
    return [CellFaults(column, positions, found, problem, expected, severity)]


def _check_follow_up(frame: pd.DataFrame) -> list[CellFaults]:
    is_dead = frame["vital_status"] == "dead"
    has_status = frame["vital_status"].notna()
    has_date = frame["death_date"].notna()
    contradiction = "a date of death although not dead"
    expected = "no date of death, or vital_status dead"
    without = "dead without a date of death"
    hint = "a date of death, year or month suffice; without it no death can be counted at a time"
    return [
        *_fault(frame, has_date & has_status & ~is_dead, "death_date", contradiction, expected),
        *_fault(frame, is_dead & ~has_date, "death_date", without, hint, "warning"),
    ]


def _check_lesions(frame: pd.DataFrame) -> list[CellFaults]:
    is_measured = (frame["role"] == "target") & (frame["state"] == "measured")
    no_size = is_measured & frame["longest_mm"].isna() & frame["perpendicular_mm"].isna()
    is_wide = frame["perpendicular_mm"] > frame["longest_mm"]
    unmeasured = "measured, yet without a diameter"
    longest = "at most longest_mm: the perpendicular diameter is the shorter one"
    return [
        *_fault(frame, no_size, "longest_mm", unmeasured, "a diameter, or another state", "warning"),
        *_fault(frame, is_wide, "perpendicular_mm", "longer than the longest diameter", longest, "warning"),
    ]


def _check_labs(frame: pd.DataFrame) -> list[CellFaults]:
    is_crossed = frame["lower_limit"] > frame["upper_limit"]
    return _fault(frame, is_crossed, "lower_limit", "above the upper limit", "at most upper_limit")


def _check_outcomes(frame: pd.DataFrame) -> list[CellFaults]:
    """A patient is at risk at t when entry < t <= time: one who enters at the end never is."""
    is_late = (frame["entry_time"] > 0) & (frame["entry_time"] >= frame["time"])
    expected = "an entry before time (both in days here)"
    return _fault(frame, is_late, "entry_time", "entry not before the end of follow-up", expected)


def _check_age(patients: pd.DataFrame, cycles: pd.DataFrame) -> list[CellFaults]:
    first = cycles.groupby("patient_id")["cycle_date"].min()
    year = patients["patient_id"].map(first).dt.year
    implied = year - patients["birth_year"].astype("Float64").astype("float64")
    is_off = (patients["age_years"] - implied).abs() > AGE_TOLERANCE_YEARS
    expected = "the age at the first cycle, as birth_year implies it"
    return _fault(patients, is_off, "age_years", "does not fit birth_year", expected, "warning")
