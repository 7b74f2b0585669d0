"""The page of data quality that `check` writes: how complete the tables are, what is in doubt, and what was lost."""

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from prrt_outcomes.cohort.chronology import DATED_ROWS
from prrt_outcomes.cohort.data_quality import ALL, NOT_IN_FILE
from prrt_outcomes.cohort.problem_places import KINDS, SEVERITIES
from prrt_outcomes.errors import STUDY_FILE
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.columns import name_table, name_variable, spell_first
from prrt_outcomes.report.content import Column, PageTable, Row
from prrt_outcomes.report.write import fill_template
from prrt_outcomes.study.base import spell_name
from prrt_outcomes.tables.schema import list_tables, load_schema
from prrt_outcomes.wording.numbers import (
    format_count,
    format_date,
    format_percent,
    format_range,
    format_unit,
    is_missing,
)
from prrt_outcomes.wording.terms import inside_sentence, name_codes

SECTIONS = {
    "dates": ("Contradictory dates", "No date contradicts another."),
    "duplicates": ("Repeated keys and names", "No key and no name occurs twice."),
    "units": ("Doubtful units", "No unit is in doubt."),
}
OF_CELLS = re.compile(r"\.(filter|exclude|values)\.")  # settings that name cells of a file
WITHOUT_VALUES = ("date", "partial", "string", "")
GRADES = (  # the least share, the class of the cell and the words of the legend
    (1.0, "full", "100%"),
    (0.9, "high", "90\u201399%"),
    (0.7, "middle", "70\u201389%"),
    (0.4, "low", "40\u201369%"),
    (0.0, "least", "below 40%"),
)


def render_quality_page(
    tables: Mapping[str, pd.DataFrame], faults: pd.DataFrame, study, name: str, *, is_whole: bool
) -> str:
    """Write the page; `faults` are as `problem_places.summarise_problems` gives them.

    Where the study file cannot be read, `study` is None and the title is `name`; if not `is_whole`, only errors are
    known.
    """
    quality = tables["data_quality"]
    named = study is not None and study.title
    ranges = tables["data_ranges"]
    sizes = quality[_is_whole(quality) & quality["column"].eq(ALL)]
    return fill_template(
        "quality.html.j2",
        title=study.title if named else name,
        synthetic=study is not None and study.synthetic,
        cutoff=format_date(study.data_cutoff) if study is not None else "",
        counts={s: format_count(faults.loc[faults["severity"].eq(s), "n"].sum()) for s in SEVERITIES},
        is_whole=is_whole,
        patients=format_count(sizes.loc[sizes["table"].eq("patients"), "n"].sum()),
        rows=format_count(sizes["n"].sum()),
        overview=show_overview(quality),
        completeness=[show_completeness(table, quality) for table in _list_names(quality)],
        legend=[(grade, words) for _, grade, words in GRADES],
        ranges=[show_ranges(table, ranges) for table in _list_names(ranges)],
        sections={
            kind: (KINDS[kind], show_faults(kind, title, faults), clean)
            for kind, (title, clean) in SECTIONS.items()
        },
        others=[
            show_faults(kind, KINDS[kind], faults)
            for kind in KINDS
            if kind not in SECTIONS and faults["kind"].eq(kind).any()
        ],
        losses=show_losses(tables["attrition"]),
    )


def show_overview(quality: pd.DataFrame) -> PageTable:
    """One row a table: rows, rows in doubt, and how many of its variables the files have."""
    rows = []
    for name in _list_names(quality):
        own = quality[_is_whole(quality) & quality["table"].eq(name)]
        whole, variables = own[own["column"].eq(ALL)].iloc[0], own[own["column"].ne(ALL)]
        absent = int(_is_absent(variables).sum())
        rows.append(
            {"Table": name, "Rows": whole["n"], "Rows in doubt": whole["n_doubtful"]}
            | {"Variables": len(variables) - absent, "Variables not in the files": absent}
        )
    heads = ("Rows", "Rows in doubt", "Variables", "Variables not in the files")
    columns = [*col.texts({"Table": "Table"}, name_table), *col.counts({head: head for head in heads})]
    note = "In doubt is a row of which an error or a warning names a cell."
    return _show("Tables as they were read", "data_quality", rows, columns, note)


def show_completeness(name: str, quality: pd.DataFrame) -> dict[str, object]:
    """Filled cells of one table by variable, with its centres and its calendar years."""
    own = quality[quality["table"].eq(name)]
    is_absent = _is_absent(own) & _is_whole(own)
    absent = own.loc[is_absent, "column"].tolist()
    own = own[~own["column"].isin(absent)]
    whole = own[_is_whole(own)]
    by_centre, by_year = own[own["centre_id"].ne(ALL)], own[own["year"].ne(ALL)]
    date = load_schema(name).field(DATED_ROWS[name]).title if name in DATED_ROWS else ""
    year = f"Calendar year ({inside_sentence(date)})" if date else "Calendar year of the first cycle"
    heats = [_show_heat("All rows" if by_centre.empty else "Centre", name, whole, by_centre, "centre_id")]
    if not by_year.empty:
        heats.append(_show_heat(year, name, None, by_year, "year"))
    words = inside_sentence(name_variable(name, ", ".join(absent)))
    return {"title": name_table(name), "heats": heats, "absent": words}


def show_ranges(name: str, ranges: pd.DataFrame) -> PageTable:
    """Minimum, median and maximum of the columns of numbers of a table, beside what is plausible."""
    analytes = load_schema("labs").field("analyte")
    words: dict = {
        "column": lambda column: name_variable(name, column),
        "unit": format_unit,
        "analyte": col.texts({"Analyte": "level"}, analytes.label) if name == "labs" else [],
        "plausible": lambda row: format_range(
            row["plausible_low"], row["plausible_high"], _format_value, open_end="any"
        ),
    }
    words |= {key: lambda row, key=key: _format_value(row[key]) for key in ("minimum", "median", "maximum")}
    own = ranges[ranges["table"].eq(name)]
    columns = col.list_columns("data_ranges", words)
    return _show(name_table(name), "data_ranges", own.to_dict("records"), columns)


def show_losses(attrition: pd.DataFrame) -> PageTable:
    """Rows that were left out, with the reason."""
    lost = attrition[attrition["n_lost"].gt(0)]
    columns = col.list_columns("attrition", {"table": name_table, "reason": spell_first})
    return _show("Rows left out", "attrition", lost.to_dict("records"), columns)


def show_faults(kind: str, title: str, faults: pd.DataFrame) -> PageTable:
    """Faults of one kind with their counts and first lines; no value that could name a patient."""
    own = faults[faults["kind"].eq(kind)]
    words = {
        "severity": spell_first,
        "table": name_table,
        "variable": lambda row: name_variable(row["table"], row["column"]),
        "problem": lambda text: spell_first(name_codes(text)),
        "count": lambda row: format_count(row["n"]) if row["lines"] else "",
        "value": lambda row: col.as_text(row["value"]) if _may_be_shown(row) else "",
        "expected": _advise,
    }
    columns = col.list_columns("problems", words)
    rows = own.to_dict("records")
    shown = [column for column in columns if any(column.show(row) for row in rows)]
    return _show(title, "problems", rows, shown)


def _show_heat(
    title: str, name: str, whole: pd.DataFrame | None, groups: pd.DataFrame, axis: str
) -> dict[str, object]:
    """Filled cells by variable in per cent, of all rows where they are given, and of each group.

    A cell is its text, its colour and the counts behind it.
    """
    levels = list(dict.fromkeys(groups[axis]))
    known = {(row["column"], row[axis]): row for row in groups.to_dict("records")}
    all_rows = {row["column"]: row for row in whole.to_dict("records")} if whole is not None else {}
    rows = []
    for column in dict.fromkeys((whole if whole is not None else groups)["column"]):
        cells = [_heat_cell(known.get((column, level))) for level in levels]
        if whole is not None:
            doubt = (format_count(all_rows[column]["n_doubtful"]), "", "")
            cells = [_heat_cell(all_rows[column]), doubt, *cells]
        rows.append(("Rows" if column == ALL else name_variable(name, column), cells))
    heads = ["All", "In doubt"] if whole is not None else []
    names = [spell_name(level) if level == "unknown" else level for level in levels]
    return {"title": title, "heads": heads + names, "rows": rows}


def _heat_cell(row: dict | None) -> tuple[str, str, str]:
    """Text, colour and counts of one cell; the number of rows where the row is not of a variable."""
    if row is None:
        return "", "", ""
    if is_missing(row["n_missing"]):
        return format_count(row["n"]), "", ""
    filled, n = int(row["n"] - row["n_missing"]), int(row["n"])
    if not n:
        return "", "", ""
    grade = next(grade for least, grade, _ in GRADES if filled >= least * n)
    return format_percent(filled / n).removesuffix("%"), grade, f"{filled} of {n}"


def _show(
    title: str, source: str, rows: Sequence[Mapping], columns: Sequence[Column], note: str = ""
) -> PageTable:
    """A table of the page with the file that its numbers stand in."""
    cells = tuple(Row("", [column.show(dict(row)) for column in columns]) for row in rows)
    return PageTable(title, source, tuple(columns), cells, note)


def _is_whole(quality: pd.DataFrame) -> pd.Series:
    return quality["centre_id"].eq(ALL) & quality["year"].eq(ALL)


def _is_absent(quality: pd.DataFrame) -> pd.Series:
    return quality["note"].fillna("").str.startswith(NOT_IN_FILE)


def _list_names(found: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(found["table"]))


def _format_value(value: object) -> str:
    """A value with at most four significant digits, a whole number from 1,000 on; a year without a space."""
    if is_missing(value):
        return ""
    number = float(value)  # type: ignore[arg-type]
    text = format_count(number)
    if abs(number) < 10_000:
        text = f"{number:.0f}" if abs(number) >= 1000 else f"{number:.4g}"
    return text.replace("-", "\u2212")


def _may_be_shown(row: Mapping) -> bool:
    """Whether a value names no patient and no day: codes, numbers, truth values, units and settings."""
    name = str(row["table"]).partition(" ")[0]
    if row["table"] == STUDY_FILE:
        return not OF_CELLS.search(row["column"])
    types = (
        {field.name: field.type for field in load_schema(name).fields} if name in list_tables("input") else {}
    )
    return row["kind"] == "units" or types.get(row["column"], "") not in WITHOUT_VALUES


def _advise(row: Mapping) -> str:
    """What is expected; nothing where it could say more of a patient than the line does."""
    if row["kind"] in ("dates", "duplicates", "references") or OF_CELLS.search(str(row["column"])):
        return ""
    expected = str(row["expected"])
    return spell_first(name_codes(expected) if row["kind"] in ("consistency", "units") else expected)
