"""Where the names of the columns stand in a file, and which lines below them are rows."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pyarrow.compute as pc

from prrt_outcomes.cohort.sources.raw_table import RawTable, RefusedError
from prrt_outcomes.errors import Problem, suggest, tell_setting
from prrt_outcomes.study.base import FileSource


def check_header_lines(table: str, source: FileSource, is_filled: Callable[[int], bool]) -> None:
    """Refuse lines of names that are not in order or blank, and a last line that is not below them."""
    lines, place = source.header_lines, f"tables.{table}.header_row"
    problems = []
    if list(lines) != sorted(set(lines)):
        problems.append(tell_setting("header_order", place, ", ".join(map(str, lines))))
    problems += [tell_setting("header_blank", place, line) for line in lines if not is_filled(line)]
    if problems:
        raise RefusedError(*problems)


def check_lines_below(table: str, source: FileSource, header_line: int) -> None:
    """Refuse a last line, or lines to be left out, that are not below the names."""
    asked = [("skip_rows", line) for line in source.skip_rows] + [("last_row", source.last_row)]
    named = {"below": header_line + 1, "line": header_line}
    odd = [(f"tables.{table}.{setting}", line) for setting, line in asked if line and line <= header_line]
    if odd:
        raise RefusedError(*(tell_setting("above_names", place, line, **named) for place, line in odd))


def check_names(table: str, source: FileSource, n_columns: int) -> None:
    """Refuse names that are not as many as the columns of the file."""
    if source.names and len(source.names) != n_columns:
        place = f"tables.{table}.names"
        raise RefusedError(tell_setting("number_of_names", place, len(source.names), n=n_columns))


def choose_lines(
    table: str, source: FileSource, lines: set[int]
) -> tuple[set[int], dict[str, int], list[Problem]]:
    """Of the lines at which rows begin those that are read.

    Returns them, the number that each of ``skip_rows`` and ``last_row`` leaves out, and an error for each line of
    ``skip_rows`` at which no row begins.
    """
    below = {line for line in lines if source.last_row is not None and line > source.last_row}
    skipped = (lines - below).intersection(source.skip_rows)
    place, odd = f"tables.{table}.skip_rows", sorted(set(source.skip_rows) - lines)
    told = [tell_setting("no_row_at_line", place, line) for line in odd]
    return lines - below - skipped, {"skip_rows": len(skipped), "last_row": len(below)}, told


def join_names(
    upper: Sequence[Sequence[str]], names: Sequence[str], is_spanned: Callable[[int, int], bool]
) -> list[str]:
    """Names of columns that stand in several lines, joined by a blank.

    An empty cell above a name takes the cell to its left where `is_spanned` says of its line, counted from 0, and its
    column that the cell to the left goes on there.
    """
    below = list(names)
    for i in range(len(upper) - 1, -1, -1):
        cells = [*upper[i], *[""] * (len(names) - len(upper[i]))]
        before = ""
        for j, name in enumerate(below):
            before = cells[j] or (before if is_spanned(i, j) else "")
            below[j] = f"{before} {name}" if before and name else name or cells[j]
    return below


def fill_down(table: str, raw: RawTable, names: Sequence[str]) -> RawTable:
    """Columns in which an empty cell is that above it; refused where the file lacks one of them."""
    known = [name for name in raw.columns if name]
    shown = f"columns of the file: {', '.join(known)}"
    place, absent = f"tables.{table}.fill_down", [name for name in names if name not in raw.columns]
    if absent:
        hints = {name: suggest(name, known, shown) for name in absent}
        raise RefusedError(*(tell_setting("no_such_column", place, n, expected=h) for n, h in hints.items()))
    filled = {}
    for name in names:
        is_empty = pc.equal(pc.utf8_trim_whitespace(raw.columns[name]), "")
        above = pc.fill_null_forward(pc.if_else(is_empty, None, raw.columns[name]))
        filled[name] = above.fill_null("")
    return replace(raw, columns={**raw.columns, **filled})
