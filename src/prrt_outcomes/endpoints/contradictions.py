"""Dates that contradict each other: told with their rows, never moved."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.endpoints.facts import Facts
from prrt_outcomes.endpoints.origin import origin_columns
from prrt_outcomes.errors import InputError, Problem
from prrt_outcomes.study.endpoints import ColumnOrigin, EndpointDefinition


def check_order(frame: pd.DataFrame, facts: Facts, definition: EndpointDefinition) -> None:
    """Refuse a death, a progression or the only last contact before the origin, and an origin that follows treatment.

    Parameters
    ----------
    frame : from `derive_candidates`
    facts, definition : as in `derive_endpoint`

    Raises
    ------
    InputError
        with one problem a contradicting date; `row` is the line of the patient in `follow_up` or `patients`.
    """
    here = frame["exclusion"] == ""
    origin, first = frame["origin_date"], frame["first_cycle"]
    start = origin.where(~(first > origin), first)
    words = _origin_words(definition)
    problems = _tell(frame[here & (frame["death_date"] < start)], facts, "death_date", start, words)
    # A response or a retreatment after the last contact is a doubt, told by the cohort, and no contradiction.
    if definition.origin not in ("first_response", "retreatment"):
        early_contact = here & (frame["last_contact_date"] < start) & frame["death_date"].isna()
        problems += _tell(frame[early_contact], facts, "last_contact_date", start, words)
    recorded = frame["progression_recorded"].rename("progression_date")
    early = here & (recorded < first)
    problems += _tell(
        frame.assign(progression_date=recorded)[early], facts, "progression_date", first, "the first cycle"
    )
    if definition.origin == "diagnosis":
        late = here & (origin > first)
        problems += [
            Problem(
                "patients",
                facts.lines["patients"].get(patient),
                "diagnosis_date",
                f"{patient}: {row.origin_date.date()}",
                "lies after the first cycle",
                f"a date on or before {row.first_cycle.date()}",
            )
            for patient, row in frame[late].iterrows()
        ]
    if problems:
        raise InputError(problems)


def check_origin_columns(patients: pd.DataFrame, definitions: tuple[EndpointDefinition, ...]) -> None:
    """Refuse an origin in a column that `patients` does not hold as dates.

    Raises
    ------
    InputError
        with one problem an endpoint.
    """
    problems = []
    for definition in definitions:
        for column in origin_columns((definition,)):
            dated = column in patients and (
                f"{column}_precision" in patients or pd.api.types.is_datetime64_any_dtype(patients[column])
            )
            if not dated:
                problems.append(
                    Problem(
                        "study.yaml",
                        None,
                        f"endpoints.{definition.name}.origin",
                        column,
                        "is no date column of patients",
                        f"extra_columns: {{{column}: date}} and the column in the table of patients",
                    )
                )
    if problems:
        raise InputError(problems)


def _tell(rows: pd.DataFrame, facts: Facts, column: str, start: pd.Series, words: str) -> list[Problem]:
    """One problem a row of `follow_up`."""
    return [
        Problem(
            "follow_up",
            facts.lines["follow_up"].get(patient),
            column,
            f"{patient}: {value.date()}",
            f"lies before {words}",
            f"a date on or after {start[patient].date()}",
        )
        for patient, value in rows[column].items()
    ]


def _origin_words(definition: EndpointDefinition) -> str:
    """The origin in words for a message."""
    if isinstance(definition.origin, ColumnOrigin):
        return f"the origin {definition.origin.column} of {definition.name}"
    return f"the origin ({definition.origin.replace('_', ' ')}) of {definition.name}"
