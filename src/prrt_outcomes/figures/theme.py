"""One place for colours, sizes and the stamp of synthetic data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import plotnine as p9
import yaml

from prrt_outcomes.wording.terms import list_codes

FONT = "DejaVu Sans"
INK = "#1A1A1A"
QUIET = "#5A5A5A"
GRID = "#E8E8E8"
STAMP = "#B34A00"
WARNING = "#B34A00"

COLOURS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("colours.yaml").read_text("utf-8"))
FEW_COLOURS, MANY_COLOURS = tuple(COLOURS["few"]), tuple(COLOURS["many"])
UNKNOWN_COLOUR = "#8C8C8C"
LINETYPES = ("solid", "dashed", "dashdot", "dotted")
# No axis has minor ticks.
scale_x = partial(p9.scale_x_continuous, minor_breaks=[])
scale_y = partial(p9.scale_y_continuous, minor_breaks=[])
scale_y_log = partial(p9.scale_y_log10, minor_breaks=[])

RESPONSE_COLOURS, GRADE_COLOURS = COLOURS["responses"], COLOURS["grades"]
ESTIMATE_COLOURS, METHOD_COLOURS = COLOURS["estimates"], COLOURS["methods"]


@dataclass(frozen=True)
class FigureStyle:
    """Sizes of one style of figure."""

    name: str  # ``manuscript`` (two columns of a journal wide, 7.2 inches) or ``slides`` (a 16:9 slide)
    text: float  # size of text in points
    small: float  # size of text in tables below figures, in points
    line: float  # width of curves in millimetres, as plotnine counts
    width_in: float
    row_in: float  # height of one line of text in inches
    synthetic: bool  # whether the stamp stands on the figure
    level: float = 0.95  # confidence level of all intervals
    titles: bool = True  # whether the title stands on the figure: a journal sets it in the legend

    @property
    def scale(self) -> float:
        """How much larger than the manuscript's the text of this style is."""
        return self.text / 8.0


def figure_style(study) -> FigureStyle:
    """Style that a study asks for."""
    slides = study.figures.style == "slides"
    sizes = ("slides", 13.0, 11.5, 1.1, 12.0, 0.25) if slides else ("manuscript", 8.0, 7.0, 0.7, 7.2, 0.155)
    return FigureStyle(*sizes, bool(study.synthetic), study.analysis.confidence.level, study.figures.titles)


def pick_linetypes(groups: Sequence[str]) -> dict[str, str]:
    """Line type of each group in turn, so that colour is never the only key."""
    return {g: LINETYPES[(i + i // len(MANY_COLOURS)) % len(LINETYPES)] for i, g in enumerate(groups)}


def theme_prrt(style: FigureStyle, height_in: float, width_in: float | None = None):
    """Theme of every figure: white, two axes, text of the style, the synthetic-data caption in the stamp's colour."""
    small = p9.element_text(size=style.small, colour=INK)
    return p9.theme_classic(base_size=style.text, base_family=FONT) + p9.theme(
        text=p9.element_text(lineheight=1.1),
        figure_size=(width_in or style.width_in, height_in),
        plot_title=p9.element_text(size=style.text, weight="bold", ha="left", colour=INK),
        plot_title_position="plot",
        plot_subtitle=p9.element_text(size=style.small, ha="left", colour=QUIET),
        plot_caption=p9.element_text(size=style.small, weight="bold", ha="right", colour=STAMP),
        plot_caption_position="plot",
        axis_title=p9.element_text(size=style.text, colour=INK),
        axis_text=small,
        axis_line=p9.element_line(size=0.35, colour=INK),
        axis_ticks=p9.element_line(size=0.35, colour=INK),
        axis_ticks_minor=p9.element_blank(),
        legend_position="top",
        legend_title=p9.element_text(size=style.small, colour=QUIET, multialignment="left"),
        legend_text=p9.element_text(size=style.small, colour=INK, multialignment="left"),
        legend_key_size=style.small * 1.6,
        legend_key_spacing_y=style.small * 0.4,
        strip_background=p9.element_blank(),
        strip_text=p9.element_text(size=style.small, colour=INK),
    )


def dress(
    style: FigureStyle,
    height_in: float,
    *,
    title: str,
    subtitle: str = "",
    x: str = "",
    y: str = "",
    width_in: float | None = None,
    **more,
) -> list:
    """Words and theme of a figure, with the caption that marks simulated patients; `more` is added to the theme.

    Titles of legends are left out unless `legend_title` is None.
    """
    caption = "Synthetic data: simulated patients" if style.synthetic else None
    words = p9.labs(
        title=title if style.titles else None, subtitle=subtitle or None, x=x, y=y, caption=caption
    )
    more = {k: v for k, v in ({"legend_title": p9.element_blank()} | more).items() if v is not None}
    return [words, theme_prrt(style, height_in, width_in) + p9.theme(**more)]


def color_groups(column: str, groups: Sequence[str]) -> dict[str, str]:
    """Colour of each level of a grouping: the same in every figure of a study.

    Levels have the colour of their place in the schema where it lists them, else of their place among `groups`.
    """
    codes = [c for c in list_codes(column) if c != "unknown"]
    known = [g for g in groups if g != "unknown"]
    if not set(known) <= set(codes):
        codes = known
    palette = FEW_COLOURS if len(codes) <= len(FEW_COLOURS) else MANY_COLOURS
    colours = {code: palette[i % len(palette)] for i, code in enumerate(codes)}
    return {g: colours.get(g, UNKNOWN_COLOUR) for g in groups}


def group_scales(
    groups: Sequence[str],
    labels: Mapping[str, str],
    colours: Mapping[str, str],
    title: str = "",
    fill: bool = False,
) -> list:
    """Colour, line type and fill of the levels of a grouping, with one legend, which shows the `fill` if asked."""
    words = {g: labels[g] for g in groups}
    colour = [colours[g] for g in groups]
    scales = key_scales(words, title, color=colour, linetype=pick_linetypes(groups).values())
    return [*scales, *key_scales(words, title, fill=colour, guide="legend" if fill else None)]


def key_scales(labels: Mapping[str, str], title: str = "", guide: str | None = "legend", **values) -> list:
    """Scales of one legend: the values of each kind (color, fill, shape ...) in the order of the labels."""
    same = {"breaks": list(labels), "labels": list(labels.values()), "name": title, "guide": guide}
    return [getattr(p9, f"scale_{kind}_manual")(values=list(own), **same) for kind, own in values.items()]


def label_percent(breaks: Sequence[float]) -> list[str]:
    """Shares as whole per cent."""
    return [f"{100 * b:.0f}%" for b in breaks]


SHARES, TEXT_X = "shares", 10.0


def share_columns(widths: Sequence[float]) -> list:
    """Facets of a figure of shares: columns with an axis from 0 to 100%, `SHARES` unnamed; text at `TEXT_X`."""
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0][:: 1 if len(widths) < 3 else 2]
    return [
        p9.facet_grid(
            ". ~ column",
            scales="free_x",
            space={"x": list(widths), "y": [1]},
            labeller=p9.labeller(column=lambda head: "" if head in (SHARES, "") else head),
        ),
        scale_x(
            breaks=lambda limits: ticks if limits[0] < TEXT_X / 2 else [],
            labels=label_percent,
        ),
        p9.theme(
            axis_line_y=p9.element_blank(),
            axis_ticks_major_y=p9.element_blank(),
            panel_spacing_x=0.01 if len(widths) < 3 else 0.03,
        ),
    ]
