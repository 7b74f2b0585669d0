"""Order of dates and the data cut-off: contradictions are listed, never repaired; later rows are left out and counted.

A partial date contradicts another only where no day that it can mean would keep the order. A last contact, a death or
a progression after the cut-off stays in `follow_up` and is censored at the cut-off by the endpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.dates import compute_date_range
from prrt_outcomes.errors import Problem
from prrt_outcomes.tables.parse import CellFaults
from prrt_outcomes.tables.schema import load_schema


@dataclass(frozen=True)
class DateOrder:
    """One rule: `column` of `table` is not before, or not after, a date of the same patient or row.

    ``reference`` is a column of the same table, or a date of the patient: first_cycle, death, last_contact,
    diagnosis, birth.
    """

    table: str
    column: str
    relation: str
    reference: str
    problem: str
    severity: str = "error"


DATED_ROWS = {
    "cycles": ("cycle_date", "cycle"),
    "therapies": ("start_date", "therapy"),
    "assessments": ("assessment_date", "assessment"),
    "lesions": ("assessment_date", "lesion measured"),
    "labs": ("sample_date", "sample"),
    "adverse_events": ("onset_date", "adverse event"),
}

ORDERS = (
    DateOrder("patients", "birth_year", "not after", "first_cycle", "birth after the first cycle"),
    DateOrder("patients", "diagnosis_date", "not after", "first_cycle", "diagnosis after the first cycle"),
    DateOrder("patients", "diagnosis_date", "not before", "birth", "diagnosis before birth"),
    DateOrder("follow_up", "death_date", "not before", "first_cycle", "death before the first cycle"),
    DateOrder(
        "follow_up", "last_contact_date", "not before", "first_cycle", "last contact before the first cycle"
    ),
    DateOrder(
        "follow_up", "progression_date", "not before", "first_cycle", "progression before the first cycle"
    ),
    DateOrder("follow_up", "last_contact_date", "not after", "death", "last contact after death"),
    DateOrder(
        "follow_up", "last_contact_date", "not before", "death", "last contact before death", "warning"
    ),
    DateOrder("follow_up", "progression_date", "not after", "death", "progression after death"),
    DateOrder(
        "follow_up",
        "progression_date",
        "not after",
        "last_contact",
        "progression after the last contact",
        "warning",
    ),
    DateOrder("therapies", "end_date", "not before", "start_date", "end before the start"),
    DateOrder("adverse_events", "end_date", "not before", "onset_date", "end before the onset"),
    DateOrder(
        "assessments", "assessment_date", "not before", "diagnosis", "assessment before diagnosis", "warning"
    ),
    *(
        DateOrder(table, column, "not after", "death", f"{what} after death")
        for table, (column, what) in DATED_ROWS.items()
    ),
    *(
        DateOrder(table, column, "not after", "last_contact", f"{what} after the last contact", "warning")
        for table, (column, what) in DATED_ROWS.items()
    ),
)

WORDS = {"first_cycle": "first cycle", "last_contact": "last contact"}


def check_order_of_dates(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[CellFaults]]:
    """List the dates that contradict another date of the same patient or row."""
    of_patient = _gather_patient_dates(tables)
    faults: dict[str, list[CellFaults]] = {name: [] for name in tables}
    ranges: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
    for order in ORDERS:
        if order.table not in tables:
            continue
        frame = tables[order.table]
        if (order.table, order.column) not in ranges:
            ranges[order.table, order.column] = compute_column_range(order.table, frame, order.column)
        earliest, latest = ranges[order.table, order.column]
        if order.reference in frame:
            low, high = compute_column_range(order.table, frame, order.reference)
        elif order.reference in of_patient:
            low, high = (
                frame["patient_id"].map(dates).to_numpy("datetime64[ns]")
                for dates in of_patient[order.reference]
            )
        else:
            continue
        is_wrong = latest < low if order.relation == "not before" else earliest > high
        positions = np.flatnonzero(is_wrong)
        if len(positions):
            faults[order.table].append(_describe(order, frame, positions, low, high))
    return faults


def compute_column_range(table: str, frame: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """First and last day that each date (full, partial, or a year) of a column can mean; NaT where missing."""
    kind = load_schema(table).field(column).type
    if kind == "date":
        days = frame[column].to_numpy("datetime64[ns]")
        return days, days
    text = frame[column].astype("string") if kind == "integer" else frame[column]
    earliest, latest = compute_date_range(text)
    return earliest.to_numpy("datetime64[ns]"), latest.to_numpy("datetime64[ns]")


def _gather_patient_dates(tables: Mapping[str, pd.DataFrame]) -> dict[str, tuple[pd.Series, pd.Series]]:
    """For each date of a patient the first and last day that it can mean, by patient."""
    sources = {
        "death": ("follow_up", "death_date"),
        "last_contact": ("follow_up", "last_contact_date"),
        "diagnosis": ("patients", "diagnosis_date"),
        "birth": ("patients", "birth_year"),
    }
    dates = {}
    for name, (table, column) in sources.items():
        if table in tables:
            dates[name] = _by_patient(table, tables[table], column)
    if "cycles" in tables:
        first = tables["cycles"].groupby("patient_id")["cycle_date"].min()
        dates["first_cycle"] = (first, first)
    return dates


def _by_patient(table: str, frame: pd.DataFrame, column: str) -> tuple[pd.Series, pd.Series]:
    is_first = frame["patient_id"].notna() & ~frame["patient_id"].duplicated()
    index = pd.Index(frame["patient_id"][is_first])
    kept = is_first.to_numpy(bool)
    earliest, latest = compute_column_range(table, frame, column)
    return pd.Series(earliest[kept], index=index), pd.Series(latest[kept], index=index)


def _describe(
    order: DateOrder, frame: pd.DataFrame, positions: np.ndarray, low: np.ndarray, high: np.ndarray
) -> CellFaults:
    values = frame[order.column].iloc[positions]
    is_date = pd.api.types.is_datetime64_dtype(values.dtype)
    found = (values.dt.strftime("%Y-%m-%d") if is_date else values.astype("string")).tolist()
    limit = low if order.relation == "not before" else high
    days = pd.Series(limit[positions]).dt.strftime("%Y-%m-%d")
    words = WORDS.get(order.reference, order.reference)
    expected = [f"a date {order.relation} {day} ({words})" for day in days]
    return CellFaults(order.column, positions, found, order.problem, expected, order.severity)


FOLLOW_UP_DATES = ("last_contact_date", "death_date", "progression_date")


def filter_after_cutoff(
    tables: dict[str, pd.DataFrame], data_cutoff: date | None
) -> tuple[dict[str, pd.DataFrame], list[Problem], list[dict]]:
    """Leave out rows that are dated after the data cut-off (a partial date: surely after it).

    Returns tables without those rows, one warning for each table that lost some, and rows of attrition.
    """
    if data_cutoff is None:
        return tables, [], []
    kept, problems, attrition = dict(tables), [], []
    limit = np.datetime64(data_cutoff, "ns")
    for name, (column, _) in DATED_ROWS.items():
        if name not in tables:
            continue
        earliest, _ = compute_column_range(name, tables[name], column)
        is_late = earliest > limit
        n_lost = int(is_late.sum())
        if n_lost:
            kept[name] = tables[name][~is_late].reset_index(drop=True)
            expected = f"dates up to {data_cutoff}: nothing after the cut-off is known"
            problem = "rows after the data cut-off, left out"
            problems.append(Problem(name, None, column, f"{n_lost} rows", problem, expected, "warning"))
            attrition.append(
                attrition_row(
                    name, "rows", "cohort: data cut-off", "dated after the cut-off", len(is_late), n_lost
                )
            )
    return kept, problems, attrition


def check_follow_up_after_cutoff(follow_up: pd.DataFrame, data_cutoff: date | None) -> list[CellFaults]:
    """List the dates of follow-up after the cut-off, as warnings."""
    if data_cutoff is None:
        return []
    faults = []
    for column in FOLLOW_UP_DATES:
        earliest, _ = compute_column_range("follow_up", follow_up, column)
        positions = np.flatnonzero(earliest > np.datetime64(data_cutoff, "ns"))
        if len(positions):
            found = follow_up[column].iloc[positions].tolist()
            expected = f"censored at the cut-off {data_cutoff}"
            faults.append(CellFaults(column, positions, found, "after the data cut-off", expected, "warning"))
    return faults
