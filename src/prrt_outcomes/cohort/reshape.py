"""Columns of a file that become rows, and rows that become columns; every cell keeps its place in the file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from prrt_outcomes.cohort.cells import known_texts
from prrt_outcomes.cohort.joins import Read, join_files
from prrt_outcomes.cohort.pivot import pivot_rows
from prrt_outcomes.cohort.sources.raw_table import RawTable
from prrt_outcomes.errors import Problem, has_errors, nearest_name, tell_setting
from prrt_outcomes.study.base import PLACEHOLDER, Join, TableSource, Unpivot
from prrt_outcomes.tables.places import CellPlaces


@dataclass(frozen=True)
class Reshaped:
    """A raw table in its new shape.

    numbers : number of the row of the file that each row is of, counted from 1; None where they are the same rows
    used : columns of the file that went into it
    dropped : columns of the file that differ within the keys of a pivot, and are left out
    n_read : rows of the file
    n_lost : rows that were made, hold nothing and are left out
    taken : for each file that was joined, its columns that went into the table
    """

    raw: RawTable
    used: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    n_read: int = 0
    n_lost: int = 0
    problems: tuple[Problem, ...] = ()
    numbers: np.ndarray | None = None
    taken: tuple[tuple[Join, frozenset[str]], ...] = ()


def reshape_table(table: str, raw: RawTable, source: TableSource, read: Read) -> Reshaped:
    """Bring a raw table into the shape that the mapping reads, as the source says.

    read : reads a file that is joined as text
    """
    joined = join_files(table, raw, source, read)
    reshaped = Reshaped(
        joined.raw, joined.used, n_read=raw.n_rows, problems=joined.problems, taken=joined.taken
    )
    if source.unpivot is not None and not has_errors(reshaped.problems):
        unpivoted = unpivot_rows(table, reshaped.raw, source, source.unpivot)
        reshaped = replace(
            reshaped,
            raw=unpivoted.raw,
            used=reshaped.used | unpivoted.used,
            n_lost=unpivoted.n_lost,
            problems=(*reshaped.problems, *unpivoted.problems),
        )
    if source.pivot is not None and not has_errors(reshaped.problems):
        pivoted = pivot_rows(table, reshaped.raw, source, source.pivot)
        reshaped = replace(
            reshaped,
            raw=pivoted.raw,
            used=reshaped.used | {source.pivot.by, *source.pivot.values, *source.pivot.keys},
            dropped=pivoted.dropped,
            problems=(*reshaped.problems, *pivoted.problems),
        )
    if source.unpivot is None and source.pivot is None:
        return reshaped
    return replace(reshaped, numbers=np.searchsorted(raw.lines, reshaped.raw.lines) + 1)


def unpivot_rows(table: str, raw: RawTable, source: TableSource, unpivot: Unpivot) -> Reshaped:
    """Make a row for each row of the file and each repetition of its columns, in this order.

    A repetition is a combination of placeholders that a column of the longest pattern has, or a position in the lists
    of names. Rows in which the columns of the longest patterns are all empty are left out. A column with fewer
    placeholders is repeated; columns that are not unpivoted stay with each row.
    """
    found, keys, problems = _find_columns(table, list(raw.columns), unpivot)
    used = frozenset(name for names in found.values() for name in names if name)
    doubled = sorted({*unpivot.columns, *unpivot.made_names} & (set(raw.columns) - used))
    place = f"tables.{table}.unpivot"
    problems += [tell_setting("unpivot_takes_name", place, name) for name in doubled]
    if problems or not keys:
        return Reshaped(raw, used, problems=tuple(problems))
    whole = [name for name in unpivot.columns if _is_longest(unpivot, name)]
    is_filled = np.array(
        [
            np.logical_or.reduce([_is_filled(raw, found[name][i], source.missing) for name in whole])
            for i in range(len(keys))
        ]
    )
    positions = np.flatnonzero(is_filled.T.ravel())
    rows, repetitions = np.divmod(positions, len(keys))
    kept = {name: cells.take(rows) for name, cells in raw.columns.items() if name not in used}
    places = {name: at.take(rows) for name, at in raw.places.items() if name not in used}
    for name, names in found.items():
        kept[name] = _stack(raw, names).take(pa.array(repetitions * raw.n_rows + rows))
        places[name] = CellPlaces(columns=_repeat_names(names, repetitions))
    headers = [next(filter(None, names)) for names in zip(*(found[name] for name in whole), strict=True)]
    for i, name in enumerate(unpivot.made_names):
        kept[name] = pa.array([key[i] for key in keys], pa.string()).take(pa.array(repetitions))
        places[name] = CellPlaces(columns=_repeat_names(headers, repetitions))
    return Reshaped(
        replace(raw, columns=kept, lines=raw.lines[rows], places=places),
        used,
        n_lost=is_filled.size - len(positions),
    )


def _is_longest(unpivot: Unpivot, name: str) -> bool:
    """Whether a new column is of the patterns that make the rows."""
    return not unpivot.patterns or len(unpivot.placeholders(name)) == len(unpivot.made_names)


def _find_columns(
    table: str, columns: Sequence[str], unpivot: Unpivot
) -> tuple[dict[str, list[str]], list[tuple[str, ...]], list[Problem]]:
    """For each new column the column of the file for each repetition, empty where the file has none.

    Returns these, what tells each repetition (in the order of `Unpivot.made_names`), and problems.
    """
    if unpivot.patterns:
        return _match_columns(table, columns, unpivot)
    found = {name: list(names) for name, names in unpivot.columns.items()}
    lacking = sorted({name for names in found.values() for name in names} - set(columns))
    keys: list[tuple[str, ...]] = [(name,) for name in next(iter(found.values()))]
    return found, keys, [_tell_lacking(table, name, columns) for name in lacking]


def _match_columns(
    table: str, columns: Sequence[str], unpivot: Unpivot
) -> tuple[dict[str, list[str]], list[tuple[str, ...]], list[Problem]]:
    """Columns by pattern; one that two patterns match is of the pattern with more letters of its own."""
    free = list(columns)
    matched: dict[str, dict[tuple[str, ...], str]] = {}
    by_length = sorted(unpivot.patterns.items(), key=lambda item: -len(PLACEHOLDER.sub("", item[1])))
    for name, pattern in by_length:
        shape = _compile(pattern)
        hits = {column: hit for column in free if (hit := shape.fullmatch(column))}
        free = [column for column in free if column not in hits]
        order = [part for part in unpivot.made_names if part in unpivot.placeholders(name)]
        matched[name] = {
            tuple(_read_placeholder(part, hit[part]) for part in order): column
            for column, hit in hits.items()
        }
    problems = [
        _tell_lacking(table, unpivot.patterns[name], columns) for name, hits in matched.items() if not hits
    ]
    position = {column: i for i, column in enumerate(columns)}
    first: dict[tuple[str, ...], int] = {}
    for name in unpivot.columns:
        if _is_longest(unpivot, name):
            for key, column in matched[name].items():
                first[key] = min(position[column], first.get(key, len(columns)))
    keys = sorted(first, key=first.__getitem__)
    found = {}
    for name in unpivot.columns:
        own = [i for i, part in enumerate(unpivot.made_names) if part in unpivot.placeholders(name)]
        found[name] = [matched[name].get(tuple(key[i] for i in own), "") for key in keys]
    return found, keys, problems


def _compile(pattern: str) -> re.Pattern[str]:
    """A pattern of columns as a regular expression: one letter for digits, a longer name for any text."""
    seen: set[str] = set()
    expression = ""
    for i, part in enumerate(PLACEHOLDER.split(pattern)):
        if i % 2 == 0:
            expression += re.escape(part)
        elif part in seen:
            expression += f"(?P={part})"
        else:
            expression += f"(?P<{part}>{'[0-9]+' if len(part) == 1 else '.+'})"
            seen.add(part)
    return re.compile(expression)


def _read_placeholder(name: str, text: str) -> str:
    """What a placeholder stands for; a number without leading zeros."""
    return str(int(text)) if len(name) == 1 else text


def _tell_lacking(table: str, name: str, columns: Sequence[str]) -> Problem:
    """A pattern or name that no column of the file has."""
    near = nearest_name(name, columns)
    shown = ", ".join(column for column in columns[:40] if column) + (", ..." if len(columns) > 40 else "")
    nearest = f"the nearest is {near}. " if near else ""
    return tell_setting("no_column_is_meant", f"tables.{table}.unpivot", name, near=nearest, shown=shown)


def _is_filled(raw: RawTable, name: str, missing: Sequence[str]) -> np.ndarray:
    """Rows in which a column holds something."""
    if not name:
        return np.zeros(raw.n_rows, dtype=bool)
    return known_texts(raw.columns[name], missing).is_valid().to_numpy(zero_copy_only=False)


def _stack(raw: RawTable, names: Sequence[str]) -> pa.Array:
    """Cells of several columns, one column after the other; empty texts where there is no column."""
    empty = pa.repeat(pa.scalar("", pa.string()), raw.n_rows)
    return pa.concat_arrays([raw.columns[name] if name else empty for name in names])


def _repeat_names(names: Sequence[str], repetitions: np.ndarray) -> pa.DictionaryArray:
    """Name of the column that each cell comes from."""
    return pa.DictionaryArray.from_arrays(pa.array(repetitions, pa.int32()), pa.array(names, pa.string()))
