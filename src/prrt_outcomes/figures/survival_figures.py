"""Chapter survival: curves of every endpoint and grouping, forests of the Cox models, cumulative incidence."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.cumulative_incidence import plot_cumulative_incidence
from prrt_outcomes.figures.forest import plot_cox_forest
from prrt_outcomes.figures.rows import iterate_groupings, pick_rows
from prrt_outcomes.figures.survival_curve import CurveText, plot_survival_curve
from prrt_outcomes.figures.theme import ESTIMATE_COLOURS, figure_style
from prrt_outcomes.figures.words import endpoint_titles, name_code, name_endpoint, name_term

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
    """Draw the figures of the chapter: `kaplan_meier_*`, `cumulative_incidence_*` and `forest_*`.

    A forest holds the univariable, multivariable and stratified models; penalised and imputed ones stand in the table.
    """
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
    if "competing_risks" in tables:
        plots |= _draw_incidences(
            tables["competing_risks"], tables.get("competing_tests"), study, style, titles
        )
    if "cox" in tables:
        drawn = tables["cox"]["model"].astype("string").isin(list(ESTIMATE_COLOURS))
        for (endpoint,), cox in iterate_groupings(tables["cox"][drawn], "endpoint"):
            plots[f"forest_{endpoint}"] = plot_cox_forest(cox, style, name_endpoint(endpoint, titles), level)
    return plots


def _draw_incidences(risks, tests, study, style, titles) -> dict[str, object]:
    """Of each endpoint all causes in one figure, and the first cause by group."""
    plots = {}
    level = study.analysis.confidence.level
    for (endpoint,), rows in iterate_groupings(risks, "endpoint"):
        title, time = name_endpoint(endpoint, titles), time_title(endpoint, study)
        causes = list(dict.fromkeys(rows["cause"].astype(str)))
        words = {c: name_term(c) for c in causes}
        for (group_by,), part in iterate_groupings(rows, "group_by"):
            if group_by == "all":
                text = CurveText(f"{title}: cumulative incidence", time, level)
                whole = part.assign(group=part["cause"])
                plots[f"cumulative_incidence_{endpoint}_all"] = plot_cumulative_incidence(
                    whole, words, style, text
                )
                continue
            first = pick_rows(part, cause=causes[0])
            names = {g: name_code(group_by, g) for g in dict.fromkeys(first["group"].astype(str))}
            test = pick_rows(tests, endpoint=endpoint, cause=causes[0], group_by=group_by, test="gray")
            p_value = test["p_value"].iloc[0] if len(test) and test["p_value"].notna().any() else None
            text = CurveText(f"{title}: cumulative incidence of {words[causes[0]].lower()}", time, level)
            plots[f"cumulative_incidence_{endpoint}_{group_by}"] = plot_cumulative_incidence(
                first, names, style, text, p_value
            )
    return plots


def time_title(endpoint: str, study) -> str:
    """Title of the time axis: from which day time is counted, as far as the study says."""
    origins = {e.name: e.origin for e in study.endpoints}
    origin = origins.get(endpoint, "")
    if "cycles" not in study.tables and "reported_outcomes" in study.tables:
        return "Months"
    words = ORIGIN_WORDS.get(origin) if isinstance(origin, str) else None
    return f"Months since {words}" if words else "Months"
