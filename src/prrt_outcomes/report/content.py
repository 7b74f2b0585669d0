"""What a page is made of: numbers that know their row, tables, figures, chapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from markupsafe import Markup, escape

from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording.numbers import format_number, is_missing


@dataclass(frozen=True)
class Number:
    """A formatted number and the row of the result table that it stands in.

    text : as the reader sees it
    table : name of the result table
    key : columns and values that find the row
    """

    text: str
    table: str
    key: tuple[tuple[str, str], ...] = ()

    def __html__(self) -> Markup:
        """Link to the table; the row is named in the title."""
        return Markup('<a class="number" href="tables/{0}.csv" title="{1}">{2}</a>').format(
            self.table, describe_row(self.table, self.key), self.text
        )


def describe_row(table: str, key: tuple[tuple[str, str], ...]) -> str:
    """`tables/km_summary.csv: endpoint = pfs, group = all`."""
    row = ", ".join(f"{column} = {value}" for column, value in key if value)
    return f"tables/{table}.csv" + (f": {row}" if row else "")


def trace(text: str, table: str, row: Mapping | pd.Series, *columns: str) -> Number:
    """Make a number of a text and the row it was taken from, named by its key columns."""
    names = columns or [c for c in load_schema(table).key if c in row]
    return Number(text, table, tuple((c, as_text(row[c])) for c in names))


def cite(row: Mapping, column: str, table: str, formatter: Callable = format_number) -> Number:
    """The number in a cell, with the row that it stands in."""
    return trace(formatter(row[column]), table, row)


def as_text(value: object) -> str:
    """A cell as text; empty where it is missing."""
    return "" if is_missing(value) else str(value)


def say(sentence: str, **parts: object) -> Markup:
    """Fill a sentence; what is put in is escaped unless it is a number with its source."""
    return Markup(sentence).format(**parts)


@dataclass(frozen=True)
class Column:
    """A column of a table on the page.

    title : heading
    show : row (a dict) to text
    numeric : set flush right
    """

    title: str
    show: Callable[[dict], str]
    numeric: bool = True


@dataclass(frozen=True)
class PageTable:
    """A table on the page with the file it comes from."""

    title: str
    source: str
    columns: tuple[Column, ...]
    rows: tuple[dict, ...]
    key: tuple[str, ...]
    note: str = ""
    open: bool = True

    def cells(self) -> list[tuple[str, list[str]]]:
        """Text of every row, with the words that find it in the file."""
        return [
            (
                describe_row(self.source, tuple((c, as_text(row.get(c))) for c in self.key)),
                [column.show(row) for column in self.columns],
            )
            for row in self.rows
        ]


@dataclass(frozen=True)
class PageFigure:
    """A figure of a chapter.

    name, caption, alt : file name without format, words below it, words in its place
    image : data address; empty where only a pdf was drawn, or where the figure is only linked
    file : path from the results folder
    tables : result tables that its dots stand in
    leading : whether it stands on the page; else it is linked
    """

    name: str
    caption: str
    alt: str
    image: str
    file: str
    tables: tuple[str, ...] = ()
    leading: bool = True


@dataclass(frozen=True)
class Chapter:
    """A chapter: paragraphs, figures and tables, or why there is nothing to say."""

    name: str
    title: str
    paragraphs: tuple[Markup | str, ...] = ()
    figures: tuple[PageFigure, ...] = ()
    tables: tuple[PageTable, ...] = ()
    methods: tuple[str, ...] = ()
    further: tuple[PageFigure, ...] = ()
    skipped: str = ""
    remarks: tuple[str, ...] = field(default=())


def page_table(
    title: str,
    source: str,
    frame: pd.DataFrame,
    columns: list[Column],
    note: str = "",
    *,
    most_open: int = 30,
) -> PageTable:
    """Make a table for the page from rows of a result table; one longer than `most_open` rows is folded."""
    rows = tuple(frame.to_dict("records"))
    key = tuple(c for c in load_schema(source).key if c in frame)
    return PageTable(title, source, tuple(columns), rows, key, note, 0 < len(rows) <= most_open)


def join_words(words: Sequence[object]) -> Markup:
    """`a, b and c`, each escaped."""
    parts = [escape(w) for w in words]
    if len(parts) < 2:
        return Markup("").join(parts)
    return Markup(", ").join(parts[:-1]) + Markup(" and ") + parts[-1]
