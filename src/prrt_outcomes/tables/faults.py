"""Faults of cells, kept by position until they are told as problems with the line of the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prrt_outcomes.errors import Problem

if TYPE_CHECKING:
    import numpy as np

LONGEST_VALUE = 60


@dataclass(frozen=True)
class CellFaults:
    """Cells of one column with one kind of fault.

    Attributes
    ----------
    column : column of the table
    positions : rows of the frame, counted from 0, shape (n,)
    values : what was found in each, as written, length n
    problem : what is wrong, for all of them
    expected : what would be right: one text for all, or one for each cell
    severity : ``error`` or ``warning``
    """

    column: str
    positions: np.ndarray
    values: Sequence[str]
    problem: str
    expected: str | Sequence[str]
    severity: str = "error"


def list_problems(tables: np.ndarray, faults: Iterable[CellFaults], lines: np.ndarray) -> list[Problem]:
    """Tell faults as problems, in the order of the lines of the file.

    Parameters
    ----------
    tables : name of the table to be told for every row of the frame, shape (rows,)
    faults : faults of this table
    lines : line of the file for every row of the frame, shape (rows,)
    """
    problems = [
        Problem(table, line, fault.column, _shorten(value), fault.problem, expected, fault.severity)
        for fault in faults
        for table, line, value, expected in zip(
            tables[fault.positions].tolist(),
            lines[fault.positions].tolist(),
            fault.values,
            _each(fault),
            strict=True,
        )
    ]
    return sorted(problems, key=lambda problem: (problem.table, problem.row))


def _each(fault: CellFaults) -> Sequence[str]:
    return [fault.expected] * len(fault.positions) if isinstance(fault.expected, str) else fault.expected


def _shorten(value: object) -> str:
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."
