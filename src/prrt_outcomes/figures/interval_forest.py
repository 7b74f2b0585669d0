"""Forest of any estimates with intervals: rows with names, one axis or two side by side, text columns beside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.figures.canvas import Canvas, extra_height_in, measure_text_in, wrap_text
from prrt_outcomes.figures.forest import draw_ratio_axis
from prrt_outcomes.figures.panel import draw_title, foot_in, month_ticks, title_height_in
from prrt_outcomes.figures.theme import FEW_COLOURS, QUIET, FigureStyle
from prrt_outcomes.wording.numbers import (
    format_interval,
    format_months,
    format_number,
    format_ratio,
)

RATIO_RANGE = (0.05, 20.0)
WIDEST_NAME = 2.3


@dataclass(frozen=True)
class Axis:
    """One axis of the forest and the columns of the rows that it shows.

    Attributes
    ----------
    title : heading of the text column
    value, low, high, status : columns
    ratio : logarithmic with a line at 1, else from 0 on
    below : words under the axis
    """

    title: str
    value: str = "value"
    low: str = "low"
    high: str = "high"
    status: str = "status"
    ratio: bool = True
    below: str = ""

    def write(self, row: dict) -> str:
        """Estimate with interval; nothing for a row that has none on this axis."""
        if pd.isna(row[self.value]) and str(row.get(self.status, "")) in ("", "ok", "nan", "None", "<NA>"):
            return ""
        form = format_ratio if self.ratio else format_months
        return format_interval(
            row[self.value], row[self.low], row[self.high], form, status=row.get(self.status)
        )


@dataclass(frozen=True)
class _Place:
    """Where an axis stands on the sheet."""

    axis: Axis
    left: float
    width: float
    low: float
    high: float

    def at(self, value):
        """Inches from the left edge."""
        if self.axis.ratio:
            return self.left + self.width * np.log(value / self.low) / np.log(self.high / self.low)
        return self.left + self.width * (value - self.low) / (self.high - self.low)


def plot_interval_forest(
    rows: pd.DataFrame,
    axes: tuple[Axis, ...],
    style: FigureStyle,
    title: str,
    subtitle: str = "",
    columns: dict[str, str] | None = None,
):
    """Draw each row as a point with its interval on every axis that has a value for it.

    Parameters
    ----------
    rows : name, heading (bold, without numbers), the columns of the axes and of `columns`; optional colour and mark
        (a matplotlib marker)
    axes : from left to right
    style, title, subtitle : sizes and words
    columns : heading of further text columns by column of `rows`, set at the right

    Notes
    -----
    An interval that leaves the axis ends at its edge with an arrow head; a row that cannot be estimated says why.
    """
    import plotnine as p9

    rows, scale, small = rows.reset_index(drop=True).copy(), style.scale, style.small
    columns = columns or {}
    texts = [[axis.write(r) for r in rows.to_dict("records")] for axis in axes]
    text_in = [max(measure_text_in(t, small) for t in [a.title, *_short(own, style)]) + 0.22 * scale
               for a, own in zip(axes, texts, strict=True)]  # fmt: skip
    more_in = [
        max(measure_text_in(t, small) for t in [head, *rows[c].astype(str)]) + 0.16 * scale
        for c, head in columns.items()
    ]
    weights = np.where(rows["heading"], "bold", "normal")
    indents = np.where(rows["heading"], 0.0, 0.12 * scale)
    widest = max(measure_text_in(n, small, w) for n, w in zip(rows["name"], weights, strict=True))
    names_in = min(WIDEST_NAME * scale, widest + 0.24 * scale)
    rows["label"] = [
        wrap_text(n, names_in - 0.1 - i, small, w)
        for n, i, w in zip(rows["name"], indents, weights, strict=True)
    ]
    names_in = 0.14 * scale + max(
        i + measure_text_in(n, small, w) for n, i, w in zip(rows["label"], indents, weights, strict=True)
    )
    axis_in = (style.width_in - 0.2 - names_in - sum(text_in) - sum(more_in)) / len(axes) - 0.12
    axis_in = max(axis_in, 1.0 * scale)
    width_in = 0.2 + names_in + sum(text_in) + sum(more_in) + (axis_in + 0.12) * len(axes)
    heights = np.array([style.row_in * 1.25 + extra_height_in(x, small) for x in rows["label"]])
    bottom = (0.5 if any(a.below for a in axes) else 0.3) * scale + foot_in(style)
    head = title_height_in(style, subtitle, width_in) + 0.34 * scale
    sheet = Canvas(style, width_in, bottom + heights.sum() + head)
    draw_title(sheet, wrap_text(title, width_in - 0.2, style.text, "bold"), subtitle)
    rows["y"] = bottom + heights.sum() - np.cumsum(heights) + heights / 2
    top = bottom + heights.sum()
    for row, indent, weight in zip(rows.to_dict("records"), indents, weights, strict=True):
        sheet.add_text(0.1 + indent, row["y"], row["label"], size=small, weight=str(weight))
    left, bars = 0.1 + names_in, []
    for axis, own, wide in zip(axes, texts, text_in, strict=True):
        place = _Place(axis, left, axis_in, *_span(rows, axis))
        _draw_axis(sheet, place, bottom - 0.03, top)
        at = left + axis_in + 0.1 * scale
        sheet.add_text(at, top + 0.12 * scale, axis.title, size=small, colour=QUIET)
        for y, text in zip(rows["y"], own, strict=True):
            fits = measure_text_in(text, small) <= wide - 0.1 * scale
            sheet.add_text(at, y, text if fits else "not estimable", size=small)
        bars.append(_bars(rows, place))
        left += axis_in + wide + 0.12
    for (column, heading), wide in zip(columns.items(), more_in, strict=True):
        left += wide
        sheet.add_text(left - 0.05, top + 0.12 * scale, heading, ha="right", size=small, colour=QUIET)
        for y, text in zip(rows["y"], rows[column].astype(str), strict=True):
            sheet.add_text(left - 0.05, y, text, ha="right", size=small)
    return sheet.plot(*_layers(pd.concat(bars, ignore_index=True), style, p9))


def forest_rows(records: list[dict]) -> pd.DataFrame:
    """Rows of a forest from dicts; what a row does not name is empty."""
    frame = pd.DataFrame(records)
    frame["heading"] = frame["heading"].eq(True) if "heading" in frame else False
    for column in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[column]) and column not in ("status", "heading"):
            words = frame[column].astype("object")
            frame[column] = words.where(words.notna(), "")
    return frame


def _short(texts: list[str], style: FigureStyle) -> list[str]:
    """Texts that set the width of a column; longer reasons are replaced by `not estimable`."""
    widest = 1.5 * style.scale
    return [t if measure_text_in(t, style.small) <= widest else "not estimable" for t in texts] or [""]


def _span(rows: pd.DataFrame, axis: Axis) -> tuple[float, float]:
    known = pd.concat([rows[c] for c in (axis.value, axis.low, axis.high)]).astype(float)
    known = known[np.isfinite(known) & ((known > 0) | (not axis.ratio))]
    if axis.ratio:
        low, high = (min(0.5, known.min()), max(2.0, known.max())) if len(known) else (0.5, 2.0)
        return max(low / 1.1, RATIO_RANGE[0]), min(high * 1.1, RATIO_RANGE[1])
    values = rows[axis.value].astype(float)
    high = min(known.max(), 2.5 * values.max()) if len(known) else 1.0
    return 0.0, max(float(high), 1.0) * 1.04


def _draw_axis(sheet: Canvas, place: _Place, floor: float, ceiling: float) -> None:
    style = sheet.style
    sheet.add_line(place.left, floor, place.left + place.width, floor)
    if place.axis.ratio:
        draw_ratio_axis(sheet, place.at, place.low, place.high, floor)
        sheet.add_line(place.at(1.0), floor, place.at(1.0), ceiling, colour=QUIET, dash="dashed")
    else:
        for tick in month_ticks(place.high, place.width, style):
            if tick <= place.high:
                x = place.at(tick)
                sheet.add_line(x, floor, x, floor - 0.04)
                name = format_number(tick, 0)
                sheet.add_text(x, floor - 0.06, name, ha="center", va="top", size=style.small)
    middle = place.left + place.width / 2
    sheet.add_text(
        middle,
        floor - 0.34 * style.scale,
        place.axis.below,
        ha="center",
        size=style.small - 0.5,
        colour=QUIET,
    )


def _bars(rows: pd.DataFrame, place: _Place) -> pd.DataFrame:
    axis = place.axis
    value = rows[axis.value].astype(float)
    known = rows[value.notna() & ((value > 0) | (not axis.ratio))]
    value = known[axis.value].astype(float)
    low, high = (known[c].astype(float).fillna(value) for c in (axis.low, axis.high))
    return pd.DataFrame(
        {
            "x": place.at(value.clip(place.low, place.high)),
            "x_low": place.at(low.clip(place.low, place.high)),
            "x_high": place.at(high.clip(place.low, place.high)),
            "cut_low": low.lt(place.low),
            "cut_high": high.gt(place.high),
            "y": known["y"],
            "colour": _given(known, "colour", FEW_COLOURS[0]),
            "mark": _given(known, "mark", "s"),
        }
    )


def _given(rows: pd.DataFrame, column: str, default: str) -> pd.Series:
    if column not in rows:
        return pd.Series(default, index=rows.index)
    return rows[column].where(rows[column].astype(str).ne(""), default)


def _layers(bars: pd.DataFrame, style: FigureStyle, p9) -> list:
    aes = p9.aes(x="x_low", xend="x_high", y="y", yend="y", color="colour")
    layers = []
    for low, high, ends in (
        (False, False, ""),
        (True, False, "first"),
        (False, True, "last"),
        (True, True, "both"),
    ):
        part = bars[bars["cut_low"].eq(low) & bars["cut_high"].eq(high)]
        if len(part):
            head = {"arrow": p9.arrow(length=0.05, type="closed", angle=25, ends=ends)} if ends else {}
            layers.append(p9.geom_segment(part, aes, size=style.line * 0.8, **head))
    point = p9.aes("x", "y", color="colour", shape="mark")
    return [*layers, p9.geom_point(bars, point, size=1.9 * style.scale, stroke=0)]
