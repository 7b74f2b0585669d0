"""From responses by scan to the response states of an endpoint's patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.responders.states import (
    RESPONDER,
    StateHistory,
    derive_binary_history,
    derive_course_history,
    derive_group_history,
)
from prrt_outcomes.response.codes import CR, MR, NE, NON_CR_NON_PD, PD, PR, RESPONSES, SD
from prrt_outcomes.treatment.periods import find_first_cycles
from prrt_outcomes.units import convert_days_to_months

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study
    from prrt_outcomes.study.response import ResponseSettings
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

INITIAL = 1
FOLLOWED = ("CR", "PR", "MR", "SD", "NON-CR/NON-PD", "PD")
NEEDS_MINIMUM_DURATION = (MR, SD, NON_CR_NON_PD)


@dataclass(frozen=True)
class CriterionHistories:
    """Response states of one endpoint's patients under one criterion.

    binary : responder or not, absorbing
    course : not yet responded, in response, progressed
    groups : group of the best response so far, progression followed
    categories : best response so far itself (SD, MR, PR, CR), progression followed
    depth : smallest change from baseline so far (a share, -0.3 is a fall by 30 %) as `state` of each scan at which
        it fell, columns as the changes of a StateHistory; `progressed` marks the scan of a progression
    """

    binary: StateHistory
    course: StateHistory
    groups: StateHistory
    categories: StateHistory
    depth: pd.DataFrame


def derive_histories(
    tables: dict[str, pd.DataFrame], rows: EndpointRows, criterion: str, study: Study
) -> CriterionHistories:
    """Response states of the patients of an endpoint, on its time axis.

    `tables`: responses, treatment_periods, endpoints.
    Returns CriterionHistories; months count from the endpoint's origin. The scans that count for best response in
    the first treatment period by the primary reader: none after progression and none after a new anticancer
    therapy.
    """
    periods = tables["treatment_periods"]
    first_cycles = find_first_cycles(periods)
    patients = pd.Index(rows.frame["patient_id"])
    scans = derive_scans(tables["responses"], criterion, first_cycles, patients, study.response)
    shift = _months_before_first_cycle(tables["endpoints"], rows, first_cycles)
    scans["month"] += shift[scans["patient"]]
    groups, n = study.response.groups, len(patients)
    binary = derive_binary_history(scans, n, groups.get(RESPONDER, ("CR", "PR")))
    progression = shift + _find_progression(tables["responses"], criterion, first_cycles, patients)
    return CriterionHistories(
        binary,
        derive_course_history(binary.onset, progression),
        derive_group_history(scans, n, groups),
        derive_group_history(scans, n, {code: (code,) for code in FOLLOWED}),
        derive_depth(scans),
    )


def derive_scans(
    responses: pd.DataFrame,
    criterion: str,
    first_cycles: pd.Series,
    patients: pd.Index,
    settings: ResponseSettings,
) -> pd.DataFrame:
    """The scans that count, with the response as far as it is known on the day of the scan.

    `settings`: primary_rate, minimum_stable_days.
    Returns by patient and day: patient (position), month since the first cycle, code (position in RESPONSES),
    change_from_baseline. Stable disease and its like before `minimum_stable_days` are NE. Where the primary rate is
    the confirmed one, a CR or PR counts from the confirming scan on; until then it is SD if late enough, else NE.
    """
    own = responses["criterion"].eq(criterion) & responses["period"].eq(INITIAL)
    own &= (responses["primary_reader"] & responses["counted"]).fillna(False)
    scans = responses.loc[own & responses["overall_response"].notna()]
    day = (scans["assessment_date"] - scans["patient_id"].map(first_cycles)).dt.days
    codes = pd.Categorical(scans["overall_response"].astype("string"), categories=list(RESPONSES)).codes
    scans = scans.assign(
        day=day, code=codes.astype("int64"), patient=patients.get_indexer(pd.Index(scans["patient_id"]))
    )
    scans = scans.loc[scans["day"].gt(0) & scans["patient"].ge(0)].sort_values(
        ["patient", "day"], kind="stable"
    )
    code = scans["code"]
    if settings.primary_rate == "confirmed":
        by_date = ["patient", "confirmation_date"]
        confirmed = scans.dropna(subset="confirmation_date").groupby(by_date)["code"].min()
        here = pd.MultiIndex.from_frame(scans[["patient", "assessment_date"]])
        known = pd.Series(confirmed.reindex(here).to_numpy(), index=scans.index).fillna(SD)
        code = code.mask(code.isin((CR, PR)), known).astype("int64")
    early = scans["day"].lt(settings.minimum_stable_days) & code.isin(NEEDS_MINIMUM_DURATION)
    month = convert_days_to_months(scans["day"].to_numpy(dtype=float))
    columns = ["patient", "month", "code", "change_from_baseline"]
    return scans.assign(code=code.mask(early, NE), month=month)[columns]


def derive_depth(scans: pd.DataFrame) -> pd.DataFrame:
    """Smallest change from baseline so far, at each scan at which it fell; `scans` from `derive_scans`."""
    measured = scans.dropna(subset="change_from_baseline")
    smallest = measured.groupby("patient")["change_from_baseline"].cummin()
    fell = smallest != smallest.groupby(measured["patient"]).shift()
    progressed = measured.loc[fell, "code"] == PD
    return measured.loc[fell, ["patient", "month"]].assign(state=smallest[fell], progressed=progressed)


def _find_progression(
    responses: pd.DataFrame, criterion: str, first_cycles: pd.Series, patients: pd.Index
) -> np.ndarray:
    """Month of the first PD after the first cycle, a new therapy before it or not; infinite without one."""
    own = responses["criterion"].eq(criterion) & responses["period"].eq(INITIAL) & responses["primary_reader"]
    own &= responses["overall_response"].eq("PD")
    first = responses.loc[own.fillna(False)].groupby("patient_id")["assessment_date"].min()
    days = (first - first_cycles.reindex(first.index)).dt.days.reindex(patients)
    return np.nan_to_num(convert_days_to_months(days.to_numpy(dtype=float)), nan=np.inf)


def _months_before_first_cycle(
    endpoints: pd.DataFrame, rows: EndpointRows, first_cycles: pd.Series
) -> np.ndarray:
    """Months from the endpoint's origin to the first cycle; 0 where the origin has no date."""
    own = endpoints.loc[endpoints["endpoint"].eq(rows.endpoint)].set_index("patient_id")["origin_date"]
    patients = rows.frame["patient_id"]
    days = (patients.map(first_cycles) - patients.map(own)).dt.days.to_numpy(dtype=float)
    return convert_days_to_months(np.nan_to_num(days))
