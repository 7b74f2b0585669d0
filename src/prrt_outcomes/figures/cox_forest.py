"""Forest of the models of one endpoint: one row a level, one axis a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from prrt_outcomes.figures.forest import Axis, plot_forest
from prrt_outcomes.figures.theme import ESTIMATE_COLOURS, INK, FigureStyle
from prrt_outcomes.wording.numbers import format_level, format_p_value
from prrt_outcomes.wording.terms import name_code, name_column, name_term


@dataclass(frozen=True)
class RatioWords:
    """What the ratios of a forest of models are.

    Attributes
    ----------
    title : behind the name of the outcome, such as ``hazard ratios``
    short : heading of the column of numbers
    below : words at each axis
    models : title of a model where it is not the term's
    """

    title: str = "hazard ratios"
    short: str = "HR"
    below: str = "lower hazard | higher hazard"
    models: Mapping[str, str] = field(default_factory=dict)


def plot_cox_forest(
    cox: pd.DataFrame, style: FigureStyle, title: str, level: float = 0.95, words: RatioWords | None = None
):
    """Draw the hazard ratios of the models of one endpoint, one row a level.

    Parameters
    ----------
    cox : rows of `cox` of one endpoint; every model has its own axis and text columns
    style : sizes
    title : name of the endpoint
    level : confidence level of the intervals, between 0 and 1
    words : what the ratios are; hazard ratios where it is left out
    """
    words = words or RatioWords()
    rows = list_rows(cox)
    rows["indent"] = np.where(rows["is_level"], 2, 0)
    known = rows["events"].notna()
    rows["counts"] = [
        "" if pd.isna(n) else f"{e:.0f}/{n:.0f}" if pd.notna(e) else f"{n:.0f}"
        for n, e in zip(rows["n"], rows["events"], strict=True)
    ]
    axes = []
    for model in dict.fromkeys(cox["model"].astype(str)):
        rows = _add_model(rows, cox[cox["model"].astype(str) == model], model)
        head = words.models.get(model) or name_term(model)
        axes.append(
            Axis(
                f"{words.short} ({format_level(level)} CI)",
                *(f"{name}_{model}" for name in ("value", "low", "high", "status")),
                below=words.below.replace(" | ", "\u2002|\u2002"),
                head=head,
                text=f"text_{model}",
                p=f"p_{model}",
            )
        )
    rows["heading"] = ~rows["is_level"]
    return plot_forest(
        rows, axes, style, f"{title}: {words.title}", columns={"counts": "Events/n" if known.any() else "n"}
    )


def _add_model(rows: pd.DataFrame, cox: pd.DataFrame, model: str) -> pd.DataFrame:
    """Columns of one model beside the rows of the forest."""
    found = cox.assign(level=cox["level"].astype("string").fillna(""), term=cox["term"].astype(str))
    found = found.drop_duplicates(["term", "level"]).set_index(["term", "level"])
    keys = pd.MultiIndex.from_arrays([rows["term"], rows["level"]])
    columns = {"value": "hazard_ratio", "low": "hazard_ratio_low", "high": "hazard_ratio_high"}
    columns |= {"status": "status", "p": "p_value"}
    own = found[list(columns.values())].reindex(keys).reset_index(drop=True)
    inside = keys.isin(found.index)
    write = Axis("", "hazard_ratio", "hazard_ratio_low", "hazard_ratio_high").write
    texts = [write(r) or "not estimable" for r in own.to_dict("records")]
    texts = np.where(inside, texts, np.where(rows["is_reference"], "reference", "not in the model"))
    p_values = [format_p_value(p) for p in own["p_value"]]
    return rows.assign(
        **{f"{name}_{model}": own[column].to_numpy() for name, column in columns.items() if name != "p"},
        **{
            f"text_{model}": np.where(rows["heading"], "", texts),
            f"p_{model}": np.where(inside, p_values, ""),
            f"colour_value_{model}": ESTIMATE_COLOURS.get(model, INK),
        },
    )


def list_rows(cox: pd.DataFrame) -> pd.DataFrame:
    """Rows of the forest: one a term, and under a term with levels one a level, the reference first.

    Returns
    -------
    DataFrame
        term, level, name, heading (a term without numbers), is_level, is_reference, n, events
    """
    first = cox.drop_duplicates(["term", "level"])
    rows: list[dict] = []

    def add(term, level, heading, reference, row=None) -> None:
        known = {} if row is None else row
        name = name_code(str(term), level) if level else name_column(str(term))
        rows.append(
            {"term": str(term), "level": level, "name": name, "heading": heading}
            | {"is_level": level != "", "is_reference": reference}
            | {key: float(known.get(key, np.nan)) for key in ("n", "events")}
        )

    for term, part in first.groupby("term", sort=False, observed=True):
        levels = part["level"].astype("string").fillna("")
        records = part.assign(n=part["n"].astype("Float64"), events=part["events"].astype("Float64"))
        records = records.astype({"n": "float64", "events": "float64"}).to_dict("records")
        if (levels == "").all():
            add(term, "", False, False, records[0])
            continue
        add(term, "", True, False)
        references = [r for r in dict.fromkeys(part["reference"].dropna().astype(str)) if r]
        for reference in references:
            if reference not in set(levels):
                add(term, reference, False, True)
        for row, level in zip(records, levels, strict=True):
            add(term, level, False, level in references, row)
    return pd.DataFrame(rows)
