"""Chapter survival: curves of every endpoint and grouping, forests of the Cox models, cumulative incidence."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import FEWEST, RATIO, leave_out_few
from prrt_outcomes.figures import theme
from prrt_outcomes.figures.cox_forest import (
    FOREST_MODELS,
    format_events,
    plot_cox_forest,
    plot_subgroups,
)
from prrt_outcomes.figures.curves import (
    LEGEND_LETTERS,
    Curves,
    last_followed,
    make_stairs,
    month_ticks,
    plot_curves,
    risk_ticks,
)
from prrt_outcomes.figures.figure import Figure, iterate_groupings, make_figure, make_parts, pick_rows
from prrt_outcomes.wording import numbers, terms

SURVIVAL_INPUTS = (
    "km_curve", "km_at_risk", "km_summary", "logrank", "cox", "competing_risks", "competing_tests",
    "subgroups",
)  # fmt: skip
ORIGIN_WORDS = {
    "first_cycle": "the first cycle", "diagnosis": "diagnosis", "referral": "referral",
    "first_response": "the first response", "retreatment": "the first cycle of retreatment",
}  # fmt: skip


def draw_survival(tables: Mapping[str, pd.DataFrame], study) -> list[Figure]:
    """Draw the figures of the chapter, endpoint by endpoint.

    Groups are drawn for the primary endpoint and overall survival; those of the others are in the tables.
    """
    titles = terms.endpoint_titles(study)
    figures: list[Figure] = []
    for endpoint in [*titles, *({"os"} - set(titles))]:
        own = {name: pick_rows(table, endpoint=endpoint) for name, table in tables.items()}
        for draw in (_draw_curves, _draw_incidences, _draw_forests, _draw_subgroups):
            figures += draw(own, endpoint, study, terms.name_endpoint(endpoint, titles))
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
        if group_by == "all":
            plot = plot_survival_curve(curve, at_risk, summary, tests, theme.figure_style(study), title, time)
            yield make_figure("kaplan_meier", plot, endpoint=endpoint, group_by=group_by, title=title)
            continue
        large, left = _split_groups(summary)
        if len(large) < 2:
            continue
        curve, at_risk, shown = (part[part["group"].isin(large)] for part in (curve, at_risk, summary))
        note = describe_comparison(tests, tables["cox"], theme.figure_style(study).level)
        plot = plot_survival_curve(
            curve, at_risk, shown, tests, theme.figure_style(study), title, time, note=note
        )
        own: dict = {"endpoint": endpoint, "group_by": group_by, "title": title, "left": left}
        yield make_figure("kaplan_meier_by_group", plot, more=bool(left), **own)


def _split_groups(summary: pd.DataFrame) -> tuple[pd.Series, str]:
    """Groups of five patients and five events or more, and the names of the others."""
    is_large = summary["n"].ge(FEWEST) & summary["events"].ge(FEWEST)
    named = summary.loc[~is_large, ["group_by", "group"]].astype(str).to_numpy()
    return summary.loc[is_large, "group"], "; ".join(terms.name_code(*names) for names in named)


def _draw_incidences(tables, endpoint, study, title) -> Iterator[Figure]:
    """All causes in one figure, and the first cause by the first grouping."""
    risks, style, time = tables["competing_risks"], theme.figure_style(study), time_title(endpoint, study)
    what = f"{title}: cumulative incidence"
    shown = risks[risks["group_by"].isin(["all", *study.analysis.group_by[:1]])]
    for (group_by,), part in iterate_groupings(shown, "group_by"):
        at_risk = pick_rows(tables["km_at_risk"], group_by=group_by)
        kind, left = "cumulative_incidence", ""
        if group_by == "all":
            part = part.assign(group=part["cause"])
            plot = plot_cumulative_incidence(part, at_risk, style, what, time)
        else:
            cause, kind = str(risks["cause"].iloc[0]), f"{kind}_by_group"
            gray = pick_rows(tables["competing_tests"], cause=cause, group_by=group_by, test="gray")
            p_value = next(iter(gray["p_value"].dropna()), None)
            words = f"{what} of {terms.name_term(cause).lower()}"
            large, left = _split_groups(pick_rows(tables["km_summary"], group_by=group_by))
            part = pick_rows(part, cause=cause)
            part = part[part["group"].isin(large)]
            if len(large) < 2:
                continue
            plot = plot_cumulative_incidence(part, at_risk, style, words, time, group_by, p_value)
        own = {"endpoint": endpoint, "group_by": group_by, "title": title, "left": left}
        yield make_figure(kind, plot, more=bool(left), leading=group_by == "all", **own)


def _draw_forests(tables, endpoint, study, title) -> Iterator[Figure]:
    """A forest of each model; that which the page shows is the multivariable one, else the univariable."""
    cox, style = tables["cox"], theme.figure_style(study)
    known = cox.loc[cox["hazard_ratio"].notna(), "model"].astype(str)
    models = [model for model in FOREST_MODELS if model in set(known)]
    for model in models if endpoint in grouped_endpoints(study) else ():
        plots = plot_cox_forest(cox[cox["model"].astype(str).eq(model)], style, title)
        leading = model == models[0]
        own: dict = {"endpoint": endpoint, "title": title, "model": "" if leading else f"_{model}"}
        own["named"] = terms.inside_sentence(terms.name_term(model))
        yield from make_parts("forest", plots, leading=leading, **own)


def _draw_subgroups(tables, endpoint, study, title) -> Iterator[Figure]:
    rows = tables["subgroups"]
    if len(rows):
        plots = plot_subgroups(rows, theme.figure_style(study), f"{title}: subgroups")
        leading = endpoint in grouped_endpoints(study)
        yield from make_parts("subgroups", plots, leading=leading, endpoint=endpoint, title=title)


def time_title(endpoint: str, study) -> str:
    """Title of the time axis: from which day time is counted, as far as the study says."""
    if "cycles" not in study.tables and "reported_outcomes" in study.tables:
        return "Months"
    origin = next((e.origin for e in study.endpoints if e.name == endpoint), None)
    words = ORIGIN_WORDS.get(origin) if isinstance(origin, str) else None
    return f"Months since {words}" if words else "Months"


def plot_survival_curve(
    curve: pd.DataFrame,
    at_risk: pd.DataFrame,
    summary: pd.DataFrame,
    tests: pd.DataFrame,
    style: theme.FigureStyle,
    title: str,
    time: str,
    *,
    note: str = "",
):
    """Draw survival curves with bands, censor ticks, medians and an aligned table of numbers at risk.

    All tables are of one endpoint and grouping; `tests` are the log-rank tests over all groups; `note` compares the
    groups. The ticks are the times of `at_risk`; the axis ends at the first with fewer than 3 per cent of the patients.
    """
    group_by = str(curve["group_by"].iloc[0])
    groups = list(dict.fromkeys(curve["group"].astype(str)))
    names = {g: terms.name_code(group_by, g) for g in groups}
    medians = {
        str(row["group"]): f"{format_events(row)}, {_median_words(row)}" for row in summary.to_dict("records")
    }
    below = _test_words(tests, bool(note)) if len(groups) > 1 else _single_words(summary, style)
    if "status" in summary and summary["status"].astype("string").eq("competing_censored").any():
        below += "; " if below else ""
        below += "competing events are censored here: read it with the cumulative incidence"
    if condition := numbers.describe_condition(summary.get("conditional_from_months", ())):
        below += f"; {condition}" if below else condition.capitalize()
    drawn = Curves(
        curve,
        risk_ticks(at_risk, float(curve["time_months"].max())),
        {g: f"{theme.wrap(n, LEGEND_LETTERS)}\n{medians.get(g, '')}" for g, n in names.items()},
        theme.color_groups(group_by, groups, style),
        title,
        below,
        time,
        at_risk=at_risk,
        names=names,
        note=note,
        legend_title=f"Events/patients, median in\nmonths ({numbers.format_level(style.level)} interval)",
    )
    return plot_curves(drawn, style)


def plot_cumulative_incidence(
    curves: pd.DataFrame,
    at_risk: pd.DataFrame,
    style: theme.FigureStyle,
    title: str,
    time: str,
    group_by: str = "cause",
    p_value: float | None = None,
    *,
    top: float = 1.0,
):
    """Draw one staircase a group or cause (the column `group`), rising from 0, with the p-value of Gray's test.

    The counts of `at_risk` stand below groups, not below causes; `top` is the end of the axis.
    """
    groups = list(dict.fromkeys(curves["group"].astype(str)))
    last = float(curves["time_months"].max())
    counted = at_risk[at_risk["group"].astype(str).isin(groups)] if len(at_risk) else at_risk
    steps = curves.rename(
        columns={"low": "survival_low", "high": "survival_high", "cumulative_incidence": "survival"}
    )
    drawn = Curves(
        steps,
        risk_ticks(at_risk, last) if len(at_risk) else month_ticks(last),
        {g: terms.name_term(g) if group_by == "cause" else terms.name_code(group_by, g) for g in groups},
        theme.color_groups(group_by, groups, style),
        title,
        "" if p_value is None else f"Gray's test: {numbers.format_p_value(p_value, name='p')}",
        time,
        at_risk=counted if len(counted) else None,
        top=top,
    )
    return plot_curves(drawn, style)


def plot_turnbull(
    intervals: pd.DataFrame, curve: pd.DataFrame, style: theme.FigureStyle, title: str, time: str
):
    """Draw the upper and lower bound of Turnbull's curve and the Kaplan-Meier curve of the same group."""
    ticks = month_ticks(last_followed(curve))
    band = bound_curve(intervals, ticks[-1])
    edges = pd.concat([band[["time_months"]].assign(survival=band[edge]) for edge in ("low", "high")])
    steps = curve[["time_months", "survival"]].assign(group="kaplan_meier")
    drawn = Curves(
        pd.concat([steps, edges.head(0).assign(group="interval")]),
        ticks,
        {"kaplan_meier": "Kaplan-Meier", "interval": "Interval-censored"},
        {"kaplan_meier": style.few[0], "interval": theme.UNKNOWN_COLOUR},
        title,
        "The event lies between two scans: within the grey band the curve is not determined. Kaplan-Meier dates "
        "the event at the scan that showed it.",
        time,
        bands=band.assign(group="interval"),
    )
    return plot_curves(drawn, style)


def bound_curve(intervals: pd.DataFrame, last: float) -> pd.DataFrame:
    """Lowest and highest curve that the intervals allow: time_months, low, high, two rows at each bend.

    The lowest falls at the start of each interval, the highest at its end; an interval without end never falls.
    """
    own = intervals.sort_values("time_low_months", kind="stable")
    start = own["time_low_months"].to_numpy(float)
    stop = np.sort(own["time_high_months"].fillna(np.inf).to_numpy(float))
    levels = np.concatenate([[1.0], own["survival"].to_numpy(float)])
    bends = np.concatenate([[0.0], start, stop])
    bends = np.unique(np.append(bends[bends < last], last))
    low = levels[np.searchsorted(start, bends[:-1], side="right")]
    high = levels[np.searchsorted(stop, bends[:-1], side="right")]
    return make_stairs(bends[:-1], bends[1:], low=low, high=high)


def _median_words(row: Mapping) -> str:
    status = row.get("median_status", "ok")
    return numbers.format_interval(row["median_months"], row["median_low"], row["median_high"], status=status)


def describe_comparison(tests: pd.DataFrame, cox: pd.DataFrame, level: float) -> str:
    """Three lines: `Hazard ratio 0.54 (95% CI 0.40-0.73)`, `A against B`, `log-rank test p < 0.001`.

    More than two groups have the last line only.

    `tests`: rows of `logrank` of one endpoint and grouping; `cox`: the models of the endpoint, of which the univariable
    one of the grouping is quoted. Nothing where the groups are not tested.
    """
    overall = _pick_overall(tests)
    overall = overall[overall["strata"].astype("string").fillna("").eq("") & overall["p_value"].notna()]
    if overall.empty:
        return ""
    row = overall.iloc[0]
    words = f"log-rank test {numbers.format_p_value(row['p_value'], name='p')}"
    term = str(row["group_by"])
    own = leave_out_few(cox[cox["model"].astype(str).eq("univariable") & cox["term"].astype(str).eq(term)])
    if row["df"] != 1 or len(own) != 1 or pd.isna(own["hazard_ratio"].iloc[0]):
        return words[:1].upper() + words[1:]
    found = own.iloc[0]
    label = f"{numbers.format_level(level)}\u00a0CI\u00a0"  # no line ends within
    ratio = numbers.format_interval(*found[[*RATIO]], numbers.format_ratio, label=label)  # type: ignore[call-arg]
    sides = " against ".join(
        terms.name_code(term, str(found[c]), inside=True) for c in ("level", "reference")
    )
    return f"Hazard ratio {ratio}\n{sides}\n{words}"


def _pick_overall(tests: pd.DataFrame) -> pd.DataFrame:
    overall = tests[tests["group"].isna() | tests["group"].astype("string").fillna("").isin(["", "all"])]
    return overall[overall["test"].astype(str) == "logrank"]


def _test_words(tests: pd.DataFrame, noted: bool) -> str:
    """The unstratified log-rank test where it is not `noted`, and the stratified one where it exists."""
    parts = []
    for row in _pick_overall(tests).itertuples():
        p_value = numbers.format_p_value(row.p_value, name="p")
        strata = "" if pd.isna(row.strata) else str(row.strata)
        if p_value and (strata or not noted):
            kind = f"{terms.name_term('logrank')} test"
            if strata:
                kind += " stratified by " + ", ".join(terms.name_column(s).lower() for s in strata.split("+"))
            parts.append(f"{kind}: {p_value}")
    return "; ".join(parts)


def _single_words(summary: pd.DataFrame, style: theme.FigureStyle) -> str:
    if summary.empty:
        return ""
    row = summary.iloc[0].to_dict()
    words = f"{numbers.format_count(row['n'])} patients, {numbers.format_count(row['events'])} events"
    if str(row.get("status")) == "competing_censored":
        return words
    if pd.isna(row["median_months"]):
        return f"{words}; median {numbers.describe_median_status(row.get('median_status'))}"
    return f"{words}; median {_median_words(row)} months ({numbers.format_level(style.level)} confidence interval)"
