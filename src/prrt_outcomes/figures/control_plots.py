"""Plots of controls: curves beside the cohort's, forests of comparisons, the cohort among published series."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotnine as p9

from prrt_outcomes.figures.curves import (
    CURVE,
    Curves,
    as_parts,
    count_at_risk,
    last_followed,
    month_ticks,
    plot_curves,
    thin_ticks,
)
from prrt_outcomes.figures.figure import iterate_groupings, pick_rows
from prrt_outcomes.figures.forest import Axis, Forest, plot_forest
from prrt_outcomes.figures.theme import INK, FigureStyle, wrap
from prrt_outcomes.wording.numbers import format_count, is_missing
from prrt_outcomes.wording.terms import inside_sentence, name_code, name_column, name_term

WEIGHTED = (
    "Unweighted, and weighted so that cohort and control are alike in the covariates. Numbers at risk are patients, "
    "unweighted; effective: effective sample size of cohort / control."
)
RATIOS = ("hazard_ratio", "smr", "rate_ratio", "odds_ratio")
KINDS = {
    "population": "Patients", "start": "Start", "calendar": "Calendar", "tumour_type": "Tumour types",
    "leave_one_out": "Covariates", "negative_control": "Negative control", "criterion": "Criterion",
    "scan_grid": "Scan grid", "censoring": "Censoring",
}  # fmt: skip
NO_HEADS: Mapping[str, str] = {}
NOT_A_COMPARISON = "within the cohort"
BELOW = "Ratio of the hazard, or of observed to expected events; below 1 favours the cohort"
SIZES = {"n": "n / control\n(effective)"}
ESTIMATES = {
    "quoted": ("The estimate that is quoted", INK),
    "method": ("Other methods", 0),
    "choice": ("The quoted one under other choices", 1),
}
SERIES = {
    "cohort": ("This cohort", 1),
    "series": ("Single series", 0),
    "summary": ("Random-effects summary of a treatment", INK),
}
RATIO_AXIS = Axis("Ratio", title="Ratio", below="cohort better | control better")
MEDIAN_AXIS = Axis("Months", "median_months", ratio=False, title="Median, months")
SIDES = ("cohort", "control")
MARKS = ["time_months", "survival", "time_low", "time_high", "survival_low", "survival_high"]


def _control_words(control: str, endpoint: str, primary: str, heads: Mapping[str, str]) -> str:
    note = " (primary)" if control == primary else " (exploratory)" if primary else ""
    return (heads.get(control) or f"{name_term(control)}, {inside_sentence(name_term(endpoint))}") + note


def _method_words(row: dict) -> str:
    weights = "" if is_missing(row["weights"]) or str(row["weights"]) == "none" else name_term(row["weights"])
    assumption = "" if is_missing(row["assumption"]) else str(row["assumption"]).replace("_", " ")
    more = ", ".join(w for w in (inside_sentence(weights), assumption) if w)
    return f"{name_term(row['method'])}: {more}" if more else name_term(row["method"])


def list_estimates(controls: pd.DataFrame) -> list[dict]:
    """One record a ratio by method, weights and assumption; bootstrap intervals are in the table."""
    rows = controls[controls["estimate"].astype("string").isin(RATIOS) & controls["value"].notna()]
    records: dict[str, dict] = {}
    for row in rows.to_dict("records"):
        assumption = "" if is_missing(row["assumption"]) else str(row["assumption"])
        if not assumption.startswith("bootstrap"):
            name = _method_words(row | {"assumption": assumption.split(";")[0] or None})
            records.setdefault(name, _record(name, row, "method"))
    return list(records.values())


def list_choices(choices: pd.DataFrame) -> list[dict]:
    """The estimate as quoted, then the other choices from the lowest to the highest."""
    rows = choices[~choices["item"].astype(str).str.contains(NOT_A_COMPARISON) & choices["value"].notna()]
    main = rows["kind"].astype(str).eq("main")
    records = [_record("As quoted", r, "quoted") for r in rows[main].to_dict("records")]
    others = rows[~main].sort_values("value", kind="stable").to_dict("records")
    return records + [_record(_choice_words(row), row, "choice") for row in others]


def _choice_words(row: dict) -> str:
    """`Covariates: without grade`."""
    item = str(row["item"])
    if item.startswith("without "):
        item = f"without {inside_sentence(name_column(item.removeprefix('without ')))}"
    if row["kind"] == "negative_control":
        item = name_term(item)
    return f"{KINDS.get(str(row['kind']), name_term(row['kind']))}: {item}"


def plot_control_forest(
    controls: pd.DataFrame,
    choices: pd.DataFrame,
    primary: str,
    style: FigureStyle,
    title: str,
    heads: Mapping[str, str] = NO_HEADS,
) -> list:
    """Draw of every control the estimate that is quoted, and the lowest and highest of all others, on one axis.

    `controls`, `choices`: `controls` and `control_sensitivity`, every control.
    `primary`: id of the primary control; the others are exploratory.
    `heads`: title and endpoint of each control by id.
    """
    records: list[dict] = []
    choices = choices[choices["kind"].astype(str).ne("negative_control")]
    ratios = controls[controls["estimate"].astype("string").isin(RATIOS)]
    for (control, endpoint), same in iterate_groupings(ratios, "control", "endpoint"):
        own = pick_rows(choices, control=control, endpoint=endpoint)
        found = [*list_choices(own), *list_estimates(same)]
        others = sorted((r for r in found if r["series"] != "quoted"), key=lambda r: r["value"])
        records.append({"name": _control_words(control, endpoint, primary, heads), "heading": True})
        records += [r for r in found if r["series"] == "quoted"]
        words = ("Lowest: ", "Highest: ") if len(others) > 1 else ("",) * len(others)
        records += [
            r | {"name": w + r["name"]} for w, r in zip(words, others[:1] + others[-1:], strict=False)
        ]
    subtitle = (
        f"{BELOW}. Of each control the quoted estimate, and the extremes of all other methods and choices"
    )
    return plot_forest(Forest(records, RATIO_AXIS, title, subtitle, SIZES, series=ESTIMATES), style)  # type: ignore[arg-type]


def _record(name: str, row: dict, series: str) -> dict:
    """Record of an estimate, with the patients of cohort and control, and where weighted the effective ones."""
    pairs = [[format_count(row[c]) for c in pair] for pair in (("n", "n_control"), ("ess", "ess_control"))]
    n, effective = (" / ".join(s or "\u2013" for s in pair) if any(pair) else "" for pair in pairs)
    words = f"{n}\n({effective})" if effective not in ("", n) else n
    keep = {k: row[k] for k in ("value", "low", "high", "status")}
    return {"name": name, "series": series, "n": words} | keep


def plot_medians(medians: pd.DataFrame, summary: pd.DataFrame, style: FigureStyle, title: str) -> list:
    """Draw the median of the cohort among those of the arms of the library, with the summary of each treatment.

    `medians`: rows of `control_medians` of one endpoint.
    `summary`: rows of `control_meta` of the endpoint.

    An arm that shares patients with another, or whose interval is not known, is drawn but not summed up.
    """
    subtitle = "Series differ in patients, scans and criteria: a place in this list is no comparison"
    columns = {"group": "Tumours", "n": "n"}
    records = list_medians(medians, summary)
    marks = {"summary": "D"}
    return plot_forest(
        Forest(records, MEDIAN_AXIS, title, subtitle, columns, series=SERIES, marks=marks),  # type: ignore[arg-type]
        style,
    )


def list_medians(medians: pd.DataFrame, summary: pd.DataFrame) -> list[dict]:
    """Records: the cohort, then each treatment with its arms and its summary."""
    records: list[dict] = []
    found = list(dict.fromkeys(medians["role"].astype(str)))
    first = [r for r in ("cohort", "prrt") if r in found]
    for role in dict.fromkeys([*first, *found]):
        own = medians[medians["role"].astype(str).eq(role)]
        records.append({"name": "This cohort" if role == "cohort" else name_term(role), "heading": True})
        for row in own.sort_values("median_months", kind="stable").to_dict("records"):
            group = _tumours(row["tumour_group"])
            if role == "cohort":
                records.append(_median(group, row, "", "cohort"))
            else:
                records.append(_median(f"{row['study']}: {row['treatment']}", row, group, "series"))
        whole = summary[summary["role"].astype(str).eq(role) & summary["tumour_group"].astype(str).eq("all")]
        for row in whole[whole["median_months"].notna()].to_dict("records"):
            records.append(_median(f"Summary of {row['k']:.0f} series", row, "", "summary"))
    return records


def _median(name: str, row: dict, group: str, series: str) -> dict:
    keep = {k: row[k] for k in ("median_months", "low", "high", "status")}
    return {"name": name, "series": series, "group": group, "n": format_count(row["n"])} | keep


def _tumours(code: object) -> str:
    text = "" if is_missing(code) else str(code)
    return {"mixed": "Mixed"}.get(text) or name_code("tumour_group", text)


@dataclass(frozen=True)
class KnownControl:
    """What is known of a control."""

    name: str  # words for the legend
    points: pd.DataFrame  # published curve: time_months, survival; empty where none was digitised
    rebuilt: pd.DataFrame  # reconstructed curve: time_months, survival; empty where there is none
    # median and milestones: time_months, survival, and limits along either axis where published
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

    `ours`: rows of `control_curves_fitted` of the patients who are compared.
    `control`: what is known of the control.

    The control's points are those published; nothing is fitted here. The axis ends where fewer than 3 per cent of our
    patients are at risk, or with the control's last point if that is later.
    """
    others = [part["time_months"].max() for part in (control.points, control.marks) if len(part)]
    ticks = month_ticks(float(np.nanmax([last_followed(ours), *others])))
    own, theirs, rebuilt = style.few[:3]
    known = {"Cohort": ours}
    known |= {f"{control.name}, published curve": control.points} if len(control.points) else {}
    known |= {f"{control.name}, reconstructed": control.rebuilt} if len(control.rebuilt) else {}
    colours = {label: rebuilt if "reconstructed" in label else theirs for label in known} | {"Cohort": own}
    marks = f"{control.name}, published median or milestone"
    if len(control.marks):
        colours[marks] = theirs
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
    heads = {k: wrap(name_term(k), style.letters(0.8) / len(kinds)) for k in kinds}
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
        dict(zip(SIDES, style.few, strict=False)),
        title,
        WEIGHTED if len(kinds) > 1 else "Unweighted: nothing makes the two sides alike.",
        time,
        at_risk=counts,
    )
    return plot_curves(drawn, style)


def _mark_layers(marks: pd.DataFrame, group: str, end: float, style: FigureStyle) -> list:
    """Points of the published numbers with their intervals."""
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
