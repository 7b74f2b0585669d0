"""Laboratory samples on one scale, each in its treatment period and phase, with its baseline."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.laboratory import compute_egfr_ckd_epi_2021, convert_units_to_si
from prrt_outcomes.study.model import Study
from prrt_outcomes.units import DAYS_PER_YEAR

PHASES = ("before", "baseline", "treatment", "late")
STEP = "safety: laboratory values"


def derive_si_values(labs: pd.DataFrame) -> tuple[pd.DataFrame, list[dict]]:
    """Add `value_si`, `lower_si` and `upper_si`; samples in a unit that is not known are counted.

    Returns `samples`: rows with a known unit, index reset; `attrition`: one row of losses.
    """
    factor = convert_units_to_si(labs["analyte"], labs["unit"])
    known = factor.notna()
    samples = labs.loc[known].copy()
    for ours, theirs in (("value_si", "value"), ("lower_si", "lower_limit"), ("upper_si", "upper_limit")):
        samples[ours] = labs.loc[known, theirs].astype("float64") * factor[known]
    reason = "unit not known for the analyte"
    losses = [attrition_row("labs", "rows", STEP, reason, len(labs), int((~known).sum()))]
    return samples.reset_index(drop=True), losses


def derive_egfr_samples(
    samples: pd.DataFrame, patients: pd.DataFrame, first_cycles: pd.Series
) -> tuple[pd.DataFrame, list[dict]]:
    """Append eGFR by CKD-EPI 2021 for each creatinine of a day without a measured eGFR.

    `patients`: typed input table `patients` (sex, age_years at first cycle, birth_year).
    Returns `samples`: with rows of analyte ``egfr`` (mL/min/1.73 m2) appended; `attrition`: creatinine values for
    which sex or age is not known.
    """
    creatinine = samples.loc[samples["analyte"].eq("creatinine")]
    traits = patients.set_index("patient_id").reindex(creatinine["patient_id"])
    days = (creatinine["sample_date"] - creatinine["patient_id"].map(first_cycles)).dt.days.to_numpy(
        dtype=float
    )
    at_cycle = traits["age_years"].to_numpy(dtype=float, na_value=float("nan"))
    by_birth = creatinine["sample_date"].dt.year.to_numpy(dtype=float) - traits["birth_year"].to_numpy(
        dtype=float, na_value=float("nan")
    )
    age = pd.Series(at_cycle + days / DAYS_PER_YEAR).fillna(pd.Series(by_birth)).to_numpy()
    sex = traits["sex"].astype("string").to_numpy(dtype=object, na_value="unknown")
    rate = compute_egfr_ckd_epi_2021(creatinine["value_si"], age, sex == "female")
    usable = pd.notna(rate) & ((sex == "female") | (sex == "male"))
    estimated = creatinine.assign(
        analyte="egfr", value_si=rate, lower_si=float("nan"), upper_si=float("nan")
    ).loc[usable]
    measured = samples.loc[samples["analyte"].eq("egfr"), ["patient_id", "sample_date"]].drop_duplicates()
    merged = estimated.merge(measured, on=["patient_id", "sample_date"], how="left", indicator=True)
    estimated = merged.loc[merged["_merge"].eq("left_only")].drop(columns="_merge")
    reason = "eGFR not estimable: sex or age not known, or creatinine 0"
    losses = [attrition_row("labs", "rows", "safety: eGFR", reason, len(creatinine), int((~usable).sum()))]
    both = pd.concat([samples.astype({"analyte": "string"}), estimated.astype({"analyte": "string"})])
    return both.reset_index(drop=True), losses


def derive_phases(samples: pd.DataFrame, periods: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Add `period` and `phase` of each sample, and `baseline_si` of its analyte.

    `samples`: columns patient_id, sample_date, analyte, value_si; `study`: `safety.baseline_days` and
    `safety.late_after_days`.
    Returns the same rows, with `period`, the period whose first cycle was last before or on the day (0 before all
    cycles); `phase`: ``baseline`` is the last sample of an analyte on or before the first cycle of a period and at
    most `baseline_days` earlier; other samples before it are ``before`` (for a later period they stay in the phase
    of the period before); then ``treatment`` until `late_after_days` after the last cycle, ``late``; `baseline_si`,
    the baseline value of the period and analyte, missing where there is none. Patients without a cycle have no
    phase and are left out by the caller.
    """
    starts = periods[["patient_id", "period", "first_cycle", "last_cycle"]].sort_values("first_cycle")
    ordered = samples.sort_values(["sample_date"], kind="stable").reset_index(drop=True)
    ordered["order"] = range(len(ordered))
    after = pd.merge_asof(
        ordered,
        starts,
        left_on="sample_date",
        right_on="first_cycle",
        by="patient_id",
        allow_exact_matches=False,
    )
    upcoming = pd.merge_asof(
        ordered[["order", "patient_id", "sample_date", "analyte"]],
        starts.rename(columns={"period": "next_period", "first_cycle": "next_cycle"}).drop(
            columns="last_cycle"
        ),
        left_on="sample_date",
        right_on="next_cycle",
        by="patient_id",
        direction="forward",
    )
    after["next_period"] = upcoming["next_period"].to_numpy()
    gap_days = (upcoming["next_cycle"] - upcoming["sample_date"]).dt.days
    candidate = gap_days.le(study.safety.baseline_days)
    keys = ["patient_id", "analyte", "next_period"]
    last_rows = after.loc[candidate.fillna(False)].groupby(keys, observed=True)["order"].max()
    is_baseline = after["order"].isin(last_rows)
    late_from = after["last_cycle"] + pd.to_timedelta(study.safety.late_after_days, unit="D")
    after["phase"] = "treatment"
    after.loc[after["sample_date"].gt(late_from), "phase"] = "late"
    after.loc[after["period"].isna(), "phase"] = "before"
    baselines = after.loc[is_baseline].set_index(keys)["value_si"]
    after.loc[is_baseline, "phase"] = "baseline"
    after["period"] = after["period"].astype("Int64").fillna(0)
    after.loc[is_baseline, "period"] = after.loc[is_baseline, "next_period"].astype("Int64")
    own = pd.MultiIndex.from_frame(after[["patient_id", "analyte", "period"]].astype({"period": "float64"}))
    baselines.index = baselines.index.set_names(["patient_id", "analyte", "period"])
    after["baseline_si"] = baselines.reindex(own).to_numpy()
    after["phase"] = pd.Categorical(after["phase"], categories=list(PHASES), ordered=True)
    return after.drop(columns=["order", "next_period", "first_cycle", "last_cycle"])
