"""Where time starts, from when a patient is observed, who has no start, and which dates contradict it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.endpoints.patient_dates import REFERRAL_COLUMN, PatientDates, list_origin_columns
from prrt_outcomes.errors import InputError, Problem
from prrt_outcomes.study.endpoints import ColumnOrigin, EndpointDefinition
from prrt_outcomes.study.response import ResponseSettings


def select_assessments(dates: PatientDates, criterion: str, reader: str | None) -> pd.DataFrame:
    """Responses by a criterion and reader (None: the primary one), in order of patient, date and period."""
    rows = _select_reader(dates.assessments, criterion, reader)
    return rows.sort_values(["patient_id", "assessment_date", "period"], kind="stable")


def select_first_response(
    dates: PatientDates, criterion: str, reader: str | None, *, confirmed: bool
) -> pd.Series:
    """Date of the first CR or PR (of the first that was confirmed), by patient_id; only patients who have one."""
    rows = _select_reader(dates.first_responses, criterion, reader)
    return rows[rows["confirmed"] == confirmed].groupby("patient_id")["first_response_date"].min()


def _select_reader(rows: pd.DataFrame, criterion: str, reader: str | None) -> pd.DataFrame:
    own = rows["primary_reader"].fillna(False).astype(bool) if reader is None else rows["reader"] == reader
    return rows[(rows["criterion"] == criterion) & own]


def derive_origin(
    dates: PatientDates, definition: EndpointDefinition, first_response: pd.Series
) -> pd.DataFrame:
    """Origin and entry of each patient, or the reason why there is none.

    Returns index patient_id: origin_date, entry_date (first cycle, where time starts before it), first_cycle,
    period, exclusion (empty, or a code of `EXCLUSION_REASONS`), origin_partial.
    """
    patients, origin = dates.patients, definition.origin
    first = patients["first_cycle"]
    named = {
        "first_cycle": (first, "no_first_cycle"),
        "retreatment": (patients["retreatment_start"], "no_retreatment"),
        "first_response": (first_response.reindex(patients.index), "no_response"),
        "diagnosis": (patients["diagnosis_date"], "no_origin_date"),
    }
    column = origin.column if isinstance(origin, ColumnOrigin) else REFERRAL_COLUMN
    date, missing = named[str(origin)] if str(origin) in named else (patients[column], "no_origin_date")
    again = patients["retreatment_period"].fillna(2).astype(int)
    exclusion = np.select(
        [first.isna(), date.isna(), (date > dates.cutoff) | (first > dates.cutoff)],
        ["no_first_cycle", missing, "origin_after_cutoff"],
        "",
    )
    columns = {
        "origin_date": date,
        "first_cycle": first,
        "period": again if origin == "retreatment" else 1,
        "origin_partial": patients["diagnosis_date_partial"] if origin == "diagnosis" else False,
        "entry_date": date.where(~(first > date), first),
        "exclusion": exclusion,
    }
    return pd.DataFrame(columns, index=patients.index)


def filter_after_origin(scans: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Scans after entry: one row a patient and date, the response of the lowest period from that of the origin on."""
    after = scans["assessment_date"] > scans["patient_id"].map(frame["entry_date"])
    rows = scans[after & (scans["period"] >= scans["patient_id"].map(frame["period"]))]
    return rows.drop_duplicates(["patient_id", "assessment_date"])


def is_confirmed(definition: EndpointDefinition, settings: ResponseSettings) -> bool:
    """Whether a response that starts the time must be confirmed: by the endpoint, else by the rate that is quoted."""
    quoted = settings.primary_rate == "confirmed"
    return quoted if definition.confirmed is None else definition.confirmed


def check_order(frame: pd.DataFrame, dates: PatientDates, definition: EndpointDefinition) -> None:
    """Refuse a death, a progression or the only last contact before the origin, and an origin that follows treatment.

    `frame`: one row a patient: origin_date, first_cycle, exclusion, death_date, last_contact_date.
    Raises InputError with one problem a contradicting date and the line of the patient in `follow_up` or
    `patients`.
    """
    here = frame["exclusion"] == ""
    origin, first = frame["origin_date"], frame["first_cycle"]
    start = origin.where(~(first > origin), first)
    by = definition.origin
    named = by.column if isinstance(by, ColumnOrigin) else f"({by.replace('_', ' ')})"
    words = f"the origin {named} of {definition.name}"
    problems = _list_problems(frame[here & (frame["death_date"] < start)], dates, "death_date", start, words)
    # The cohort reports a response or a retreatment after the last contact; it is no contradiction.
    if definition.origin not in ("first_response", "retreatment"):
        early_contact = here & (frame["last_contact_date"] < start) & frame["death_date"].isna()
        problems += _list_problems(frame[early_contact], dates, "last_contact_date", start, words)
    early = dates.patients[here & (dates.patients["progression_date"] < first)]
    problems += _list_problems(early, dates, "progression_date", first, "the first cycle")
    if definition.origin == "diagnosis":
        for patient, row in frame[here & (origin > first)].iterrows():
            line, value = dates.lines["patients"].get(str(patient)), f"{patient}: {row.origin_date.date()}"
            mend = f"a date on or before {row.first_cycle.date()}"
            wrong = "lies after the first cycle"
            problems.append(Problem("patients", line, "diagnosis_date", value, wrong, mend))
    if problems:
        raise InputError(problems)


def check_columns(tables: dict[str, pd.DataFrame], definitions: tuple[EndpointDefinition, ...]) -> None:
    """Refuse an origin that `patients` does not hold as dates, and an event filter on a column that is not there.

    Raises InputError with one problem a column.
    """
    patients = tables["patients"]
    problems = []
    for definition in definitions:
        key = f"endpoints.{definition.name}"
        for column in list_origin_columns((definition,)):
            dated = column in patients and (
                f"{column}_precision" in patients or pd.api.types.is_datetime64_any_dtype(patients[column])
            )
            if not dated:
                wrong = "is no date column of patients"
                mend = f"extra_columns: {{{column}: date}} and the column in the table of patients"
                problems.append(Problem("study.yaml", None, f"{key}.origin", column, wrong, mend))
        for source in definition.events:
            held = tables[source.table].columns
            wrong, place = f"is no column of {source.table}", f"{key}.events"
            problems += [
                Problem("study.yaml", None, place, name, wrong, ", ".join(held))
                for name in source.filter
                if name not in held
            ]
    if problems:
        raise InputError(problems)


def _list_problems(
    rows: pd.DataFrame, dates: PatientDates, column: str, start: pd.Series, words: str
) -> list[Problem]:
    """One problem a row of `follow_up`."""
    return [
        Problem(
            "follow_up",
            dates.lines["follow_up"].get(str(patient)),
            column,
            f"{patient}: {value.date()}",
            f"lies before {words}",
            f"a date on or after {start[str(patient)].date()}",
        )
        for patient, value in rows[column].items()
    ]
