"""Chapter safety: adverse events, cumulative incidences, kidney function, laboratory grades."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import plotnine as p9

from prrt_outcomes.cohort.grouping import FEWEST
from prrt_outcomes.figures import theme
from prrt_outcomes.figures.curves import month_ticks
from prrt_outcomes.figures.figure import Figure, iterate_groupings, make_figure, pick_rows
from prrt_outcomes.figures.survival_figures import plot_cumulative_incidence
from prrt_outcomes.wording import terms
from prrt_outcomes.wording.numbers import format_count, format_percent
from prrt_outcomes.wording.terms import name_code

SAFETY_INPUTS = (
    "safety_rates", "lab_course", "adverse_event_rates", "myeloid_neoplasms", "egfr_course",
    "kidney_events", "organ_doses", "organ_dose_distribution",
)  # fmt: skip
MOST_TERMS = 25
NO_LIMIT = "-1"  # no limit tells grade 0 from grade 1
TOPS = (0.04, 0.1, 0.2, 0.4, 1.0)  # ends of the axis of a rare event
ORGANS = {"kidney": "Kidneys", "marrow": "Bone marrow"}
SEVERE = "Grade \u2265 3"


def draw_safety(tables: Mapping[str, pd.DataFrame], study) -> list[Figure]:
    """Draw `adverse_events`, incidences, `egfr_course` and `grade_course` over the whole time."""
    rates, style = tables["safety_rates"], theme.figure_style(study)
    figures = []
    events = pick_rows(tables["adverse_event_rates"], period="any", related="any", group_by="all")
    if events["term"].ne(events["term_group"]).any():
        plot = plot_adverse_events(events, style, "Adverse events from the first cycle on")
        figures.append(make_figure("adverse_events", plot, most=MOST_TERMS))
    rows = pick_rows(tables["myeloid_neoplasms"], neoplasm="tmn")
    words = "Myelodysplastic syndrome or acute leukaemia"
    figures += _draw_incidences(rows, "myeloid_neoplasms", words, style)
    figures += _draw_kidneys(tables, style)
    if len(tables["lab_course"]):
        own = pick_rows(rates, phase="any", group_by="all", grade_at_least="3")
        plot = plot_grade_course(tables["lab_course"], own, style, "Laboratory toxicity")
        figures.append(make_figure("grade_course", plot))
    return figures


def _draw_incidences(
    rows: pd.DataFrame, table: str, title: str, style: theme.FigureStyle
) -> Iterator[Figure]:
    """Cumulative incidence of an event of all patients and of each grouping, where there is one."""
    for (group_by,), part in iterate_groupings(rows, "group_by"):
        if not part["events"].gt(0).any():
            continue
        none = part["status"].eq("no_events")  # its limit is that of a month, no part of the band
        part = part.assign(low=part["low"].mask(none), high=part["high"].mask(none))
        start = part["landmark_months"].max() if "landmark_months" in part else 0
        highest = np.nanmax(part[["cumulative_incidence", "high"]].to_numpy("float64"))
        by = "" if group_by == "all" else f" by {terms.inside_sentence(terms.name_column(group_by))}"
        after = f", in patients without one at month {start:g}" if start else ""
        top = next(top for top in TOPS if top >= highest)
        at_risk = part[part["time_months"].isin(np.floor(part["time_months"]))]
        p_value = next(iter(part["gray_p_value"].dropna()), None) if "gray_p_value" in part else None
        known = part[part["cumulative_incidence"].notna() & part["n"].ge(1 if group_by == "all" else FEWEST)]
        if known.empty:
            continue
        plot = plot_cumulative_incidence(
            known, at_risk, style, title + by, "Months from the first cycle", group_by, p_value, top=top
        )
        words: dict = {"group_by": group_by, "title": title, "by_group": by, "after": after}
        yield make_figure(table, plot, leading=not start, more=group_by != "all", **words)


def _draw_kidneys(tables: Mapping[str, pd.DataFrame], style: theme.FigureStyle) -> Iterator[Figure]:
    """The course of eGFR and the cumulative incidence of its loss, by radionuclide."""
    course = pick_rows(tables["egfr_course"], group_by="radionuclide")
    if len(course):
        yield make_figure("egfr_course", plot_egfr_course(course, style))
    losses = pick_rows(tables["kidney_events"], event="either", confirmed="no", group_by="radionuclide")
    yield from _draw_incidences(losses, "kidney_events", "Loss of 40% of eGFR, or eGFR below 30", style)
    doses = pick_rows(tables["organ_dose_distribution"], group_by="radionuclide")
    if len(doses):
        yield make_figure("organ_doses", plot_organ_doses(doses, tables["organ_doses"], style))


def plot_egfr_course(course: pd.DataFrame, style: theme.FigureStyle):
    """Draw means with intervals, and the fitted line of each radionuclide."""
    groups = list(dict.fromkeys(course["group"].astype(str)))
    labels, colours = (
        {g: name_code("radionuclide", g) for g in groups},
        theme.color_groups("radionuclide", groups, style),
    )
    rows = course.assign(group=pd.Categorical(course["group"].astype(str), groups))
    dodge, words = (
        p9.position_dodge(width=1.2),
        "Points: means of patients with a value then; lines: mixed model",
    )
    fitted = rows[rows["fitted"].notna()]
    return (
        p9.ggplot(rows, p9.aes("time_months", "mean", color="group"))
        + p9.geom_linerange(p9.aes(ymin="low", ymax="high"), position=dodge, size=0.5, show_legend=False)
        + p9.geom_point(position=dodge, size=1.4, show_legend=False)
        + [p9.geom_line(fitted, p9.aes(y="fitted", linetype="group"), size=style.line)][: len(fitted)]
        + theme.group_scales(groups, labels, colours)
        + theme.scale_x(breaks=month_ticks(float(rows["time_months"].max()), 6 if style.narrow else 11))
        + theme.dress(
            style, 3.2 * style.scale + style.legend_in(labels), title="Kidney function from the first cycle on",
            subtitle=words, x="Months from the first cycle", y="eGFR, mL/min/1.73 m\u00b2",
            legend_position=style.beside,
        )
    )  # fmt: skip


def plot_organ_doses(doses: pd.DataFrame, limits: pd.DataFrame, style: theme.FigureStyle):
    """Draw the share of patients above each absorbed dose, a panel an organ, with the limits of table `organ_doses`."""
    rows, limits = doses.astype({"group": str, "organ": str}), pick_rows(limits, quantity="absorbed_dose")
    limits = limits.astype({"organ": str}).drop_duplicates(["organ", "limit_gy"])
    totals = rows.groupby("group", sort=False)["total"].max()
    labels = {
        str(g): f"{name_code('radionuclide', str(g))} (n\u00a0=\u00a0{format_count(n)})"
        for g, n in totals.items()
    }
    colours = theme.color_groups("radionuclide", list(labels), style)
    words = " and ".join(f"{limit:g} Gy" for limit in limits["limit_gy"])
    return (
        p9.ggplot(rows, p9.aes("dose_gy", "proportion", color="group", linetype="group"))
        + p9.geom_vline(p9.aes(xintercept="limit_gy"), limits, color=theme.INK, size=0.3)
        + p9.geom_step(size=style.line)
        + p9.facet_wrap("organ", scales="free_x", labeller=p9.labeller(organ=lambda organ: ORGANS[organ]))
        + theme.group_scales(list(labels), labels, colours)
        + theme.scale_y(limits=(0, 1), labels=theme.label_percent)
        + theme.dress(
            style, 3.0 * style.scale, title="Absorbed doses to kidneys and bone marrow",
            subtitle=f"Vertical lines: limits of {words}", x="Absorbed dose over all cycles, Gy",
            y="Patients above the dose",
        )
    )  # fmt: skip


def plot_adverse_events(events: pd.DataFrame, style: theme.FigureStyle, title: str):
    """Draw for the most frequent terms the share of patients with any grade, and within it of grade 3 or worse."""
    terms = events[events["term"].ne(events["term_group"])]
    common = terms[terms["grade_at_least"].eq(1)].sort_values("n", ascending=False, kind="stable")
    names = list(common["term"].head(MOST_TERMS).astype(str))
    legend = {"1": "Any grade", "3": SEVERE}
    columns = [theme.SHARES, SEVERE]
    bars = terms[terms["term"].isin(names)].sort_values("grade_at_least", kind="stable")
    bars = bars.assign(
        term=bars["term"].astype(str),
        x=bars["proportion"] / 2,
        grade=pd.Categorical(bars["grade_at_least"].astype(str), list(legend)),
        column=pd.Categorical([theme.SHARES] * len(bars), columns),
    )
    severe = bars[bars["grade"].eq("3")].assign(
        x=theme.TEXT_X, column=pd.Categorical([SEVERE] * len(names), columns)
    )
    severe["label"] = [format_percent(share) for share in severe["proportion"]]
    labels = [theme.wrap(name, 22 if style.narrow else 34) for name in names]
    return (
        p9.ggplot(bars, p9.aes("x", "term"))
        + p9.geom_tile(p9.aes(width="proportion", fill="grade"), height=0.72)
        + p9.geom_text(severe, p9.aes(label="label"), size=style.small, color=theme.INK)
        + theme.key_scales(legend, fill=[theme.GRADE_COLOURS[1], theme.GRADE_COLOURS[3]])
        + p9.scale_y_discrete(limits=names[::-1], labels=labels[::-1])
        + theme.dress(
            style,
            2.1 * style.row_in * len(names) + 1.4 * style.scale,
            title=title,
            subtitle=f"Patients with at least one event, of {format_count(terms['total'].max())}",
        )
        + theme.share_columns([4 if style.narrow else 8, 1])
        + p9.guides(fill=p9.guide_legend(nrow=1))
    )


def plot_grade_course(course: pd.DataFrame, rates: pd.DataFrame, style: theme.FigureStyle, title: str):
    """Draw the shares of grades at baseline, worst and last, a panel each; `rates`: of grade 3 or worse, as text."""
    names = list_analytes(course)
    heads = {"baseline": "Baseline", "worst": "Worst", "last": "Last"}
    counts = {"n_grade_0_or_1": NO_LIMIT} | {f"n_grade_{grade}": str(grade) for grade in range(5)}
    bars = course.melt(["analyte", "moment", "n"], list(counts), "grade", "patients")
    bars = bars[bars["patients"].gt(0)].astype({"analyte": "string", "moment": "string"})
    codes = [code for code in counts.values() if code in set(bars["grade"].map(counts))]
    columns = [*heads.values(), *([SEVERE] if len(rates) else [])]
    bars = bars.assign(
        grade=pd.Categorical(bars["grade"].map(counts), codes),
        share=bars["patients"] / bars["n"],
        column=pd.Categorical(bars["moment"].map(heads), columns),
    ).sort_values(["analyte", "column", "grade"])
    bars["x"] = bars.groupby(["analyte", "moment"])["share"].cumsum() - bars["share"] / 2
    legend = {c: f"Grade {c}" if c != NO_LIMIT else "Grade 0 or 1" for c in codes}
    severe = rates[rates["analyte"].astype(str).isin(names)].assign(x=theme.TEXT_X)
    severe = severe.assign(
        analyte=severe["analyte"].astype(str),
        label=[format_percent(p) for p in severe["proportion"]],
        column=pd.Categorical([SEVERE] * len(severe), columns),
    )
    totals = course.groupby("analyte", observed=True)["n"].first()
    labels = [
        theme.wrap(
            f"{name_code('analyte', n)} (n\u00a0=\u00a0{format_count(totals[n])})", 20 if style.narrow else 30
        )
        for n in names
    ]
    plot = p9.ggplot(bars, p9.aes("x", "analyte"))
    plot += p9.geom_tile(p9.aes(width="share", fill="grade"), height=0.72)
    if len(severe):
        plot += p9.geom_text(severe, p9.aes(label="label"), size=style.small, color=theme.INK)
    return (
        plot
        + theme.key_scales(legend, fill=[theme.GRADE_COLOURS[int(c)] for c in codes])
        + p9.scale_y_discrete(limits=names[::-1], labels=labels[::-1])
        + theme.dress(
            style,
            2.1 * style.row_in * len(names) + 1.6 * style.scale,
            title=title,
            subtitle="Patients by CTCAE grade at baseline, at worst after the first cycle, and in the last sample",
        )
        + theme.share_columns(
            ([2, 2, 2, 1.6] if style.narrow else [3, 3, 3, 1])[: len(columns)], style.narrow
        )
        + p9.guides(fill=p9.guide_legend(nrow=2 if style.narrow else 1))
    )


def list_analytes(grades: pd.DataFrame) -> list[str]:
    """Analytes that have rows, in the order of the schema where the column knows it."""
    present = set(grades["analyte"].astype(str))
    if isinstance(grades["analyte"].dtype, pd.CategoricalDtype):
        return [str(c) for c in grades["analyte"].cat.categories if str(c) in present]
    return list(dict.fromkeys(grades["analyte"].astype(str)))
