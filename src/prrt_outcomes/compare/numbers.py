"""Numbers of two runs by name, and what each step between them adds to the difference."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from prrt_outcomes.manuscript.names import ALIASES, iterate_rows
from prrt_outcomes.wording.terms import is_share

HEADLINE: dict[str, dict] = yaml.safe_load(Path(__file__).with_name("headline.yaml").read_text("utf-8"))
CAUSES = (
    "changed_code",
    "changed_settings",
    "removed_patients",
    "corrected_data",
    "longer_follow_up",
    "new_patients",
)
PLACE = ["name", "alias", "scope", "group_by", "group", "form"]
ALL = "all"


def list_values(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every number that is compared: columns of `PLACE`, and `value`, missing where there is no estimate."""
    found = []
    for alias, kept in HEADLINE.items():
        named = ALIASES[alias]
        if named["table"] not in tables:
            continue
        rows = _choose_rows(tables[named["table"]], kept)
        for stem, row in iterate_rows(alias, rows):
            place = (row.get(kept["scope"], kept["scope"]), row.get("group_by", ALL), row.get("group", ALL))
            unfit = ("median" if is_share(row["item"]) else "share") if alias == "treatment" else ""
            for value in kept["values"]:
                if value == unfit:
                    continue
                form, column = named["values"][value]
                found.append((f"{stem}.{value}", alias, *map(str, place), form, row[column]))
    frame = pd.DataFrame(found, columns=[*PLACE, "value"]).drop_duplicates("name", ignore_index=True)
    return frame.assign(value=pd.to_numeric(frame["value"]).astype("float64"))


def _choose_rows(table: pd.DataFrame, kept: Mapping) -> pd.DataFrame:
    keep = pd.Series(True, index=table.index)
    for is_wanted, chosen in ((True, kept.get("only", {})), (False, kept.get("without", {}))):
        for column, cells in chosen.items():
            keep &= table[column].astype("string").fillna("").isin(cells) == is_wanted
    return table[keep]


def attribute_differences(values: Sequence[pd.DataFrame], causes: Sequence[str]) -> pd.DataFrame:
    """Old and new value of each number, and what each cause adds to the difference.

    values : `list_values` of the old run, after each step, and of the new run: one more than `causes`
    causes : of each step, in order; one may stand twice; none where only the two runs are given
    Returns columns of `PLACE`, old, new, difference, one column a cause of `CAUSES` and status: `ok`: the causes
    add up to the difference; `new`, `gone`: only one run has an estimate; `not_estimable`: a step has none, so that
    nothing is attributed; `without`: neither run has one.
    """
    whole = pd.concat([values[-1], values[0]]).drop_duplicates("name", ignore_index=True)
    chain = np.column_stack([v.set_index("name")["value"].reindex(whole["name"]) for v in values])
    old, new = chain[:, 0], chain[:, -1]
    is_whole = np.isfinite(chain).all(axis=1)
    steps = np.where(is_whole[:, None], np.diff(chain, axis=1), np.nan)
    made = {cause: np.where(is_whole, 0.0, np.nan) for cause in CAUSES}
    for position, cause in enumerate(causes):
        made[cause] = made[cause] + steps[:, position]
    has_old, has_new = np.isfinite(old), np.isfinite(new)
    status = np.select(
        [is_whole, has_old & has_new, has_new, has_old], ["ok", "not_estimable", "new", "gone"], "without"
    )
    frame = whole[PLACE].assign(old=old, new=new, difference=new - old, **made, status=status)
    order = frame["alias"].map({alias: place for place, alias in enumerate(HEADLINE)})
    return frame.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)


def count_movers(numbers: pd.DataFrame, changes: pd.DataFrame, *groups: pd.DataFrame) -> pd.Series:
    """Patients with a change that enters each number: of its scope, and in its group before or after.

    numbers : columns scope, group_by and group
    changes : columns patient_id and scope; patients who came or went have the scope `all`, which enters every number
    groups : analysis sets of the runs
    Returns whole numbers, missing where a grouping is none of the analysis sets.
    """
    columns = [
        c for c in dict.fromkeys(numbers["group_by"]) if all(c in frame for frame in groups) and c != ALL
    ]
    members = [
        pd.DataFrame({"patient_id": frame["patient_id"], "group_by": c, "group": _spell_group(frame[c])})
        for frame in groups
        for c in columns
    ]
    everyone = changes[["patient_id"]].assign(group_by=ALL, group=ALL)
    member = pd.concat([f for f in (everyone, *members) if len(f)] or [everyone]).drop_duplicates()
    scopes = numbers["scope"].unique()
    every = changes[changes["scope"].eq(ALL)]
    moved = pd.concat([changes, *(every.assign(scope=scope) for scope in scopes)])[["patient_id", "scope"]]
    moved = pd.concat([moved, moved.assign(scope=ALL)]).drop_duplicates()
    found = moved.merge(member, on="patient_id").groupby(["scope", "group_by", "group"]).size().rename("n")
    place = ["scope", "group_by", "group"]
    n = numbers[place].merge(found.reset_index(), on=place, how="left")["n"].fillna(0).astype("Int64")
    return n.where(numbers["group_by"].isin([*columns, ALL]).to_numpy())


def _spell_group(values: pd.Series) -> pd.Series:
    return values.astype("string").fillna("unknown").astype(object)
