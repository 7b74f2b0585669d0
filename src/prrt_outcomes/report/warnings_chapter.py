"""Chapter on what to look at: what the checks of data and scans warn of, and what follows for the results."""

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import Column, PageTable, as_text, page_table, say, trace
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording.numbers import format_count
from prrt_outcomes.wording.terms import name_codes, name_term

SOURCES = {
    "data_warnings": ("The data", "The checks of the data gave {n} {noun} ({k} {kinds})."),
    "response_warning_counts": (
        "Scans and lesions",
        "The checks of scans and lesions gave {n} {noun} ({k} {kinds}).",
    ),
}


def write_warnings(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """How many warnings there are, and one row each kind with its count and its consequence."""
    rules = load_schema("response_warning_counts")
    columns = {
        "data_warnings": [
            *col.texts({"What is wrong": "problem"}, lambda text: col.spell_first(name_codes(text))),
            *col.texts({"Table": "table"}, col.name_table),
            Column("Variable", lambda r: col.name_variable(r["table"], as_text(r["column"])), numeric=False),
        ],
        "response_warning_counts": [
            *col.texts({"What is wrong": "rule"}, rules.field("rule").label),
            *col.texts({"Criterion": "criterion"}, name_term),
            *col.counts({"Patients": "n_patients"}),
        ],
    }
    follows = [*col.counts({"Warnings": "n"}), *col.texts({"What follows for the results": "consequence"})]
    kinds = {"data_warnings": ["table", "column", "problem"], "response_warning_counts": ["rule"]}
    paragraphs, shown = [], []
    for name, (title, words) in SOURCES.items():
        rows = tables[name]
        if rows.empty:
            continue
        n, k = int(rows["n"].sum()), len(rows[kinds[name]].drop_duplicates())
        parts = {
            "noun": "warning" if n == 1 else "warnings",
            "kinds": "kind" if k == 1 else "different kinds",
        }
        paragraphs.append(say(words, n=trace(format_count(n), name, {}), k=k, **parts))
        shown.append(page_table(title, name, rows, [*columns[name], *follows]))
    if not paragraphs:
        paragraphs.append(say("The checks of the data, scans and lesions gave no warnings."))
    return paragraphs, shown
