"""Forests of models: hazard ratios, definitions and sensitivity analyses, subgroups."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.figures.forest import Axis, Forest, plot_forest
from prrt_outcomes.figures.theme import ESTIMATE_COLOURS, FEW_COLOURS, INK, FigureStyle
from prrt_outcomes.wording.numbers import format_count, format_p_value, is_missing
from prrt_outcomes.wording.terms import inside_sentence, name_code, name_column, name_term

LOWER = "lower hazard | higher hazard"
DEFINITIONS = {"other": ("", FEW_COLOURS[0]), "primary": ("", FEW_COLOURS[1])}
HAZARD_RATIO = ("hazard_ratio", "hazard_ratio_low", "hazard_ratio_high")
RATIO_AXIS = Axis("HR", *HAZARD_RATIO, title="Hazard ratio", below=LOWER)
MEDIAN_AXIS = Axis(
    "Median", "median_months", "median_low", "median_high", ratio=False, title="Median, months"
)


def plot_cox_forest(cox: pd.DataFrame, style: FigureStyle, title: str):
    """Draw the hazard ratios of the models of one endpoint of `cox`, one row a level, one panel a model."""
    models = list(dict.fromkeys(cox["model"].astype(str)))
    records = list_rows(cox).to_dict("records")
    axes: list[Axis] = []
    columns: dict[str, str] = {}
    for place, model in enumerate(models):
        own = cox[cox["model"].astype(str).eq(model)]
        _add_model(records, own, place)
        value, low, high, status = (f"{model} {c}" for c in (*HAZARD_RATIO, "status"))
        heading = name_term(model)
        if len(sizes := own[["n_model", "events_model"]].drop_duplicates()) == 1:
            heading += f" ({_events_words(sizes.iloc[0].to_dict(), '_model')})"
        axis = Axis(RATIO_AXIS.text, value, low, high, status, title=heading, below=LOWER, series=model)
        axes.append(axis)
        columns |= {f"counts {place}": "Events/n", f"p {place}": "p"}
    series = {m: ("", ESTIMATE_COLOURS.get(m, INK)) for m in models}
    drawn = Forest(records, axes, f"{title}: hazard ratios", columns=columns, series=series)
    return plot_forest(drawn, style)


def _add_model(records: list[dict], cox: pd.DataFrame, place: int) -> None:
    """Add the estimates, patients and events of one model to the rows of a forest."""
    rows = cox.to_dict("records")
    found = {(str(r["term"]), _text(r["level"])): r for r in rows}
    with_reference = cox[cox["n_reference"].fillna(0).gt(0)].to_dict("records")
    held = {(str(r["term"]), str(r["reference"])): r for r in with_reference}
    model = str(cox["model"].iloc[0])
    for row in records:
        key = (row["term"], row["level"])
        if row["heading"]:
            continue
        if key not in found and key not in held:
            row[f"{model} hazard_ratio_text"] = "not in the model"
        elif key not in found:
            row[f"{model} hazard_ratio_text"] = "reference"
            row[f"counts {place}"] = _events_words(held[key], "_reference")
        else:
            estimate = found[key]
            row |= {f"{model} {c}": estimate[c] for c in (*HAZARD_RATIO, "status")}
            row[f"counts {place}"] = _events_words(estimate)
            row[f"p {place}"] = format_p_value(estimate["p_value"])


def list_rows(cox: pd.DataFrame) -> pd.DataFrame:
    """Term, level, name and heading (a term without numbers) of each row; the reference first under its term."""
    rows = []
    for term, part in cox.drop_duplicates(["term", "level"]).groupby("term", sort=False, observed=True):
        levels = [_text(level) for level in part["level"]]
        if set(levels) == {""}:
            rows.append((str(term), "", name_column(str(term)), False))
            continue
        references = [r for r in dict.fromkeys(part["reference"].dropna().astype(str)) if r]
        rows.append((str(term), "", name_column(str(term)), True))
        for level in dict.fromkeys([*references, *levels]):
            rows.append((str(term), level, name_code(str(term), level), False))
    return pd.DataFrame(rows, columns=["term", "level", "name", "heading"])


def _text(code: Any) -> str:
    return "" if is_missing(code) else str(code)


def plot_definitions(table: pd.DataFrame, column: str, style: FigureStyle, title: str, group_by: str):
    """Draw median and hazard ratio of one endpoint under each definition or analysis, named in a column.

    The ratio is that of the largest contrast of the grouping. None where there is only one definition, or none with an
    interval or a ratio.
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
    axes = [MEDIAN_AXIS]
    subtitle = "Median of all patients"
    if contrast:
        axes.append(replace(RATIO_AXIS, status="hr_status"))
        subtitle += "; hazard ratio of " + " against ".join(
            name_code(group_by, c, inside=True) for c in contrast
        )
    columns = {"events": "Events/n"}
    return plot_forest(Forest(records, axes, title, subtitle, columns, ("events",), DEFINITIONS), style)


def pick_contrast(rows: pd.DataFrame, group_by: str) -> tuple[str, str] | None:
    """Group and reference of the largest group that has a hazard ratio in the first definition."""
    own = pick_rows(rows, group_by=group_by)
    own = own[own["reference"].notna() & own["hazard_ratio"].notna()]
    if own.empty:
        return None
    row = own.sort_values("n", ascending=False, kind="stable").iloc[0]
    return str(row["group"]), str(row["reference"])


def _definition(rows: pd.DataFrame, choice: str, group_by: str, contrast) -> dict:
    """Median of all patients and hazard ratio of the contrast, empty where there is none."""
    whole = pick_rows(rows, group_by="all").to_dict("records")
    pair = pick_rows(rows, group_by=group_by, group=contrast[0]).to_dict("records") if contrast else []
    record: dict = {"name": name_term(choice), "series": "primary" if choice == "primary" else "other"}
    record |= dict.fromkeys(("median_months", "median_low", "median_high", *HAZARD_RATIO), math.nan)
    for row in whole[:1]:
        record |= {k: row[k] for k in ("median_months", "median_low", "median_high", "status")}
        record["events"] = _events_words(row)
    for row in pair[:1]:
        record |= {k: row[k] for k in HAZARD_RATIO} | {"hr_status": row["hazard_ratio_status"]}
    return record


def plot_subgroups(subgroups: pd.DataFrame, style: FigureStyle, title: str):
    """Draw the effect within each level of each subgroup with the p-value of the interaction."""
    records = []
    several = subgroups.drop_duplicates(["term", "level"]).shape[0] > 1
    for subgroup, part in subgroups.groupby(subgroups["subgroup"].astype(str), sort=False):
        p_value = part["interaction_p_value"].dropna()
        p_words = format_p_value(p_value.iloc[0]) if len(p_value) else ""
        records.append({"name": name_column(subgroup), "heading": True, "p": p_words})
        for row in part.to_dict("records"):
            name = name_code(subgroup, str(row["subgroup_level"]))
            if several and pd.notna(row["level"]):
                name += f": {name_code(str(row['term']), str(row['level']), inside=True)}"
            records.append(_ratio_record(name, row))
    first = subgroups.iloc[0]
    effect = inside_sentence(name_column(str(first["term"])))
    if not several and pd.notna(first["level"]):
        effect = " against ".join(
            name_code(str(first["term"]), str(first[c]), inside=True) for c in ("level", "reference")
        )
    subtitle = f"Hazard ratio of {effect} within subgroups; p: test of interaction"
    columns = {"events": "Events/n", "p": "p"}
    return plot_forest(Forest(records, [RATIO_AXIS], title, subtitle, columns, ("events",)), style)


def _events_words(row: Mapping, of: str = "") -> str:
    return f"{format_count(row[f'events{of}'])}/{format_count(row[f'n{of}'])}"


def _ratio_record(name: str, row: Mapping) -> dict:
    return {"name": name, "events": _events_words(row)} | {k: row[k] for k in (*HAZARD_RATIO, "status")}
