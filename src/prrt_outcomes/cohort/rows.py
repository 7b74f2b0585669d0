"""Which rows of a file are read: filter, exclude, not_empty and rows that hold nothing, each with its count."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.cohort.cells import clean_texts, known_texts
from prrt_outcomes.cohort.sources.raw_table import RawTable
from prrt_outcomes.errors import Problem, nearest_name, tell, tell_setting
from prrt_outcomes.study.base import RowSource, TableSource, clean_text
from prrt_outcomes.tables.parse import TextColumn
from prrt_outcomes.tables.schema import load_schema

REASONS = {
    "last_row": "below the last row that is read",
    "skip_rows": "lines that the study says are no rows",
    "unpivot": "empty in all columns that became rows",
    "filter": "not chosen by the filter",
    "exclude": "excluded by a value",
    "not_empty": "empty in a column that tells the rows to be read",
    "empty rows": "nothing but keys",
}
WHILE_READING = ("last_row", "skip_rows")
MOST_SHOWN = 12


def choose_rows(
    table: str, raw: RawTable, source: RowSource, place: str
) -> tuple[np.ndarray, Counter, list[Problem]]:
    """Positions of the rows that the mapping chooses, in the order of the file.

    Returns positions, the number of rows that each setting leaves out (a row is counted once, by the first setting
    that leaves it out), and problems: columns that the file lacks, values that cannot choose a row.
    """
    kept = np.ones(raw.n_rows, dtype=bool)
    lost: Counter = Counter()
    problems: list[Problem] = []
    asked = [("filter", name, values) for name, values in source.filter.items()]
    asked += [("exclude", name, values) for name, values in source.exclude.items()]
    asked += [("not_empty", name, ()) for name in source.not_empty]
    for setting, name, values in asked:
        if name not in raw.columns:
            problems.append(tell_no_column(table, name, list(raw.columns), setting))
            continue
        if setting == "not_empty":
            chosen = pc.is_valid(known_texts(raw.columns[name], source.missing))
        else:
            key, cleaned = f"{place}.{setting}.{name}", clean_texts(raw.columns[name])
            problems += check_twice(key, values) + tell_unmatched(key, values, pc.unique(cleaned))
            wanted = pa.array(list(map(clean_text, values)), pa.string())
            chosen = pc.is_in(cleaned, value_set=wanted)
        is_chosen = chosen.to_numpy(zero_copy_only=False).astype(bool)
        is_left = kept & (is_chosen if setting == "exclude" else ~is_chosen)
        lost[setting] += int(is_left.sum())
        kept &= ~is_left
    if lost["filter"] and lost["filter"] == raw.n_rows:
        words = "; ".join(f"{name}: {', '.join(values)}" for name, values in source.filter.items())
        problems = [p for p in problems if p.severity == "error"]
        problems.append(tell_setting("filter_leaves_none", f"{place}.filter", words))
    return np.flatnonzero(kept), lost, problems


def check_twice(place: str, texts: Sequence[str]) -> list[Problem]:
    """An error for texts of the study file that are the same without blanks: the second can never match."""
    counts = Counter(map(clean_text, texts))
    return [tell_setting("value_twice", place, text) for text, count in counts.items() if count > 1]


def tell_unmatched(place: str, texts: Sequence[str], found: pa.Array) -> list[Problem]:
    """A warning for texts of the study file that no cell of the column has."""
    known = set(found.to_pylist())
    unmatched = [text for text in texts if clean_text(text) not in known]
    if not unmatched or not known:
        return []
    shown = [text or "(empty)" for text in sorted(text for text in known if text is not None)]
    more = ", ..." if len(shown) > MOST_SHOWN else ""
    fault = "unmatched_value" if len(unmatched) == 1 else "unmatched_values"
    value = ", ".join(text or "(empty)" for text in unmatched)
    return [tell_setting(fault, place, value, known=f"{', '.join(shown[:MOST_SHOWN])}{more}")]


def describe_nearest(name: str, found: Sequence[str], advice: str = "") -> str:
    """What to do where the file lacks a column: the nearest name, what to do with it, and all that it has."""
    near = nearest_name(name, [f for f in found if f])
    hint = f"did you mean {near}? {advice}" if near else ""
    shown = ", ".join(f for f in found[:40] if f) + (", ..." if len(found) > 40 else "")
    return f"{hint}The file has {shown}"


def tell_no_column(table: str, name: str, found: Sequence[str], wanted_by: str) -> Problem:
    """An error for a column that a part of the mapping names and the file lacks."""
    expected = describe_nearest(name, found)
    return tell("no_such_column_for", table, 1, name, ours=wanted_by, expected=expected)


def find_empty_rows(table: str, columns: Mapping[str, TextColumn], source: TableSource) -> np.ndarray | None:
    """Rows in which the file fills none of the columns that make a row of the table (`TableSchema.empty_without`).

    A constant fills nothing. Returns None where the table has no such columns, or the file none of them.
    """
    telling = [name for name in load_schema(table).empty_without if name not in source.constants]
    nulls = [columns[n].texts.is_null().to_numpy(zero_copy_only=False) for n in telling if n in columns]
    return np.logical_and.reduce(nulls) if nulls else None


def count_losses(table: str, n_read: int, n_made: int, lost: Mapping[str, int]) -> list[dict]:
    """Rows of `attrition`: what came in, and what each setting and the lack of any content left out."""
    rows = []
    left = n_read + sum(lost.get(setting, 0) for setting in WHILE_READING)
    for setting, reason in REASONS.items():
        left = n_made if setting == "unpivot" else left
        n_lost = lost.get(setting, 0)
        if n_lost or setting == "filter":
            rows.append(attrition_row(table, "rows", f"cohort: {setting}", reason, left, n_lost))
            left -= n_lost
    return rows
