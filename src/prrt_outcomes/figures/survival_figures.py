"""Chapter survival: curves of every endpoint and grouping, forests of the Cox models, cumulative incidence."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.cumulative_incidence import plot_cumulative_incidence
from prrt_outcomes.figures.doubt_forest import plot_periods, plot_subgroups
from prrt_outcomes.figures.forest import RatioWords, plot_cox_forest
from prrt_outcomes.figures.rows import iterate_groupings, pick_rows
from prrt_outcomes.figures.survival_curve import CurveText, plot_survival_curve
from prrt_outcomes.figures.theme import ESTIMATE_COLOURS, figure_style
from prrt_outcomes.wording.terms import (
    endpoint_titles,
    inside_sentence,
    name_code,
    name_column,
    name_endpoint,
    name_term,
)

SURVIVAL_INPUTS = (
    "km_curve",
    "km_at_risk",
    "km_summary",
    "logrank",
    "cox",
    "competing_risks",
    "competing_tests",
    "subgroups",
    "hazard_ratio_periods",
)
IMPUTED = ("multivariable", "multivariable_imputed")
ORIGIN_WORDS = {
    "first_cycle": "the first cycle",
    "diagnosis": "diagnosis",
    "referral": "referral",
    "first_response": "the first response",
    "retreatment": "the first cycle of retreatment",
}


def draw_survival(tables: Mapping[str, pd.DataFrame], study) -> dict[str, object]:
    """Draw the figures of the chapter: `kaplan_meier_*`, `cumulative_incidence_*`, `forest_*` and what doubts them.

    Groups are drawn for the primary endpoint and overall survival; those of the others stand in the tables. A forest
    holds the univariable, multivariable and stratified models; `imputed_<endpoint>` the complete cases beside the
    multiple imputation; `periods_*` is drawn where hazards are not proportional.
    """
    style = figure_style(study)
    titles = endpoint_titles(study)
    level = study.analysis.confidence.level
    plots = _draw_curves(tables, study, style, titles)
    if "competing_risks" in tables:
        plots |= _draw_incidences(
            tables["competing_risks"], tables.get("competing_tests"), study, style, titles
        )
    if "cox" in tables:
        plots |= _draw_models(tables["cox"], study, style, titles)
    if "subgroups" in tables:
        for (endpoint,), rows in iterate_groupings(tables["subgroups"], "endpoint"):
            title = f"{name_endpoint(endpoint, titles)}: subgroups"
            plots[f"subgroups_{endpoint}"] = plot_subgroups(rows, style, title, level)
    if "hazard_ratio_periods" in tables:
        plots |= _draw_periods(tables["hazard_ratio_periods"], study, style, titles)
    return plots


def grouped_endpoints(study) -> tuple[str, str]:
    """Endpoints whose groups are drawn: the primary one and overall survival."""
    return (study.endpoints[0].name, "os")


def _draw_curves(tables, study, style, titles) -> dict[str, object]:
    plots: dict[str, object] = {}
    if not {"km_curve", "km_at_risk", "km_summary"} <= set(tables):
        return plots
    level = study.analysis.confidence.level
    for (endpoint, group_by), curve in iterate_groupings(tables["km_curve"], "endpoint", "group_by"):
        if group_by != "all" and endpoint not in grouped_endpoints(study):
            continue
        words = CurveText(name_endpoint(endpoint, titles), time_title(endpoint, study), level)
        plots[f"kaplan_meier_{endpoint}_{group_by}"] = plot_survival_curve(
            curve,
            pick_rows(tables["km_at_risk"], endpoint=endpoint, group_by=group_by),
            pick_rows(tables["km_summary"], endpoint=endpoint, group_by=group_by),
            pick_rows(tables.get("logrank"), endpoint=endpoint, group_by=group_by),
            style,
            words,
        )
    return plots


def _draw_models(cox, study, style, titles) -> dict[str, object]:
    plots = {}
    level = study.analysis.confidence.level
    models = cox["model"].astype("string")
    drawn = cox[models.isin(list(ESTIMATE_COLOURS)) & cox["endpoint"].isin(grouped_endpoints(study))]
    for (endpoint,), rows in iterate_groupings(drawn, "endpoint"):
        plots[f"forest_{endpoint}"] = plot_cox_forest(rows, style, name_endpoint(endpoint, titles), level)
    rows = pick_rows(cox[models.isin(list(IMPUTED))], endpoint=study.endpoints[0].name)
    if set(rows["model"].astype(str)) == set(IMPUTED):
        endpoint = study.endpoints[0].name
        words = RatioWords("complete cases and multiple imputation", models={IMPUTED[0]: "Complete cases"})
        title = name_endpoint(endpoint, titles)
        plots[f"imputed_{endpoint}"] = plot_cox_forest(rows, style, title, level, words)
    return plots


def _draw_periods(periods, study, style, titles) -> dict[str, object]:
    """Groupings whose hazards are not proportional, of the primary endpoint and overall survival."""
    plots = {}
    level = study.analysis.confidence.level
    for (endpoint, group_by), rows in iterate_groupings(periods, "endpoint", "group_by"):
        if endpoint in grouped_endpoints(study) and not is_proportional(rows, study.analysis.alpha):
            title = f"{name_endpoint(endpoint, titles)} by {inside_sentence(name_column(group_by))}"
            plots[f"periods_{endpoint}_{group_by}"] = plot_periods(rows, style, title, level)
    return plots


def is_proportional(periods: pd.DataFrame, alpha: float) -> bool:
    """Tell whether neither test doubts that the hazard ratios of a grouping stay the same over time."""
    return not periods[["equality_p_value", "proportional_p_value"]].astype(float).lt(alpha).any(axis=None)


def _draw_incidences(risks, tests, study, style, titles) -> dict[str, object]:
    """Of each endpoint all causes in one figure, and the first cause by the first grouping."""
    plots = {}
    level = study.analysis.confidence.level
    shown = ("all", *study.analysis.group_by[:1])
    for (endpoint,), rows in iterate_groupings(risks, "endpoint"):
        title, time = name_endpoint(endpoint, titles), time_title(endpoint, study)
        causes = list(dict.fromkeys(rows["cause"].astype(str)))
        words = {c: name_term(c) for c in causes}
        for (group_by,), part in iterate_groupings(rows[rows["group_by"].isin(shown)], "group_by"):
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
