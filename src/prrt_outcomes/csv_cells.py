"""Texts of csv files: none begins as a formula of a spreadsheet does, and each can be read back exactly."""

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

MARK = "'"
NEEDS_MARK = re.compile(r"\A(?=['=+@\t\r\n＝＠＋－]|-(?!(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z))")
IS_MARKED = re.compile(r"\A'")


def mark_text(text: str) -> str:
    """Text as a csv file holds it: led by an apostrophe where a spreadsheet could take it for a formula.

    That is where it begins with =, +, @, - and is no number, one of these in full width, a tab or the end of a line,
    or an apostrophe.
    """
    return NEEDS_MARK.sub(MARK, text)


def unmark_text(text: str) -> str:
    """Text that `mark_text` was given."""
    return text.removeprefix(MARK)


def choose_quoting(texts: Iterable[str]) -> Literal[0, 2]:
    """Which cells a writer of csv puts in quotes: all texts where one holds a carriage return, which it leaves bare."""
    return csv.QUOTE_NONNUMERIC if any("\r" in text for text in texts) else csv.QUOTE_MINIMAL


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a csv file as texts by column, without the marks of `mark_text`."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: unmark_text(cell) for name, cell in row.items()} for row in csv.DictReader(file)]
