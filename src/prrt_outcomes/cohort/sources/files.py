"""Files of a study, found, distinguished by their suffix and read as text: header, cells and the line of each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prrt_outcomes.errors import Problem, nearest_name

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from prrt_outcomes.study.sources import TableSource


@dataclass(frozen=True)
class RawTable:
    """All cells of a file as text; an empty cell is the empty text.

    columns : name as in the header to its cells, each of length n
    lines : line of the file where each row begins, the header being line 1, shape (n,)
    """

    columns: Mapping[str, pa.Array]
    lines: np.ndarray

    @property
    def n_rows(self) -> int:
        """Rows below the header."""
        return len(self.lines)


@dataclass(frozen=True)
class SourceResult:
    """What came of reading one file: a raw table, or None where nothing could be read, and the problems."""

    raw: RawTable | None
    problems: tuple[Problem, ...] = ()


class RefusedError(Exception):
    """A file that cannot be read at all; its argument is the problem."""


def refuse(table: str, found: str, problem: str, expected: str, line: int | None = None) -> RefusedError:
    """What to raise where a file cannot be read at all."""
    return RefusedError(Problem(table, line, "", found, problem, expected))


def check_header(table: str, header: list[str], line: int = 1) -> list[Problem]:
    """List names that stand twice in a header; an unnamed column is no name."""
    seen: set[str] = set()
    problems = []
    for name in header:
        if name and name in seen:
            expected = "one name for each column"
            problems.append(Problem(table, line, name, name, "the column is there twice", expected))
        seen.add(name)
    return problems


def gather_raw_table(header: list[str], cells: list[pa.Array], lines: np.ndarray) -> RawTable:
    """Raw table of the named columns; a column without a name is kept only where it holds something."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns: dict[str, pa.Array] = {}
    for name, values in zip(header, cells, strict=True):
        whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        is_used = bool(name) or pc.any(pc.not_equal(whole, "")).as_py()
        if is_used:
            columns.setdefault(name, whole)
    return RawTable(columns, lines)


TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
EXCEL_SUFFIXES = (".xlsx", ".xlsm")
PARQUET_SUFFIXES = (".parquet", ".pq")


def read_source(folder: Path, table: str, source: TableSource) -> SourceResult:
    """Read one file of a study as text.

    folder : folder of the study, which the path of the source is relative to
    source : file and how it is to be read
    Returns SourceResult; whatever is wrong with the file is told in its problems, never raised.
    """
    path = folder / source.file
    name = path.name.lower()
    if name.endswith(EXCEL_SUFFIXES):
        from prrt_outcomes.cohort.sources.typed import read_excel_table as read
    elif name.endswith(PARQUET_SUFFIXES):
        from prrt_outcomes.cohort.sources.typed import read_parquet_table as read
    else:
        from prrt_outcomes.cohort.sources.text import read_text_table as read
    try:
        _check_file(path, table, source)
        return read(path, table, source)
    except RefusedError as refused:
        return SourceResult(None, refused.args)


def _check_file(path: Path, table: str, source: TableSource) -> None:
    known = (*TEXT_SUFFIXES, *EXCEL_SUFFIXES, *PARQUET_SUFFIXES)
    try:
        if path.is_dir():
            expected = "the path of a file, relative to the study folder"
            raise refuse(table, source.file, "this is a folder, not a file", expected)
        if not path.exists():
            siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            near = nearest_name(path.name, siblings)
            hint = f"did you mean {Path(source.file).with_name(near).as_posix()}? " if near else ""
            expected = f"{hint}a path relative to the study folder"
            raise refuse(table, source.file, "the file does not exist", expected)
        if path.stat().st_size == 0:
            raise refuse(table, source.file, "the file is empty", "a header and rows")
    except OSError as error:
        expected = f"a readable file ({error.strerror})"
        raise refuse(table, source.file, "the file cannot be read", expected) from None
    if not path.name.lower().endswith(known):
        expected = f"a file whose name ends in one of {', '.join(known)}"
        raise refuse(table, source.file, "unknown kind of file", expected)
