"""Forest of hazard ratios on a logarithmic axis: one block of columns a model, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from prrt_outcomes.figures.canvas import Canvas, extra_height_in, measure_text_in, wrap_text
from prrt_outcomes.figures.theme import ESTIMATE_COLOURS, INK, QUIET, FigureStyle
from prrt_outcomes.wording.numbers import (
    describe_status,
    format_level,
    format_p_value,
    format_range,
    format_ratio,
)
from prrt_outcomes.wording.terms import name_code, name_column, name_term

AXIS_RATIOS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
WIDEST_RATIO = 20.0


@dataclass(frozen=True)
class RatioWords:
    """What the ratios of a forest are.

    Attributes
    ----------
    title : behind the name of the outcome, such as ``hazard ratios``
    short : heading of the column of numbers
    below : words under each axis
    models : title of a model where it is not the term's
    """

    title: str = "hazard ratios"
    short: str = "HR"
    below: str = "lower hazard | higher hazard"
    models: Mapping[str, str] = field(default_factory=dict)


def plot_cox_forest(
    cox: pd.DataFrame, style: FigureStyle, title: str, level: float = 0.95, words: RatioWords | None = None
):
    """Draw the hazard ratios of the models of one endpoint, one row a level.

    Parameters
    ----------
    cox : rows of `cox` of one endpoint; every model gets its own axis and text columns
    style : sizes
    title : name of the endpoint
    level : confidence level of the intervals, between 0 and 1
    words : what the ratios are; hazard ratios where it is left out

    Returns
    -------
    plotnine.ggplot
        an interval that leaves the axis ends in an arrow; a row without estimate says why.
    """
    import plotnine as p9

    words = words or RatioWords()
    models = list(dict.fromkeys(cox["model"].astype(str)))
    rows = list_rows(cox)
    block = _text_width(cox, style, level, words)
    names_in = min(
        1.75 * style.scale,
        max(measure_text_in(n, style.small, "bold") for n in rows["name"]) + 0.2 * style.scale,
    )
    counts_in = 0.62 * style.scale
    axis_in = max(1.15 * style.scale, (style.width_in - 0.2 - names_in - counts_in) / len(models) - block)
    width_in = 0.2 + names_in + counts_in + len(models) * (axis_in + block)
    indent = [0.12 * style.scale if is_level else 0.0 for is_level in rows["is_level"]]
    rows["indent"] = indent
    rows["label"] = [
        wrap_text(n, names_in - 0.05 - i, style.small, "normal" if i else "bold")
        for n, i in zip(rows["name"], indent, strict=True)
    ]
    heights = np.array([style.row_in * 1.25 + extra_height_in(n, style.small) for n in rows["label"]])
    bottom_in = 0.62 * style.scale + (0.15 * style.scale if style.synthetic else 0)
    top_in = 0.78 * style.scale
    sheet = Canvas(style, width_in, bottom_in + heights.sum() + top_in)
    rows["y"] = bottom_in + heights.sum() - np.cumsum(heights) + heights / 2
    top = sheet.height_in
    sheet.add_text(0.1, top - 0.1, f"{title}: {words.title}", va="top", weight="bold")
    _draw_names(sheet, rows, names_in, counts_in, top - top_in + 0.1)
    bars, (low, high) = [], _axis_range(cox)
    for i, model in enumerate(models):
        left = 0.1 + names_in + counts_in + i * (axis_in + block)
        place = _Block(left, axis_in, block, bottom_in - 0.04, top - top_in, low, high)
        _draw_heads(sheet, place, words.models.get(model) or name_term(model), level, words)
        own = cox[cox["model"].astype(str) == model]
        bars.append(_draw_rows(sheet, place, rows, own, ESTIMATE_COLOURS.get(model, INK)))
    bars = pd.concat(bars, ignore_index=True)
    drawn = bars.dropna(subset=["x"])
    inside = drawn[~drawn["cut_low"] & ~drawn["cut_high"]]
    layers = [p9.geom_segment(inside, _bar_aes(), size=style.line * 0.8)] if len(inside) else []
    for side, ends in (("cut_low", "first"), ("cut_high", "last")):
        part = drawn[drawn[side]]
        if len(part):
            head = p9.arrow(length=0.05, type="closed", angle=25, ends=ends)
            layers.append(p9.geom_segment(part, _bar_aes(), size=style.line * 0.8, arrow=head))
    points = drawn[drawn["point"]]
    layers.append(
        p9.geom_point(points, p9.aes("x", "y", color="colour"), shape="s", size=2.0 * style.scale, stroke=0)
    )
    return sheet.plot(*layers)


def list_rows(cox: pd.DataFrame) -> pd.DataFrame:
    """Rows of the forest: one a term, and under a term with levels one a level, the reference first.

    Returns
    -------
    DataFrame
        term, level, name, heading (a term without numbers), is_level, is_reference, n, events
    """
    first = cox.drop_duplicates(["term", "level"])
    rows = []
    for term, part in first.groupby("term", sort=False, observed=True):
        levels = part["level"].astype("string").fillna("")
        title = name_column(str(term))
        if (levels == "").all():
            row = part.iloc[0]
            rows.append(_row(term, "", title, False, False, row["n"], row["events"]))
            continue
        rows.append(_row(term, "", title, True, False, None, None))
        references = [r for r in dict.fromkeys(part["reference"].dropna().astype(str)) if r]
        for reference in references:
            if reference not in set(levels):
                rows.append(_row(term, reference, name_code(str(term), reference), False, True, None, None))
        for row, level in zip(part.to_dict("records"), levels, strict=True):
            is_reference = level in references
            rows.append(
                _row(
                    term,
                    level,
                    name_code(str(term), level),
                    False,
                    is_reference,
                    row["n"],
                    row["events"],
                )
            )
    return pd.DataFrame(rows)


def _row(term, level, name, heading, reference, n, events) -> dict:
    return {
        "term": str(term),
        "level": level,
        "name": name,
        "heading": heading,
        "is_level": level != "",
        "is_reference": reference,
        "n": np.nan if n is None or pd.isna(n) else float(n),
        "events": np.nan if events is None or pd.isna(events) else float(events),
    }


def _bar_aes():
    import plotnine as p9

    return p9.aes(x="x_low", xend="x_high", y="y", yend="y", color="colour")


def _ratio_text(row) -> str:
    if pd.isna(row["hazard_ratio"]):
        return describe_status(row["status"]) or "not estimable"
    return (
        f"{format_ratio(row['hazard_ratio'])} "
        f"({format_range(row['hazard_ratio_low'], row['hazard_ratio_high'], format_ratio)})"
    )


def _text_width(cox, style, level, words) -> float:
    """Width of the text columns of one model: ratio with interval, p-value."""
    texts = [_ratio_text(r) for r in cox.to_dict("records") if pd.notna(r["hazard_ratio"])]
    widest = max(
        measure_text_in(t, style.small) for t in [*texts, f"{words.short} ({format_level(level)} CI)"]
    )
    return widest + 0.6 * style.scale


def _draw_names(sheet, rows, names_in, counts_in, at) -> None:
    style = sheet.style
    right = 0.1 + names_in + counts_in - 0.12 * style.scale
    heading = "Events/n" if rows["events"].notna().any() else "n"
    sheet.add_text(right, at, heading, ha="right", size=style.small, colour=QUIET)
    for row in rows.to_dict("records"):
        weight = "normal" if row["is_level"] else "bold"
        sheet.add_text(0.1 + row["indent"], row["y"], row["label"], size=style.small, weight=weight)
        if pd.notna(row["n"]):
            counts = f"{row['events']:.0f}/{row['n']:.0f}" if pd.notna(row["events"]) else f"{row['n']:.0f}"
            sheet.add_text(right, row["y"], counts, ha="right", size=style.small)


def _axis_range(cox: pd.DataFrame) -> tuple[float, float]:
    limits = pd.concat([cox["hazard_ratio_low"], cox["hazard_ratio_high"], cox["hazard_ratio"]])
    limits = limits[np.isfinite(limits) & (limits > 0)]
    low = min(0.5, limits.min()) if len(limits) else 0.5
    high = max(2.0, limits.max()) if len(limits) else 2.0
    return max(low / 1.1, 1 / WIDEST_RATIO), min(high * 1.1, WIDEST_RATIO)


@dataclass(frozen=True)
class _Block:
    """Where one model stands: inches from the left and lower edges, and the range of its axis."""

    left: float
    axis_in: float
    text_in: float
    floor: float
    ceiling: float
    low: float
    high: float

    def place(self, ratio: float) -> float:
        """Inches from the left edge of a ratio."""
        return self.left + self.axis_in * np.log(ratio / self.low) / np.log(self.high / self.low)


def _draw_heads(sheet, block: _Block, title: str, level: float, words: RatioWords) -> None:
    style = sheet.style
    small, scale = style.small, style.scale
    middle = block.left + (block.axis_in + block.text_in) / 2
    sheet.add_text(middle, block.ceiling + 0.3 * scale, title, ha="center", weight="bold", size=small)
    ratio_at = block.left + block.axis_in + 0.1 * scale
    p_at = block.left + block.axis_in + block.text_in - 0.06 * scale
    heading = f"{words.short} ({format_level(level)} CI)"
    sheet.add_text(ratio_at, block.ceiling + 0.1, heading, size=small, colour=QUIET)
    sheet.add_text(p_at, block.ceiling + 0.1, "p", ha="right", size=small, colour=QUIET)
    sheet.add_line(block.left, block.floor, block.left + block.axis_in, block.floor)
    one = block.place(1)
    sheet.add_line(one, block.floor, one, block.ceiling, colour=QUIET, dash="dashed")
    draw_ratio_axis(sheet, block.place, block.low, block.high, block.floor)
    sheet.add_text(
        block.left + block.axis_in / 2,
        block.floor - 0.32 * scale,
        words.below,
        ha="center",
        size=small - 0.5,
        colour=QUIET,
    )


def _draw_rows(sheet, block: _Block, rows, cox, colour) -> pd.DataFrame:
    """Text of one model; its bars come back as a table."""
    style = sheet.style
    ratio_at = block.left + block.axis_in + 0.1 * style.scale
    p_at = block.left + block.axis_in + block.text_in - 0.06 * style.scale
    found = {
        (str(r["term"]), "" if pd.isna(r["level"]) else str(r["level"])): r for r in cox.to_dict("records")
    }
    bars = []
    for row in rows[~rows["heading"]].to_dict("records"):
        y, one = row["y"], block.place(1)
        estimate = found.get((row["term"], row["level"]))
        if row["is_reference"]:
            sheet.add_text(ratio_at, y, "reference", size=style.small, colour=QUIET)
            sheet.add_line(one, y - 0.03, one, y + 0.03, width=0.6)
        elif estimate is None:
            sheet.add_text(ratio_at, y, "not in the model", size=style.small, colour=QUIET)
        else:
            words = _ratio_text(estimate)
            fits = measure_text_in(words, style.small) < block.text_in - 0.15
            sheet.add_text(ratio_at, y, words if fits else "not estimable", size=style.small)
            sheet.add_text(p_at, y, format_p_value(estimate["p_value"]), ha="right", size=style.small)
            bars.append(_bar(estimate, y, block, colour))
    return pd.DataFrame(bars, columns=["x", "x_low", "x_high", "y", "colour", "cut_low", "cut_high", "point"])


def draw_ratio_axis(sheet: Canvas, place, low: float, high: float, floor: float) -> None:
    """Ticks and numbers of a logarithmic axis, as many as do not touch."""
    style = sheet.style
    ratios = [r for r in AXIS_RATIOS if low <= r <= high]
    gap = 0.25 * style.scale
    shown: list[float] = [1.0]
    for ratio in sorted(ratios, key=lambda r: abs(np.log(r))):
        if all(abs(place(ratio) - place(s)) >= gap for s in shown):
            shown.append(ratio)
    for ratio in shown:
        sheet.add_line(place(ratio), floor, place(ratio), floor - 0.04)
        sheet.add_text(place(ratio), floor - 0.06, f"{ratio:g}", ha="center", va="top", size=style.small)


def _bar(row, y, block, colour) -> dict:
    place, low, high = block.place, block.low, block.high
    ratio, start, end = row["hazard_ratio"], row["hazard_ratio_low"], row["hazard_ratio_high"]
    if pd.isna(ratio):
        return {"x": np.nan, "y": y, "colour": colour, "cut_low": False, "cut_high": False, "point": False}
    start = low if pd.isna(start) else start
    end = high if pd.isna(end) else end
    return {
        "x": place(min(max(ratio, low), high)),
        "x_low": place(min(max(start, low), high)),
        "x_high": place(max(min(end, high), low)),
        "y": y,
        "colour": colour,
        "cut_low": bool(start < low),
        "cut_high": bool(end > high),
        "point": bool(low <= ratio <= high),
    }
