"""Boxes that are checked, a column each, read as one code."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.cohort.cells import format_scalar, known_texts
from prrt_outcomes.cohort.sources.raw_table import RawTable
from prrt_outcomes.errors import Problem, tell
from prrt_outcomes.study.base import TableSource
from prrt_outcomes.tables.parse import TextColumn, TextFormat
from prrt_outcomes.tables.places import CellPlaces

CHECKED = ("1", "yes", "true", "x", "checked")
UNCHECKED = ("0", "no", "false", "unchecked")


def read_boxes(
    table: str, raw: RawTable, kept: np.ndarray, source: TableSource, name: str
) -> tuple[TextColumn, list[Problem]]:
    """The code of the first box that is checked in each row; missing where none is.

    kept : positions of the rows that are read
    name : column of ours, under ``first_of``
    A box is checked by 1, yes, true, x, checked, its code or the name of its column. Returns the column of the rows
    that are read; an error for each other text in a box, a warning for each row with several boxes checked.
    """
    codes = {theirs: format_scalar(ours) for theirs, ours in source.first_of[name].items()}
    is_checked, problems = [], []
    for box, code in codes.items():
        texts = pc.utf8_lower(known_texts(raw.columns[box].take(pa.array(kept)), source.missing))
        checked = pa.array([*CHECKED, code.lower(), box.lower()], pa.string())
        is_checked.append(pc.is_in(texts, value_set=checked).to_numpy(zero_copy_only=False))
        problems += _tell_odd(table, box, texts, raw.lines[kept], checked)
    matrix = np.array(is_checked, dtype=bool)
    is_any, first = matrix.any(axis=0), matrix.argmax(axis=0)
    problems += _tell_several(table, name, matrix, raw.lines[kept], codes)
    chosen = pa.array(first, mask=~is_any)
    texts = pa.array(list(codes.values()), pa.string()).take(chosen)
    boxes = pa.DictionaryArray.from_arrays(pa.array(first, pa.int32()), pa.array(list(codes), pa.string()))
    return TextColumn(texts, pc.fill_null(texts, ""), TextFormat(), CellPlaces(columns=boxes)), problems


def _tell_odd(table: str, box: str, texts: pa.Array, lines: np.ndarray, checked: pa.Array) -> list[Problem]:
    """Texts of a box that say neither that it is checked nor that it is not, each where it stands first."""
    known = pa.concat_arrays([checked, pa.array(UNCHECKED, pa.string())])
    odd = pc.and_(pc.is_valid(texts), pc.invert(pc.is_in(texts, value_set=known)))
    positions = np.flatnonzero(odd.to_numpy(zero_copy_only=False))
    found, first = np.unique(texts.take(pa.array(positions)).to_numpy(False).astype(str), return_index=True)
    return [
        tell("odd_box", table, line, box, text, box=box)
        for text, line in zip(found.tolist(), lines[positions[first]].tolist(), strict=True)
    ]


def _tell_several(
    table: str, name: str, matrix: np.ndarray, lines: np.ndarray, codes: dict[str, str]
) -> list[Problem]:
    """Rows in which several boxes of different codes are checked, and the one that is taken."""
    several = np.flatnonzero(matrix.sum(axis=0) > 1)
    patterns, which = np.unique(matrix[:, several].T, axis=0, return_inverse=True)
    boxes = list(codes)
    words: list[tuple[str, str] | None] = [
        _describe([boxes[i] for i in np.flatnonzero(p)], codes) for p in patterns
    ]
    return [
        tell("several_boxes", table, line, name, told[0], code=told[1])
        for line, told in zip(lines[several].tolist(), (words[i] for i in which.ravel()), strict=True)
        if told
    ]


def _describe(checked: Sequence[str], codes: dict[str, str]) -> tuple[str, str] | None:
    """Boxes that are checked together and the code that is taken; None where they mean the same."""
    meant = [codes[box] for box in checked]
    if len(set(meant)) == 1:
        return None
    shown = ", ".join(f"{box} ({codes[box]})" for box in checked)
    return shown, meant[0]
