"""One place for colours, sizes and the stamp of synthetic data."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Any
from unicodedata import east_asian_width

import plotnine as p9
import yaml

from prrt_outcomes.wording.terms import list_codes

INK = "#1A1A1A"
QUIET = "#5A5A5A"
GRID = "#E8E8E8"
STAMP = "#B34A00"
WARNING = "#B34A00"

COLOURS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("colours.yaml").read_text("utf-8"))
STYLES: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("styles.yaml").read_text("utf-8"))
MANY_COLOURS = tuple(COLOURS["many"])
PAGE_IN = 247 / 25.4  # height of a figure that fills a page
UNKNOWN_COLOUR = "#8C8C8C"
LINETYPES = ("solid", "dashed", "dashdot", "dotted")
# No axis has minor ticks.
scale_x = partial(p9.scale_x_continuous, minor_breaks=[])
scale_y = partial(p9.scale_y_continuous, minor_breaks=[])
scale_y_log = partial(p9.scale_y_log10, minor_breaks=[])

RESPONSE_COLOURS, GRADE_COLOURS = COLOURS["responses"], COLOURS["grades"]
METHOD_PLACES = COLOURS["methods"]


@dataclass(frozen=True)
class FigureStyle:
    """Sizes of one style of figure."""

    name: str  # key of `STYLES`
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
        """How much larger than that of two columns the text of this style is."""
        return self.text / 8.0

    @property
    def narrow(self) -> bool:
        """Whether the figure is less than 130 mm wide, with legends above and not beside it."""
        return self.width_in < 130 / 25.4

    @property
    def beside(self) -> str:
        """Where a legend stands: beside the panel where there is room."""
        return "top" if self.narrow else "right"

    def legend_in(self, labels: Collection[str], lines: float = 2.2) -> float:
        """Height of a legend above the panel; none beside it."""
        return (len(labels) * lines + 1) * self.row_in if self.narrow else 0.0

    @property
    def few(self) -> tuple[str, ...]:
        """Colours of up to five groups, the first two those of a comparison."""
        return tuple(STYLES[self.name]["few"])

    @property
    def page_in(self) -> float:
        """Greatest height of a figure."""
        return PAGE_IN * max(1.0, self.scale)

    def letters(self, share: float = 1.0, size: float = 0.0) -> int:
        """Letters in a share of the width of the figure, in small text or of `size` points."""
        return max(8, round(share * self.width_in * 72 / (0.6 * (size or self.small))))


def figure_style(study) -> FigureStyle:
    """Style that a study asks for: of less than 130 mm with text of 7 and 6 points, else of 8 and 7."""
    own = study.figures
    preset = STYLES[own.style]
    width_mm = preset["widths_mm"].get(own.width, own.width)
    if own.style == "slides":
        sizes: tuple[float, float, float, float, float] = (13.0, 11.5, preset["line"], width_mm / 25.4, 0.25)
    elif width_mm < 130:
        sizes = (7.0, 6.0, preset["line"] * 0.85, width_mm / 25.4, 0.135)
    else:
        sizes = (8.0, 7.0, preset["line"], width_mm / 25.4, 0.155)
    return FigureStyle(own.style, *sizes, bool(study.synthetic), study.analysis.confidence.level, own.titles)


def is_wide(letter: str) -> bool:
    """Whether a letter is as wide as it is high, as Chinese, Japanese and Korean ones are."""
    return east_asian_width(letter) in "WF"


def measure(text: str) -> float:
    """Width of a line in letters."""
    return len(text) + 0.75 * sum(map(is_wide, text))


def wrap(text: str, letters: float) -> str:
    """Lines of at most so many letters, of which a wide one counts as two."""
    padded = "".join(f"{letter}\0" if is_wide(letter) else letter for letter in text)
    return fill(padded, max(4, int(letters)), break_on_hyphens=padded == text).replace("\0", "")


def pick_linetypes(groups: Sequence[str]) -> dict[str, str]:
    """Line type of each group in turn, so that colour is never the only key."""
    return {g: LINETYPES[(i + i // len(MANY_COLOURS)) % len(LINETYPES)] for i, g in enumerate(groups)}


def theme_prrt(style: FigureStyle, height_in: float, width_in: float | None = None):
    """Theme of every figure: white, lines and text of the style, the stamp of synthetic data in a colour of its own."""
    small = p9.element_text(size=style.small, colour=INK)
    preset = STYLES[style.name]
    line, none = p9.element_line(size=0.35, colour=INK), p9.element_blank()
    return p9.theme_classic(base_size=style.text, base_family=preset["font"]) + p9.theme(
        text=p9.element_text(lineheight=1.1),
        figure_size=(width_in or style.width_in, height_in),
        plot_title=p9.element_text(size=style.text, weight="bold", ha="left", colour=INK),
        plot_title_position="plot",
        plot_subtitle=p9.element_text(size=style.small, ha="left", colour=QUIET),
        plot_caption=p9.element_text(size=style.small, weight="bold", ha="right", colour=STAMP),
        plot_caption_position="plot",
        axis_title=p9.element_text(size=style.text, colour=INK),
        axis_text=small,
        axis_line=none if preset["frame"] else line,
        panel_border=p9.element_rect(fill="none", colour=INK, size=0.35) if preset["frame"] else none,
        panel_grid_major_y=p9.element_line(size=0.3, colour=GRID) if preset["grid"] else none,
        axis_ticks=line,
        axis_ticks_minor=p9.element_blank(),
        legend_position="top",
        legend_direction="vertical" if style.narrow else None,
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
    **more,
) -> list:
    """Words and theme of a figure, with the caption that marks simulated patients; `more` is added to the theme.

    Titles of legends are left out unless `legend_title` is None.
    """
    caption = "Synthetic data: simulated patients" if style.synthetic else None
    title = wrap(title, style.letters(0.85, style.text)) if style.titles else ""
    subtitle = "\n".join(wrap(part, style.letters()) for part in subtitle.split("\n"))
    x = wrap(x, style.letters(0.75, style.text))
    height_in += (title.count("\n") + subtitle.count("\n") + x.count("\n")) * style.row_in * 1.1
    words = p9.labs(title=title or None, subtitle=subtitle or None, x=x, y=y, caption=caption)
    more = {k: v for k, v in ({"legend_title": p9.element_blank()} | more).items() if v is not None}
    return [words, theme_prrt(style, min(height_in, style.page_in)) + p9.theme(**more)]


def color_groups(column: str, groups: Sequence[str], style: FigureStyle) -> dict[str, str]:
    """Colour of each level of a grouping: the same in every figure of a study.

    Levels have the colour of their place in the schema where it lists them, else of their place among `groups`.
    """
    codes = [c for c in list_codes(column) if c != "unknown"]
    known = [g for g in groups if g != "unknown"]
    if not set(known) <= set(codes):
        codes = known
    palette = style.few if len(codes) <= len(style.few) else MANY_COLOURS
    colours = {code: palette[i % len(palette)] for i, code in enumerate(codes)}
    return {g: colours.get(g, UNKNOWN_COLOUR) for g in groups}


def group_scales(
    groups: Sequence[str],
    labels: Mapping[str, str],
    colours: Mapping[str, str],
    title: str = "",
    fill: bool = False,
    columns: int | None = None,
) -> list:
    """Colour, line type and fill of the levels of a grouping, with one legend, which shows the `fill` if asked."""
    words = {g: labels[g] for g in groups}
    colour = [colours[g] for g in groups]
    scales = key_scales(words, title, color=colour, linetype=pick_linetypes(groups).values(), columns=columns)
    return [*scales, *key_scales(words, title, fill=colour, guide=fill, columns=columns)]


def key_scales(
    labels: Mapping[str, str], title: str = "", guide: bool = True, columns: int | None = None, **values
) -> list:
    """Scales of one legend, in `columns`: values of each kind (color, fill, shape ...) in the order of the labels."""
    same = {"breaks": list(labels), "labels": list(labels.values()), "name": title}
    return [
        getattr(p9, f"scale_{kind}_manual")(
            values=list(own), guide=p9.guide_legend(ncol=columns) if guide else None, **same
        )
        for kind, own in values.items()
    ]


def label_percent(breaks: Sequence[float]) -> list[str]:
    """Shares as whole per cent."""
    return [f"{100 * b:.0f}%".replace("-", "\u2212") for b in breaks]


SHARES, TEXT_X = "shares", 10.0


def share_columns(widths: Sequence[float], narrow: bool = False) -> list:
    """Facets of a figure of shares: columns with an axis from 0 to 100%, `SHARES` unnamed; text at `TEXT_X`."""
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0][:: 1 if len(widths) < 3 else 2]
    ticks = ticks[:-1] if narrow and len(widths) > 3 else ticks
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
