"""Chapter controls: every comparison with history on one axis, and the balance of covariates."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.control_forest import RATIOS, plot_control_forest
from prrt_outcomes.figures.love import plot_love
from prrt_outcomes.figures.rows import iterate_groupings
from prrt_outcomes.figures.theme import figure_style
from prrt_outcomes.figures.words import name_term

CONTROLS_INPUTS = ("controls", "control_balance")


def draw_controls(tables: Mapping[str, pd.DataFrame], study) -> dict[str, object]:
    """Draw `forest` and `love_<control>`."""
    style, level = figure_style(study), study.analysis.confidence.level
    primary = next((c.id for c in study.controls if c.primary), "")
    plots: dict[str, object] = {}
    controls = tables.get("controls")
    if controls is not None and controls["estimate"].astype("string").isin(RATIOS).any():
        plots["forest"] = plot_control_forest(controls, style, "The cohort against history", level, primary)
    if "control_balance" in tables:
        for (control,), balance in iterate_groupings(tables["control_balance"], "control"):
            if balance["smd"].notna().any():
                plots[f"love_{control}"] = plot_love(
                    balance, style, f"Balance against {name_term(control).lower()}"
                )
    return plots
