"""Where time starts, from when a patient is observed, and who has no start."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.endpoints.facts import Facts
from prrt_outcomes.endpoints.response_dates import ConfirmationRule, derive_first_response
from prrt_outcomes.study.endpoints import ColumnOrigin, EndpointDefinition

REFERRAL_COLUMN = "referral_date"


def select_assessments(facts: Facts, criterion: str, reader: str) -> pd.DataFrame:
    """Responses by one criterion and reader, in order of patient, date and period."""
    rows = facts.assessments
    rows = rows[(rows["criterion"] == criterion) & (rows["reader"] == reader)]
    return rows.sort_values(["patient_id", "assessment_date", "period"], kind="stable")


def find_primary_reader(facts: Facts, named: str | None) -> str:
    """The reader that the study names; else `local`, or the only one, or the first by name."""
    readers = sorted(facts.assessments["reader"].dropna().astype(str).unique())
    if named is not None:
        return named
    if "local" in readers or not readers:
        return "local"
    return readers[0]


def derive_origin(
    facts: Facts,
    definition: EndpointDefinition,
    assessments: pd.DataFrame,
    confirmation: ConfirmationRule | None,
    new_therapy: pd.Series,
) -> pd.DataFrame:
    """Origin and entry of each patient, or the reason why there is none.

    Parameters
    ----------
    facts : what is known by the cut-off
    definition : the endpoint
    assessments : from `select_assessments`
    confirmation : rule of confirmed responses where the origin is a confirmed response; None for unconfirmed
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
        response = derive_first_response(assessments, facts, confirmation, new_therapy)
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
