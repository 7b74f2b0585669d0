"""One axis for every estimate against history and its worst cases; and the cohort among the arms of the library."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.figures.forest import Axis, forest_rows, plot_forest
from prrt_outcomes.figures.theme import FEW_COLOURS, INK, METHOD_COLOURS, FigureStyle
from prrt_outcomes.wording.numbers import format_count, format_level, format_number, format_p_value
from prrt_outcomes.wording.terms import inside_sentence, name_code, name_column, name_term

RATIOS = ("hazard_ratio", "smr", "rate_ratio", "odds_ratio")
KINDS = {
    "horizon": "Follow-up",
    "start": "Start",
    "calendar": "Calendar",
    "tumour_type": "Tumour types",
    "leave_one_out": "Covariates",
    "negative_control": "Negative control",
    "criterion": "Criterion",
    "scan_grid": "Scan grid",
}
SIDES = "cohort better\u2002|\u2002control better"
NOT_A_COMPARISON = "within the cohort"
SUBTITLE = (
    "Ratio of the hazard, or of observed to expected events; below 1 favours the cohort. Black: the estimate that is "
    "quoted; blue: other methods; orange: the same under other choices"
)


def plot_all_estimates(
    controls: pd.DataFrame,
    choices: pd.DataFrame,
    verdicts: dict[str, str],
    style: FigureStyle,
    title: str,
    level: float = 0.95,
):
    """Draw every estimate of one control and what it becomes under other choices, from best to worst.

    Parameters
    ----------
    controls : rows of `controls` of one control and endpoint
    choices : the same of `control_sensitivity`
    verdicts : words of `control_verdicts` by weights; those of the quoted weights are in the subtitle
    style, title : sizes and what is shown
    level : confidence level

    Returns
    -------
    plotnine.ggplot or None
        None where there is no ratio.
    """
    records = list_estimates(controls) + list_choices(choices)
    if not any(pd.notna(r.get("value")) for r in records):
        return None
    quoted = choices[choices["kind"].astype(str).eq("main")]
    weights = str(quoted["weights"].iloc[0]) if len(quoted) else "none"
    words = verdicts.get(weights, "")
    subtitle = SUBTITLE + (f". Rating: {words}" if words else "")
    axis = Axis(f"Ratio ({format_level(level)} CI)", below=SIDES)
    return plot_forest(forest_rows(records), (axis,), style, title, subtitle, {"n": "n / control"})


def list_estimates(controls: pd.DataFrame) -> list[dict]:
    """A heading, then one row a ratio by method, weights and assumption; bootstrap intervals are in the table."""
    rows = controls[controls["estimate"].astype("string").isin(RATIOS) & controls["value"].notna()]
    records = [{"name": "Methods", "heading": True, "n": ""}] if len(rows) else []
    seen = set()
    for row in rows.to_dict("records"):
        name = _method_words(row)
        if str(row["assumption"]).startswith("bootstrap") or name in seen:
            continue
        seen.add(name)
        records.append(_record(name, row, FEW_COLOURS[0]))
    return records


def list_choices(choices: pd.DataFrame) -> list[dict]:
    """A heading, the estimate as quoted, then the other choices from the lowest to the highest."""
    rows = choices[~choices["item"].astype(str).str.contains(NOT_A_COMPARISON) & choices["value"].notna()]
    main = rows[rows["kind"].astype(str).eq("main")]
    others = rows[~rows["kind"].astype(str).eq("main")].sort_values("value", kind="stable")
    if rows.empty:
        return []
    records = [{"name": "The quoted estimate under other choices", "heading": True, "n": ""}]
    records += [_record("As analysed", r, INK) for r in main.to_dict("records")]
    for row in others.to_dict("records"):
        records.append(_record(_choice_words(row), row, METHOD_COLOURS["naive"]))
    return records


def _choice_words(row: dict) -> str:
    """`Covariates: without grade`."""
    item = str(row["item"])
    if item.startswith("without "):
        item = f"without {inside_sentence(name_column(item.removeprefix('without ')))}"
    return f"{KINDS.get(str(row['kind']), name_term(row['kind']))}: {item}"


def plot_worst_cases(
    controls: pd.DataFrame,
    choices: pd.DataFrame,
    primary: str,
    style: FigureStyle,
    title: str,
    level: float = 0.95,
):
    """Draw of every control the estimate that is quoted, and the lowest and highest of all others, on one axis.

    Parameters
    ----------
    controls, choices : `controls` and `control_sensitivity`, every control
    primary : id of the primary control; the others are exploratory
    style, title : sizes and what is shown
    level : confidence level
    """
    records = []
    for (control, endpoint), own in choices.groupby(
        [choices["control"].astype(str), choices["endpoint"].astype(str)], sort=False
    ):
        same = controls["control"].astype(str).eq(control) & controls["endpoint"].astype(str).eq(endpoint)
        found = [r for r in (*list_choices(own), *list_estimates(controls[same])) if not r["heading"]]
        quoted = [r for r in found if r["colour"] == INK]
        others = sorted((r for r in found if r["colour"] != INK), key=lambda r: r["value"])
        records.append(_heading(control, endpoint, primary))
        records += [r | {"name": "As quoted"} for r in quoted]
        if others:
            records.append(others[0] | {"name": f"Lowest: {others[0]['name']}"})
            records.append(others[-1] | {"name": f"Highest: {others[-1]['name']}"})
    axis = Axis(f"Ratio ({format_level(level)} CI)", below=SIDES)
    subtitle = (
        "Ratio of the hazard, or of observed to expected events; below 1 favours the cohort. Of each control the "
        "estimate that is quoted, and the extremes of all other methods and choices"
    )
    return plot_forest(forest_rows(records), (axis,), style, title, subtitle, {"n": "n / control"})


def _record(name: str, row: dict, colour: str) -> dict:
    ours = row["n"] if pd.isna(row["ess"]) else row["ess"]
    theirs = row["n_control"] if pd.isna(row["ess_control"]) else row["ess_control"]
    sizes = [format_number(v, 0) or "\u2013" for v in (ours, theirs)]
    keep = {k: row[k] for k in ("value", "low", "high", "status")}
    return {"name": name, "heading": False, "colour": colour, "n": " / ".join(sizes)} | keep


def plot_medians(
    medians: pd.DataFrame, summary: pd.DataFrame, style: FigureStyle, title: str, level: float = 0.95
):
    """Draw the median of the cohort among those of the arms of the library, with the summary of each treatment.

    Parameters
    ----------
    medians : rows of `control_medians` of one endpoint
    summary : rows of `control_meta` of the endpoint
    style, title : sizes and what is shown
    level : confidence level

    Notes
    -----
    An arm that shares patients with another, or whose interval is not known, is drawn but not summed up.
    """
    axis = Axis(
        f"Months ({format_level(level)} CI)",
        "median_months",
        "low",
        "high",
        ratio=False,
        below="Median, months",
    )
    columns = {"group": "Tumours", "n": "n"}
    subtitle = (
        "Squares: single series; diamonds: random-effects summary of a treatment. Series differ in patients, scans and "
        "criteria: a place in this list is no comparison"
    )
    return plot_forest(forest_rows(list_medians(medians, summary)), (axis,), style, title, subtitle, columns)


def list_medians(medians: pd.DataFrame, summary: pd.DataFrame) -> list[dict]:
    """Rows: the cohort, then each treatment with its arms and its summary."""
    records = []
    order = ["cohort", "prrt"]
    roles = list(dict.fromkeys(medians["role"].astype(str)))
    for role in [*[r for r in order if r in roles], *[r for r in roles if r not in order]]:
        own = medians[medians["role"].astype(str).eq(role)]
        records.append({"name": "This cohort" if role == "cohort" else name_term(role), "heading": True})
        records[-1] |= {"group": "", "n": ""}
        for row in own.sort_values("median_months", kind="stable").to_dict("records"):
            group = _tumours(row["tumour_group"])
            name = group if role == "cohort" else f"{row['study']}: {row['treatment']}"
            records.append(
                _median(
                    name, row, "" if role == "cohort" else group, FEW_COLOURS[1 if role == "cohort" else 0]
                )
            )
        whole = summary[summary["role"].astype(str).eq(role) & summary["tumour_group"].astype(str).eq("all")]
        for row in whole[whole["median_months"].notna()].to_dict("records"):
            name = f"Summary of {row['k']:.0f} series"
            records.append(_median(name, row, "", INK) | {"mark": "D"})
    return records


def _median(name: str, row: dict, group: str, colour: str) -> dict:
    keep = {k: row[k] for k in ("median_months", "low", "high", "status")}
    return {
        "name": name, "heading": False, "group": group, "n": format_count(row["n"]), "colour": colour, "mark": "s",
    } | keep  # fmt: skip


def _tumours(code: object) -> str:
    text = "" if pd.isna(code) else str(code)
    return {"mixed": "Mixed"}.get(text) or name_code("tumour_group", text)


def plot_control_forest(
    controls: pd.DataFrame, style: FigureStyle, title: str, level: float = 0.95, primary: str = ""
):
    """Draw every ratio of the cohort against each control with its interval.

    Parameters
    ----------
    controls : rows of `controls` that are ratios (hazard ratio, observed over expected); below 1 favours the cohort
    style : sizes
    title : what is shown
    level : confidence level
    primary : id of the primary control; the others are exploratory
    """
    records = []
    ratios = controls[controls["estimate"].astype("string").isin(RATIOS)]
    for (control, endpoint), part in ratios.groupby(["control", "endpoint"], sort=False, observed=True):
        records.append(_heading(str(control), str(endpoint), primary))
        colour = FEW_COLOURS[str(control) == primary]
        for row in part.to_dict("records"):
            records.append(_record(_method_words(row), row, colour) | {"p": format_p_value(row["p_value"])})
    axis = Axis(f"Ratio ({format_level(level)} CI)", below=SIDES, p="p")
    subtitle = "Ratio of the hazard, or of observed to expected events; below 1 favours the cohort"
    return plot_forest(forest_rows(records), (axis,), style, title, subtitle, {"n": "n / control"})


def _heading(control: str, endpoint: str, primary: str) -> dict:
    note = " (primary)" if control == primary else " (exploratory)" if primary else ""
    name = f"{name_term(control)}, {inside_sentence(name_term(endpoint))}{note}"
    return {"name": name, "heading": True, "n": ""}


def _method_words(row: dict) -> str:
    """Method with its weights and its assumption."""
    weights = "" if pd.isna(row["weights"]) or str(row["weights"]) == "none" else name_term(row["weights"])
    assumption = "" if pd.isna(row["assumption"]) else str(row["assumption"]).replace("_", " ")
    more = ", ".join(w for w in (inside_sentence(weights), assumption.split(";")[0]) if w)
    name = name_term(row["method"])
    return f"{name}: {more}" if more else name
