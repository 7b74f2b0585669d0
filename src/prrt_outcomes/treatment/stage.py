"""Stage `treatment`: cycles to periods, what the regimen asks, and whether it was kept."""

import pandas as pd

from prrt_outcomes.attrition import attrition_frame, attrition_row, stage_frame
from prrt_outcomes.cohort.grouping import derive_tumour_group
from prrt_outcomes.laboratory import convert_units_to_si
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, derive_skipped_tables
from prrt_outcomes.treatment import delivery, eligibility
from prrt_outcomes.treatment.periods import derive_periods, summarise_cycle_days, summarise_periods

INPUTS = ("patients", "cycles", "therapies", "labs")
OUTPUTS = ("treatment_periods", "eligibility", "cycle_eligibility", "monitoring", "treatment_delivery")
UNIT_UNKNOWN = "unit not known for the analyte, and no upper limit"
SETTINGS = ("treatment", "analysis", "safety.egfr_equation")


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Derive periods, eligibility and delivery: the tables of `OUTPUTS`, `attrition`, `stages`.

    `eligibility` is that before the first cycle. Without cycles all are empty and the stage is `skipped`.
    """
    patients, cycles = tables["patients"], tables["cycles"]
    if cycles.empty:
        reason = "there is no table of cycles, so periods, intervals and activity are unknown"
        return derive_skipped_tables("treatment", OUTPUTS, reason)
    days = derive_periods(summarise_cycle_days(cycles), study.treatment)
    days = delivery.derive_analogue_windows(days, tables["therapies"], study.treatment)
    periods = summarise_periods(days)
    first = periods.loc[periods["period"] == 1, ["patient_id", "first_cycle", "radionuclide"]]
    level = study.analysis.confidence.level
    samples = eligibility.place_samples(days, tables["labs"], study.treatment.eligibility_days)
    judged = eligibility.judge_cycles(days, patients, samples, study.treatment, study.safety.egfr_equation)
    first_cycle = judged[judged["period"].eq(1) & judged["cycle"].eq(1)]
    broken = judged.assign(value=judged["eligibility"].astype("string").map({"met": 0.0, "not met": 1.0}))
    measured = eligibility.list_measured(days, samples, study.treatment.monitoring_days)
    measured = measured if len(tables["labs"]) else measured.head(0)
    own = derive_tumour_group(patients).drop(columns=["radionuclide"], errors="ignore")
    groups = first[["patient_id", "radionuclide"]].merge(own, on="patient_id")
    years = delivery.derive_years(first.set_index("patient_id")["first_cycle"])
    groups["treatment_years"] = groups["patient_id"].map(years)
    by = tuple(dict.fromkeys(("radionuclide", *study.analysis.group_by, "centre_id", "treatment_years")))
    column = study.treatment.stop_reason
    stopped = None if column is None else groups.set_index("patient_id")[column]
    observations = delivery.list_observations(days, periods, first_cycle, stopped)
    delivered = delivery.summarise_delivery(observations, groups, by, level)
    by_cycle = eligibility.summarise_by_cycle(broken, level), eligibility.summarise_by_cycle(measured, level)
    made = zip(OUTPUTS, (periods, first_cycle, *by_cycle, delivered), strict=True)
    return {name: conform_table(name, table) for name, table in made} | {
        "attrition": _count_losses(patients, cycles, days, tables["labs"]),
        "stages": stage_frame("treatment", "done"),
    }


def _count_losses(
    patients: pd.DataFrame, cycles: pd.DataFrame, days: pd.DataFrame, labs: pd.DataFrame
) -> pd.DataFrame:
    """Patients without a cycle, products that share a day with another, laboratory values that cannot be judged."""
    labs = labs[labs["value"].notna()]
    lost = convert_units_to_si(labs["analyte"], labs["unit"]).isna() & ~labs["upper_limit"].gt(0)
    treated = patients["patient_id"].isin(days["patient_id"]).sum()
    step, n, reason = "treatment: periods", len(patients), "second product on the same day"
    losses = [
        attrition_row("cycles", "rows", step, reason, len(cycles), len(cycles) - len(days)),
        attrition_row("patients", "patients", step, "no cycle", n, n - treated),
        attrition_row("labs", "rows", "treatment: eligibility", UNIT_UNKNOWN, len(labs), int(lost.sum())),
    ]
    return attrition_frame(losses)
