"""Where cells stand in the files of a table, for problems to name the right file, line and column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class CellPlaces:
    """Where the cells of one column stand that were brought into their row from elsewhere."""

    lines: np.ndarray | None = None  # line of each cell, shape (n,); None where it is the line of the row
    # name in the file of each cell, as an array of length n; None where the column has one name
    columns: pa.Array | None = None
    # table and file of each cell, as an array of length n, empty for the file of the row; None where all are
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


Place = tuple[np.ndarray, np.ndarray, np.ndarray]
Cells = Mapping[str, Place]


def locate_cells(labels: np.ndarray, lines: np.ndarray, places: Mapping[str, CellPlaces]) -> Cells:
    """Label, line and column of the file of each cell of the columns that have places of their own."""
    return {
        name: (
            labels if own.labels is None else _fill(own.labels, labels),
            lines if own.lines is None else own.lines,
            _fill(own.columns or repeat_text(name, len(lines)), name),
        )
        for name, own in places.items()
    }


def _fill(texts: pa.Array, other: np.ndarray | str) -> np.ndarray:
    found = texts.to_numpy(zero_copy_only=False).astype(object)
    return np.where(found == "", other, found)
