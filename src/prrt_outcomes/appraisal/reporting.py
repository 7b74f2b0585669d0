"""Items of STROBE and RECORD, each with the result table that is relevant to it, or left to the author."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import pandas as pd

from prrt_outcomes.tables.frames import pick_rows

ACCOUNTS = ("attrition", "stages")
"""Tables that every run writes after all stages."""


@cache
def load_items() -> tuple[dict[str, str], ...]:
    """Items of `reporting_items.csv`, with the table, rows and column relevant to them; empty for the author's."""
    text = (files("prrt_outcomes.appraisal") / "reporting_items.csv").read_text("utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def answer_items(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Result table `reporting_items`: one row an item; it is in the results where its table has such rows.

    von Elm 2007, PLoS Medicine 4:e296 (STROBE, cohort studies); Benchimol 2015, PLoS Medicine 12:e1001885 (RECORD).
    """
    return pd.DataFrame([_answer(item, tables) for item in load_items()])


def _answer(item: dict[str, str], tables: Mapping[str, pd.DataFrame]) -> dict:
    row: dict = {name: item[name] for name in ("guideline", "item", "topic", "asks")}
    if item["table"] in ACCOUNTS:
        return row | {"answered": True} | {name: item[name] for name in ("chapter", "table", "words")}
    found = tables.get(item["table"], pd.DataFrame())
    if len(found) and item["rows"]:
        column, _, value = item["rows"].partition("=")
        found = pick_rows(found, **{column: value})
    if found.empty:
        return row | {"answered": False}
    number = found[item["column"]].iloc[0] if item["column"] else None
    if pd.notna(number):
        row |= {"number": float(number), "words": item["words"]}
    return row | {"answered": True, "chapter": item["chapter"], "table": item["table"]}
