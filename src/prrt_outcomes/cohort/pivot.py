"""Rows of a file that become columns, by the code that stands in them; every cell keeps its place in the file."""

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.cohort.cells import choose_places, coalesce_texts, known_texts
from prrt_outcomes.cohort.rows import tell_no_column
from prrt_outcomes.cohort.sources.raw_table import RawTable
from prrt_outcomes.errors import Problem, tell, tell_setting
from prrt_outcomes.study.base import Pivot, TableSource
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
