"""From responses by scan to the response states of an endpoint's patients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from prrt_outcomes.dates import resolve_partial_dates
from prrt_outcomes.responders.depth import DepthHistory
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
FOLLOWED = ("CR", "PR", "MR", "SD", "NON-CR/NON-PD", "PD")


@dataclass(frozen=True)
class CriterionHistories:
    """Response states of one endpoint's patients under one criterion.

    Attributes
    ----------
    binary : responder or not, absorbing
    groups : group of the best response so far, progression followed
    categories : best response so far itself (SD, MR, PR, CR), progression followed
    depth : smallest change from baseline so far
    """

    binary: StateHistory
    groups: StateHistory
    categories: StateHistory
    depth: DepthHistory


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
    each = {code: (code,) for code in FOLLOWED}
    categories = derive_group_history(sequences, patients, each, study.response)
    depth = derive_depth_history(select_responses(tables, criterion, study), first_cycles, patients)
    moved = [replace(h, month=h.month + shift[h.patient]) for h in (binary, groups, categories, depth)]
    return CriterionHistories(*moved)


def derive_depth_history(
    responses: pd.DataFrame, first_cycles: pd.Series, patients: list[str]
) -> DepthHistory:
    """Smallest change from baseline so far, at each scan after the first cycle at which it fell.

    Parameters
    ----------
    responses : overall_response, change_from_baseline (a share); no scan after the first progression counts
    first_cycles : date of the first cycle by patient_id
    patients : patients of the endpoint, in order
    """
    import pandas as pd

    day = (responses["assessment_date"] - responses["patient_id"].map(first_cycles)).dt.days
    frame = responses.assign(day=day).loc[day.gt(0)].sort_values(["patient_id", "day"])
    progressed = frame["overall_response"].eq("PD").fillna(False).astype("int64")
    before = progressed.groupby(frame["patient_id"]).cumsum() - progressed
    frame = frame.loc[before.eq(0) & frame["change_from_baseline"].notna()]
    smallest = frame.groupby("patient_id")["change_from_baseline"].cummin()
    before = smallest.groupby(frame["patient_id"]).shift(1)
    frame = frame.assign(smallest=smallest).loc[before.isna() | (smallest < before)]
    patient = pd.Index(patients).get_indexer(pd.Index(frame["patient_id"]))
    known = patient >= 0
    return DepthHistory(
        patient[known],
        convert_days_to_months(frame["day"].to_numpy(dtype=float)[known]),
        frame["smallest"].to_numpy(dtype=float)[known],
    )


def select_sequences(
    tables: dict[str, pd.DataFrame], criterion: str, study: Study
) -> tuple[ScanSequences, pd.Series]:
    """Scans of the first treatment period that count, and the first cycle of each patient."""
    own = select_responses(tables, criterion, study)
    return derive_scan_sequences(own, _first_cycles(tables)), _first_cycles(tables)


def _first_cycles(tables: dict[str, pd.DataFrame]) -> pd.Series:
    periods = tables["treatment_periods"]
    return periods.loc[periods["period"].eq(INITIAL)].set_index("patient_id")["first_cycle"]


def select_responses(tables: dict[str, pd.DataFrame], criterion: str, study: Study) -> pd.DataFrame:
    """Responses of the first period, of the primary reader, up to a new anticancer therapy."""
    responses = tables["responses"]
    own = responses.loc[responses["criterion"].eq(criterion) & responses["period"].eq(INITIAL)]
    reader = find_primary_reader(own["reader"].dropna().unique(), study.response)
    readers = set(own["reader"].dropna())
    own = own.loc[own["reader"].eq(reader)] if len(readers) > 1 else own
    stop = _first_new_therapy(tables["therapies"], _first_cycles(tables), study)
    limit = own["patient_id"].map(stop)
    return own.loc[limit.isna() | (own["assessment_date"] <= limit)]


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
