"""Rows of several files of a table, below each other or merged by the key, each cell with its place."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from prrt_outcomes.errors import Problem, tell
from prrt_outcomes.tables.check import find_empty
from prrt_outcomes.tables.parse import CellFaults, list_cells, list_problems
from prrt_outcomes.tables.places import Cells, Place
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
        cells = {
            name: (at[0][positions], at[1][positions], at[2][positions]) for name, at in self.cells.items()
        }
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
        problems += _tell_conflicts(name, rows, other, target[is_other], origin[is_other])
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
    """Position of the first row of each whole key."""
    whole = frame[key].dropna()
    whole = whole[~whole.duplicated()]
    index = pd.MultiIndex.from_frame(whole) if len(key) > 1 else pd.Index(whole[key[0]])
    return pd.Series(whole.index.to_numpy(), index)


def _differ(old: pd.Series, new: pd.Series) -> np.ndarray:
    """Where two columns without missing values differ; numbers beyond the error of a change of unit."""
    if old.dtype == "float64":
        return ~np.isclose(old.to_numpy(), new.to_numpy(), rtol=1e-9, atol=0)
    return np.asarray(old.array != new.array, dtype=bool)


def _tell_conflicts(
    name: str, rows: PlacedRows, other: PlacedRows, target: np.ndarray, origin: np.ndarray
) -> list[Problem]:
    """Cells for which two files have different values."""
    if not len(target):
        return []
    kept = list_cells(rows.frame[name], target)
    found = list_cells(other.frame[name], origin)
    labels, lines, columns = (place[target].tolist() for place in rows.place_of(name))
    expected = [
        f"one value: {value} stands in {label}, row {line}, column {column}"
        for value, label, line, column in zip(kept, labels, lines, columns, strict=True)
    ]
    problem = "another value for the same key in another file"
    return other.list_problems([CellFaults(name, origin, found, problem, expected)])


def check_filled(
    table: str, fields: Sequence[Field], rows: PlacedRows, given: Collection[str], told: Iterable[Problem]
) -> list[Problem]:
    """Required columns of merged files that none of them gives, and cells of these that none of them fills.

    given : columns of ours that a file gives
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
