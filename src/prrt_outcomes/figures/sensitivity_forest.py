"""How far a result depends on choices: other definitions, sensitivity analyses, subgroups, periods of follow-up."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.figures.forest import Axis, forest_rows, plot_forest
from prrt_outcomes.figures.rows import pick_rows
from prrt_outcomes.figures.theme import FEW_COLOURS, FigureStyle
from prrt_outcomes.wording.numbers import format_count, format_level, format_number, format_p_value
from prrt_outcomes.wording.terms import inside_sentence, name_code, name_column, name_term

LOWER = "lower hazard | higher hazard"


def plot_definitions(
    table: pd.DataFrame, column: str, style: FigureStyle, title: str, group_by: str, level: float = 0.95
):
    """Draw median and hazard ratio of one endpoint under each definition or analysis.

    Parameters
    ----------
    table : rows of `estimand_comparison` (column `variant`, empty for the endpoint as defined) or of `sensitivity`
        (column `analysis`) of one endpoint
    column : which of the two
    style, title : sizes and name of the endpoint
    group_by : grouping whose largest contrast is drawn; the other groups are in the table
    level : confidence level

    Returns
    -------
    plotnine.ggplot or None
        None where there is only one definition, or none with an interval or a ratio.
    """
    rows = table.assign(choice=table[column].astype("string").fillna("primary"))
    choices = list(dict.fromkeys(rows["choice"]))
    if len(choices) < 2:
        return None
    contrast = pick_contrast(rows, group_by)
    records = [_definition(rows[rows["choice"] == c], c, group_by, contrast) for c in choices]
    records = [r for r in records if pd.notna(r["median_low"]) or pd.notna(r["hazard_ratio"])]
    if not records:
        return None
    percent = format_level(level)
    axes = [
        Axis(
            f"Median ({percent} CI)", "median_months", "median_low", "median_high", "status", False, "Months"
        )
    ]
    subtitle = "Median of all patients"
    if contrast:
        axes.append(
            Axis(
                f"HR ({percent} CI)",
                "hazard_ratio",
                "hazard_ratio_low",
                "hazard_ratio_high",
                "hr_status",
                True,
                LOWER,
            )
        )
        group, reference = (name_code(group_by, c) for c in contrast)
        subtitle += f"; hazard ratio of {inside_sentence(group)} against {inside_sentence(reference)}"
    return plot_forest(forest_rows(records), tuple(axes), style, title, subtitle, {"events": "Events/n"})


def pick_contrast(rows: pd.DataFrame, group_by: str) -> tuple[str, str] | None:
    """Group and reference of the largest group that has a hazard ratio in the first definition."""
    own = pick_rows(rows, group_by=group_by)
    own = own[own["reference"].notna() & own["hazard_ratio"].notna()]
    if own.empty:
        return None
    row = own.sort_values("n", ascending=False, kind="stable").iloc[0]
    return str(row["group"]), str(row["reference"])


def _definition(rows: pd.DataFrame, choice: str, group_by: str, contrast) -> dict:
    whole = pick_rows(rows, group_by="all")
    record = {"name": name_term(choice), "heading": False, "colour": FEW_COLOURS[choice == "primary"]}
    keep = ("median_months", "median_low", "median_high", "status")
    record |= {k: whole.iloc[0][k] if len(whole) else float("nan") for k in keep}
    record["events"] = (
        f"{format_count(whole.iloc[0]['events'])}/{format_count(whole.iloc[0]['n'])}" if len(whole) else ""
    )
    pair = pick_rows(rows, group_by=group_by, group=contrast[0]) if contrast else whole.iloc[:0]
    for key in ("hazard_ratio", "hazard_ratio_low", "hazard_ratio_high"):
        record[key] = pair.iloc[0][key] if len(pair) else float("nan")
    record["hr_status"] = pair.iloc[0]["hazard_ratio_status"] if len(pair) else ""
    return record


def plot_subgroups(subgroups: pd.DataFrame, style: FigureStyle, title: str, level: float = 0.95):
    """Draw the effect within each level of each subgroup with the p-value of the interaction.

    Parameters
    ----------
    subgroups : rows of `subgroups` of one endpoint
    style, title : sizes and name of the endpoint
    level : confidence level
    """
    records = []
    several = subgroups.drop_duplicates(["term", "level"]).shape[0] > 1
    for subgroup, part in subgroups.groupby(subgroups["subgroup"].astype(str), sort=False):
        p_value = part["interaction_p_value"].dropna()
        records.append(
            {
                "name": name_column(subgroup),
                "heading": True,
                "p": format_p_value(p_value.iloc[0]) if len(p_value) else "",
            }
        )
        for row in part.to_dict("records"):
            name = name_code(subgroup, str(row["subgroup_level"]))
            if several and pd.notna(row["level"]):
                name += f": {inside_sentence(name_code(str(row['term']), str(row['level'])))}"
            records.append(_ratio_record(name, row))
    first = subgroups.iloc[0]
    effect = name_column(str(first["term"]))
    if not several and pd.notna(first["level"]):
        effect = " against ".join(
            inside_sentence(name_code(str(first["term"]), str(first[c]))) for c in ("level", "reference")
        )
    subtitle = f"Hazard ratio of {inside_sentence(effect)} within subgroups; p: test of interaction"
    columns = {"events": "Events/n", "p": "p"}
    return plot_forest(forest_rows(records), (_ratio_axis(level),), style, title, subtitle, columns)


def plot_periods(periods: pd.DataFrame, style: FigureStyle, title: str, level: float = 0.95):
    """Draw the hazard ratio of each group within periods of follow-up.

    Parameters
    ----------
    periods : rows of `hazard_ratio_periods` of one endpoint and grouping
    style, title : sizes and what is shown
    level : confidence level
    """
    group_by = str(periods["group_by"].iloc[0])
    records = []
    for (group, reference), part in periods.groupby(
        [periods["level"].astype(str), periods["reference"].astype(str)], sort=False
    ):
        name = f"{name_code(group_by, group)} against {inside_sentence(name_code(group_by, reference))}"
        records.append({"name": name, "heading": True})
        for row in part.to_dict("records"):
            start, stop = format_number(row["start_months"], 0), format_number(row["stop_months"], 0)
            words = f"{start}\u2013{stop} months" if stop else f"after {start} months"
            records.append(_ratio_record(words, row | {"n": row["n_at_risk"]}))
    p_value = periods["equality_p_value"].dropna()
    subtitle = "Hazard ratio within periods of follow-up"
    if len(p_value):
        subtitle += f"; the same in all periods: {format_p_value(p_value.iloc[0], name='p')}"
    columns = {"events": "Events/n"}
    return plot_forest(forest_rows(records), (_ratio_axis(level),), style, title, subtitle, columns)


def _ratio_axis(level: float) -> Axis:
    return Axis(
        f"HR ({format_level(level)} CI)",
        "hazard_ratio",
        "hazard_ratio_low",
        "hazard_ratio_high",
        "status",
        True,
        LOWER,
    )


def _ratio_record(name: str, row: dict) -> dict:
    keep = ("hazard_ratio", "hazard_ratio_low", "hazard_ratio_high", "status")
    events = f"{format_count(row['events'])}/{format_count(row['n'])}"
    return {"name": name, "heading": False, "events": events, "p": ""} | {k: row[k] for k in keep}
