"""Where time starts, from when a patient is observed, and who has no start."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.endpoints.facts import Facts
from prrt_outcomes.endpoints.response_dates import derive_first_response
from prrt_outcomes.response.readers import LABORATORY
from prrt_outcomes.response.readers import find_primary_reader as find_reader
from prrt_outcomes.study.endpoints import ColumnOrigin, EndpointDefinition
from prrt_outcomes.study.response import ResponseSettings

REFERRAL_COLUMN = "referral_date"


def select_assessments(facts: Facts, criterion: str, reader: str) -> pd.DataFrame:
    """Responses by one criterion and reader, in order of patient, date and period."""
    rows = facts.assessments
    rows = rows[(rows["criterion"] == criterion) & (rows["reader"] == reader)]
    return rows.sort_values(["patient_id", "assessment_date", "period"], kind="stable")


def find_primary_reader(facts: Facts, settings: ResponseSettings, criterion: str) -> str:
    """The reader whose responses by a criterion are the study's; a marker is read by the laboratory."""
    rows = facts.assessments
    readers = rows.loc[rows["criterion"] == criterion, "reader"].dropna().unique()
    if set(readers) == {LABORATORY}:
        return LABORATORY
    return find_reader(rows["reader"].dropna().unique(), settings)


def derive_origin(
    facts: Facts,
    definition: EndpointDefinition,
    assessments: pd.DataFrame,
    confirmation: ResponseSettings | None,
    new_therapy: pd.Series,
) -> pd.DataFrame:
    """Origin and entry of each patient, or the reason why there is none.

    Parameters
    ----------
    facts : what is known by the cut-off
    definition : the endpoint
    assessments : from `select_assessments`
    confirmation : settings of the study where the origin is a confirmed response; None for unconfirmed
    new_therapy : start of the first new anticancer therapy after the first cycle, by patient: no response counts
        after it

    Returns
    -------
    DataFrame
        index patient_id: origin_date, entry_date (first cycle, where time starts before it), first_cycle, period,
        exclusion (empty, or a code of `EXCLUSION_REASONS`), origin_partial.
    """
    patients = facts.patients
    frame = pd.DataFrame(
        {
            "origin_date": patients["first_cycle"],
            "first_cycle": patients["first_cycle"],
            "period": 1,
            "missing": "no_first_cycle",
            "origin_partial": False,
        },
        index=patients.index,
    )
    origin = definition.origin
    if origin == "retreatment":
        frame = frame.assign(
            origin_date=patients["retreatment_start"],
            period=patients["retreatment_period"].fillna(2).astype(int),
            missing="no_retreatment",
        )
    elif origin == "first_response":
        response = derive_first_response(assessments, patients["first_cycle"], new_therapy, confirmation)
        frame = frame.assign(origin_date=response.reindex(frame.index), missing="no_response")
    elif origin == "diagnosis":
        frame = frame.assign(
            origin_date=patients["diagnosis_date"],
            missing="no_origin_date",
            origin_partial=patients["diagnosis_partial"],
        )
    elif origin != "first_cycle":
        column = origin.column if isinstance(origin, ColumnOrigin) else REFERRAL_COLUMN
        frame = frame.assign(origin_date=patients[column], missing="no_origin_date")
    after = frame["origin_date"] > facts.cutoff
    treated_late = frame["first_cycle"] > facts.cutoff
    exclusion = np.select(
        [frame["first_cycle"].isna(), frame["origin_date"].isna(), after | treated_late],
        ["no_first_cycle", frame["missing"], "origin_after_cutoff"],
        "",
    )
    entry = frame["origin_date"].where(~(frame["first_cycle"] > frame["origin_date"]), frame["first_cycle"])
    return frame.assign(entry_date=entry, exclusion=exclusion).drop(columns="missing")


def origin_columns(definitions: tuple[EndpointDefinition, ...]) -> tuple[str, ...]:
    """Date columns of `patients` that some endpoint counts from."""
    names = []
    for definition in definitions:
        if isinstance(definition.origin, ColumnOrigin):
            names.append(definition.origin.column)
        elif definition.origin == "referral":
            names.append(REFERRAL_COLUMN)
    return tuple(dict.fromkeys(names))
