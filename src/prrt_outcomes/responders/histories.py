"""From responses by scan to the response states of an endpoint's patients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from prrt_outcomes.dates import resolve_partial_dates
from prrt_outcomes.responders.sequences import ScanSequences, derive_scan_sequences
from prrt_outcomes.responders.states import (
    RESPONDER,
    StateHistory,
    derive_binary_history,
    derive_group_history,
)
from prrt_outcomes.response.new_therapy import filter_new_therapies
from prrt_outcomes.response.readers import find_primary_reader
from prrt_outcomes.units import convert_days_to_months

if TYPE_CHECKING:
    import pandas as pd

    from prrt_outcomes.study.model import Study
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

INITIAL = 1


@dataclass(frozen=True)
class CriterionHistories:
    """Response states of one endpoint's patients under one criterion.

    Attributes
    ----------
    binary : responder or not, absorbing
    groups : group of the best response so far, progression followed
    """

    binary: StateHistory
    groups: StateHistory


def derive_histories(
    tables: dict[str, pd.DataFrame], rows: EndpointRows, criterion: str, study: Study
) -> CriterionHistories:
    """Response states of the patients of an endpoint, on its time axis.

    Parameters
    ----------
    tables : responses, treatment_periods, therapies, endpoints
    rows : patients of the endpoint, in order
    criterion : response criterion
    study : section `response`, new_anticancer_therapy, partial_dates

    Returns
    -------
    CriterionHistories; months count from the endpoint's origin. Scans of the first treatment period and of the
    primary reader count, none after progression and none after a new anticancer therapy.
    """
    sequences, first_cycles = select_sequences(tables, criterion, study)
    patients = rows.frame["patient_id"].tolist()
    shift = _months_before_first_cycle(tables["endpoints"], rows, first_cycles)
    codes = study.response.groups.get(RESPONDER, ("CR", "PR"))
    binary = derive_binary_history(sequences, patients, codes, study.response)
    groups = derive_group_history(sequences, patients, study.response.groups, study.response)
    return CriterionHistories(*(replace(h, month=h.month + shift[h.patient]) for h in (binary, groups)))


def select_sequences(
    tables: dict[str, pd.DataFrame], criterion: str, study: Study
) -> tuple[ScanSequences, pd.Series]:
    """Scans of the first treatment period that count, and the first cycle of each patient."""
    responses = tables["responses"]
    own = responses.loc[responses["criterion"].eq(criterion) & responses["period"].eq(INITIAL)]
    reader = find_primary_reader(own["reader"].dropna().unique(), study.response)
    readers = set(own["reader"].dropna())
    own = own.loc[own["reader"].eq(reader)] if len(readers) > 1 else own
    periods = tables["treatment_periods"]
    first_cycles = periods.loc[periods["period"].eq(INITIAL)].set_index("patient_id")["first_cycle"]
    stop = _first_new_therapy(tables["therapies"], first_cycles, study)
    limit = own["patient_id"].map(stop)
    own = own.loc[limit.isna() | (own["assessment_date"] <= limit)]
    return derive_scan_sequences(own, first_cycles), first_cycles


def _first_new_therapy(therapies: pd.DataFrame, first_cycles: pd.Series, study: Study) -> pd.Series:
    new = filter_new_therapies(therapies, study)
    start = resolve_partial_dates(new["start_date"], new["start_date_precision"], study.partial_dates)
    after = start > new["patient_id"].map(first_cycles)
    return start[after].groupby(new.loc[after, "patient_id"]).min()


def _months_before_first_cycle(
    endpoints: pd.DataFrame, rows: EndpointRows, first_cycles: pd.Series
) -> np.ndarray:
    """Months from the endpoint's origin to the first cycle; 0 where the origin has no date."""
    own = endpoints.loc[endpoints["endpoint"].eq(rows.endpoint)].set_index("patient_id")["origin_date"]
    patients = rows.frame["patient_id"]
    days = (patients.map(first_cycles) - patients.map(own)).dt.days.to_numpy(dtype=float)
    return convert_days_to_months(np.nan_to_num(days))
