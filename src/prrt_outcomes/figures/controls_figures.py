"""Chapter controls: our curve beside each control, every comparison on one axis, the balance of covariates."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.control_curve import (
    KnownControl,
    list_marks,
    plot_control_curve,
    plot_weighted_curves,
)
from prrt_outcomes.figures.control_forest import RATIOS, plot_control_forest
from prrt_outcomes.figures.history_forest import plot_all_estimates, plot_medians, plot_worst_cases
from prrt_outcomes.figures.love import plot_love
from prrt_outcomes.figures.overlap import plot_overlap
from prrt_outcomes.figures.rows import has_rows, iterate_groupings, pick_rows
from prrt_outcomes.figures.survival_figures import time_title
from prrt_outcomes.figures.theme import figure_style
from prrt_outcomes.wording.terms import endpoint_titles, inside_sentence, name_endpoint, name_term

CONTROLS_INPUTS = (
    "controls",
    "control_balance",
    "km_curve",
    "control_reconstruction",
    "control_sensitivity",
    "control_verdicts",
    "control_overlap",
    "control_curves_fitted",
    "control_fitted_at_risk",
    "control_medians",
    "control_meta",
)


def draw_controls(tables: Mapping[str, pd.DataFrame], study) -> dict[str, object]:
    """Draw `forest`, `medians_<endpoint>`, and of each control `estimates_*`, `curve_*`, `love_*`, `overlap_*` and
    `weighted_*`.
    """
    style, level = figure_style(study), study.analysis.confidence.level
    primary = next((c.id for c in study.controls if c.primary), "")
    plots: dict[str, object] = {}
    controls = tables.get("controls")
    choices = tables.get("control_sensitivity")
    if controls is not None and has_rows(choices) and choices["value"].notna().any():
        plots["forest"] = plot_worst_cases(
            controls, choices, primary, style, "The cohort against history", level
        )
    elif controls is not None and controls["estimate"].astype("string").isin(RATIOS).any():
        plots["forest"] = plot_control_forest(controls, style, "The cohort against history", level, primary)
    titles = endpoint_titles(study)
    for control in study.controls:
        ours, known = pick_ours(tables.get("km_curve"), control), find_known(tables, control)
        if has_rows(ours) and known is not None:
            title = f"{name_endpoint(control.endpoint, titles)} against {known.name}"
            plots[f"curve_{control.id}"] = plot_control_curve(
                ours, known, style, title, time_title(control.endpoint, study)
            )
    if "control_balance" in tables:
        for (control,), balance in iterate_groupings(tables["control_balance"], "control"):
            if balance["smd"].notna().any():
                title = f"Balance against {inside_sentence(name_term(control))}"
                plots[f"love_{control}"] = plot_love(balance, style, title)
    plots |= _draw_patients(tables, study, style)
    return plots | _draw_doubt(tables, study, style)


def _draw_doubt(tables, study, style) -> dict[str, object]:
    """All estimates of each control with their worst cases, and the cohort among the arms of the library."""
    plots: dict[str, object] = {}
    titles, level = endpoint_titles(study), study.analysis.confidence.level
    choices, verdicts = tables.get("control_sensitivity"), tables.get("control_verdicts")
    for control in study.controls:
        own = {"control": control.id, "endpoint": control.endpoint}
        found = pick_rows(choices, **own)
        if not has_rows(found):
            continue
        rows = pick_rows(verdicts, **own)
        words = (
            dict(zip(rows["weights"].astype(str), rows["words"].astype(str), strict=True))
            if len(rows)
            else {}
        )
        title = f"{name_endpoint(control.endpoint, titles)} against {name_term(control.id)}: every estimate"
        plot = plot_all_estimates(pick_rows(tables.get("controls"), **own), found, words, style, title, level)
        if plot is not None:
            plots[f"estimates_{control.id}"] = plot
    if "control_medians" in tables:
        for endpoint in dict.fromkeys((study.endpoints[0].name, "os")):
            rows = pick_rows(tables["control_medians"], endpoint=endpoint)
            if has_rows(rows) and rows["series"].astype(str).ne("cohort").any():
                title = f"{name_endpoint(endpoint, titles)}: the cohort among published series"
                summary = pick_rows(tables.get("control_meta"), endpoint=endpoint)
                if summary.empty:
                    summary = pd.DataFrame(columns=["role", "tumour_group", "median_months"])
                plots[f"medians_{endpoint}"] = plot_medians(rows, summary, style, title, level)
    return plots


def _draw_patients(tables, study, style) -> dict[str, object]:
    """Propensity scores and weighted curves of controls whose patients are known one by one."""
    plots: dict[str, object] = {}
    titles = endpoint_titles(study)
    for control in study.controls:
        own = {"control": control.id, "endpoint": control.endpoint}
        name = inside_sentence(name_term(control.id))
        scores = pick_rows(tables.get("control_overlap"), **own)
        if has_rows(scores):
            plots[f"overlap_{control.id}"] = plot_overlap(
                scores, style, f"Propensity scores: cohort and {name}"
            )
        curves = pick_rows(tables.get("control_curves_fitted"), **own)
        at_risk = pick_rows(tables.get("control_fitted_at_risk"), **own)
        if has_rows(curves) and curves["weights"].astype(str).nunique() > 1 and has_rows(at_risk):
            title = f"{name_endpoint(control.endpoint, titles)}: cohort and {name}"
            plots[f"weighted_{control.id}"] = plot_weighted_curves(curves, at_risk, style, title, "Months")
    return plots


def pick_ours(curves: pd.DataFrame | None, control) -> pd.DataFrame | None:
    """Our curve of the patients whom a control is compared with; None where no curve is of just these.

    Parameters
    ----------
    curves : result table `km_curve`
    control : its `within` names one level of one grouping, or nothing
    """
    if not has_rows(curves):
        return None
    if not control.within:
        return pick_rows(curves, endpoint=control.endpoint, group_by="all")
    (column, levels), *more = control.within.items()
    if more or len(levels) != 1:
        return None
    return pick_rows(curves, endpoint=control.endpoint, group_by=column, group=levels[0])


def find_known(tables: Mapping[str, pd.DataFrame], control) -> KnownControl | None:
    """What is known of a control: published points, reconstruction, median and milestones; None where nothing is."""
    from prrt_outcomes.controls.library import convert_arm_to_control, find_arm

    nothing = pd.DataFrame(columns=["time_months", "survival"])
    name = name_term(control.id)
    if control.kind == "curve":
        overlay = pick_rows(
            tables.get("control_reconstruction"), control=control.id, endpoint=control.endpoint
        )
        if not has_rows(overlay):
            return None
        points, rebuilt = (pick_rows(overlay, curve=curve) for curve in ("published", "reconstructed"))
        return KnownControl(name, points, rebuilt, nothing)
    if control.kind == "library":
        arm = find_arm(control.arm, control.endpoint)
        control = None if arm is None else convert_arm_to_control(control, arm)
    if control is None or control.kind != "published":
        return None
    return KnownControl(name, nothing, nothing, list_marks(control))
