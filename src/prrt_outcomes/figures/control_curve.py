"""The cohort's curve beside what is known of a control: points of its curve, or its median and milestones."""

from __future__ import annotations

from dataclasses import dataclass

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
from prrt_outcomes.figures.responder_curves import count_at_risk
from prrt_outcomes.figures.survival_curve import step_band
from prrt_outcomes.figures.theme import FEW_COLOURS, FigureStyle

OURS, THEIRS, REBUILT = FEW_COLOURS[0], FEW_COLOURS[1], FEW_COLOURS[2]
MARKS = ["time_months", "survival", "time_low", "time_high", "survival_low", "survival_high"]


@dataclass(frozen=True)
class KnownControl:
    """What is known of a control.

    Attributes
    ----------
    name : words for the key
    points : published curve: time_months, survival; empty where none was digitised
    rebuilt : reconstructed curve: time_months, survival; empty where there is none
    marks : median and milestones: time_months, survival, and limits along either axis where published
    """

    name: str
    points: pd.DataFrame
    rebuilt: pd.DataFrame
    marks: pd.DataFrame


def list_marks(control) -> pd.DataFrame:
    """Median and milestones of a published control as points, with the limits that were published.

    Parameters
    ----------
    control : `PublishedControl`
    """
    rows = [
        {"time_months": m.months, "survival": m.survival, "survival_low": m.low, "survival_high": m.high}
        for m in control.milestones
    ]
    if control.median_months is not None:
        limits = {"time_low": control.median_low, "time_high": control.median_high}
        rows.append({"time_months": control.median_months, "survival": 0.5} | limits)
    return pd.DataFrame(rows, columns=MARKS).astype(float)


def plot_control_curve(ours: pd.DataFrame, control: KnownControl, style: FigureStyle, title: str, time: str):
    """Draw our Kaplan-Meier curve and the control on the same axes.

    Parameters
    ----------
    ours : rows of `km_curve` of the patients who are compared
    control : what is known of the control
    style : sizes
    title, time : name of the endpoint, title of the time axis

    Notes
    -----
    The control's points are those published; nothing is fitted here. The axis ends where fewer than 3 per cent of
    our patients are at risk, or with the control's last point if that is later.
    """
    import plotnine as p9

    scale = style.scale
    entries = [("Cohort", OURS, "solid")]
    entries += [(f"{control.name}, published curve", THEIRS, "solid")] if len(control.points) else []
    entries += [(f"{control.name}, reconstructed", REBUILT, "dashed")] if len(control.rebuilt) else []
    entries += (
        [(f"{control.name}, published median or milestone", THEIRS, "solid")] if len(control.marks) else []
    )
    right = key_width_in([e[0] for e in entries], style, 1.6)
    left, top = 0.75 * scale, title_height_in(style, "", style.width_in) + 0.12
    bottom = 0.5 * scale + 2.6 * style.row_in + foot_in(style)
    width, height = style.width_in - left - right, 2.7 * scale
    sheet = Canvas(style, style.width_in, bottom + height + top)
    last = _last_time(ours, control)
    ticks = month_ticks(last, width, style)
    panel = Panel(left, bottom, width, height, 0.0, ticks[-1])
    draw_title(sheet, f"{title} (%)")
    draw_percent_axis(sheet, panel)
    draw_x_axis(sheet, panel, ticks, time)
    key_in = right - 0.2 * scale
    draw_key(sheet, left + width + 0.16 * scale, bottom + height - 0.05, entries, width_in=key_in)
    at = bottom - 0.25 * scale - 2.3 * style.row_in
    sheet.add_text(left - 0.18 * scale, at, "At risk", ha="right", size=style.small, weight="bold")
    for tick, label in zip(ticks, count_at_risk(ours.assign(group="all"), "all", ticks), strict=True):
        sheet.add_text(panel.px(tick), at, label, ha="center", size=style.small)
    shown = ours[ours["time_months"].le(ticks[-1])]
    layers = [
        p9.geom_ribbon(
            _place(step_band(shown), panel), p9.aes("x", ymin="low", ymax="high"), fill=OURS, alpha=0.13
        ),
        p9.geom_step(_place(shown, panel), p9.aes("x", "y"), color=OURS, size=style.line),
    ]
    for curve, colour, dash in ((control.points, THEIRS, "solid"), (control.rebuilt, REBUILT, "dashed")):
        part = curve[curve["time_months"].le(ticks[-1])] if len(curve) else curve
        if len(part):
            layers.append(
                p9.geom_step(
                    _place(part, panel), p9.aes("x", "y"), color=colour, linetype=dash, size=style.line * 0.8
                )
            )
    return sheet.plot(*layers, *_mark_layers(control.marks, panel, style))


def _place(curve: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """Positions of a curve and its limits on the sheet."""
    placed = curve.assign(x=panel.px(curve["time_months"]), y=panel.py(curve["survival"]))
    if "survival_low" in curve:
        placed = placed.assign(low=panel.py(curve["survival_low"]), high=panel.py(curve["survival_high"]))
    return placed


def _mark_layers(marks: pd.DataFrame, panel: Panel, style: FigureStyle) -> list:
    """Points of the published numbers with their intervals."""
    import plotnine as p9

    if marks.empty:
        return []
    end = panel.x_high
    bars = pd.concat(
        [
            marks.dropna(subset=["time_low"]).assign(
                x=lambda d: panel.px(d["time_low"]),
                xend=lambda d: panel.px(d["time_high"].fillna(end).clip(upper=end)),
                y=lambda d: panel.py(d["survival"]),
                yend=lambda d: panel.py(d["survival"]),
            ),
            marks.dropna(subset=["survival_low", "survival_high"]).assign(
                x=lambda d: panel.px(d["time_months"]),
                xend=lambda d: panel.px(d["time_months"]),
                y=lambda d: panel.py(d["survival_low"]),
                yend=lambda d: panel.py(d["survival_high"]),
            ),
        ]
    )
    points = _place(marks[["time_months", "survival"]], panel)
    layers = [
        p9.geom_point(points, p9.aes("x", "y"), color=THEIRS, shape="D", size=2.0 * style.scale, stroke=0)
    ]
    if len(bars):
        segment = p9.aes("x", "y", xend="xend", yend="yend")
        layers.insert(0, p9.geom_segment(bars, segment, color=THEIRS, size=style.line * 0.8))
    return layers


def _last_time(ours: pd.DataFrame, control: KnownControl) -> float:
    known = ours[ours["n_at_risk"].ge(0.03 * float(ours["n_at_risk"].iloc[0]))]["time_months"].max()
    others = [part["time_months"].max() for part in (control.points, control.marks) if len(part)]
    return float(np.nanmax([known, *others, 1.0]))
