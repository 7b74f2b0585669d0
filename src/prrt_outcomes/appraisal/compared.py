"""Our patients of a comparison, and the events that came within their time."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from prrt_outcomes.controls.library import write_out_control
from prrt_outcomes.controls.observed_expected import FITTING, find_fitting
from prrt_outcomes.controls.target_trial import TARGET_PATIENTS
from prrt_outcomes.controls.two_samples import select_cohort
from prrt_outcomes.controls.weighting import derive_targets
from prrt_outcomes.endpoints.derivation import find_longest_gap
from prrt_outcomes.study.controls import Control, PublishedControl
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import pick_rows
from prrt_outcomes.units import DAYS_PER_MONTH

Tables = Mapping[str, pd.DataFrame]


def select_compared(tables: Tables, control: Control, quoted: dict) -> pd.DataFrame:
    """Rows of `endpoints` of our patients in the quoted estimate of a control.

    They are those of `within` who fit a published arm and enter within its window; with weights, those who have all
    covariates. Tables: endpoints, analysis_set.
    """
    own = pick_rows(tables["endpoints"], endpoint=control.endpoint)
    cohort, _ = select_cohort(dict(tables), control)
    if cohort is None:
        return own.iloc[:0]
    known, inside = write_out_control(control), np.ones(len(cohort.time_months), dtype=bool)
    if isinstance(known, PublishedControl) and quoted["population"] == FITTING:
        inside &= np.all([inside, *find_fitting(cohort.frame, known).values()], axis=0)
    if quoted["horizon_months"] > 0:
        inside &= cohort.entry < quoted["horizon_months"]
    if quoted["weights"] in TARGET_PATIENTS:
        baseline = getattr(known, "baseline", ())
        names = getattr(known, "covariates", ())
        values = derive_targets(baseline, cohort.frame)[0] if baseline else cohort.derive_covariates(names)
        inside &= values.notna().all(axis=1).to_numpy()
    return own[own["patient_id"].isin(cohort.frame.loc[inside, "patient_id"])]


def flag_events(
    own: pd.DataFrame, tables: Tables, study: Study, since: float = 0.0, until: float = np.nan
) -> dict[str, pd.Series]:
    """Patients with each intercurrent event after entry and on or before the end of the time of the endpoint.

    `own`: rows of one endpoint; `since` and `until`: months from the origin to a landmark and to the end of a window.
    A new therapy that censored the patient at an earlier scan counts. A flag is missing where the time was reported,
    and where the registry records no therapies or the study no scan interval. Tables: treatment_periods, therapies.
    """
    entry, end = own["entry_days"].fillna(0.0), own["time_days"]
    start, last = entry.clip(lower=since * DAYS_PER_MONTH), until * DAYS_PER_MONTH if until > 0 else np.inf
    origin, first_day = (column.set_axis(own["patient_id"]) for column in (own["origin_date"], start))
    periods = tables["treatment_periods"]
    cycle = (periods["first_cycle"] - periods["patient_id"].map(origin)).dt.days
    again = cycle[cycle > periods["patient_id"].map(first_day)].groupby(periods["patient_id"]).min()
    days = pd.DataFrame({"new_therapy": own["new_therapy_days"], "retreatment": own["patient_id"].map(again)})
    days = days.where(days.gt(start, axis=0))
    stopped, first = own["reason"].isin(days.columns), days.min(axis=1)
    flags = {str(n): (day <= last) & ((day <= end) | (stopped & (day == first))) for n, day in days.items()}
    flags |= {reason: own["reason"].eq(reason) & (end <= last) for reason in ("death", "progression")}
    seen = (own["previous_assessment_date"] - own["origin_date"]).dt.days.fillna(entry)
    late = (end > seen + find_longest_gap(study)) & own["event"].gt(0)
    flags["missed_assessments"] = (late | own["reason"].eq("missed_assessments")) & (end <= last)
    recorded = {"missed_assessments": study.assessment_interval_days is not None}
    recorded["new_therapy"], known = len(tables["therapies"]) > 0, own["reason"].ne("reported")
    return {n: flag.astype("boolean").where(known & recorded.get(n, True)) for n, flag in flags.items()}


def flag_lost(own: pd.DataFrame, follow_up: pd.DataFrame, until: float = np.nan) -> pd.Series:
    """Patients lost to follow-up without an event, in a window of months.

    Missing where no patient of `follow_up` is marked as lost.
    """
    status = follow_up.set_index("patient_id")["vital_status"].astype("string")
    if not status.eq("lost").any():
        return pd.Series(pd.NA, index=own.index, dtype="boolean")
    open_ = own["event"].eq(0) | own["reason"].eq("lost_to_follow_up")
    if until > 0:
        open_ &= own["time_days"] <= until * DAYS_PER_MONTH
    return own["patient_id"].map(status).eq("lost").astype("boolean") & open_
