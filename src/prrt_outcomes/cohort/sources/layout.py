"""Where the names of the columns stand in a file, and which lines below them are rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow.compute as pc

from prrt_outcomes.cohort.sources.raw_table import RawTable, RefusedError, refuse
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
    problems = [
        tell_setting("above_names", f"tables.{table}.{setting}", line, **named)
        for setting, line in asked
        if line and line <= header_line
    ]
    if problems:
        raise RefusedError(*problems)


def check_names(table: str, source: FileSource, n_columns: int) -> None:
    """Refuse names that are not as many as the columns of the file."""
    if source.names and len(source.names) != n_columns:
        place = f"tables.{table}.names"
        raise RefusedError(tell_setting("number_of_names", place, len(source.names), n=n_columns))


def tell_no_rows(table: str, lines: Sequence[int]) -> list[Problem]:
    """An error for each line of ``skip_rows`` at which no row begins."""
    return [tell_setting("no_row_at_line", f"tables.{table}.skip_rows", line) for line in lines]


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
    problems = [
        tell_setting(
            "no_such_column", f"tables.{table}.fill_down", name, expected=suggest(name, known, shown)
        )
        for name in names
        if name not in raw.columns
    ]
    if problems:
        raise RefusedError(*problems)
    filled = {}
    for name in names:
        is_empty = pc.equal(pc.utf8_trim_whitespace(raw.columns[name]), "")
        above = pc.fill_null_forward(pc.if_else(is_empty, None, raw.columns[name]))
        filled[name] = above.fill_null("")
    return replace(raw, columns={**raw.columns, **filled})


MARKED = b"#"
NEWLINE, QUOTE = 10, 34


@dataclass(frozen=True)
class TextLayout:
    """A text from its (last) line of names on."""

    text: bytes  # UTF-8; a line that is no row is blank in it
    n_before: int  # lines of the file above it
    upper: tuple[bytes, ...] = ()  # lines above it that hold names as well, from top to bottom
    # for each of ``skip_rows`` and ``last_row`` the rows that it left out
    lost: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def lay_out_text(whole: bytes, table: str, source: FileSource) -> TextLayout:
    """Find names and rows of a text as the study says; as a rule the first line that is not blank has the names."""
    if source.header_row is None and source.comment is None:
        text = whole.lstrip(b"\r\n")
        n_before = whole.count(b"\n", 0, len(whole) - len(text))
        if text.startswith(MARKED):
            line = text.split(b"\n", 1)[0].decode("utf-8").rstrip("\r")
            raise refuse("comment_line", table, line, n_before + 1, line=n_before + 1)
        if not source.skip_rows and source.last_row is None:
            return TextLayout(text, n_before)
    return _Lines(whole).lay_out(table, source)


class _Lines:
    """Lines of a text, counted from 1."""

    def __init__(self, text: bytes):
        self.text = text
        self.buffer = np.frombuffer(text, dtype=np.uint8)
        newlines = np.flatnonzero(self.buffer == NEWLINE)
        starts = np.append(0, newlines + 1)
        self.starts = starts[starts < len(text)]
        self.ends = np.append(newlines + 1, len(text))[: len(self.starts)]

    def get(self, line: int) -> bytes:
        """One line without its end."""
        return self.text[self.starts[line - 1] : self.ends[line - 1]].rstrip(b"\r\n")

    def is_filled(self, line: int) -> bool:
        return line <= len(self.starts) and bool(self.get(line).strip())

    def find_comments(self, mark: str | None) -> np.ndarray:
        """Whether each line begins with a text."""
        begins = np.full(len(self.starts), mark is not None)
        for i, byte in enumerate((mark or "").encode("utf-8")):
            places = self.starts + i
            begins &= (places < len(self.buffer)) & (
                self.buffer[np.minimum(places, len(self.buffer) - 1)] == byte
            )
        return begins

    def lay_out(self, table: str, source: FileSource) -> TextLayout:
        check_header_lines(table, source, self.is_filled)
        is_comment = self.find_comments(source.comment)
        lengths = self.ends - self.starts
        first, second = (self.buffer[np.minimum(self.starts + i, len(self.buffer) - 1)] for i in (0, 1))
        is_return = (lengths == 2) & (first == 13) & (second == NEWLINE)
        is_blank = is_return | ((lengths == 1) & (first == NEWLINE))
        rows = np.flatnonzero(~is_comment & ~is_blank) + 1
        if not len(rows):
            raise refuse("comments_alone", table, source.file)
        header = source.header_lines[-1] if source.header_lines else int(rows[0])
        check_lines_below(table, source, header)
        last = min(source.last_row or len(self.starts), len(self.starts))
        asked = set(source.skip_rows)
        text, dropped = self._drop(header, last, sorted({*asked, *(np.flatnonzero(is_comment) + 1).tolist()}))
        below = set(rows[rows > last].tolist())
        skipped = asked & dropped & set(rows.tolist())
        lost = {"skip_rows": len(skipped), "last_row": len(below)}
        upper = tuple(self.get(line) for line in source.header_lines[:-1])
        problems = tell_no_rows(table, sorted(asked - skipped - below))
        return TextLayout(text, header - 1, upper, lost, tuple(problems))

    def _drop(self, header: int, last: int, lines: list[int]) -> tuple[bytes, set[int]]:
        """Text from a line to another in which some lines are blank; a line inside a quoted field stays as it is."""
        quotes = np.flatnonzero(self.buffer == QUOTE)
        kept, dropped = [], set()
        begin, n_quotes = int(self.starts[header - 1]), 0
        for line in lines:
            if not header < line <= last:
                continue
            start, end = int(self.starts[line - 1]), int(self.ends[line - 1])
            n_here = n_quotes + int(np.diff(np.searchsorted(quotes, (begin, start)))[0])
            if n_here % 2 == 0:
                kept.append(self.text[begin:start])
                kept.append(b"\n")
                begin, n_quotes = end, n_here
                dropped.add(line)
        kept.append(self.text[begin : int(self.ends[last - 1])])
        return b"".join(kept), dropped
