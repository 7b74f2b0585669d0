"""Controls: each control gets all the methods that its information allows, and how far to believe them."""

import pandas as pd

from prrt_outcomes.attrition import attrition_frame, stage_frame
from prrt_outcomes.controls.censoring import vary_censoring
from prrt_outcomes.controls.comparability import tabulate_comparability
from prrt_outcomes.controls.control_results import Comparison, ControlResults
from prrt_outcomes.controls.individual import CurveComparison, PatientsComparison
from prrt_outcomes.controls.library import title_control, write_out_control
from prrt_outcomes.controls.published import fit_published
from prrt_outcomes.controls.published_arms import list_medians, summarise_medians
from prrt_outcomes.controls.sensitivity import draw_bias, tabulate_bias_array
from prrt_outcomes.controls.two_samples import select_cohort
from prrt_outcomes.study.controls import Control, CurveControl, PatientsControl
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.tables.frames import derive_skipped_tables, stack_tables

INPUTS = (
    "endpoints", "analysis_set", "control_patients", "control_outcomes", "control_curves", "control_at_risk",
    "patients", "cycles", "therapies", "assessments", "labs", "adverse_events", "follow_up", "treatment_periods",
    "responses", "best_responses", "reported_outcomes",
)  # fmt: skip
OUTPUTS = (
    "controls", "control_balance", "control_verdicts", "control_sensitivity", "control_borrowing", "control_power",
    "control_comparability", "control_target_trial", "control_curves_fitted", "control_fitted_at_risk",
    "control_overlap", "control_bias", "reconstruction_quality", "control_reconstruction", "control_medians",
    "control_meta",
)  # fmt: skip
SETTINGS = (
    "study", "analysis", "controls", "endpoints", "response", "data_cutoff", "assessment_interval_days",
    "assessment_window_days", "partial_dates", "new_anticancer_therapy",
)  # fmt: skip
CURVES = ("kaplan_meier", "rmst", "standardised")
WITHOUT_ENDPOINT = ("control_balance", "control_comparability", "control_target_trial")


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Compare the cohort with every control of the study.

    A control that cannot be compared is named with the reason in `stages`.
    """
    if not study.controls:
        return derive_skipped_tables("controls", OUTPUTS, "the study names no control")
    if tables["endpoints"].empty:
        return derive_skipped_tables("controls", OUTPUTS, "no patient has a time for any endpoint")
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in OUTPUTS}
    losses: list[dict] = []
    left_out = []
    for control in study.controls:
        found = _compare(tables, control, study)
        losses += found.losses
        if found.reason:
            left_out.append(f"{title_control(control)}: {found.reason}")
        for name, table in {"controls": pd.DataFrame(found.rows), **found.tables}.items():
            if len(table):
                labels = {"control": control.id}
                if name not in WITHOUT_ENDPOINT:
                    labels["endpoint"] = control.endpoint
                parts[name].append(table.assign(**labels))
    medians = list_medians(study, tables)
    parts["control_medians"].append(medians)
    parts["control_meta"].append(summarise_medians(medians, study.analysis.confidence.level))
    results = {name: stack_tables(name, frames) for name, frames in parts.items()}
    reason = "; ".join(left_out)
    status = "skipped" if results["controls"].empty else "partial" if reason else "done"
    return results | {"attrition": attrition_frame(losses), "stages": stage_frame("controls", status, reason)}


def _compare(tables: dict[str, pd.DataFrame], control: Control, study: Study) -> ControlResults:
    """All that one control gives."""
    cohort, lost = select_cohort(tables, control)
    if cohort is None:
        return ControlResults(losses=lost, reason=f"no patient of the cohort has {control.endpoint}")
    comparison = choose_comparison(tables, study, control, cohort)
    if comparison is None:
        arm = getattr(control, "arm", control.id)
        return ControlResults(losses=lost, reason=f"the library shows no {control.endpoint} curve for {arm}")
    found = comparison.compare()
    rows = found.rows
    if cohort.has_competing_events:  # curves take competing events as censored
        marked = {"status": "competing_censored"}
        rows = [r | marked if r["method"] in CURVES and r["status"] == "ok" else r for r in rows]
    varied = comparison.vary()
    varied += vary_censoring(comparison) if varied else []
    more = {"control_comparability": tabulate_comparability(comparison)}
    more["control_sensitivity"] = pd.DataFrame(varied)
    for row in varied[:1]:
        whose = {"population": getattr(comparison, "population", "all")}
        rows = [*rows, *(one | whose for one in draw_bias(row, control.unmeasured, study.analysis))]
        more["control_bias"] = tabulate_bias_array(row, control.unmeasured)
    return ControlResults(rows, found.tables | more, [*lost, *found.losses], found.reason)


def choose_comparison(
    tables: dict[str, pd.DataFrame], study: Study, control: Control, cohort: EndpointRows
) -> Comparison | None:
    """The comparison that fits the kind of a control; None where the library has no curve of it."""
    known = write_out_control(control)
    if isinstance(known, CurveControl):
        return CurveComparison(tables, study, known, cohort)
    if isinstance(known, PatientsControl):
        return PatientsComparison(tables, study, known, cohort)
    arm = getattr(control, "arm", "")
    return None if known is None else fit_published(tables, study, known, cohort, arm)
