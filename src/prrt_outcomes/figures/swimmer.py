"""Swimmer plot: the course of single patients from the first cycle on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.figures.canvas import Canvas
from prrt_outcomes.figures.panel import (
    Panel,
    draw_title,
    draw_x_axis,
    foot_in,
    month_ticks,
    title_height_in,
)
from prrt_outcomes.figures.theme import INK, QUIET, RESPONSE_COLOURS, FigureStyle

MOST_PATIENTS = 50
MARKS = {
    "response": ("o", "First CR or PR", "#003A8C"),
    "progression": ("D", "First progression", "#C21807"),
    "retreatment": ("^", "Retreatment", "#009E73"),
    "death": ("s", "Death", INK),
    "alive": (">", "Alive at last contact", QUIET),
}


def pick_swimmers(courses: pd.DataFrame, most: int = MOST_PATIENTS) -> pd.DataFrame:
    """Sort patients by length of follow-up and keep every k-th, from the longest on.

    Parameters
    ----------
    courses : patient_id, end_months
    most : patients kept at most

    Notes
    -----
    Systematic sampling along the order: the same patients every time, short and long courses in their true share.
    """
    ordered = courses.sort_values(["end_months", "patient_id"], ascending=[False, True], kind="stable")
    n = len(ordered)
    if n <= most:
        return ordered.reset_index(drop=True)
    return ordered.iloc[np.floor(np.arange(most) * n / most).astype(int)].reset_index(drop=True)


def plot_swimmer(courses: pd.DataFrame, marks: pd.DataFrame, style: FigureStyle, title: str):
    """Draw one bar a patient with what happened on it.

    Parameters
    ----------
    courses : one row a patient: patient_id, end_months (last contact or death), best_response
    marks : one row an event: patient_id, time_months, mark (a key of `MARKS`)
    style : sizes
    title : what is shown

    Notes
    -----
    Of more than 50 patients every k-th by length of follow-up is drawn; the subtitle says so.
    """
    import plotnine as p9

    total = len(courses)
    shown = pick_swimmers(courses)
    n = len(shown)
    subtitle = (
        f"All {total} patients"
        if n == total
        else f"{n} of {total} patients: evenly spaced along the order of follow-up"
    )
    row_in = (0.125 if n > 25 else 0.16) * style.scale
    codes = [c for c in RESPONSE_COLOURS if c in set(shown["best_response"].astype(str))]
    left, right = 0.3 * style.scale, 1.55 * style.scale
    bottom = 0.42 * style.scale + foot_in(style)
    width = style.width_in - left - right
    height = max(n * row_in, (len(codes) + len(MARKS) + 3) * style.row_in * 1.2)
    head = title_height_in(style, subtitle, style.width_in)
    sheet = Canvas(style, style.width_in, bottom + height + head + 0.15)
    ticks = month_ticks(float(max(shown["end_months"].max(), 1.0)), width - 0.1, style)
    panel = Panel(left, bottom, width, height, 0.0, ticks[-1] * 1.02, 0.0, float(n))
    draw_title(sheet, title, subtitle)
    draw_x_axis(sheet, panel, ticks, "Months since the first cycle")
    place = dict(zip(shown["patient_id"].astype(str), n - 0.5 - np.arange(n), strict=True))
    rows = np.array(list(place.values()))
    bars = pd.DataFrame(
        {
            "patient_id": list(place),
            "xmin": panel.px(0.0),
            "xmax": panel.px(shown["end_months"].to_numpy()),
            "ymin": panel.py(rows - 0.36),
            "ymax": panel.py(rows + 0.36),
            "colour": [RESPONSE_COLOURS.get(str(c), "#E0E0E0") for c in shown["best_response"]],
        }
    )
    layers = [
        p9.geom_rect(
            bars,
            p9.aes(xmin="xmin", xmax="xmax", ymin="ymin", ymax="ymax", fill="colour"),
            color=QUIET,
            size=0.1,
            alpha=0.35,
        )
    ]
    own = marks[marks["patient_id"].astype(str).isin(place)]
    points = pd.DataFrame(
        {
            "x": panel.px(own["time_months"].to_numpy()),
            "y": panel.py(own["patient_id"].astype(str).map(place).to_numpy(dtype=float)),
            "shape": [MARKS[m][0] for m in own["mark"]],
            "colour": [MARKS[m][2] for m in own["mark"]],
        }
    )
    layers += _points(points, style)
    layers += _draw_swimmer_key(sheet, panel, codes, own, style)
    return sheet.plot(*layers)


def _points(points: pd.DataFrame, style: FigureStyle) -> list:
    import plotnine as p9

    aes = p9.aes("x", "y", fill="colour", shape="shape")
    return (
        [p9.geom_point(points, aes, color="white", size=2.9 * style.scale, stroke=0.35)]
        if len(points)
        else []
    )


def _draw_swimmer_key(sheet, panel: Panel, codes, own, style) -> list:
    """Best responses as squares, marks as points; the points come back as a layer."""
    left = panel.left + panel.width + 0.2 * style.scale
    at = panel.bottom + panel.height - 0.05
    sheet.add_text(left, at, "Best response", size=style.small, weight="bold")
    for code in codes:
        at -= style.row_in * 1.15
        sheet.add_line(
            left, at, left + 0.1 * style.scale, at, colour=RESPONSE_COLOURS[code], width=4.0 * style.scale
        )
        sheet.add_text(left + 0.2 * style.scale, at, code, size=style.small)
    at -= style.row_in * 1.6
    seen = [m for m in MARKS if m in set(own["mark"].astype(str))]
    rows = []
    for mark in seen:
        shape, words, colour = MARKS[mark]
        rows.append({"x": left + 0.05 * style.scale, "y": at, "shape": shape, "colour": colour})
        sheet.add_text(left + 0.2 * style.scale, at, words, size=style.small)
        at -= style.row_in * 1.15
    return _points(pd.DataFrame(rows, columns=["x", "y", "shape", "colour"]), style)
