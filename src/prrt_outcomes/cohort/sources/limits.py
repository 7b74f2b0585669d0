"""Files that would fill the memory: what is read of one is in proportion to its size, unless the study says more."""

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from math import ceil
from pathlib import Path
from typing import Any

from prrt_outcomes.cohort.sources.raw_table import refuse
from prrt_outcomes.study.base import FileSource

GB = 1_000_000_000
MOST_RATIO, MODEST_GB, MOST_GB = 100, 0.1, 4
ROW_BYTES, COLUMN_BYTES, CELL_BYTES = 64, 10_000, 8
GZIP_HEADER = 31
MOST_SHOWN = 3
FOREIGN_PARTS = {"xl/vbaProject": "macros", "xl/externalLinks/": "foreign_links"}


@dataclass(frozen=True)
class Bound:
    """What a file may hold when it is unpacked and laid out in memory.

    label : table that it is read for, as problems name it
    """

    label: str
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
