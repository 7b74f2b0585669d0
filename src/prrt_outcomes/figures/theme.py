"""One place for colours, sizes and the stamp of synthetic data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FONT = "DejaVu Sans"
INK = "#1A1A1A"
QUIET = "#5A5A5A"
GRID = "#E8E8E8"
STAMP = "#B34A00"
WARNING = "#B34A00"

# Okabe and Ito 2008 (yellow left out: unreadable on white), told apart with any common colour blindness.
FEW_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
# Tol 2021, muted scheme, for more than five groups; three more beyond nine.
MANY_COLOURS = (
    "#332288",
    "#CC6677",
    "#117733",
    "#88CCEE",
    "#AA4499",
    "#999933",
    "#44AA99",
    "#882255",
    "#DDCC77",
    "#000000",
    "#8A5A3C",
    "#4477AA",
)
UNKNOWN_COLOUR = "#8C8C8C"
LINETYPES = ("solid", "dashed", "dashdot", "dotted")

RESPONSE_COLOURS = {
    "CR": "#08306B",
    "PR": "#2171B5",
    "MR": "#6BAED6",
    "SD": "#B9C7D1",
    "NON-CR/NON-PD": "#DAD6C5",
    "PD": "#D55E00",
    "NE": "#F0F0F0",
}
GRADE_COLOURS = {0: "#EDEDED", 1: "#FDD9A0", 2: "#F5A55B", 3: "#D9581E", 4: "#8C2D04", 5: "#2B0B00"}
ESTIMATE_COLOURS = {
    "univariable": "#5A5A5A",
    "multivariable": "#0072B2",
    "multivariable_stratified": "#009E73",
}
METHOD_COLOURS = {
    "naive": "#D55E00",
    "landmark": "#0072B2",
    "simon_makuch": "#009E73",
    "mantel_byar": "#009E73",
    "time_dependent_cox": "#CC79A7",
}


@dataclass(frozen=True)
class FigureStyle:
    """Sizes of one style of figure.

    Attributes
    ----------
    name : ``manuscript`` (two columns of a journal wide, 7.2 inches) or ``slides`` (a 16:9 slide)
    text : size of text in points
    small : size of text in tables below figures, in points
    line : width of curves in millimetres, as plotnine counts
    width_in : width of a figure in inches
    row_in : height of one line of text in inches
    synthetic : whether the stamp stands on the figure
    """

    name: str
    text: float
    small: float
    line: float
    width_in: float
    row_in: float
    synthetic: bool

    @property
    def scale(self) -> float:
        """How much larger than the manuscript's the text of this style is."""
        return self.text / 8.0


def figure_style(study) -> FigureStyle:
    """Style that a study asks for."""
    synthetic = bool(study.synthetic)
    if study.figures.style == "slides":
        return FigureStyle("slides", 13.0, 11.5, 1.1, 12.0, 0.25, synthetic)
    return FigureStyle("manuscript", 8.0, 7.0, 0.7, 7.2, 0.155, synthetic)


def pick_colours(groups: Sequence[str]) -> dict[str, str]:
    """Colour of each group, in order; unknown is grey, a single group is ink blue."""
    known = [g for g in groups if g != "unknown"]
    palette = FEW_COLOURS if len(known) <= len(FEW_COLOURS) else MANY_COLOURS
    colours = {g: palette[i % len(palette)] for i, g in enumerate(known)}
    return colours | ({"unknown": UNKNOWN_COLOUR} if "unknown" in groups else {})


def pick_linetypes(groups: Sequence[str]) -> dict[str, str]:
    """Line type of each group: all solid up to five, else in turn, so that colour is never the only key."""
    if len(groups) <= len(FEW_COLOURS):
        return dict.fromkeys(groups, "solid")
    return {g: LINETYPES[(i + i // 9) % 3] for i, g in enumerate(groups)}
