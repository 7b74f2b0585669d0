"""Chapter controls: our curve beside each control, every comparison on one axis, the balance of covariates."""

from collections.abc import Iterator, Mapping

import pandas as pd
import plotnine as p9

from prrt_outcomes.controls.library import write_out_control
from prrt_outcomes.figures import theme
from prrt_outcomes.figures.control_plots import (
    RATIOS,
    SIDES,
    KnownControl,
    list_marks,
    plot_control_curve,
    plot_control_forest,
    plot_medians,
    plot_weighted_curves,
)
from prrt_outcomes.figures.figure import Figure, iterate_groupings, make_figure, make_parts, pick_rows
from prrt_outcomes.figures.survival_figures import time_title
from prrt_outcomes.wording import terms
from prrt_outcomes.wording.numbers import format_count

CONTROLS_INPUTS = (
    "controls", "control_balance", "control_reconstruction", "control_sensitivity",
    "control_verdicts", "control_overlap", "control_curves_fitted", "control_fitted_at_risk",
    "control_medians", "control_meta",
)  # fmt: skip


def draw_controls(tables: Mapping[str, pd.DataFrame], study) -> list[Figure]:
    """Draw `forest`, of each control `curve_*`, `weighted_*`, `overlap_*`, `love_*`, and
    `medians_<endpoint>`.
    """
    figures = [*_draw_forest(tables, study)]
    for draw in (_draw_curve, _draw_weighted, _draw_overlap):
        for control, own, endpoint, name in _each_control(tables, study):
            figures += draw(control, own, endpoint, name, study)
    return [*figures, *_draw_balances(tables, study), *_draw_medians(tables, study)]


def _draw_forest(tables, study) -> Iterator[Figure]:
    style = theme.figure_style(study)
    controls, choices = tables["controls"], tables["control_sensitivity"]
    primary = next((c.id for c in study.controls if c.primary), "")
    heads = {control.id: f"{name}, {endpoint}" for control, _, endpoint, name in _each_control(tables, study)}
    if not controls.loc[controls["estimate"].isin(RATIOS), "value"].notna().any():
        return
    title = "The cohort against historical controls"
    yield from make_parts(
        "all_controls", plot_control_forest(controls, choices, primary, style, title, heads)
    )


def _each_control(tables, study):
    """Control, its rows of each table, title of its endpoint, and its name."""
    titles, names = terms.endpoint_titles(study), terms.control_titles(study)
    for control in study.controls:
        own = {
            name: pick_rows(table, control=control.id, endpoint=control.endpoint)
            for name, table in tables.items()
            if {"control", "endpoint"} <= set(table)
        }
        yield control, own, terms.name_endpoint(control.endpoint, titles), names[control.id]


def _draw_curve(control, own, endpoint, name, study) -> Iterator[Figure]:
    ours = pick_rows(own["control_curves_fitted"], weights="none", group="cohort")
    known = find_known(own["control_reconstruction"], control, name)
    if len(ours) and known is not None:
        style, time = theme.figure_style(study), time_title(control.endpoint, study)
        plot = plot_control_curve(ours, known, style, f"{endpoint} against {name}", time)
        yield make_figure("curve", plot, control=control.id, named=name)


def _draw_weighted(control, own, endpoint, name, study) -> Iterator[Figure]:
    curves, at_risk = own["control_curves_fitted"], own["control_fitted_at_risk"]
    if (curves["weights"].nunique() > 1 or control.kind == "patients") and len(at_risk):
        rated = own["control_verdicts"].dropna(subset=["ess", "ess_control"])
        sizes = {
            str(r.weights): f"effective\n{format_count(r.ess)} / {format_count(r.ess_control)}"
            for r in rated.itertuples()
            if r.weights != "none"
        }
        title = f"{endpoint}: cohort and {name}"
        plot = plot_weighted_curves(curves, at_risk, theme.figure_style(study), title, "Months", sizes)
        yield make_figure("weighted", plot, control=control.id, named=name)


def _draw_overlap(control, own, endpoint, name, study) -> Iterator[Figure]:
    if len(scores := own["control_overlap"]):
        title = f"Propensity scores: cohort and {name}"
        plot = plot_overlap(scores, theme.figure_style(study), title)
        yield make_figure("overlap", plot, control=control.id, named=name)


def _draw_balances(tables, study) -> Iterator[Figure]:
    for (control,), balance in iterate_groupings(tables["control_balance"], "control"):
        if balance["smd"].notna().any():
            name = terms.control_titles(study)[control]
            plot = plot_love(balance, theme.figure_style(study), f"Balance against {name}")
            yield make_figure("love", plot, control=control, named=name)


def _draw_medians(tables, study) -> Iterator[Figure]:
    """The cohort among the arms of the library."""
    sources = ("control_medians", "control_meta")
    primary = study.endpoints[0].name
    for endpoint in dict.fromkeys((primary, "os")):
        medians, summary = (pick_rows(tables[name], endpoint=endpoint) for name in sources)
        if medians["series"].astype(str).ne("cohort").any():
            title = terms.name_endpoint(endpoint, terms.endpoint_titles(study))
            words = f"{title}: the cohort among published series"
            plots = plot_medians(medians, summary, theme.figure_style(study), words)
            leading = endpoint == primary
            yield from make_parts("medians", plots, leading=leading, endpoint=endpoint, title=title)


def find_known(overlay: pd.DataFrame, control, name: str) -> KnownControl | None:
    """What is known of a control: published points, reconstruction, median and milestones; None where nothing is.

    `overlay`: rows of `control_reconstruction` of the control.
    `name`: title of the control.
    """
    nothing = pd.DataFrame(columns=["time_months", "survival"])
    if control.kind == "curve":
        if overlay.empty:
            return None
        points, rebuilt = (pick_rows(overlay, curve=curve) for curve in ("published", "reconstructed"))
        return KnownControl(name, points, rebuilt, nothing)
    control = write_out_control(control)
    if control is None or control.kind != "published":
        return None
    return KnownControl(name, nothing, nothing, list_marks(control))


BALANCED = 0.1
SHAPES = {"none": "o", "att": "s", "overlap": "D", "ate": "^", "maic": "v"}


def plot_love(balance: pd.DataFrame, style: theme.FigureStyle, title: str):
    """Draw the standardised mean difference of every covariate, one mark a weighting.

    `balance`: rows of `control_balance` of one control: covariate, weights, smd.

    Dotted lines at 0.1 on both sides: a difference between them counts as balanced.
    """
    names = list(dict.fromkeys(balance["covariate"].astype(str)))
    known = balance.dropna(subset=["smd"])
    weights = [w for w in SHAPES if w in set(known["weights"].astype(str))]
    known = known.assign(
        covariate=pd.Categorical(known["covariate"].astype(str), names[::-1]),
        weights=pd.Categorical(known["weights"].astype(str), weights),
    )
    labels = {n: theme.wrap(covariate_words(n), 22 if style.narrow else 34) for n in names}
    words = {w: theme.wrap(terms.name_term(w), 24) for w in weights}
    colours = dict(zip(SHAPES, (theme.QUIET, *style.few), strict=False))
    reach = max(0.25, 1.05 * float(known["smd"].abs().max()) if len(known) else 0.5)
    lines = max(sum(x.count("\n") + 1.5 for x in labels.values()), 2.4 * len(weights))
    return (
        p9.ggplot(known, p9.aes("smd", "covariate"))
        + p9.geom_vline(xintercept=0, color=theme.QUIET, size=0.35)
        + p9.geom_vline(xintercept=[-BALANCED, BALANCED], linetype="dotted", color=theme.QUIET, size=0.35)
        + p9.geom_point(p9.aes(color="weights", shape="weights"), size=2.2 * style.scale, stroke=0, alpha=0.9)
        + theme.key_scales(words, color=[colours[w] for w in weights], shape=[SHAPES[w] for w in weights])
        + theme.scale_x(
            limits=(-reach, reach), labels=lambda breaks: [f"{b:g}".replace("-", "\u2212") for b in breaks]
        )
        + p9.scale_y_discrete(limits=names[::-1], labels=[labels[n] for n in names[::-1]])
        + theme.dress(
            style,
            lines * style.row_in + 1.2 * style.scale + style.legend_in(words),
            legend_position=style.beside,
            title=title,
            subtitle="Standardised mean difference, cohort minus control; between the dotted lines (0.1) counts as "
            "balanced",
            x="Standardised mean difference",
            axis_line_y=p9.element_blank(),
            axis_ticks_major_y=p9.element_blank(),
            panel_grid_major_y=p9.element_line(color=theme.GRID, size=0.3),
        )
    )


def covariate_words(name: str) -> str:
    """`tumour_group=lung` or `tumour_group:lung` as `Tumour group: Lung`."""
    for mark in ("=", ":"):
        if mark in name:
            column, level = name.split(mark, 1)
            return f"{terms.name_column(column)}: {terms.name_code(column, level)}"
    return terms.name_column(name)


def plot_overlap(overlap: pd.DataFrame, style: theme.FigureStyle, title: str):
    """Draw a mirrored histogram a weighting.

    `overlap`: rows of `control_overlap` of one control and endpoint.
    """
    kinds = list(dict.fromkeys(overlap["weights"].astype(str)))
    across = 2 if style.narrow else 3
    heads = {k: theme.wrap(terms.name_term(k), style.letters(0.8 / min(across, len(kinds)))) for k in kinds}
    sign = overlap["group"].astype(str).map({"cohort": 1.0, "control": -1.0})
    bars = overlap.assign(
        panel=pd.Categorical(overlap["weights"].astype(str).map(heads), list(heads.values())),
        group=pd.Categorical(overlap["group"].astype(str), list(SIDES)),
        x=(overlap["score_low"].astype(float) + overlap["score_high"].astype(float)) / 2,
        width=overlap["score_high"].astype(float) - overlap["score_low"].astype(float),
        weighted=overlap["share_weighted"].astype(float) * sign,
        unweighted=overlap["share"].astype(float) * sign,
    )
    labels, colours = {side: terms.name_term(side).capitalize() for side in SIDES}, style.few[:2]
    return (
        p9.ggplot(bars, p9.aes("x"))
        + p9.geom_col(p9.aes(y="weighted", fill="group", width="width"), alpha=0.45)
        + p9.geom_col(
            p9.aes(y="unweighted", color="group", width="width"), fill="none", size=0.3, show_legend=False
        )
        + p9.geom_hline(yintercept=0, color=theme.INK, size=0.35)
        + p9.facet_wrap("panel", ncol=min(across, len(kinds)))
        + theme.key_scales(labels, fill=colours)
        + theme.key_scales(labels, guide=False, color=colours)
        + theme.scale_x(breaks=[0, 0.25, 0.5, 0.75, 1], labels=["0", "0.25", "0.5", "0.75", "1"])
        + theme.scale_y(labels=lambda b: [f"{abs(100 * v):.0f}%" for v in b])
        + theme.dress(
            style,
            (1.4 + 1.9 * -(-len(kinds) // across)) * style.scale,
            title=title,
            subtitle="Share of patients by propensity score: cohort up, control down. Filled: weighted; outline: "
            "unweighted.\nWhere one side has no patients, no comparison is possible.",
            x="Propensity score",
        )
    )
