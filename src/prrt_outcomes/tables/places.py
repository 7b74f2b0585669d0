"""Where cells stand in the files of a table, for problems to name the right file, line and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class CellPlaces:
    """Where the cells of one column stand that were brought into their row from elsewhere.

    lines : line of each cell, shape (n,); None where it is the line of the row
    columns : name in the file of each cell, as an array of length n; None where the column has one name
    labels : table and file of each cell, as an array of length n, empty for the file of the row; None where all are
    """

    lines: np.ndarray | None = None
    columns: pa.Array | None = None
    labels: pa.Array | None = None

    def take(self, positions: np.ndarray) -> CellPlaces:
        """The places of some of the cells."""
        chosen = pa.array(positions)
        lines = None if self.lines is None else self.lines[positions]
        columns, labels = (texts and texts.take(chosen) for texts in (self.columns, self.labels))
        return CellPlaces(lines, columns, labels)


def repeat_text(text: str, n: int) -> pa.Array:
    """One text for `n` cells, stored once."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([text]))


Cells = Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]


def stack_places(
    parts: Sequence[tuple[np.ndarray, np.ndarray, Mapping[str, CellPlaces]]],
) -> tuple[np.ndarray, np.ndarray, Cells]:
    """Labels and lines of the rows of all files of a table, and places of the columns that have their own.

    parts : for each file label and line of each row, and the places of its columns that have their own
    Returns labels and lines, each of shape (rows,), and for each such column label, line and column of all cells.
    """
    labels = np.concatenate([np.array([], dtype=object), *(part[0] for part in parts)])
    lines = np.concatenate([np.array([], dtype=np.int64), *(part[1] for part in parts)])
    cells = {}
    for name in dict.fromkeys(name for part in parts for name in part[2]):
        columns = []
        for part_labels, part_lines, places in parts:
            own = places.get(name, CellPlaces())
            columns.append(
                (
                    part_labels if own.labels is None else _fill(own.labels, part_labels),
                    part_lines if own.lines is None else own.lines,
                    _fill(own.columns or repeat_text(name, len(part_lines)), name),
                )
            )
        gathered = [np.concatenate(arrays) for arrays in zip(*columns, strict=True)]
        cells[name] = (gathered[0], gathered[1], gathered[2])
    return labels, lines, cells


def _fill(texts: pa.Array, other: np.ndarray | str) -> np.ndarray:
    """Texts as objects, with another where one is empty."""
    found = texts.to_numpy(zero_copy_only=False).astype(object)
    return np.where(found == "", other, found)
