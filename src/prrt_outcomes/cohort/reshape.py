"""Columns of a file that become rows, and rows that become columns; every cell keeps its place in the file."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.cohort.cells import choose_places, coalesce_texts, known_texts
from prrt_outcomes.cohort.joins import Read, join_files
from prrt_outcomes.cohort.rows import tell_no_column
from prrt_outcomes.cohort.sources.raw_table import RawTable
from prrt_outcomes.errors import Problem, has_errors, nearest_name, tell, tell_setting
from prrt_outcomes.study.base import PLACEHOLDER, Join, Pivot, TableSource, Unpivot
from prrt_outcomes.tables.places import CellPlaces
from prrt_outcomes.tables.schema import load_schema


@dataclass(frozen=True)
class Pivoted:
    """A raw table with one row a key and one column a code.

    dropped : columns of the file that have several values within a key, and are left out
    """

    raw: RawTable
    dropped: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()


def pivot_rows(table: str, raw: RawTable, source: TableSource, pivot: Pivot) -> Pivoted:
    """Make one row of the rows with the same keys, with a column for each code.

    Keys keep the order of the file, and a row the line of its first. A column of the file whose filled cells are the
    same within each key is kept. A code that the mapping names and that has two values within a key is an error.
    """
    lacking = [name for name in (pivot.by, *pivot.values, *pivot.keys) if name not in raw.columns]
    if lacking:
        told = (tell_no_column(table, name, list(raw.columns), "pivot") for name in lacking)
        return Pivoted(raw, problems=tuple(told))
    keys = pd.DataFrame({name: known_texts(raw.columns[name], source.missing) for name in pivot.keys})
    group = keys.groupby(list(pivot.keys), sort=False, dropna=False).ngroup().to_numpy()
    first = np.unique(group, return_index=True)[1]
    columns = {name: raw.columns[name].take(pa.array(first)) for name in pivot.keys}
    places = {name: at.take(first) for name, at in raw.places.items() if name in pivot.keys}
    dropped = set()
    for name in raw.columns:
        if name in (pivot.by, *pivot.values, *pivot.keys):
            continue
        held = _find_constant(raw, name, group, first, source.missing)
        if held is None:
            dropped.add(name)
            continue
        columns[name] = raw.columns[name].take(pa.array(held))
        at = raw.places.get(name, CellPlaces())
        places[name] = replace(at.take(held), lines=(raw.lines if at.lines is None else at.lines)[held])
    made, problems = _spread(table, raw, source, pivot, group)
    for name, positions in made.items():
        if name in columns:
            problems.append(tell_setting("code_named_as_column", f"tables.{table}.pivot", name))
        columns[name], places[name] = _gather(raw, pivot, positions, raw.lines[first], source.missing)
    problems += _tell_without_code(table, raw, pivot, source.missing)
    made_raw = replace(raw, columns=columns, lines=raw.lines[first], places=places)
    return Pivoted(made_raw, frozenset(dropped), tuple(problems))


def _find_constant(
    raw: RawTable, name: str, group: np.ndarray, first: np.ndarray, missing: Sequence[str]
) -> np.ndarray | None:
    """Position of the cell that holds for each key, the first that is filled; None where two filled cells differ."""
    texts = known_texts(raw.columns[name], missing).dictionary_encode()
    codes = texts.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    held = first.copy()
    filled = np.flatnonzero(codes >= 0)
    heads = filled[~pd.Series(group[filled]).duplicated().to_numpy()]
    held[group[heads]] = heads
    return held if (codes[filled] == codes[held][group[filled]]).all() else None


def _spread(
    table: str, raw: RawTable, source: TableSource, pivot: Pivot, group: np.ndarray
) -> tuple[dict[str, np.ndarray], list[Problem]]:
    """For each code the position of its cell in each key, -1 where it has none, and codes with two values in a key."""
    codes = known_texts(raw.columns[pivot.by], source.missing).to_pandas()
    texts = coalesce_texts([raw.columns[name] for name in pivot.values], source.missing)[0].to_pandas()
    cells = pd.DataFrame({"group": group, "code": codes, "text": texts})
    filled = cells.dropna()
    asked = _list_asked(table, source)
    made, problems = {}, []
    for code in codes.dropna().unique():
        own = filled[filled["code"] == code]
        heads = own.drop_duplicates("group")
        positions = np.full(int(group.max()) + 1, -1)
        positions[heads["group"]] = heads.index
        made[code] = positions
        is_other = own["text"] != own.groupby("group")["text"].transform("first")
        if code in asked and is_other.any():
            problems += _tell_conflicts(table, raw, pivot, code, own[is_other], positions, texts)
    return made, problems


def _list_asked(table: str, source: TableSource) -> Container[str]:
    """Names of columns that the mapping reads, and those that our table has."""
    read = [name for ours in source.columns for name in source.names_of_column(ours)]
    boxes = [name for names in source.first_of.values() for name in names]
    chosen = (*source.filter, *source.exclude, *source.not_empty, *source.unit_columns.values())
    return {*read, *boxes, *chosen, *load_schema(table).names}


def _tell_conflicts(
    table: str,
    raw: RawTable,
    pivot: Pivot,
    code: str,
    others: pd.DataFrame,
    positions: np.ndarray,
    texts: pd.Series,
) -> list[Problem]:
    """Cells of a code with another value than the first of their key."""
    kept = positions[others["group"]]
    of_code = {"code": code, "keys": ", ".join(pivot.keys)}
    return [
        tell("code_conflict", table, line, pivot.values[0], value, first=first, text=text, **of_code)
        for line, value, first, text in zip(
            raw.lines[others.index].tolist(),
            others["text"].tolist(),
            raw.lines[kept].tolist(),
            texts.iloc[kept].tolist(),
            strict=True,
        )
    ]


def _gather(
    raw: RawTable, pivot: Pivot, positions: np.ndarray, lines: np.ndarray, missing: Sequence[str]
) -> tuple[pa.Array, CellPlaces]:
    """Cells of a code and their places; an empty cell stands in the line of its row."""
    is_there = positions >= 0
    chosen = pa.array(positions, mask=~is_there)
    written = coalesce_texts([raw.columns[name] for name in pivot.values], missing)[1]
    at = choose_places(raw, pivot.values, missing)
    own = raw.lines if at.lines is None else at.lines
    columns = pa.nulls(raw.n_rows, pa.string()) if at.columns is None else at.columns.cast(pa.string())
    places = CellPlaces(
        np.where(is_there, own[positions], lines),
        pc.fill_null(columns.take(chosen), pivot.values[0]),
        None if at.labels is None else pc.fill_null(at.labels.cast(pa.string()).take(chosen), ""),
    )
    return pc.fill_null(written.take(chosen), ""), places


def _tell_without_code(table: str, raw: RawTable, pivot: Pivot, missing: Sequence[str]) -> list[Problem]:
    """Rows that have a value and no code: nothing says which column it is of."""
    codes = known_texts(raw.columns[pivot.by], missing)
    texts, written = coalesce_texts([raw.columns[name] for name in pivot.values], missing)
    rows = np.flatnonzero(pc.and_(pc.is_null(codes), pc.is_valid(texts)).to_numpy(zero_copy_only=False))
    found = written.take(pa.array(rows)).to_pylist()
    return [
        tell("value_without_code", table, line, pivot.by, value, by=pivot.by)
        for line, value in zip(raw.lines[rows].tolist(), found, strict=True)
    ]


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
    """Bring a raw table into the shape that the mapping reads, as the source says."""
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
    return not unpivot.patterns or len(unpivot.placeholders(name)) == len(unpivot.made_names)


def _find_columns(
    table: str, columns: Sequence[str], unpivot: Unpivot
) -> tuple[dict[str, list[str]], list[tuple[str, ...]], list[Problem]]:
    """For each new column the column of the file for each repetition, empty where the file has none."""
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
    return str(int(text)) if len(name) == 1 else text


def _tell_lacking(table: str, name: str, columns: Sequence[str]) -> Problem:
    """A pattern or name that no column of the file has."""
    near = nearest_name(name, columns)
    shown = ", ".join(column for column in columns[:40] if column) + (", ..." if len(columns) > 40 else "")
    nearest = f"the nearest is {near}. " if near else ""
    return tell_setting("no_column_is_meant", f"tables.{table}.unpivot", name, near=nearest, shown=shown)


def _is_filled(raw: RawTable, name: str, missing: Sequence[str]) -> np.ndarray:
    if not name:
        return np.zeros(raw.n_rows, dtype=bool)
    return known_texts(raw.columns[name], missing).is_valid().to_numpy(zero_copy_only=False)


def _stack(raw: RawTable, names: Sequence[str]) -> pa.Array:
    empty = pa.repeat(pa.scalar("", pa.string()), raw.n_rows)
    return pa.concat_arrays([raw.columns[name] if name else empty for name in names])


def _repeat_names(names: Sequence[str], repetitions: np.ndarray) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(repetitions, pa.int32()), pa.array(names, pa.string()))
