"""Kaplan-Meier curves, cumulative incidence and interval-censored curves of one endpoint and grouping."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd

from prrt_outcomes.figures.curves import (
    LEGEND_LETTERS,
    Curves,
    last_followed,
    make_stairs,
    month_ticks,
    plot_curves,
    risk_ticks,
)
from prrt_outcomes.figures.theme import FEW_COLOURS, UNKNOWN_COLOUR, FigureStyle, color_groups
from prrt_outcomes.wording.numbers import describe_condition, format_interval, format_level, format_p_value
from prrt_outcomes.wording.terms import name_code, name_column, name_term


def plot_survival_curve(
    curve: pd.DataFrame,
    at_risk: pd.DataFrame,
    summary: pd.DataFrame,
    tests: pd.DataFrame,
    style: FigureStyle,
    title: str,
    time: str,
):
    """Draw survival curves with bands, censor ticks, medians and an aligned table of numbers at risk.

    `curve`: rows of `km_curve` of one endpoint and grouping, in the order in which groups are shown.
    `at_risk`: the same of `km_at_risk`; its times are the ticks of the axis.
    `summary`: the same of `km_summary`: n, events, median and its interval.
    `tests`: the same of `logrank`; the log-rank tests over all groups are printed.
    `time`: title of the time axis.

    The axis ends at the first tick with fewer than 3 per cent of the patients at risk.
    """
    group_by = str(curve["group_by"].iloc[0])
    groups = list(dict.fromkeys(curve["group"].astype(str)))
    names = {g: name_code(group_by, g) for g in groups}
    medians = {
        str(row["group"]): f"{row['events']:.0f}/{row['n']:.0f}, {_median_words(row)}"
        for row in summary.to_dict("records")
    }
    below = _test_words(tests) if len(groups) > 1 else _single_words(summary, style)
    if "status" in summary and summary["status"].astype("string").eq("competing_censored").any():
        below += "; " if below else ""
        below += "competing events are censored here: read it with the cumulative incidence"
    if condition := describe_condition(summary.get("conditional_from_months", ())):
        below += f"; {condition}" if below else condition.capitalize()
    drawn = Curves(
        curve,
        risk_ticks(at_risk, float(curve["time_months"].max())),
        {g: f"{fill(n, LEGEND_LETTERS)}\n{medians.get(g, '')}" for g, n in names.items()},
        color_groups(group_by, groups),
        title,
        below,
        time,
        at_risk=at_risk,
        names=names,
        legend_title=f"Events/patients, median in\nmonths ({format_level(style.level)} interval)",
    )
    return plot_curves(drawn, style)


def plot_cumulative_incidence(
    curves: pd.DataFrame,
    at_risk: pd.DataFrame,
    style: FigureStyle,
    title: str,
    time: str,
    group_by: str = "cause",
    p_value: float | None = None,
):
    """Draw one staircase a group or cause, rising from 0.

    `curves`: rows of `competing_risks` with a column `group` that is drawn (groups of one cause, or the causes).
    `at_risk`: rows of `km_at_risk` of the same endpoint and grouping; their counts stand below groups, not below
        causes.
    `group_by`: grouping that gives words and colours.
    `p_value`: of Gray's test between the groups, printed below the title.
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
        {g: name_term(g) if group_by == "cause" else name_code(group_by, g) for g in groups},
        color_groups(group_by, groups),
        title,
        "" if p_value is None else f"Gray's test: {format_p_value(p_value, name='p')}",
        time,
        at_risk=counted if len(counted) else None,
    )
    return plot_curves(drawn, style)


def plot_turnbull(intervals: pd.DataFrame, curve: pd.DataFrame, style: FigureStyle, title: str, time: str):
    """Draw the upper and lower bound of Turnbull's curve and the Kaplan-Meier curve.

    `intervals`: rows of `interval_censored_curve` of one group: the intervals that hold probability.
    `curve`: rows of `km_curve` of the same endpoint and group.
    """
    ticks = month_ticks(last_followed(curve))
    band = bound_curve(intervals, ticks[-1])
    edges = pd.concat([band[["time_months"]].assign(survival=band[edge]) for edge in ("low", "high")])
    steps = curve[["time_months", "survival"]].assign(group="kaplan_meier")
    drawn = Curves(
        pd.concat([steps, edges.head(0).assign(group="interval")]),
        ticks,
        {"kaplan_meier": "Kaplan-Meier", "interval": "Interval-censored"},
        {"kaplan_meier": FEW_COLOURS[0], "interval": UNKNOWN_COLOUR},
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
    return format_interval(row["median_months"], row["median_low"], row["median_high"], status=status)


def _test_words(tests: pd.DataFrame) -> str:
    """The unstratified log-rank test over all groups, and the stratified one where it exists."""
    overall = tests[tests["group"].isna() | tests["group"].astype("string").fillna("").isin(["", "all"])]
    overall = overall[overall["test"].astype(str) == "logrank"]
    parts = []
    for row in overall.itertuples():
        p_value = format_p_value(row.p_value, name="p")
        strata = "" if pd.isna(row.strata) else str(row.strata)
        if p_value:
            kind = f"{name_term('logrank')} test"
            if strata:
                kind += " stratified by " + ", ".join(name_column(s).lower() for s in strata.split("+"))
            parts.append(f"{kind}: {p_value}")
    return "; ".join(parts)


def _single_words(summary: pd.DataFrame, style: FigureStyle) -> str:
    if summary.empty:
        return ""
    row = summary.iloc[0]
    return (
        f"{row['n']:.0f} patients, {row['events']:.0f} events; median {_median_words(row.to_dict())} months "
        f"({format_level(style.level)} confidence interval)"
    )
