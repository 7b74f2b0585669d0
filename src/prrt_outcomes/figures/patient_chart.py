"""Lesion chart of one patient: target sum with its thresholds and nadir, single lesions, cycles and therapies.

Made on request; one patient's course is never part of shared output.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotnine as p9

from prrt_outcomes.figures import theme
from prrt_outcomes.figures.curves import label_months, month_ticks
from prrt_outcomes.figures.save import draw_svg
from prrt_outcomes.units import convert_days_to_months
from prrt_outcomes.wording.numbers import format_number
from prrt_outcomes.wording.terms import name_term

LINES = {  # words, colour, line type and width of each line
    "sum": ("Target sum", theme.INK, "solid", 1.0),
    "lesion": ("Single target lesion", "#A9A9A9", "solid", 0.45),
    "response_threshold": ("PR at or under", theme.RESPONSE_COLOURS["PR"], "dashed", 0.6),
    "progression_threshold": ("PD at or over", theme.RESPONSE_COLOURS["PD"], "dashed", 0.6),
}
ROWS = {"cycle": -0.1, "therapy": -0.2}  # below the axis, as shares of the highest value
SHORT = {"NON-CR/NON-PD": "NN"}
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)


@dataclass(frozen=True)
class Course:
    """Parts of the course of a patient that the chart shows, with months since the first cycle."""

    sums: pd.DataFrame
    lesions: pd.DataFrame
    marks: pd.DataFrame
    unit: str


def pick_course(course: pd.DataFrame, criterion: str, reader: str) -> Course:
    """Sums of one criterion and reader, target lesions of that reader, cycles and therapies.

    Single lesions are drawn where the criterion measures a sum of diameters: only then do they share its axis.
    """
    own = course.assign(time_months=convert_days_to_months(course["time_days"].astype(float)))
    item = own["item"].astype(str)
    same = own["reader"].astype("string").eq(reader).fillna(False)
    sums = own[item.eq("sum") & own["criterion"].astype("string").eq(criterion).fillna(False) & same]
    sums = sums[sums["value"].notna()].sort_values("time_months")
    unit = str(sums["unit"].iloc[0]) if len(sums) else ""
    lesions = own[item.eq("lesion") & same & own["role"].astype("string").eq("target").fillna(False)]
    if unit != "mm":
        lesions = lesions.iloc[:0]
    marks = own[item.isin(["cycle", "therapy"])]
    return Course(_with_baseline(sums, own[item.eq("lesion") & same]), lesions, marks, unit)


def _with_baseline(sums: pd.DataFrame, lesions: pd.DataFrame) -> pd.DataFrame:
    """The sum at baseline as the first point, on the day of the last scan before the first sum."""
    if sums.empty or pd.isna(sums["baseline_sum"].iloc[0]):
        return sums
    before = lesions.loc[lesions["time_months"].lt(sums["time_months"].iloc[0]), "time_months"]
    if before.empty:
        return sums
    first = {"time_months": float(before.max()), "value": float(sums["baseline_sum"].iloc[0]), "response": ""}
    return pd.concat([pd.DataFrame([first]), sums], ignore_index=True)


def plot_patient(course: Course, style: theme.FigureStyle, title: str):
    """Draw the chart of a patient; ValueError when there is no sum to draw."""
    sums = course.sums
    if sums.empty:
        raise ValueError("this patient has no target sum by this criterion and reader")
    columns = [c for c in ("value", "progression_threshold", "baseline_sum") if c in sums]
    top = max(float(sums[columns].astype(float).max().max()), 1.0)
    lines = _list_lines(course)
    kinds = [k for k in LINES if k in set(lines["kind"])]
    lines["kind"] = pd.Categorical(lines["kind"], kinds)
    values = sums["value"].astype(float)
    smallest = sums[values.lt(values.cummin().shift(1)).to_numpy()]
    marks = course.marks[course.marks["item"].astype(str).isin(ROWS)]
    marks = marks.assign(value=marks["item"].astype(str).map(ROWS) * top)
    times = pd.concat([sums["time_months"], marks["time_months"]]).astype(float)
    high = max(float(times.max()), 1.0)
    responses = _pick_words(sums, high)
    rows = {"Cycles": ROWS["cycle"] * top, "Therapies": ROWS["therapy"] * top}
    unit = course.unit.replace("mm2", "mm\u00b2")
    plot = p9.ggplot(lines, p9.aes("time_months", "value"))
    if len(lines):
        plot += p9.geom_line(p9.aes(color="kind", linetype="kind", size="kind", group="line"))
        words = {k: LINES[k][0] for k in kinds}
        colours, dashes, sizes = ([LINES[k][place] for k in kinds] for place in (1, 2, 3))
        plot += theme.key_scales(words, color=colours, linetype=dashes, size=sizes)
    plot += p9.geom_point(sums, color=theme.INK, size=2.0, stroke=0)
    if len(smallest):
        plot += p9.geom_point(smallest, shape="o", fill="none", color=theme.INK, size=4.2)
    if len(marks):
        plot += p9.geom_point(marks, shape="|", color=theme.INK, size=2.2, stroke=0.6)
    if len(responses):
        plot += p9.geom_text(responses, p9.aes(label="label"), size=style.small, color=theme.INK, va="bottom")
    ticks = [t for t in month_ticks(high) if t <= high * 1.03]
    step = next((s for s in STEPS if top / s <= 8), STEPS[-1])
    marked = np.arange(0, top * 1.12, step)
    return (
        plot
        + theme.scale_x(breaks=ticks, labels=label_months)
        + theme.scale_y(
            breaks=[*rows.values(), *marked],
            labels=[*rows, *(format_number(v, 0) for v in marked)],
            limits=(-0.28 * top, top * 1.16),
        )
        + theme.dress(
            style,
            4.0 * style.scale + style.legend_in(kinds),
            legend_position=style.beside,
            title=title,
            subtitle="Response of each scan above its sum; ring: smallest sum so far",
            x="Months since the first cycle",
            y=f"Sum, {unit}" if course.unit else "Sum",
        )
    )


def _pick_words(sums: pd.DataFrame, high: float) -> pd.DataFrame:
    """Response of each scan, left out where the one before it is too near."""
    rows, last = [], -np.inf
    for row in sums.to_dict("records"):
        text = "" if pd.isna(row["response"]) else SHORT.get(str(row["response"]), str(row["response"]))
        if text and row["time_months"] - last > 0.05 * high:
            rows.append({"time_months": row["time_months"], "value": row["value"] * 1.02, "label": text})
            last = row["time_months"]
    return pd.DataFrame(rows, columns=["time_months", "value", "label"])


def _list_lines(course: Course) -> pd.DataFrame:
    """Lines of the chart: time_months, value, kind (a key of `LINES`), line."""
    shown = ["response_threshold", "progression_threshold"]
    sums = course.sums.reindex(columns=["time_months", "value", *shown]).rename(columns={"value": "sum"})
    lines = sums.melt("time_months", var_name="kind").assign(line=lambda d: d["kind"])
    lesions = course.lesions.sort_values("time_months")
    lesions = lesions[["time_months", "value"]].assign(kind="lesion", line=lesions["lesion_id"].astype(str))
    parts = [lines.dropna(subset="value"), lesions.dropna(subset="value")]
    frame = pd.concat(parts, ignore_index=True).astype({"value": float, "time_months": float})
    several = frame.groupby("line")["value"].transform("size").gt(1)
    return frame[several]


def draw_patient_charts(course: pd.DataFrame, study) -> dict[str, str]:
    """Text of a chart as svg, by its title: one a criterion and reader that has a sum."""
    charts = {}
    sums = course[course["item"].astype(str).eq("sum") & course["value"].notna()]
    titles = {c.name: c.title for c in study.response.definitions}
    for criterion in study.response.criteria:
        own = sums[sums["criterion"].astype(str).eq(criterion)]
        for reader in dict.fromkeys(own["reader"].astype(str)):
            title = f"{titles.get(criterion) or name_term(criterion)}, reader {reader}"
            plot = plot_patient(pick_course(course, criterion, reader), theme.figure_style(study), title)
            charts[title] = draw_svg(plot)
    return charts
