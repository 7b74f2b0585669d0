"""Chapter responders: curves, ratios, states, depth; nothing shows the naive comparison alone."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.depth import plot_depth
from prrt_outcomes.figures.forest import RatioWords, plot_cox_forest
from prrt_outcomes.figures.landmark_ratio import plot_landmark_ratio
from prrt_outcomes.figures.responder_curves import list_parts, plot_responder_curves
from prrt_outcomes.figures.rows import has_rows, iterate_groupings, pick_rows
from prrt_outcomes.figures.states import plot_states
from prrt_outcomes.figures.survival_figures import grouped_endpoints, time_title
from prrt_outcomes.figures.theme import figure_style
from prrt_outcomes.wording.terms import endpoint_titles, name_endpoint

RESPONDERS_INPUTS = (
    "responders",
    "responder_curves",
    "responder_landmarks",
    "responder_states",
    "responder_state_means",
    "responder_depth",
    "responder_predictors",
)
COMPARISON = "responder:non_responder"
OUTCOMES = {
    "response": "Objective response",
    "event_before_first_scan": "Event before the first scan",
}


def draw_responders(tables: Mapping[str, pd.DataFrame], study) -> dict[str, object]:
    """Draw the figures of the primary criterion, for the primary endpoint and overall survival.

    `curves_<endpoint>`, `landmark_ratio_<endpoint>`, `states_<endpoint>`, `depth_<endpoint>`, and of the primary
    endpoint `predictors_<endpoint>`; the other endpoints stand in the tables.
    """
    style, titles = figure_style(study), endpoint_titles(study)
    criterion, shown = study.response.criteria[0], grouped_endpoints(study)
    plots: dict[str, object] = {}
    ratios = pick_rows(tables.get("responders"), comparison=COMPARISON, criterion=criterion)
    if has_rows(ratios):
        ratios = ratios[ratios["adjusted"].astype("boolean").eq(False).fillna(True)]
    if "responder_curves" in tables:
        for (endpoint,), curves in iterate_groupings(tables["responder_curves"], "endpoint"):
            if endpoint in shown and [m for m, _ in list_parts(curves)] != ["naive"]:
                own = pick_rows(ratios, endpoint=endpoint) if has_rows(ratios) else _no_ratios()
                plots[f"curves_{endpoint}"] = plot_responder_curves(
                    curves, own, style, name_endpoint(endpoint, titles), time_title(endpoint, study)
                )
    if has_rows(ratios):
        continuous = pick_rows(tables.get("responder_landmarks"), comparison=COMPARISON, criterion=criterion)
        for (endpoint,), own in iterate_groupings(ratios, "endpoint"):
            known = own[own["hazard_ratio"].notna()]
            if endpoint in shown and not set(known["method"].astype(str)) <= {"naive"}:
                every = pick_rows(continuous, endpoint=endpoint) if has_rows(continuous) else None
                plots[f"landmark_ratio_{endpoint}"] = plot_landmark_ratio(
                    own, style, name_endpoint(endpoint, titles), every
                )
    for endpoint in dict.fromkeys(shown):
        plots |= _draw_course(tables, endpoint, study, style, titles)
    return plots


def _draw_course(tables, endpoint, study, style, titles) -> dict[str, object]:
    """States over time and depth of response of one endpoint; predictors of the primary one."""
    plots: dict[str, object] = {}
    title, own = (
        name_endpoint(endpoint, titles),
        {"endpoint": endpoint, "criterion": study.response.criteria[0]},
    )
    states = pick_rows(tables.get("responder_states"), **own)
    if has_rows(states):
        means = pick_rows(tables.get("responder_state_means"), **own)
        plots[f"states_{endpoint}"] = plot_states(states, means, style, title, time_title(endpoint, study))
    depth = pick_rows(tables.get("responder_depth"), **own)
    if has_rows(depth) and depth["hazard_ratio"].notna().sum() > 1:
        plots[f"depth_{endpoint}"] = plot_depth(depth, style, title)
    predictors = pick_rows(tables.get("responder_predictors"), **own)
    if endpoint == study.endpoints[0].name and has_rows(predictors):
        words = RatioWords("predictors at baseline", "HR", "later or never | earlier", OUTCOMES)
        level = study.analysis.confidence.level
        # the outcomes have events of their own, which one column cannot show: they stand in the table
        plots[f"predictors_{endpoint}"] = plot_cox_forest(
            predictors.assign(model=predictors["outcome"].astype(str), events=float("nan")),
            style,
            title,
            level,
            words,
        )
    return plots


def _no_ratios() -> pd.DataFrame:
    return pd.DataFrame(
        {name: pd.Series(dtype=object) for name in ("method", "landmark_months", "hazard_ratio")}
    )
