"""Forest plots: estimates with intervals in rows, with columns of text aligned beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import fill

import numpy as np
import pandas as pd
import plotnine as p9

from prrt_outcomes.figures.curves import MONTHS_APART
from prrt_outcomes.figures.theme import FEW_COLOURS, GRID, INK, QUIET, FigureStyle, dress, key_scales, scale_x
from prrt_outcomes.wording.numbers import format_interval, format_level, format_number, format_ratio

RATIOS_SHOWN = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
FEW_RATIOS = (0.05, 0.2, 1.0, 5.0, 20.0)
RATIO_RANGE = (0.05, 20.0)
NAME_LETTERS = 34
TEXT_LETTERS = 22
TEXT_AT = 1e4  # columns of text have no axis: their place lies beyond every estimate
EM = 0.58  # width of a letter, as a share of its size


@dataclass(frozen=True)
class Axis:
    """Estimates of one panel, and the text beside it, from columns of the records."""

    text: str  # heading of the column of estimates, to which the level of the intervals is added
    value: str = "value"
    low: str = "low"
    high: str = "high"
    status: str = "status"
    ratio: bool = True  # logarithmic with a line at 1, else from 0 on
    title: str = ""  # heading of the panel: what is estimated
    below: str = ""  # what its two sides mean
    series: str = ""  # of the estimates of this panel, where the records name none

    def write(self, row: Mapping) -> str:
        """Estimate with interval, or why there is none; nothing for a row that has none on this axis."""
        value, status = row.get(self.value, np.nan), row.get(self.status)
        if pd.isna(value) and str(status) in ("", "ok", "nan", "None", "<NA>"):
            return ""
        form = format_ratio if self.ratio else format_number
        words = format_interval(value, row.get(self.low), row.get(self.high), form, status=status)
        return fill(words, TEXT_LETTERS)

    def span(self, values: pd.DataFrame) -> tuple[float, float]:
        """Ends of the axis: at least 0.5 to 2 of a ratio, at most 0.05 to 20; from 0 for months."""
        known = values[["value", "low", "high"]].astype(float).to_numpy().ravel()
        known = known[np.isfinite(known) & ((known > 0) | (not self.ratio))]
        if self.ratio:
            low, high = (min(0.5, known.min()), max(2.0, known.max())) if len(known) else (0.5, 2.0)
            return max(low / 1.1, RATIO_RANGE[0]), min(high * 1.1, RATIO_RANGE[1])
        most = values["value"].astype(float).max()
        high = min(known.max(), 2.5 * most) if len(known) else 1.0
        return 0.0, max(float(high), 1.0) * 1.04


@dataclass(frozen=True)
class Forest:
    """Rows of a forest and their words.

    A record has name, heading (bold, without numbers), series, the columns of the axes and of `columns`; a text instead
    of an estimate, such as ``reference``, stands in the column of its value with ``_text`` behind it.
    """

    records: Sequence[Mapping]
    axes: Sequence[Axis]  # panels from left to right
    title: str
    subtitle: str = ""
    # Heading of further columns of text; ``counts 0`` stands left of the first panel, ``p 0`` behind it.
    columns: Mapping[str, str] = field(default_factory=dict)
    before: Sequence[str] = ()  # columns of text left of the panels
    series: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # words (of a legend) and colour
    marks: Mapping[str, str] = field(default_factory=dict)  # shape of a kind of estimate that is no square


def plot_forest(forest: Forest, style: FigureStyle):
    """Draw each record as a point with its interval in every panel that has a value for it.

    Panels and columns of text are columns of one facet grid. An interval that leaves its axis ends in an arrow head;
    a row that cannot be estimated says why.
    """
    series = forest.series or {"": ("", FEW_COLOURS[0])}
    texts = list_texts(forest)
    estimates = list_estimates(forest)
    heads = _list_heads(forest, style)
    rows = _place_rows(forest, texts)
    order = list(heads)
    names = rows.assign(column="names", weight=np.where(rows["heading"], "bold", "normal"), ha="left")
    texts = texts.merge(rows[["row", "y"]], on="row").assign(weight="normal", ha="center")
    texts = pd.concat([names, texts], ignore_index=True).assign(
        column=lambda d: pd.Categorical(d["column"], order), x=TEXT_AT
    )
    widths, width_in = _column_widths(forest, texts, heads, style)
    estimates = estimates.merge(rows[["row", "y"]], on="row")
    estimates["column"] = pd.Categorical(estimates["column"], order)
    kinds = [s for s in series if s in set(estimates["series"])]
    estimates["series"] = pd.Categorical(estimates["series"], kinds)
    words = {k: series[k][0] for k in kinds}
    colours, shapes = [series[k][1] for k in kinds], [forest.marks.get(k, "s") for k in kinds]
    legend = "top" if any(words.values()) else "none"
    lines = rows["y"].iloc[0] + rows["height"].iloc[0] / 2
    above = 3.2 + max(h.count("\n") for h in heads.values()) + (legend == "top") * 1.6
    above += (forest.subtitle != "") * (fill(forest.subtitle, _letters(style, width_in)).count("\n") + 1.2)
    return (
        p9.ggplot(estimates, p9.aes("x", "y"))
        + _layers(estimates, forest, texts, style, order)
        + p9.facet_grid(
            ". ~ column",
            scales="free_x",
            space={"x": widths, "y": [1]},
            labeller=p9.labeller(column=lambda c: heads[c]),
        )
        + key_scales(words, color=colours, shape=shapes)
        + scale_x(breaks=axis_breaks, labels=_label_axis, expand=(0.03, 0))
        + p9.scale_y_continuous(breaks=[], limits=(0, lines), expand=(0, 0.1))
        + dress(
            style,
            (lines + above + 2.2) * style.row_in,
            width_in=width_in,
            legend_position=legend,
            title=fill(forest.title, _letters(style, width_in) - 8),
            subtitle=fill(forest.subtitle, _letters(style, width_in)),
            axis_line=p9.element_blank(),
            axis_title=p9.element_blank(),
            panel_grid_major_x=p9.element_line(colour=GRID, size=0.35),
            panel_spacing_x=0.005,
            strip_text=p9.element_text(size=style.small, colour=QUIET, va="bottom", linespacing=1.25),
        )
    )


def _letters(style: FigureStyle, width_in: float) -> int:
    return round(width_in / style.small * 115)


def list_texts(forest: Forest) -> pd.DataFrame:
    """Text of each row and column: row, column, label; empty cells are left out."""
    cells = []
    for i, record in enumerate(forest.records):
        for place, axis in enumerate(forest.axes):
            if record.get("heading") is not True:
                words = record.get(f"{axis.value}_text") or axis.write(record)
                cells.append((i, f"text {place}", words))
        cells += [(i, column, record.get(column, "")) for column in forest.columns]
    frame = pd.DataFrame(cells, columns=["row", "column", "label"])
    return frame[frame["label"].notna() & frame["label"].astype(str).ne("")]


def list_estimates(forest: Forest) -> pd.DataFrame:
    """Estimates in place on their axis: row, column, series, value, low, high, x, xmin, xmax, cut_low, cut_high."""
    parts = []
    for place, axis in enumerate(forest.axes):
        known = [
            {"row": i, "column": f"axis {place}", "series": r.get("series") or axis.series}
            | {"value": r[axis.value], "low": r.get(axis.low, np.nan), "high": r.get(axis.high, np.nan)}
            for i, r in enumerate(forest.records)
            if pd.notna(r.get(axis.value, np.nan)) and (r[axis.value] > 0 or not axis.ratio)
        ]
        names = ["row", "column", "series", "value", "low", "high"]
        part = pd.DataFrame(known, columns=names).astype(dict.fromkeys(names[3:], float))
        start, stop = axis.span(part)
        scale = np.log if axis.ratio else np.asarray
        low, high = (part[c].fillna(part["value"]) for c in ("low", "high"))
        part = part.assign(
            x=scale(part["value"].clip(start, stop)),
            xmin=scale(low.clip(start, stop)),
            xmax=scale(high.clip(start, stop)),
            cut_low=low.lt(start),
            cut_high=high.gt(stop),
        )
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _layers(estimates: pd.DataFrame, forest: Forest, texts: pd.DataFrame, style: FigureStyle, order) -> list:
    """Line at 1, intervals, points, arrow heads where an interval is cut, text, and the ends of each axis."""
    ends, ones = [("names", TEXT_AT + 1), *((c, TEXT_AT) for c in order if not c.startswith("axis"))], []
    for place, axis in enumerate(forest.axes):
        column = f"axis {place}"
        span = np.array(axis.span(estimates[estimates["column"].astype(str).eq(column)]))
        ends += [(column, x) for x in (np.log(span) if axis.ratio else span)]
        ones += [(column, 0.0)] if axis.ratio else []
    levels = {"column": pd.CategoricalDtype(order)}
    frames = [pd.DataFrame(rows, columns=["column", "x"]).astype(levels) for rows in (ends, ones)]
    beside = texts["column"].astype(str)
    marked = texts.assign(x=0.0, column=beside.str.replace("text", "axis"))
    marked = marked[beside.str.startswith("text") & texts["label"].eq("reference")].astype(levels)
    bars = p9.aes(x="xmin", xend="xmax", yend="y", color="series")
    layers = [p9.geom_blank(frames[0], p9.aes("x"), inherit_aes=False)]
    if ones:
        line = p9.aes(xintercept="x")
        layers.append(p9.geom_vline(frames[1], line, linetype="dashed", color=QUIET, size=0.35))
    if len(marked):
        layers.append(p9.geom_point(marked, shape="|", size=2.0, color=QUIET))
    layers += [
        p9.geom_segment(estimates, bars, size=style.line * 0.8, show_legend=False),
        p9.geom_point(p9.aes(color="series", shape="series"), size=1.9 * style.scale, stroke=0),
    ]
    for side, x, shape in (("cut_low", "xmin", "<"), ("cut_high", "xmax", ">")):
        cut = estimates[estimates[side]]
        if len(cut):
            head = p9.aes(x, "y", color="series")
            layers.append(
                p9.geom_point(cut, head, shape=shape, size=2.0 * style.scale, stroke=0, show_legend=False)
            )
    words = p9.aes(label="label", fontweight="weight", ha="ha")
    return [*layers, p9.geom_text(texts, words, size=style.small, color=INK, lineheight=1.1)]


def _list_heads(forest: Forest, style: FigureStyle) -> dict[str, str]:
    """Heading of each column of the facet grid, from left to right."""
    heads = {"names": ""} | {c: forest.columns[c] for c in forest.before}
    for place, axis in enumerate(forest.axes):
        heads |= {c: h for c, h in forest.columns.items() if c == f"counts {place}"}
        heads[f"axis {place}"] = "\n".join(w for w in (axis.title, axis.below) if w)
        heads[f"text {place}"] = f"{axis.text} ({format_level(style.level)} CI)"
        heads |= {c: h for c, h in forest.columns.items() if c == f"p {place}"}
    return heads | {c: h for c, h in forest.columns.items() if c not in heads}


def _place_rows(forest: Forest, texts: pd.DataFrame) -> pd.DataFrame:
    """Row, label, heading, y and height in lines of text; the first record stands at the top."""
    rows = pd.DataFrame({"row": range(len(forest.records))})
    rows["heading"] = [r.get("heading") is True for r in forest.records]
    grouped = rows["heading"].any()
    names = [fill(str(r["name"]), NAME_LETTERS) for r in forest.records]
    rows["label"] = [
        n if h or not grouped else "   " + n.replace("\n", "\n   ")
        for n, h in zip(names, rows["heading"], strict=True)
    ]
    breaks = texts.groupby("row")["label"].agg(lambda own: own.str.count("\n").max())
    most = np.maximum(rows["label"].str.count("\n"), rows["row"].map(breaks).fillna(0))
    rows["height"] = 1.25 + 0.85 * most
    rows["y"] = rows["height"].iloc[::-1].cumsum().iloc[::-1] - rows["height"] / 2
    return rows


def _column_widths(forest: Forest, texts, heads, style: FigureStyle) -> tuple[list[float], float]:
    """Width of each column by its longest line, and of the figure: the panels share what is left."""
    letter = EM * style.small / 72
    longest = texts.assign(n=[max(map(len, t.split("\n"))) for t in texts["label"]])
    longest = longest.groupby(longest["column"].astype(str))["n"].max()
    head = {c: max(map(len, words.split("\n"))) for c, words in heads.items()}
    wide = {c: (max(longest.get(c, 0), head[c]) + 1) * letter for c in heads if not c.startswith("axis")}
    wide["names"] *= 1.15  # bold headings
    head_in = max((n + 1) * letter for c, n in head.items() if c not in wide)
    free = (style.width_in - 0.1 - sum(wide.values())) / len(forest.axes)
    axis_in = max(free, 0.95 * style.scale, head_in)
    widths = [wide.get(c, axis_in) for c in heads]
    return widths, max(style.width_in, 0.1 + sum(widths))


def axis_breaks(limits: tuple[float, float]) -> list[float]:
    """Ticks of one panel: logarithms of ratios, months, or none beside a column of text."""
    low, high = limits
    if high > TEXT_AT / 2:
        return []
    if low < -0.5 and high < 3.5:
        ratios = FEW_RATIOS if high - low > 4.5 else RATIOS_SHOWN
        return [float(np.log(r)) for r in ratios if low - 1e-9 <= np.log(r) <= high + 1e-9]
    step = next((s for s in MONTHS_APART if high / s <= 6), MONTHS_APART[-1])
    return [float(t) for t in range(0, int(high) + 1, step)]


def _label_axis(breaks: Sequence[float]) -> list[str]:
    if len(breaks) and min(breaks) < -0.5:
        return [f"{np.exp(b):.3g}" for b in breaks]
    return [format_number(b, 0) for b in breaks]
