"""Tables of a study as text: header, cells and the line of each row, and why a file is refused."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.errors import Problem, load_faults, tell
from prrt_outcomes.study.base import clean_text
from prrt_outcomes.tables.parse_dates import DAY_ZERO
from prrt_outcomes.tables.places import CellPlaces

TWICE = load_faults()["header_twice"]["problem"]


class EncodedColumns(Mapping[str, pa.Array]):
    """Cells of columns as texts, each column kept as a dictionary of its distinct texts."""

    def __init__(self, encoded: Mapping[str, pa.DictionaryArray]):
        self.encoded = encoded

    def __getitem__(self, name: str) -> pa.Array:
        return self.encoded[name].dictionary_decode()

    def __iter__(self) -> Iterator[str]:
        return iter(self.encoded)

    def __len__(self) -> int:
        return len(self.encoded)

    def __contains__(self, name: object) -> bool:
        return name in self.encoded


@dataclass(frozen=True)
class RawTable:
    """All cells of a file as text; an empty cell is the empty text.

    columns : name as in the header to its cells, each of length n
    lines : line of the file where each row begins, counted from 1, shape (n,)
    day_zero : day of serial number 0 among its dates, which a workbook states
    places : for columns that were brought into the rows from elsewhere, where their cells stand
    lost : for each of ``skip_rows`` and ``last_row`` the rows that it left out
    """

    columns: Mapping[str, pa.Array]
    lines: np.ndarray
    day_zero: str = DAY_ZERO
    places: Mapping[str, CellPlaces] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """Rows below the header."""
        return len(self.lines)

    def encode(self, name: str) -> pa.DictionaryArray:
        """Cells of a column as a dictionary of its distinct texts."""
        columns = self.columns
        return (
            columns.encoded[name]
            if isinstance(columns, EncodedColumns)
            else columns[name].dictionary_encode()
        )


@dataclass(frozen=True)
class SourceResult:
    """What came of reading one file: a raw table, or None where nothing could be read, and the problems."""

    raw: RawTable | None
    problems: tuple[Problem, ...] = ()


class RefusedError(Exception):
    """A file that cannot be read at all; its argument is the problem."""


def refuse(
    fault: str, table: str, found: object = "", line: int | None = None, /, **named: object
) -> RefusedError:
    """What to raise where a file cannot be read at all: a fault of `faults.yaml`."""
    return RefusedError(tell(fault, table, line, "", found, **named))


def check_header(table: str, header: list[str], line: int = 1) -> list[Problem]:
    """List names that occur twice in a header; an unnamed column is no name."""
    seen: set[str] = set()
    problems = []
    for name in map(clean_text, header):
        if name and name in seen:
            problems.append(tell("header_twice", table, line, name, name))
        seen.add(name)
    return problems


def gather_raw_table(
    header: list[str], cells: list[pa.Array], lines: np.ndarray, lost: Mapping[str, int] | None = None
) -> RawTable:
    """Raw table of the named columns; a column without a name is kept only where it holds something."""
    columns: dict[str, pa.DictionaryArray] = {}
    for name, values in zip(map(clean_text, header), cells, strict=True):
        encoded = values.dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.unify_dictionaries().combine_chunks()
        is_used = bool(name) or pc.any(pc.not_equal(encoded.dictionary, "")).as_py()
        if is_used:
            columns.setdefault(name, encoded)
    return RawTable(EncodedColumns(columns), lines, lost=lost or {})
