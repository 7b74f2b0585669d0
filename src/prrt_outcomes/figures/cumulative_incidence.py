"""Cumulative incidence of an event where another one can come first."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.figures.canvas import Canvas
from prrt_outcomes.figures.panel import (
    Panel,
    draw_key,
    draw_percent_axis,
    draw_title,
    draw_x_axis,
    foot_in,
    key_width_in,
    month_ticks,
    title_height_in,
)
from prrt_outcomes.figures.survival_curve import MOST_BANDS, CurveText, step_band
from prrt_outcomes.figures.theme import FigureStyle, pick_colours, pick_linetypes
from prrt_outcomes.wording.numbers import format_p_value


def plot_cumulative_incidence(
    curves: pd.DataFrame,
    names: dict[str, str],
    style: FigureStyle,
    text: CurveText,
    p_value: float | None = None,
):
    """Draw one staircase a group or cause, rising from 0.

    Parameters
    ----------
    curves : rows of `competing_risks` with a column `group` that is drawn (groups of one cause, or the causes)
    names : words of each value of `group`
    style, text : sizes and words
    p_value : of Gray's test between the groups, printed below the title

    Notes
    -----
    Bands are left out above five groups.
    """
    import plotnine as p9

    groups = list(dict.fromkeys(curves["group"].astype(str)))
    colours, dashes = pick_colours(groups), pick_linetypes(groups)
    shown = curves.assign(group=curves["group"].astype(str)).rename(
        columns={"low": "survival_low", "high": "survival_high", "cumulative_incidence": "survival"}
    )
    subtitle = "" if p_value is None else f"Gray's test: {format_p_value(p_value, name='p')}"
    labels = [names.get(g, g) for g in groups]
    right = key_width_in(labels, style)
    bottom, top = 0.42 * style.scale + foot_in(style), title_height_in(style, subtitle, style.width_in) + 0.12
    left = 0.5 * style.scale
    width = style.width_in - left - right
    ticks = month_ticks(float(shown["time_months"].max()), width, style)
    height = max(2.7 * style.scale, len(groups) * style.row_in * 2.2)
    sheet = Canvas(style, style.width_in, bottom + height + top)
    panel = Panel(left, bottom, width, height, 0.0, ticks[-1])
    draw_title(sheet, f"{text.title} (%)", subtitle)
    draw_percent_axis(sheet, panel)
    draw_x_axis(sheet, panel, ticks, text.time)
    entries = [(label, colours[g], dashes[g]) for g, label in zip(groups, labels, strict=True)]
    draw_key(
        sheet,
        left + width + 0.18 * style.scale,
        bottom + height - 0.05,
        entries,
        width_in=right - 0.2 * style.scale,
    )
    layers = []
    if len(groups) <= MOST_BANDS:
        band = step_band(shown)
        band = band.assign(
            x=panel.px(band["time_months"]),
            low=panel.py(band["survival_low"]),
            high=panel.py(band["survival_high"]),
            colour=band["group"].map(colours),
        )
        layers.append(
            p9.geom_ribbon(
                band, p9.aes("x", ymin="low", ymax="high", fill="colour", group="group"), alpha=0.13
            )
        )
    lines = shown.assign(
        x=panel.px(shown["time_months"]),
        y=panel.py(shown["survival"]),
        colour=shown["group"].map(colours),
        dash=shown["group"].map(dashes),
    )
    layers.append(
        p9.geom_step(lines, p9.aes("x", "y", color="colour", linetype="dash", group="group"), size=style.line)
    )
    return sheet.plot(*layers)
