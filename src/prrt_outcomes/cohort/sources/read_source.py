"""Files of a study: found, told apart by their suffix, and read as text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prrt_outcomes.cohort.sources.raw_table import SourceResult
from prrt_outcomes.errors import Problem, nearest_name

if TYPE_CHECKING:
    from prrt_outcomes.study.sources import TableSource

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
EXCEL_SUFFIXES = (".xlsx", ".xlsm")
PARQUET_SUFFIXES = (".parquet", ".pq")


def read_source(folder: Path, table: str, source: TableSource) -> SourceResult:
    """Read one file of a study as text.

    Parameters
    ----------
    folder : folder of the study, which the path of the source is relative to
    table : name of our table, for the problems
    source : file and how it is to be read

    Returns
    -------
    SourceResult; whatever is wrong with the file is told in its problems, never raised.
    """
    path = folder / source.file
    problem = _check_file(path, table, source)
    if problem is not None:
        return SourceResult(None, (problem,))
    name = path.name.lower()
    if name.endswith(EXCEL_SUFFIXES):
        from prrt_outcomes.cohort.sources.excel import read_excel_table as read
    elif name.endswith(PARQUET_SUFFIXES):
        from prrt_outcomes.cohort.sources.parquet import read_parquet_table as read
    else:
        from prrt_outcomes.cohort.sources.text import read_text_table as read
    return read(path, table, source)


def _check_file(path: Path, table: str, source: TableSource) -> Problem | None:
    known = (*TEXT_SUFFIXES, *EXCEL_SUFFIXES, *PARQUET_SUFFIXES)
    try:
        if path.is_dir():
            expected = "the path of a file, relative to the study folder"
            return Problem(table, None, "", source.file, "this is a folder, not a file", expected)
        if not path.exists():
            return _missing(path, table, source)
        if path.stat().st_size == 0:
            return Problem(table, None, "", source.file, "the file is empty", "a header and rows")
    except OSError as error:
        expected = f"a readable file ({error.strerror})"
        return Problem(table, None, "", source.file, "the file cannot be read", expected)
    if not path.name.lower().endswith(known):
        expected = f"a file whose name ends in one of {', '.join(known)}"
        return Problem(table, None, "", source.file, "unknown kind of file", expected)
    return None


def _missing(path: Path, table: str, source: TableSource) -> Problem:
    siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest_name(path.name, siblings)
    hint = f"did you mean {Path(source.file).with_name(near).as_posix()}? " if near else ""
    expected = f"{hint}a path relative to the study folder"
    return Problem(table, None, "", source.file, "the file does not exist", expected)
