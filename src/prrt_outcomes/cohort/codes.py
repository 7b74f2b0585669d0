"""Codes that probably mean something else than ours, such as 1 censored and 2 dead, and levels that look alike."""

import json
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from prrt_outcomes.cohort.cells import clean_texts, decode_texts
from prrt_outcomes.cohort.mapping import MappedTable
from prrt_outcomes.errors import Problem, count_words, tell
from prrt_outcomes.study.base import TableSource
from prrt_outcomes.tables.schema import DoubtfulCodes, Field, format_values

MOST_SHOWN = 5
NOT_LEVELS = ("patient_id", "lesion_id", "unit")


def check_doubtful_codes(
    table: str, fields: Sequence[Field], mapped: MappedTable, frame: pd.DataFrame, source: TableSource
) -> list[Problem]:
    """List the columns whose codes are doubtful (`Field.doubtful`), unless the study names each of them in ``values``.

    table : name of the table to be named
    frame : typed columns of this file
    """
    problems = []
    for field in fields:
        names = source.names_of_column(field.name)
        if not field.doubtful or field.name not in mapped.columns or field.name in source.constants:
            continue
        written = pd.Series(clean_texts(mapped.columns[field.name].written).to_pylist(), frame.index)
        pairs = pd.DataFrame({"text": written, "code": frame[field.name]}).dropna().drop_duplicates("text")
        consent = {text.strip() for text in source.values.get(field.name, {})}
        if set(pairs["text"]) <= consent:
            continue
        codes = dict(sorted(zip(pairs["text"], pairs["code"].astype(int).tolist(), strict=True)))
        for rule in field.doubtful:
            if _applies(rule, names, frame, field.name):
                line, as_is = (
                    format_values(field.name, {text: meant.get(code, code) for text, code in codes.items()})
                    for meant in (rule.values, {})
                )
                named = {"problem": rule.problem, "line": line, "as_is": as_is}
                problems.append(tell("doubtful_codes", table, 1, field.name, ", ".join(names), **named))
                break
    return problems


def _applies(rule: DoubtfulCodes, names: Sequence[str], frame: pd.DataFrame, column: str) -> bool:
    """Whether a rule holds for a column as a whole, or for one of the endpoints in it."""
    if rule.column:
        return any(re.search(rule.column, name) for name in names)
    groups = [frame["endpoint"]] if "endpoint" in frame else []
    present, absent = (
        (frame[column] == code).groupby(groups or np.zeros(len(frame)), dropna=False, observed=True).any()
        for code in (rule.present, rule.absent)
    )
    return bool((present & ~absent).any())


def note_cleaned_texts(table: str, fields: Sequence[Field], mapped: MappedTable) -> list[Problem]:
    """Note the columns of names and codes of which texts were read without blanks, or in another Unicode form."""
    problems = []
    for field in fields:
        if field.type in ("string", "code") and field.name in mapped.columns:
            written = mapped.columns[field.name].written
            cleaned = clean_texts(written)
            if cleaned is written:
                continue
            written, cleaned = decode_texts(written), decode_texts(cleaned)
            is_other = pc.and_(pc.not_equal(written, cleaned), pc.not_equal(cleaned, ""))
            if pc.any(is_other).as_py():
                texts = pc.unique(written.filter(is_other)).to_pylist()
                shown = ", ".join(json.dumps(text) for text in texts[:MOST_SHOWN])
                n = count_words(pc.sum(is_other).as_py(), "text")
                problems.append(tell("cleaned_texts", table, None, field.name, shown, texts=n))
    return problems


def check_letter_case(table: str, frame: pd.DataFrame, fields: Sequence[Field]) -> list[Problem]:
    """Warn of levels of a column that differ in nothing but capital letters: each would be a group of its own."""
    problems = []
    for field in fields:
        if field.type != "string" or field.name in NOT_LEVELS:
            continue
        levels = pd.Series(frame[field.name].dropna().unique(), dtype="string").sort_values()
        for _, alike in levels.groupby(levels.str.casefold()):
            if len(alike) > 1:
                line = format_values(field.name, dict.fromkeys(alike.iloc[1:], alike.iloc[0]))
                problems.append(tell("letter_case", table, None, field.name, ", ".join(alike), line=line))
    return problems
