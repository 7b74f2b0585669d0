"""Forest of estimates with intervals: names, counts, one or more axes with their numbers, aligned row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np
import pandas as pd

from prrt_outcomes.figures.curves import month_ticks
from prrt_outcomes.figures.theme import (
    FEW_COLOURS,
    INK,
    QUIET,
    FigureStyle,
    synthetic_caption,
    theme_prrt,
)
from prrt_outcomes.wording.numbers import (
    format_interval,
    format_months,
    format_number,
    format_ratio,
)

AXIS_RATIOS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
RATIO_RANGE = (0.05, 20.0)
MOST_RATIO_TICKS = 6
NAME_LETTERS = 38
TEXT_LETTERS = 24
APART = 10_000.0  # columns of the grid lie this far apart on the x scale, so that breaks know their column
LETTER_IN = 0.0080  # width of a letter in inches, per point of its size


@dataclass(frozen=True)
class Axis:
    """One axis of the forest and the columns of the rows that it shows.

    Attributes
    ----------
    title : heading of its column of numbers
    value, low, high, status : columns of the rows
    ratio : logarithmic with a line at 1, else from 0 on
    below : words at the axis
    head : heading over the axis
    text : column with the words of each estimate; written from value, low and high where it is left out
    p : column with p-values as text; none where it is left out
    """

    title: str
    value: str = "value"
    low: str = "low"
    high: str = "high"
    status: str = "status"
    ratio: bool = True
    below: str = ""
    head: str = ""
    text: str = ""
    p: str = ""

    def write(self, row: dict) -> str:
        """Estimate with interval; nothing for a row that has none on this axis."""
        if self.text:
            return str(row[self.text])
        if pd.isna(row[self.value]) and str(row.get(self.status, "")) in ("", "ok", "nan", "None", "<NA>"):
            return ""
        form = format_ratio if self.ratio else format_months
        words = format_interval(
            row[self.value], row[self.low], row[self.high], form, status=row.get(self.status)
        )
        return words if len(words) <= TEXT_LETTERS else "not estimable"

    def span(self, rows: pd.DataFrame) -> tuple[float, float]:
        """Lowest and highest value of the axis."""
        known = pd.concat([rows[c] for c in (self.value, self.low, self.high)]).astype(float)
        known = known[np.isfinite(known) & ((known > 0) | (not self.ratio))]
        if self.ratio:
            low, high = (min(0.5, known.min()), max(2.0, known.max())) if len(known) else (0.5, 2.0)
            return max(low / 1.1, RATIO_RANGE[0]), min(high * 1.1, RATIO_RANGE[1])
        high = min(known.max(), 2.5 * rows[self.value].astype(float).max()) if len(known) else 1.0
        return 0.0, max(float(high), 1.0) * 1.04

    def place(self, values):
        """Position of values on the x scale of its column."""
        return np.log(values) if self.ratio else values

    def ticks(self, low: float, high: float) -> list[float]:
        """Values that are labelled."""
        if not self.ratio:
            return [t for t in month_ticks(high, 6) if t <= high]
        ratios = [r for r in AXIS_RATIOS if low <= r <= high]
        step = -(-len(ratios) // MOST_RATIO_TICKS)
        middle = ratios.index(1) if 1 in ratios else 0
        return [r for i, r in enumerate(ratios) if (i - middle) % step == 0]


@dataclass(frozen=True)
class _Column:
    """A column of the grid: an axis, or text; `width` in inches."""

    head: str
    width: float
    axis: Axis | None = None
    span: tuple[float, float] = (0.0, 1.0)


def plot_forest(
    rows: pd.DataFrame,
    axes: Sequence[Axis],
    style: FigureStyle,
    title: str,
    subtitle: str = "",
    columns: Mapping[str, str] | None = None,
):
    """Draw each row as a point with its interval on every axis that has a value for it.

    Parameters
    ----------
    rows : name, heading (bold, without numbers), the columns of the axes and of `columns`; optional colour, mark
        (a matplotlib marker) and indent
    axes : from left to right
    style, title, subtitle : sizes and words
    columns : heading of text columns by column of `rows`, placed after the names

    Returns
    -------
    plotnine.ggplot
        names, text and axes are columns of one facet grid.

    Notes
    -----
    An interval that leaves the axis ends at its edge with an arrow head; a row that cannot be estimated says why.
    """
    import plotnine as p9

    rows = _lay_rows(rows)
    grid, texts, bars = _lay_columns(rows, axes, columns or {}, style)
    names = list(grid)
    lines = float(-rows["y"].min()) + 0.9
    drawn = _as_columns(pd.concat(bars, ignore_index=True), names)
    words = _as_columns(pd.concat(texts, ignore_index=True), names)
    ones = [APART * k for k, c in enumerate(grid.values()) if c.axis is not None and c.axis.ratio]
    at_one = pd.DataFrame({"x": ones, "column": [names[round(x / APART)] for x in ones]})
    edges = [(n, APART * k + x) for k, (n, c) in enumerate(grid.items()) for x in _edges(c)]
    room = _as_columns(pd.DataFrame(edges, columns=["column", "x"]).assign(y=-lines), names)
    colours = list(dict.fromkeys(drawn["colour"]))
    plot = p9.ggplot(drawn, p9.aes("x", "y", color="colour"))
    if ones:
        one = _as_columns(at_one, names)
        plot += p9.geom_vline(one, p9.aes(xintercept="x"), linetype="dashed", color=QUIET, size=0.35)
    plot += _interval_layers(drawn, style)
    for weight, part in words.groupby("weight", sort=False):
        for side, own in part.groupby("ha", sort=False):
            text = p9.aes("x", "y", label="label")
            plot += p9.geom_text(
                own, text, size=style.small, ha=side, fontweight=weight, color=INK, inherit_aes=False
            )
    heads = {n: c.head for n, c in grid.items()}
    head_lines = max(h.count("\n") + 1 for h in heads.values())
    width = max(style.width_in, sum(c.width for c in grid.values()) + 0.3)
    subtitle = fill(subtitle, round(width / style.small / LETTER_IN * 0.92))
    height = (lines * 1.25 + head_lines + subtitle.count("\n") + 1) * style.row_in + 0.95 * style.scale
    return (
        plot
        + p9.geom_blank(room, p9.aes("x", "y"), inherit_aes=False)
        + p9.facet_grid(
            ". ~ column",
            scales="free_x",
            space={"x": [c.width for c in grid.values()], "y": [1]},
            labeller=p9.labeller(column=heads.get),
        )
        + p9.scale_color_manual(values=dict(zip(colours, colours, strict=True)))
        + p9.scale_x_continuous(breaks=_Breaks(tuple(grid.values())), labels=_label_with(grid), expand=(0, 0))
        + p9.scale_y_continuous(breaks=[], limits=(-lines, 0.1), expand=(0, 0))
        + p9.labs(
            title=fill(title, round(width / style.text / LETTER_IN * 0.8)), subtitle=subtitle, x="", y=""
        )
        + theme_prrt(style, height, width, legend="none")
        + p9.theme(axis_line_y=p9.element_blank(), axis_title=p9.element_blank(), panel_spacing_x=0.004)
        + synthetic_caption(style)
    )


@dataclass(frozen=True)
class _Breaks:
    """Ticks of a column of the grid, which its limits tell."""

    columns: tuple[_Column, ...]

    def __call__(self, limits: tuple[float, float]) -> list[float]:
        k = round((limits[0] + limits[1]) / 2 / APART)
        column = self.columns[min(max(k, 0), len(self.columns) - 1)]
        if column.axis is None:
            return []
        return [APART * k + float(column.axis.place(t)) for t in column.axis.ticks(*column.span)]


def _label_with(grid: Mapping[str, _Column]):
    columns = tuple(grid.values())

    def label(breaks: Sequence[float]) -> list[str]:
        words = []
        for b in breaks:
            k = min(max(round(b / APART), 0), len(columns) - 1)
            axis, value = columns[k].axis, b - APART * k
            words.append(f"{np.exp(value):.4g}" if axis is None or axis.ratio else format_number(value, 0))
        return words

    return label


def _edges(column: _Column) -> tuple[float, float]:
    """Limits of a column on its x scale; an axis leaves a little room."""
    if column.axis is None:
        return 0.0, 1.0
    low, high = (float(column.axis.place(v)) for v in column.span)
    return low - 0.03 * (high - low), high + 0.03 * (high - low)


def _lay_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Names broken into lines and the height of each row, from the top down, in lines of text."""
    rows = rows.reset_index(drop=True).copy()
    indent = rows["heading"].map({True: 0, False: 2}) if "indent" not in rows else rows["indent"]
    rows["label"] = [
        "\n".join(" " * i + line for line in (fill(n, NAME_LETTERS).split("\n")))
        for n, i in zip(rows["name"], indent, strict=True)
    ]
    height = rows["label"].str.count("\n") * 0.85 + 1.0
    rows["y"] = -(height.cumsum() - height / 2)
    return rows


def _lay_columns(rows, axes, columns, style) -> tuple[dict[str, _Column], list, list]:
    """Columns of the grid from left to right, their text, and the intervals of the axes."""
    letter = style.small * LETTER_IN
    grid, texts, bars = {}, [], []

    def add_text(head: str, words: Sequence[str], ha: str, weight: Sequence[str] | str = "normal") -> None:
        longest = max([len(line) for w in [*words, head] for line in str(w).split("\n")])
        k = len(grid)
        grid[f"c{k:02d}"] = _Column(head, (longest + 2.5) * letter)
        at = {"left": 0.0, "right": 0.96, "center": 0.5}[ha]
        part = pd.DataFrame({"x": APART * k + at, "y": rows["y"], "label": list(words), "ha": ha})
        texts.append(part.assign(column=f"c{k:02d}", weight=weight)[part["label"].ne("")])

    weights = rows["heading"].map({True: "bold", False: "normal"})
    add_text("", rows["label"].tolist(), "left", weights)
    for column, head in columns.items():
        add_text(head, rows[column].astype(str).tolist(), "center")
    fixed = sum(c.width for c in grid.values())
    written = [[axis.write(r) for r in rows.to_dict("records")] for axis in axes]
    for axis, words in zip(axes, written, strict=True):
        fixed += (max(len(w) for w in [*words, axis.title]) + 2.5 + (8 if axis.p else 0)) * letter
    longest = max(len(line) for axis in axes for line in (axis.head, axis.below))
    width = max(1.25 * style.scale, longest * letter, (style.width_in - 0.3 - fixed) / len(axes))
    for axis, words in zip(axes, written, strict=True):
        k, span = len(grid), axis.span(rows)
        head = "\n".join(h for h in (axis.head, axis.below) if h)
        grid[f"c{k:02d}"] = _Column(head, width, axis, span)
        bars.append(_place_bars(rows, axis, span, APART * k).assign(column=f"c{k:02d}"))
        add_text(axis.title, words, "center")
        if axis.p:
            add_text("p", rows[axis.p].astype(str).tolist(), "center")
    return grid, texts, bars


def _place_bars(rows: pd.DataFrame, axis: Axis, span: tuple[float, float], origin: float) -> pd.DataFrame:
    value = rows[axis.value].astype(float)
    known = rows[value.notna() & ((value > 0) | (not axis.ratio))]
    value = known[axis.value].astype(float)
    low, high = (known[c].astype(float).fillna(value) for c in (axis.low, axis.high))
    return pd.DataFrame(
        {
            "x": origin + axis.place(value.clip(*span)),
            "x_low": origin + axis.place(low.clip(*span)),
            "x_high": origin + axis.place(high.clip(*span)),
            "cut_low": low.lt(span[0]),
            "cut_high": high.gt(span[1]),
            "y": known["y"],
            "colour": _given(known, f"colour_{axis.value}", _given(known, "colour", FEW_COLOURS[0])),
            "mark": _given(known, "mark", "s"),
        }
    )


def _given(rows: pd.DataFrame, column: str, default) -> pd.Series:
    if column not in rows:
        return default if isinstance(default, pd.Series) else pd.Series(default, index=rows.index)
    return rows[column].where(rows[column].astype(str).ne("") & rows[column].notna(), default)


def _as_columns(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    return frame.assign(column=pd.Categorical(frame["column"], list(names)))


def _interval_layers(bars: pd.DataFrame, style: FigureStyle) -> list:
    import plotnine as p9

    aes = p9.aes(x="x_low", xend="x_high", y="y", yend="y")
    layers = []
    ends = {(False, False): "", (True, False): "first", (False, True): "last", (True, True): "both"}
    for (low, high), end in ends.items():
        part = bars[bars["cut_low"].eq(low) & bars["cut_high"].eq(high)]
        if len(part):
            head = {"arrow": p9.arrow(length=0.05, type="closed", angle=25, ends=end)} if end else {}
            layers.append(p9.geom_segment(part, aes, size=style.line * 0.8, **head))
    for mark, part in bars.groupby("mark", sort=False):
        layers.append(p9.geom_point(part, shape=mark, size=1.9 * style.scale, stroke=0))
    return layers


def forest_rows(records: Sequence[dict]) -> pd.DataFrame:
    """Rows of a forest from dicts; what a row does not name is empty."""
    frame = pd.DataFrame(list(records))
    frame["heading"] = frame["heading"].eq(True) if "heading" in frame else False
    for column in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[column]) and column not in ("status", "heading"):
            words = frame[column].astype("object")
            frame[column] = words.where(words.notna(), "")
    return frame
