"""Files that would fill the memory: what they hold must be in proportion to their size."""

import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from prrt_outcomes.cohort.sources.raw_table import refuse

MOST_RATIO = 200
MODEST_BYTES = 1 << 27
MODEST_CELLS = 20_000_000
GZIP_HEADER = 31
MOST_SHOWN = 3
FOREIGN_PARTS = {
    "xl/vbaProject": (
        "the workbook holds macros",
        "a workbook saved as xlsx, which holds none: no macro is run",
    ),
    "xl/externalLinks/": (
        "the workbook is linked to other files",
        "values of its own: end the links in the spreadsheet, which keeps their values, or save the sheet as csv",
    ),
}


def most_cells(path: Path) -> int:
    """Cells, empty ones included, beyond which a table is out of proportion to its file."""
    return max(MODEST_CELLS, MOST_RATIO * path.stat().st_size)


def check_size(table: str, path: Path, n_rows: int, n_columns: int) -> None:
    """Refuse a file that declares more cells than one of its size holds."""
    if n_rows * n_columns > most_cells(path):
        found = f"{n_rows} rows of {n_columns} columns in {path.stat().st_size} bytes"
        raise refuse(
            table, found, "the file declares more cells than it can hold", "a file that holds its rows"
        )


def check_archive(table: str, path: Path) -> None:
    """Refuse a workbook that holds macros or links to other files, or unpacks to much more than its size."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
        names = archive.namelist()
    for start, (problem, expected) in FOREIGN_PARTS.items():
        parts = [name for name in names if name.startswith(start) and "/_rels/" not in name]
        if parts:
            raise refuse(table, ", ".join(parts[:MOST_SHOWN]), problem, expected)
    size = path.stat().st_size
    if unpacked > max(MODEST_BYTES, MOST_RATIO * size):
        found = f"{unpacked} bytes in a file of {size}"
        raise refuse(table, found, "the workbook unpacks to far more than its size", "a table saved as csv")


start_gzip = partial(zlib.decompressobj, GZIP_HEADER)


def unpack(table: str, path: Path, data: bytes, start: Callable[[], Any] = start_gzip) -> bytes:
    """Content of a packed file of one or more members, refused where it is out of proportion to its size.

    start : gives an object that unpacks one member, such as ``bz2.BZ2Decompressor``
    Raises EOFError where the file is cut off, and what the object raises where it is damaged.
    """
    most = max(MODEST_BYTES, MOST_RATIO * len(data))
    parts, n_bytes = [], 0
    while data:
        member = start()
        parts.append(member.decompress(data, most - n_bytes + 1))
        n_bytes += len(parts[-1])
        if n_bytes > most:
            found = f"more than {most} bytes in a file of {path.stat().st_size}"
            raise refuse(table, found, "the file unpacks to far more than its size", "a table of its size")
        if not member.eof:
            raise EOFError("the file is cut off")
        data = member.unused_data.lstrip(b"\0")
    return b"".join(parts)
