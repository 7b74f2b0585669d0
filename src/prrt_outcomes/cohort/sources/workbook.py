"""Workbooks: cells of one sheet to the text that a csv of the same table would hold."""

import datetime as dt
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
from openpyxl.utils import get_column_letter
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.workbook import Workbook

from prrt_outcomes.cohort.sources import layout, raw_table
from prrt_outcomes.errors import Problem, suggest, tell
from prrt_outcomes.study.base import FileSource

MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+[0-9]+:[A-Z]+[0-9]+)"')

MOST_LINES = 1 << 20
MOST_SHOWN = 3


def read_excel_table(path: Path, table: str, source: FileSource) -> raw_table.SourceResult:
    """Read one sheet as text cells; the first row that is not blank is the header, blank rows are skipped."""
    try:
        bound = raw_table.Bound(table, path, source)
        raw_table.check_archive(bound)
        with path.open("rb") as file, warnings.catch_warnings():
            # openpyxl warns of styles and validations that it passes over; no cell depends on them.
            warnings.simplefilter("ignore", UserWarning)
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            result = _read_sheet(book, bound)
            uncomputed = _find_uncomputed(path, table, source)
            return raw_table.SourceResult(result.raw, (*result.problems, *uncomputed))
    except raw_table.RefusedError:
        raise
    except Exception as error:  # a broken workbook makes openpyxl and its parsers raise nearly anything
        raise raw_table.refuse("no_workbook", table, path.name, error=type(error).__name__) from None


def _read_sheet(book: Workbook, bound: raw_table.Bound) -> raw_table.SourceResult:
    table, source = bound.label, bound.source
    name = source.sheet or book.sheetnames[0]
    if name not in book.sheetnames:
        expected = suggest(name, book.sheetnames, f"sheets: {', '.join(book.sheetnames)}")
        raise raw_table.refuse("no_such_sheet", table, name, expected=expected)
    sheet = book[name]
    sheet.reset_dimensions()
    rows = list(_read_rows(sheet, bound))
    if source.comment is not None:
        rows = [row for row in rows if not row[1][0].startswith(source.comment)]
    if not rows:
        # Not raised: formulas without a value may be why it seems empty, and are reported beside it.
        return raw_table.SourceResult(None, raw_table.refuse("empty_sheet", table, name).args)
    by_line = dict(rows)
    layout.check_header_lines(table, source, by_line.__contains__)
    if source.header_lines:
        lines, merged = source.header_lines, set()
        if len(lines) > 1:
            with sheet._get_source() as xml:  # a read-only sheet lists no merged cells
                ranges = [range_boundaries(ref.decode()) for ref in MERGED.findall(xml.read())]
            # line and column, counted from 1, of the cells that go on from the cell to their left
            merged = {(top, c) for left, top, right, _ in ranges for c in range(left + 1, right + 1)}
        width = max(len(by_line[line]) for line in lines)
        padded = [by_line[line] + [""] * (width - len(by_line[line])) for line in lines]
        header_line = lines[-1]
        is_merged = lambda i, column: (lines[i], column + 1) in merged  # noqa: E731
        header = layout.join_names(padded[:-1], padded[-1], is_merged)
    else:
        header_line, header = rows[0]
    layout.check_lines_below(table, source, header_line)
    result = _gather(rows, table, source, header_line, header)
    if result.raw is None or book.epoch != CALENDAR_MAC_1904:
        return result
    return replace(result, raw=replace(result.raw, day_zero=book.epoch.date().isoformat()))


def _read_rows(sheet: Any, bound: raw_table.Bound) -> Iterator[tuple[int, list[str]]]:
    """Lines of the rows that are not blank, and their texts; too wide a sheet is refused."""
    n_bytes = 0
    for line, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        is_filled = any(cell is not None and cell != "" for cell in cells)
        texts = [_as_text(cell, bound.source.decimal) for cell in cells] if is_filled else []
        n_bytes += raw_table.ROW_BYTES + raw_table.CELL_BYTES * len(cells) + sum(map(len, texts))
        bound.check(n_bytes, f"more than {n_bytes / raw_table.GB:.3g} GB of cells, empty ones included")
        if texts:
            yield line, texts


def check_merged_cells(bound: raw_table.Bound) -> None:
    """Refuse a workbook with a sheet that merges more cells than a file of its size holds."""
    with zipfile.ZipFile(bound.path) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/"):
                ranges = [range_boundaries(ref.decode()) for ref in MERGED.findall(archive.read(name))]
                area = sum((right - left + 1) * (low - top + 1) for left, top, right, low in ranges)
                bound.check(raw_table.CELL_BYTES * area, f"{area} merged cells")


def _find_uncomputed(path: Path, table: str, source: FileSource) -> list[Problem]:
    """List formulas that a program wrote and no spreadsheet has computed: they would be read as missing."""
    # a look at the XML; a second reading only where there is a formula
    with zipfile.ZipFile(path) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        if not any(b"<f>" in (xml := archive.read(name)) or b"<f " in xml for name in sheets):
            return []
    values, formulas = (openpyxl.load_workbook(path, read_only=True, data_only=d) for d in (True, False))
    first, last = min(source.header_lines, default=1), source.last_row or MOST_LINES
    try:
        name = source.sheet or values.sheetnames[0]
        rows = (book[name].iter_rows(values_only=True) for book in (formulas, values))
        return [
            tell("uncomputed_formula", table, line, get_column_letter(i), formula)
            for line, (row, computed) in enumerate(zip(*rows, strict=True), start=1)
            if first <= line <= last and line not in source.skip_rows
            for i, (formula, value) in enumerate(zip(row, computed, strict=True), start=1)
            if value is None and str(formula).startswith("=")
        ]
    finally:
        values.close()
        formulas.close()


def _gather(
    rows: list[tuple[int, list[str]]], table: str, source: FileSource, header_line: int, header: list[str]
) -> raw_table.SourceResult:
    """The rows below the names that the study reads, as columns."""
    width = max((i for i, name in enumerate(header, start=1) if name), default=0)
    header = header[:width]
    layout.check_names(table, source, width)
    header = list(source.names) or header
    lines, lost, told = layout.choose_lines(table, source, {line for line, _ in rows if line > header_line})
    chosen = [(line, cells) for line, cells in rows if line in lines]
    if not source.header_lines:
        _check_title(chosen, table, header_line, header)
    problems = [*told, *raw_table.check_header(table, header, header_line)]
    body = []
    for line, cells in chosen:
        beyond = [get_column_letter(i) for i, cell in enumerate(cells[width:], start=width + 1) if cell]
        if beyond:
            shown = ", ".join(beyond[:MOST_SHOWN]) + (", ..." if len(beyond) > MOST_SHOWN else "")
            problems.append(tell("beyond_header", table, line, "", shown, n=width))
        if any(cells[:width]):
            body.append((line, cells[:width] + [""] * (width - len(cells))))
    columns = [pa.array([row[i] for _, row in body], pa.string()) for i in range(width)]
    places = np.array([line for line, _ in body], dtype=np.int64)
    return raw_table.SourceResult(raw_table.gather_raw_table(header, columns, places, lost), tuple(problems))


def _check_title(rows: list[tuple[int, list[str]]], table: str, header_line: int, header: list[str]) -> None:
    counts = [sum(map(bool, cells)) for _, cells in rows]
    most = max(counts, default=0)
    if sum(map(bool, header)) == 1 < most:
        names_at = next(line for (line, _), count in zip(rows, counts, strict=True) if count >= most / 2)
        title = next(filter(None, header))
        raise raw_table.refuse("title_line", table, title, header_line, n=most, line=names_at)


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
