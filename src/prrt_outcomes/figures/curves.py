"""Step curves over time, with the numbers at risk under their ticks: one function for every kind of curve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
import plotnine as p9

from prrt_outcomes.figures.theme import (
    INK,
    FigureStyle,
    dress,
    group_scales,
    is_wide,
    measure,
    scale_x,
    scale_y,
    wrap,
)
from prrt_outcomes.wording.numbers import format_count, format_number

MONTHS_APART = (1, 2, 3, 6, 12, 24, 36, 60, 120, 240)
MOST_BANDS, MOST_CENSORED = 5, 400
MOST_TICKS = 11
LEAST_TICKS = 4
LEAST_SHARE = 0.03  # the axis ends at the first tick with fewer of the patients at risk than this
NAME_LETTERS, NARROW_LETTERS = 24, 22
NOTE_LETTERS = 40
LEGEND_LETTERS = 26
CURVE, TABLE = "curve", "at risk"


@dataclass(frozen=True)
class Curves:
    """Curves of one figure and their words; frames have a column `panel` where there are several panels."""

    steps: (
        pd.DataFrame
    )  # group, time_months, survival, and where known survival_low, survival_high, n_censored
    ticks: Sequence[float]  # months at which the axis is labelled; the curves end at the last one
    labels: Mapping[str, str]  # words of each group, in the order of the legend
    colours: Mapping[str, str]
    title: str
    subtitle: str
    time: str  # title of the time axis
    at_risk: pd.DataFrame | None = None  # group, time_months, n_at_risk; no table where it is left out
    names: Mapping[str, str] = field(default_factory=dict)  # words in the table, where the labels do not fit
    legend_title: str = ""
    bands: pd.DataFrame | None = None  # group, time_months, low, high, where not from the limits of `steps`
    top: float = 1.0  # end of the axis of survival or incidence
    note: str = ""  # comparison of the groups, which stands in the panel where no curve is in its way


def plot_curves(curves: Curves, style: FigureStyle):
    """Draw step curves with bands, ticks for censored patients and an aligned table of numbers at risk.

    The curves and the table are rows of one facet grid, panels are its columns. Bands are left out above five groups,
    where they would hide the curves.
    """
    last = float(curves.ticks[-1])
    groups = list(curves.labels)
    panels = list(dict.fromkeys(curves.steps["panel"])) if "panel" in curves.steps else []
    steps = cut_at(curves.steps, last)
    legend = "none" if len(groups) == 1 else "top" if panels or style.narrow else "right"
    if style.narrow:
        # a wide letter needs no blank
        whole = {g: w if any(map(is_wide, w)) else w.replace("\n", " ") for g, w in curves.labels.items()}
        wrapped = {
            g: "\n".join(wrap(line, style.letters(0.6)) for line in w.split("\n")) for g, w in whole.items()
        }
    else:
        wrapped = {g: wrap(w, LEGEND_LETTERS) if "\n" not in w else w for g, w in curves.labels.items()}
    keys = [w.count("\n") + 1.4 for w in [*wrapped.values(), curves.legend_title]]
    table = RiskTable.of(curves, groups, panels, style, style.letters(0.55 if legend == "right" else 0.62))
    height_in = (2.1 if panels else 2.9) * style.scale
    above = 0.9 * style.scale + style.row_in
    if legend == "right":
        height_in = max(height_in, (sum(keys) + 1) * style.row_in)
    elif style.narrow and legend == "top":
        above += sum(keys) * style.row_in
    note = "\n".join(wrap(part, NOTE_LETTERS - 14 * style.narrow) for part in curves.note.split("\n"))
    corner = None if panels or not note else _find_corner(note, steps, last, style, height_in)
    subtitle = "; ".join(w for w in (curves.subtitle, "" if corner else curves.note.replace("\n", "; ")) if w)
    layers = _band_layers(curves, steps, groups, panels) + _step_layers(steps, groups, panels, style)
    if corner:
        x, y, ha, va = corner
        words = pd.DataFrame(
            {"x": [x * last], "y": [y * curves.top], "label": [note], "part": as_parts([CURVE])}
        )
        aes = p9.aes("x", "y", label="label")
        layers.append(p9.geom_text(words, aes, ha=ha, va=va, size=style.small, color=INK, lineheight=1.15))
    columns = 1 if style.narrow and not panels else None
    banded = curves.bands is not None
    scales = group_scales(groups, wrapped, curves.colours, curves.legend_title, fill=banded, columns=columns)
    plot = p9.ggplot() + layers + table.layers(style) + scales
    plot += _facets(table, panels, height_in / style.row_in)
    plot += scale_x(
        breaks=thin_ticks(curves.ticks, table.most),
        labels=label_months,
        limits=(0, last),
        expand=(table.margin, 0),
    )
    plot += scale_y(breaks=table.breaks, labels=table.label, expand=(0, 0))
    heads = max((p.count("\n") + 1 for p in panels), default=0)
    return plot + dress(
        style,
        height_in + table.lines * style.row_in + above + heads * style.row_in,
        title=curves.title,
        subtitle=subtitle,
        x=curves.time,
        legend_position=legend,
        strip_text_y=p9.element_blank(),
        panel_spacing_y=0.015,
        legend_key_width=style.small * 2,
        legend_key_spacing_y=style.small * 0.5,
        axis_text_y=p9.element_text(margin={"r": style.small * 0.4, "units": "pt"}),
        legend_title=None if curves.legend_title else p9.element_blank(),
    )


def _find_corner(
    note: str, steps: pd.DataFrame, last: float, style: FigureStyle, height_in: float
) -> tuple[float, float, str, str] | None:
    """Place and alignment of a note, as shares of the axes: the corner without curves; None where both have some."""
    tall = 0.06 + (note.count("\n") + 1) * style.row_in / height_in
    wide = 0.04 + max(map(measure, note.split("\n"))) / style.letters(0.55 if not style.narrow else 0.62)
    highest = (
        steps["survival_high"].fillna(steps["survival"]) if "survival_high" in steps else steps["survival"]
    )
    lowest = steps["survival_low"].fillna(steps["survival"]) if "survival_low" in steps else steps["survival"]
    time = steps["time_months"].astype(float)
    before = time[time <= (1 - wide) * last].max()
    if not highest[time >= before].max() > 1 - tall:
        return (0.99, 1.0, "right", "top")
    return None if lowest[time <= wide * last].min() < tall else (0.01, 0.02, "left", "bottom")


def _step_layers(
    steps: pd.DataFrame, groups: Sequence[str], panels: Sequence[str], style: FigureStyle
) -> list:
    """The curves, and a tick at each time with censored patients."""
    steps = _as_levels(steps, groups, panels, CURVE)
    step = p9.aes("time_months", "survival", color="group", linetype="group")
    layers = [p9.geom_step(steps, step, size=style.line)]
    censored = steps[steps["n_censored"].fillna(0).gt(0)] if "n_censored" in steps else steps.head(0)
    if len(censored):
        tick = p9.aes("time_months", "survival", color="group")
        size = 1.6 if len(censored) <= MOST_CENSORED else 0.7  # many ticks would thicken the curve
        layers.append(p9.geom_point(censored, tick, shape="|", size=size, stroke=0.35, show_legend=False))
    return layers


@dataclass(frozen=True)
class RiskTable:
    """Numbers at risk as text in a second row of the facet grid."""

    rows: pd.DataFrame  # group, time_months, label, y, and panel
    places: Mapping[str, float]  # y of each group's row
    names: Mapping[str, str]
    lines: float  # height of the table in lines of text; 0 where there is none
    top: float  # end of the axis of the curves
    most: int  # ticks that have room
    head: str  # what is counted
    margin: float = 0.035  # beside the axis, as a share of it: half of a number

    @classmethod
    def of(
        cls, curves: Curves, groups: Sequence[str], panels: Sequence[str], style: FigureStyle, letters: int
    ) -> Self:
        """Table of the numbers at the ticks of the axis, with the events before where they are known.

        `letters`: how many have room on the axis.
        """
        if curves.at_risk is None:
            return cls(pd.DataFrame(), {}, {}, 0.0, curves.top, MOST_TICKS, "")
        rows = curves.at_risk.assign(group=curves.at_risk["group"].astype(str))
        counted = [g for g in groups if g in set(rows["group"])]
        most = NARROW_LETTERS if style.narrow else NAME_LETTERS
        names = {g: wrap(curves.names.get(g) or curves.labels[g], most) for g in counted}
        places, at = {}, 1.5
        for group, words in names.items():
            height = words.count("\n") + 1
            places[group] = -(at + height / 2)
            at += height
        labels = rows["n_at_risk"].map(format_count)
        with_events = "n_events_before" in rows and not panels
        if with_events:
            labels += " (" + rows["n_events_before"].map(format_count) + ")"
        longest = int(labels.str.len().max())
        letters //= max(1, len(panels))
        room = letters / (longest + 1.5)
        most = max(2, min(MOST_TICKS, int(room)))
        rows = rows.assign(label=labels, y=rows["group"].map(places))
        rows = rows[rows["time_months"].astype(float).isin(thin_ticks(curves.ticks, most))]
        head = "At risk (events)" if with_events else "At risk"
        table = _as_levels(rows, groups, panels, TABLE)
        margin = max(0.035, 0.5 * (longest + 0.5) / letters)
        return cls(table, places, names, at + 0.5, curves.top, most, head, margin)

    def layers(self, style: FigureStyle) -> list:
        """Text of the table, and the room that both rows of the grid need."""
        ends = [-0.02 * self.top, 1.03 * self.top]
        if not self.places:
            return [p9.geom_blank(pd.DataFrame({"y": ends, "part": CURVE}), p9.aes(y="y"))]
        parts = as_parts([CURVE, CURVE, TABLE, TABLE])
        room = pd.DataFrame({"y": [*ends, -self.lines, -0.5], "part": parts})
        return [
            p9.geom_blank(room, p9.aes(y="y")),
            p9.geom_text(
                self.rows,
                p9.aes("time_months", "y", label="label"),
                size=style.small,
                color=INK,
            ),
        ]

    def breaks(self, limits: tuple[float, float]) -> list[float]:
        """Ticks of a row of the grid: quarters of a curve, rows of the table."""
        return [-1.0, *self.places.values()] if limits[0] < -0.4 else [self.top * n / 4 for n in range(5)]

    def label(self, breaks: Sequence[float]) -> list[str]:
        """Words of the ticks."""
        words = {round(place, 6): self.names[g] for g, place in self.places.items()} | {-1.0: self.head}
        return [f"{100 * b:.3g}%" if b >= 0 else words.get(round(b, 6), "") for b in breaks]


def _facets(table: RiskTable, panels: Sequence[str], curve_lines: float) -> list:
    if not table.places:
        return [p9.facet_wrap("panel", nrow=1)] if panels else []
    space = {"y": [curve_lines, table.lines], "x": [1] * max(1, len(panels))}
    return [p9.facet_grid(f"part ~ {'panel' if panels else '.'}", scales="free_y", space=space)]


def _band_layers(curves: Curves, steps: pd.DataFrame, groups: Sequence[str], panels: Sequence[str]) -> list:
    bands = curves.bands
    if bands is None:
        if len(groups) > MOST_BANDS or "survival_low" not in steps:
            return []
        bands = step_band(steps).rename(columns={"survival_low": "low", "survival_high": "high"})
    if bands.empty:
        return []
    bands = _as_levels(bands, groups, panels, CURVE)
    if curves.bands is None:
        aes = p9.aes("time_months", ymin="low", ymax="high", fill="group")
        return [p9.geom_ribbon(bands, aes, alpha=0.13, show_legend=False)]
    aes = p9.aes("time_months", ymin="low", ymax="high", fill="group", color="group")
    return [p9.geom_ribbon(bands, aes, alpha=0.3, size=0.5)]


def as_parts(parts: list[str]) -> pd.Categorical:
    """Rows of the facet grid: the curves, and below them the table."""
    return pd.Categorical(parts, [CURVE, TABLE])


def _as_levels(frame: pd.DataFrame, groups: Sequence[str], panels: Sequence[str], part: str) -> pd.DataFrame:
    """Groups and panels as ordered levels, and the row of the facet grid."""
    frame = frame.assign(
        group=pd.Categorical(frame["group"].astype(str), list(groups)), part=as_parts([part] * len(frame))
    )
    if "panel" in frame:
        frame["panel"] = pd.Categorical(frame["panel"], list(panels))
    return frame


def step_band(curve: pd.DataFrame) -> pd.DataFrame:
    """Repeat each limit until the next time, so that a ribbon is a staircase; rows without limits are left out."""
    keys = ["panel", "group"] if "panel" in curve else ["group"]
    limits = curve.dropna(subset=["survival_low", "survival_high"])
    later = limits.groupby(keys, sort=False, observed=True)["time_months"].shift(-1)
    held = limits.assign(time_months=later, order=0).dropna(subset=["time_months"])
    both = pd.concat([limits.assign(order=1), held])
    return both.sort_values([*keys, "time_months", "order"], kind="stable", ignore_index=True)


def make_stairs(start: np.ndarray, stop: np.ndarray, **values: np.ndarray) -> pd.DataFrame:
    """Values held from each start to its stop, as two rows a step: time_months and the values."""
    times = np.column_stack([start, stop]).ravel()
    return pd.DataFrame({"time_months": times} | {name: np.repeat(v, 2) for name, v in values.items()})


def cut_at(curve: pd.DataFrame, last: float) -> pd.DataFrame:
    """Rows up to the end of the axis, with the value there of a curve that continues."""
    keys = ["panel", "group"] if "panel" in curve else ["group"]
    inside = curve[curve["time_months"] <= last]
    beyond = curve[curve["time_months"] > last]
    if beyond.empty:
        return inside.copy()
    ends = inside.groupby(keys, sort=False, observed=True).tail(1)
    goes_on = pd.MultiIndex.from_frame(beyond[keys].astype(str))
    ends = ends[pd.MultiIndex.from_frame(ends[keys].astype(str)).isin(goes_on)]
    ends = ends.assign(time_months=last)
    if "n_censored" in ends:
        ends["n_censored"] = 0
    order = pd.concat([inside, ends[ends["time_months"] > 0]])
    return order.sort_values([*keys, "time_months"], kind="stable")


def thin_ticks(times: Sequence[float], most: int = MOST_TICKS) -> list[float]:
    """Keep every k-th tick where there are more than fit."""
    step = max(1, int(np.ceil(len(times) / most)))
    return list(times[::step])


def risk_ticks(at_risk: pd.DataFrame, end: float) -> list[float]:
    """Ticks at the times of a table of numbers at risk, up to the first with fewer than 3% of the patients.

    A table of fewer than two times gives the ends of the curve, whose last month is `end`.
    """
    counts = at_risk.groupby(at_risk["time_months"].astype(float))["n_at_risk"].sum()
    times = [float(t) for t in counts.index]
    if len(times) < 2:
        return [0.0, max(1.0, float(np.ceil(end)))]
    few = np.flatnonzero(counts.to_numpy(float) < LEAST_SHARE * float(counts.iloc[0]))
    if len(few):
        times = times[: max(int(few[0]) + 1, min(LEAST_TICKS, len(times)))]
    return thin_ticks(times)


def month_ticks(last: float, most: int = MOST_TICKS) -> list[float]:
    """Ticks from 0 to at least `last`, a round number of months apart, at most `most` of them."""
    if last < 3:
        return [0.0, 1.0, 2.0, 3.0]
    step = next((s for s in MONTHS_APART if last / s <= most - 1), int(np.ceil(last / (most - 1))))
    return [float(step * i) for i in range(int(np.ceil(last / step)) + 1)]


def last_followed(part: pd.DataFrame) -> float:
    """Last month at which at least 3% of the patients are at risk, at least 1: time_months, n_at_risk, group."""
    wide = part.assign(group=part["group"].astype(str)).pivot_table(
        index="time_months", columns="group", values="n_at_risk"
    )
    total = wide.bfill().fillna(0).sum(axis=1)
    return max(1.0, float(total.index[total >= LEAST_SHARE * total.iloc[0]].max()))


def count_at_risk(part: pd.DataFrame, ticks: Sequence[float]) -> pd.DataFrame:
    """Numbers at risk of the first row at or after each tick, 0 without one: group, time_months, n_at_risk."""
    counted = []
    for group, rows in part.groupby(part["group"].astype(str), sort=False):
        rows = rows.sort_values("time_months")
        times, risk = rows["time_months"].to_numpy(float), rows["n_at_risk"].to_numpy(float)
        place = np.searchsorted(times, np.array(ticks) - 1e-9)
        known = np.append(risk, 0.0)[np.minimum(place, len(risk))]
        counted.append(pd.DataFrame({"group": group, "time_months": list(ticks), "n_at_risk": known}))
    return pd.concat(counted, ignore_index=True)


def label_months(breaks: Sequence[float]) -> list[str]:
    """Months without decimals where they have none."""
    return [format_count(b) if float(b).is_integer() else format_number(b) for b in breaks]
