"""Workbooks and parquet files: typed cells to the text that a csv of the same table would hold."""

from __future__ import annotations

import datetime as dt
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.workbook import Workbook

from prrt_outcomes.cohort.sources.raw_table import (
    RefusedError,
    SourceResult,
    check_header,
    gather_raw_table,
    refuse,
)
from prrt_outcomes.errors import Problem, suggest
from prrt_outcomes.study.base import FileSource


def read_excel_table(path: Path, table: str, source: FileSource) -> SourceResult:
    """Read one sheet as text cells; the first row that is not blank is the header, blank rows are passed over."""
    try:
        with warnings.catch_warnings():
            # openpyxl warns of styles and validations that it passes over; no cell depends on them.
            warnings.simplefilter("ignore", UserWarning)
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            try:
                result = _read_sheet(book, table, source)
            finally:
                book.close()
            uncomputed = _find_uncomputed(path, table, source) if _holds_formulas(path) else []
            return SourceResult(result.raw, (*result.problems, *uncomputed))
    except RefusedError:
        raise
    except Exception as error:  # a broken workbook makes openpyxl and its parsers raise nearly anything
        expected = f"a workbook saved as xlsx, or a csv ({type(error).__name__})"
        raise refuse(table, path.name, "the file is no workbook", expected) from None


def _read_sheet(book: Workbook, table: str, source: FileSource) -> SourceResult:
    name = source.sheet or book.sheetnames[0]
    if name not in book.sheetnames:
        expected = suggest(name, book.sheetnames, f"sheets: {', '.join(book.sheetnames)}")
        raise refuse(table, name, "the workbook has no such sheet", expected)
    sheet = book[name]
    sheet.reset_dimensions()
    rows = [
        (line, cells)
        for line, cells in enumerate(sheet.iter_rows(values_only=True), start=1)
        if any(cell is not None and cell != "" for cell in cells)
    ]
    if not rows:
        # Not raised: formulas without a value may be why it seems empty, and are reported beside it.
        return SourceResult(None, refuse(table, name, "the sheet is empty", "a header and rows").args)
    texts = [(line, [_as_text(cell, source.decimal) for cell in cells]) for line, cells in rows]
    result = _gather(texts, table)
    if result.raw is None or book.epoch != CALENDAR_MAC_1904:
        return result
    return replace(result, raw=replace(result.raw, day_zero=book.epoch.date().isoformat()))


def _holds_formulas(path: Path) -> bool:
    """Whether any sheet holds a formula, by a look at its XML: a second reading only where it is needed."""
    with zipfile.ZipFile(path) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        return any(b"<f>" in (xml := archive.read(name)) or b"<f " in xml for name in sheets)


def _find_uncomputed(path: Path, table: str, source: FileSource) -> list[Problem]:
    """List formulas that a program wrote and no spreadsheet has computed: they would be read as missing."""
    values, formulas = (
        openpyxl.load_workbook(path, read_only=True, data_only=data_only) for data_only in (True, False)
    )
    try:
        name = source.sheet or values.sheetnames[0]
        rows = (book[name].iter_rows(values_only=True) for book in (formulas, values))
        expected = "a value: open the workbook once in a spreadsheet, save it, or write the values"
        return [
            Problem(table, line, get_column_letter(i), str(formula), "a formula without its value", expected)
            for line, (row, computed) in enumerate(zip(*rows, strict=True), start=1)
            for i, (formula, value) in enumerate(zip(row, computed, strict=True), start=1)
            if value is None and str(formula).startswith("=")
        ]
    finally:
        values.close()
        formulas.close()


def _gather(rows: list[tuple[int, list[str]]], table: str) -> SourceResult:
    header_line, header = rows[0]
    while header and not header[-1]:
        header = header[:-1]
    width = len(header)
    most = max(sum(map(bool, cells)) for _, cells in rows)
    if width == 1 < most:
        expected = (
            f"the names of the {most} columns in the first row that is not blank, and nothing above them"
        )
        problem = "one cell alone, where the rows below have more: a title, not the names of columns"
        return SourceResult(None, (Problem(table, header_line, "", header[0], problem, expected),))
    problems = check_header(table, header, header_line)
    body = []
    for line, cells in rows[1:]:
        if any(cells[width:]):
            expected = f"{width} cells, as the header"
            problem = "the row has cells beyond the header"
            problems.append(Problem(table, line, "", f"{len(cells)} cells", problem, expected))
        else:
            body.append((line, cells[:width] + [""] * (width - len(cells))))
    cells = [pa.array([row[i] for _, row in body], pa.string()) for i in range(width)]
    lines = np.array([line for line, _ in body], dtype=np.int64)
    return SourceResult(gather_raw_table(header, cells, lines), tuple(problems))


def _as_text(cell: object, decimal: str) -> str:
    """The text that a csv of the same table would hold, with ISO dates."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, dt.datetime):
        is_day = (cell.hour, cell.minute, cell.second, cell.microsecond) == (0, 0, 0, 0)
        return cell.date().isoformat() if is_day else cell.isoformat(sep=" ")
    if isinstance(cell, float):
        text = repr(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
        return text.replace(".", decimal)
    return str(cell)


FIRST_LINE = 2


def read_parquet_table(path: Path, table: str, source: FileSource) -> SourceResult:
    """Read a parquet file as text cells; rows are numbered as lines of a csv, the first being 2."""
    try:
        content = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError):
        raise refuse(table, path.name, "the file is no parquet file", "a parquet file, or a csv") from None
    problems = check_header(table, content.column_names)
    names, cells = [], []
    for name, values in zip(content.column_names, content.columns, strict=True):
        text = _column_as_text(values, source.decimal)
        if text is None:
            problem, expected = "a column of nested values", "texts, numbers, dates or truth values"
            problems.append(Problem(table, None, name, str(values.type), problem, expected))
        else:
            names.append(name)
            cells.append(text)
    lines = np.arange(content.num_rows, dtype=np.int64) + FIRST_LINE
    return SourceResult(gather_raw_table(names, cells, lines), tuple(problems))


def _column_as_text(values: pa.ChunkedArray, decimal: str) -> pa.Array | None:
    values = values.combine_chunks()
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.dictionary_decode()
        kind = values.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        return None
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _dates_as_text(values)
    if pa.types.is_floating(kind):
        values = pc.if_else(pc.is_nan(values), None, values)
    text = values.cast(pa.string())
    if pa.types.is_floating(kind) and decimal != ".":
        text = pc.replace_substring(text, ".", decimal)
    return text.fill_null("")


def _dates_as_text(values: pa.Array) -> pa.Array:
    """ISO dates; a time of day is kept, to be refused where a day is expected."""
    moments = pd.to_datetime(pd.Series(values.to_pandas()))
    days = moments.dt.strftime("%Y-%m-%d")
    with_time = moments.dt.strftime("%Y-%m-%d %H:%M:%S")
    is_day = moments.isna() | (moments == moments.dt.normalize())
    return pa.array(days.where(is_day, with_time).fillna(""), pa.string(), from_pandas=True)
