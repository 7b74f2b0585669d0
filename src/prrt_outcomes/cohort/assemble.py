"""One table of the cohort: its files read, mapped, parsed, checked and stacked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.codes import check_doubtful_codes, check_letter_case, note_cleaned_texts
from prrt_outcomes.cohort.date_formats import check_date_format
from prrt_outcomes.cohort.mapping import TIME_COLUMNS, MappedTable, map_table
from prrt_outcomes.cohort.reshape import reshape_table
from prrt_outcomes.cohort.rows import count_losses
from prrt_outcomes.cohort.sources.raw_table import TWICE, SourceResult
from prrt_outcomes.errors import Problem
from prrt_outcomes.study.base import TableSource
from prrt_outcomes.tables.check import check_group_names, check_keys, check_values
from prrt_outcomes.tables.frames import conform_table, empty_table
from prrt_outcomes.tables.parse import (
    CellFaults,
    list_problems,
    parse_columns,
    parsed_fields,
)
from prrt_outcomes.tables.places import CellPlaces, Cells, stack_places
from prrt_outcomes.tables.schema import Field, load_schema
from prrt_outcomes.units import TIME_UNIT_DAYS


@dataclass(frozen=True)
class CohortTable:
    """One table with the place of each of its rows.

    frame : typed; a value that is an error is missing
    lines : line of the file for each row, shape (n,)
    labels : name of the table to be named for each row, with the file where there are several, shape (n,)
    cells : columns whose cells stand elsewhere, with label, line and column of the file of each cell
    used : for each file that was read, the columns that went into the table
    """

    frame: pd.DataFrame
    lines: np.ndarray
    labels: np.ndarray
    cells: Cells
    problems: tuple[Problem, ...]
    attrition: tuple[dict, ...]
    used: tuple[tuple[str, frozenset[str]], ...]

    def list_problems(self, faults: Iterable[CellFaults]) -> list[Problem]:
        """Faults of the frame as problems that name file, line and column."""
        return list_problems(self.labels, faults, self.lines, self.cells)


@dataclass(frozen=True)
class _Part:
    """What one source gives: typed rows with their places, problems, rows before any was left out, and losses."""

    frame: pd.DataFrame
    labels: np.ndarray
    lines: np.ndarray
    places: Mapping[str, CellPlaces]
    problems: list[Problem]
    n_rows: int
    lost: Counter
    used: frozenset[str]


def assemble_table(
    table: str,
    sources: Sequence[TableSource],
    read: Callable[[str, TableSource], SourceResult],
    prefixes: Mapping[str, str],
    extra_columns: Mapping[str, str],
) -> CohortTable:
    """Read all sources of a table and stack them; None of the faults of one hides those of another.

    read : reads one source as text
    prefixes : for each file and sheet (`source_key`) what numbered rows are called after
    extra_columns : declared columns beyond the schema and their types
    Returns CohortTable; its frame is empty where nothing could be read.
    """
    fields = parsed_fields(table, extra_columns)
    n_files = len({source.file for source in sources})
    parts: list[_Part] = []
    problems, used = [], []
    for source in sources:
        label = table if n_files == 1 else f"{table} ({source.file})"
        unfit = check_date_format(table, source, fields)
        result = SourceResult(None) if unfit else read(label, source)
        reshaped = None if result.raw is None else reshape_table(table, result.raw, source)
        if reshaped is None or reshaped.problems:
            problems += [*unfit, *result.problems, *(reshaped.problems if reshaped else ())]
            continue
        mapped = map_table(table, reshaped, source, fields, prefixes[source_key(source)])
        parts.append(_read_part(table, label, source, mapped, extra_columns))
        problems += [p for p in result.problems if p.problem != TWICE or p.column in mapped.used]
        problems += parts[-1].problems
        used.append((source_key(source), mapped.used))
    frames = [part.frame for part in parts]
    stacked = [frame for frame in frames if len(frame)] or frames[:1] or [empty_table(table, extra_columns)]
    frame = pd.concat(stacked, ignore_index=True)
    labels, lines, cells = stack_places([(part.labels, part.lines, part.places) for part in parts])
    faults = check_keys(table, frame, lines, labels)
    problems += list_problems(labels, faults, lines, cells) + check_letter_case(table, frame, fields)
    frame = conform_table(table, frame, extra_columns)
    lost: Counter = sum((part.lost for part in parts), Counter())
    attrition = count_losses(table, sum(part.n_rows for part in parts), lost) if parts else []
    told = tuple(dict.fromkeys(problems))
    return CohortTable(frame, lines, labels, cells, told, tuple(attrition), tuple(used))


def _read_part(
    table: str, label: str, source: TableSource, mapped: MappedTable, extra_columns: Mapping[str, str]
) -> _Part:
    """Parse and check the mapped rows of one source.

    label : table, and file where there are several, as problems name it
    """
    fields = parsed_fields(table, extra_columns)
    frame, faults = _parse(table, mapped, source, extra_columns)
    labels = np.full(len(mapped.lines), label, dtype=object)
    places = {name: column.places for name, column in mapped.columns.items() if column.places}
    _, _, cells = stack_places([(labels, mapped.lines, places)])
    problems = [replace(p, table=label) if p.table == table else p for p in mapped.problems]
    problems += check_doubtful_codes(label, fields, mapped, frame, source)
    problems += note_cleaned_texts(label, fields, mapped)
    problems += list_problems(labels, faults, mapped.lines, cells)
    n_rows = len(mapped.lines) + mapped.lost.total()
    return _Part(frame, labels, mapped.lines, places, problems, n_rows, mapped.lost, mapped.used)


def source_key(source: TableSource) -> str:
    """What tells one file from another: the path, and the sheet of a workbook."""
    return source.file if source.sheet is None else f"{source.file}#{source.sheet}"


def _parse(
    table: str, mapped: MappedTable, source: TableSource, extra_columns: Mapping[str, str]
) -> tuple[pd.DataFrame, list[CellFaults]]:
    """Typed columns of one file, with times in their unit and cells at fault missing, and these faults."""
    parsed = parse_columns(table, mapped.columns, len(mapped.lines), extra_columns)
    fields = parsed_fields(table, extra_columns)
    written = {name: column.written for name, column in mapped.columns.items()}
    reported = [_in_unit_of_file(field, source) for field in fields]
    faults = [*parsed.faults, *check_values(reported, parsed.frame, parsed.failed, written)]
    factors = {field.name: _time_factor(field, source) for field in fields}
    frame = parsed.frame.assign(**{name: parsed.frame[name] * f for name, f in factors.items() if f != 1})
    dates = frame.select_dtypes("datetime").columns
    shifts = {
        name: frame[name] + pd.Timedelta(days=n) for name, n in source.add_days.items() if name in dates
    }
    frame = frame.assign(**shifts)
    if load_schema(table).extra_columns:
        faults += check_group_names(frame, extra_columns)
    return _mask_errors(frame, faults), faults


def _time_factor(field: Field, source: TableSource) -> float:
    """What times in the unit of the file are multiplied by; 1 for whatever is no time of such a table."""
    is_time = source.time_unit and field.name in TIME_COLUMNS and field.unit in TIME_UNIT_DAYS
    return TIME_UNIT_DAYS[source.time_unit or "days"] / TIME_UNIT_DAYS[field.unit] if is_time else 1.0


def _in_unit_of_file(field: Field, source: TableSource) -> Field:
    """A field with its bounds in the unit in which the file has its times, so that faults are reported in it."""
    factor = _time_factor(field, source)
    if factor == 1:
        return field
    low, high, *odd = (
        None if bound is None else round(float(bound) / factor, 1)
        for bound in (field.minimum, field.maximum, *(field.plausible or ()))
    )
    plausible = (odd[0] or 0.0, odd[1] or 0.0) if odd else None
    return replace(field, unit=source.time_unit or "", minimum=low, maximum=high, plausible=plausible)


def _mask_errors(frame: pd.DataFrame, faults: Sequence[CellFaults]) -> pd.DataFrame:
    """Make every cell that is an error missing, so that the rest of the table can still be checked."""
    masked: dict[str, pd.Series] = {}
    for fault in faults:
        if fault.severity == "error":
            is_wrong = np.zeros(len(frame), dtype=bool)
            is_wrong[fault.positions] = True
            masked[fault.column] = masked.get(fault.column, frame[fault.column]).mask(is_wrong)
    return frame.assign(**masked)
