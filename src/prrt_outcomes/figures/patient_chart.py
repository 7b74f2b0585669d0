"""Lesion chart of one patient: target sum with its thresholds and nadir, single lesions, cycles and therapies.

Made on request; one patient's course is never part of shared output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.figures.canvas import Canvas
from prrt_outcomes.figures.panel import (
    Panel,
    draw_key,
    draw_title,
    draw_x_axis,
    draw_y_axis,
    foot_in,
    month_ticks,
    title_height_in,
)
from prrt_outcomes.figures.theme import INK, QUIET, RESPONSE_COLOURS, FigureStyle, figure_style
from prrt_outcomes.units import convert_days_to_months
from prrt_outcomes.wording.numbers import format_number
from prrt_outcomes.wording.terms import name_term

KEY = (
    ("Target sum", INK, "solid"),
    ("Single target lesion", "#A9A9A9", "solid"),
    ("PR at or under", RESPONSE_COLOURS["PR"], "dashed"),
    ("PD at or over", RESPONSE_COLOURS["PD"], "dashed"),
)
SUBTITLE = "Response of each scan above its sum; ring: smallest sum so far; ticks below: cycles (c) and therapies (t)"
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)


@dataclass(frozen=True)
class Course:
    """Parts of the course of a patient that the chart shows, with months since the first cycle."""

    sums: pd.DataFrame
    lesions: pd.DataFrame
    marks: pd.DataFrame
    unit: str


def pick_course(course: pd.DataFrame, criterion: str, reader: str) -> Course:
    """Sums of one criterion and reader, target lesions of that reader, cycles and therapies.

    Parameters
    ----------
    course : what `summarise_patient_course` gives
    criterion, reader : which sums are drawn; the baseline is put before the first scan

    Notes
    -----
    Single lesions are drawn where the criterion measures a sum of diameters: only then do they share its axis.
    """
    own = course.assign(time_months=convert_days_to_months(course["time_days"].astype(float)))
    item = own["item"].astype(str)
    same = own["reader"].astype("string").eq(reader).fillna(False)
    sums = own[item.eq("sum") & own["criterion"].astype("string").eq(criterion).fillna(False) & same]
    sums = sums[sums["value"].notna()].sort_values("time_months")
    unit = str(sums["unit"].iloc[0]) if len(sums) else ""
    lesions = own[item.eq("lesion") & same & own["role"].astype("string").eq("target").fillna(False)]
    if unit != "mm":
        lesions = lesions.iloc[:0]
    marks = own[item.isin(["cycle", "therapy"])]
    return Course(_with_baseline(sums, own[item.eq("lesion") & same]), lesions, marks, unit)


def _with_baseline(sums: pd.DataFrame, lesions: pd.DataFrame) -> pd.DataFrame:
    """The sum at baseline as the first point, on the day of the last scan before the first sum."""
    if sums.empty or pd.isna(sums["baseline_sum"].iloc[0]):
        return sums
    before = lesions.loc[lesions["time_months"].lt(sums["time_months"].iloc[0]), "time_months"]
    if before.empty:
        return sums
    first = {"time_months": float(before.max()), "value": float(sums["baseline_sum"].iloc[0]), "response": ""}
    return pd.concat([pd.DataFrame([first]), sums], ignore_index=True)


def plot_patient(course: Course, style: FigureStyle, title: str):
    """Draw the chart of a patient.

    Raises
    ------
    ValueError
        when there is no sum to draw.
    """
    import plotnine as p9

    sums = course.sums
    if sums.empty:
        raise ValueError("this patient has no target sum by this criterion and reader")
    left, right = 0.6 * style.scale, 1.5 * style.scale
    bottom = 0.85 * style.scale + foot_in(style)
    head = title_height_in(style, SUBTITLE, style.width_in) + 0.2
    width, height = style.width_in - left - right, 2.9 * style.scale
    sheet = Canvas(style, style.width_in, bottom + height + head)
    times = pd.concat([sums["time_months"], course.marks["time_months"]]).astype(float)
    low, high = min(0.0, float(times.min())), max(float(times.max()), 1.0)
    top = _highest(sums)
    panel = Panel(left, bottom, width, height, low - 0.02 * (high - low), high * 1.03, 0.0, top * 1.12)
    draw_title(sheet, title, SUBTITLE)
    step = next((s for s in STEPS if top / s <= 8), STEPS[-1])
    ticks = list(np.arange(0, top + step, step))
    ticks = [float(t) for t in ticks if t <= top * 1.12]
    draw_y_axis(sheet, panel, ticks, [format_number(t, 0) for t in ticks])
    unit = course.unit.replace("mm2", "mm\u00b2")
    sheet.add_text(left, bottom + height + 0.1, unit, ha="right", size=style.small, colour=QUIET)
    months = [t for t in month_ticks(high, width, style) if t <= high * 1.03]
    at = Panel(left, bottom - 0.38 * style.scale, width, height, panel.x_low, panel.x_high)
    draw_x_axis(sheet, at, months, "Months since the first cycle")
    entries = [k for k in KEY if len(course.lesions) or k[0] != "Single target lesion"]
    draw_key(sheet, left + width + 0.15, bottom + height - 0.05, entries, width_in=right - 0.2)
    _draw_marks(sheet, panel, course.marks)
    _draw_responses(sheet, panel, sums)
    lines, points, rings = _place(course, panel)
    line = p9.aes("x", "y", color="colour", group="line", linetype="dash", size="width")
    layers = [p9.geom_path(lines, line)] if len(lines) else []
    layers.append(p9.geom_point(points, p9.aes("x", "y"), color=INK, size=2.2))
    if len(rings):
        layers.append(p9.geom_point(rings, p9.aes("x", "y"), shape="o", fill="none", color=INK, size=4.2))
    return sheet.plot(*layers)


def _highest(sums: pd.DataFrame) -> float:
    columns = [c for c in ("value", "progression_threshold", "baseline_sum") if c in sums]
    return max(float(sums[columns].astype(float).max().max()), 1.0)


def _draw_marks(sheet: Canvas, panel: Panel, marks: pd.DataFrame) -> None:
    style = sheet.style
    for item, letter, row in (("cycle", "c", 0.12), ("therapy", "t", 0.26)):
        at = panel.bottom - row * style.scale
        sheet.add_text(panel.left - 0.09, at, letter, ha="right", size=style.small, colour=QUIET)
        own = marks[marks["item"].astype(str).eq(item)]
        for month in own["time_months"].dropna():
            x = float(panel.px(month))
            if panel.left <= x <= panel.left + panel.width:
                sheet.add_line(x, at - 0.045, x, at + 0.045, width=0.7)


def _draw_responses(sheet: Canvas, panel: Panel, sums: pd.DataFrame) -> None:
    """Response of each scan, left out where the one before it stands too near."""
    last = -np.inf
    for row in sums.to_dict("records"):
        x = float(panel.px(row["time_months"]))
        text = "" if pd.isna(row["response"]) else str(row["response"])
        text = {"NON-CR/NON-PD": "NN"}.get(text, text)
        if text and x - last > 0.22 * sheet.style.scale:
            y = float(panel.py(row["value"])) + 0.13 * sheet.style.scale
            sheet.add_text(x, y, text, ha="center", size=sheet.style.small, weight="bold",
                           colour=RESPONSE_COLOURS["PD"] if text == "PD" else INK)  # fmt: skip
            last = x


def _place(course: Course, panel: Panel) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Lines, points of the sum, and rings where the sum is the smallest so far, in inches."""
    sums = course.sums
    parts = [_line(sums["time_months"], sums["value"], panel, "sum", INK, "solid", 1.0)]
    for column, colour in (
        ("response_threshold", RESPONSE_COLOURS["PR"]),
        ("progression_threshold", RESPONSE_COLOURS["PD"]),
    ):
        known = sums.dropna(subset=[column])
        parts.append(_line(known["time_months"], known[column], panel, column, colour, "dashed", 0.6))
    for lesion, rows in course.lesions.dropna(subset=["value"]).groupby("lesion_id", sort=False):
        rows = rows.sort_values("time_months")
        parts.append(_line(rows["time_months"], rows["value"], panel, str(lesion), "#A9A9A9", "solid", 0.45))
    values = sums["value"].astype(float)
    points = pd.DataFrame({"x": panel.px(sums["time_months"].astype(float)), "y": panel.py(values)})
    smallest = values.lt(values.cummin().shift(1)).to_numpy()
    lines = [p for p in parts if len(p) > 1]
    return pd.concat(lines, ignore_index=True) if lines else parts[0].iloc[:0], points, points[smallest]


def _line(months, values, panel: Panel, name: str, colour: str, dash: str, width: float) -> pd.DataFrame:
    x, y = panel.px(months.astype(float)), panel.py(values.astype(float))
    return pd.DataFrame(
        {"x": x, "y": y, "line": name, "colour": colour, "dash": dash, "width": width}
    ).reset_index(drop=True)


def draw_patient_charts(course: pd.DataFrame, study) -> dict[str, str]:
    """Text of a chart as svg, by its title: one a criterion and reader that has a sum."""
    from prrt_outcomes.figures.save import draw_svg

    charts = {}
    sums = course[course["item"].astype(str).eq("sum") & course["value"].notna()]
    titles = {c.name: c.title for c in study.response.definitions}
    for criterion in study.response.criteria:
        own = sums[sums["criterion"].astype(str).eq(criterion)]
        for reader in dict.fromkeys(own["reader"].astype(str)):
            title = f"{titles.get(criterion) or name_term(criterion)}, reader {reader}"
            plot = plot_patient(pick_course(course, criterion, reader), figure_style(study), title)
            charts[title] = draw_svg(plot)
    return charts
