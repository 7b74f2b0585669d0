"""Propensity scores of cohort and control, before and after weighting: where they overlap, they can be compared."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.figures.canvas import Canvas
from prrt_outcomes.figures.panel import (
    Panel,
    draw_key_row,
    draw_title,
    draw_x_axis,
    foot_in,
    title_height_in,
)
from prrt_outcomes.figures.theme import FEW_COLOURS, INK, FigureStyle
from prrt_outcomes.wording.terms import name_term

SIDES = {"cohort": FEW_COLOURS[0], "control": FEW_COLOURS[1]}
SUBTITLE = (
    "Share of patients by propensity score: cohort up, control down. Filled: weighted; outline: as registered. Where "
    "one side has nobody, nothing can be compared."
)


def plot_overlap(overlap: pd.DataFrame, style: FigureStyle, title: str):
    """Draw a mirrored histogram a weighting.

    Parameters
    ----------
    overlap : rows of `control_overlap` of one control and endpoint
    style, title : sizes and what is shown
    """
    import plotnine as p9

    kinds = list(dict.fromkeys(overlap["weights"].astype(str)))
    columns = min(3, len(kinds))
    lines = -(-len(kinds) // columns)
    scale, gap = style.scale, 0.25 * style.scale
    left = 0.2 * scale
    width = (style.width_in - 2 * left - gap * (columns - 1)) / columns
    height, step = 1.7 * scale, 2.5 * scale
    head = title_height_in(style, SUBTITLE, style.width_in) + 0.25 * scale
    sheet = Canvas(style, style.width_in, head + lines * step + foot_in(style))
    draw_title(sheet, title, SUBTITLE)
    entries = [(name_term(side).capitalize(), colour, "solid") for side, colour in SIDES.items()]
    draw_key_row(sheet, 0.12, sheet.height_in - head + 0.06 * scale, entries, style.width_in - 0.2)
    most = float(overlap[["share", "share_weighted"]].max().max()) * 1.05
    filled, outlined = [], []
    for i, kind in enumerate(kinds):
        row, column = divmod(i, columns)
        bottom = sheet.height_in - head - row * step - 0.3 * scale - height
        panel = Panel(left + column * (width + gap), bottom, width, height, 0.0, 1.0, -most, most)
        heading = f"{name_term(kind)}"
        sheet.add_text(panel.left, bottom + height + 0.1 * scale, heading, size=style.small, weight="bold")
        draw_x_axis(
            sheet, panel, [0.0, 0.25, 0.5, 0.75, 1.0], "Propensity score", ["0", "0.25", "0.5", "0.75", "1"]
        )
        sheet.add_line(panel.left, panel.py(0.0), panel.left + width, panel.py(0.0), colour=INK)
        own = overlap[overlap["weights"].astype(str).eq(kind)]
        filled.append(_bars(own, panel, "share_weighted"))
        outlined.append(_bars(own, panel, "share"))
    aes = p9.aes(xmin="xmin", xmax="xmax", ymin="ymin", ymax="ymax", fill="colour")
    line = p9.aes(xmin="xmin", xmax="xmax", ymin="ymin", ymax="ymax", color="colour")
    return sheet.plot(
        p9.geom_rect(pd.concat(filled, ignore_index=True), aes, color=None, alpha=0.45),
        p9.geom_rect(pd.concat(outlined, ignore_index=True), line, fill=None, size=0.3),
    )


def _bars(own: pd.DataFrame, panel: Panel, column: str) -> pd.DataFrame:
    """Bars of both sides, the control below the line; empty bins are left out."""
    own = own[own[column].fillna(0).gt(0)]
    sign = own["group"].astype(str).map({"cohort": 1.0, "control": -1.0})
    ends = own[column].astype(float) * sign
    return pd.DataFrame(
        {
            "xmin": panel.px(own["score_low"].astype(float)),
            "xmax": panel.px(own["score_high"].astype(float)),
            "ymin": panel.py(ends.clip(upper=0.0)),
            "ymax": panel.py(ends.clip(lower=0.0)),
            "colour": own["group"].astype(str).map(SIDES),
        }
    )
