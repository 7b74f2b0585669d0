"""Columns of a file that become rows, and rows that become columns; every cell keeps its place in the file."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.cohort.cells import choose_places, coalesce_texts, known_texts
from prrt_outcomes.cohort.joins import Read, Reshaped, join_files
from prrt_outcomes.cohort.rows import tell_no_column
from prrt_outcomes.cohort.sources.raw_table import RawTable
from prrt_outcomes.errors import Problem, has_errors, nearest_name, tell, tell_setting
from prrt_outcomes.study.base import PLACEHOLDER, Pivot, TableSource, Unpivot
from prrt_outcomes.tables.places import CellPlaces
from prrt_outcomes.tables.schema import load_schema


def pivot_rows(table: str, reshaped: Reshaped, source: TableSource, pivot: Pivot) -> Reshaped:
    """Make one row of the rows with the same keys, with a column for each code.

    Keys keep the order of the file, and a row the line of its first. A column of the file whose filled cells are the
    same within each key is kept. A code that the mapping names and that has two values within a key is an error.
    """
    raw, named = reshaped.raw, (pivot.by, *pivot.values, *pivot.keys)
    reshaped = replace(reshaped, used=reshaped.used.union(named))
    lacking = [name for name in named if name not in raw.columns]
    if lacking:
        told = (tell_no_column(table, name, list(raw.columns), "pivot") for name in lacking)
        return replace(reshaped, problems=(*reshaped.problems, *told))
    keys = pd.DataFrame({name: known_texts(raw.columns[name], source.missing) for name in pivot.keys})
    group = keys.groupby(list(pivot.keys), sort=False, dropna=False).ngroup().to_numpy()
    first = np.unique(group, return_index=True)[1]
    columns = {name: raw.columns[name].take(pa.array(first)) for name in pivot.keys}
    places = {name: at.take(first) for name, at in raw.places.items() if name in pivot.keys}
    dropped = set()
    for name in raw.columns:
        if name in named:
            continue
        held = _find_constant(raw, name, group, first, source.missing)
        if held is None:
            dropped.add(name)
            continue
        columns[name] = raw.columns[name].take(pa.array(held))
        at = raw.places.get(name, CellPlaces())
        places[name] = replace(at.take(held), lines=(raw.lines if at.lines is None else at.lines)[held])
    codes = known_texts(raw.columns[pivot.by], source.missing)
    texts, written = coalesce_texts([raw.columns[name] for name in pivot.values], source.missing)
    made, problems = _spread(table, raw, source, pivot, group, codes.to_pandas(), texts.to_pandas())
    at = choose_places(raw, pivot.values, source.missing)
    for name, positions in made.items():
        if name in columns:
            problems.append(tell_setting("code_named_as_column", f"tables.{table}.pivot", name))
        is_there = positions >= 0
        own = at.take(np.maximum(positions, 0))
        lines = np.where(is_there, raw.lines[positions] if own.lines is None else own.lines, raw.lines[first])
        columns[name] = pc.fill_null(written.take(pa.array(positions, mask=~is_there)), "")
        shown, labels = (
            texts and pc.if_else(pa.array(is_there), texts.cast(pa.string()), empty)
            for texts, empty in ((own.columns, pivot.values[0]), (own.labels, ""))
        )
        places[name] = CellPlaces(lines, shown, labels)
    rows = np.flatnonzero(pc.and_(pc.is_null(codes), pc.is_valid(texts)).to_numpy(zero_copy_only=False))
    cells = zip(raw.lines[rows].tolist(), written.take(pa.array(rows)).to_pylist(), strict=True)
    problems += [tell("value_without_code", table, n, pivot.by, value, by=pivot.by) for n, value in cells]
    made_raw = replace(raw, columns=columns, lines=raw.lines[first], places=places)
    every = (*reshaped.problems, *problems)
    return replace(reshaped, raw=made_raw, dropped=frozenset(dropped), problems=every)


def _find_constant(
    raw: RawTable, name: str, group: np.ndarray, first: np.ndarray, missing: Sequence[str]
) -> np.ndarray | None:
    texts = known_texts(raw.columns[name], missing).dictionary_encode()
    codes = texts.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    held = first.copy()
    filled = np.flatnonzero(codes >= 0)
    heads = filled[~pd.Series(group[filled]).duplicated().to_numpy()]
    held[group[heads]] = heads
    return held if (codes[filled] == codes[held][group[filled]]).all() else None


def _spread(
    table: str,
    raw: RawTable,
    source: TableSource,
    pivot: Pivot,
    group: np.ndarray,
    codes: pd.Series,
    texts: pd.Series,
) -> tuple[dict[str, np.ndarray], list[Problem]]:
    """For each code the position of its cell in each key, -1 where it has none, and codes with two values in a key."""
    filled = pd.DataFrame({"group": group, "code": codes, "text": texts}).dropna()
    asked = {name for ours in source.columns for name in source.names_of_column(ours)}
    asked |= {name for names in source.first_of.values() for name in names} | set(load_schema(table).names)
    asked |= {*source.filter, *source.exclude, *source.not_empty, *source.unit_columns.values()}
    made, problems = {}, []
    for code in codes.dropna().unique():
        own = filled[filled["code"] == code]
        heads = own.drop_duplicates("group")
        positions = np.full(int(group.max()) + 1, -1)
        positions[heads["group"]] = heads.index
        made[code] = positions
        others = own[own["text"] != own.groupby("group")["text"].transform("first")]
        if code in asked and len(others):
            kept = positions[others["group"]]
            lines = (raw.lines[rows].tolist() for rows in (others.index, kept))
            found = zip(*lines, others["text"].tolist(), texts.iloc[kept].tolist(), strict=True)
            of_code, column = {"code": code, "keys": ", ".join(pivot.keys)}, pivot.values[0]
            problems += [
                tell("code_conflict", table, line, column, value, first=first, text=text, **of_code)
                for line, first, value, text in found
            ]
    return made, problems


def reshape_table(table: str, raw: RawTable, source: TableSource, read: Read) -> Reshaped:
    """Bring a raw table into the shape that the mapping reads, as the source says."""
    reshaped = join_files(table, raw, source, read)
    if source.unpivot is not None and not has_errors(reshaped.problems):
        reshaped = unpivot_rows(table, reshaped, source, source.unpivot)
    if source.pivot is not None and not has_errors(reshaped.problems):
        reshaped = pivot_rows(table, reshaped, source, source.pivot)
    if source.unpivot is None and source.pivot is None:
        return reshaped
    return replace(reshaped, numbers=np.searchsorted(raw.lines, reshaped.raw.lines) + 1)


def unpivot_rows(table: str, reshaped: Reshaped, source: TableSource, unpivot: Unpivot) -> Reshaped:
    """Make a row for each row of the file and each repetition of its columns, in this order.

    A repetition is a combination of placeholders that a column of the longest pattern has, or a position in the lists
    of names. Rows in which the columns of the longest patterns are all empty are left out. A column with fewer
    placeholders is repeated; columns that are not unpivoted stay with each row.
    """
    raw = reshaped.raw
    found, keys, problems = _find_columns(table, list(raw.columns), unpivot)
    used = frozenset(name for names in found.values() for name in names if name)
    doubled = sorted({*unpivot.columns, *unpivot.made_names} & (set(raw.columns) - used))
    place = f"tables.{table}.unpivot"
    problems += [tell_setting("unpivot_takes_name", place, name) for name in doubled]
    if problems or not keys:
        return replace(reshaped, used=reshaped.used | used, problems=(*reshaped.problems, *problems))
    whole = [name for name in unpivot.columns if _is_longest(unpivot, name)]
    filled = {
        name: known_texts(raw.columns[name], source.missing).is_valid().to_numpy(zero_copy_only=False)
        for name in {name for new in whole for name in found[new] if name}
    }
    nowhere, empty = np.zeros(raw.n_rows, dtype=bool), pa.repeat(pa.scalar("", pa.string()), raw.n_rows)
    held = ([filled.get(found[name][i], nowhere) for name in whole] for i in range(len(keys)))
    is_filled = np.array([np.logical_or.reduce(cells) for cells in held])
    positions = np.flatnonzero(is_filled.T.ravel())
    rows, repetitions = np.divmod(positions, len(keys))
    kept = {name: cells.take(rows) for name, cells in raw.columns.items() if name not in used}
    places = {name: at.take(rows) for name, at in raw.places.items() if name not in used}
    for name, names in found.items():
        stacked = pa.concat_arrays([raw.columns[own] if own else empty for own in names])
        kept[name] = stacked.take(pa.array(repetitions * raw.n_rows + rows))
        places[name] = CellPlaces(columns=_repeat_names(names, repetitions))
    headers = [next(filter(None, names)) for names in zip(*(found[name] for name in whole), strict=True)]
    for i, name in enumerate(unpivot.made_names):
        kept[name] = pa.array([key[i] for key in keys], pa.string()).take(pa.array(repetitions))
        places[name] = CellPlaces(columns=_repeat_names(headers, repetitions))
    made = replace(raw, columns=kept, lines=raw.lines[rows], places=places)
    return replace(reshaped, raw=made, used=reshaped.used | used, n_lost=is_filled.size - len(positions))


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
            tuple(str(int(hit[part])) if len(part) == 1 else hit[part] for part in order): column
            for column, hit in hits.items()
        }
    problems = [_tell_lacking(table, unpivot.patterns[n], columns) for n, hits in matched.items() if not hits]
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


def _tell_lacking(table: str, name: str, columns: Sequence[str]) -> Problem:
    near = nearest_name(name, columns)
    shown = ", ".join(column for column in columns[:40] if column) + (", ..." if len(columns) > 40 else "")
    nearest = f"the nearest is {near}. " if near else ""
    return tell_setting("no_column_is_meant", f"tables.{table}.unpivot", name, near=nearest, shown=shown)


def _repeat_names(names: Sequence[str], repetitions: np.ndarray) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(repetitions, pa.int32()), pa.array(names, pa.string()))
