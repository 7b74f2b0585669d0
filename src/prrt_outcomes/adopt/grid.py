"""Sheets as they stand: cells with their types, before anybody has said where the names of the columns are."""

import csv
import datetime as dt
import io
import re
import warnings
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl

from prrt_outcomes.cohort.sources.files import check_file, read_source
from prrt_outcomes.cohort.sources.raw_table import Bound, RefusedError, check_archive, refuse, unpack
from prrt_outcomes.cohort.vocabulary import fold as fold
from prrt_outcomes.errors import InputError, tell
from prrt_outcomes.study.base import FileSource
from prrt_outcomes.tables.parse_dates import find_date_formats

Cell = str | float | int | bool | dt.datetime | None
ENCODINGS = ("utf-8-sig", "utf-16", "cp1252")
DELIMITERS = ";\t,|"
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?|\d{1,3}(,\d{3})+\.\d+|\d{1,3}(\.\d{3})+,\d+")


@dataclass(frozen=True)
class Grid:
    """Cells of one sheet."""

    file: Path  # where it stands; `sheet` is None for a text file
    sheet: str | None
    rows: list[list[Cell]]  # cells of each line, the first being line 1; all of one length
    encoding: str = "utf-8"  # of a text file
    delimiter: str = ""
    # what a file of SPSS, Stata or SAS calls its columns, where it says so
    labels: Mapping[str, str] = field(default_factory=dict)
    # further keys of a mapping that say how the file is read
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """File and sheet in words."""
        return self.file.name if self.sheet is None else f"{self.file.name}, sheet {self.sheet}"


def read_grids(path: Path) -> list[Grid]:
    """All sheets of a workbook that hold anything, or the one of a text file.

    Raises InputError when the file cannot be read.
    """
    try:
        kind = check_file(path.parent, path.name, FileSource(file=path.name))
        if kind == "workbook":
            return _read_workbook(path)
        if kind == "rds":
            from prrt_outcomes.cohort.sources.r_data import list_rds_sheets

            return [_read_typed(path, sheet or None) for sheet in list_rds_sheets(path) or [""]]
        return [_read_text(path) if kind == "text" else _read_typed(path)]
    except RefusedError as refused:
        raise InputError(list(refused.args)) from None


def _read_typed(path: Path, sheet: str | None = None) -> Grid:
    """A file of SPSS, Stata, SAS, R or parquet, with labels in place of codes where the values have any."""
    from prrt_outcomes.cohort.sources.statistical import read_notes

    plain: dict[str, Any] = {"file": path.name} | ({"sheet": sheet} if sheet else {})
    result = read_source(path.parent, path.name, FileSource(**plain))  # refuses what is damaged
    notes = read_notes(path) if result.raw is not None else None
    settings = {"labels": True} if notes is not None and notes.variable_value_labels else {}
    if settings:
        result = read_source(path.parent, path.name, FileSource(**plain, **settings))
    if result.raw is None:
        raise InputError(result.problems)
    columns = result.raw.columns
    body = zip(*(cells.to_pylist() for cells in columns.values()), strict=True)
    rows: list[list[Cell]] = [list(columns), *map(list, body)]
    labels = {k: v for k, v in notes.column_names_to_labels.items() if v} if notes is not None else {}
    return Grid(path, sheet, rows, labels=labels, settings=settings)


def _read_workbook(path: Path) -> list[Grid]:
    from prrt_outcomes.cohort.sources.workbook import check_merged_cells

    bound = Bound(path.name, path, FileSource(file=path.name))
    try:
        check_archive(bound)
        check_merged_cells(bound)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            book = openpyxl.load_workbook(path, data_only=False)
    except RefusedError:
        raise
    except Exception as error:  # a broken workbook makes openpyxl and its parsers raise nearly anything
        raise InputError([tell("no_workbook", path.name, error=type(error).__name__)]) from None
    grids = []
    for sheet in book.worksheets:
        bound.check_rows(sheet.max_row, sheet.max_column)
        rows = [list(row) for row in sheet.iter_rows(values_only=True)]
        for merged in sheet.merged_cells.ranges:
            if merged.size["columns"] > 1:
                first = rows[merged.min_row - 1][merged.min_col - 1]
                for line in range(merged.min_row - 1, merged.max_row):
                    for i in range(merged.min_col - 1, merged.max_col):
                        rows[line][i] = first
        if any(clean(cell) for row in rows for cell in row):
            grids.append(Grid(path, sheet.title, rows))
    return grids


def _read_text(path: Path) -> Grid:
    bound = Bound(path.name, path, FileSource(file=path.name))
    data = path.read_bytes()
    if path.suffix.lower() == ".gz":
        try:
            data = unpack(bound, data)
        except (zlib.error, EOFError):
            raise refuse("packed_damaged", path.name, path.name) from None
    for encoding in ENCODINGS:
        if encoding == "utf-16" and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            continue
        try:
            text = data.decode(encoding)
            break
        except UnicodeError:
            continue
    else:
        raise InputError([tell("unknown_encoding", path.name)])
    head = text[:20_000].splitlines()[:60]
    counts = {mark: sorted(line.count(mark) for line in head) for mark in DELIMITERS}
    delimiter = max(counts, key=lambda mark: counts[mark][len(head) // 2] if head else 0)
    rows: list[list[Cell]] = [list(row) for row in csv.reader(io.StringIO(text), delimiter=delimiter)]
    width = max(map(len, rows), default=0)
    padded = [row + [""] * (width - len(row)) for row in rows]
    return Grid(path, None, padded, "utf-8" if encoding == "utf-8-sig" else encoding, delimiter)


def clean(cell: Cell) -> str:
    """Text of a cell, one blank where several stand; empty for nothing."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return " ".join(str(cell).split())


def is_number(cell: Cell) -> bool:
    """Whether a cell is a number, typed or as text with a point or a comma."""
    if isinstance(cell, bool):
        return False
    return isinstance(cell, int | float) or bool(NUMBER.fullmatch(clean(cell)))


def read_number(cell: Cell) -> float:
    """Value of a cell that is a number."""
    whole, mark, part = clean(cell).replace(",", ".").rpartition(".")
    return float(f"{whole.replace('.', '')}{mark}{part}")


def is_day(cell: Cell) -> bool:
    """Whether a cell is a date, typed or as text."""
    return isinstance(cell, dt.datetime | dt.date) or bool(find_date_formats(clean(cell), "days"))


def filled(cells: Iterable[Cell]) -> list[Cell]:
    """Cells that hold something."""
    return [cell for cell in cells if clean(cell)]
