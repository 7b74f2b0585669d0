"""Files of a study, found, distinguished by their suffix and read as text."""

from __future__ import annotations

from pathlib import Path

from prrt_outcomes.cohort.sources.raw_table import (
    RefusedError,
    SourceResult,
    refuse,
)
from prrt_outcomes.errors import nearest_name
from prrt_outcomes.study.base import FileSource

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
EXCEL_SUFFIXES = (".xlsx", ".xlsm")
PARQUET_SUFFIXES = (".parquet", ".pq")


def is_typed(source: FileSource) -> bool:
    """Whether a file holds typed dates, which are read as ISO dates."""
    return source.file.lower().endswith((*EXCEL_SUFFIXES, *PARQUET_SUFFIXES))


def read_source(folder: Path, table: str, source: FileSource) -> SourceResult:
    """Read one file of a study as text.

    folder : folder of the study, which the path of the source is relative to
    source : file and how it is to be read
    Returns SourceResult; whatever is wrong with the file stands in its problems, never raised.
    """
    path = folder / source.file
    name = path.name.lower()
    if name.endswith(EXCEL_SUFFIXES):
        from prrt_outcomes.cohort.sources.workbook import read_excel_table as read
    elif name.endswith(PARQUET_SUFFIXES):
        from prrt_outcomes.cohort.sources.typed_columns import read_parquet_table as read
    else:
        from prrt_outcomes.cohort.sources.text import read_text_table as read
    try:
        _check_file(path, table, source)
        return read(path, table, source)
    except RefusedError as refused:
        return SourceResult(None, refused.args)


def _check_file(path: Path, table: str, source: FileSource) -> None:
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
