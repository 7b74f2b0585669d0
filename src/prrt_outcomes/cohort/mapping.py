"""A foreign file read as one of our tables: rows, columns, constants, values, missing texts, defaults."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.cohort import cells, rows
from prrt_outcomes.cohort.reshape import Reshaped
from prrt_outcomes.cohort.sources.raw_table import RawTable
from prrt_outcomes.cohort.vocabulary import Words, prefer_words, read_words
from prrt_outcomes.errors import Problem, nearest_name, suggest, tell, tell_setting
from prrt_outcomes.study.base import TableSource, clean_text
from prrt_outcomes.tables.parse import TextColumn, TextFormat
from prrt_outcomes.tables.schema import Field


@dataclass(frozen=True)
class MappedTable:
    """Text of our columns, ready to be parsed."""

    columns: Mapping[str, TextColumn]
    # cleaned text of the unit of each row, null where it is empty, for columns that have one in the file
    units: Mapping[str, pa.Array]
    lines: np.ndarray  # line of the file for each row, shape (n,)
    used: frozenset[str]  # columns of the file that were read, or that the mapping says are not needed
    n_read: int  # rows of the file that were read
    lost: Counter  # rows that each setting left out
    problems: tuple[Problem, ...]


def map_table(
    table: str, reshaped: Reshaped, source: TableSource, fields: Sequence[Field], prefix: str, words: Words
) -> MappedTable:
    """Read a raw table as one of ours.

    A column that the mapping does not name keeps its name, unless the mapping reads another of our columns from it;
    a constant goes before a column of that name.
    Rows of the file are numbered (``columns: {patient_id: null}``) before any is left out, as ``<prefix>-000001``, so
    that one file numbered for two tables gives the same patients.

    prefix : what the number of a row follows; the same for the same file and sheet, another for another
    """
    raw = reshaped.raw
    problems = check_mapping(table, source, fields) + check_columns(table, reshaped, source, fields)
    kept, lost, row_problems = rows.choose_rows(table, raw, source, f"tables.{table}")
    lost.update(raw.lost, unpivot=reshaped.n_lost)
    columns: dict[str, TextColumn] = {}
    used: set[str] = {*source.filter, *source.exclude, *source.not_empty, *source.ignore}
    used |= set(source.unit_columns.values())
    for field in fields:
        boxes = source.first_of.get(field.name, {})
        if boxes and all(name in raw.columns for name in boxes):
            columns[field.name], told = cells.read_boxes(table, raw, kept, source, field.name)
            problems += told
            used |= set(boxes)
            continue
        read = _read_column(reshaped, source, field, prefix, words)
        if read is not None:
            column, names, found = read
            used |= set(names)
            column, told = read_words(table, field, column, words)
            problems += told
            columns[field.name] = column if len(kept) == raw.n_rows else column.take(kept)
            if found is not None:
                problems += check_values(table, source, field.name, found)
    problems += tell_unread(table, reshaped, source, fields, used)
    units = {
        ours: cells.known_texts(raw.columns[theirs].take(pa.array(kept)), source.missing)
        for ours, theirs in source.unit_columns.items()
        if ours in columns and theirs in raw.columns
    }
    lines = raw.lines[kept]
    is_empty = rows.find_empty_rows(table, columns, source)
    if is_empty is not None and is_empty.any():
        filled = np.flatnonzero(~is_empty)
        lost["empty rows"] = int(is_empty.sum())
        columns = {name: column.take(filled) for name, column in columns.items()}
        units = {name: texts.take(pa.array(filled)) for name, texts in units.items()}
        lines = lines[filled]
    columns = {f.name: _complete(columns[f.name], source, f) for f in fields if f.name in columns}
    is_used = reshaped.used | (used & set(raw.columns))
    return MappedTable(columns, units, lines, is_used, reshaped.n_read, lost, tuple(problems + row_problems))


def _read_column(
    reshaped: Reshaped, source: TableSource, field: Field, prefix: str, words: Words
) -> tuple[TextColumn, tuple[str, ...], pa.Array | None] | None:
    """Text of one of our columns, the names it was read from, and the distinct texts that ``values`` met."""
    raw, name = reshaped.raw, field.name
    text_format = cells.choose_format(source, name, raw.day_zero)
    if name in source.constants:
        return _repeat(cells.format_scalar(source.constants[name]), raw.n_rows), (), None
    if name in source.columns and source.columns[name] is None:
        return _number_rows(reshaped, field, prefix), (), None
    names = find_names(raw, source, name)
    if not names:
        return None
    found = [raw.columns[n] for n in names] if len(names) > 1 else [raw.encode(names[0])]
    texts, written = cells.coalesce_texts(prefer_words(field, found, source, words), source.missing)
    is_elsewhere = any(name in raw.places for name in names)
    places = cells.choose_places(raw, names, source.missing) if is_elsewhere else None
    met = None
    if name in source.values:
        texts, met = cells.translate_texts(texts, written, source, field)
    return TextColumn(texts, written, text_format, places), names, met


def _complete(column: TextColumn, source: TableSource, field: Field) -> TextColumn:
    texts = column.texts
    if field.name in source.default:
        value = cells.format_cell(source.default[field.name], field, source)
        texts = cells.fill_default(texts, column.written, value)
    if field.name in source.pad:
        texts = cells.pad_digits(texts, source.pad[field.name])
    return column if texts is column.texts else replace(column, texts=texts)


def _repeat(text: str, n_rows: int) -> TextColumn:
    values = pa.repeat(pa.scalar(text, pa.string()), n_rows)
    texts = values if text else pa.nulls(n_rows, pa.string())
    return TextColumn(texts, values, TextFormat())


def _number_rows(reshaped: Reshaped, field: Field, prefix: str) -> TextColumn:
    """The name of the row of the file where our column is a text, else the number of the row."""
    if field.key_default is not None and field.type == "integer":
        return _repeat(str(field.key_default), reshaped.raw.n_rows)
    numbers = np.arange(1, reshaped.raw.n_rows + 1)
    if field.type in ("string", "code"):
        own = numbers if reshaped.numbers is None else reshaped.numbers
        digits = pc.utf8_lpad(pa.array(own).cast(pa.string()), 6, padding="0")
        values = pc.binary_join_element_wise(prefix, digits, "-")
    else:
        values = pa.array(numbers).cast(pa.string())
    return TextColumn(values, values, TextFormat())


TIMED_TABLES = ("reported_outcomes", "control_outcomes", "control_curves", "control_at_risk")
WAYS = ("columns", "first_of", "constants")
OF_A_COLUMN = ("default", "pad", "add_days", "units")


def check_mapping(table: str, source: TableSource, fields: Sequence[Field]) -> list[Problem]:
    """List keys of the mapping that name no column of ours, or the same column twice."""
    types = {field.name: field.type for field in fields}
    problems = []
    for section in (*WAYS, "values", *OF_A_COLUMN):
        for key in getattr(source, section):
            if key not in types:
                expected = suggest(key, list(types), f"columns of {table}: {', '.join(types)}")
                place = f"tables.{table}.{section}.{key}"
                problems.append(tell_setting("not_a_column", place, key, expected=expected))
    ways = Counter(key for section in WAYS for key in getattr(source, section))
    for key in sorted(key for key, n in ways.items() if n > 1):
        last = next(section for section in reversed(WAYS) if key in getattr(source, section))
        place = f"tables.{table}.{last}.{key}"
        problems.append(tell_setting("column_twice", place, key, ways=", ".join(WAYS)))
    for section, kind, fault in (("pad", "string", "not_a_text"), ("add_days", "date", "not_a_date")):
        known = ", ".join(name for name, own in types.items() if own == kind) or "none"
        for key in getattr(source, section):
            if types.get(key, kind) != kind:
                problems.append(tell_setting(fault, f"tables.{table}.{section}.{key}", key, known=known))
    if source.time_unit and table not in TIMED_TABLES:
        place, known = f"tables.{table}.time_unit", ", ".join(TIMED_TABLES)
        problems.append(tell_setting("no_time_unit", place, source.time_unit, tables=known))
    return problems


def check_columns(
    table: str, reshaped: Reshaped, source: TableSource, fields: Sequence[Field]
) -> list[Problem]:
    """List columns that the mapping names and the file lacks, and columns of ours that nobody gives."""
    raw = reshaped.raw
    found = list(raw.columns)
    asked = [(name, ours) for ours in source.columns for name in source.names_of_column(ours)]
    asked += [(name, ours) for ours, boxes in source.first_of.items() for name in boxes]
    asked += [(name, "units") for name in source.unit_columns.values()]
    asked += [(name, "ignore") for name in source.ignore if name not in reshaped.used | reshaped.dropped]
    problems = [
        tell("differs_within_pivot", table, 1, name, ours=ours)
        if name in reshaped.dropped
        else rows.tell_no_column(table, name, found, ours)
        for name, ours in asked
        if name in reshaped.dropped or name not in raw.columns
    ]
    for field in fields:
        name = field.name
        given = (source.columns, source.constants, source.first_of, find_names(raw, source, name) and (name,))
        if any(name in known for known in given):
            continue
        if field.required and field.key_default is None:
            nearest = rows.describe_nearest(name, found, "Then map it under columns in study.yaml. ")
            named = {"description": field.description, "expected": nearest}
            problems.append(tell("required_column", table, 1, name, **named))
        if name in raw.columns:
            ours = ", ".join(_find_readers(source, name))
            problems.append(tell("read_for_another", table, 1, name, ours=ours, name=name))
        for section in OF_A_COLUMN:
            if name in getattr(source, section):
                place = f"tables.{table}.{section}.{name}"
                problems.append(tell_setting("nothing_read_for_it", place, name, name=name))
    return problems


def find_names(raw: RawTable, source: TableSource, name: str) -> tuple[str, ...]:
    """Columns of the file that one of ours is read from, those that are there.

    A column that the mapping reads for another of ours is not taken for its own name as well, unless it is one of
    several there (``last_contact_date: [death_date, last_seen]``).
    """
    if name not in source.columns and _find_readers(source, name):
        return ()
    return tuple(n for n in source.names_of_column(name) if n in raw.columns)


def tell_unread(
    table: str, reshaped: Reshaped, source: TableSource, fields: Sequence[Field], used: Collection[str]
) -> list[Problem]:
    """Warn of columns that the mapping makes or joins and then reads nowhere: what they hold would be lost."""
    made = [(name, "unpivot") for name in (source.unpivot.columns if source.unpivot else ())]
    made += [(name, f"join.{i}") for i, join in enumerate(source.join) for name in join.added]
    free = [field.name for field in fields if field.name not in source.columns]
    problems = []
    for name, section in made:
        if name in reshaped.raw.columns and name not in used and name not in reshaped.used:
            ours = nearest_name(name, free) or "..."
            named = {"ours": ours, "name": name, "section": section.split(".")[0]}
            problems.append(tell_setting("read_nowhere", f"tables.{table}.{section}", name, **named))
    return problems


def _find_readers(source: TableSource, name: str) -> list[str]:
    alone = [ours for ours in source.columns if source.names_of_column(ours) == (name,)]
    alone += [f"the unit of {ours}" for ours, theirs in source.unit_columns.items() if theirs == name]
    return alone + [ours for ours, boxes in source.first_of.items() if name in boxes]


def check_values(table: str, source: TableSource, ours: str, found: pa.Array) -> list[Problem]:
    """List keys of ``values`` that can never match, or that no cell of the file has."""
    place = f"tables.{table}.values.{ours}"
    keys = list(source.values[ours])
    missing = {clean_text(text) for text in source.missing} - {""}
    problems = [tell_setting("among_missing", place, key) for key in keys if clean_text(key) in missing]
    empty_stays = source.values[ours].get("", "") is None
    told = [key for key in keys if clean_text(key) not in missing and not (empty_stays and key == "")]
    return problems + rows.check_twice(place, keys) + rows.tell_unmatched(place, told, pc.drop_null(found))
