"""Chapter survival: curves of every endpoint and grouping, forests of the Cox models, cumulative incidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from prrt_outcomes.figures.figure import Figure, is_proportional, iterate_groupings, pick_rows
from prrt_outcomes.figures.model_forests import RatioWords, plot_cox_forest, plot_periods, plot_subgroups
from prrt_outcomes.figures.survival_curve import plot_cumulative_incidence, plot_survival_curve
from prrt_outcomes.figures.theme import ESTIMATE_COLOURS, figure_style
from prrt_outcomes.wording.terms import (
    endpoint_titles,
    inside_sentence,
    name_column,
    name_endpoint,
    name_term,
)

SURVIVAL_INPUTS = (
    "km_curve", "km_at_risk", "km_summary", "logrank", "cox", "competing_risks", "competing_tests",
    "subgroups", "hazard_ratio_periods",
)  # fmt: skip
IMPUTED = ("multivariable", "multivariable_imputed")
ORIGIN_WORDS = {
    "first_cycle": "the first cycle", "diagnosis": "diagnosis", "referral": "referral",
    "first_response": "the first response", "retreatment": "the first cycle of retreatment",
}  # fmt: skip
AXIS_END = "The axis ends where fewer than 3% of the patients are at risk."


def draw_survival(tables: Mapping[str, pd.DataFrame], study) -> list[Figure]:
    """Draw the figures of the chapter, endpoint by endpoint.

    `kaplan_meier_*`, `cumulative_incidence_*`, `forest_*`, `imputed_*`, `subgroups_*`, `periods_*`. Groups are drawn
    for the primary endpoint and overall survival; those of the others are in the tables. A forest holds the
    univariable, multivariable and stratified models; `imputed_<endpoint>` the complete cases beside the multiple
    imputation; `periods_*` is drawn where hazards are not proportional.
    """
    titles = endpoint_titles(study)
    figures: list[Figure] = []
    for endpoint in [*titles, *({"os"} - set(titles))]:
        own = {name: pick_rows(table, endpoint=endpoint) for name, table in tables.items()}
        for draw in (_draw_curves, _draw_incidences, _draw_forests, _draw_subgroups, _draw_periods):
            figures += draw(own, endpoint, study, name_endpoint(endpoint, titles))
    return figures


def grouped_endpoints(study) -> tuple[str, str]:
    """Endpoints whose groups are drawn: the primary one and overall survival."""
    return (study.endpoints[0].name, "os")


def _draw_curves(tables, endpoint, study, title) -> Iterator[Figure]:
    time = time_title(endpoint, study)
    for (group_by,), curve in iterate_groupings(tables["km_curve"], "group_by"):
        if group_by != "all" and endpoint not in grouped_endpoints(study):
            continue
        at_risk, summary, tests = (
            pick_rows(tables[name], group_by=group_by) for name in ("km_at_risk", "km_summary", "logrank")
        )
        plot = plot_survival_curve(curve, at_risk, summary, tests, figure_style(study), title, time)
        sources: tuple[str, ...] = ("km_curve", "km_at_risk", "km_summary")
        what, band = f"{title}, all patients", "Band: confidence interval"
        if group_by != "all":
            what = f"{title} by {inside_sentence(name_column(group_by))}"
            band = "Bands (left out above five groups): confidence intervals"
            sources += ("logrank",)
        caption = f"{what}. {band}; ticks: censored patients; below: patients at risk. {AXIS_END}"
        yield Figure(f"kaplan_meier_{endpoint}_{group_by}", plot, caption, sources)


def _draw_incidences(tables, endpoint, study, title) -> Iterator[Figure]:
    """All causes in one figure, and the first cause by the first grouping."""
    risks, style, time = tables["competing_risks"], figure_style(study), time_title(endpoint, study)
    what = f"{title}: cumulative incidence"
    shown = risks[risks["group_by"].isin(["all", *study.analysis.group_by[:1]])]
    for (group_by,), part in iterate_groupings(shown, "group_by"):
        at_risk = pick_rows(tables["km_at_risk"], group_by=group_by)
        sources: tuple[str, ...] = ("competing_risks", "km_at_risk")
        if group_by == "all":
            part = part.assign(group=part["cause"])
            plot = plot_cumulative_incidence(part, at_risk, style, what, time)
            caption = f"{what} of each cause; a patient who has one can no longer have the other. {AXIS_END}"
        else:
            cause = str(risks["cause"].iloc[0])
            gray = pick_rows(tables["competing_tests"], cause=cause, group_by=group_by, test="gray")
            p_value = next(iter(gray["p_value"].dropna()), None)
            words = f"{what} of {name_term(cause).lower()}"
            part = pick_rows(part, cause=cause)
            plot = plot_cumulative_incidence(part, at_risk, style, words, time, group_by, p_value)
            caption = (
                f"{what} of the event by {inside_sentence(name_column(group_by))}, with death as a competing event. "
                f"{AXIS_END}"
            )
            sources += ("competing_tests",)
        name = f"cumulative_incidence_{endpoint}_{group_by}"
        yield Figure(name, plot, caption, sources, leading=group_by == "all")


def _draw_forests(tables, endpoint, study, title) -> Iterator[Figure]:
    cox, style = tables["cox"], figure_style(study)
    rows = cox[cox["model"].isin(list(ESTIMATE_COLOURS))]
    if rows["hazard_ratio"].notna().any() and endpoint in grouped_endpoints(study):
        caption = (
            f"{title}: hazard ratios of the Cox models with their intervals, logarithmic axis, and events/patients of "
            "each level and model. An arrow: the interval continues beyond the axis."
        )
        yield Figure(f"forest_{endpoint}", plot_cox_forest(rows, style, title), caption, ("cox",))
    rows = cox[cox["model"].isin(IMPUTED)]
    if endpoint == study.endpoints[0].name and rows["model"].nunique() == len(IMPUTED):
        words = RatioWords("complete cases and multiple imputation", models={IMPUTED[0]: "Complete cases"})
        plot = plot_cox_forest(rows, style, title, words)
        caption = (
            f"{title}: the multivariable model of patients without missing values, and of all by multiple "
            "imputation."
        )
        yield Figure(f"imputed_{endpoint}", plot, caption, ("cox",))


def _draw_subgroups(tables, endpoint, study, title) -> Iterator[Figure]:
    rows = tables["subgroups"]
    if len(rows):
        plot = plot_subgroups(rows, figure_style(study), f"{title}: subgroups")
        caption = (
            f"{title}: the effect within subgroups, with the test of interaction. Subgroup analyses are "
            "exploratory."
        )
        leading = endpoint in grouped_endpoints(study)
        yield Figure(f"subgroups_{endpoint}", plot, caption, ("subgroups",), leading=leading)


def _draw_periods(tables, endpoint, study, title) -> Iterator[Figure]:
    """Groupings whose hazards are not proportional, of the primary endpoint and overall survival."""
    if endpoint not in grouped_endpoints(study):
        return
    for (group_by,), rows in iterate_groupings(tables["hazard_ratio_periods"], "group_by"):
        if not is_proportional(rows, study.analysis.alpha):
            what = f"{title} by {inside_sentence(name_column(group_by))}"
            plot = plot_periods(rows, figure_style(study), what)
            caption = (
                f"{what}: hazard ratios within periods of follow-up, drawn because they change over time."
            )
            yield Figure(f"periods_{endpoint}_{group_by}", plot, caption, ("hazard_ratio_periods",))


def time_title(endpoint: str, study) -> str:
    """Title of the time axis: from which day time is counted, as far as the study says."""
    if "cycles" not in study.tables and "reported_outcomes" in study.tables:
        return "Months"
    origin = next((e.origin for e in study.endpoints if e.name == endpoint), None)
    words = ORIGIN_WORDS.get(origin) if isinstance(origin, str) else None
    return f"Months since {words}" if words else "Months"
