"""The data cut-off and deaths without a date: later rows are left out and counted, faults listed, never repaired.

A last contact, a death or a progression after the cut-off stays in `follow_up`; endpoints censor it at the cut-off.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.cohort.vocabulary import Words, extend_vocabulary
from prrt_outcomes.dates import compute_date_range
from prrt_outcomes.errors import Problem, count_words, describe_fault, tell, tell_setting
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import empty_table
from prrt_outcomes.tables.parse import CellFaults, find_faults
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.units import DAYS_PER_YEAR

DATED_ROWS = {
    "cycles": "cycle_date", "therapies": "start_date", "assessments": "assessment_date",
    "lesions": "assessment_date", "labs": "sample_date", "adverse_events": "onset_date",
    "questionnaires": "visit_date", "pet": "scan_date",
}  # fmt: skip

OF_PATIENTS = ("patients", "follow_up")


def compute_column_range(table: str, frame: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """First and last day that each date (full, partial, or a year) of a column can mean; NaT where missing."""
    kind = load_schema(table).field(column).type
    if kind == "date":
        days = frame[column].to_numpy("datetime64[ns]")
        return days, days
    text = frame[column].astype("string") if kind == "integer" else frame[column]
    earliest, latest = compute_date_range(text)
    return earliest.to_numpy("datetime64[ns]"), latest.to_numpy("datetime64[ns]")


@dataclass(frozen=True)
class KnownPatients:
    """What the reading of a table heeds of the tables that are read before it (`OF_PATIENTS`) and of the study."""

    rule: str  # day that the date of a scan gets where it has none (first, middle, last)
    # day of each patient that such a day does not pass: of death or last contact, and the data cut-off
    latest: pd.Series
    weights: pd.Series  # of each patient in kg
    words: Words  # for our columns the words of files (`prrt_outcomes.cohort.vocabulary.extend_vocabulary`)


def gather_known(tables: Mapping[str, Any], study: Study) -> KnownPatients:
    """What is known of each patient from the tables that were read."""
    empty = {name: empty_table(name) for name in OF_PATIENTS}
    frames = {name: tables[name].frame if name in tables else empty[name] for name in OF_PATIENTS}
    patients, follow_up = (f.drop_duplicates("patient_id").set_index("patient_id") for f in frames.values())
    dates = follow_up["death_date"].fillna(follow_up["last_contact_date"])
    latest = compute_date_range(dates)[1]
    if study.data_cutoff is not None:
        cutoff = pd.Timestamp(study.data_cutoff)
        latest = latest.reindex(patients.index).fillna(cutoff)
        latest = latest.where(latest <= cutoff, cutoff)
    words = extend_vocabulary(study.vocabulary)
    return KnownPatients(study.partial_dates, latest, patients["weight_kg"], words)


def derive_ages(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Patients with year of birth and age at the first cycle from the date of birth, which is not kept.

    Only what is missing is derived; a patient without a cycle gets the year alone.
    """
    patients = tables["patients"]
    if "birth_date" not in patients:
        return patients
    if patients["birth_date"].isna().all():
        return patients.drop(columns="birth_date")
    cycles = tables.get("cycles", pd.DataFrame({"patient_id": [], "cycle_date": []}))
    first = patients["patient_id"].map(cycles.groupby("patient_id")["cycle_date"].min())
    born = patients["birth_date"]
    age = (pd.to_datetime(first) - born).dt.days / DAYS_PER_YEAR
    derived = {
        "birth_year": patients["birth_year"].fillna(born.dt.year.astype("Int64")),
        "age_years": patients["age_years"].fillna(age.where(age >= 0)),
    }
    return patients.assign(**derived).drop(columns="birth_date")


SHOWN_DATES = 5
FOLLOW_UP_DATES = ("last_contact_date", "death_date", "progression_date")


def filter_after_cutoff(
    tables: dict[str, pd.DataFrame], data_cutoff: date | None
) -> tuple[dict[str, pd.DataFrame], list[Problem], list[dict]]:
    """Leave out rows that are dated after the data cut-off (a partial date: surely after it).

    Returns tables without those rows, one warning for each table that lost some (an error where no cycle is left), and
    rows of attrition. Without a cut-off nothing is left out, and dates after today are a warning, as is a cut-off
    after today.
    """
    if data_cutoff is None:
        return tables, _find_future_dates(tables), []
    kept, problems, attrition = dict(tables), [], []
    if data_cutoff > date.today():
        problems.append(tell_setting("future_cutoff", "data_cutoff", data_cutoff, today=date.today()))
    limit = np.datetime64(data_cutoff, "ns")
    for name, column in DATED_ROWS.items():
        if name not in tables:
            continue
        earliest, _ = compute_column_range(name, tables[name], column)
        is_late = earliest > limit
        n_lost = int(is_late.sum())
        if n_lost:
            kept[name] = tables[name][~is_late].reset_index(drop=True)
            severity = "error" if name == "cycles" and n_lost == len(is_late) else "warning"
            named = {"cutoff": data_cutoff, "severity": severity}
            problems.append(tell("rows_after_cutoff", name, None, column, f"{n_lost} rows", **named))
            reason = ("cohort: data cut-off", "dated after the cut-off")
            attrition.append(attrition_row(name, "rows", *reason, len(is_late), n_lost))
    return kept, problems, attrition


def _find_future_dates(tables: Mapping[str, pd.DataFrame]) -> list[Problem]:
    """Warn of the columns that hold dates after today (a partial date: surely after it)."""
    problems = []
    for name, frame in tables.items():
        for field in load_schema(name).kept_fields:
            if field.type in ("date", "partial"):
                earliest, _ = compute_column_range(name, frame, field.name)
                late = np.sort(earliest[earliest > np.datetime64(date.today(), "ns")])
                if len(late):
                    shown = ", ".join(dict.fromkeys(np.datetime_as_string(late, "D")[:SHOWN_DATES]))
                    named = {"dates": count_words(len(late), "date"), "today": date.today()}
                    problems.append(tell("future_dates", name, None, field.name, shown, **named))
    return problems


def check_follow_up(follow_up: pd.DataFrame, data_cutoff: date | None, rule: str | None) -> list[CellFaults]:
    """List the dates after the cut-off, as warnings, and the dead without a date of death.

    rule : `dead_without_date` of the study; without one such a death is an error
    """
    faults: list[CellFaults] = []
    for column in FOLLOW_UP_DATES if data_cutoff is not None else ():
        earliest, _ = compute_column_range("follow_up", follow_up, column)
        words = describe_fault("date_after_cutoff", cutoff=data_cutoff)
        faults += find_faults(follow_up, column, earliest > np.datetime64(data_cutoff, "ns"), *words)
    is_wrong = (follow_up["vital_status"] == "dead") & follow_up["death_date"].isna()
    meanings = " or ".join(f"dead_without_date: {name} ({meaning})" for name, meaning in DEATHS.items())
    expected = f"a date of death, of which year or month suffice; or in study.yaml {meanings}"
    advice = {"expected": DEATHS[rule], "severity": "warning"} if rule else {"expected": expected}
    return faults + find_faults(follow_up, "death_date", is_wrong, *describe_fault("undated_death", **advice))


DEATHS = {
    "last_contact": "taken as dead on the day of the last contact",
    "censor": "censored at the last contact",
}
