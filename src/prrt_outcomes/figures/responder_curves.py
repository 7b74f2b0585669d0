"""Responders against the others three ways side by side; the naive way never stands alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.figures.canvas import Canvas, wrap_text
from prrt_outcomes.figures.panel import (
    Panel,
    draw_key_row,
    draw_percent_axis,
    draw_title,
    draw_x_axis,
    foot_in,
    month_ticks,
    title_height_in,
)
from prrt_outcomes.figures.theme import FEW_COLOURS, QUIET, WARNING, FigureStyle
from prrt_outcomes.wording.numbers import format_number, format_p_value, format_range, format_ratio
from prrt_outcomes.wording.terms import name_term

GROUPS = {"responder": FEW_COLOURS[0], "non_responder": FEW_COLOURS[1]}
SUBTITLE = (
    "Naive groups count the months in which a responder could not yet fail as an effect of response. Landmark and "
    "Simon-Makuch do not."
)


def plot_responder_curves(
    curves: pd.DataFrame, ratios: pd.DataFrame, style: FigureStyle, title: str, time: str
):
    """Draw naive, landmark and Simon-Makuch curves in panels of one figure.

    Parameters
    ----------
    curves : rows of `responder_curves` of one endpoint; the naive rows need landmark or Simon-Makuch rows beside them
    ratios : rows of `responders` of the endpoint and of comparison `responder:non_responder`, unadjusted
    style : sizes
    title, time : name of the endpoint, title of the time axis

    Raises
    ------
    ValueError
        when the naive curves would stand alone.
    """
    import plotnine as p9

    parts = list_parts(curves)
    if [m for m, _ in parts] == ["naive"]:
        raise ValueError("naive responder curves are drawn only beside landmark or Simon-Makuch curves")
    scale = style.scale
    columns = min(3, len(parts))
    lines = int(np.ceil(len(parts) / columns))
    gap_x, left = 0.32 * scale, 1.02 * scale
    width = (style.width_in - left - 0.12 - gap_x * (columns - 1)) / columns
    head_in, height = 0.62 * scale, 1.75 * scale
    below = 0.46 * scale + 3.6 * style.row_in
    head = title_height_in(style, SUBTITLE, style.width_in) + 0.3 * scale
    sheet = Canvas(style, style.width_in, head + lines * (head_in + height + below) + foot_in(style))
    draw_title(sheet, f"{title} by response (%)", SUBTITLE)
    key = [(name_term(g), colour, "solid") for g, colour in GROUPS.items()]
    draw_key_row(sheet, 0.12, sheet.height_in - head + 0.14 * scale, key, style.width_in - 0.2)
    layers = []
    for i, (method, landmark) in enumerate(parts):
        row, column = divmod(i, columns)
        bottom = sheet.height_in - head - row * (head_in + height + below) - head_in - height
        part = _rows_of(curves, method, landmark)
        ticks = _few(month_ticks(max(float(curves["time_months"].max()), 1.0), width * 0.8, style))
        panel = Panel(left + column * (width + gap_x), bottom, width, height, 0.0, max(ticks[-1], 1.0))
        _draw_part_head(sheet, panel, method, landmark, ratios)
        draw_percent_axis(sheet, panel, numbers=column == 0)
        draw_x_axis(sheet, panel, ticks, _part_time(method, landmark, time))
        _draw_part_risk(sheet, panel, part, ticks, with_names=column == 0)
        drawn = part.assign(
            x=panel.px(part["time_months"]),
            y=panel.py(part["survival"]),
            colour=part["group"].astype(str).map(GROUPS),
            group=part["group"].astype(str),
            dash="dashed" if method == "naive" else "solid",
        )
        layers.append(
            p9.geom_step(
                drawn, p9.aes("x", "y", color="colour", group="group", linetype="dash"), size=style.line
            )
        )
    return sheet.plot(*layers)


def list_parts(curves: pd.DataFrame) -> list[tuple[str, float]]:
    """Panels in order: naive, each landmark, Simon-Makuch from the first landmark (from 0 where there is no other).

    From 0 the first risk sets of responders are tiny; later starts stand in the table.
    """
    found = curves.assign(method=curves["method"].astype(str))[
        ["method", "landmark_months"]
    ].drop_duplicates()
    order = {"naive": 0, "landmark": 1, "simon_makuch": 2}
    rows = [(m, np.nan if pd.isna(t) else float(t)) for m, t in found.itertuples(index=False, name=None)]
    rows = sorted(rows, key=lambda r: (order.get(r[0], 3), -1.0 if np.isnan(r[1]) else r[1]))
    starts = [r for r in rows if r[0] == "simon_makuch"]
    chosen = [r for r in starts if r[1] > 0][:1] or starts[:1]
    return [r for r in rows if r[0] != "simon_makuch"] + chosen


def _rows_of(curves, method, landmark):
    same = curves["landmark_months"].isna() if np.isnan(landmark) else curves["landmark_months"].eq(landmark)
    return curves[curves["method"].astype(str).eq(method) & same]


def _few(ticks: list[float]) -> list[float]:
    return ticks[:: max(1, int(np.ceil(len(ticks) / 6)))]


def _part_time(method, landmark, time) -> str:
    if method == "naive" or np.isnan(landmark) or landmark == 0:
        return time
    return f"Months since the landmark at {landmark:g}"


def _draw_part_head(sheet, panel: Panel, method, landmark, ratios) -> None:
    style = sheet.style
    name = name_term(method)
    if method == "landmark":
        name = f"Landmark at {landmark:g} months"
    elif method == "simon_makuch" and not np.isnan(landmark):
        name = f"Simon-Makuch from {landmark:g} months"
    colour = WARNING if method == "naive" else "#1A1A1A"
    top = panel.bottom + panel.height + 0.5 * style.scale
    sheet.add_text(panel.left, top, name, size=style.small, weight="bold", colour=colour)
    words = wrap_text(_ratio_words(method, landmark, ratios), panel.width, style.small - 0.5)
    sheet.add_text(
        panel.left, top - 0.75 * style.row_in, words, va="top", size=style.small - 0.5, colour=QUIET
    )


def _ratio_words(method, landmark, ratios) -> str:
    """Hazard ratio that belongs to a panel, and how many the landmark leaves out."""
    wanted = {"simon_makuch": "time_dependent_cox"}.get(method, method)
    rows = ratios[ratios["method"].astype(str).eq(wanted)]
    if method == "landmark":
        rows = rows[rows["landmark_months"].eq(landmark)]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    if pd.isna(row["hazard_ratio"]):
        words = "HR not estimable"
    else:
        reach = format_range(row["hazard_ratio_low"], row["hazard_ratio_high"], format_ratio)
        words = (
            f"HR {format_ratio(row['hazard_ratio'])} ({reach}), {format_p_value(row['p_value'], name='p')}"
        )
    if method == "naive":
        return f"{words}: not an effect"
    if method == "landmark" and pd.notna(row["excluded"]):
        return f"{words}; {row['excluded']:.0f} lost before"
    return words


def count_at_risk(part: pd.DataFrame, group: str, ticks: list[float]) -> list[str]:
    """Numbers at risk just before each tick, read off the table: the first row at or after it."""
    rows = part[part["group"].astype(str).eq(group)].sort_values("time_months")
    times, risk = rows["time_months"].to_numpy(float), rows["n_at_risk"].to_numpy(float)
    place = np.searchsorted(times, np.array(ticks) - 1e-9)
    return ["0" if i >= len(risk) else format_number(risk[i], 0) for i in place]


def _draw_part_risk(sheet, panel: Panel, part, ticks, *, with_names: bool) -> None:
    style = sheet.style
    at = panel.bottom - 0.2 * style.scale - 2.4 * style.row_in
    if with_names:
        sheet.add_text(panel.left - 0.18, at, "At risk", ha="right", size=style.small - 0.5, weight="bold")
    for group, colour in GROUPS.items():
        at -= style.row_in * 0.95
        if with_names:
            sheet.add_text(panel.left - 0.18, at, name_term(group), ha="right", size=style.small - 0.5)
        for tick, label in zip(ticks, count_at_risk(part, group, ticks), strict=True):
            sheet.add_text(panel.px(tick), at, label, ha="center", size=style.small - 0.5, colour=colour)
