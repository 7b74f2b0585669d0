"""Interval-censored survival: what is known of the curve, over the Kaplan-Meier curve of the same patients."""

from __future__ import annotations

import numpy as np
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
from prrt_outcomes.figures.survival_curve import LEAST_SHARE
from prrt_outcomes.figures.theme import FEW_COLOURS, FigureStyle

SUBTITLE = (
    "The event lies between two scans: between the steps of the grey band the curve can run anywhere. "
    "Kaplan-Meier dates it at the scan that saw it."
)


def plot_turnbull(intervals: pd.DataFrame, curve: pd.DataFrame, style: FigureStyle, title: str, time: str):
    """Draw the upper and lower bound of Turnbull's curve and the Kaplan-Meier curve.

    Parameters
    ----------
    intervals : rows of `interval_censored_curve` of one group: the intervals that hold probability
    curve : rows of `km_curve` of the same endpoint and group
    style, title, time : sizes, name of the endpoint, title of the time axis
    """
    import plotnine as p9

    entries = [("Kaplan-Meier", FEW_COLOURS[0], "solid"), ("Interval-censored", "#8C8C8C", "solid")]
    right = key_width_in([e[0] for e in entries], style)
    left, bottom = 0.5 * style.scale, 0.42 * style.scale + foot_in(style)
    head = title_height_in(style, SUBTITLE, style.width_in) + 0.12
    width, height = style.width_in - left - right, 2.7 * style.scale
    sheet = Canvas(style, style.width_in, bottom + height + head)
    enough = curve["n_at_risk"].ge(LEAST_SHARE * float(curve["n_at_risk"].max()))
    last = float(max(curve.loc[enough, "time_months"].max(), 1.0))
    ticks = month_ticks(last, width, style)
    panel = Panel(left, bottom, width, height, 0.0, ticks[-1])
    draw_title(sheet, f"{title} (%)", SUBTITLE)
    draw_percent_axis(sheet, panel)
    draw_x_axis(sheet, panel, ticks, time)
    draw_key(sheet, left + width + 0.18 * style.scale, bottom + height - 0.05, entries,
             width_in=right - 0.2 * style.scale)  # fmt: skip
    band = bound_curve(intervals, ticks[-1])
    band = band.assign(
        x=panel.px(band["time_months"]), low=panel.py(band["low"]), high=panel.py(band["high"])
    )
    line = curve[curve["time_months"] <= ticks[-1]]
    line = line.assign(x=panel.px(line["time_months"]), y=panel.py(line["survival"]))
    return sheet.plot(
        p9.geom_ribbon(band, p9.aes("x", ymin="low", ymax="high"), fill="#8C8C8C", alpha=0.35),
        p9.geom_line(band, p9.aes("x", "low"), color="#8C8C8C", size=style.line * 0.5),
        p9.geom_line(band, p9.aes("x", "high"), color="#8C8C8C", size=style.line * 0.5),
        p9.geom_step(line, p9.aes("x", "y"), color=FEW_COLOURS[0], size=style.line),
    )


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
    return pd.DataFrame(
        {
            "time_months": np.column_stack([bends[:-1], bends[1:]]).ravel(),
            "low": np.repeat(low, 2),
            "high": np.repeat(high, 2),
        }
    )
