"""A foreign file read as one of our tables: columns, constants, values, missing texts, filter."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.cohort.sources.raw_table import RawTable
from prrt_outcomes.errors import Problem, nearest_name, study_problem, suggest
from prrt_outcomes.study.base import EXCEL, TableSource, clean_text
from prrt_outcomes.tables.parse import TextColumn, TextFormat
from prrt_outcomes.tables.schema import Field

TIME_COLUMNS = ("time", "entry_time", "time_months")
TIMED_TABLES = ("reported_outcomes", "control_outcomes", "control_curves", "control_at_risk")
PROBE_DAYS = (dt.datetime(1931, 2, 3), dt.datetime(2014, 11, 30))
UNCLEAN = r"^\s|\s$|\s\s|[\t\r\n\f\v]|[^\x00-\x7f]"


@dataclass(frozen=True)
class MappedTable:
    """Text of our columns, ready to be parsed.

    lines : line of the file for each row, shape (n,)
    used : columns of the file that were read
    n_filtered : rows that the filter left out
    """

    columns: Mapping[str, TextColumn]
    lines: np.ndarray
    used: frozenset[str]
    n_filtered: int
    problems: tuple[Problem, ...]


def map_table(
    table: str, raw: RawTable, source: TableSource, fields: Sequence[Field], prefix: str
) -> MappedTable:
    """Read a raw table as one of ours.

    A column that the mapping does not name keeps its name; a constant goes before a column of that name.
    Rows are numbered (``columns: {patient_id: null}``) before the filter, as ``<prefix>-000001``, so that one
    file numbered for two tables gives the same patients.

    fields : fields that our table may hold, declared extra columns included
    prefix : what the number of a row follows; the same for the same file and sheet, another for another
    """
    problems = _check_mapping(table, source, fields) + _check_columns(table, raw, source, fields)
    kept, filter_problems = _filter_rows(table, raw, source)
    columns: dict[str, TextColumn] = {}
    used: set[str] = set(source.filter)
    for field in fields:
        read = _read_column(raw, source, field, prefix)
        if read is not None:
            column, names = read
            used |= set(names)
            columns[field.name] = column if len(kept) == raw.n_rows else column.take(kept)
    return MappedTable(
        columns,
        raw.lines[kept],
        frozenset(used & set(raw.columns)),
        raw.n_rows - len(kept),
        tuple(problems + filter_problems),
    )


def check_date_format(table: str, source: TableSource, fields: Sequence[Field]) -> list[Problem]:
    """List formats that are not day, month and four-digit year, and formats of what is no date."""
    place = f"tables.{table}.date_format"
    if not isinstance(source.date_format, dict):
        return _check_format(place, source.date_format)
    names = [field.name for field in fields if field.type in ("date", "partial")]
    problems = []
    for name, form in source.date_format.items():
        problems += _check_format(f"{place}.{name}", form)
        if name not in names:
            expected = suggest(name, names, f"dates of {table}: {', '.join(names) or 'none'}")
            problems.append(study_problem(f"{place}.{name}", name, "not a date of the table", expected))
    return problems


def _check_format(place: str, form: str | None) -> list[Problem]:
    if form in (None, EXCEL):
        return []
    try:
        is_whole = all(dt.datetime.strptime(day.strftime(form), form) == day for day in PROBE_DAYS)
    except (ValueError, IndexError, re.error):
        is_whole = False
    expected = (
        "day, month and four-digit year, such as %d.%m.%Y or %m/%d/%Y; excel for serial numbers of Excel"
    )
    return [] if is_whole else [study_problem(place, form, "not a whole date", expected)]


def _check_mapping(table: str, source: TableSource, fields: Sequence[Field]) -> list[Problem]:
    """List keys of the mapping that name no column of ours, or the same column twice."""
    names = [field.name for field in fields]
    problems = []
    for section in ("columns", "constants", "values"):
        for key in getattr(source, section):
            if key not in names:
                place = f"tables.{table}.{section}.{key}"
                expected = suggest(key, names, f"columns of {table}: {', '.join(names)}")
                problems.append(study_problem(place, key, "not a column of the table", expected))
    for key in sorted(set(source.columns) & set(source.constants)):
        place = f"tables.{table}.constants.{key}"
        expected = "a column of the file or a constant, not both"
        problems.append(study_problem(place, key, "the column is given twice", expected))
    if source.time_unit and table not in TIMED_TABLES:
        place = f"tables.{table}.time_unit"
        expected = f"only {', '.join(TIMED_TABLES)} have times with a unit"
        problems.append(study_problem(place, source.time_unit, "no such unit here", expected))
    return problems


def _check_columns(table: str, raw: RawTable, source: TableSource, fields: Sequence[Field]) -> list[Problem]:
    """List columns that the mapping asks for and the file lacks, and required columns that nobody gives."""
    found = list(raw.columns)
    problems = []
    for ours in source.columns:
        for name in source.names_of_column(ours):
            if name not in raw.columns:
                problems.append(
                    Problem(
                        table, 1, name, "", f"the file has no such column (for {ours})", _nearest(name, found)
                    )
                )
    for field in fields:
        is_given = field.name in source.columns or field.name in source.constants or field.name in raw.columns
        if field.required and field.key_default is None and not is_given:
            expected = f"{field.description}. {_nearest(field.name, found)}"
            problems.append(Problem(table, 1, field.name, "", "a required column is missing", expected))
    return problems


def _nearest(name: str, found: Sequence[str]) -> str:
    near = nearest_name(name, [f for f in found if f])
    hint = f"did you mean {near}? Then map it under columns in study.yaml. " if near else ""
    shown = ", ".join(f for f in found[:40] if f) + (", ..." if len(found) > 40 else "")
    return f"{hint}The file has {shown}"


def _filter_rows(table: str, raw: RawTable, source: TableSource) -> tuple[np.ndarray, list[Problem]]:
    """Rows of the file whose values are among those that the filter names."""
    kept = np.ones(raw.n_rows, dtype=bool)
    problems = []
    for name, values in source.filter.items():
        if name not in raw.columns:
            expected = _nearest(name, list(raw.columns))
            problems.append(Problem(table, 1, name, "", "the file has no such column (for filter)", expected))
            continue
        wanted = pa.array(list(map(clean_text, values)), pa.string())
        chosen = pc.is_in(clean_texts(raw.columns[name]), value_set=wanted)
        kept &= chosen.to_numpy(zero_copy_only=False).astype(bool)
    if source.filter and not problems and raw.n_rows and not kept.any():
        words = "; ".join(f"{name}: {', '.join(values)}" for name, values in source.filter.items())
        place = f"tables.{table}.filter"
        expected = "values that stand in the file, as written there"
        problems.append(study_problem(place, words, "the filter leaves no row", expected))
    return np.flatnonzero(kept), problems


def _read_column(
    raw: RawTable, source: TableSource, field: Field, prefix: str
) -> tuple[TextColumn, tuple[str, ...]] | None:
    """Text of one of our columns and the names it was read from; None where nothing gives it."""
    name = field.name
    text_format = TextFormat(source.decimal, source.format_of_dates(name))
    if name in source.constants:
        return _repeat(format_scalar(source.constants[name]), raw.n_rows), ()
    if name in source.columns and source.columns[name] is None:
        return _number_rows(raw.n_rows, field, prefix), ()
    names = tuple(n for n in source.names_of_column(name) if n in raw.columns)
    if not names:
        return None
    texts, written = _coalesce([raw.columns[n] for n in names], source.missing)
    if name in source.values:
        texts = _translate(texts, written, source, field)
    return TextColumn(texts, written, text_format), names


def format_scalar(value: object) -> str:
    """A value of the study file as a table would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _repeat(text: str, n_rows: int) -> TextColumn:
    values = pa.repeat(pa.scalar(text, pa.string()), n_rows)
    texts = values if text else pa.nulls(n_rows, pa.string())
    return TextColumn(texts, values, TextFormat())


def _number_rows(n_rows: int, field: Field, prefix: str) -> TextColumn:
    is_text = field.type in ("string", "code")
    numbers = [f"{prefix}-{i:06d}" if is_text else str(i) for i in range(1, n_rows + 1)]
    values = pa.array(numbers, pa.string())
    return TextColumn(values, values, TextFormat())


def clean_texts(texts: pa.Array) -> pa.Array:
    """Texts in one Unicode form, one blank where several stand, and none around them; what needs no change is kept."""
    if not pc.any(pc.match_substring_regex(texts, UNCLEAN)).as_py():
        return texts
    encoded = texts.dictionary_encode()
    cleaned = [clean_text(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(cleaned, pa.string()).take(encoded.indices)


def _coalesce(columns: Sequence[pa.Array], missing: Sequence[str]) -> tuple[pa.Array, pa.Array]:
    """First text that is not missing, and what stands there; missing texts become null."""
    known = pa.array(["", *map(clean_text, missing)], pa.string())
    cleaned = [clean_texts(values) for values in columns]
    filled = [pc.if_else(pc.is_in(c, value_set=known), pa.scalar(None, pa.string()), c) for c in cleaned]
    if len(filled) == 1:
        return filled[0], columns[0]
    return pc.coalesce(*filled), pc.coalesce(
        *(
            pc.if_else(pc.is_null(texts), texts, values)
            for texts, values in zip(filled, columns, strict=True)
        ),
        columns[0],
    )


def _translate(texts: pa.Array, written: pa.Array, source: TableSource, field: Field) -> pa.Array:
    """The file's values in our words, the empty cell among them; a value that the mapping does not name stays."""
    mark = source.decimal if field.type in ("number", "integer") else "."
    known = {
        clean_text(theirs): None if ours is None else format_scalar(ours).replace(".", mark)
        for theirs, ours in source.values[field.name].items()
    }
    if known.get("") is not None:
        is_empty = pc.and_(pc.is_null(texts), pc.equal(clean_texts(written), ""))
        texts = pc.if_else(is_empty, "", texts)
    encoded = texts.dictionary_encode()
    translated = [known.get(text, text) for text in encoded.dictionary.to_pylist()]
    return pa.array(translated, pa.string()).take(encoded.indices)
