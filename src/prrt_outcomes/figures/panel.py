"""A rectangle of a sheet with axes of its own, and the title and legend that stand around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prrt_outcomes.figures.canvas import Canvas, extra_height_in, measure_text_in, wrap_text
from prrt_outcomes.figures.theme import GRID, QUIET, FigureStyle
from prrt_outcomes.wording.numbers import format_number

MONTH_STEPS = (1, 2, 3, 6, 12, 24, 36, 60, 120)


@dataclass(frozen=True)
class Panel:
    """Axes on a sheet whose unit is the inch.

    Attributes
    ----------
    left, bottom, width, height : inches
    x_low, x_high, y_low, y_high : data values at the edges
    """

    left: float
    bottom: float
    width: float
    height: float
    x_low: float = 0.0
    x_high: float = 1.0
    y_low: float = 0.0
    y_high: float = 1.0

    def px(self, values):
        """Inches from the left edge of the sheet."""
        return self.left + self.width * (values - self.x_low) / (self.x_high - self.x_low)

    def py(self, values):
        """Inches from the lower edge of the sheet."""
        return self.bottom + self.height * (values - self.y_low) / (self.y_high - self.y_low)


def draw_title(sheet: Canvas, title: str, subtitle: str = "", colour: str = QUIET) -> None:
    """Title and the line below it, at the upper left."""
    style, top = sheet.style, sheet.y(sheet.height_in - 0.1)
    left = sheet.x(0.1)
    wide = sheet.width_in - 0.2
    sheet.add_text(left, top, wrap_text(title, wide, style.text, "bold"), va="top", weight="bold")
    below = sheet.y(sheet.height_in - 0.14 - 1.15 * style.row_in)
    sheet.add_text(
        left, below, wrap_text(subtitle, wide, style.small), va="top", size=style.small, colour=colour
    )


def title_height_in(style: FigureStyle, subtitle: str, width_in: float) -> float:
    """Inches that title and subtitle take."""
    lines = wrap_text(subtitle, width_in - 0.2, style.small) if subtitle else ""
    return 0.3 * style.scale + (1.3 * style.row_in + extra_height_in(lines, style.small) if lines else 0.0)


def month_ticks(last: float, width_in: float, style: FigureStyle) -> list[float]:
    """Ticks at whole months, as dense as the numbers allow."""
    room = max(2, int(width_in / (0.34 * style.scale)))
    for step in MONTH_STEPS:
        if last / step <= room:
            break
    return [float(t) for t in range(0, int(np.ceil(last / step - 1e-9)) * step + 1, step)]


def draw_x_axis(sheet: Canvas, panel: Panel, ticks: Sequence[float], title: str = "", labels=None) -> None:
    """Line, ticks, numbers and title under a panel."""
    style = sheet.style
    right = panel.left + panel.width
    sheet.add_line(panel.left, panel.bottom, right, panel.bottom)
    names = labels or [format_number(t, 0 if float(t).is_integer() else 1) for t in ticks]
    for tick, name in zip(ticks, names, strict=True):
        x = float(panel.px(tick))
        sheet.add_line(x, panel.bottom, x, panel.bottom - 0.05)
        sheet.add_text(x, panel.bottom - 0.08, name, ha="center", va="top", size=style.small)
    middle = panel.left + panel.width / 2
    sheet.add_text(middle, panel.bottom - 0.1 - style.row_in, title, ha="center", va="top", size=style.small)


def draw_y_axis(
    sheet: Canvas, panel: Panel, ticks: Sequence[float], labels: Sequence[str], *, numbers: bool = True
) -> None:
    """Line, ticks, numbers and light rules of a panel."""
    style = sheet.style
    for tick, label in zip(ticks, labels, strict=True):
        y = float(panel.py(tick))
        if abs(y - panel.bottom) > 1e-9:
            sheet.add_line(panel.left, y, panel.left + panel.width, y, colour=GRID)
        sheet.add_line(panel.left - 0.05, y, panel.left, y)
        if numbers:
            sheet.add_text(panel.left - 0.09, y, label, ha="right", size=style.small)
    sheet.add_line(panel.left, panel.bottom, panel.left, panel.bottom + panel.height)


def draw_percent_axis(sheet: Canvas, panel: Panel, *, numbers: bool = True) -> None:
    """Axis from 0 to 100 per cent."""
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    draw_y_axis(sheet, panel, shares, [f"{100 * s:.0f}" for s in shares], numbers=numbers)


def draw_key(
    sheet: Canvas,
    left: float,
    top: float,
    entries: Sequence[tuple[str, str, str]],
    *,
    width_in: float,
    filled: bool = False,
) -> float:
    """Legend, one entry below the other; returns inches used.

    Parameters
    ----------
    left, top : upper left corner in inches
    entries : label, colour, line type
    width_in : room for the words
    filled : squares instead of lines
    """
    style = sheet.style
    at = top
    for label, colour, dash in entries:
        words = wrap_text(label, width_in - 0.24 * style.scale, style.small)
        extra = extra_height_in(words, style.small)
        end = left + (0.1 if filled else 0.17) * style.scale
        width = 4.0 * style.scale if filled else style.line * 1.3
        sheet.add_line(left, at, end, at, colour=colour, width=width, dash=dash)
        sheet.add_text(left + 0.24 * style.scale, at - extra / 2, words, size=style.small)
        at -= style.row_in * 1.15 + extra
    return top - at


def key_width_in(labels: Sequence[str], style: FigureStyle, widest: float = 1.9) -> float:
    """Inches that a legend needs beside a panel."""
    words = [wrap_text(label, widest * style.scale, style.small) for label in labels]
    return max(measure_text_in(w, style.small) for w in words) + 0.5 * style.scale


def foot_in(style: FigureStyle) -> float:
    """Room for the stamp below everything."""
    return 0.2 * style.scale if style.synthetic else 0.06


def draw_key_row(
    sheet: Canvas, left: float, at: float, entries: Sequence[tuple[str, str, str]], width_in: float
) -> int:
    """Legend with filled squares from left to right, broken where the sheet ends; returns lines used."""
    style = sheet.style
    x, lines = left, 1
    for label, colour, dash in entries:
        need = measure_text_in(label, style.small) + 0.36 * style.scale
        if x + need > left + width_in and x > left:
            x, lines = left, lines + 1
        y = at - (lines - 1) * style.row_in * 1.15
        sheet.add_line(x, y, x + 0.1 * style.scale, y, colour=colour, width=4.0 * style.scale, dash=dash)
        sheet.add_text(x + 0.17 * style.scale, y, label, size=style.small)
        x += need
    return lines
