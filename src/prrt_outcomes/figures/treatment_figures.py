"""Chapter treatment: whether the regimen was kept."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.delivery import is_share, plot_delivery
from prrt_outcomes.figures.rows import has_rows, pick_rows
from prrt_outcomes.figures.theme import figure_style

TREATMENT_INPUTS = ("treatment_delivery",)


def draw_treatment(tables: Mapping[str, pd.DataFrame], study) -> dict[str, object]:
    """Draw `delivery`: cycles, windows and amino acids; and `eligibility`: conditions not met."""
    delivery = pick_rows(tables.get("treatment_delivery"), group_by="all")
    if not has_rows(delivery):
        return {}
    style, level = figure_style(study), study.analysis.confidence.level
    items = delivery["item"].astype(str)
    shares = items.map(is_share) & delivery["value"].notna()
    eligible = items.str.startswith("eligibility_")
    refused = eligible & items.str.endswith("_not_met")
    plots = {}
    if (shares & ~eligible).any():
        plots["delivery"] = plot_delivery(delivery[shares & ~eligible], style, "Delivery of treatment", level)
    if (shares & refused).any():
        plots["eligibility"] = plot_delivery(
            delivery[shares & refused], style, "Conditions of eligibility that were not met", level
        )
    return plots
