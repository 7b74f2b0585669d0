"""Cohort and control by each weighting: curves with the weighted numbers at risk under their ticks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.figures.canvas import Canvas
from prrt_outcomes.figures.panel import (
    Panel,
    draw_key_row,
    draw_percent_axis,
    draw_title,
    draw_x_axis,
    foot_in,
    title_height_in,
)
from prrt_outcomes.figures.survival_curve import step_band
from prrt_outcomes.figures.theme import FEW_COLOURS, FigureStyle
from prrt_outcomes.wording.numbers import format_number
from prrt_outcomes.wording.terms import name_term

SIDES = {"cohort": FEW_COLOURS[0], "control": FEW_COLOURS[1]}
SUBTITLE = (
    "Unweighted, and weighted so that the sides are alike in the covariates; numbers at risk are weighted too"
)


def plot_weighted_curves(
    curves: pd.DataFrame, at_risk: pd.DataFrame, style: FigureStyle, title: str, time: str
):
    """Draw a panel a weighting with the curves of cohort and control.

    Parameters
    ----------
    curves : rows of `control_curves_fitted` of one control and endpoint
    at_risk : the same of `control_fitted_at_risk`
    style, title, time : sizes, what is shown, title of the time axis
    """
    import plotnine as p9

    kinds = list(dict.fromkeys(curves["weights"].astype(str)))
    columns = min(3, len(kinds))
    lines = -(-len(kinds) // columns)
    scale = style.scale
    left, gap = 0.95 * scale, 0.46 * scale
    width = (style.width_in - left - 0.15 - gap * (columns - 1)) / columns
    height = 1.6 * scale
    step = height + 0.82 * scale + 3.4 * style.row_in
    head = title_height_in(style, SUBTITLE, style.width_in) + 0.28 * scale
    sheet = Canvas(style, style.width_in, head + lines * step + foot_in(style))
    draw_title(sheet, f"{title} (%)", SUBTITLE)
    entries = [(name_term(side).capitalize(), colour, "solid") for side, colour in SIDES.items()]
    draw_key_row(sheet, 0.12, sheet.height_in - head + 0.08 * scale, entries, style.width_in - 0.2)
    last = float(curves.loc[curves["group"].astype(str).eq("control"), "time_months"].max())
    ticks = sorted(t for t in at_risk["time_months"].astype(float).unique() if t <= last)
    ticks = ticks[:: max(1, int(np.ceil(len(ticks) / 5)))] if len(ticks) > 1 else [0.0, max(last, 1.0)]
    steps, bands = [], []
    for i, kind in enumerate(kinds):
        row, column = divmod(i, columns)
        bottom = sheet.height_in - head - row * step - 0.3 * scale - height
        panel = Panel(left + column * (width + gap), bottom, width, height, 0.0, ticks[-1])
        sheet.add_text(
            panel.left, bottom + height + 0.12 * scale, name_term(kind), size=style.small, weight="bold"
        )
        draw_percent_axis(sheet, panel, numbers=column == 0)
        draw_x_axis(sheet, panel, ticks, time)
        own = curves[curves["weights"].astype(str).eq(kind)]
        counts = at_risk[at_risk["weights"].astype(str).eq(kind)]
        _draw_counts(sheet, panel, counts, ticks, with_names=column == 0)
        line, band = _place(own, panel, ticks[-1], kind)
        steps.append(line)
        bands.append(band)
    aes = p9.aes("x", ymin="low", ymax="high", fill="colour", group="line")
    line_aes = p9.aes("x", "y", color="colour", group="line")
    return sheet.plot(
        p9.geom_ribbon(pd.concat(bands, ignore_index=True), aes, alpha=0.15),
        p9.geom_step(pd.concat(steps, ignore_index=True), line_aes, size=style.line),
    )


def _place(own: pd.DataFrame, panel: Panel, last: float, kind: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    own = own.assign(group=own["group"].astype(str))
    own = own[own["time_months"].le(last)]
    colour, line = own["group"].map(SIDES), kind + own["group"]
    steps = pd.DataFrame(
        {"x": panel.px(own["time_months"]), "y": panel.py(own["survival"]), "colour": colour, "line": line}
    )
    band = step_band(own)
    return steps, pd.DataFrame(
        {
            "x": panel.px(band["time_months"]),
            "low": panel.py(band["survival_low"]),
            "high": panel.py(band["survival_high"]),
            "colour": band["group"].map(SIDES),
            "line": kind + band["group"],
        }
    )


def _draw_counts(sheet: Canvas, panel: Panel, counts: pd.DataFrame, ticks, *, with_names: bool) -> None:
    """Weighted numbers at risk just before each tick."""
    style = sheet.style
    small = style.small - 0.5
    at = panel.bottom - 0.2 * style.scale - 2.2 * style.row_in
    if with_names:
        sheet.add_text(panel.left - 0.2, at, "At risk", ha="right", size=small, weight="bold")
    for side, colour in SIDES.items():
        at -= style.row_in * 0.95
        if with_names:
            name = name_term(side).capitalize()
            sheet.add_text(panel.left - 0.2, at, name, ha="right", size=small)
        own = counts[counts["group"].astype(str).eq(side)].sort_values("time_months")
        times, risk = own["time_months"].to_numpy(float), own["weighted_at_risk"].to_numpy(float)
        for tick in ticks:
            found = np.flatnonzero(np.isclose(times, tick))
            if len(found):
                text = format_number(risk[found[0]], 0)
                sheet.add_text(panel.px(tick), at, text, ha="center", size=small, colour=colour)
