"""What a page is made of: numbers that know their row, tables, figures, chapters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import yaml
from markupsafe import Markup, escape

from prrt_outcomes.tables.frames import describe_cells
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.numbers import format_number, is_missing
from prrt_outcomes.wording.terms import inside_sentence

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
    """A column of a table: heading, a row (a dict) to text, whether it is set flush right, the heading above that it
    shares with its neighbours, and its name in `report_tables`."""

    title: str
    show: Callable[[dict], str | Number]
    numeric: bool = True
    spanner: str = ""
    name: str = ""


class Row(NamedTuple):
    """A row of a table: the words that find it in its file, its cells, its name in `report_tables` and how far it is
    indented. The name of an indented row begins with that of its heading: `sex.female`."""

    place: str
    cells: list[str | Number]
    name: str = ""
    indent: int = 0


@dataclass(frozen=True)
class PageTable:
    """A table with the file it comes from, those that it takes columns from too, and its name in `report_tables`."""

    title: str
    source: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""
    open: bool = True
    also: tuple[str, ...] = ()
    name: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """Result tables that the table is made from."""
        return (self.source, *self.also)

    @property
    def spanners(self) -> list[tuple[str, int]]:
        """Headings above those of the columns with the number of columns that each spans; empty where there is none."""
        runs = [(words, len(list(run))) for words, run in groupby(c.spanner for c in self.columns)]
        return runs if any(words for words, _ in runs) else []

    @property
    def is_grouped(self) -> bool:
        """Whether rows stand below others, so that their order cannot change."""
        return any(row.indent for row in self.rows)


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
    name: str = "",
    headings: bool = False,
) -> PageTable:
    """Make a table for the page from rows of a result table; one longer than `most_open` rows is folded.

    `name` makes the names of the rows, such as `{term}.{level}`; with `headings` the first column is that of groups.
    """
    key, rows = load_schema(source).key, []
    for row in frame.to_dict("records"):
        words = {column: as_text(cell) for column, cell in row.items()} if name else {}
        first, _, second = name.format(**words).partition(".")  # type: ignore[arg-type]
        own = f"{first}.{second}" if second not in ("", first) else first
        cells = [column.show(row) for column in columns]
        rows.append(Row(describe_row(source, row, key), cells, own, int("." in own)))
    table = PageTable(title, source, tuple(columns), tuple(rows), note, 0 < len(rows) <= most_open)
    return _head_groups(table) if headings else table


def _head_groups(table: PageTable) -> PageTable:
    """A table whose first column is a heading above the rows that share it.

    A group of one row is one line, and the row of those not known stands below it.
    """
    rows: list[Row] = []
    for name, group in groupby(table.rows, lambda row: row.name.partition(".")[0]):
        own = list(group)
        head = own[0].cells[0]
        if all(row.name == f"{name}.unknown" for row in own[1:]):
            first = own.pop(0)
            level = inside_sentence(str(first.cells[1]))
            words = ", ".join(str(cell) for cell in (head, level) if cell)
            rows.append(first._replace(cells=[words, *first.cells[2:]], indent=0, name=name))
        else:
            rows.append(Row("", [head, *[""] * (len(own[0].cells) - 2)], name))
        rows += [row._replace(cells=row.cells[1:], indent=1) for row in own]
    stub = replace(table.columns[1], title=table.columns[0].title, name="label", numeric=False)
    return replace(table, columns=(stub, *table.columns[2:]), rows=tuple(rows))


def drop_columns(table: PageTable, titles: Sequence[str]) -> PageTable:
    """A table without the columns of these headings."""
    kept = [i for i, column in enumerate(table.columns) if column.title not in titles]
    rows = tuple(row._replace(cells=[row.cells[i] for i in kept]) for row in table.rows)
    return replace(table, columns=tuple(table.columns[i] for i in kept), rows=rows)


def join_words(words: Sequence[object]) -> Markup:
    """`a, b and c`, each escaped."""
    parts = [escape(w) for w in words]
    if len(parts) < 2:
        return Markup("").join(parts)
    return Markup(", ").join(parts[:-1]) + Markup(" and ") + parts[-1]
