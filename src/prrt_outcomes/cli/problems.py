"""Problems of the input as a table for a reader and as `problems.csv` for a program."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from prrt_outcomes.csv_cells import choose_quoting, mark_text, read_rows
from prrt_outcomes.errors import PROBLEM_COLUMNS, Problem, shorten
from prrt_outcomes.whole_file import replace_when_whole

PROBLEMS_FILE = "problems.csv"
WARNINGS_FILE = Path("cohort") / "warnings.csv"
SHOWN_OF_A_KIND = 5
WIDEST = 40
HEADINGS = ("table", "row", "column", "value", "what is wrong", "what is expected")


def format_problems(problems: Sequence[Problem], where_all: str = "") -> str:
    """Format problems as an aligned table.

    problems : in the order in which they are shown; errors come before warnings, and these before notes
    Returns Text. Of the same fault in the same column the first five are shown and the rest counted.
    """
    lines = []
    for severity, heading in (("error", "problems"), ("warning", "warnings"), ("note", "notes")):
        chosen = [problem for problem in problems if problem.severity == severity]
        if chosen:
            one = heading.removesuffix("s")
            lines.append(f"{len(chosen)} {heading if len(chosen) > 1 else one}:")
            lines.extend(align_columns([HEADINGS, *_shorten(chosen, where_all)]))
    return "\n".join(lines)


def write_problems(path: Path, problems: Sequence[Problem]) -> None:
    """Write every problem to a csv file, which appears whole or not at all; texts are those of `mark_text`."""
    cells = ([getattr(problem, name) for name in PROBLEM_COLUMNS] for problem in problems)
    rows = [[mark_text(cell) if isinstance(cell, str) else cell for cell in row] for row in cells]
    quoting = choose_quoting(cell for row in rows for cell in row if isinstance(cell, str))
    with replace_when_whole(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n", quoting=quoting)
        writer.writerow(PROBLEM_COLUMNS)
        writer.writerows(rows)


def read_problems(path: Path) -> list[Problem]:
    """Read problems back from `problems.csv`."""
    return [Problem(row=int(line) if (line := row.pop("row")) else None, **row) for row in read_rows(path)]


def _shorten(problems: Sequence[Problem], where_all: str) -> list[tuple[str, ...]]:
    """Rows of the table, with the repetitions of a fault counted."""
    kinds: dict[tuple, list[Problem]] = defaultdict(list)
    for problem in problems:
        kinds[problem.table, problem.column, problem.problem].append(problem)
    rows: list[tuple[str, ...]] = []
    for (table, column, _), members in kinds.items():
        rows.extend(_cells(member) for member in members[:SHOWN_OF_A_KIND])
        hidden = len(members) - SHOWN_OF_A_KIND
        if hidden > 0:
            rows.append((table, "...", column, "...", f"the same in {hidden} more", where_all))
    return rows


def _cells(problem: Problem) -> tuple[str, ...]:
    row = "" if problem.row is None else str(problem.row)
    value = shorten(_printable(problem.value), WIDEST)
    words = (_printable(text) for text in (problem.problem, problem.expected))
    return (problem.table, row, _printable(problem.column), value, *words)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))


def align_columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines of a table whose cells are padded to columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
