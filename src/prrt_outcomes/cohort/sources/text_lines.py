"""Where the rows of a delimited text begin: lines of the file for rows that a fast reader does not number."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np

QUOTE, NEWLINE, RETURN = 34, 10, 13


@dataclass(frozen=True)
class RecordScan:
    """Records of a text that are not blank, the header included.

    Attributes
    ----------
    lines : line where each record begins, counted from 1, shape (n,)
    n_fields : fields of each record, shape (n,)
    is_certain : False where a quoted field spans lines or is not closed, so that only a walk can tell
    """

    lines: np.ndarray
    n_fields: np.ndarray
    is_certain: bool = True


def scan_records(text: bytes, delimiter: str) -> RecordScan:
    """Find records and count their fields by the positions of quotes, newlines and delimiters.

    A newline or delimiter behind an odd number of quotes stands inside a quoted field. That holds for every
    file whose quotes follow RFC 4180; `walk_records` reads the others.
    """
    buffer = np.frombuffer(text, dtype=np.uint8)
    newlines = np.flatnonzero(buffer == NEWLINE)
    delimiters = np.flatnonzero(buffer == ord(delimiter))
    quotes = np.flatnonzero(buffer == QUOTE)
    all_newlines = newlines
    if len(quotes):
        newlines = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
        delimiters = delimiters[np.searchsorted(quotes, delimiters) % 2 == 0]
    starts = np.append(0, newlines + 1)
    ends = np.append(newlines, len(buffer))
    has_return = (ends > starts) & (buffer[np.maximum(ends - 1, 0)] == RETURN) if len(buffer) else ends < 0
    filled = ends - has_return > starts
    starts, ends = starts[filled], ends[filled]
    lines = np.searchsorted(all_newlines, starts) + 1
    n_fields = np.searchsorted(delimiters, ends) - np.searchsorted(delimiters, starts) + 1
    is_certain = len(quotes) % 2 == 0 and len(newlines) == len(all_newlines)
    return RecordScan(lines, n_fields, is_certain)


def walk_records(text: bytes, delimiter: str) -> RecordScan:
    """The same by walking through the text, strictly: a stray quote must not swallow the rows behind it.

    Raises
    ------
    csv.Error
        when a quoted field is never closed, or goes on behind its closing quote.
    """
    reader = csv.reader(io.StringIO(text.decode("utf-8"), newline=""), delimiter=delimiter, strict=True)
    lines, n_fields, before = [], [], 0
    for record in reader:
        if record:
            lines.append(before + 1)
            n_fields.append(len(record))
        before = reader.line_num
    return RecordScan(np.array(lines, dtype=np.int64), np.array(n_fields, dtype=np.int64))
