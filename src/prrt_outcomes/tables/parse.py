"""From text to types, strictly: what cannot be read becomes missing and leaves a fault for its cell.

Blanks around a number, date or truth value are ignored; a code or a name is taken as it stands. Each distinct text
of a column is parsed once, so that a million rows cost little more than their distinct values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.dates import resolve_partial_dates
from prrt_outcomes.errors import Problem, shorten
from prrt_outcomes.study.base import EARLIEST_DAY, LATEST_DAY
from prrt_outcomes.tables.frames import DTYPES, spell_categories
from prrt_outcomes.tables.parse_dates import (
    Faulty,
    TextFormat,
    advise_date,
    as_strings,
    match_pattern,
    parse_dates,
)
from prrt_outcomes.tables.places import CellPlaces, Cells
from prrt_outcomes.tables.schema import MISSING_WORDS, Field, advise_values, load_schema

LONGEST_VALUE = 60
LENGTH_OF_DAY = len("2014-05-07")


@dataclass(frozen=True)
class CellFaults:
    """Cells of one column with one kind of fault."""

    column: str
    positions: np.ndarray  # rows of the frame, counted from 0, shape (n,)
    values: Sequence[str]  # what was found in each, as written, length n
    problem: str
    expected: str | Sequence[str]  # what would be right: one text for all, or one for each cell
    severity: str = "error"


def find_faults(
    frame: pd.DataFrame, column: str, is_wrong: Any, problem: str, expected: str, severity: str = "error"
) -> list[CellFaults]:
    """The cells of a column that are wrong, as at most one fault."""
    positions = find_true(is_wrong)
    if not len(positions):
        return []
    return [CellFaults(column, positions, list_cells(frame[column], positions), problem, expected, severity)]


def find_true(is_wrong: Any) -> np.ndarray:
    """Positions at which a condition is surely true."""
    is_plain = getattr(is_wrong, "dtype", None) == np.dtype(bool)
    return np.flatnonzero(is_wrong if is_plain else pd.array(is_wrong, dtype="boolean").fillna(False))


def list_cells(values: pd.Series, positions: np.ndarray) -> list[str]:
    """Texts of some typed cells, days as ISO dates; empty where one is missing."""
    chosen = values.iloc[positions]
    is_date = pd.api.types.is_datetime64_dtype(chosen.dtype)
    return (chosen.dt.strftime("%Y-%m-%d") if is_date else chosen.astype("string")).fillna("").tolist()


def list_problems(
    tables: np.ndarray, faults: Iterable[CellFaults], lines: np.ndarray, cells: Cells | None = None
) -> list[Problem]:
    """Tell faults as problems, in the order of the lines of the file.

    tables : name of the table to be told for every row of the frame, shape (rows,)
    cells : columns whose cells stand elsewhere (`prrt_outcomes.tables.places`), with label, line and column of each
    """
    problems = []
    for fault in faults:
        n, expected = len(fault.positions), fault.expected
        own = (cells or {}).get(fault.column)
        found = [place[fault.positions].tolist() for place in own or (tables, lines)]
        found = found if own else [*found, [fault.column] * n]
        wanted = [expected] * n if isinstance(expected, str) else expected
        for table, line, column, value, rule in zip(*found, fault.values, wanted, strict=True):
            cell = (table, line, column, shorten(value, LONGEST_VALUE))
            problems.append(Problem(*cell, fault.problem, rule, fault.severity))
    return sorted(problems, key=lambda problem: (problem.table, problem.row))


TRUE = ("true", "yes", "1", "1.0")
FALSE = ("false", "no", "0", "0.0")
NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
MISREAD_ZERO = "5.397605346934028e-79"
WHOLE = r"^[+-]?[0-9]{1,15}(\.0*)?$"
NOT_FINITE = r"^[+-]?(?i:inf|infinity|nan|1\.#inf|1\.#qnan)$"


def parse_texts(texts: pa.Array, field: Field, text_format: TextFormat) -> tuple[pd.Series, list[Faulty]]:
    """Parse distinct texts, none of them missing, into the type of a field.

    Returns values : typed, missing where a text cannot be read, shape (n,); codes stay text; faulty : (problem,
    expected, which texts) for each kind of fault.
    """
    if field.type in ("string", "code"):
        return as_strings(texts), []
    trimmed = pc.utf8_trim_whitespace(texts)
    if field.type in ("integer", "number"):
        return _parse_numbers(trimmed, field, text_format)
    if field.type == "boolean":
        words = dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False)
        values = as_strings(trimmed).str.lower().map(words).astype("boolean")
        expected = "true or false, yes or no, 1 or 0, or nothing where it is missing"
        return values, [("not a truth value", expected, values.isna().to_numpy(bool))]
    return parse_dates(trimmed, field, text_format)


def _parse_numbers(texts: pa.Array, field: Field, text_format: TextFormat) -> tuple[pd.Series, list[Faulty]]:
    pointed = match_pattern(texts, r"\.") & (text_format.decimal == ",")
    if text_format.decimal == ",":
        texts = pc.replace_substring(texts, ",", ".")
    whole = field.type == "integer"
    readable = match_pattern(texts, WHOLE if whole else NUMBER) & ~pointed
    values = pc.if_else(pa.array(readable), texts, None).cast(pa.float64()).to_numpy(zero_copy_only=False)
    infinite = np.isinf(values) | (~readable & match_pattern(texts, NOT_FINITE))
    unreadable = ~readable & ~infinite
    kind = "whole number" if whole else f"number with the decimal mark {text_format.decimal}"
    unit = text_format.unit or field.unit
    expected = f"a finite {kind}{f' ({unit})' if unit else ''}, or nothing where it is missing"
    series = pd.Series(np.where(infinite, np.nan, values))
    return series.astype("Int64") if whole else series, [
        ("not a finite number", expected, infinite),
        (f"not a {'whole ' if whole else ''}number", expected, unreadable),
    ]


@dataclass(frozen=True)
class TextColumn:
    """One column as text: ``texts`` as the parser shall read them, ``written`` as they stand in the file."""

    texts: pa.Array
    written: pa.Array
    format: TextFormat
    places: CellPlaces | None = None  # where the cells stand, if not in their row; None else

    def take(self, positions: np.ndarray) -> TextColumn:
        """The same column with some of its rows."""
        places = self.places and self.places.take(positions)
        return TextColumn(self.texts.take(positions), self.written.take(positions), self.format, places)


@dataclass(frozen=True)
class ParsedTable:
    """Typed columns of one file, with the faults of its cells.

    ``frame`` holds codes and names as categories of the distinct texts, for the checks that come next; ``failed`` says
    for each column which rows hold a text that could not be read, and has a key for each column that the file gives.
    ``resolved`` counts the dates of each column that got their day by a rule.
    """

    frame: pd.DataFrame
    faults: tuple[CellFaults, ...]
    failed: Mapping[str, np.ndarray]
    resolved: Mapping[str, int]


def parse_columns(
    table: str,
    columns: Mapping[str, TextColumn],
    n_rows: int,
    extra_columns: Mapping[str, str] | None = None,
    rule: str = "",
    latest: pd.Series | None = None,
) -> ParsedTable:
    """Turn text into the types of a table; a column not given is empty, or filled with its key default.

    columns : text of each column that the file gives, all of length `n_rows`
    extra_columns : further columns and their types, heeded where the schema allows them
    rule : day that a date without one gets where the schema lets it (first, middle, last); without a rule it is a fault
    latest : day of each patient that such a date does not pass
    """
    parsed: dict[str, pd.Series] = {}
    faults: list[CellFaults] = []
    failed: dict[str, np.ndarray] = {}
    resolved: dict[str, int] = {}
    for field in parsed_fields(table, extra_columns):
        if field.name in columns:
            by_rule = field.is_resolved and bool(rule)
            asked = replace(field, type="partial") if by_rule else field
            values, found, bad = _parse_column(asked, columns[field.name])
            if by_rule:
                resolved[field.name] = int((values.str.len() < LENGTH_OF_DAY).sum())
                is_bound = latest is not None and resolved[field.name] > 0
                upper = parsed["patient_id"].map(cast("pd.Series", latest)) if is_bound else None
                values = resolve_partial_dates(values, None, rule, upper=upper)
            faults += found
            failed[field.name] = bad
        else:
            values = pd.Series(index=range(n_rows), dtype=DTYPES[field.type])
        if field.key_default is not None:
            is_empty = values.isna() & ~failed.get(field.name, np.zeros(n_rows, bool))
            if is_empty.any():
                values = spell_categories(values).mask(is_empty, field.key_default)
        parsed[field.name] = values
    return ParsedTable(pd.DataFrame(parsed, index=range(n_rows), copy=False), tuple(faults), failed, resolved)


def parsed_fields(table: str, extra_columns: Mapping[str, str] | None = None) -> tuple[Field, ...]:
    """Fields of a table, and of the extra columns that it may hold."""
    schema = load_schema(table)
    extra = (extra_columns or {}) if schema.extra_columns else {}
    description = "Column beyond the schema, declared in the study"
    return schema.fields + tuple(
        Field(name, "date", name, description, minimum=str(EARLIEST_DAY), maximum=str(LATEST_DAY))
        if kind == "date"
        else Field(name, "string" if kind == "category" else kind, name, description)
        for name, kind in extra.items()
        if name not in schema.names
    )


def _parse_column(field: Field, column: TextColumn) -> tuple[pd.Series, list[CellFaults], np.ndarray]:
    """Parse the distinct texts of a column and lay them out over its rows."""
    encoded = column.texts.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    texts = encoded.dictionary
    parsed, faulty = parse_texts(texts, field, column.format)
    if field.type in ("string", "code"):
        values = pd.Series(pd.Categorical.from_codes(codes, pd.Index(parsed)))
    else:
        values = pd.Series(parsed.array.take(codes, allow_fill=True))
    bad = np.zeros(len(codes), dtype=bool)
    faults = []
    for problem, expected, which in faulty:
        is_faulty = np.append(which, False)[codes]
        positions = np.flatnonzero(is_faulty)
        if len(positions):
            bad |= is_faulty
            written = column.written.take(positions).to_pylist()
            is_code = bool(field.codes or field.words) or field.type == "boolean"
            rule = f"{expected}; {advise_values(field, written)}" if is_code else expected
            rules = {text: f"{rule}{_hint(field, column.format, problem, text)}" for text in set(written)}
            wanted = [rules[text] for text in written]
            faults.append(CellFaults(field.name, positions, written, problem, wanted))
    return values, faults, bad


def _hint(field: Field, text_format: TextFormat, problem: str, text: str) -> str:
    """What to write where a text seems to mean missing, or to be of another form."""
    if text.strip().lower() in MISSING_WORDS:
        return "; if it means missing, list it under missing in study.yaml"
    if text.strip() == MISREAD_ZERO:
        return f'; it is the 0 of a SAS file as another program read it: read the file itself, or map "{text}" to 0'
    return advise_date(field, text_format, problem, text)
