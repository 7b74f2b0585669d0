"""Makers of the columns of a table on the page: a heading and how a row is shown under it."""

from collections.abc import Callable, Mapping

import pandas as pd

from prrt_outcomes.report.content import Column, Number, as_text
from prrt_outcomes.study.base import spell_name
from prrt_outcomes.tables.frames import describe_cells
from prrt_outcomes.tables.schema import Field, list_tables, load_schema
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import inside_sentence, name_code, name_column, name_endpoint


def _each(keys: Mapping[str, str], show: Callable[[object], str], *, numeric: bool = True) -> list[Column]:
    def show_cell(key: str) -> Callable[[dict], str]:
        return lambda row: show(row[key])

    return [Column(title, show_cell(key), numeric) for title, key in keys.items()]


def texts(keys: Mapping[str, str], name: Callable[[str], str] = str) -> list[Column]:
    """Words of cells by title; empty where one is missing."""
    return _each(keys, lambda cell: name(as_text(cell)) if as_text(cell) else "", numeric=False)


def code(title: str, column: str, key: str) -> Column:
    """Words of a level whose column another cell names."""
    return Column(
        title, lambda r: name_code(str(r[column]), as_text(r[key])) if as_text(r[key]) else "", False
    )


def group(level: str = "group") -> Column:
    """Group of a row with its grouping (`Sex: Male`); the grouping alone where it is a quantity."""

    def show(row: dict) -> str:
        grouping, found = str(row["group_by"]), as_text(row[level])
        words = [name_column(grouping)] if grouping != "all" or not found else []
        return ": ".join([*words, *([name_code(grouping, found)] if found else [])])

    return Column("Group", show, False)


def contrast(title: str, column: str, level: str) -> list[Column]:
    """A level, whose column another cell names, and the reference it is held against."""
    return [code(title, column, level), code("Against", column, "reference")]


def endpoint(titles: dict[str, str]) -> Column:
    """Title of the endpoint."""
    return Column("Endpoint", lambda r: name_endpoint(r["endpoint"], titles), False)


def counts(keys: Mapping[str, str]) -> list[Column]:
    """Whole numbers by title."""
    return _each(keys, numbers.format_count)


def decimals(keys: Mapping[str, str], digits: int) -> list[Column]:
    """Numbers with fixed decimals by title."""
    return _each(keys, lambda cell: numbers.format_number(cell, digits))


def fraction(title: str, count: str = "n", total: str = "total") -> Column:
    """Count of a total."""
    return Column(
        title, lambda r: f"{numbers.format_count(r[count])}/{numbers.format_count(r[total])}".strip("/")
    )


def p_value(title: str = "p", key: str = "p_value") -> Column:
    """P-value."""
    return Column(title, lambda r: numbers.format_p_value(r[key]))


def of_schema(table: str, words: Mapping[str, Callable[[dict], str | Number]]) -> list[Column]:
    """Columns of a result table as its schema names them and their codes, or as `words` of a column show a row."""

    def show(field: Field) -> Callable[[dict], str]:
        if field.unit == "probability":
            return lambda row: numbers.format_p_value(row[field.name])
        if field.type == "integer":
            return lambda row: numbers.format_count(row[field.name])
        if field.type == "number":
            return lambda row: (
                "" if numbers.is_missing(row[field.name]) else f"{row[field.name]:.3g}".replace("-", "\u2212")
            )
        return lambda row: field.label(row[field.name]) if as_text(row[field.name]) else ""

    return [
        Column(field.title, words.get(field.name) or show(field), field.type in ("integer", "number"))
        for field in load_schema(table).kept_fields
        if field.name not in ("status", "row")
    ]


def adjusted_p_value(family: pd.DataFrame, table: str) -> list[Column]:
    """p-value adjusted over the family of the study; no column where no row of a table is of the family."""
    own = family[family["table"].eq(table) & family["p_adjusted"].notna()]
    by_row = {str(row): p for row, p in zip(own["row"], own["p_adjusted"], strict=True)}
    key = load_schema(table).key
    column = Column("p, Holm", lambda r: numbers.format_p_value(by_row.get(describe_cells(r, key))))
    return [column] if by_row else []


def describe_remark(row: dict, estimate: str) -> str:
    """Words for the status of a row whose estimate is there; one that is not says why in its own cell."""
    return "" if numbers.is_missing(row[estimate]) else numbers.describe_status(row["status"])


def interval(
    title: str,
    keys: tuple[str, str, str],
    formatter: Callable = numbers.format_number,
    status: str = "status",
) -> Column:
    """Estimate with its limits, or why there is none; `keys` are estimate, lower and upper limit."""
    value, low, high = keys
    return Column(
        title, lambda r: numbers.format_interval(r[value], r[low], r[high], formatter, status=r.get(status))
    )


def name_table(table: str) -> str:
    """Title of a table as a problem names it, with its file where there are several; the study file by its name."""
    name, file = table.partition(" ")[::2]
    return f"{load_schema(name).title} {file}".strip() if name in list_tables("input") else table


def name_variable(table: str, column: str) -> str:
    """Titles of one or more columns; a setting, or a column of the file, by its name."""
    name = table.partition(" ")[0]
    if name not in list_tables("input"):
        return column
    titles = {field.name: field.title for field in load_schema(name).fields}
    words = ", ".join(inside_sentence(titles.get(part, spell_name(part))) for part in column.split(", "))
    return spell_first(words)


def spell_first(text: str) -> str:
    """A text with a capital first letter."""
    return text[:1].upper() + text[1:]
