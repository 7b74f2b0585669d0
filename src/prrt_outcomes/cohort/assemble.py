"""One table of the cohort: its files read, mapped, parsed, checked and stacked."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from prrt_outcomes.cohort import conversion
from prrt_outcomes.cohort.cells import check_date_format
from prrt_outcomes.cohort.chronology import KnownPatients
from prrt_outcomes.cohort.joins import Read
from prrt_outcomes.cohort.mapping import MappedTable, map_table
from prrt_outcomes.cohort.reshape import reshape_table
from prrt_outcomes.cohort.rows import WHILE_READING, count_losses
from prrt_outcomes.cohort.sources.raw_table import TWICE, SourceResult
from prrt_outcomes.errors import Problem, count_words, has_errors, tell, tell_setting
from prrt_outcomes.study.base import FileSource, TableSource
from prrt_outcomes.tables.check import check_group_names, check_keys, find_empty
from prrt_outcomes.tables.frames import conform_table, empty_table, put_columns, spell_categories
from prrt_outcomes.tables.parse import CellFaults, list_cells, list_problems, parse_columns, parsed_fields
from prrt_outcomes.tables.places import Cells, Place, locate_cells
from prrt_outcomes.tables.schema import Field, load_schema


@dataclass(frozen=True)
class PlacedRows:
    """Typed rows of a table with their places."""

    frame: pd.DataFrame
    labels: np.ndarray  # table, and file where there are several, of each row, shape (n,)
    lines: np.ndarray  # line of the file of each row, shape (n,)
    cells: Cells  # columns whose cells stand elsewhere, with label, line and column of the file of each cell

    def list_problems(self, faults: Iterable[CellFaults]) -> list[Problem]:
        """Faults of the frame as problems that name file, line and column."""
        return list_problems(self.labels, faults, self.lines, self.cells)

    def place_of(self, name: str) -> Place:
        """Label, line and column of the file of each cell of a column."""
        own = self.cells.get(name)
        return own or (self.labels, self.lines, np.full(len(self.lines), name, dtype=object))

    def take(self, positions: np.ndarray) -> "PlacedRows":
        """Some of the rows."""
        cells = {n: (at[0][positions], at[1][positions], at[2][positions]) for n, at in self.cells.items()}
        frame = self.frame.iloc[positions].reset_index(drop=True)
        return PlacedRows(frame, self.labels[positions], self.lines[positions], cells)


def stack_rows(parts: Sequence[PlacedRows]) -> PlacedRows:
    """Rows of all parts, one part below the other; at least one part."""
    if len(parts) == 1:
        return parts[0]
    frames = [part.frame for part in parts if len(part.frame)] or [parts[0].frame]
    labels, lines = (np.concatenate([getattr(part, name) for part in parts]) for name in ("labels", "lines"))
    cells: dict[str, Place] = {}
    for name in dict.fromkeys(name for part in parts for name in part.cells):
        first, second, third = zip(*(part.place_of(name) for part in parts), strict=True)
        cells[name] = (np.concatenate(first), np.concatenate(second), np.concatenate(third))
    return PlacedRows(pd.concat(frames, ignore_index=True), labels, lines, cells)


def merge_rows(table: str, rows: PlacedRows, other: PlacedRows) -> tuple[PlacedRows, list[Problem]]:
    """Fill empty cells of rows from the rows of another file with the same key; its other rows follow below.

    A key that occurs twice is filled in its first row, and from the first row of the other file. Two values for one
    cell are a problem that names both places; the first is kept.
    """
    key = list(load_schema(table).key)
    index = _index_first(rows.frame, key)
    theirs = _index_first(other.frame, key)
    found = pd.Series(index, dtype="int64").reindex(theirs.index).to_numpy(float)
    is_found = ~np.isnan(found)
    target, origin = found[is_found].astype(np.int64), theirs.to_numpy()[is_found]
    columns, cells, problems = {}, dict(rows.cells), []
    for name in rows.frame.columns.difference(key, sort=False):
        old, new = rows.frame[name].iloc[target], other.frame[name].iloc[origin]
        is_empty, is_given = old.isna().to_numpy(bool), new.notna().to_numpy(bool)
        fills = is_empty & is_given
        both = np.flatnonzero(~is_empty & is_given)
        is_other = both[_differ(old.iloc[both], new.iloc[both])]
        if len(is_other):
            kept, at = list_cells(rows.frame[name], target[is_other]), origin[is_other]
            stands = zip(kept, *(p[target[is_other]].tolist() for p in rows.place_of(name)), strict=True)
            expected = [
                f"one value: {value} stands in {label}, row {line}, column {column}"
                for value, label, line, column in stands
            ]
            words = ("another value for the same key in another file", expected)
            problems += other.list_problems([CellFaults(name, at, list_cells(other.frame[name], at), *words)])
        if fills.any():
            values = rows.frame[name].array.copy()
            values[target[fills]] = new.array[fills]
            columns[name] = values
            at = [place.copy() for place in rows.place_of(name)]
            for place, source in zip(at, other.place_of(name), strict=True):
                place[target[fills]] = source[origin[fills]]
            cells[name] = (at[0], at[1], at[2])
    merged = PlacedRows(rows.frame.assign(**columns), rows.labels, rows.lines, cells)
    rest = np.setdiff1d(np.arange(len(other.frame)), origin)
    return (stack_rows([merged, other.take(rest)]) if len(rest) else merged), problems


def number_alike(table: str, rows: PlacedRows, earlier: PlacedRows | None) -> PlacedRows:
    """Number rows that are alike in the rest of the key, in their order, going on from those of earlier files."""
    schema = load_schema(table)
    number = next(name for name in schema.key if is_number_of_alike(schema.field(name)))
    key = [name for name in schema.key if name != number]
    before = rows.frame[key].iloc[:0] if earlier is None else earlier.frame[key]
    alike = pd.concat([before, rows.frame[key]], ignore_index=True).groupby(key, dropna=False, observed=True)
    numbers = alike.cumcount().to_numpy()[len(before) :] + 1
    own = pd.Series(numbers, rows.frame.index).astype(rows.frame[number].dtype)
    return replace(rows, frame=rows.frame.assign(**{number: own}))


def is_number_of_alike(field: Field) -> bool:
    """Whether a column of a key numbers the rows that are alike in the rest of it."""
    return field.type == "integer" and field.key_default is not None


def _index_first(frame: pd.DataFrame, key: list[str]) -> pd.Series:
    whole = frame[key].dropna()
    whole = whole[~whole.duplicated()]
    index = pd.MultiIndex.from_frame(whole) if len(key) > 1 else pd.Index(whole[key[0]])
    return pd.Series(whole.index.to_numpy(), index)


def _differ(old: pd.Series, new: pd.Series) -> np.ndarray:
    """Where two columns without missing values differ; numbers beyond the error of a change of unit."""
    if old.dtype == "float64":
        return ~np.isclose(old.to_numpy(), new.to_numpy(), rtol=1e-9, atol=0)
    return np.asarray(old.array != new.array, dtype=bool)


def check_filled(
    table: str, fields: Sequence[Field], rows: PlacedRows, given: Collection[str], told: Iterable[Problem]
) -> list[Problem]:
    """Required columns of merged files that none of them gives, and cells of these that none of them fills.

    told : problems of the files; a cell that is among them is not told again
    """
    problems: list[Problem] = []
    places = {(p.table, p.row, p.column) for p in told}
    for field in fields:
        if not field.required or field.key_default is not None:
            continue
        if field.name not in given:
            problems.append(tell("required_everywhere", table, 1, field.name, description=field.description))
        else:
            found = rows.list_problems(find_empty(field, rows.frame))
            problems += [p for p in found if (p.table, p.row, p.column) not in places]
    return problems


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


def assemble_table(
    table: str,
    sources: Sequence[TableSource],
    read: Read,
    prefixes: Mapping[str, str],
    extra_columns: Mapping[str, str],
    known: KnownPatients,
) -> CohortTable:
    """Read all sources of a table and stack or merge them; none of the faults of one hides those of another.

    known : what the tables read before say of each patient
    Returns CohortTable; its frame is empty where nothing could be read.
    """
    fields = parsed_fields(table, extra_columns)
    key, eased = load_schema(table).key, fields
    if any(source.merge for source in sources):
        # beyond the key, what must be filled is checked when all are read
        eased = tuple(f if f.name in key else replace(f, required=False) for f in fields)
    n_files = len({source.file for source in sources})
    n_read = n_made = 0
    given: set[str] = set()
    lost: Counter = Counter()
    problems: list[Problem] = []
    used: list[tuple[str, frozenset[str]]] = []
    rows: PlacedRows | None = None
    if sources[0].merge:
        problems.append(tell_setting("merge_first", f"tables.{table}.merge", "true"))
    for source in sources:
        label = table if n_files == 1 else f"{table} ({source.file})"
        unfit = check_date_format(table, source, fields) + conversion.check_units(table, source, fields)
        result = SourceResult(None) if unfit else read(label, source)
        reshaped = None if result.raw is None else reshape_table(table, result.raw, source, read)
        if reshaped is not None:
            problems += _name_file(reshaped.problems, table, label)
            used += [(source_key(join), columns) for join, columns in reshaped.taken]
        if reshaped is None or has_errors(reshaped.problems):
            problems += [*unfit, *result.problems]
            continue
        mapped = map_table(table, reshaped, source, eased, prefixes[source_key(source)], known.words)
        part, told = _read_part(table, label, source, mapped, eased, extra_columns, known)
        problems += [p for p in result.problems if p.problem != TWICE or p.column in mapped.used] + told
        used.append((source_key(source), mapped.used))
        n_read, given = n_read + mapped.n_read, given | set(mapped.columns)
        n_made += len(part.lines) + sum(n for name, n in mapped.lost.items() if name not in WHILE_READING)
        lost += mapped.lost
        own = part if len(sources) == 1 else _spell(part, fields)
        if any(is_number_of_alike(f) and source.columns.get(f.name, "") is None for f in fields):
            own = number_alike(table, own, None if source.merge else rows)
        if rows is not None and source.merge:
            rows, conflicts = merge_rows(table, rows, own)
            problems += conflicts
        else:
            rows = own if rows is None else stack_rows([rows, own])
    if eased is not fields and rows is not None:
        problems += check_filled(table, fields, rows, given, problems)
    attrition = count_losses(table, n_read, n_made, lost) if rows else []
    rows = rows or PlacedRows(empty_table(table, extra_columns), np.array([], object), np.array([], int), {})
    problems += rows.list_problems(check_keys(table, rows.frame, rows.lines, rows.labels))
    problems += conversion.check_letter_case(table, rows.frame, fields)
    frame = conform_table(table, _spell(rows, [f for f in fields if f.type == "string"]).frame, extra_columns)
    places = rows.labels, rows.lines, rows.cells
    coded = {name: rows.frame[name] for name in REPEATED_TEXTS if name in rows.frame and len(rows.frame)}
    parts = tuple(dict.fromkeys(problems)), tuple(attrition), tuple(used)
    return CohortTable(frame, *places, frozenset(given), *parts, coded)


def _spell(rows: PlacedRows, fields: Sequence[Field]) -> PlacedRows:
    spelled = {field.name: spell_categories(rows.frame[field.name]) for field in fields}
    return replace(rows, frame=put_columns(rows.frame, spelled))


def _read_part(
    table: str,
    label: str,
    source: TableSource,
    mapped: MappedTable,
    fields: Sequence[Field],
    extra_columns: Mapping[str, str],
    known: KnownPatients,
) -> tuple[PlacedRows, list[Problem]]:
    """Parse and check the mapped rows of one source."""
    dating = known.rule, known.latest
    parsed = parse_columns(table, mapped.columns, len(mapped.lines), extra_columns, *dating)
    frame, faults = conversion.convert_units(source, fields, mapped, parsed, known.weights)
    dates = frame.select_dtypes("datetime").columns
    shifts = {name: pd.Timedelta(n, "D") for name, n in source.add_days.items() if name in dates}
    frame = put_columns(frame, {name: frame[name] + shift for name, shift in shifts.items()})
    if load_schema(table).extra_columns:
        faults += check_group_names(frame, extra_columns)
    # a cell that is an error is missing, so that the rest can still be checked
    masked: dict[str, pd.Series] = {}
    for fault in faults:
        if fault.severity == "error":
            is_wrong = np.zeros(len(frame), dtype=bool)
            is_wrong[fault.positions] = True
            masked[fault.column] = masked.get(fault.column, frame[fault.column]).mask(is_wrong)
    frame, faults = put_columns(frame, masked), [*parsed.faults, *faults]
    labels = np.broadcast_to(np.array(label, dtype=object), len(mapped.lines))
    places = {name: column.places for name, column in mapped.columns.items() if column.places}
    cells = locate_cells(labels, mapped.lines, places)
    rows = PlacedRows(frame, labels, mapped.lines, cells)
    problems = _name_file(mapped.problems, table, label)
    problems += conversion.check_doubtful_codes(label, fields, mapped, frame, source)
    problems += conversion.note_cleaned_texts(label, fields, mapped)
    problems += [
        tell("days_resolved", label, None, name, dates=count_words(n, "date"), rule=known.rule)
        for name, n in parsed.resolved.items()
        if n
    ]
    return rows, problems + rows.list_problems(faults)


def _name_file(problems: Iterable[Problem], table: str, label: str) -> list[Problem]:
    return [replace(p, table=label) if p.table == table else p for p in problems]


def source_key(source: FileSource) -> str:
    """What tells one file from another: the path, and the sheet of a workbook."""
    return source.file if source.sheet is None else f"{source.file}#{source.sheet}"
