"""Tables of a study as text, why a file is refused, and how much of one may fill the memory."""

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.errors import Problem, load_faults, tell
from prrt_outcomes.study.base import FileSource, clean_text
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
    """All cells of a file as text; an empty cell is the empty text."""

    columns: Mapping[str, pa.Array]  # name as in the header to its cells, each of length n
    lines: np.ndarray  # line of the file where each row begins, counted from 1, shape (n,)
    day_zero: str = DAY_ZERO  # day of serial number 0 among its dates, which a workbook states
    # for columns that were brought into the rows from elsewhere, where their cells stand
    places: Mapping[str, CellPlaces] = field(default_factory=dict)
    # for each of ``skip_rows`` and ``last_row`` the rows that it left out
    lost: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """Rows below the header."""
        return len(self.lines)

    def encode(self, name: str) -> pa.DictionaryArray:
        """Cells of a column as a dictionary of its distinct texts."""
        cells = self.columns
        return cells.encoded[name] if isinstance(cells, EncodedColumns) else cells[name].dictionary_encode()


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


GB = 1_000_000_000
MOST_RATIO, MODEST_GB, MOST_GB = 100, 0.1, 4
ROW_BYTES, COLUMN_BYTES, CELL_BYTES = 64, 10_000, 8
GZIP_HEADER = 31
MOST_SHOWN = 3
FOREIGN_PARTS = {"xl/vbaProject": "macros", "xl/externalLinks/": "foreign_links"}


@dataclass(frozen=True)
class Bound:
    """What a file may hold when it is unpacked and laid out in memory."""

    label: str  # table that it is read for, as problems name it
    path: Path
    source: FileSource

    @cached_property
    def most(self) -> int:
        """Bytes: those that the study names, else in proportion to the size of the file."""
        if self.source.largest_gb is not None:
            return int(self.source.largest_gb * GB)
        size = self.path.stat().st_size
        return int(min(MOST_GB * GB, max(MODEST_GB * GB, MOST_RATIO * size)))

    def check(self, n_bytes: int, found: str) -> None:
        """Refuse a file that holds more bytes; ``found`` says of what."""
        if n_bytes > self.most:
            rule = f"{MOST_RATIO} times the size of the file, but {MODEST_GB} GB at least and {MOST_GB} GB at most"
            told = rule if self.source.largest_gb is None else "largest_gb in study.yaml"
            named = {"most": self.most / GB, "rule": told, "lifted": ceil(max(n_bytes, 2 * self.most) / GB)}
            raise refuse("larger_than_limit", self.label, found, **named)

    def check_rows(self, n_rows: int, n_columns: int) -> None:
        """Refuse a file of more rows and columns, empty cells included, than fit."""
        n_bytes = n_rows * (ROW_BYTES + CELL_BYTES * n_columns) + COLUMN_BYTES * n_columns
        self.check(n_bytes, f"{n_rows} rows of {n_columns} columns, {n_bytes / GB:.3g} GB in memory")


def check_archive(bound: Bound) -> None:
    """Refuse a workbook that holds macros or links to other files, or unpacks to much more than its size."""
    with zipfile.ZipFile(bound.path) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
        names = archive.namelist()
    for start, fault in FOREIGN_PARTS.items():
        parts = [name for name in names if name.startswith(start) and "/_rels/" not in name]
        if parts:
            raise refuse(fault, bound.label, ", ".join(parts[:MOST_SHOWN]))
    bound.check(unpacked, f"{unpacked / GB:.3g} GB, unpacked")


start_gzip = partial(zlib.decompressobj, GZIP_HEADER)


def unpack(bound: Bound, data: bytes, start: Callable[[], Any] = start_gzip) -> bytes:
    """Content of a packed file of one or more members, refused where it is out of proportion to its size.

    start : gives an object that unpacks one member, such as ``bz2.BZ2Decompressor``
    Raises EOFError where the file is cut off, and what the object raises where it is damaged.
    """
    parts, n_bytes = [], 0
    while data:
        member = start()
        parts.append(member.decompress(data, bound.most - n_bytes + 1))
        n_bytes += len(parts[-1])
        bound.check(n_bytes, f"more than {bound.most / GB:.3g} GB, unpacked")
        if not member.eof:
            raise EOFError("the file is cut off")
        data = member.unused_data.lstrip(b"\0")
    return b"".join(parts)
