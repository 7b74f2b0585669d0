"""Cohort and control before and after weighting: balance of the covariates, overlap of the propensity scores."""

from __future__ import annotations

from textwrap import fill

import pandas as pd

from prrt_outcomes.figures.theme import FEW_COLOURS, GRID, INK, QUIET, FigureStyle, dress
from prrt_outcomes.wording.terms import name_code, name_column, name_term

BALANCED = 0.1
SHAPES = {"none": "o", "att": "s", "overlap": "D", "ate": "^", "maic": "v"}
COLOURS = dict(zip(SHAPES, (QUIET, *FEW_COLOURS), strict=False))
SIDES = {"cohort": FEW_COLOURS[0], "control": FEW_COLOURS[1]}


def plot_love(balance: pd.DataFrame, style: FigureStyle, title: str):
    """Draw the standardised mean difference of every covariate, one mark a weighting.

    `balance`: rows of `control_balance` of one control: covariate, weights, smd.

    Dotted lines at 0.1 on both sides: a difference between them counts as balanced.
    """
    import plotnine as p9

    names = list(dict.fromkeys(balance["covariate"].astype(str)))
    known = balance.dropna(subset=["smd"])
    weights = [w for w in SHAPES if w in set(known["weights"].astype(str))]
    known = known.assign(
        covariate=pd.Categorical(known["covariate"].astype(str), names[::-1]),
        weights=pd.Categorical(known["weights"].astype(str), weights),
    )
    labels = {n: fill(covariate_words(n), 34) for n in names}
    same = {"breaks": weights, "labels": [fill(name_term(w), 24) for w in weights], "name": ""}
    reach = max(0.25, 1.05 * float(known["smd"].abs().max()) if len(known) else 0.5)
    lines = max(sum(x.count("\n") + 1.5 for x in labels.values()), 2.4 * len(weights))
    return (
        p9.ggplot(known, p9.aes("smd", "covariate"))
        + p9.geom_vline(xintercept=0, color=QUIET, size=0.35)
        + p9.geom_vline(xintercept=[-BALANCED, BALANCED], linetype="dotted", color=QUIET, size=0.35)
        + p9.geom_point(p9.aes(color="weights", shape="weights"), size=2.2 * style.scale, stroke=0, alpha=0.9)
        + p9.scale_color_manual(values=[COLOURS[w] for w in weights], **same)
        + p9.scale_shape_manual(values=[SHAPES[w] for w in weights], **same)
        + p9.scale_x_continuous(minor_breaks=[], limits=(-reach, reach), labels=_label_differences)
        + p9.scale_y_discrete(limits=names[::-1], labels=[labels[n] for n in names[::-1]])
        + dress(
            style,
            lines * style.row_in + 1.2 * style.scale,
            legend="right",
            title=title,
            subtitle="Standardised mean difference, cohort minus control; between the dotted lines (0.1) counts as "
            "balanced",
            x="Standardised mean difference",
            axis_line_y=p9.element_blank(),
            axis_ticks_major_y=p9.element_blank(),
            panel_grid_major_y=p9.element_line(color=GRID, size=0.3),
        )
    )


def _label_differences(breaks) -> list[str]:
    return [f"{b:g}".replace("-", "\u2212") for b in breaks]


def covariate_words(name: str) -> str:
    """`tumour_group=lung` or `tumour_group:lung` as `Tumour group: Lung`."""
    for mark in ("=", ":"):
        if mark in name:
            column, level = name.split(mark, 1)
            return f"{name_column(column)}: {name_code(column, level)}"
    return name_column(name)


def plot_overlap(overlap: pd.DataFrame, style: FigureStyle, title: str):
    """Draw a mirrored histogram a weighting.

    `overlap`: rows of `control_overlap` of one control and endpoint.
    """
    import plotnine as p9

    kinds = list(dict.fromkeys(overlap["weights"].astype(str)))
    heads = {k: fill(name_term(k), 30 if len(kinds) < 4 else 16) for k in kinds}
    sign = overlap["group"].astype(str).map({"cohort": 1.0, "control": -1.0})
    bars = overlap.assign(
        panel=pd.Categorical(overlap["weights"].astype(str).map(heads), list(heads.values())),
        group=pd.Categorical(overlap["group"].astype(str), list(SIDES)),
        x=(overlap["score_low"].astype(float) + overlap["score_high"].astype(float)) / 2,
        width=overlap["score_high"].astype(float) - overlap["score_low"].astype(float),
        weighted=overlap["share_weighted"].astype(float) * sign,
        unweighted=overlap["share"].astype(float) * sign,
    )
    labels = [name_term(side).capitalize() for side in SIDES]
    scale = {"values": list(SIDES.values()), "breaks": list(SIDES), "labels": labels, "name": ""}
    return (
        p9.ggplot(bars, p9.aes("x"))
        + p9.geom_col(p9.aes(y="weighted", fill="group", width="width"), alpha=0.45)
        + p9.geom_col(
            p9.aes(y="unweighted", color="group", width="width"), fill="none", size=0.3, show_legend=False
        )
        + p9.geom_hline(yintercept=0, color=INK, size=0.35)
        + p9.facet_wrap("panel", nrow=1 if len(kinds) < 4 else 2)
        + p9.scale_fill_manual(**scale)
        + p9.scale_color_manual(**scale, guide=None)
        + p9.scale_x_continuous(
            minor_breaks=[], breaks=[0, 0.25, 0.5, 0.75, 1], labels=["0", "0.25", "0.5", "0.75", "1"]
        )
        + p9.scale_y_continuous(minor_breaks=[], labels=lambda b: [f"{abs(100 * v):.0f}%" for v in b])
        + dress(
            style,
            (3.3 if len(kinds) < 4 else 5.2) * style.scale,
            title=title,
            subtitle="Share of patients by propensity score: cohort up, control down. Filled: weighted; outline: "
            "unweighted.\nWhere one side has no patients, no comparison is possible.",
            x="Propensity score",
        )
    )
