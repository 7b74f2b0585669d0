"""Chapter patients and endpoints: the flow of patients, definitions side by side, what scans can tell."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.attrition_flow import list_flow, pick_flow, plot_attrition_flow
from prrt_outcomes.figures.doubt_forest import plot_definitions
from prrt_outcomes.figures.rows import has_rows, iterate_groupings, pick_rows
from prrt_outcomes.figures.scan_grid import has_intervals, plot_scan_intervals
from prrt_outcomes.figures.survival_curve import plot_turnbull
from prrt_outcomes.figures.survival_figures import time_title
from prrt_outcomes.figures.theme import figure_style
from prrt_outcomes.wording.terms import endpoint_titles, inside_sentence, name_column, name_endpoint

ENDPOINTS_INPUTS = (
    "attrition",
    "estimand_comparison",
    "sensitivity",
    "interval_censored_curve",
    "km_curve",
    "scan_intervals",
    "scan_interval_test",
)


def draw_endpoints(tables: Mapping[str, pd.DataFrame], study) -> dict[str, object]:
    """Draw `attrition_flow`, `estimands_*` and `sensitivity_*`, `interval_censored_*`, `scan_intervals_*`."""
    plots: dict[str, object] = {}
    style = figure_style(study)
    if "attrition" in tables:
        flow = pick_flow(tables["attrition"], study.endpoints[0].name)
        if list_flow(flow):
            plots["attrition_flow"] = plot_attrition_flow(flow, style, "Flow of patients")
    plots |= _draw_definitions(tables, study, style)
    titles = endpoint_titles(study)
    if "interval_censored_curve" in tables:
        whole = pick_rows(tables["interval_censored_curve"], group_by="all")
        whole = whole[whole["time_low_months"].notna()]
        for (endpoint,), rows in iterate_groupings(whole, "endpoint"):
            curve = pick_rows(tables.get("km_curve"), endpoint=endpoint, group_by="all")
            if has_rows(curve):
                title, time = name_endpoint(endpoint, titles), time_title(endpoint, study)
                plots[f"interval_censored_{endpoint}"] = plot_turnbull(rows, curve, style, title, time)
    for group_by in study.analysis.group_by[:1]:
        rows = pick_rows(tables.get("scan_intervals"), group_by=group_by)
        if has_intervals(rows):
            test = pick_rows(tables.get("scan_interval_test"), group_by=group_by)
            title = f"Days between scans by {inside_sentence(name_column(group_by))}"
            plots[f"scan_intervals_{group_by}"] = plot_scan_intervals(rows, test, style, title)
    return plots


def _draw_definitions(tables, study, style) -> dict[str, object]:
    """Each endpoint under all its definitions, and the primary one under all sensitivity analyses."""
    plots = {}
    titles, level = endpoint_titles(study), study.analysis.confidence.level
    group_by = next(iter(study.analysis.group_by), "")
    kinds = (
        ("estimand_comparison", "variant", "estimands", "every definition"),
        ("sensitivity", "analysis", "sensitivity", "sensitivity analyses"),
    )
    for table, column, name, words in kinds:
        if table not in tables:
            continue
        for (endpoint,), rows in iterate_groupings(tables[table], "endpoint"):
            title = f"{name_endpoint(endpoint, titles)}: {words}"
            plot = plot_definitions(rows, column, style, title, group_by, level)
            if plot is not None:
                plots[f"{name}_{endpoint}"] = plot
    return plots
