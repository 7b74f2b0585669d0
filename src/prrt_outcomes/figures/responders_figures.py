"""Chapter responders: curves and ratios; nothing shows the naive comparison alone."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.landmark_ratio import plot_landmark_ratio
from prrt_outcomes.figures.responder_curves import list_parts, plot_responder_curves
from prrt_outcomes.figures.rows import has_rows, iterate_groupings, pick_rows
from prrt_outcomes.figures.survival_figures import time_title
from prrt_outcomes.figures.theme import figure_style
from prrt_outcomes.figures.words import endpoint_titles, name_endpoint

RESPONDERS_INPUTS = ("responders", "responder_curves")
COMPARISON = "responder:non_responder"


def draw_responders(tables: Mapping[str, pd.DataFrame], study) -> dict[str, object]:
    """Draw `curves_<endpoint>` and `landmark_ratio_<endpoint>` of the primary criterion."""
    style, titles = figure_style(study), endpoint_titles(study)
    plots: dict[str, object] = {}
    ratios = pick_rows(tables.get("responders"), comparison=COMPARISON, criterion=study.response.criteria[0])
    if has_rows(ratios):
        ratios = ratios[ratios["adjusted"].astype("boolean").eq(False).fillna(True)]
    if "responder_curves" in tables:
        for (endpoint,), curves in iterate_groupings(tables["responder_curves"], "endpoint"):
            if [m for m, _ in list_parts(curves)] != ["naive"]:
                own = pick_rows(ratios, endpoint=endpoint) if has_rows(ratios) else _no_ratios()
                plots[f"curves_{endpoint}"] = plot_responder_curves(
                    curves, own, style, name_endpoint(endpoint, titles), time_title(endpoint, study)
                )
    if has_rows(ratios):
        for (endpoint,), own in iterate_groupings(ratios, "endpoint"):
            known = own[own["hazard_ratio"].notna()]
            if not set(known["method"].astype(str)) <= {"naive"}:
                plots[f"landmark_ratio_{endpoint}"] = plot_landmark_ratio(
                    own, style, name_endpoint(endpoint, titles)
                )
    return plots


def _no_ratios() -> pd.DataFrame:
    return pd.DataFrame(
        {name: pd.Series(dtype=object) for name in ("method", "landmark_months", "hazard_ratio")}
    )
