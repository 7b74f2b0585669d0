"""Numbers of result tables by name, such as `km.pfs.all.median`, for Word templates."""

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import yaml

from prrt_outcomes.errors import InputError, Problem, UsageError, nearest_name
from prrt_outcomes.report.content import Number, trace
from prrt_outcomes.report.write import make_sandbox
from prrt_outcomes.wording import numbers

# Table, columns of the key and values of each alias.
ALIASES: dict[str, dict] = yaml.safe_load(Path(__file__).with_name("names.yaml").read_text("utf-8"))

LARGEST = 100_000_000  # bytes of a Word file, unpacked


def list_numbers(alias: str, tables: Mapping[str, pd.DataFrame]) -> dict[str, Number]:
    """Every number of an alias by its name, with its table and row; one that is missing is the reason in words."""
    named, found = ALIASES[alias], {}
    for stem, row in iterate_rows(alias, tables[named["table"]]):
        status = row.get("median_status", row.get("status"))
        why = numbers.describe_status(status) or numbers.NOT_ESTIMABLE
        for value, (kind, *columns) in named["values"].items():
            form, cells = getattr(numbers, f"format_{kind}"), [row[name] for name in columns]
            text = numbers.format_range(cells[0], cells[1], form) if len(cells) > 1 else form(cells[0])
            found[f"{stem}.{value}"] = trace(text or why, named["table"], row)
    return found


def iterate_rows(alias: str, table: pd.DataFrame) -> Iterator[tuple[str, dict]]:
    """Rows of the table of an alias, each with the name that its values begin with."""
    for row in table.to_dict("records"):
        yield ".".join([alias, *_name_key(row, ALIASES[alias]["key"])]), row


def _name_key(row: Mapping, key: list[str]) -> list[str]:
    """Cells of a key as parts of a name; `all` of a grouping and of its group is one part."""
    parts: list[str] = []
    for column in key:
        cell = row[column]
        if (
            numbers.is_missing(cell)
            or cell == ""
            or (column == "group" and cell == "all" and parts[-1:] == ["all"])
        ):
            continue
        text = f"{cell:g}" if isinstance(cell, float) else str(cell)
        text = {"True": column, "False": f"not_{column}"}.get(text, text)
        parts.append(re.sub(r"\W+", "_", f"_{text}" if text[:1].isdigit() else text))
    return parts


class _Name:
    """What a name of a template leads to; one that leads nowhere is noted in `unknown` and is empty."""

    def __init__(self, name: str, known: Mapping[str, Number], unknown: list[str]) -> None:
        self._own = name, known, unknown

    def __getattr__(self, part: str) -> "_Name":
        if part.startswith("__"):
            raise AttributeError(part)
        return _Name(f"{self._own[0]}.{part}", *self._own[1:])

    def __str__(self) -> str:
        name, known, unknown = self._own
        if name not in known:
            unknown.append(name)
        return known[name].text if name in known else ""


def fill_word_template(template: Path, target: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Replace the names in a Word file by their numbers.

    Raises InputError with every unknown name and the nearest that is known; UsageError when it is no file of Word or
    its braces do not match.
    """
    import docxtpl

    known, unknown = dict[str, Number](), list[str]()
    try:
        with zipfile.ZipFile(template) as parts:
            if sum(part.file_size for part in parts.infolist()) > LARGEST:
                raise ValueError(f"it unpacks to more than {LARGEST // 10**6} MB")
        document, sandbox = docxtpl.DocxTemplate(str(template)), make_sandbox()
        wanted = sorted(document.get_undeclared_template_variables(sandbox))
        for alias in (name for name in wanted if name in ALIASES):
            known |= list_numbers(alias, tables)
        document.render({name: _Name(name, known, unknown) for name in wanted}, sandbox)
        document.save(str(target))
    except Exception as error:
        raise UsageError(f"{template} cannot be filled: {error}") from error
    problems = []
    for name in dict.fromkeys(unknown):
        near = nearest_name(name, list(known)) or nearest_name(name.partition(".")[0], list(ALIASES))
        expected = f"did you mean {near}?" if near else f"names begin with {', '.join(ALIASES)}"
        problems.append(Problem(template.name, None, name, "", "no number has this name", expected))
    if problems:
        raise InputError(problems)
