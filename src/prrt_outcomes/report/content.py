"""What a page is made of: numbers that know their row, tables, figures, chapters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import yaml
from markupsafe import Markup, escape

from prrt_outcomes.tables.frames import describe_cells
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.numbers import format_number, is_missing

SENTENCES: dict[str, str] = yaml.safe_load(Path(__file__).with_name("sentences.yaml").read_text("utf-8"))
FORMS: dict[str, Callable] = {
    "number": format_number, "count": numbers.format_count, "short": numbers.format_short,
    "percent": numbers.format_percent, "rare": partial(numbers.format_percent, digits=1),
    "ratio": numbers.format_ratio, "whole": partial(format_number, digits=0), "rate": numbers.format_rate,
    "p": partial(numbers.format_p_value, name="p"),
}  # fmt: skip


@dataclass(frozen=True)
class Number:
    """A number as the reader sees it, the result table it stands in, and the words that find its row there."""

    text: str
    table: str
    place: str

    def __html__(self) -> Markup:
        """Link to the table; the row is named in the title."""
        return Markup('<a class="number" href="tables/{0}.csv" title="{1}">{2}</a>').format(
            self.table, self.place, self.text
        )


def describe_row(table: str, row: Mapping | pd.Series, columns: Sequence[str]) -> str:
    """`tables/km_summary.csv: endpoint = pfs, group = all`; a column that is empty is not named."""
    cells = describe_cells(row, columns)
    return f"tables/{table}.csv" + (f": {cells}" if cells else "")


def trace(text: str, table: str, row: Mapping | pd.Series, *columns: str) -> Number:
    """Make a number of a text and the row it was taken from, named by its key or by other columns."""
    return Number(text, table, describe_row(table, row, columns or load_schema(table).key))


def cite(row: Mapping, column: str, table: str, formatter: Callable = format_number) -> Number:
    """The number in a cell, with the row that it stands in."""
    return trace(formatter(row[column]) or tell_suppressed(row), table, row)


def tell_suppressed(row: Mapping) -> str:
    """What stands in place of a number that a release does not show."""
    return "[suppressed]" if str(row.get("status")) == "suppressed" else ""


def as_text(value: object) -> str:
    """A cell as text; empty where it is missing."""
    return "" if is_missing(value) else str(value)


def say(sentence: str, *places: object, **parts: object) -> Markup:
    """Fill a sentence; what is put in is escaped unless it is a number with its source."""
    return Markup(sentence).format(*places, **parts)


@dataclass(frozen=True)
class Cell:
    """A number of a row in a sentence; `level` is that of its interval."""

    table: str
    row: Mapping
    column: str
    level: str

    def __html_format__(self, form: str) -> Markup | str:
        """`count` or another of `FORMS`; `percent low high` with the interval of two columns; `=count` without link."""
        if not form:
            return str(self.row[self.column])
        kind, *limits = form.removeprefix("=").split()
        text = FORMS[kind](self.row[self.column])
        if not text and tell_suppressed(self.row):
            text = tell_suppressed(self.row)
        elif limits:
            value, low, high = (self.row[column] for column in (self.column, *limits))
            text = numbers.format_interval(value, low, high, FORMS[kind], label=f"{self.level} CI ")
        return escape(text if form.startswith("=") else trace(text, self.table, self.row))


def tell(name: str, table: str, row: Mapping, level: str = "", /, **words: object) -> Markup:
    """One of `SENTENCES` about a row of a table, with numbers of the row and words."""
    cells = {column: Cell(table, row, column, level) for column in row}
    return Markup(SENTENCES[name]).format(**{**cells, "level": level, **words})


@dataclass(frozen=True)
class Column:
    """A column of a table on the page: heading, a row (a dict) to text, and whether it is set flush right."""

    title: str
    show: Callable[[dict], str | Number]
    numeric: bool = True


@dataclass(frozen=True)
class PageTable:
    """A table on the page with the file it comes from; a row is the words that find it there, and its cells."""

    title: str
    source: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, list[str | Number]], ...]
    note: str = ""
    open: bool = True


@dataclass(frozen=True)
class Chapter:
    """A chapter: paragraphs, figures (entries of the index with ``file`` and ``image``) and tables.

    `skipped` and `remark` say why there is nothing to say, or not all.
    """

    name: str
    title: str
    paragraphs: tuple[Markup | str, ...] = ()
    figures: tuple[dict, ...] = ()
    tables: tuple[PageTable, ...] = ()
    methods: tuple[str, ...] = ()
    skipped: str = ""
    remark: str = ""


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
    key = load_schema(source).key
    rows = tuple(
        (describe_row(source, row, key), [column.show(row) for column in columns])
        for row in frame.to_dict("records")
    )
    return PageTable(title, source, tuple(columns), rows, note, 0 < len(rows) <= most_open)


def join_words(words: Sequence[object]) -> Markup:
    """`a, b and c`, each escaped."""
    parts = [escape(w) for w in words]
    if len(parts) < 2:
        return Markup("").join(parts)
    return Markup(", ").join(parts[:-1]) + Markup(" and ") + parts[-1]
