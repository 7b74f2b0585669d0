"""Waterfall: the best change of the target sum of every patient who has one, from worst to best."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.figures.canvas import Canvas, measure_text_in
from prrt_outcomes.figures.panel import Panel, draw_key_row, draw_title, draw_y_axis, foot_in, title_height_in
from prrt_outcomes.figures.theme import INK, QUIET, RESPONSE_COLOURS, FigureStyle

HIGHEST = 1.0


def plot_waterfall(changes: pd.DataFrame, thresholds: dict[str, float], style: FigureStyle, title: str):
    """Draw one bar a patient, coloured by best response.

    Parameters
    ----------
    changes : rows of `waterfall` of one criterion: best_change (share of the baseline sum), best_response
    thresholds : changes that the criterion names, such as ``{"PR": -0.3, "PD": 0.2}``
    style : sizes
    title : criterion

    Notes
    -----
    Bars above +100 per cent are cut there and marked by a small cross.
    """
    import plotnine as p9

    bars = changes.dropna(subset=["best_change"]).sort_values(
        ["best_change", "patient_id"], ascending=[False, True], kind="stable"
    )
    n = len(bars)
    subtitle = (
        f"Best change of the sum of target lesions from baseline (%), {n} patients with a measured change"
    )
    codes = [c for c in RESPONSE_COLOURS if c in set(bars["best_response"].astype(str))]
    labels = [_threshold_text(name, value) for name, value in thresholds.items()]
    label_in = max((measure_text_in(label, style.small) for label in labels), default=0.0) + 0.15
    left = 0.55 * style.scale
    bottom = 0.1 * style.scale + foot_in(style)
    head = title_height_in(style, subtitle, style.width_in)
    top = head + 0.35 * style.scale
    height = 2.9 * style.scale
    sheet = Canvas(style, style.width_in, bottom + height + top)
    high = float(np.clip(bars["best_change"].max(), 0.4, HIGHEST)) if n else 0.4
    ticks = [t for t in (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0) if t <= high + 1e-9]
    panel = Panel(
        left, bottom, style.width_in - left - label_in - 0.05, height, 0.0, float(max(n, 1)), -1.0, high
    )
    draw_title(sheet, title, subtitle)
    entries = [(c, RESPONSE_COLOURS[c], "solid") for c in codes]
    draw_key_row(
        sheet, left, sheet.height_in - head - 0.1 * style.scale, entries, style.width_in - left - 0.1
    )
    draw_y_axis(
        sheet, panel, ticks, [f"{100 * t:+.0f}".replace("-", "\u2212").replace("+0", "0") for t in ticks]
    )
    shown = bars["best_change"].clip(upper=high).to_numpy()
    place = np.arange(n)
    gap = 0.08 if n <= 150 else 0.0
    rectangles = pd.DataFrame(
        {
            "xmin": panel.px(place + gap),
            "xmax": panel.px(place + 1 - gap),
            "ymin": panel.py(np.minimum(shown, 0.0)),
            "ymax": panel.py(np.maximum(shown, 0.0)),
            "colour": [RESPONSE_COLOURS.get(str(c), QUIET) for c in bars["best_response"]],
            "patient_id": bars["patient_id"].to_numpy(),
        }
    )
    zero = rectangles["ymax"] - rectangles["ymin"] < 0.012
    rectangles.loc[zero, "ymax"] = rectangles.loc[zero, "ymin"] + 0.012
    layers = [
        p9.geom_rect(
            rectangles, p9.aes(xmin="xmin", xmax="xmax", ymin="ymin", ymax="ymax", fill="colour"), color=None
        )
    ]
    cut = rectangles[bars["best_change"].gt(high).to_numpy()]
    if len(cut):
        crosses = cut.assign(x=(cut["xmin"] + cut["xmax"]) / 2, y=cut["ymax"] + 0.05)
        layers.append(p9.geom_point(crosses, p9.aes("x", "y"), shape="x", size=1.2, color=INK))
    right = panel.left + panel.width
    if thresholds:
        heights = [float(panel.py(value)) for value in thresholds.values()]
        lines = pd.DataFrame({"x": panel.left, "xend": right, "y": heights, "yend": heights})
        segment = p9.aes("x", "y", xend="xend", yend="yend")
        layers.append(p9.geom_segment(lines, segment, linetype="dashed", color=INK, size=0.35))
    for name, value in thresholds.items():
        sheet.add_text(
            right + 0.06, panel.py(value), _threshold_text(name, value), size=style.small, colour=QUIET
        )
    sheet.add_line(panel.left, panel.py(0.0), right, panel.py(0.0))
    return sheet.plot(*layers)


def _threshold_text(name: str, value: float) -> str:
    return f"{name} {100 * value:+.0f}%".replace("-", "\u2212")
