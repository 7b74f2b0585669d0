"""Rows and columns of the publication tables as a study wants them: dropped, renamed, in its order."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from prrt_outcomes.errors import InputError, Problem, suggest, tell_setting
from prrt_outcomes.report.content import PageTable
from prrt_outcomes.study.model import TableEdits, TableParts


def edit_tables(tables: list[PageTable], edits: TableEdits) -> list[PageTable]:
    """Tables of one name with the title, rows and columns that a study wants; none where it drops them.

    A row or column is named by its code or as the table shows it; a heading stands for all rows below it.
    Raises InputError with every name that no row or column of the tables has, and the nearest that there is.
    """
    if edits.drop or not tables:
        return []
    rows = [(row.name, str(row.cells[0])) for table in tables for row in table.rows]
    columns = [(column.name, column.title) for table in tables for column in table.columns]
    named = {"row": (edits.rows, rows), "column": (edits.columns, columns)}
    problems = [
        problem
        for what, (parts, names) in named.items()
        for problem in _find_unknown(f"report_tables.{tables[0].name}.{what}s", what, parts, names)
    ]
    if problems:
        raise InputError(problems)
    return [_edit(table, edits) for table in tables]


def _find_unknown(
    key: str, what: str, parts: TableParts, names: Sequence[tuple[str, str]]
) -> Iterator[Problem]:
    known = list(dict.fromkeys(name for pair in names for name in pair if name))
    words = {"problem": f"the table has no {what} of this name", "severity": "error"}
    for kind, values in parts:
        for value in values:
            if value not in known:
                expected = suggest(value, known, f"{what}s: {', '.join(known)}")
                yield tell_setting("unknown_name", f"{key}.{kind}", value, expected=expected, **words)


def _rank(order: Sequence[str], *names: str) -> int:
    """Place of the first of the names that an order has; behind all others where it has none."""
    return next((order.index(name) for name in names if name in order), len(order))


def _edit(table: PageTable, edits: TableEdits) -> PageTable:
    rows, columns, ranked = edits.rows, edits.columns, []
    groups = [row.name.partition(".")[0] for row in table.rows]
    heads = {row.name: str(row.cells[0]) for row in table.rows if not row.indent}
    for place, (group, row) in enumerate(zip(groups, table.rows, strict=True)):
        own, above = (row.name, str(row.cells[0])), (group, heads.get(group, group))
        if not {*own, *above} & {*rows.drop}:
            rank = (
                _rank(rows.order, *above),
                groups.index(group),
                row.indent,
                _rank(rows.order, *own),
                place,
            )
            shown = rows.rename.get(own[0], rows.rename.get(own[1], row.cells[0]))
            ranked.append((rank, row._replace(cells=[shown, *row.cells[1:]])))
    stub, *others = enumerate(table.columns)
    kept = [(i, c) for i, c in others if not {c.name, c.title} & {*columns.drop}]
    chosen = [stub, *sorted(kept, key=lambda pair: _rank(columns.order, pair[1].name, pair[1].title))]
    names, lines = columns.rename, [row for _, row in sorted(ranked, key=lambda pair: pair[0])]
    return replace(
        table,
        title=edits.title or table.title,
        columns=tuple(replace(c, title=names.get(c.name, names.get(c.title, c.title))) for _, c in chosen),
        rows=tuple(row._replace(cells=[row.cells[i] for i, _ in chosen]) for row in lines),
    )
