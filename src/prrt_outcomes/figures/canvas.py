"""A sheet measured in inches on which curves, text and tables find exact places.

plotnine 0.15 composes plots without relative heights and does not align text with a panel, so a table of
numbers at risk cannot stand under its ticks. Here the panel fills the whole figure, a unit of the data is
a known number of inches, and text is measured before it is placed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from textwrap import wrap

import pandas as pd

from prrt_outcomes.figures.theme import FONT, INK, STAMP, FigureStyle

POINTS_PER_INCH = 72.0
UNITS = 100.0  # letters are measured large, so that rounding to pixels does not count
HINTING = 1.07  # a raster sets letters on whole pixels, so printed words are wider than their outlines
LINE_SPACING = 1.2


@lru_cache(maxsize=8192)
def measure_text_in(text: str, size: float, weight: str = "normal") -> float:
    """Width of the widest line of a text, in inches, with the font that figures are drawn with."""
    font = _font(weight)
    font.set_size(UNITS, POINTS_PER_INCH)
    widths = [_line_width(font, line) for line in text.split("\n") if line.strip()]
    return HINTING * max(widths, default=0.0) * size / UNITS / POINTS_PER_INCH


@lru_cache(maxsize=2)
def _font(weight: str):
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return get_font(findfont(FontProperties(family=FONT, weight=weight)))


def _line_width(font, line: str) -> float:
    """Width of one line in points at the size that is set."""
    from matplotlib.ft2font import LoadFlags

    font.set_text(line, 0.0, flags=LoadFlags.NO_HINTING)
    return font.get_width_height()[0] / 64.0


def wrap_text(text: str, width_in: float, size: float, weight: str = "normal") -> str:
    """Break a text into lines no wider than `width_in`; a single word too long for a line is cut in two."""
    if measure_text_in(text, size, weight) <= width_in:
        return text
    letters = max(6, int(len(text) * width_in / measure_text_in(text, size, weight)))
    while letters > 6:
        lines = "\n".join(wrap(text, letters))
        if measure_text_in(lines, size, weight) <= width_in:
            return lines
        letters -= 1
    return "\n".join(wrap(text, 6))


def extra_height_in(text: str, size: float) -> float:
    """Inches by which a text is higher than one line."""
    return text.count("\n") * size * LINE_SPACING / POINTS_PER_INCH


@dataclass
class Canvas:
    """A sheet of `width_in` by `height_in` inches; the point `origin` (data) lies at `at_in` (inches).

    Attributes
    ----------
    style : sizes and stamp
    width_in, height_in : size of the figure
    x_inch, y_inch : data units in one inch
    x_at, y_at : inches from the left and the lower edge where the data origin lies
    x_origin, y_origin : data values there
    """

    style: FigureStyle
    width_in: float
    height_in: float
    x_inch: float = 1.0
    y_inch: float = 1.0
    x_at: float = 0.0
    y_at: float = 0.0
    x_origin: float = 0.0
    y_origin: float = 0.0
    texts: list[dict] = field(default_factory=list)
    lines: list[dict] = field(default_factory=list)

    def x(self, inches: float) -> float:
        """Data value at a distance from the left edge."""
        return self.x_origin + (inches - self.x_at) * self.x_inch

    def y(self, inches: float) -> float:
        """Data value at a distance from the lower edge."""
        return self.y_origin + (inches - self.y_at) * self.y_inch

    def add_text(
        self,
        x: float,
        y: float,
        label: str,
        *,
        ha: str = "left",
        va: str = "center",
        size: float | None = None,
        colour: str = INK,
        weight: str = "normal",
        angle: float = 0.0,
    ) -> None:
        """Place a text at data coordinates."""
        if label:
            self.texts.append(
                {
                    "x": float(x),
                    "y": float(y),
                    "label": str(label).replace("$", r"\$"),
                    "ha": ha,
                    "va": va,
                    "size": size or self.style.text,
                    "colour": colour,
                    "weight": weight,
                    "angle": angle,
                }
            )

    def add_line(
        self,
        x: float,
        y: float,
        xend: float,
        yend: float,
        *,
        colour: str = INK,
        width: float = 0.35,
        dash="solid",
    ) -> None:
        """Draw a straight line between data coordinates."""
        row = {"x": x, "y": y, "xend": xend, "yend": yend, "colour": colour, "width": width, "dash": dash}
        self.lines.append({k: v if isinstance(v, str) else float(v) for k, v in row.items()})

    def plot(self, *layers, below: bool = True):
        """Put layers, lines and text together into a plotnine plot of the exact size."""
        import plotnine as p9

        if self.style.synthetic:
            self.add_text(
                self.x(self.width_in - 0.08),
                self.y(0.06),
                "Synthetic data: simulated patients",
                ha="right",
                va="bottom",
                size=self.style.small,
                colour=STAMP,
                weight="bold",
            )
        plot = p9.ggplot()
        rules = p9.geom_segment(
            pd.DataFrame(self.lines or [], columns=["x", "y", "xend", "yend", "colour", "width", "dash"]),
            p9.aes("x", "y", xend="xend", yend="yend", color="colour", size="width", linetype="dash"),
        )
        if self.lines and below:
            plot += rules
        for layer in layers:
            plot += layer
        if self.lines and not below:
            plot += rules
        if self.texts:
            plot += p9.geom_text(
                pd.DataFrame(self.texts),
                p9.aes(
                    "x",
                    "y",
                    label="label",
                    ha="ha",
                    va="va",
                    size="size",
                    color="colour",
                    fontweight="weight",
                    angle="angle",
                ),
                family=FONT,
            )
        return plot + self._frame()

    def _frame(self) -> list:
        import plotnine as p9

        blank = p9.element_blank()
        return [
            p9.scale_color_identity(guide=None),
            p9.scale_fill_identity(guide=None),
            p9.scale_size_identity(guide=None),
            p9.scale_linetype_identity(guide=None),
            p9.scale_shape_identity(guide=None),
            p9.scale_alpha_identity(guide=None),
            p9.coord_cartesian(
                xlim=(self.x(0), self.x(self.width_in)),
                ylim=(self.y(0), self.y(self.height_in)),
                expand=False,
            ),
            p9.theme_void(base_family=FONT),
            p9.theme(
                figure_size=(self.width_in, self.height_in),
                plot_margin=0,
                axis_text=blank,
                axis_title=blank,
                axis_ticks=blank,
                axis_ticks_length=0,
                plot_background=p9.element_rect(fill="white", color="white"),
                panel_background=blank,
                legend_position="none",
            ),
        ]
