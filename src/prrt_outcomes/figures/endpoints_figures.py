"""Chapter patients and endpoints: the flow of patients, definitions side by side, what scans can tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from prrt_outcomes.figures.endpoints_plots import (
    has_intervals,
    list_flow,
    pick_flow,
    plot_attrition_flow,
    plot_scan_intervals,
)
from prrt_outcomes.figures.figure import Figure
from prrt_outcomes.figures.model_forests import plot_definitions
from prrt_outcomes.figures.rows import has_rows, iterate_groupings, pick_rows
from prrt_outcomes.figures.survival_curve import plot_turnbull
from prrt_outcomes.figures.survival_figures import grouped_endpoints, time_title
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


def draw_endpoints(tables: Mapping[str, pd.DataFrame], study) -> list[Figure]:
    """Draw `attrition_flow`, `estimands_*` and `sensitivity_*`, `interval_censored_*`, `scan_intervals_*`."""
    figures: list[Figure] = []
    for draw in (_draw_flow, _draw_definitions, _draw_interval_censored, _draw_scan_intervals):
        figures += draw(tables, study)
    return figures


def _draw_flow(tables, study) -> Iterator[Figure]:
    if "attrition" not in tables:
        return
    flow = pick_flow(tables["attrition"], study.endpoints[0].name)
    if list_flow(flow):
        plot = plot_attrition_flow(flow, figure_style(study), "Flow of patients")
        caption = "Flow of patients to the analysis of the primary endpoint: steps that lost patients, with reasons."
        yield Figure("attrition_flow", plot, caption, ("attrition",))


def _draw_definitions(tables, study) -> Iterator[Figure]:
    """Each endpoint under all its definitions, and the primary one under all sensitivity analyses."""
    titles, level = endpoint_titles(study), study.analysis.confidence.level
    group_by = next(iter(study.analysis.group_by), "")
    kinds = (
        ("estimand_comparison", "variant", "estimands", "every definition",
         "under every definition of the run: median of all patients, and hazard ratio of the largest contrast of the "
         "first grouping."),
        ("sensitivity", "analysis", "sensitivity", "sensitivity analyses",
         "under sensitivity analyses: the result if patients lost to follow-up had the worst, or the best, course."),
    )  # fmt: skip
    for table, column, name, words, caption in kinds:
        if table not in tables:
            continue
        for (endpoint,), rows in iterate_groupings(tables[table], "endpoint"):
            title = name_endpoint(endpoint, titles)
            style = figure_style(study)
            plot = plot_definitions(rows, column, style, f"{title}: {words}", group_by, level)
            if plot is not None:
                leading = endpoint == study.endpoints[0].name
                yield Figure(f"{name}_{endpoint}", plot, f"{title} {caption}", (table,), leading=leading)


def _draw_interval_censored(tables, study) -> Iterator[Figure]:
    if "interval_censored_curve" not in tables:
        return
    whole = pick_rows(tables["interval_censored_curve"], group_by="all")
    whole = whole[whole["time_low_months"].notna()]
    for (endpoint,), rows in iterate_groupings(whole, "endpoint"):
        curve = pick_rows(tables.get("km_curve"), endpoint=endpoint, group_by="all")
        if has_rows(curve):
            title, time = name_endpoint(endpoint, endpoint_titles(study)), time_title(endpoint, study)
            plot = plot_turnbull(rows, curve, figure_style(study), title, time)
            caption = (
                f"{title}: the bounds that scans set for the time of progression (Turnbull), with the Kaplan-Meier "
                "curve."
            )
            leading = endpoint in grouped_endpoints(study)
            sources = ("interval_censored_curve", "km_curve")
            yield Figure(f"interval_censored_{endpoint}", plot, caption, sources, leading=leading)


def _draw_scan_intervals(tables, study) -> Iterator[Figure]:
    for group_by in study.analysis.group_by[:1]:
        rows = pick_rows(tables.get("scan_intervals"), group_by=group_by)
        if has_intervals(rows):
            test = pick_rows(tables.get("scan_interval_test"), group_by=group_by)
            title = f"Days between scans by {inside_sentence(name_column(group_by))}"
            plot = plot_scan_intervals(rows, test, figure_style(study), title)
            caption = f"{title}: in a group that is scanned more rarely, progression is dated later."
            sources = ("scan_intervals", "scan_interval_test")
            yield Figure(f"scan_intervals_{group_by}", plot, caption, sources)
