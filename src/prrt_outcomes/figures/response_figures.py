"""Chapter response: bars by group, waterfall, course of single patients."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import plotnine as p9

from prrt_outcomes.figures import theme
from prrt_outcomes.figures.curves import label_months, month_ticks
from prrt_outcomes.figures.figure import Figure, iterate_groupings, make_figure, pick_rows
from prrt_outcomes.response.criteria import resolve_criteria
from prrt_outcomes.treatment.periods import find_first_cycles
from prrt_outcomes.units import convert_days_to_months
from prrt_outcomes.wording.numbers import format_count, format_interval, format_level, format_percent
from prrt_outcomes.wording.terms import inside_sentence, name_code, name_column, name_term

RESPONSE_INPUTS = (
    "response_rates", "waterfall", "best_responses", "treatment_periods", "endpoints",
)  # fmt: skip


def draw_response(tables: Mapping[str, pd.DataFrame], study) -> list[Figure]:
    """Draw `bars_<criterion>_<grouping>`, `waterfall_<criterion>` and `swimmer`.

    Of criteria after the first only the first grouping is drawn; the others are in the table.
    """
    definitions = {c.name: c for c in resolve_criteria(study.response)}
    draws = (_draw_bars, _draw_waterfalls, _draw_swimmer)
    return [figure for draw in draws for figure in draw(tables, study, definitions)]


def _draw_bars(tables, study, definitions) -> Iterator[Figure]:
    rates = _primary_rates(tables["response_rates"], study)
    for (criterion,), rows in iterate_groupings(rates, "criterion"):
        leading = criterion == study.response.primary_criterion
        named = criterion_title(criterion, definitions)
        groupings = [g for g in dict.fromkeys(rows["group_by"].astype(str)) if g != "all"]
        groupings = groupings if leading else groupings[:1]
        for group_by in groupings or ["all"]:
            part = rows[rows["group_by"].isin(["all", group_by])]
            by = "" if group_by == "all" else inside_sentence(name_column(group_by))
            title = f"{named}, best response ({study.response.primary_rate})" + (f", by {by}" if by else "")
            plot = plot_response_bars(part, theme.figure_style(study), title)
            words: dict = {"criterion": criterion, "group_by": group_by, "named": named}
            words["and_by"] = f" and {by}" if by else ""
            yield make_figure("bars", plot, leading=leading, **words)


def _primary_rates(rows: pd.DataFrame, study) -> pd.DataFrame:
    """Rows of confirmed or of unconfirmed responses, whichever the study quotes."""
    confirmed = study.response.primary_rate == "confirmed"
    return rows[rows["confirmed"].astype("boolean").eq(confirmed).fillna(False)]


def _draw_waterfalls(tables, study, definitions) -> Iterator[Figure]:
    for (criterion,), rows in iterate_groupings(tables["waterfall"], "criterion"):
        if rows["best_change"].notna().any():
            named = criterion_title(criterion, definitions)
            thresholds = list_thresholds(definitions.get(criterion))
            plot = plot_waterfall(rows, thresholds, theme.figure_style(study), named)
            cut = bool(rows["best_change"].gt(HIGHEST).any())
            leading = criterion == study.response.primary_criterion
            yield make_figure("waterfall", plot, leading=leading, more=cut, criterion=criterion, named=named)


def _draw_swimmer(tables, study, definitions) -> Iterator[Figure]:
    courses, marks = derive_courses(tables, study)
    if len(courses):
        plot = plot_swimmer(courses, marks, theme.figure_style(study), "Course of single patients")
        sizes: dict = {"shown": MOST_PATIENTS, "total": len(courses)}
        yield make_figure("swimmer", plot, more=sizes["total"] > sizes["shown"], **sizes)


def criterion_title(criterion: str, definitions: Mapping) -> str:
    """Title of a criterion: the study's own, else that of the terms."""
    own = definitions.get(criterion)
    return getattr(own, "title", "") or name_term(criterion)


def list_thresholds(definition) -> dict[str, float]:
    """Changes from baseline that a criterion names; the rise counts from the nadir and is drawn as a guide."""
    if definition is None:
        return {}
    found = {"PR": -definition.partial_fall, "PD": definition.progression_rise}
    minor = getattr(definition, "minor_fall", None)
    return found | ({"MR": -minor} if minor else {})


def derive_courses(tables: Mapping[str, pd.DataFrame], study) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Courses of a swimmer plot for patients with overall survival, and its marks, from the derived tables.

    Courses: patient_id, end_months (until death or last contact), died, best_response; marks: patient_id, time_months,
    mark.
    """
    periods = tables["treatment_periods"]
    first = find_first_cycles(periods)
    survival = pick_rows(tables["endpoints"], endpoint="os")
    survival = survival[survival["patient_id"].isin(first.index) & survival["time_days"].notna()]
    best = pick_rows(tables["best_responses"], criterion=study.response.primary_criterion)
    best = best[best["primary_reader"].astype("boolean").fillna(False) & best["period"].eq(1)]
    best = _primary_rates(best, study).drop_duplicates("patient_id")
    found = best.set_index("patient_id")["best_response"].astype(str)
    patients = survival["patient_id"].astype(str)
    courses = pd.DataFrame(
        {
            "patient_id": patients,
            "end_months": convert_days_to_months(survival["time_days"].astype(float)),
            "died": survival["event"].eq(1).fillna(False).astype(bool),
            "best_response": patients.map(found).fillna("NE"),
        }
    ).reset_index(drop=True)
    again = periods[periods["period"].eq(2)]
    dated = (
        (best, "first_response_date", "response"),
        (best, "progression_date", "progression"),
        (again, "first_cycle", "retreatment"),
    )
    ends = courses["died"].map({True: "death", False: "alive"})
    parts = [courses[["patient_id"]].assign(time_months=courses["end_months"], mark=ends)]
    for rows, column, mark in dated:
        seen = rows[rows[column].notna()]
        if len(seen):
            days = (seen[column] - seen["patient_id"].map(first)).dt.days
            months = convert_days_to_months(days.astype(float))
            parts.append(seen[["patient_id"]].assign(time_months=months, mark=mark))
    marks = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return courses, marks[marks["time_months"].ge(0)].astype({"patient_id": str})


DARK = ("CR", "PR", "PD")
RATES = {"objective": "Objective", "disease_control": "Disease control"}
HIGHEST = 1.0
MOST_PATIENTS = 50
MARKS = {
    "response": ("o", "First CR or PR", "#003A8C"),
    "progression": ("D", "First progression", "#C21807"),
    "retreatment": ("^", "Retreatment", "#009E73"),
    "death": ("s", "Death", theme.INK),
    "alive": (">", "Alive at last contact", theme.QUIET),
}


def plot_response_bars(rates: pd.DataFrame, style: theme.FigureStyle, title: str):
    """Draw the shares of best responses of each group, with rates and their intervals beside the bars.

    `rates` are of one criterion and one grouping, and perhaps `all`, which is drawn first.
    """
    frame = rates.assign(group=rates["group"].astype(str), category=rates["category"].astype(str))
    order = frame[["group_by", "group", "total"]].drop_duplicates("group", ignore_index=True)
    order = order.loc[(order["group"] != "all").sort_values(kind="stable").index]
    letters = 20 if style.narrow else 30
    labels = {
        g: theme.wrap(f"{name_code(str(column), g)} (n\u00a0=\u00a0{format_count(n)})", letters)
        for column, g, n in order.itertuples(index=False, name=None)
    }
    rows = list(labels)[::-1]
    heads = {code: theme.wrap(f"{name}, {format_level(style.level)} CI", 18) for code, name in RATES.items()}
    columns = [theme.SHARES, *heads.values()]
    frame["group"] = pd.Categorical(frame["group"], rows)
    bars = _stack_responses(frame, columns)
    texts = frame[frame["category"].isin(list(RATES))]
    texts = texts.assign(
        x=theme.TEXT_X,
        column=pd.Categorical(texts["category"].map(heads), columns),
        label=[
            format_interval(r["proportion"], r["proportion_low"], r["proportion_high"], format_percent)
            for r in texts.to_dict("records")
        ],
    )
    lines = sum(max(2.0, words.count("\n") + 1.3) for words in labels.values())
    written = pd.concat([bars[bars["proportion"].ge(0.05)].astype({"category": str}), texts])
    written = written.assign(dark=written["category"].isin(DARK))
    return (
        p9.ggplot(bars, p9.aes("x", "group"))
        + p9.geom_tile(p9.aes(width="proportion", fill="category"), height=0.72, color="white", size=0.25)
        + p9.geom_text(written, p9.aes(label="label", color="dark"), size=style.small)
        + p9.scale_color_manual(values={True: "white", False: theme.INK}, guide=None)
        + _fill_responses(bars["category"])
        + p9.scale_y_discrete(limits=rows, labels=[labels[g] for g in rows])
        + theme.dress(
            style,
            lines * style.row_in + 1.35 * style.scale,
            title=title,
            subtitle="Share of all treated patients",
        )
        + theme.share_columns([1.5 if style.narrow else 4.4, 1.15, 1.15])
        + p9.guides(fill=p9.guide_legend(nrow=2 if style.narrow else 1))
    )


def _stack_responses(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Shares of each group end to end: the middle of each as x, and its number as label."""
    bars = frame[frame["category"].isin(list(theme.RESPONSE_COLOURS)) & frame["proportion"].fillna(0).gt(0)]
    bars = bars.assign(category=_order_responses(bars["category"])).sort_values(["group", "category"])
    end = bars.groupby("group", observed=True)["proportion"].cumsum()
    return bars.assign(
        x=end - bars["proportion"] / 2,
        column=pd.Categorical([theme.SHARES] * len(bars), columns),
        label=[format_percent(p).removesuffix("%") for p in bars["proportion"]],
    )


def _order_responses(responses: pd.Series) -> pd.Categorical:
    """Best responses as levels, those that occur in the order of the legend."""
    text = responses.astype(str)
    return pd.Categorical(text, [c for c in theme.RESPONSE_COLOURS if c in set(text)])


def _fill_responses(responses: pd.Series, name: str = ""):
    """Fill scale of `_order_responses`, with its title."""
    words = {c: c.replace("NON-", "non-") for c in responses.cat.categories}
    return theme.key_scales(words, name, fill=[theme.RESPONSE_COLOURS[c] for c in words])


def plot_waterfall(changes: pd.DataFrame, thresholds: dict[str, float], style: theme.FigureStyle, title: str):
    """Draw one bar a patient, coloured by best response, from worst to best, and the thresholds of the criterion.

    Bars above +100 per cent are cut there and marked by a small cross.
    """
    bars = changes.dropna(subset=["best_change"]).sort_values(
        ["best_change", "patient_id"], ascending=[False, True], kind="stable"
    )
    n = len(bars)
    high = float(np.clip(bars["best_change"].max(), 0.4, HIGHEST)) if n else 0.4
    bars = bars.assign(
        rank=np.arange(1, n + 1),
        change=bars["best_change"].clip(upper=high),
        best_response=_order_responses(bars["best_response"]),
    )
    cut = bars[bars["best_change"].gt(high)].assign(change=high * 1.04)
    words = [f"{name} {100 * value:+.0f}%".replace("-", "\u2212") for name, value in thresholds.items()]
    guides = pd.DataFrame({"value": list(thresholds.values()), "label": words})
    plot = p9.ggplot(bars, p9.aes("rank", "change"))
    plot += p9.geom_col(p9.aes(fill="best_response"), width=0.84 if n <= 150 else 1.0, position="identity")
    if len(cut):
        plot += p9.geom_point(cut, shape="x", size=1.2, color=theme.INK)
    if len(guides):
        line = p9.aes(x="0", xend="end", y="value", yend="value")
        plot += p9.geom_segment(guides.assign(end=n + 1), line, linetype="dashed", color=theme.INK, size=0.35)
        plot += p9.geom_text(
            guides.assign(rank=n + 0.02 * max(n, 10)),
            p9.aes("rank", "value", label="label"),
            ha="left",
            size=style.small,
            color=theme.QUIET,
        )
    ticks = [t for t in (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0) if t <= high + 1e-9]
    return (
        plot
        + p9.geom_hline(yintercept=0, color=theme.INK, size=0.35)
        + _fill_responses(bars["best_response"])
        + theme.scale_x(breaks=[], limits=(0, n * (1.25 if style.narrow else 1.12) + 1.2), expand=(0.01, 0))
        + theme.scale_y(breaks=ticks, labels=_label_changes, limits=(-1.0, high * 1.06))
        + theme.dress(
            style,
            3.6 * style.scale,
            title=title,
            subtitle="Best change of the sum of target lesions from baseline, "
            f"{format_count(n)} patients with a measured change",
            axis_line_x=p9.element_blank(),
        )
        + p9.guides(fill=p9.guide_legend(nrow=2 if style.narrow else 1))
    )


def _label_changes(breaks) -> list[str]:
    return [f"{100 * b:+.0f}%".replace("-", "\u2212") if abs(b) > 1e-9 else "0%" for b in breaks]


def pick_swimmers(courses: pd.DataFrame, most: int = MOST_PATIENTS) -> pd.DataFrame:
    """Sort patients by length of follow-up and keep every k-th, from the longest on.

    Systematic sampling along the order: the same patients every time, short and long courses in their true share.
    """
    ordered = courses.sort_values(["end_months", "patient_id"], ascending=[False, True], kind="stable")
    n = len(ordered)
    if n <= most:
        return ordered.reset_index(drop=True)
    return ordered.iloc[np.floor(np.arange(most) * n / most).astype(int)].reset_index(drop=True)


def plot_swimmer(courses: pd.DataFrame, marks: pd.DataFrame, style: theme.FigureStyle, title: str):
    """Draw one bar a patient with what happened on it, from what `derive_courses` gives.

    Of more than 50 patients every k-th by length of follow-up is drawn; the subtitle says so.
    """
    shown = pick_swimmers(courses)
    n, total = len(shown), len(courses)
    row_in = (0.125 if n > 25 else 0.16) * style.scale
    place = dict(zip(shown["patient_id"].astype(str), n - np.arange(n), strict=True))
    bars = shown.assign(
        y=list(place.values()),
        x=shown["end_months"] / 2,
        best_response=_order_responses(shown["best_response"]),
    )
    own = marks[marks["patient_id"].astype(str).isin(place)]
    own = own.assign(y=own["patient_id"].astype(str).map(place), mark=own["mark"].astype(str))
    kinds = {m: words for m, (_, words, _) in MARKS.items() if m in set(own["mark"])}
    ticks = month_ticks(float(max(shown["end_months"].max(), 1.0)))
    lines = (bars["best_response"].nunique() + len(kinds) + 6) * style.row_in * 1.35
    return (
        p9.ggplot(bars, p9.aes("x", "y"))
        + p9.geom_tile(
            p9.aes(width="end_months", fill="best_response"),
            height=0.72,
            color=theme.QUIET,
            size=0.1,
            alpha=0.35,
        )
        + p9.geom_point(
            own, p9.aes("time_months", "y", shape="mark", color="mark"), size=2.1 * style.scale, stroke=0
        )
        + _fill_responses(bars["best_response"], "Best response")
        + theme.key_scales(
            kinds, "Event", shape=[MARKS[m][0] for m in kinds], color=[MARKS[m][2] for m in kinds]
        )
        + theme.scale_x(breaks=ticks, labels=label_months, limits=(-1, ticks[-1]), expand=(0.01, 0))
        + theme.scale_y(breaks=[], expand=(0, 0.7))
        + theme.dress(
            style,
            (n * row_in if style.narrow else max(n * row_in, lines))
            + 1.1 * style.scale
            + style.legend_in([*kinds, *bars["best_response"].cat.categories], 1.0),
            legend_position=style.beside,
            title=title,
            subtitle=f"All {format_count(total)} patients"
            if n == total
            else f"{n} of {format_count(total)} patients: evenly spaced along the order of follow-up",
            x="Months since the first cycle",
            axis_line_y=p9.element_blank(),
            legend_title=None,
        )
    )
