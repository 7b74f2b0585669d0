"""Chapter on what to look at: what the checks of data and scans warn of, and what follows for the results."""

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import PageTable, as_text, say, trace
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording.numbers import format_count
from prrt_outcomes.wording.terms import inside_sentence, name_codes

KINDS = {"data_warnings": ["table", "column", "problem"], "response_warning_counts": ["rule"]}
CHECKED = {"data_warnings": "the data", "response_warning_counts": "scans and lesions"}
NAMED = 5  # kinds, the most frequent first


def write_warnings(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """How many warnings there are, and one row each kind with its count and its consequence."""
    shows = {
        "problem": lambda text: col.spell_first(name_codes(text)),
        "table": col.name_table,
        "variable": lambda row: col.name_variable(row["table"], as_text(row["column"])),
    }
    paragraphs, shown = [], []
    for name, keys in KINDS.items():
        rows = tables[name]
        if rows.empty:
            continue
        n, k = int(rows["n"].sum()), len(rows[keys].drop_duplicates())
        parts = {
            "noun": "warning" if n == 1 else "warnings",
            "kinds": "kind" if k == 1 else "different kinds",
        }
        field = load_schema(name).field(keys[-1])
        counts = rows.groupby(keys[-1], observed=True)["n"].sum().sort_values(ascending=False, kind="stable")
        named = [inside_sentence(name_codes(field.label(code))) for code in counts.index[:NAMED]]
        named += ["and others"] if len(counts) > NAMED else []
        words = "The checks of {what} gave {n} {noun} ({k} {kinds}): {named}."
        found = trace(format_count(n), name, {})
        paragraphs.append(say(words, what=CHECKED[name], n=found, k=k, named="; ".join(named), **parts))
        shown.append(col.show_table(name, rows, words=shows))
    if not paragraphs:
        paragraphs.append(say("The checks of the data, scans and lesions gave no warnings."))
    return paragraphs, shown
