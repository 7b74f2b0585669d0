"""The cohort's curve beside a control: what was published of it, or patients of its own under each weighting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import fill

import numpy as np
import pandas as pd

from prrt_outcomes.figures.curves import (
    CURVE,
    PANEL_LETTERS,
    Curves,
    as_parts,
    count_at_risk,
    last_followed,
    month_ticks,
    plot_curves,
    thin_ticks,
)
from prrt_outcomes.figures.theme import FEW_COLOURS, FigureStyle
from prrt_outcomes.wording.terms import name_term

OURS, THEIRS, REBUILT = FEW_COLOURS[0], FEW_COLOURS[1], FEW_COLOURS[2]
SIDES = {"cohort": OURS, "control": THEIRS}
MARKS = ["time_months", "survival", "time_low", "time_high", "survival_low", "survival_high"]


@dataclass(frozen=True)
class KnownControl:
    """What is known of a control.

    `name`: words for the legend.
    `points`: published curve: time_months, survival; empty where none was digitised.
    `rebuilt`: reconstructed curve: time_months, survival; empty where there is none.
    `marks`: median and milestones: time_months, survival, and limits along either axis where published.
    """

    name: str
    points: pd.DataFrame
    rebuilt: pd.DataFrame
    marks: pd.DataFrame


def list_marks(control) -> pd.DataFrame:
    """Median and milestones of a published control as points, with the limits that were published.

    `control`: `PublishedControl`.
    """
    rows = [
        {"time_months": m.months, "survival": m.survival, "survival_low": m.low, "survival_high": m.high}
        for m in control.milestones
    ]
    if control.median_months is not None:
        limits = {"time_low": control.median_low, "time_high": control.median_high}
        rows.append({"time_months": control.median_months, "survival": 0.5} | limits)
    return pd.DataFrame(rows, columns=MARKS).astype(float)


def plot_control_curve(ours: pd.DataFrame, control: KnownControl, style: FigureStyle, title: str, time: str):
    """Draw our Kaplan-Meier curve and the control on the same axes.

    `ours`: rows of `km_curve` of the patients who are compared.
    `control`: what is known of the control.

    The control's points are those published; nothing is fitted here. The axis ends where fewer than 3 per cent of our
    patients are at risk, or with the control's last point if that is later.
    """
    ticks = month_ticks(_last_time(ours, control))
    known = {"Cohort": ours}
    known |= {f"{control.name}, published curve": control.points} if len(control.points) else {}
    known |= {f"{control.name}, reconstructed": control.rebuilt} if len(control.rebuilt) else {}
    colours = {label: REBUILT if "reconstructed" in label else THEIRS for label in known} | {"Cohort": OURS}
    marks = f"{control.name}, published median or milestone"
    if len(control.marks):
        colours[marks] = THEIRS
    columns = ["time_months", "survival", "survival_low", "survival_high"]
    steps = pd.concat([part.reindex(columns=columns).assign(group=g) for g, part in known.items()])
    counts = count_at_risk(ours.assign(group="Cohort"), ticks)
    drawn = Curves(steps, ticks, {g: g for g in colours}, colours, title, "", time, at_risk=counts)
    plot = plot_curves(drawn, style)
    return plot + _mark_layers(control.marks, marks, ticks[-1], style)


def plot_weighted_curves(
    curves: pd.DataFrame,
    at_risk: pd.DataFrame,
    style: FigureStyle,
    title: str,
    time: str,
    sizes: Mapping[str, str] | None = None,
):
    """Draw a panel a weighting with the curves of cohort and control.

    `curves`: rows of `control_curves_fitted` of one control and endpoint.
    `at_risk`: the same of `control_fitted_at_risk`.
    `sizes`: effective sizes of cohort and control, in words, by weighting.
    """
    kinds = list(dict.fromkeys(curves["weights"].astype(str)))
    few = len(kinds) < 4
    heads = {k: fill(name_term(k), PANEL_LETTERS if few else PANEL_LETTERS // 2) for k in kinds}
    heads = {k: f"{head}\n{(sizes or {}).get(k, '')}".rstrip() for k, head in heads.items()}
    last = float(curves.loc[curves["group"].astype(str).eq("control"), "time_months"].max())
    times = sorted(at_risk["time_months"].astype(float).unique())
    ticks = thin_ticks(times[: np.searchsorted(times, last) + 1], 6 if few else 5)
    ticks = ticks if len(ticks) > 1 else [0.0, max(last, 1.0)]
    steps = curves.assign(panel=curves["weights"].astype(str).map(heads))
    counts = at_risk.assign(panel=at_risk["weights"].astype(str).map(heads))
    drawn = Curves(
        steps,
        ticks,
        {side: name_term(side).capitalize() for side in SIDES},
        SIDES,
        title,
        "Unweighted, and weighted so that cohort and control are alike in the covariates. Numbers at risk are "
        "patients, unweighted; effective: what cohort / control are worth with these weights.",
        time,
        at_risk=counts,
    )
    return plot_curves(drawn, style)


def _mark_layers(marks: pd.DataFrame, group: str, end: float, style: FigureStyle) -> list:
    """Points of the published numbers with their intervals."""
    import plotnine as p9

    if marks.empty:
        return []
    marks = marks.assign(group=group, part=as_parts([CURVE] * len(marks)))
    across = marks.dropna(subset=["time_low"])
    across = across.assign(
        x=across["time_low"], xend=across["time_high"].fillna(end).clip(upper=end), y=across["survival"]
    )
    along = marks.dropna(subset=["survival_low", "survival_high"])
    along = along.assign(x=along["time_months"], xend=along["time_months"], y=along["survival_low"])
    bars = pd.concat([across.assign(yend=across["survival"]), along.assign(yend=along["survival_high"])])
    point = p9.aes("time_months", "survival", color="group")
    layers = [p9.geom_point(marks, point, shape="D", size=2.0 * style.scale, stroke=0, show_legend=False)]
    if len(bars):
        segment = p9.aes("x", "y", xend="xend", yend="yend", color="group")
        layers.insert(0, p9.geom_segment(bars, segment, size=style.line * 0.8, show_legend=False))
    return layers


def _last_time(ours: pd.DataFrame, control: KnownControl) -> float:
    others = [part["time_months"].max() for part in (control.points, control.marks) if len(part)]
    return float(np.nanmax([last_followed(ours), *others]))
