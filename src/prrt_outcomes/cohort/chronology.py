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
from prrt_outcomes.tables.parse import CellFaults, find_faults, list_cells
from prrt_outcomes.tables.schema import load_schema


@dataclass(frozen=True)
class DateOrder:
    """One rule: `column` of `table` does not lie ``before``, or not ``after``, a date of the same patient or row.

    ``reference`` is a column of the same table, or a date of the patient: first_cycle, death, last_contact,
    diagnosis, birth.
    """

    table: str
    column: str
    what: str
    wrong: str
    reference: str
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
    DateOrder("patients", "birth_year", "birth", "after", "first_cycle"),
    DateOrder("patients", "diagnosis_date", "diagnosis", "after", "first_cycle"),
    DateOrder("patients", "diagnosis_date", "diagnosis", "before", "birth"),
    DateOrder("follow_up", "death_date", "death", "before", "first_cycle"),
    DateOrder("follow_up", "last_contact_date", "last contact", "before", "first_cycle"),
    DateOrder("follow_up", "progression_date", "progression", "before", "first_cycle"),
    DateOrder("follow_up", "last_contact_date", "last contact", "after", "death"),
    DateOrder("follow_up", "last_contact_date", "last contact", "before", "death", "warning"),
    DateOrder("follow_up", "progression_date", "progression", "after", "death"),
    DateOrder("follow_up", "progression_date", "progression", "after", "last_contact", "warning"),
    DateOrder("therapies", "end_date", "end", "before", "start_date"),
    DateOrder("adverse_events", "end_date", "end", "before", "onset_date"),
    DateOrder("assessments", "assessment_date", "assessment", "before", "diagnosis", "warning"),
    *(DateOrder(table, *row, "after", "death") for table, row in DATED_ROWS.items()),
    *(DateOrder(table, *row, "after", "last_contact", "warning") for table, row in DATED_ROWS.items()),
)

WORDS = {
    "first_cycle": "the first cycle", "last_contact": "the last contact", "start_date": "the start",
    "onset_date": "the onset",
}  # fmt: skip


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
            days = (frame["patient_id"].map(dates) for dates in of_patient[order.reference])
            low, high = (dates.to_numpy("datetime64[ns]") for dates in days)
        else:
            continue
        is_wrong = latest < low if order.wrong == "before" else earliest > high
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
    dates = {
        name: _by_patient(table, tables[table], column)
        for name, (table, column) in sources.items()
        if table in tables
    }
    if "cycles" in tables:
        first = tables["cycles"].groupby("patient_id")["cycle_date"].min()
        dates["first_cycle"] = (first, first)
    return dates


def _by_patient(table: str, frame: pd.DataFrame, column: str) -> tuple[pd.Series, pd.Series]:
    first = frame.dropna(subset="patient_id").drop_duplicates("patient_id")
    earliest, latest = compute_column_range(table, first, column)
    return pd.Series(earliest, index=first["patient_id"]), pd.Series(latest, index=first["patient_id"])


def _describe(
    order: DateOrder, frame: pd.DataFrame, positions: np.ndarray, low: np.ndarray, high: np.ndarray
) -> CellFaults:
    limit = low if order.wrong == "before" else high
    words = WORDS.get(order.reference, order.reference)
    place = order.reference if order.reference in frame else words.removeprefix("the ")
    days = pd.Series(limit[positions]).dt.strftime("%Y-%m-%d")
    expected = [f"a date not {order.wrong} {day} ({place})" for day in days]
    problem = f"{order.what} {order.wrong} {words}"
    found = list_cells(frame[order.column], positions)
    return CellFaults(order.column, positions, found, problem, expected, order.severity)


SHOWN_DATES = 5
FOLLOW_UP_DATES = ("last_contact_date", "death_date", "progression_date")


def filter_after_cutoff(
    tables: dict[str, pd.DataFrame], data_cutoff: date | None
) -> tuple[dict[str, pd.DataFrame], list[Problem], list[dict]]:
    """Leave out rows that are dated after the data cut-off (a partial date: surely after it).

    Returns tables without those rows, one warning for each table that lost some, and rows of attrition. Without a
    cut-off nothing is left out, and dates after today are a warning.
    """
    if data_cutoff is None:
        return tables, _find_future_dates(tables), []
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
            reason = ("cohort: data cut-off", "dated after the cut-off")
            attrition.append(attrition_row(name, "rows", *reason, len(is_late), n_lost))
    return kept, problems, attrition


def _find_future_dates(tables: Mapping[str, pd.DataFrame]) -> list[Problem]:
    """Warn of the columns that hold dates after today (a partial date: surely after it)."""
    problems = []
    for name, frame in tables.items():
        for field in load_schema(name).fields:
            if field.type in ("date", "partial"):
                earliest, _ = compute_column_range(name, frame, field.name)
                late = np.sort(earliest[earliest > np.datetime64(date.today(), "ns")])
                if len(late):
                    expected = f"dates up to today, {date.today()}; or name data_cutoff in study.yaml"
                    shown = ", ".join(dict.fromkeys(np.datetime_as_string(late, "D")[:SHOWN_DATES]))
                    problem = f"{len(late)} {'date' if len(late) == 1 else 'dates'} in the future"
                    problems.append(Problem(name, None, field.name, shown, problem, expected, "warning"))
    return problems


def check_follow_up_after_cutoff(follow_up: pd.DataFrame, data_cutoff: date | None) -> list[CellFaults]:
    """List the dates of follow-up after the cut-off, as warnings."""
    if data_cutoff is None:
        return []
    faults: list[CellFaults] = []
    limit = np.datetime64(data_cutoff, "ns")
    for column in FOLLOW_UP_DATES:
        earliest, _ = compute_column_range("follow_up", follow_up, column)
        is_late, expected = earliest > limit, f"censored at the cut-off {data_cutoff}"
        faults += find_faults(follow_up, column, is_late, "after the data cut-off", expected, "warning")
    return faults


DEATHS = {
    "last_contact": "taken as dead on the day of the last contact",
    "censor": "censored at the last contact",
}


def check_deaths_without_date(follow_up: pd.DataFrame, rule: str | None) -> list[CellFaults]:
    """List the dead without a date of death: errors, or warnings where the study says what they are taken for.

    rule : `dead_without_date` of the study
    """
    is_wrong = (follow_up["vital_status"] == "dead") & follow_up["death_date"].isna()
    words = " or ".join(f"dead_without_date: {name} ({meaning})" for name, meaning in DEATHS.items())
    expected = f"a date of death, of which year or month suffice; or in study.yaml {words}"
    advice = (DEATHS[rule], "warning") if rule else (expected, "error")
    return find_faults(follow_up, "death_date", is_wrong, "dead without a date of death", *advice)


def censor_deaths_without_date(follow_up: pd.DataFrame) -> pd.DataFrame:
    """Take the dead without a date of death for lost after the last contact."""
    is_undated = (follow_up["vital_status"] == "dead") & follow_up["death_date"].isna()
    return follow_up.assign(vital_status=follow_up["vital_status"].mask(is_undated, "lost"))
