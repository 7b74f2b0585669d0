"""Columns of a table on the page: a heading and how a row is shown under it, as `page_tables.yaml` lists them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from prrt_outcomes.cohort.grouping import RATIO
from prrt_outcomes.report.content import Column, PageTable, as_text, page_table
from prrt_outcomes.study.base import spell_name
from prrt_outcomes.tables.frames import describe_cells
from prrt_outcomes.tables.schema import Field, list_tables, load_schema
from prrt_outcomes.wording import numbers, terms
from prrt_outcomes.wording.terms import inside_sentence, name_code, name_column, name_endpoint, name_term

PAGE_TABLES: dict[str, dict] = yaml.safe_load(Path(__file__).with_name("page_tables.yaml").read_text("utf-8"))
NAMES: dict[str, Callable[[str], str]] = {
    "text": str, "term": name_term, "column": name_column, "codes": terms.name_codes, "name": spell_name,
    "item": terms.name_item,
}  # fmt: skip
FORMS: dict[str, Callable] = {
    "interval": numbers.format_number, "ratio": numbers.format_ratio, "percent": numbers.format_percent,
    "short": numbers.format_short,
}  # fmt: skip
Words = Mapping[str, Any]
"""What a chapter shows itself, by the name that `page_tables.yaml` has for it."""


def texts(keys: Mapping[str, str], name: Callable[[str], str] = str) -> list[Column]:
    """Words of cells by title; empty where one is missing."""

    def show_cell(key: str) -> Callable[[dict], str]:
        return lambda row: name(as_text(row[key])) if as_text(row[key]) else ""

    return [Column(title, show_cell(key), False) for title, key in keys.items()]


def counts(keys: Mapping[str, str]) -> list[Column]:
    """Whole numbers by title."""

    def show_cell(key: str) -> Callable[[dict], str]:
        return lambda row: numbers.format_count(row[key])

    return [Column(title, show_cell(key)) for title, key in keys.items()]


def code(title: str, column: str, key: str) -> Column:
    """Words of a level whose column another cell names."""
    return Column(
        title, lambda r: name_code(str(r[column]), as_text(r[key])) if as_text(r[key]) else "", False
    )


def group(title: str = "Group", level: str = "group") -> Column:
    """Group of a row with its grouping (`Sex: Male`); the grouping alone where it is a quantity."""

    def show(row: dict) -> str:
        grouping, found = str(row["group_by"]), as_text(row[level])
        words = [name_column(grouping)] if grouping != "all" or not found else []
        return ": ".join([*words, *([name_code(grouping, found)] if found else [])])

    return Column(title, show, False)


def endpoint(titles: dict[str, str]) -> Column:
    """Title of the endpoint."""
    return Column("Endpoint", lambda r: name_endpoint(r["endpoint"], titles), False)


def fraction(title: str, count: str, total: str) -> Column:
    """Count of a total."""
    return Column(
        title, lambda r: f"{numbers.format_count(r[count])}/{numbers.format_count(r[total])}".strip("/")
    )


def interval(title: str, keys: tuple[str, ...], formatter: Callable, status: str = "status") -> Column:
    """Estimate with its limits, or why there is none; `keys` are estimate, lower and upper limit."""
    value, low, high = keys
    return Column(
        title, lambda r: numbers.format_interval(r[value], r[low], r[high], formatter, status=r.get(status))
    )


def ratio_if_any(title: str, status: str = "status") -> Column:
    """Hazard ratio; nothing in a row that is itself the reference or the whole cohort."""
    ratio = interval(title, RATIO, numbers.format_ratio, status)

    def show(row: dict):
        is_reference = pd.isna(row[status]) or str(row[status]) == "ok"
        return "" if pd.isna(row["hazard_ratio"]) and is_reference else ratio.show(row)

    return Column(title, show)


def describe_remark(row: dict, estimate: str) -> str:
    """Words for the status of a row whose estimate is there; one that is not says why in its own cell."""
    return "" if numbers.is_missing(row[estimate]) else numbers.describe_status(row["status"])


MAKERS: dict[str, Callable[..., Column]] = {
    "code": code,
    "covariate": lambda title, key: Column(
        title, lambda r: terms.name_covariate(str(r[key]), r["level"]), False, name=key
    ),
    "count": lambda title, key: counts({title: key})[0],
    "decimal": lambda title, key, n: Column(title, lambda r: numbers.format_number(r[key], int(n))),
    "fraction": fraction,
    "group": group,
    "p": lambda title, key: Column(title, lambda r: numbers.format_p_value(r[key])),
    "ratio_if_any": ratio_if_any,
    "remark": lambda title, key: Column(title, lambda r: describe_remark(r, key), False),
    "yes": lambda title, key: Column(title, lambda r: "yes" if str(r[key]) == "True" else "no", False),
}


def list_columns(name: str, words: Words, level: str = "") -> list[Column]:
    """Columns of one of `PAGE_TABLES`; `level` of the intervals stands in headings."""
    source, listed = PAGE_TABLES[name].get("source", name), PAGE_TABLES[name].get("columns")
    if listed is None:
        return of_schema(source, words)
    columns: list[Column] = []
    for heading, kind, *over in listed:
        made, *keys = kind.split()
        before = len(columns)
        title = heading.format(level=level) or load_schema(source).field(keys[0]).title
        if made == "add":
            columns += words[keys[0]]
        elif made == "label":
            columns += texts({title: keys[0]}, load_schema(source).field(keys[0]).label)
        elif made == "named":
            columns += texts({title: keys[0]}, words[keys[0]])
        elif made in ("show", "say"):
            columns.append(Column(title, words[keys[0]], made == "show"))
        elif made in NAMES:
            columns += texts({title: keys[0]}, NAMES[made])
        elif made in FORMS:
            columns.append(interval(title, tuple(keys[:3]), FORMS[made], *keys[3:]))
        else:
            columns.append(MAKERS[made](title, *keys))
        named = {"spanner": over[0].format(level=level)} if over else {}
        columns[before:] = [
            replace(c, name=c.name or (keys[0] if keys else made), **named) for c in columns[before:]
        ]
    return columns


def show_table(
    name: str,
    frame: pd.DataFrame,
    level: str = "",
    words: Words | None = None,
    *,
    note: str | None = None,
    most_open: int = 30,
    **in_title: str,
) -> PageTable:
    """One of `PAGE_TABLES` with the rows of a frame; `note` stands for the own one, `in_title` fills the title."""
    own = PAGE_TABLES[name]
    source = own.get("source", name)
    title = (own.get("title") or load_schema(source).title).format(**in_title)
    columns = list_columns(name, words or {}, level)
    note = own.get("note", "") if note is None else note
    named = {"name": own.get("row", ""), "headings": own.get("headings", False)}
    return page_table(title, source, frame, columns, note, most_open=most_open, **named)


def of_schema(table: str, words: Words) -> list[Column]:
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
