"""Where the names of the columns stand in a file, and which lines below them are rows."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pyarrow.compute as pc

from prrt_outcomes.cohort.sources.raw_table import RawTable, RefusedError, refuse
from prrt_outcomes.errors import Problem, study_problem, suggest
from prrt_outcomes.study.base import FileSource

NO_ROW = "no row begins at this line"
TITLE = "one cell alone, where the rows below have more: a title, not the names of columns"


def check_header_lines(table: str, source: FileSource, is_filled: Callable[[int], bool]) -> None:
    """Refuse lines of names that are not in order or blank, and a last line that is not below them.

    is_filled : whether a line of the file, counted from 1, exists and is not blank
    """
    lines, place = source.header_lines, f"tables.{table}.header_row"
    problems = []
    if list(lines) != sorted(set(lines)):
        shown, expected = ", ".join(map(str, lines)), "lines from top to bottom, each once"
        problems.append(study_problem(place, shown, "not in the order of the file", expected))
    for line in lines:
        if not is_filled(line):
            expected = (
                "a line that holds names of columns, counted from 1 as an editor or spreadsheet shows it"
            )
            problems.append(study_problem(place, str(line), "no such line, or a blank one", expected))
    if problems:
        raise RefusedError(*problems)


def check_lines_below(table: str, source: FileSource, header_line: int) -> None:
    """Refuse a last line, or lines to be left out, that are not below the names."""
    asked = [("skip_rows", line) for line in source.skip_rows]
    asked += [("last_row", source.last_row)] if source.last_row else []
    problems = [
        study_problem(
            f"tables.{table}.{setting}",
            str(line),
            "not below the names of the columns",
            f"a line above {header_line + 1} is not read; the names stand in line {header_line}",
        )
        for setting, line in asked
        if line <= header_line
    ]
    if problems:
        raise RefusedError(*problems)


def check_names(table: str, source: FileSource, n_columns: int) -> None:
    """Refuse names that are not as many as the columns of the file."""
    if source.names and len(source.names) != n_columns:
        expected = f"{n_columns} names, one for each column of the file"
        problem = study_problem(
            f"tables.{table}.names", str(len(source.names)), "too few or too many names", expected
        )
        raise RefusedError(problem)


def tell_no_rows(table: str, lines: Sequence[int]) -> list[Problem]:
    """An error for each line of ``skip_rows`` at which no row begins."""
    expected = "lines of the file that hold a row to be left out; blank lines are passed over anyway"
    return [study_problem(f"tables.{table}.skip_rows", str(line), NO_ROW, expected) for line in lines]


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


def refuse_title(table: str, line: int, title: str, n_columns: int, names_at: int) -> RefusedError:
    """What to raise where the first line is a title."""
    advice = f"where another line holds them, header_row: {names_at} for this table in study.yaml"
    return refuse(table, title, TITLE, f"the names of the {n_columns} columns: {advice}", line)


def fill_down(table: str, raw: RawTable, names: Sequence[str]) -> RawTable:
    """Columns in which an empty cell is that above it; refused where the file lacks one of them."""
    lacking = [name for name in names if name not in raw.columns]
    if lacking:
        place, known = f"tables.{table}.fill_down", [name for name in raw.columns if name]
        expected = f"columns of the file: {', '.join(known)}"
        problem = "the file has no such column"
        raise RefusedError(
            *(study_problem(place, name, problem, suggest(name, known, expected)) for name in lacking)
        )
    filled = {}
    for name in names:
        is_empty = pc.equal(pc.utf8_trim_whitespace(raw.columns[name]), "")
        above = pc.fill_null_forward(pc.if_else(is_empty, None, raw.columns[name]))
        filled[name] = above.fill_null("")
    return replace(raw, columns={**raw.columns, **filled})
