"""Hazard ratio against depth of response."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.figures.canvas import Canvas
from prrt_outcomes.figures.landmark_ratio import RATIOS
from prrt_outcomes.figures.panel import (
    Panel,
    draw_title,
    draw_x_axis,
    draw_y_axis,
    foot_in,
    title_height_in,
)
from prrt_outcomes.figures.theme import FEW_COLOURS, QUIET, FigureStyle
from prrt_outcomes.wording.numbers import format_p_value


def plot_depth(depth: pd.DataFrame, style: FigureStyle, title: str):
    """Draw the hazard at a change of the target sum against that at no change, with its band.

    Parameters
    ----------
    depth : rows of `responder_depth` of one endpoint and criterion
    style, title : sizes and name of the endpoint
    """
    import plotnine as p9

    rows = depth.dropna(subset=["hazard_ratio"]).sort_values("change")
    first = rows.iloc[0]
    subtitle = (
        "Hazard at the depth reached so far (time-dependent) against that of no change of the target sum; "
        f"any effect {format_p_value(first['p_value'], name='p')}, bend "
        f"{format_p_value(first['p_value_nonlinear'], name='p')}"
    )
    low = float(min(0.5, max(rows["hazard_ratio_low"].min(), RATIOS[0])))
    high = float(max(2.0, min(rows["hazard_ratio_high"].max(), RATIOS[-1])))
    left, bottom = 0.5 * style.scale, 0.42 * style.scale + foot_in(style)
    head = title_height_in(style, subtitle, style.width_in) + 0.12
    width, height = style.width_in - left - 0.3, 2.3 * style.scale
    sheet = Canvas(style, style.width_in, bottom + height + head)
    panel = Panel(
        left, bottom, width, height, rows["change"].min(), rows["change"].max(), np.log(low), np.log(high)
    )
    draw_title(sheet, f"{title} by depth of response", subtitle)
    ticks = [r for r in RATIOS if low <= r <= high]
    draw_y_axis(sheet, panel, [np.log(t) for t in ticks], [f"{t:g}" for t in ticks])
    steps = [s / 100 for s in range(-100, 201, 10) if panel.x_low - 1e-9 <= s / 100 <= panel.x_high + 1e-9]
    names = [f"{100 * s:+.0f}%".replace("-", "\u2212") if s else "0" for s in steps]
    draw_x_axis(sheet, panel, steps, "Change of the target sum from baseline", names)
    sheet.add_line(left, panel.py(0.0), left + width, panel.py(0.0), colour=QUIET, dash="dashed")
    drawn = rows.assign(x=panel.px(rows["change"]))
    for name in ("hazard_ratio", "hazard_ratio_low", "hazard_ratio_high"):
        drawn[name] = panel.py(np.log(rows[name].clip(low, high)))
    return sheet.plot(
        p9.geom_ribbon(
            drawn,
            p9.aes("x", ymin="hazard_ratio_low", ymax="hazard_ratio_high"),
            fill=FEW_COLOURS[0],
            alpha=0.18,
        ),
        p9.geom_line(drawn, p9.aes("x", "hazard_ratio"), color=FEW_COLOURS[0], size=style.line),
    )
