"""Forest plots: estimates with intervals in rows, with columns of text aligned beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import plotnine as p9

from prrt_outcomes.figures.curves import MONTHS_APART
from prrt_outcomes.figures.theme import (
    GRID,
    INK,
    QUIET,
    FigureStyle,
    dress,
    key_scales,
    measure,
    scale_x,
    wrap,
)
from prrt_outcomes.wording.numbers import (
    format_count,
    format_interval,
    format_level,
    format_number,
    format_ratio,
)

RATIOS_SHOWN = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
FEW_RATIOS, ENDS = (0.05, 0.2, 1.0, 5.0, 20.0), (0.05, 1.0, 20.0)
RATIO_RANGE = (0.05, 20.0)
NAME_LETTERS, NARROW_LETTERS = 34, 24
TEXT_LETTERS = 22
LEAST_AXIS = 14  # letters
TEXT_AT = 1e4  # columns of text have no axis: their place lies beyond every estimate
LEAST_LINES = 3.0  # height of the panel, however few its rows
EM = 0.58  # width of a letter, as a share of its size


@dataclass(frozen=True)
class Axis:
    """The estimates, and the text beside them, from columns of the records."""

    text: str  # heading of the column of estimates, to which the level of the intervals is added
    value: str = "value"
    low: str = "low"
    high: str = "high"
    status: str = "status"
    ratio: bool = True  # logarithmic with a line at 1, else from 0 on
    title: str = ""  # heading of the panel: what is estimated
    below: str = ""  # what its two sides mean
    ends: tuple[float, float] | None = None  # of the axis, where not those of the records

    def write(self, row: Mapping) -> str:
        """Estimate with interval, or why there is none; nothing for a row that has none."""
        value, status = row.get(self.value, np.nan), row.get(self.status)
        if pd.isna(value) and str(status) in ("", "ok", "nan", "None", "<NA>"):
            return ""
        form = format_ratio if self.ratio else format_number
        words = format_interval(value, row.get(self.low), row.get(self.high), form, status=status)
        return wrap(words, TEXT_LETTERS)

    def span(self, values: pd.DataFrame) -> tuple[float, float]:
        """Ends of the axis: at least 0.5 to 2 of a ratio, at most 0.05 to 20; from 0 for months."""
        if self.ends is not None:
            return self.ends
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

    A record has name, heading (bold, without an estimate), series, the columns of the axis, `before` and `after`; a
    text instead of an estimate, such as ``reference``, stands in the column of its value with ``_text`` behind it.
    """

    records: Sequence[Mapping]
    axis: Axis
    title: str
    subtitle: str = ""
    before: Mapping[str, str] = field(default_factory=dict)  # headings of columns of text left of the panel
    after: Mapping[str, str] = field(default_factory=dict)  # and behind the estimates
    # words (of a legend) and colour of a kind of estimate: a place among the colours of few groups, or the colour
    series: Mapping[str, tuple[str, int | str]] = field(default_factory=lambda: {"": ("", 0)})
    marks: Mapping[str, str] = field(default_factory=dict)  # shape of a kind of estimate that is no square


def plot_forest(forest: Forest, style: FigureStyle) -> list:
    """Draw each record as a point with its interval; as many figures as have room on a page each.

    The panel and the columns of text are columns of one facet grid. An interval that leaves the axis ends in an arrow
    head; a row that cannot be estimated says why. Where the panel would have too little room, columns before it stand
    in the names instead.
    """
    forest = replace(forest, axis=replace(forest.axis, ends=forest.axis.span(list_estimates(forest))))
    while forest.before and _axis_in(forest, style) < LEAST_AXIS * EM * style.small / 72:
        forest = _fold(forest)
    rows = _place_rows(forest, style)
    room = style.page_in / style.row_in - _lines_above(forest, style) - 2.4
    parts = split_records(forest.records, list(rows["height"]), room)
    if len(parts) == 1:
        return [_plot_part(forest, style)]
    titles = [f"{forest.title} ({place} of {len(parts)})" for place in range(1, len(parts) + 1)]
    return [
        _plot_part(replace(forest, records=part, title=title), style)
        for part, title in zip(parts, titles, strict=True)
    ]


def split_records(records: Sequence[Mapping], heights: Sequence[float], room: float) -> list[list[Mapping]]:
    """Records of each page, in order: a heading stays with its rows, or is repeated where they fill a page."""
    starts = [i for i, r in enumerate(records) if r.get("heading") is True] + [len(records)]
    parts: list[list[Mapping]] = [[]]
    used, heading = 0.0, None
    for i, (record, height) in enumerate(zip(records, heights, strict=True)):
        need = height
        if record.get("heading") is True:
            heading = record
            block = sum(heights[i : next(s for s in starts if s > i)])
            need = block if block <= room else sum(heights[i : i + 2])
        if used + need > room and parts[-1]:
            parts.append([])
            used = 0.0
            if heading is not None and record is not heading:
                parts[-1].append({**heading, "name": f"{heading['name']} (continued)"})
                used = height
        parts[-1].append(record)
        used += height
    return parts


def _fold(forest: Forest) -> Forest:
    """The first column before the panel as a part of the names."""
    (column, title), *rest = forest.before.items()
    title = title.replace("\n", " ")
    records = [
        {**r, "name": f"{r['name']} ({title}:\u00a0{words})".replace("\n", " ")}
        if (words := r.get(column))
        else r
        for r in forest.records
    ]
    return replace(forest, records=records, before=dict(rest))


def _plot_part(forest: Forest, style: FigureStyle):
    texts = list_texts(forest)
    estimates = list_estimates(forest)
    heads = _list_heads(forest, style)
    rows = _place_rows(forest, style)
    order = list(heads)
    names = rows.assign(column="names", weight=np.where(rows["heading"], "bold", "normal"), ha="left")
    texts = texts.merge(rows[["row", "y"]], on="row").assign(weight="normal", ha="center")
    texts = pd.concat([names, texts], ignore_index=True).assign(
        column=lambda d: pd.Categorical(d["column"], order), x=TEXT_AT
    )
    widths = _column_widths(forest, style)
    estimates = estimates.merge(rows[["row", "y"]], on="row")
    estimates["column"] = pd.Categorical(estimates["column"], order)
    kinds = [s for s in forest.series if s in set(estimates["series"])]
    estimates["series"] = pd.Categorical(estimates["series"], kinds)
    words = {k: forest.series[k][0] for k in kinds}
    colours = [c if isinstance(c := forest.series[k][1], str) else style.few[c] for k in kinds]
    shapes = [forest.marks.get(k, "s") for k in kinds]
    lines = rows["y"].iloc[0] + rows["height"].iloc[0] / 2
    scales = key_scales(words, columns=1 if style.narrow else None, color=colours, shape=shapes)
    return (
        p9.ggplot(estimates, p9.aes("x", "y"))
        + _layers(estimates, forest, texts, style, order)
        + p9.facet_grid(
            ". ~ column",
            scales="free_x",
            space={"x": widths, "y": [1]},
            labeller=p9.labeller(column=lambda c: heads[c]),
        )
        + scales
        + scale_x(
            breaks=lambda limits: axis_breaks(limits, forest.axis.ratio, style.narrow),
            labels=lambda breaks: _label_axis(breaks, forest.axis.ratio),
            expand=(0.03, 0),
        )
        + p9.scale_y_continuous(breaks=[], limits=(0, lines), expand=(0, 0.1))
        + dress(
            style,
            (max(lines, LEAST_LINES) + _lines_above(forest, style) + 2.2) * style.row_in,
            legend_position="top" if any(words.values()) else "none",
            title=forest.title,
            subtitle=forest.subtitle,
            **(
                {}
                if forest.subtitle
                else {"plot_title": p9.element_text(margin={"b": style.small, "units": "pt"})}
            ),
            axis_line=p9.element_blank(),
            axis_title=p9.element_blank(),
            panel_border=p9.element_blank(),
            panel_grid_major_y=p9.element_blank(),
            panel_grid_major_x=p9.element_line(colour=GRID, size=0.35),
            panel_spacing_x=0.005,
            strip_text=p9.element_text(size=style.small, colour=QUIET, va="bottom", linespacing=1.25),
        )
    )


def _lines_above(forest: Forest, style: FigureStyle) -> float:
    """Lines of title, legend and headings; of the title and the subtitle one each."""
    heads = max(h.count("\n") for h in _list_heads(forest, style).values())
    keys = sum(bool(words) for words, _ in forest.series.values())
    return 3.2 + heads + (1.4 * keys if style.narrow else 1.6) * bool(keys) + 1.2 * bool(forest.subtitle)


def list_texts(forest: Forest) -> pd.DataFrame:
    """Text of each row and column: row, column, label; empty cells are left out."""
    cells = []
    for i, record in enumerate(forest.records):
        if record.get("heading") is not True:
            cells.append((i, "text", record.get(f"{forest.axis.value}_text") or forest.axis.write(record)))
        cells += [(i, column, record.get(column, "")) for column in (*forest.before, *forest.after)]
    frame = pd.DataFrame(cells, columns=["row", "column", "label"])
    return frame[frame["label"].notna() & frame["label"].astype(str).ne("")]


def list_estimates(forest: Forest) -> pd.DataFrame:
    """Estimates in place on the axis: row, column, series, value, low, high, x, xmin, xmax, cut_low, cut_high.

    A limit that is missing where the other is known lies beyond the axis.
    """
    axis = forest.axis
    known = [
        {"row": i, "column": "axis", "series": r.get("series") or ""}
        | {"value": r[axis.value], "low": r.get(axis.low, np.nan), "high": r.get(axis.high, np.nan)}
        for i, r in enumerate(forest.records)
        if pd.notna(r.get(axis.value, np.nan)) and (r[axis.value] > 0 or not axis.ratio)
    ]
    names = ["row", "column", "series", "value", "low", "high"]
    part = pd.DataFrame(known, columns=names).astype(dict.fromkeys(names[3:], float))
    start, stop = axis.span(part)
    scale = np.log if axis.ratio else np.asarray
    low = part["low"].mask(part["low"].isna() & part["high"].notna(), -np.inf).fillna(part["value"])
    high = part["high"].mask(part["high"].isna() & part["low"].notna(), np.inf).fillna(part["value"])
    return part.assign(
        x=scale(part["value"].clip(start, stop)),
        xmin=scale(low.clip(start, stop)),
        xmax=scale(high.clip(start, stop)),
        cut_low=low.lt(start),
        cut_high=high.gt(stop),
    )


def _layers(estimates: pd.DataFrame, forest: Forest, texts: pd.DataFrame, style: FigureStyle, order) -> list:
    """Line at 1, intervals, points, arrow heads where an interval is cut, text, and the ends of the axis."""
    axis = forest.axis
    span = np.array(axis.span(estimates))
    ends = [("names", TEXT_AT + 1), *((c, TEXT_AT) for c in order if c != "axis")]
    ends += [("axis", x) for x in (np.log(span) if axis.ratio else span)]
    levels = {"column": pd.CategoricalDtype(order)}
    blank, ones = (
        pd.DataFrame(rows, columns=["column", "x"]).astype(levels) for rows in (ends, [("axis", 0.0)])
    )
    marked = texts[texts["column"].eq("text") & texts["label"].eq("reference")]
    marked = marked.assign(x=0.0, column="axis").astype(levels)
    bars = p9.aes(x="xmin", xend="xmax", yend="y", color="series")
    layers = [p9.geom_blank(blank, p9.aes("x"), inherit_aes=False)]
    if axis.ratio:
        line = p9.aes(xintercept="x")
        layers.append(p9.geom_vline(ones, line, linetype="dashed", color=QUIET, size=0.35))
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
    axis = forest.axis
    below = wrap(axis.below, 16) if style.narrow else axis.below
    heads = {"names": "", **forest.before, "axis": "\n".join(w for w in (axis.title, below) if w)}
    return heads | {"text": f"{axis.text} ({format_level(style.level)} CI)"} | dict(forest.after)


def _place_rows(forest: Forest, style: FigureStyle) -> pd.DataFrame:
    """Row, label, heading, y and height in lines of text; the first record stands at the top."""
    rows = pd.DataFrame({"row": range(len(forest.records))})
    rows["heading"] = [r.get("heading") is True for r in forest.records]
    grouped = rows["heading"].any()
    names = [wrap(str(r["name"]), NARROW_LETTERS if style.narrow else NAME_LETTERS) for r in forest.records]
    rows["label"] = [
        n if h or not grouped else "   " + n.replace("\n", "\n   ")
        for n, h in zip(names, rows["heading"], strict=True)
    ]
    breaks = list_texts(forest).groupby("row")["label"].agg(lambda own: own.str.count("\n").max())
    most = np.maximum(rows["label"].str.count("\n"), rows["row"].map(breaks).fillna(0))
    rows["height"] = 1.25 + 0.85 * most
    rows["y"] = rows["height"].iloc[::-1].cumsum().iloc[::-1] - rows["height"] / 2
    return rows


def _text_widths(forest: Forest, style: FigureStyle) -> dict[str, float]:
    """Inches of each column of text, by its longest line."""
    letter = EM * style.small / 72
    texts = pd.concat([list_texts(forest), _place_rows(forest, style).assign(column="names")])
    longest = texts.assign(n=[max(map(measure, t.split("\n"))) for t in texts["label"]])
    longest = longest.groupby("column")["n"].max()  # type: ignore[assignment]
    heads = _list_heads(forest, style)
    head = {c: max(map(measure, words.split("\n"))) for c, words in heads.items() if c != "axis"}
    wide = {c: (max(longest.get(c, 0), n) + 1) * letter for c, n in head.items()}
    return wide | {"names": wide["names"] * (1.15 if any(r.get("heading") for r in forest.records) else 1.0)}  # type: ignore[return-value]


def _axis_in(forest: Forest, style: FigureStyle) -> float:
    return style.width_in - 0.1 - sum(_text_widths(forest, style).values())


def _column_widths(forest: Forest, style: FigureStyle) -> list[float]:
    """Width of each column, the panel with what the text leaves."""
    least = 0.6 * LEAST_AXIS * EM * style.small / 72
    wide = _text_widths(forest, style) | {"axis": max(_axis_in(forest, style), least)}
    return [wide[c] for c in _list_heads(forest, style)]


def axis_breaks(limits: tuple[float, float], ratio: bool, narrow: bool = False) -> list[float]:
    """Ticks of one panel: logarithms of ratios, months, or none beside a column of text."""
    low, high = limits
    if high > TEXT_AT / 2:
        return []
    if ratio:
        ratios = RATIOS_SHOWN if high - low <= 4.5 else ENDS if narrow else FEW_RATIOS
        return [float(np.log(r)) for r in ratios if low - 1e-9 <= np.log(r) <= high + 1e-9]
    step = next((s for s in MONTHS_APART if high / s <= (3 if narrow else 6)), MONTHS_APART[-1])
    return [float(t) for t in range(0, int(high) + 1, step)]


def _label_axis(breaks: Sequence[float], ratio: bool) -> list[str]:
    return [f"{np.exp(b):.3g}" if ratio else format_count(b) for b in breaks]
