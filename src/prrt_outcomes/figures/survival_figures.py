"""Chapter survival: curves of every endpoint and grouping, forests of the Cox models, cumulative incidence."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.forest import plot_cox_forest
from prrt_outcomes.figures.rows import iterate_groupings, pick_rows
from prrt_outcomes.figures.survival_curve import CurveText, plot_survival_curve
from prrt_outcomes.figures.theme import figure_style
from prrt_outcomes.figures.words import endpoint_titles, name_endpoint

SURVIVAL_INPUTS = (
    "km_curve",
    "km_at_risk",
    "km_summary",
    "logrank",
    "cox",
    "competing_risks",
    "competing_tests",
)
ORIGIN_WORDS = {
    "first_cycle": "the first cycle",
    "diagnosis": "diagnosis",
    "referral": "referral",
    "first_response": "the first response",
    "retreatment": "the first cycle of retreatment",
}


def draw_survival(tables: Mapping[str, pd.DataFrame], study) -> dict[str, object]:
    """Draw the figures of the chapter: `kaplan_meier_<endpoint>_<grouping>` and `forest_<endpoint>`."""
    style = figure_style(study)
    titles = endpoint_titles(study)
    level = study.analysis.confidence.level
    plots: dict[str, object] = {}
    if {"km_curve", "km_at_risk", "km_summary"} <= set(tables):
        for (endpoint, group_by), curve in iterate_groupings(tables["km_curve"], "endpoint", "group_by"):
            words = CurveText(name_endpoint(endpoint, titles), time_title(endpoint, study), level)
            plots[f"kaplan_meier_{endpoint}_{group_by}"] = plot_survival_curve(
                curve,
                pick_rows(tables["km_at_risk"], endpoint=endpoint, group_by=group_by),
                pick_rows(tables["km_summary"], endpoint=endpoint, group_by=group_by),
                pick_rows(tables.get("logrank"), endpoint=endpoint, group_by=group_by),
                style,
                words,
            )
    if "cox" in tables:
        for (endpoint,), cox in iterate_groupings(tables["cox"], "endpoint"):
            plots[f"forest_{endpoint}"] = plot_cox_forest(cox, style, name_endpoint(endpoint, titles), level)
    return plots


def time_title(endpoint: str, study) -> str:
    """Title of the time axis: from which day time is counted, as far as the study says."""
    origins = {e.name: e.origin for e in study.endpoints}
    origin = origins.get(endpoint, "")
    if "cycles" not in study.tables and "reported_outcomes" in study.tables:
        return "Months"
    words = ORIGIN_WORDS.get(origin) if isinstance(origin, str) else None
    return f"Months since {words}" if words else "Months"
