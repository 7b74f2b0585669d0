"""From text to types, strictly: what cannot be read becomes missing and leaves a fault for its cell.

Blanks around a number, date or truth value are passed over; a code or a name is taken as it stands. Each distinct text
of a column is parsed once, so that a million rows cost little more than their distinct values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.errors import Problem, shorten
from prrt_outcomes.tables.frames import DTYPES
from prrt_outcomes.tables.schema import MISSING_WORDS, Field, advise_values, load_schema

LONGEST_VALUE = 60


@dataclass(frozen=True)
class CellFaults:
    """Cells of one column with one kind of fault.

    positions : rows of the frame, counted from 0, shape (n,)
    values : what was found in each, as written, length n
    expected : what would be right: one text for all, or one for each cell
    """

    column: str
    positions: np.ndarray
    values: Sequence[str]
    problem: str
    expected: str | Sequence[str]
    severity: str = "error"


def find_faults(
    frame: pd.DataFrame, column: str, is_wrong: Any, problem: str, expected: str, severity: str = "error"
) -> list[CellFaults]:
    """The cells of a column that are wrong, as at most one fault."""
    positions = np.flatnonzero(pd.array(is_wrong, dtype="boolean").fillna(False))
    if not len(positions):
        return []
    return [CellFaults(column, positions, list_cells(frame[column], positions), problem, expected, severity)]


def list_cells(values: pd.Series, positions: np.ndarray) -> list[str]:
    """Texts of some typed cells, days as ISO dates; empty where one is missing."""
    chosen = values.iloc[positions]
    is_date = pd.api.types.is_datetime64_dtype(chosen.dtype)
    return (chosen.dt.strftime("%Y-%m-%d") if is_date else chosen.astype("string")).fillna("").tolist()


def list_problems(tables: np.ndarray, faults: Iterable[CellFaults], lines: np.ndarray) -> list[Problem]:
    """Tell faults as problems, in the order of the lines of the file.

    tables : name of the table to be told for every row of the frame, shape (rows,)
    lines : line of the file for every row of the frame, shape (rows,)
    """
    problems = []
    for fault in faults:
        places = tables[fault.positions].tolist(), lines[fault.positions].tolist()
        n, expected = len(fault.positions), fault.expected
        wanted = [expected] * n if isinstance(expected, str) else expected
        for table, line, value, rule in zip(*places, fault.values, wanted, strict=True):
            cell = (table, line, fault.column, shorten(value, LONGEST_VALUE))
            problems.append(Problem(*cell, fault.problem, rule, fault.severity))
    return sorted(problems, key=lambda problem: (problem.table, problem.row))


TRUE = ("true", "yes", "1", "1.0")
FALSE = ("false", "no", "0", "0.0")
NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
WHOLE = r"^[+-]?[0-9]{1,15}(\.0*)?$"
NOT_FINITE = r"^[+-]?(?i:inf|infinity|nan|1\.#inf|1\.#qnan)$"
MIDNIGHT = r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]00:00(:00(\.0+)?)?Z?$"
ISO_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}"
SERIAL = r"^[1-9][0-9]{4}(\.[0-9]+)?$"
SERIAL_NUMBER = "probably a serial number of Excel"
EXCEL_DAY_ZERO = "1899-12-30"
ISO_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
ISO_PART = r"^[0-9]{4}(-(0[1-9]|1[0-2]))?$"

Faulty = tuple[str, str, "np.ndarray"]


@dataclass(frozen=True)
class TextFormat:
    """How a column writes numbers (decimal mark) and dates (strptime format or ``excel``; None is ISO 8601)."""

    decimal: str = "."
    date_format: str | None = None


def parse_texts(texts: pa.Array, field: Field, text_format: TextFormat) -> tuple[pd.Series, list[Faulty]]:
    """Parse distinct texts, none of them missing, into the type of a field.

    Returns values : typed, missing where a text cannot be read, shape (n,); codes stay text; faulty : (problem,
    expected, which texts) for each kind of fault.
    """
    if field.type in ("string", "code"):
        return _strings(texts), []
    trimmed = pc.utf8_trim_whitespace(texts)
    if field.type in ("integer", "number"):
        return _parse_numbers(trimmed, field, text_format)
    if field.type == "boolean":
        return _parse_booleans(trimmed)
    return _parse_dates(trimmed, field, text_format)


def _matches(texts: pa.Array, pattern: str) -> np.ndarray:
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False).astype(bool)


def _strings(texts: pa.Array) -> pd.Series:
    return pd.Series(texts.to_numpy(zero_copy_only=False), dtype=pd.StringDtype("python"))


def _parse_numbers(texts: pa.Array, field: Field, text_format: TextFormat) -> tuple[pd.Series, list[Faulty]]:
    if text_format.decimal == ",":
        pointed = _matches(texts, r"\.")
        texts = pc.replace_substring(texts, ",", ".")
    else:
        pointed = np.zeros(len(texts), dtype=bool)
    whole = field.type == "integer"
    readable = _matches(texts, WHOLE if whole else NUMBER) & ~pointed
    values = pc.if_else(pa.array(readable), texts, None).cast(pa.float64()).to_numpy(zero_copy_only=False)
    infinite = np.isinf(values) | (~readable & _matches(texts, NOT_FINITE))
    unreadable = ~readable & ~infinite
    kind = "whole number" if whole else f"number with the decimal mark {text_format.decimal}"
    expected = (
        f"a finite {kind}" + (f" ({field.unit})" if field.unit else "") + ", or nothing where it is missing"
    )
    series = pd.Series(np.where(infinite, np.nan, values))
    return series.astype("Int64") if whole else series, [
        ("not a finite number", expected, infinite),
        (f"not a {'whole ' if whole else ''}number", expected, unreadable),
    ]


def _parse_booleans(texts: pa.Array) -> tuple[pd.Series, list[Faulty]]:
    lower = _strings(texts).str.lower()
    values = lower.map(dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False)).astype("boolean")
    unreadable = values.isna().to_numpy(bool)
    expected = "true or false, yes or no, 1 or 0, or nothing where it is missing"
    return values, [("not a truth value", expected, unreadable)]


def _parse_dates(texts: pa.Array, field: Field, text_format: TextFormat) -> tuple[pd.Series, list[Faulty]]:
    """Full dates by ISO or the format of the file; years and months in ISO where the field may be partial."""
    written = text_format.date_format
    if written == "excel":
        texts, written = _read_serials(texts), None
    if written is None:
        texts = pc.replace_substring_regex(texts, MIDNIGHT, r"\1")
    strings = _strings(texts)
    shaped = _matches(texts, ISO_DAY) if written is None else ~_matches(texts, ISO_PART)
    candidates = strings.where(pd.Series(shaped))
    days = pd.to_datetime(candidates, format=written or "%Y-%m-%d", errors="coerce", exact=True)
    has_time = (days.notna() & (days != days.dt.normalize())).to_numpy()
    has_time |= _matches(texts, ISO_TIME) if written is None else False
    days = days.mask(has_time)
    part = _matches(texts, ISO_PART)
    is_partial = field.type == "partial"
    impossible = shaped & days.isna().to_numpy() & ~has_time
    is_serial = _matches(texts, SERIAL) & days.isna().to_numpy() & ~part
    impossible &= ~is_serial
    unshaped = ~shaped & ~has_time & ~is_serial & ~(part & is_partial)
    form = "ISO dates such as 2014-05-07" if written is None else f"dates as {written}"
    expected = f"{form}; 2014-05 or 2014 where the day is unknown" if is_partial else f"{form}, to the day"
    other = (
        "" if written else f'; or in study.yaml the form, such as date_format: {{{field.name}: "%d.%m.%Y"}}'
    )
    faulty = [
        ("a date that does not exist", expected, impossible if written is None else impossible & False),
        ("not a date", f"{expected}{other}", unshaped if written is None else impossible | unshaped),
        ("a date with a time of day", expected, has_time),
        (SERIAL_NUMBER, expected, is_serial),
    ]
    if not is_partial:
        return days.astype("datetime64[ns]"), faulty
    text = days.dt.strftime("%Y-%m-%d").astype("string")
    return text.mask(pd.Series(part), strings), faulty


def _read_serials(texts: pa.Array) -> pa.Array:
    """Serial numbers of Excel's 1900 system as days (with time where they have a fraction); the rest as it is."""
    numbers = pc.if_else(pa.array(_matches(texts, SERIAL)), texts, None).cast(pa.float64()).to_pandas()
    days = pd.to_datetime(numbers, unit="D", origin=EXCEL_DAY_ZERO).dt.strftime("%Y-%m-%d %H:%M:%S")
    return pc.coalesce(pa.array(days, pa.string(), from_pandas=True), texts)


@dataclass(frozen=True)
class TextColumn:
    """One column as text: ``texts`` as the parser shall read them, ``written`` as they stand in the file."""

    texts: pa.Array
    written: pa.Array
    format: TextFormat

    def take(self, positions: np.ndarray) -> TextColumn:
        """The same column with some of its rows."""
        return TextColumn(self.texts.take(positions), self.written.take(positions), self.format)


@dataclass(frozen=True)
class ParsedTable:
    """Typed columns of one file, with the faults of its cells.

    ``frame`` holds codes and categories still as strings, for the checks that come next; ``failed`` says for
    each column which rows hold a text that could not be read, and has a key for each column that the file gives.
    """

    frame: pd.DataFrame
    faults: tuple[CellFaults, ...]
    failed: Mapping[str, np.ndarray]


def parse_columns(
    table: str, columns: Mapping[str, TextColumn], n_rows: int, extra_columns: Mapping[str, str] | None = None
) -> ParsedTable:
    """Turn text into the types of a table; a column not given is empty, or filled with its key default.

    columns : text of each column that the file gives, all of length `n_rows`
    extra_columns : further columns and their types, heeded where the schema allows them
    """
    parsed: dict[str, pd.Series] = {}
    faults: list[CellFaults] = []
    failed: dict[str, np.ndarray] = {}
    for field in parsed_fields(table, extra_columns):
        if field.name in columns:
            values, found, bad = _parse_column(field, columns[field.name])
            faults += found
            failed[field.name] = bad
        else:
            values = pd.Series(index=range(n_rows), dtype=DTYPES[field.type])
        if field.key_default is not None:
            values = values.mask(
                values.isna() & ~failed.get(field.name, np.zeros(n_rows, bool)), field.key_default
            )
        parsed[field.name] = values
    return ParsedTable(pd.DataFrame(parsed, index=range(n_rows)), tuple(faults), failed)


def parsed_fields(table: str, extra_columns: Mapping[str, str] | None = None) -> tuple[Field, ...]:
    """Fields of a table, and of the extra columns that it may hold."""
    schema = load_schema(table)
    extra = (extra_columns or {}) if schema.extra_columns else {}
    return schema.fields + tuple(
        Field(
            name,
            "string" if kind == "category" else kind,
            name,
            "Column beyond the schema, declared in the study",
        )
        for name, kind in extra.items()
        if name not in schema.names
    )


def _parse_column(field: Field, column: TextColumn) -> tuple[pd.Series, list[CellFaults], np.ndarray]:
    """Parse the distinct texts of a column and lay them out over its rows."""
    encoded = column.texts.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    texts = encoded.dictionary
    parsed, faulty = parse_texts(texts, field, column.format)
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
            wanted = [
                f"{rule}{_hint(field.name, column.format.date_format, problem, text)}" for text in written
            ]
            faults.append(CellFaults(field.name, positions, written, problem, wanted))
    return values, faults, bad


def _hint(name: str, date_format: str | None, problem: str, text: str) -> str:
    """What to write where a text seems to mean missing, or to be a day of Excel."""
    if problem == SERIAL_NUMBER:
        day = pd.Timestamp(EXCEL_DAY_ZERO) + pd.Timedelta(days=int(float(text)))
        advice = (
            f"write {day:{date_format}}" if date_format else f"in study.yaml date_format: {{{name}: excel}}"
        )
        return f"; it would be {day:%Y-%m-%d}: if so, {advice}"
    is_word = text.strip().lower() in MISSING_WORDS
    return "; if it means missing, list it under missing in study.yaml" if is_word else ""
