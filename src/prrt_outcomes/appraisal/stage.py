"""Appraisal: published figures, tests adjusted together, estimands, risk of bias, items of reporting, objections."""

import pandas as pd

from prrt_outcomes.appraisal.claims import tabulate_claims
from prrt_outcomes.appraisal.estimands import tabulate_estimands
from prrt_outcomes.appraisal.multiplicity import adjust_family
from prrt_outcomes.appraisal.objections import answer_objections
from prrt_outcomes.appraisal.reporting import answer_items
from prrt_outcomes.appraisal.risk_of_bias import judge_bias
from prrt_outcomes.attrition import attrition_frame, stage_frame
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table

INPUTS = (
    "endpoints", "analysis_set", "treatment_periods", "therapies", "follow_up", "estimands", "baseline",
    "data_quality", "km_summary", "milestones", "logrank", "cox", "cox_fit", "subgroups", "sensitivity", "responders",
    "controls", "control_balance", "control_comparability", "control_power", "control_sensitivity",
    "control_target_trial", "control_verdicts", "responder_bias", "scan_intervals", "scan_follow_up", "response_rates",
    "response_concordance", "response_differences", "response_model", "cox_diagnostics", "competing_risks",
    "competing_tests", "fine_gray", "hazard_ratio_periods", "rmst_difference", "tumour_growth",
    "reconstruction_quality", "control_borrowing", "estimand_comparison", "kidney_events", "lesion_change_test",
    "responder_depth", "responder_landmarks", "responder_predictors", "scan_interval_test", "egfr_slope",
    "patients", "cycles", "assessments", "adverse_events",
)  # fmt: skip
OUTPUTS = ("claims", "multiplicity", "comparison_estimands", "risk_of_bias", "reporting_items", "objections")
SETTINGS = (
    "claims", "data_cutoff", "partial_dates", "multiplicity", "analysis", "controls", "endpoints", "response",
    "assessment_interval_days", "assessment_window_days", "new_anticancer_therapy",
)  # fmt: skip


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Appraise the results of the stages before; returns the tables of `OUTPUTS`, `attrition` and `stages`."""
    made = {
        "claims": tabulate_claims(tables, study) if len(tables["endpoints"]) else empty_table("claims"),
        "multiplicity": adjust_family(tables, study),
        "comparison_estimands": tabulate_estimands(tables, study),
        "risk_of_bias": judge_bias(tables, study),
    }
    made["reporting_items"] = answer_items({**tables, **made})
    made["objections"] = answer_objections({**tables, **made}, study)
    results = {name: conform_table(name, made[name]) for name in OUTPUTS}
    return results | {"attrition": attrition_frame([]), "stages": stage_frame("appraisal", "done")}
