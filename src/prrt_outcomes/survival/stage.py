"""Survival: which curves, tests and models a study asks for, as result tables."""

from collections.abc import Iterator

import pandas as pd

from prrt_outcomes.attrition import attrition_frame, attrition_row, stage_frame
from prrt_outcomes.cohort.grouping import UNKNOWN, WHOLE, compute_group, fix_references, has_many_centres
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.endpoints import EndpointDefinition
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival import group_tests
from prrt_outcomes.survival.cox_models import summarise_cox_models
from prrt_outcomes.survival.curves import name_causes, summarise_competing_risks, summarise_curves
from prrt_outcomes.survival.endpoint_rows import EndpointRows, find_start, select_endpoint_rows
from prrt_outcomes.survival.estimands import summarise_estimand_tables
from prrt_outcomes.survival.sensitivity import summarise_sensitivity_tables
from prrt_outcomes.tables.frames import empty_table, stack_tables

INPUTS = ("endpoints", "analysis_set", "endpoint_variants", "estimands", "treatment_course", "responses")
OUTPUTS = (
    "km_curve", "km_summary", "km_at_risk", "milestones", "logrank", "rmst_difference", "cox",
    "cox_diagnostics", "cox_fit", "hazard_ratio_periods", "subgroups", "competing_risks",
    "competing_tests", "fine_gray", "estimand_comparison", "course_summary", "sensitivity",
    "interval_censored_curve", "scan_intervals", "scan_interval_test", "scan_follow_up", "scan_stop_milestones",
)  # fmt: skip
SETTINGS = ("analysis", "endpoints", "response", "assessment_interval_days", "assessment_window_days")


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Describe and compare survival for every endpoint and grouping of the study.

    `tables`: those of INPUTS; all but `endpoints` and `analysis_set` may be absent.
    Returns result tables named in OUTPUTS, `attrition` and `stages`.
    """
    study = fix_references(study, tables["analysis_set"])
    made: dict[str, list[pd.DataFrame | None]] = {name: [] for name in OUTPUTS}
    losses: list[dict] = []
    absent = []
    for definition in study.endpoints:
        rows = select_endpoint_rows(tables["endpoints"], tables["analysis_set"], definition.name)
        if rows is None:
            absent.append(definition.name)
            continue
        for name, table in _summarise_endpoint(rows, definition, study.analysis):
            made[name].append(None if table is None else table.assign(endpoint=definition.name))
        losses += _count_losses(rows, study.analysis)
    status = ("partial", f"no times to event for {', '.join(absent)}") if absent else ("done",)
    if len(absent) == len(study.endpoints):
        status = ("skipped", "no times to event")
    results = {name: stack_tables(name, parts) for name, parts in made.items()}
    every = {name: tables[name] if name in tables else empty_table(name) for name in INPUTS}
    results |= summarise_estimand_tables(every, study) | summarise_sensitivity_tables(every, study)
    return results | {"attrition": attrition_frame(losses), "stages": stage_frame("survival", *status)}


def summarise_main(
    rows: EndpointRows, settings: AnalysisSettings, *, only_ratios: bool = False
) -> Iterator[tuple[str, pd.DataFrame | None]]:
    """Parts of the tables of curves and of Cox models of one endpoint, but for the column endpoint."""
    groupings = [name for name in settings.group_by if name in rows.frame.columns]
    for group_by in (WHOLE, *groupings):
        yield from summarise_curves(rows, group_by, settings)
    if has_many_centres(rows.frame) and "centre_id" not in groupings:
        yield from (
            (name, t) for name, t in summarise_curves(rows, "centre_id", settings) if name == "km_summary"
        )
    yield from summarise_cox_models(rows, settings, only_ratios=only_ratios)


def _summarise_endpoint(
    rows: EndpointRows, definition: EndpointDefinition, settings: AnalysisSettings
) -> Iterator[tuple[str, pd.DataFrame | None]]:
    groupings = [name for name in settings.group_by if name in rows.frame.columns]
    yield from summarise_main(rows, settings)
    for group_by in groupings:
        yield "logrank", group_tests.summarise_group_tests(rows, group_by, settings)
        yield "rmst_difference", group_tests.summarise_rmst_differences(rows, group_by, settings)
    yield "hazard_ratio_periods", group_tests.summarise_periods(rows, groupings, settings)
    yield "subgroups", group_tests.summarise_subgroups(rows, settings)
    if rows.has_competing_events:
        yield from summarise_competing_risks(rows, groupings, name_causes(definition), settings)


def _count_losses(rows: EndpointRows, settings: AnalysisSettings) -> list[dict]:
    """Patients whom curves, comparisons or models leave out: ended too early, or a group or covariate not known."""
    n, start = len(rows.frame), find_start(rows)
    losses = []
    if start > 0:
        step, early = f"survival: {rows.endpoint}, curve of all patients", rows.time_months <= start
        reason = f"ended before enough patients were under observation (month {start:.4g})"
        losses.append(attrition_row("endpoints", "patients", step, reason, n, int(early.sum())))
    for group_by in settings.group_by:
        if group_by in rows.frame.columns:
            unknown = int(compute_group(rows.frame, group_by).eq(UNKNOWN).sum())
            step = f"survival: {rows.endpoint} by {group_by}"
            losses.append(attrition_row("endpoints", "patients", step, "group not known", n, unknown))
    covariates = rows.derive_covariates(settings.covariates)
    is_fitted = covariates.nunique() > 1
    fitted, dropped = covariates.columns[is_fitted], covariates.columns[~is_fitted]
    if len(fitted):
        incomplete = int(covariates[fitted].isna().any(axis=1).sum())
        step = f"survival: {rows.endpoint}, multivariable model"
        without = f" (without {', '.join(dropped)}: one value or none)" if len(dropped) else ""
        reason = f"covariate missing{without}"
        losses.append(attrition_row("endpoints", "patients", step, reason, n, incomplete))
    return losses
