"""Delimited text (csv, tsv, csv.gz): bytes to text cells, with the line of every row and every ragged row."""

import codecs
import csv
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from prrt_outcomes.cohort.sources import raw_table
from prrt_outcomes.cohort.sources.layout import TextLayout, check_names, join_names, lay_out_text
from prrt_outcomes.errors import Problem, tell, tell_setting
from prrt_outcomes.study.base import FileSource

QUOTE, NEWLINE, RETURN = 34, 10, 13
BLOCK_BYTES, SCAN_BYTES = 1 << 22, 1 << 20
TEXTS = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class RecordScan:
    """Records of a text that are not blank, the header included."""

    lines: np.ndarray  # line where each record begins, counted from 1, shape (n,)
    n_fields: np.ndarray  # fields of each record, shape (n,)
    # False where a quoted field spans lines or is not closed, so that only a walk can tell
    is_certain: bool = True


def scan_records(text: bytes, delimiter: str) -> RecordScan:
    """Find records and count their fields by the positions of quotes, newlines and delimiters.

    A newline or delimiter behind an odd number of quotes stands inside a quoted field. That holds for every
    file whose quotes follow RFC 4180; `walk_records` reads the others.
    """
    buffer = np.frombuffer(text, dtype=np.uint8)
    found = [np.array([], np.int64)], [np.array([], np.int64)], [np.array([], bool)]
    n_quotes = n_delimiters = 0
    for begin in range(0, len(buffer), SCAN_BYTES):
        block = buffer[begin : begin + SCAN_BYTES]
        newlines = np.flatnonzero(block == NEWLINE)
        is_delimiter, is_quote = block == ord(delimiter), block == QUOTE
        is_end, n_here = np.ones(len(newlines), dtype=bool), int(np.count_nonzero(is_quote))
        if n_here:
            is_outside = (np.cumsum(is_quote, dtype=np.uint8) & 1).view(bool) ^ (n_quotes % 2 == 0)
            is_end, is_delimiter = is_outside[newlines], is_delimiter & is_outside
        elif n_quotes % 2:
            is_end, is_delimiter = ~is_end, np.zeros(len(block), dtype=bool)
        delimiters = np.flatnonzero(is_delimiter)
        n_before = n_delimiters + np.searchsorted(delimiters, newlines)
        for parts, part in zip(found, (newlines + begin, n_before, is_end), strict=True):
            parts.append(part)
        n_quotes, n_delimiters = n_quotes + n_here, n_delimiters + len(delimiters)
    newlines, n_before, is_end = (np.concatenate(parts) for parts in found)
    places, n_before = np.flatnonzero(is_end), n_before[is_end]
    starts = np.append(0, newlines[places] + 1)
    ends = np.append(newlines[places], len(buffer))
    has_return = (ends > starts) & (buffer[np.maximum(ends - 1, 0)] == RETURN) if len(buffer) else ends < 0
    is_filled = ends - has_return > starts
    lines = np.append(1, places + 2)[is_filled]
    n_fields = np.diff(np.append(n_before, n_delimiters), prepend=0)[is_filled] + 1
    return RecordScan(lines, n_fields, n_quotes % 2 == 0 and bool(is_end.all()))


def walk_records(text: bytes, delimiter: str) -> RecordScan:
    """The same by walking through the text, strictly: a stray quote must not swallow the rows behind it.

    Raises csv.Error when a quoted field is never closed, or goes on behind its closing quote.
    """
    reader = csv.reader(io.StringIO(text.decode("utf-8"), newline=""), delimiter=delimiter, strict=True)
    lines, n_fields, before = [], [], 0
    for record in reader:
        if record:
            lines.append(before + 1)
            n_fields.append(len(record))
        before = reader.line_num
    return RecordScan(np.array(lines, dtype=np.int64), np.array(n_fields, dtype=np.int64))


DELIMITERS = (",", ";", "\t", "|")
FORBIDDEN = '"\r\n\0'
HEAD_BYTES, HEAD_LINES = 1 << 16, 20
MOST_RAGGED = 3
SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (xls)",
    b"PAR1": "a parquet file",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
}


def read_text_table(path: Path, table: str, source: FileSource) -> raw_table.SourceResult:
    """Read a delimited text as text cells.

    Blank lines are skipped. A row with more or fewer fields than the header is reported with its line and
    left out; whatever else is wrong with the table can be reported beside it.
    """
    bound = raw_table.Bound(table, path, source)
    text = _read_utf8(bound)
    if not text or text.isspace():
        raise raw_table.refuse("empty_file", table, path.name)
    if source.delimiter is not None and (not source.delimiter.isascii() or source.delimiter in FORBIDDEN):
        place, known = f"tables.{table}.delimiter", " ".join(map(repr, DELIMITERS))
        raise raw_table.RefusedError(tell_setting("no_delimiter", place, source.delimiter, known=known))
    layout = lay_out_text(text, table, source)
    delimiter = source.delimiter or _find_delimiter(layout.text, path)
    if not source.header_lines:
        _check_title(layout, table, source.delimiter or DELIMITERS)
    n_columns = 1 + io.BytesIO(layout.text).readline().count(delimiter.encode())
    bound.check_rows(layout.text.count(b"\n"), n_columns)
    try:
        return _parse(layout, table, source, delimiter)
    except (csv.Error, pa.ArrowInvalid):
        _refuse_long_row(layout, table, delimiter)
        raise raw_table.refuse("open_quote", table, path.name) from None


def _refuse_long_row(layout: TextLayout, table: str, delimiter: str) -> None:
    """Refuse the first row that is longer than a block of the reader."""
    starts = np.append(0, np.flatnonzero(np.frombuffer(layout.text, np.uint8) == NEWLINE) + 1)
    lines = scan_records(layout.text, delimiter).lines
    lengths = np.diff(np.append(starts[lines - 1], len(layout.text)))
    if (lengths > BLOCK_BYTES).any():
        i = int(np.argmax(lengths > BLOCK_BYTES))
        line = int(lines[i]) + layout.n_before
        raise raw_table.refuse("long_row", table, f"{lengths[i]} bytes", line, most=BLOCK_BYTES)


def _read_utf8(bound: raw_table.Bound) -> bytes:
    """The text as UTF-8 bytes without byte order mark, newlines as line feeds."""
    table, path, encoding = bound.label, bound.path, bound.source.encoding
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = raw_table.unpack(bound, data)
    except (OSError, EOFError, zlib.error) as error:
        raise raw_table.refuse("unreadable_file", table, path.name, error=error) from None
    for signature, kind in SIGNATURES.items():
        if data.startswith(signature):
            raise raw_table.refuse("no_text", table, path.name, kind=kind)
    zeros = "zero_bytes_of_utf_16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "zero_bytes"
    try:
        if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
            if not data.isascii():
                data.decode("utf-8-sig")
            text = data.removeprefix(codecs.BOM_UTF8)
        else:
            text = data.decode(encoding).removeprefix("\ufeff").encode("utf-8")
    except LookupError:
        raise raw_table.RefusedError(
            tell_setting("no_encoding", f"tables.{table}.encoding", encoding)
        ) from None
    except UnicodeError as error:
        if b"\x00" in data[:65536]:
            raise raw_table.refuse(zeros, table, path.name) from None
        line = data.count(b"\n", 0, getattr(error, "start", 0)) + 1
        raise raw_table.refuse("other_encoding", table, path.name, line, encoding=encoding) from None
    if b"\x00" in text:
        raise raw_table.refuse(zeros, table, path.name)
    return text.replace(b"\r", b"\n") + b"\n" if b"\n" not in text else text


def _find_delimiter(text: bytes, path: Path) -> str:
    """Delimiter that stands most often in the header, outside quotes; a comma (a tab in tsv) where none does."""
    header = next(line for line in io.BytesIO(text) if line.strip(b"\r\n")).decode("utf-8")
    bare = "".join(header.split('"')[::2])
    best = max(DELIMITERS, key=bare.count)
    return best if best in bare else "\t" if ".tsv" in path.suffixes else ","


def _check_title(layout: TextLayout, table: str, marks: Sequence[str]) -> None:
    first, *below = layout.text[:HEAD_BYTES].split(b"\n")[:HEAD_LINES]
    below = [line for line in below if line.strip()]
    if not below or any(_count_outside_quotes(first, mark) for mark in marks):
        return
    counts = {mark: [_count_outside_quotes(line, mark) for line in below] for mark in marks}
    found = max(counts.values(), key=lambda each: sum(map(bool, each)))
    if sum(map(bool, found)) > len(below) / 2:
        names = next(line for line, count in zip(below, found, strict=True) if count >= max(found) / 2)
        names_at = layout.n_before + 1 + layout.text[: layout.text.index(names)].count(b"\n")
        title = first.decode("utf-8", "replace").strip()
        raise raw_table.refuse(
            "title_line", table, title, layout.n_before + 1, n=max(found) + 1, line=names_at
        )


def _count_outside_quotes(line: bytes, mark: str) -> int:
    return b"".join(line.split(b'"')[::2]).count(mark.encode())


def _parse(layout: TextLayout, table: str, source: FileSource, delimiter: str) -> raw_table.SourceResult:
    text = layout.text
    head = text[: text.find(b"\n") + HEAD_BYTES]  # a quoted name may go on in the next lines
    texts = (io.StringIO(line.decode("utf-8", "ignore"), newline="") for line in (*layout.upper, head))
    *upper, header = [next(csv.reader(lines, delimiter=delimiter), []) for lines in texts]
    cells = _parse_plain(text, delimiter, len(header))
    if cells is not None:
        scan = RecordScan(np.arange(1, cells.num_rows + 2), np.full(cells.num_rows + 1, len(header)))
    else:
        cells, n_skipped = _parse_cells(text, delimiter, len(header), newlines_in_values=b'"' in text)
        scan = _scan(text, delimiter, 1 + cells.num_rows + n_skipped, cells.num_rows)
    is_whole = scan.n_fields[1:] == len(header)
    lines = scan.lines + layout.n_before
    names = list(source.names) or join_names(upper, header, lambda line, column: True)
    check_names(table, source, len(header))
    problems = raw_table.check_header(table, names, int(lines[0])) + _tell_ragged(
        table, scan, lines, is_whole
    )
    raw = raw_table.gather_raw_table(names, cells.columns, lines[1:][is_whole], layout.lost)
    return raw_table.SourceResult(raw, (*layout.problems, *problems))


def _parse_cells(
    text: bytes, delimiter: str, n_columns: int, newlines_in_values: bool
) -> tuple[pa.Table, int]:
    """Cells of the rows below the header that have as many fields, and how many rows have not."""
    n_skipped = 0

    def skip(row: object) -> str:
        nonlocal n_skipped
        n_skipped += 1
        return "skip"

    names = [f"column_{i}" for i in range(n_columns)]
    cells = arrow_csv.read_csv(
        pa.BufferReader(text),
        arrow_csv.ReadOptions(column_names=names, skip_rows_after_names=1, block_size=BLOCK_BYTES),
        arrow_csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=newlines_in_values, invalid_row_handler=skip
        ),
        arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, TEXTS), strings_can_be_null=False),
    )
    return cells, n_skipped


def _parse_plain(text: bytes, delimiter: str, n_columns: int) -> pa.Table | None:
    """Cells of a text of which every line is a record with as many fields as the header; None for another one."""
    if b"\r" in text and text.count(b"\r") != text.count(b"\r\n"):
        return None
    try:
        cells, n_skipped = _parse_cells(text, delimiter, n_columns, newlines_in_values=False)
    except pa.ArrowInvalid:
        return None
    n_lines = text.count(b"\n") + (not text.endswith(b"\n"))
    return None if n_skipped or cells.num_rows + 1 != n_lines else cells


def _scan(text: bytes, delimiter: str, n_records: int, n_whole: int) -> RecordScan:
    """Lines and fields of the records, which must be as many as the reader found; else the quotes are wrong."""

    def agrees(scan: RecordScan) -> bool:
        is_whole = scan.n_fields[1:] == scan.n_fields[0]
        return len(scan.lines) == n_records and int(is_whole.sum()) == n_whole

    scan = scan_records(text, delimiter)
    if not (scan.is_certain and agrees(scan)):
        scan = walk_records(text, delimiter)
        if not agrees(scan):
            raise csv.Error("quotes are read in two ways")
    return scan


def _tell_ragged(table: str, scan: RecordScan, lines: np.ndarray, is_whole: np.ndarray) -> list[Problem]:
    n_expected = int(scan.n_fields[0])
    counts = scan.n_fields[1:][~is_whole].tolist()
    if len(counts) > MOST_RAGGED and not is_whole.any():
        found = f"{n_expected} fields"
        return [tell("all_rows_ragged", table, int(lines[0]), "", found, n=len(counts))]
    return [
        tell("ragged_row", table, line, "", f"{count} fields", n=n_expected)
        for line, count in zip(lines[1:][~is_whole].tolist(), counts, strict=True)
    ]
