"""Chapter quality of life: mean changes of scores by visit, and cumulative incidence of a definitive deterioration."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
import plotnine as p9

from prrt_outcomes.figures import theme
from prrt_outcomes.figures.figure import Figure, iterate_groupings, make_figure, pick_rows
from prrt_outcomes.figures.safety_figures import TOPS
from prrt_outcomes.figures.survival_figures import plot_cumulative_incidence
from prrt_outcomes.quality_of_life.scores import choose_scales
from prrt_outcomes.wording import terms
from prrt_outcomes.wording.numbers import format_level

QUALITY_OF_LIFE_INPUTS = ("questionnaire_change", "deterioration")
MOST_GROUPS, MOST_TICKS = 5, 5
FIRST = "radionuclide"
BETTER = {"high": "higher is better", "low": "lower is better"}


def draw_quality_of_life(tables: Mapping[str, pd.DataFrame], study) -> Iterator[Figure]:
    """Draw `questionnaire_change` and `deterioration` of the scales of the study by each grouping of few levels."""
    style, settings = theme.figure_style(study), study.questionnaires
    for name in QUALITY_OF_LIFE_INPUTS:
        rows = tables[name]
        scales = choose_scales(rows["scale"], settings)
        rows = rows[rows["scale"].isin(scales)]
        rows = rows.assign(scale=pd.Categorical(rows["scale"].astype(str), scales))
        if name == "deterioration":
            rows = pick_rows(rows, death="competing", definition="definitive")
        groupings = sorted(iterate_groupings(rows, "group_by"), key=lambda item: item[0][0] != FIRST)
        for place, ((group_by,), part) in enumerate(groupings):
            known = part[part["low" if name == "questionnaire_change" else "probability"].notna()]
            if not 1 <= known["group"].nunique() <= MOST_GROUPS:
                continue
            by = "" if group_by == "all" else f" by {terms.inside_sentence(terms.name_column(group_by))}"
            known = known.sort_values("scale", kind="stable")
            if name == "deterioration":
                plot = plot_deterioration(known, style, group_by, by, settings.visits_months)
            else:
                plot = plot_score_changes(known, style, group_by, by)
            words: dict = {
                "group_by": group_by,
                "by_group": by,
                "points": f"{settings.deterioration_points:g}",
            }
            yield make_figure(name, plot, leading=not place, **words)


def plot_score_changes(changes: pd.DataFrame, style: theme.FigureStyle, group_by: str, by: str):
    """Draw mean changes from baseline with intervals, a panel a scale."""
    groups = list(dict.fromkeys(changes["group"].astype(str)))
    better = changes["better"].astype(str).map(BETTER)
    panel = changes["scale"].astype(str) + "\n" + better
    rows = changes.assign(group=changes["group"].astype(str), panel=pd.Categorical(panel, panel.unique()))
    beside, ticks = p9.position_dodge(width=1.2), [0.0, *sorted(rows["planned_months"].unique())]
    start = rows.drop_duplicates(["panel", "group"]).assign(planned_months=0.0, mean_change=0.0)
    labels = {group: terms.name_code(group_by, group) for group in groups}
    across = min(panel.nunique(), 2) if style.narrow else panel.nunique()
    return (
        p9.ggplot(rows, p9.aes("planned_months", "mean_change", color="group"))
        + p9.geom_hline(yintercept=0, linetype="dashed", color=theme.QUIET, size=0.35)
        + p9.geom_linerange(p9.aes(ymin="low", ymax="high"), position=beside, size=0.5, show_legend=False)
        + p9.geom_line(pd.concat([start, rows]), p9.aes(linetype="group"), position=beside, size=style.line)
        + p9.geom_point(position=beside, size=1.4, show_legend=False)
        + p9.facet_wrap("panel", ncol=across)
        + theme.group_scales(groups, labels, theme.color_groups(group_by, groups, style))
        + theme.scale_x(breaks=ticks, labels=[f"{month:.0f}" for month in ticks])
        + theme.dress(
            style, (0.9 + 2.0 * -(-panel.nunique() // across)) * style.scale,
            title=f"Change of questionnaire scores{by}",
            subtitle=f"Means of patients who answered, with {format_level(style.level)} intervals",
            x="Months from the first cycle", y="Change from baseline, points",
            legend_position="none" if len(groups) == 1 else "top",
        )
    )  # fmt: skip


def plot_deterioration(
    rows: pd.DataFrame, style: theme.FigureStyle, group_by: str, by: str, visits: Sequence[float]
):
    """Draw the cumulative incidence of a definitive deterioration, a panel a scale, with ticks at some `visits`."""
    curves = rows.rename(columns={"probability": "cumulative_incidence"}).sort_values(
        ["scale", "group", "time_months"]
    )
    letters = style.letters(0.75) / curves["scale"].astype(str).nunique()
    curves = curves.assign(panel=[theme.wrap(name, letters) for name in curves["scale"].astype(str)])
    none = curves["status"].eq("no_events")  # its limit is that of a month, no part of the band
    curves = curves.assign(low=curves["low"].mask(none), high=curves["high"].mask(none))
    ticks = [0.0]
    for month in sorted(visits):
        ticks += [month] if month - ticks[-1] >= max(visits) / MOST_TICKS else []
    top = next(top for top in TOPS if top >= curves[["cumulative_incidence", "high"]].max(axis=None))  # type: ignore[operator]
    words = f"Definitive deterioration{by}", "Months from the first cycle", group_by
    at_risk = curves[curves["time_months"].isin(ticks)]
    return plot_cumulative_incidence(curves, at_risk, style, *words, top=top)
