"""Kaplan-Meier curves of one endpoint and grouping with the numbers at risk under their ticks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.figures.canvas import Canvas, extra_height_in, measure_text_in, wrap_text
from prrt_outcomes.figures.theme import GRID, INK, QUIET, FigureStyle, pick_colours, pick_linetypes
from prrt_outcomes.wording.numbers import format_interval, format_number, format_p_value
from prrt_outcomes.wording.terms import name_code, name_column, name_term

MOST_BANDS = 5
MOST_TICKS = 11
LEAST_TICKS = 4
LEAST_SHARE = 0.03  # the axis ends at the first tick with fewer of the patients at risk than this


@dataclass(frozen=True)
class CurveText:
    """Words of a survival figure.

    Attributes
    ----------
    title : what is shown, such as ``Progression-free survival``
    time : title of the time axis
    level : confidence level of the bands and of the medians, between 0 and 1
    """

    title: str
    time: str = "Months since the first cycle"
    level: float = 0.95


def plot_survival_curve(
    curve: pd.DataFrame,
    at_risk: pd.DataFrame,
    summary: pd.DataFrame,
    tests: pd.DataFrame | None,
    style: FigureStyle,
    text: CurveText,
):
    """Draw survival curves with bands, censor ticks, medians and an aligned table of numbers at risk.

    Parameters
    ----------
    curve : rows of `km_curve` of one endpoint and grouping, in the order in which groups are shown
    at_risk : the same of `km_at_risk`; its times are the ticks of the axis
    summary : the same of `km_summary`: n, events, median and its interval
    tests : the overall rows of `logrank` for the grouping; the unstratified log-rank test is printed
    style, text : sizes and words

    Returns
    -------
    plotnine.ggplot
        bands are left out above five groups, where they would hide the curves; the axis ends at the first tick
        with fewer than 3 per cent of the patients at risk.

    Notes
    -----
    The x unit of the plot is months and the y unit is survival, the table stands below zero.
    """
    import plotnine as p9

    group_by = str(curve["group_by"].iloc[0])
    groups = list(dict.fromkeys(curve["group"].astype(str)))
    colours, dashes = pick_colours(groups), pick_linetypes(groups)
    sheet, ticks = _lay_out(groups, group_by, curve, at_risk, summary, style, text)
    _draw_axes(sheet, ticks, text, tests, summary, groups)
    _draw_table(sheet, ticks, groups, group_by, at_risk, colours, dashes)
    if len(groups) > 1:
        _draw_legend(sheet, ticks, text, groups, group_by, summary, colours, dashes)
    last = ticks[-1]
    shown = curve.assign(group=curve["group"].astype(str))
    shown = _cut_at(shown, last)
    shown["colour"] = shown["group"].map(colours)
    shown["dash"] = shown["group"].map(dashes)
    layers = []
    if len(groups) <= MOST_BANDS:
        layers.append(
            p9.geom_ribbon(
                step_band(shown),
                p9.aes(
                    "time_months", ymin="survival_low", ymax="survival_high", fill="colour", group="group"
                ),
                alpha=0.13,
            )
        )
    layers.append(
        p9.geom_step(
            shown,
            p9.aes("time_months", "survival", color="colour", linetype="dash", group="group"),
            size=style.line,
        )
    )
    censored = shown[shown["n_censored"].fillna(0).gt(0)]
    if len(censored):
        layers.append(
            p9.geom_point(
                censored, p9.aes("time_months", "survival", color="colour"), shape="|", size=1.6, stroke=0.35
            )
        )
    return sheet.plot(*layers)


def step_band(curve: pd.DataFrame) -> pd.DataFrame:
    """Repeat each limit until the next time, so that a ribbon is a staircase; rows without limits are left out."""
    limits = curve.dropna(subset=["survival_low", "survival_high"])
    held = limits.copy()
    held["time_months"] = limits.groupby("group", sort=False)["time_months"].shift(-1)
    return (
        pd.concat([limits.assign(order=1), held.dropna(subset=["time_months"]).assign(order=0)])
        .sort_values(["group", "time_months", "order"], kind="stable")
        .reset_index(drop=True)
    )


def thin_ticks(times: list[float]) -> list[float]:
    """Keep every k-th tick where there are more than fit."""
    step = int(np.ceil(len(times) / MOST_TICKS))
    return times[::step]


def _cut_at(curve: pd.DataFrame, last: float) -> pd.DataFrame:
    """Rows up to the end of the axis, with the value that holds there where a curve goes on."""
    inside = curve[curve["time_months"] <= last]
    beyond = curve[curve["time_months"] > last]
    if beyond.empty:
        return inside.copy()
    ends = inside.groupby("group", sort=False).tail(1)
    ends = ends[ends["group"].isin(beyond["group"])]
    ends = ends.assign(time_months=last, n_censored=0)
    return pd.concat([inside, ends[ends["time_months"] > 0]]).sort_values(
        ["group", "time_months"], kind="stable"
    )


def _axis_ticks(curve: pd.DataFrame, at_risk: pd.DataFrame) -> list[float]:
    counts = at_risk.groupby(at_risk["time_months"].astype(float))["n_at_risk"].sum()
    times = list(counts.index)
    if len(times) < 2:
        return [0.0, max(1.0, float(np.ceil(curve["time_months"].max())))]
    few = np.flatnonzero(counts.to_numpy(float) < LEAST_SHARE * float(counts.iloc[0]))
    if len(few):
        times = times[: max(int(few[0]) + 1, min(LEAST_TICKS, len(times)))]
    return thin_ticks(times)


def _legend_lines(groups, group_by, summary) -> dict[str, tuple[str, str]]:
    rows = summary.assign(group=summary["group"].astype(str)).set_index("group")
    lines = {}
    for group in groups:
        row = rows.loc[group] if group in rows.index else None
        below = (
            ""
            if row is None
            else f"{row['events']:.0f}/{row['n']:.0f}, "
            + format_interval(
                row["median_months"],
                row["median_low"],
                row["median_high"],
                status=row.get("median_status", "ok"),
            )
        )
        lines[group] = (name_code(group_by, group), below)
    return lines


def _lay_out(groups, group_by, curve, at_risk, summary, style, text) -> tuple[Canvas, list[float]]:
    """Size of everything in inches, from the widths of the words."""
    scale = style.scale
    ticks = _axis_ticks(curve, at_risk)
    widest = 1.55 * scale
    names = [wrap_text(name_code(group_by, g), widest, style.small) for g in groups]
    heading_in = measure_text_in("At risk", style.small, "bold")
    name_in = max([heading_in, *[measure_text_in(n, style.small) for n in names]])
    left = max(0.5 * scale, name_in + 0.46 * scale)
    right = 0.22 * scale
    legend_in = 0.0
    if len(groups) > 1:
        lines = _legend_lines(groups, group_by, summary)
        wrapped = [wrap_text(name, 1.75 * scale, style.small) for name, _ in lines.values()]
        heading = max(measure_text_in(t, style.small - 0.5) for t in _legend_heading(text))
        right = 0.42 * scale + max(
            [measure_text_in(w, style.small, "bold") for w in wrapped]
            + [measure_text_in(b, style.small) for _, b in lines.values()]
            + [heading]
        )
        extra = sum(extra_height_in(w, style.small) for w in wrapped)
        legend_in = (2.35 * len(wrapped) + 2.3) * style.row_in + extra
    curve_in = max(2.9 * scale, legend_in)
    table_in = (len(names) + 1.2) * style.row_in + sum(extra_height_in(n, style.small) for n in names)
    below = (0.52 * scale) + table_in + 0.06 + (0.18 * scale if style.synthetic else 0)
    above = 0.62 * scale
    width_in = style.width_in
    plot_in = width_in - left - right
    sheet = Canvas(
        style,
        width_in,
        curve_in + below + above,
        x_inch=ticks[-1] / plot_in,
        y_inch=1.0 / curve_in,
        x_at=left,
        y_at=below,
    )
    return sheet, ticks


def _legend_heading(text: CurveText) -> tuple[str, str]:
    return "Events/patients, median in", f"months ({100 * text.level:g}% interval)"


def _draw_axes(sheet, ticks, text, tests, summary, groups) -> None:
    style, last = sheet.style, ticks[-1]
    inch_x, inch_y = sheet.x_inch, sheet.y_inch
    for level in (0.25, 0.5, 0.75, 1.0):
        sheet.add_line(0, level, last, level, colour=GRID)
    sheet.add_line(0, 0, last, 0)
    sheet.add_line(0, 0, 0, 1)
    for level in (0.0, 0.25, 0.5, 0.75, 1.0):
        sheet.add_line(-0.05 * inch_x, level, 0, level)
        sheet.add_text(-0.09 * inch_x, level, f"{100 * level:.0f}", ha="right", size=style.small)
    for tick in ticks:
        sheet.add_line(tick, 0, tick, -0.05 * inch_y)
        label = format_number(tick, 0 if float(tick).is_integer() else 1)
        sheet.add_text(tick, -0.08 * inch_y, label, ha="center", va="top", size=style.small)
    sheet.add_text(
        last / 2, -(0.1 + style.row_in) * inch_y, text.time, ha="center", va="top", size=style.small
    )
    top = sheet.height_in
    sheet.add_text(sheet.x(0.1), sheet.y(top - 0.1), f"{text.title} (%)", va="top", weight="bold")
    below = _test_text(tests) if len(groups) > 1 else _single_text(summary, text)
    if "status" in summary and summary["status"].astype("string").eq("competing_censored").any():
        below += "; " if below else ""
        below += "competing events are censored here: read it with the cumulative incidence"
    sheet.add_text(
        sheet.x(0.1),
        sheet.y(top - 0.14 - 1.15 * style.row_in),
        below,
        va="top",
        size=style.small,
        colour=QUIET,
    )


def _test_text(tests: pd.DataFrame | None) -> str:
    """The unstratified log-rank test over all groups, and the stratified one where it exists."""
    if tests is None or tests.empty:
        return ""
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


def _single_text(summary: pd.DataFrame, text: CurveText) -> str:
    if summary.empty:
        return ""
    row = summary.iloc[0]
    median = format_interval(
        row["median_months"], row["median_low"], row["median_high"], status=row.get("median_status", "ok")
    )
    return (
        f"{row['n']:.0f} patients, {row['events']:.0f} events; median {median} months "
        f"({100 * text.level:g}% confidence interval)"
    )


def _draw_table(sheet, ticks, groups, group_by, at_risk, colours, dashes) -> None:
    style = sheet.style
    row_in = style.row_in
    at = sheet.y_at - 0.52 * style.scale
    sheet.add_text(sheet.x(sheet.x_at - 0.38 * style.scale), sheet.y(at), "At risk", ha="right", size=style.small,
                   weight="bold")  # fmt: skip
    at -= 0.1 * row_in
    counts = at_risk.assign(group=at_risk["group"].astype(str))
    for group in groups:
        name = wrap_text(name_code(group_by, group), 1.55 * style.scale, style.small)
        height = row_in + extra_height_in(name, style.small)
        middle = sheet.y(at - row_in / 2 - height / 2)
        sheet.add_text(
            sheet.x(sheet.x_at - 0.38 * style.scale), middle, name, ha="right", size=style.small, colour=INK
        )
        if len(groups) > 1:
            start = sheet.x_at - 0.33 * style.scale
            sheet.add_line(
                sheet.x(start),
                middle,
                sheet.x(start + 0.17 * style.scale),
                middle,
                colour=colours[group],
                width=style.line * 1.3,
                dash=dashes[group],
            )
        own = counts[(counts["group"] == group) & counts["time_months"].isin(ticks)]
        for row in own.itertuples():
            label = "" if pd.isna(row.n_at_risk) else format_number(row.n_at_risk, 0)
            sheet.add_text(row.time_months, middle, label, ha="center", size=style.small)
        at -= height


def _draw_legend(sheet, ticks, text, groups, group_by, summary, colours, dashes) -> None:
    style = sheet.style
    left = sheet.x_at + ticks[-1] / sheet.x_inch + 0.16 * style.scale
    at = sheet.y_at + 1.0 / sheet.y_inch
    for line in _legend_heading(text):
        sheet.add_text(sheet.x(left), sheet.y(at), line, size=style.small - 0.5, colour=QUIET)
        at -= style.row_in
    at -= 0.3 * style.row_in
    for group, (name, below) in _legend_lines(groups, group_by, summary).items():
        wrapped = wrap_text(name, 1.75 * style.scale, style.small)
        extra = extra_height_in(wrapped, style.small)
        sheet.add_line(
            sheet.x(left),
            sheet.y(at),
            sheet.x(left + 0.17 * style.scale),
            sheet.y(at),
            colour=colours[group],
            width=style.line * 1.3,
            dash=dashes[group],
        )
        words_at = sheet.x(left + 0.22 * style.scale)
        sheet.add_text(words_at, sheet.y(at - extra / 2), wrapped, size=style.small, weight="bold")
        sheet.add_text(words_at, sheet.y(at - extra - style.row_in), below, size=style.small, colour=QUIET)
        at -= extra + 2.35 * style.row_in
