"""What changed from one set of tables to the next, one row a change."""

from collections.abc import Iterable, Mapping

import pandas as pd

from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import spell_categories
from prrt_outcomes.tables.schema import load_schema

CHANGES = ["patient_id", "cause", "change", "table", "row", "column", "old", "new", "scope", "decisions"]
DECIDED = {  # derived tables that hold a decision: its columns, and the column that is its scope
    "best_responses": (("best_response", "best_response_date", "response_group"), "criterion"),
    "endpoints": (("origin_date", "end_date", "time_days", "event", "reason", "status"), "endpoint"),
    "endpoint_exclusions": (("reason",), "endpoint"),
    "analysis_set": ((), ""),
}


def list_row_changes(
    name: str, old: pd.DataFrame, new: pd.DataFrame, columns: Iterable[str], scope: str = ""
) -> pd.DataFrame:
    """Changes of one table: cells of rows that both have, rows added and rows removed.

    columns : those that are compared, where both have them
    scope : column of the key whose cell is the scope; without it the name of the table
    Returns columns of `CHANGES` but for cause and decisions.
    """
    key = list(load_schema(name).key)
    both = [c for c in columns if c not in key and c in old and c in new]
    spelt = [
        frame[[*key, *both]].apply(spell_categories).astype({c: _spell_type(frame[c]) for c in both})  # type: ignore[misc]
        for frame in (old, new)
    ]
    merged = spelt[0].merge(spelt[1], on=key, how="outer", suffixes=("__old", "__new"), indicator="_side")
    added, removed, kept = (merged["_side"].eq(side) for side in ("right_only", "left_only", "both"))
    parts = []
    for rows, change in ((added, "row_added"), (removed, "row_removed")):
        parts.append(merged.loc[rows, key].assign(change=change, column="", old="", new=""))
    for column in both:
        left, right = merged[f"{column}__old"], merged[f"{column}__new"]
        differs = kept & ~(left.eq(right).fillna(False).astype(bool) | (left.isna() & right.isna()))
        cells = {"old": _as_text(left[differs]), "new": _as_text(right[differs])}
        parts.append(merged.loc[differs, key].assign(change="value", column=column, **cells))
    found = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    others = [c for c in key if c != "patient_id"]
    labels = [f"{c}=" + _as_text(found[c]) for c in others]
    row = labels[0].str.cat(labels[1:], sep="; ") if labels else pd.Series("", index=found.index)  # type: ignore[arg-type]
    if "patient_id" not in key:
        found["patient_id"] = ""
    own = found[scope].astype(str) if scope else name
    return found.assign(table=name, row=row, scope=own)[
        [c for c in CHANGES if c not in ("cause", "decisions")]
    ]


def list_input_changes(old: Mapping[str, pd.DataFrame], new: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Changes of all input tables; a precision is part of its date."""
    columns = {name: [c for c in table if not c.endswith("_precision")] for name, table in new.items()}  # type: ignore[attr-defined]
    return _stack(list_row_changes(name, old[name], new[name], columns[name]) for name in new)  # type: ignore[arg-type]


def list_decision_changes(
    old: Mapping[str, pd.DataFrame], new: Mapping[str, pd.DataFrame], study: Study
) -> pd.DataFrame:
    """Changes of response, progression, time, event, reason, exclusion and group of every patient."""
    groups = list(dict.fromkeys([*study.analysis.group_by, "radionuclide", "response_group"]))
    return _stack(
        list_row_changes(name, old[name], new[name], columns or groups, scope)
        for name, (columns, scope) in DECIDED.items()
    )


def _stack(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    every = list(parts)
    return pd.concat([part for part in every if len(part)] or every[:1], ignore_index=True)


def join_changes(inputs: pd.DataFrame, decisions: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """All changes by patient: who came and went, then by cause what changed in the data and what this decided.

    A changed cell of the data names in `decisions` the decisions about the patient that changed by the same cause.
    """
    text = decisions["table"] + " " + decisions["scope"] + ": " + decisions["column"].replace("", "row")
    named = decisions.assign(text=text.str.replace("analysis_set analysis_set", "analysis_set", regex=False))
    unique = named.drop_duplicates(["patient_id", "cause", "text"])
    joined = unique.groupby(["patient_id", "cause"], sort=False)["text"].agg("; ".join).rename("decisions")
    inputs = inputs.drop(columns="decisions", errors="ignore").join(joined, on=["patient_id", "cause"])
    parts = [patients.assign(rank=0), inputs.assign(rank=1), decisions.assign(rank=2)]
    every = pd.concat(parts, ignore_index=True).reindex(columns=[*CHANGES, "rank"]).fillna({"decisions": ""})
    order = ["patient_id", "cause", "rank", "table", "row", "column"]
    return every.sort_values(order, kind="stable", ignore_index=True)[CHANGES]


def _spell_type(values: pd.Series) -> object:
    """A type in which the two sides can be compared: text for codes, categories and texts, else their own."""
    is_text = isinstance(values.dtype, pd.CategoricalDtype | pd.StringDtype) or values.dtype == object
    return pd.StringDtype("python") if is_text else values.dtype


def _as_text(values: pd.Series) -> pd.Series:
    """Cells as a csv of a run holds them; empty where missing."""
    if values.dtype.kind == "M":
        return values.dt.strftime("%Y-%m-%d").fillna("")
    text = values.astype("string")
    if values.dtype.kind == "f":
        text = text.str.removesuffix(".0")
    elif values.dtype == "boolean":
        text = text.str.lower()
    return text.fillna("").astype(object)
