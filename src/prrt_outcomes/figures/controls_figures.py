"""Chapter controls: our curve beside each control, every comparison on one axis, the balance of covariates."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.control_curve import KnownControl, list_marks, plot_control_curve
from prrt_outcomes.figures.control_forest import RATIOS, plot_control_forest
from prrt_outcomes.figures.love import plot_love
from prrt_outcomes.figures.rows import has_rows, iterate_groupings, pick_rows
from prrt_outcomes.figures.survival_figures import time_title
from prrt_outcomes.figures.theme import figure_style
from prrt_outcomes.figures.words import endpoint_titles, inside_sentence, name_endpoint, name_term

CONTROLS_INPUTS = ("controls", "control_balance", "km_curve", "control_reconstruction")


def draw_controls(tables: Mapping[str, pd.DataFrame], study) -> dict[str, object]:
    """Draw `forest`, `curve_<control>` and `love_<control>`."""
    style, level = figure_style(study), study.analysis.confidence.level
    primary = next((c.id for c in study.controls if c.primary), "")
    plots: dict[str, object] = {}
    controls = tables.get("controls")
    if controls is not None and controls["estimate"].astype("string").isin(RATIOS).any():
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
