"""Chapter survival: curves of every endpoint and grouping, forests of the Cox models, cumulative incidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from prrt_outcomes.figures.figure import Figure, has_rows, iterate_groupings, pick_rows
from prrt_outcomes.figures.model_forests import RatioWords, plot_cox_forest, plot_periods, plot_subgroups
from prrt_outcomes.figures.survival_curve import CurveText, plot_cumulative_incidence, plot_survival_curve
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
    "km_curve", "km_at_risk", "km_summary", "logrank", "cox", "competing_risks", "competing_tests",
    "subgroups", "hazard_ratio_periods",
)  # fmt: skip
IMPUTED = ("multivariable", "multivariable_imputed")
ORIGIN_WORDS = {
    "first_cycle": "the first cycle", "diagnosis": "diagnosis", "referral": "referral",
    "first_response": "the first response", "retreatment": "the first cycle of retreatment",
}  # fmt: skip
CURVE_TABLES = ("km_curve", "km_at_risk", "km_summary")
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
        own = {name: table for name, table in own.items() if has_rows(table)}
        draws = (_draw_curves, _draw_incidences, _draw_forests, _draw_imputed, _draw_subgroups, _draw_periods)
        for draw in draws:
            figures += draw(own, endpoint, study, name_endpoint(endpoint, titles))
    return figures


def grouped_endpoints(study) -> tuple[str, str]:
    """Endpoints whose groups are drawn: the primary one and overall survival."""
    return (study.endpoints[0].name, "os")


def _draw_curves(tables, endpoint, study, title) -> Iterator[Figure]:
    if not set(CURVE_TABLES) <= set(tables):
        return
    words = CurveText(title, time_title(endpoint, study))
    for (group_by,), curve in iterate_groupings(tables["km_curve"], "group_by"):
        if group_by != "all" and endpoint not in grouped_endpoints(study):
            continue
        plot = plot_survival_curve(
            curve,
            pick_rows(tables["km_at_risk"], group_by=group_by),
            pick_rows(tables["km_summary"], group_by=group_by),
            pick_rows(tables["logrank"], group_by=group_by) if "logrank" in tables else None,
            figure_style(study),
            words,
        )
        if group_by == "all":
            caption = (
                f"{title}, all patients. Band: confidence interval; ticks: censored patients; below: patients at risk. "
                f"{AXIS_END}"
            )
            sources = CURVE_TABLES
        else:
            caption = (
                f"{title} by {inside_sentence(name_column(group_by))}. Bands (left out above five groups): confidence "
                f"intervals; ticks: censored patients; below: patients at risk. {AXIS_END}"
            )
            sources = (*CURVE_TABLES, "logrank")
        yield Figure(f"kaplan_meier_{endpoint}_{group_by}", plot, caption, sources)


def _draw_incidences(tables, endpoint, study, title) -> Iterator[Figure]:
    """All causes in one figure, and the first cause by the first grouping."""
    if "competing_risks" not in tables:
        return
    risks, style = tables["competing_risks"], figure_style(study)
    time = time_title(endpoint, study)
    causes = list(dict.fromkeys(risks["cause"].astype(str)))
    words = {c: name_term(c) for c in causes}
    shown = ("all", *study.analysis.group_by[:1])
    for (group_by,), part in iterate_groupings(risks[risks["group_by"].isin(shown)], "group_by"):
        name = f"cumulative_incidence_{endpoint}_{group_by}"
        at_risk = pick_rows(tables.get("km_at_risk"), group_by=group_by)
        if group_by == "all":
            text = CurveText(f"{title}: cumulative incidence", time)
            plot = plot_cumulative_incidence(part.assign(group=part["cause"]), at_risk, words, style, text)
            caption = (
                f"{title}: cumulative incidence of each cause; a patient who has one can no longer have the "
                f"other. {AXIS_END}"
            )
            yield Figure(name, plot, caption, ("competing_risks", "km_at_risk"))
            continue
        first = pick_rows(part, cause=causes[0])
        names = {g: name_code(group_by, g) for g in dict.fromkeys(first["group"].astype(str))}
        text = CurveText(f"{title}: cumulative incidence of {words[causes[0]].lower()}", time)
        p_value = _gray_p_value(tables.get("competing_tests"), causes[0], group_by)
        plot = plot_cumulative_incidence(first, at_risk, names, style, text, p_value, group_by)
        caption = (
            f"{title}: cumulative incidence of the event by {inside_sentence(name_column(group_by))}, with death as a "
            f"competing event. {AXIS_END}"
        )
        sources = ("competing_risks", "km_at_risk", "competing_tests")
        yield Figure(name, plot, caption, sources, leading=False)


def _gray_p_value(tests: pd.DataFrame | None, cause: str, group_by: str) -> float | None:
    test = pick_rows(tests, cause=cause, group_by=group_by, test="gray")
    return test["p_value"].iloc[0] if len(test) and test["p_value"].notna().any() else None


def _draw_forests(tables, endpoint, study, title) -> Iterator[Figure]:
    if "cox" not in tables or endpoint not in grouped_endpoints(study):
        return
    rows = tables["cox"][tables["cox"]["model"].astype("string").isin(list(ESTIMATE_COLOURS))]
    if has_rows(rows):
        plot = plot_cox_forest(rows, figure_style(study), title)
        caption = (
            f"{title}: hazard ratios of the Cox models with their intervals, logarithmic axis. An arrow: the interval "
            "continues beyond the axis."
        )
        yield Figure(f"forest_{endpoint}", plot, caption, ("cox",))


def _draw_imputed(tables, endpoint, study, title) -> Iterator[Figure]:
    if "cox" not in tables or endpoint != study.endpoints[0].name:
        return
    rows = tables["cox"][tables["cox"]["model"].astype("string").isin(IMPUTED)]
    if set(rows["model"].astype(str)) == set(IMPUTED):
        words = RatioWords("complete cases and multiple imputation", models={IMPUTED[0]: "Complete cases"})
        plot = plot_cox_forest(rows, figure_style(study), title, words)
        caption = (
            f"{title}: the multivariable model of patients without missing values, and of all by multiple "
            "imputation."
        )
        yield Figure(f"imputed_{endpoint}", plot, caption, ("cox",))


def _draw_subgroups(tables, endpoint, study, title) -> Iterator[Figure]:
    if "subgroups" in tables:
        plot = plot_subgroups(tables["subgroups"], figure_style(study), f"{title}: subgroups")
        caption = (
            f"{title}: the effect within subgroups, with the test of interaction. Subgroup analyses are "
            "exploratory."
        )
        leading = endpoint in grouped_endpoints(study)
        yield Figure(f"subgroups_{endpoint}", plot, caption, ("subgroups",), leading=leading)


def _draw_periods(tables, endpoint, study, title) -> Iterator[Figure]:
    """Groupings whose hazards are not proportional, of the primary endpoint and overall survival."""
    if "hazard_ratio_periods" not in tables or endpoint not in grouped_endpoints(study):
        return
    for (group_by,), rows in iterate_groupings(tables["hazard_ratio_periods"], "group_by"):
        if not is_proportional(rows, study.analysis.alpha):
            what = f"{title} by {inside_sentence(name_column(group_by))}"
            plot = plot_periods(rows, figure_style(study), what)
            caption = (
                f"{what}: hazard ratios within periods of follow-up, drawn because they change over time."
            )
            yield Figure(f"periods_{endpoint}_{group_by}", plot, caption, ("hazard_ratio_periods",))


def is_proportional(periods: pd.DataFrame, alpha: float) -> bool:
    """Whether neither test rejects hazard ratios of a grouping that are constant over time."""
    return not periods[["equality_p_value", "proportional_p_value"]].astype(float).lt(alpha).any(axis=None)


def time_title(endpoint: str, study) -> str:
    """Title of the time axis: from which day time is counted, as far as the study says."""
    origins = {e.name: e.origin for e in study.endpoints}
    origin = origins.get(endpoint, "")
    if "cycles" not in study.tables and "reported_outcomes" in study.tables:
        return "Months"
    words = ORIGIN_WORDS.get(origin) if isinstance(origin, str) else None
    return f"Months since {words}" if words else "Months"
