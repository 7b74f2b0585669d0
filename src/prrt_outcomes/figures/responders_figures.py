"""Chapter responders: curves, ratios, states, depth; nothing shows the naive comparison alone."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from prrt_outcomes.figures.figure import Figure, make_figure, pick_rows
from prrt_outcomes.figures.responder_plots import (
    plot_depth,
    plot_landmark_ratio,
    plot_responder_curves,
    plot_states,
)
from prrt_outcomes.figures.survival_figures import grouped_endpoints, time_title
from prrt_outcomes.figures.theme import figure_style
from prrt_outcomes.wording.terms import endpoint_titles, name_endpoint

RESPONDERS_INPUTS = (
    "responders", "responder_curves", "responder_landmarks", "responder_states", "responder_state_means",
    "responder_depth",
)  # fmt: skip
COMPARISON = "responder:non_responder"


def draw_responders(tables: Mapping[str, pd.DataFrame], study) -> list[Figure]:
    """Draw the figures of the primary criterion, for the primary endpoint and overall survival."""
    criterion, titles = study.response.primary_criterion, endpoint_titles(study)
    figures: list[Figure] = []
    for endpoint in dict.fromkeys(grouped_endpoints(study)):
        wanted = {"endpoint": endpoint, "criterion": criterion}
        own = {
            name: pick_rows(table, **{k: v for k, v in wanted.items() if k in table})
            for name, table in tables.items()
        }
        leading = endpoint == study.endpoints[0].name
        for draw in (_draw_curves, _draw_landmarks, _draw_states, _draw_depth):
            drawn = draw(own, endpoint, study, name_endpoint(endpoint, titles))
            figures += [replace(figure, leading=leading) for figure in drawn]
    return figures


def _unadjusted(tables) -> pd.DataFrame:
    """Ratios of responders against the others without covariates."""
    ratios = pick_rows(tables["responders"], comparison=COMPARISON)
    return ratios[ratios["adjusted"].astype("boolean").eq(False).fillna(True)]


def _draw_curves(tables, endpoint, study, title) -> Iterator[Figure]:
    curves = tables["responder_curves"]
    if set(curves["method"].astype(str)) <= {"naive"}:
        return
    time = time_title(endpoint, study)
    plot = plot_responder_curves(curves, _unadjusted(tables), figure_style(study), title, time)
    yield make_figure("curves", plot, endpoint=endpoint, title=title)


def _draw_landmarks(tables, endpoint, study, title) -> Iterator[Figure]:
    ratios = _unadjusted(tables)
    if set(ratios.loc[ratios["hazard_ratio"].notna(), "method"].astype(str)) <= {"naive"}:
        return
    every = pick_rows(tables["responder_landmarks"], comparison=COMPARISON)
    plot = plot_landmark_ratio(ratios, every, figure_style(study), title)
    yield make_figure("landmark_ratio", plot, endpoint=endpoint, title=title)


def _draw_states(tables, endpoint, study, title) -> Iterator[Figure]:
    states, means = tables["responder_states"], tables["responder_state_means"]
    if len(states):
        plot = plot_states(states, means, figure_style(study), title, time_title(endpoint, study))
        after = ", after progression" if states["state"].eq("progressed").any() else ""
        yield make_figure("states", plot, endpoint=endpoint, title=title, after=after)


def _draw_depth(tables, endpoint, study, title) -> Iterator[Figure]:
    depth = tables["responder_depth"]
    if depth["hazard_ratio"].notna().sum() > 1:
        plot = plot_depth(depth, figure_style(study), title)
        yield make_figure("depth", plot, endpoint=endpoint, title=title)
