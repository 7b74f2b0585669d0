"""Forests of the Cox models: one of each model with its levels and terms, and one of the effect within subgroups."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from prrt_outcomes.cohort.grouping import RATIO, leave_out_few
from prrt_outcomes.figures import theme
from prrt_outcomes.figures.forest import Axis, Forest, plot_forest
from prrt_outcomes.wording import numbers, terms

FOREST_MODELS = ("multivariable", "univariable")
LOWER = "lower hazard | higher hazard"
RATIO_AXIS = Axis("HR", *RATIO, title="Hazard ratio", below=LOWER)


def plot_cox_forest(cox: pd.DataFrame, style: theme.FigureStyle, title: str) -> list:
    """Draw the hazard ratios of one model of `cox`, one row a level, with patients, events and the test of each term.

    A level of fewer than five patients or events, and one against such a reference, is counted and not drawn.
    """
    records = list_rows(cox).to_dict("records")
    shown = leave_out_few(cox).to_dict("records")
    found = {(str(r["term"]), _text(r["level"])): r for r in shown}
    held = {(str(r["term"]), _text(r["reference"])): r for r in cox.to_dict("records")}
    for row in records:
        key = (row["term"], row["level"])
        if row["heading"] or (key in found and not row["level"]):
            own = next(r for (term, _), r in found.items() if term == row["term"])
            row["p"] = numbers.format_p_value(own.get("term_p_value"))
        if row["heading"]:
            continue
        if key not in found:
            row["hazard_ratio_text"], row["counts"] = "reference", format_events(held[key], "_reference")
            continue
        estimate = found[key]
        row["counts"] = format_events(estimate)
        if str(estimate["status"]).startswith("fewer than"):
            row["hazard_ratio_text"] = estimate["status"]
        else:
            row |= {c: estimate[c] for c in (*RATIO, "status")}
    model = str(cox["model"].iloc[0])
    heading = f"{title}: hazard ratios, {terms.inside_sentence(terms.name_term(model))} model"
    if len(sizes := cox[["n_model", "events_model"]].drop_duplicates()) == 1:
        heading += f" ({format_events(sizes.iloc[0].to_dict(), '_model')} events/patients)"
    drawn = Forest(records, RATIO_AXIS, heading, before={"counts": "Events/n"}, after={"p": "p of\nthe term"})
    return plot_forest(drawn, style)


def list_rows(cox: pd.DataFrame) -> pd.DataFrame:
    """Term, level, name and heading (a term without numbers) of each row; the reference first under its term."""
    rows = []
    for term, part in cox.drop_duplicates(["term", "level"]).groupby("term", sort=False, observed=True):
        levels = [_text(level) for level in part["level"]]
        if set(levels) == {""}:
            rows.append((str(term), "", terms.name_quantity(str(term)), False))
            continue
        references = [r for r in dict.fromkeys(part["reference"].dropna().astype(str)) if r]
        rows.append((str(term), "", terms.name_column(str(term)), True))
        for level in dict.fromkeys([*references, *levels]):
            rows.append((str(term), level, terms.name_code(str(term), level), False))
    return pd.DataFrame(rows, columns=["term", "level", "name", "heading"])


def _text(code: Any) -> str:
    return "" if numbers.is_missing(code) else str(code)


def plot_subgroups(subgroups: pd.DataFrame, style: theme.FigureStyle, title: str) -> list:
    """Draw the effect within each level of each subgroup with the p-value of the interaction."""
    records = []
    several = subgroups.drop_duplicates(["term", "level"]).shape[0] > 1
    for subgroup, part in subgroups.groupby(subgroups["subgroup"].astype(str), sort=False):
        p_value = part["interaction_p_value"].dropna()
        p_words = numbers.format_p_value(p_value.iloc[0]) if len(p_value) else ""
        records.append({"name": terms.name_column(subgroup), "heading": True, "p": p_words})
        for row in part.to_dict("records"):
            name = terms.name_code(subgroup, str(row["subgroup_level"]))
            if several and pd.notna(row["level"]):
                name += f": {terms.name_code(str(row['term']), str(row['level']), inside=True)}"
            estimate = {k: row[k] for k in (*RATIO, "status")}
            records.append({"name": name, "events": format_events(row)} | estimate)
    first = subgroups.iloc[0]
    effect = terms.inside_sentence(terms.name_quantity(str(first["term"])))
    if not several and pd.notna(first["level"]):
        effect = " against ".join(
            terms.name_code(str(first["term"]), str(first[c]), inside=True) for c in ("level", "reference")
        )
    subtitle = f"Hazard ratio of {effect} within subgroups; p: test of interaction"
    drawn = Forest(records, RATIO_AXIS, title, subtitle, {"events": "Events/n"}, {"p": "p"})
    return plot_forest(drawn, style)


def format_events(row: Mapping, of: str = "") -> str:
    """`30/50`, events of patients."""
    return f"{numbers.format_count(row[f'events{of}'])}/{numbers.format_count(row[f'n{of}'])}"
