"""The part of a delimited text that holds names and rows, in which every line keeps its number."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from prrt_outcomes.cohort.sources.layout import check_header_lines, check_lines_below, tell_no_rows
from prrt_outcomes.cohort.sources.raw_table import refuse
from prrt_outcomes.errors import Problem
from prrt_outcomes.study.base import FileSource

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
        is_blank = self._find_blank()
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

    def _find_blank(self) -> np.ndarray:
        lengths = self.ends - self.starts
        first, second = (self.buffer[np.minimum(self.starts + i, len(self.buffer) - 1)] for i in (0, 1))
        is_return = (lengths == 2) & (first == 13) & (second == NEWLINE)
        return is_return | ((lengths == 1) & (first == NEWLINE))

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
