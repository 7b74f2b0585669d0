"""One table of the cohort: its files read, mapped, parsed, checked and stacked."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.chronology import KnownPatients
from prrt_outcomes.cohort.codes import check_doubtful_codes, check_letter_case, note_cleaned_texts
from prrt_outcomes.cohort.conversion import check_units, convert_units
from prrt_outcomes.cohort.date_formats import check_date_format
from prrt_outcomes.cohort.joins import Read
from prrt_outcomes.cohort.mapping import MappedTable, map_table
from prrt_outcomes.cohort.reshape import reshape_table
from prrt_outcomes.cohort.rows import WHILE_READING, count_losses
from prrt_outcomes.cohort.sources.raw_table import TWICE, SourceResult
from prrt_outcomes.cohort.stacking import (
    PlacedRows,
    check_filled,
    is_number_of_alike,
    merge_rows,
    number_alike,
    stack_rows,
)
from prrt_outcomes.errors import Problem, count_words, has_errors, tell, tell_setting
from prrt_outcomes.study.base import FileSource, TableSource
from prrt_outcomes.tables.check import check_group_names, check_keys
from prrt_outcomes.tables.frames import conform_table, empty_table, put_columns, spell_categories
from prrt_outcomes.tables.parse import CellFaults, ParsedTable, parse_columns, parsed_fields
from prrt_outcomes.tables.places import locate_cells
from prrt_outcomes.tables.schema import Field, load_schema

REPEATED_TEXTS = ("patient_id", "unit")


@dataclass(frozen=True)
class CohortTable(PlacedRows):
    """One table with the place of each of its rows; a value that is an error is missing."""

    given: frozenset[str]  # columns of ours that a file gives
    problems: tuple[Problem, ...]
    attrition: tuple[dict, ...]
    # for each file that was read, the columns that went into the table
    used: tuple[tuple[str, frozenset[str]], ...]
    # columns of repeated texts as categories, which are compared and grouped faster
    coded: Mapping[str, pd.Series]


@dataclass(frozen=True)
class _Part:
    """What one source gives: its rows, the columns of ours that it has, problems and losses."""

    rows: PlacedRows
    given: frozenset[str]
    problems: list[Problem]
    n_read: int  # rows of the file that were read
    n_made: int  # rows that these became before any was left out
    lost: Counter
    used: frozenset[str]  # columns of the file that went into the table


def assemble_table(
    table: str,
    sources: Sequence[TableSource],
    read: Read,
    prefixes: Mapping[str, str],
    extra_columns: Mapping[str, str],
    known: KnownPatients,
) -> CohortTable:
    """Read all sources of a table and stack or merge them; none of the faults of one hides those of another.

    read : reads one source as text
    prefixes : for each file and sheet (`source_key`) what numbered rows are called after
    extra_columns : declared columns beyond the schema and their types
    known : what the tables read before say of each patient
    Returns CohortTable; its frame is empty where nothing could be read.
    """
    fields = parsed_fields(table, extra_columns)
    eased = _ease_required(table, fields) if any(source.merge for source in sources) else fields
    n_files = len({source.file for source in sources})
    parts: list[_Part] = []
    problems: list[Problem] = []
    used: list[tuple[str, frozenset[str]]] = []
    rows: PlacedRows | None = None
    if sources[0].merge:
        problems.append(tell_setting("merge_first", f"tables.{table}.merge", "true"))
    for source in sources:
        label = table if n_files == 1 else f"{table} ({source.file})"
        unfit = check_date_format(table, source, fields) + check_units(table, source, fields)
        result = SourceResult(None) if unfit else read(label, source)
        reshaped = None if result.raw is None else reshape_table(table, result.raw, source, read)
        if reshaped is not None:
            problems += _name_file(reshaped.problems, table, label)
            used += [(source_key(join), columns) for join, columns in reshaped.taken]
        if reshaped is None or has_errors(reshaped.problems):
            problems += [*unfit, *result.problems]
            continue
        mapped = map_table(table, reshaped, source, eased, prefixes[source_key(source)], known.words)
        part = _read_part(table, label, source, mapped, eased, extra_columns, known)
        problems += [p for p in result.problems if p.problem != TWICE or p.column in mapped.used]
        problems += part.problems
        used.append((source_key(source), part.used))
        parts.append(part)
        own = part.rows if len(sources) == 1 else _spell(part.rows, fields)
        if any(is_number_of_alike(f) and source.columns.get(f.name, "") is None for f in fields):
            own = number_alike(table, own, None if source.merge else rows)
        if rows is not None and source.merge:
            rows, conflicts = merge_rows(table, rows, own)
            problems += conflicts
        else:
            rows = own if rows is None else stack_rows([rows, own])
    given = frozenset(name for part in parts for name in part.given)
    if eased is not fields and rows is not None:
        problems += check_filled(table, fields, rows, given, problems)
    rows = rows or PlacedRows(empty_table(table, extra_columns), np.array([], object), np.array([], int), {})
    problems += rows.list_problems(check_keys(table, rows.frame, rows.lines, rows.labels))
    problems += check_letter_case(table, rows.frame, fields)
    frame = conform_table(table, _spell(rows, [f for f in fields if f.type == "string"]).frame, extra_columns)
    lost: Counter = sum((part.lost for part in parts), Counter())
    n_read, n_made = (sum(getattr(part, name) for part in parts) for name in ("n_read", "n_made"))
    attrition = count_losses(table, n_read, n_made, lost) if parts else []
    places = rows.labels, rows.lines, rows.cells
    coded = {name: rows.frame[name] for name in REPEATED_TEXTS if name in rows.frame and len(rows.frame)}
    told = tuple(dict.fromkeys(problems))
    return CohortTable(frame, *places, given, told, tuple(attrition), tuple(used), coded)


def _spell(rows: PlacedRows, fields: Sequence[Field]) -> PlacedRows:
    """Rows whose categories of some columns are texts."""
    spelled = {field.name: spell_categories(rows.frame[field.name]) for field in fields}
    return replace(rows, frame=put_columns(rows.frame, spelled))


def _ease_required(table: str, fields: Sequence[Field]) -> tuple[Field, ...]:
    """Fields of files that fill each other: beyond the key, what must be filled is checked when all are read."""
    key = load_schema(table).key
    return tuple(field if field.name in key else replace(field, required=False) for field in fields)


def _read_part(
    table: str,
    label: str,
    source: TableSource,
    mapped: MappedTable,
    fields: Sequence[Field],
    extra_columns: Mapping[str, str],
    known: KnownPatients,
) -> _Part:
    """Parse and check the mapped rows of one source.

    label : table, and file where there are several, as problems name it
    """
    dating = known.rule, known.latest
    parsed = parse_columns(table, mapped.columns, len(mapped.lines), extra_columns, *dating)
    converted = convert_units(source, fields, mapped, parsed, known.weights)
    frame, faults = _finish(table, source, extra_columns, *converted)
    faults = [*parsed.faults, *faults]
    labels = np.broadcast_to(np.array(label, dtype=object), len(mapped.lines))
    places = {name: column.places for name, column in mapped.columns.items() if column.places}
    cells = locate_cells(labels, mapped.lines, places)
    rows = PlacedRows(frame, labels, mapped.lines, cells)
    problems = _name_file(mapped.problems, table, label)
    problems += check_doubtful_codes(label, fields, mapped, frame, source)
    problems += note_cleaned_texts(label, fields, mapped)
    problems += _note_resolved(label, parsed, known.rule)
    problems += rows.list_problems(faults)
    n_made = len(rows.lines) + sum(n for setting, n in mapped.lost.items() if setting not in WHILE_READING)
    given = frozenset(mapped.columns)
    return _Part(rows, given, problems, mapped.n_read, n_made, mapped.lost, mapped.used)


def _name_file(problems: Iterable[Problem], table: str, label: str) -> list[Problem]:
    """Problems of a table as those of its file, where it has several."""
    return [replace(p, table=label) if p.table == table else p for p in problems]


def source_key(source: FileSource) -> str:
    """What tells one file from another: the path, and the sheet of a workbook."""
    return source.file if source.sheet is None else f"{source.file}#{source.sheet}"


def _note_resolved(label: str, parsed: ParsedTable, rule: str) -> list[Problem]:
    """Count the dates of scans that have no day."""
    return [
        tell("days_resolved", label, None, name, dates=count_words(n, "date"), rule=rule)
        for name, n in parsed.resolved.items()
        if n
    ]


def _finish(
    table: str,
    source: TableSource,
    extra_columns: Mapping[str, str],
    frame: pd.DataFrame,
    faults: list[CellFaults],
) -> tuple[pd.DataFrame, list[CellFaults]]:
    """Typed columns of one file with dates moved and cells at fault missing, and the faults."""
    dates = frame.select_dtypes("datetime").columns
    shifts = {
        name: frame[name] + pd.Timedelta(n, "D") for name, n in source.add_days.items() if name in dates
    }
    frame = put_columns(frame, shifts)
    if load_schema(table).extra_columns:
        faults += check_group_names(frame, extra_columns)
    return _mask_errors(frame, faults), faults


def _mask_errors(frame: pd.DataFrame, faults: Sequence[CellFaults]) -> pd.DataFrame:
    """Make every cell that is an error missing, so that the rest of the table can still be checked."""
    masked: dict[str, pd.Series] = {}
    for fault in faults:
        if fault.severity == "error":
            is_wrong = np.zeros(len(frame), dtype=bool)
            is_wrong[fault.positions] = True
            masked[fault.column] = masked.get(fault.column, frame[fault.column]).mask(is_wrong)
    return put_columns(frame, masked)
