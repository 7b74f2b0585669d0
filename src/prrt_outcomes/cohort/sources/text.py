"""Delimited text (csv, tsv, csv.gz): bytes to text cells, with the line of every row and every ragged row."""

import codecs
import csv
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from prrt_outcomes.cohort.sources import raw_table
from prrt_outcomes.cohort.sources.layout import (
    check_header_lines,
    check_lines_below,
    check_names,
    choose_lines,
    join_names,
)
from prrt_outcomes.errors import tell, tell_setting
from prrt_outcomes.study.base import FileSource

MOST_BYTES = 1 << 22  # of a row
TEXTS = pa.dictionary(pa.int32(), pa.string())
MARKED = b"#"
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
csv.field_size_limit((1 << 31) - 1)  # rows have a limit of their own


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
    upper, head, n_before = _find_names(text, table, source)
    delimiter = source.delimiter or _find_delimiter(head, path)
    if not source.header_lines:
        _check_title(head, n_before, table, source.delimiter or DELIMITERS)
    bound.check_rows(head.count(b"\n"), 1 + io.BytesIO(head).readline().count(delimiter.encode()))
    try:
        *upper_names, header = (_read_names(line, delimiter) for line in (*upper, head))
        names = list(source.names) or join_names(upper_names, header, lambda line, column: True)
        check_names(table, source, len(header))
        cells = None
        if source.comment is None and not source.skip_rows and source.last_row is None:
            cells = _parse_plain(head, delimiter, len(header))
        if cells is not None:
            lines = np.arange(cells.num_rows) + n_before + 2
            raw = raw_table.gather_raw_table(names, cells.columns, lines)
            return raw_table.SourceResult(raw, tuple(raw_table.check_header(table, names, n_before + 1)))
        return _gather_records(head, n_before, delimiter, table, source, names)
    except csv.Error:
        raise raw_table.refuse("open_quote", table, path.name) from None


def _find_names(text: bytes, table: str, source: FileSource) -> tuple[list[bytes], bytes, int]:
    """Lines above the (last) line of names that hold names too, the text from that line on, and the lines above it.

    As a rule the first line that is not blank has the names.
    """
    if source.header_row is None and source.comment is None:
        head = text.lstrip(b"\r\n")
        n_before = text.count(b"\n", 0, len(text) - len(head))
        if head.startswith(MARKED):
            line = head.split(b"\n", 1)[0].decode("utf-8").rstrip("\r")
            raise raw_table.refuse("comment_line", table, line, n_before + 1, line=n_before + 1)
        return [], head, n_before
    lines = text.splitlines(keepends=True)
    check_header_lines(table, source, lambda n: n <= len(lines) and bool(lines[n - 1].strip()))
    first = next((n for n, line in enumerate(lines, start=1) if _is_row(line, source)), None)
    if first is None:
        raise raw_table.refuse("comments_alone", table, source.file)
    header = source.header_lines[-1] if source.header_lines else first
    return [lines[n - 1] for n in source.header_lines[:-1]], b"".join(lines[header - 1 :]), header - 1


def _is_row(line: bytes, source: FileSource) -> bool:
    """Whether a line is neither blank nor a comment."""
    is_comment = source.comment is not None and line.startswith(source.comment.encode("utf-8"))
    return bool(line.strip(b"\r\n")) and not is_comment


def _read_names(text: bytes, delimiter: str) -> list[str]:
    """First record of a text; a quoted name may go on in the next lines."""
    start = text[: text.find(b"\n") + HEAD_BYTES].decode("utf-8", "ignore")
    return next(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter), [])


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
        told = tell_setting("no_encoding", f"tables.{table}.encoding", encoding)
        raise raw_table.RefusedError(told) from None
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


def _check_title(text: bytes, n_before: int, table: str, marks: Sequence[str]) -> None:
    first, *below = text[:HEAD_BYTES].split(b"\n")[:HEAD_LINES]
    below = [line for line in below if line.strip()]
    if not below or any(_count_outside_quotes(first, mark) for mark in marks):
        return
    counts = {mark: [_count_outside_quotes(line, mark) for line in below] for mark in marks}
    found = max(counts.values(), key=lambda each: sum(map(bool, each)))
    if sum(map(bool, found)) > len(below) / 2:
        names = next(line for line, count in zip(below, found, strict=True) if count >= max(found) / 2)
        named = {"n": max(found) + 1, "line": n_before + 1 + text[: text.index(names)].count(b"\n")}
        raise raw_table.refuse(
            "title_line", table, first.decode("utf-8", "replace").strip(), n_before + 1, **named
        )


def _count_outside_quotes(line: bytes, mark: str) -> int:
    return b"".join(line.split(b'"')[::2]).count(mark.encode())


def _parse_plain(text: bytes, delimiter: str, n_columns: int) -> pa.Table | None:
    """Cells of a text of which every line is a record with as many fields as the header; None for another one."""
    if b"\r" in text and text.count(b"\r") != text.count(b"\r\n"):
        return None
    names = [f"column_{i}" for i in range(n_columns)]
    try:
        cells = arrow_csv.read_csv(
            pa.BufferReader(text),
            arrow_csv.ReadOptions(column_names=names, skip_rows_after_names=1, block_size=MOST_BYTES),
            arrow_csv.ParseOptions(delimiter=delimiter),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, TEXTS), strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        return None
    n_lines = text.count(b"\n") + (not text.endswith(b"\n"))
    return cells if cells.num_rows + 1 == n_lines else None


def _gather_records(
    text: bytes, n_before: int, delimiter: str, table: str, source: FileSource, names: list[str]
) -> raw_table.SourceResult:
    """Rows of a text of whatever form; those with more or fewer fields than the header are counted and left out."""
    check_lines_below(table, source, n_before + 1)
    lines = text.splitlines(keepends=True)
    last = min(source.last_row or n_before + len(lines), n_before + len(lines)) - n_before
    records, passed = read_records(lines[:last], n_before, delimiter, table, source)
    (first, header), *rows = records
    whole = [(line, cells) for line, cells in rows if len(cells) == len(header)]
    ragged = [(line, f"{len(cells)} fields") for line, cells in rows if len(cells) != len(header)]
    problems = raw_table.check_header(table, names, first)
    if len(ragged) > MOST_RAGGED and not whole:
        problems.append(tell("all_rows_ragged", table, first, "", f"{len(header)} fields", n=len(ragged)))
    else:
        problems += [tell("ragged_row", table, line, "", found, n=len(header)) for line, found in ragged]
    others = {*passed, *range(n_before + last + 1, n_before + len(lines) + 1)}
    left = {line for line in others if _is_row(lines[line - n_before - 1], source)}
    _, lost, told = choose_lines(table, source, left.union(line for line, _ in rows))
    columns = zip(*(cells for _, cells in whole), strict=True) if whole else ([] for _ in header)
    texts = [pa.array(column, pa.string()) for column in columns]
    places = np.array([line for line, _ in whole], dtype=np.int64)
    return raw_table.SourceResult(raw_table.gather_raw_table(names, texts, places, lost), (*told, *problems))


def read_records(
    lines: Sequence[bytes], n_before: int, delimiter: str, table: str, source: FileSource
) -> tuple[list[tuple[int, list[str]]], set[int]]:
    """Line and fields of each record that is not blank, the header first, and the lines that were passed over.

    Comments and lines that are no rows are passed over, but not where a quoted field goes on in them.
    Raises csv.Error when a quoted field is never closed, or goes on behind its closing quote: a stray quote must not
    swallow the rows behind it.
    """
    begun = n_bytes = 0
    passed, records = set(), []

    def feed() -> Iterator[str]:
        nonlocal begun, n_bytes
        for line, text in enumerate(lines, start=n_before + 1):
            is_none = line in source.skip_rows or not _is_row(text, source)
            if begun == 0 and line > n_before + 1 and is_none:
                passed.add(line)
                continue
            begun, n_bytes = (begun, n_bytes + len(text)) if begun else (line, len(text))
            if n_bytes > MOST_BYTES:
                raise raw_table.refuse(
                    "long_row", table, f"more than {MOST_BYTES} bytes", begun, most=MOST_BYTES
                )
            yield text.decode("utf-8")

    for cells in csv.reader(feed(), delimiter=delimiter, strict=True):
        records.append((begun, cells))
        begun = 0
    return records, passed
