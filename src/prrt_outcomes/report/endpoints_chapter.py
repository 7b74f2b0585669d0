"""Chapter patients and endpoints: each endpoint as an estimand in one sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.rows import has_rows
from prrt_outcomes.report.content import Column, PageTable, page_table, say, trace
from prrt_outcomes.report.doubt_tables import variant_table
from prrt_outcomes.wording.numbers import (
    format_count,
    format_level,
    format_number,
    format_p_value,
    format_percent,
    format_range,
)
from prrt_outcomes.wording.terms import endpoint_titles, inside_sentence, name_code, name_column, name_term

KEY = ("endpoint", "variant")


def write_endpoints(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter."""
    estimands = tables["estimands"]
    who = [baseline_table(tables["baseline"])] if has_rows(tables["baseline"]) else []
    if not has_rows(estimands):
        return [], who
    plain = estimands["variant"].isna()
    titles = {c.name: c.title or name_term(c.name) for c in study.response.definitions}
    columns = [
        Column("Endpoint", lambda r: _text(r["title"]) or _text(r["endpoint"]), False),
        Column("Estimand", lambda r: name_criteria(_text(r["sentence"]), titles), False),
        Column("Patients", lambda r: format_count(r["n"])),
        Column("Events", lambda r: format_count(r["events"])),
        Column("Competing", lambda r: format_count(r["competing_events"])),
    ]
    note = "Variants of the sensitivity analyses stand in the file."
    paragraphs = _describe_scans(tables["scan_interval_test"])
    shown = [
        page_table("Endpoints as estimands", "estimands", estimands[plain], columns, KEY, note, most_open=0)
    ]
    if has_rows(tables["estimand_comparison"]):
        level = format_level(study.analysis.confidence.level)
        shown.append(variant_table(tables["estimand_comparison"], endpoint_titles(study), level))
    return paragraphs, shown


def _describe_scans(tests: pd.DataFrame) -> list:
    """A warning for each grouping whose scans are not equally far apart."""
    if not has_rows(tests):
        return []
    return [
        say(
            "Scans are not equally far apart by {group}: medians differ by up to {d} days (Kruskal-Wallis {p}). A "
            "group that is scanned more rarely seems to progress later: read its progression-free survival so.",
            group=inside_sentence(name_column(str(row["group_by"]))),
            d=trace(format_number(row["difference_days"], 0), "scan_interval_test", row, "group_by"),
            p=trace(format_p_value(row["p_value"], name="p"), "scan_interval_test", row, "group_by"),
        )
        for row in tests[tests["verdict"].astype("string").eq("differ").fillna(False)].to_dict("records")
    ]


def baseline_table(baseline: pd.DataFrame) -> PageTable:
    """Who the patients are: a row a term and level, a column for all and for each tumour group."""
    groups = list(
        dict.fromkeys(zip(baseline["group_by"].astype(str), baseline["group"].astype(str), strict=True))
    )
    totals = {
        key: baseline.loc[
            baseline["group_by"].astype(str).eq(key[0]) & baseline["group"].astype(str).eq(key[1]), "total"
        ].iloc[0]
        for key in groups
    }
    cells: dict[tuple, dict] = {}
    for row in baseline.to_dict("records"):
        key = (str(row["term"]), str(row["level"]))
        line = cells.setdefault(key, {"term": key[0], "level": key[1]})
        line[f"{row['group_by']}:{row['group']}"] = _baseline_cell(row)
    columns = [
        Column("", lambda r: name_column(r["term"]), False),
        Column("Level", lambda r: _level_words(r["term"], r["level"]), False),
        *(
            Column(f"{name_code(*key)} (n = {format_count(totals[key])})", _show(f"{key[0]}:{key[1]}"))
            for key in groups
        ),
    ]
    note = "Patients (share of all in the column), or median (quartiles)."
    frame = pd.DataFrame(list(cells.values()))
    return page_table(
        "Patients at baseline", "baseline", frame, columns, ("term", "level"), note, most_open=60
    )


def _baseline_cell(row: dict) -> str:
    if pd.notna(row["median"]):
        return (
            f"{format_number(row['median'])} ({format_range(row['lower_quartile'], row['upper_quartile'])})"
        )
    return f"{format_count(row['n'])} ({format_percent(row['proportion'])})" if row["total"] else ""


def _level_words(term: str, level: str) -> str:
    if level == "value":
        return "median (quartiles)"
    return name_code(term, level)


def _show(key: str):
    return lambda row: str(row.get(key) or "")


def name_criteria(sentence: str, titles: Mapping[str, str]) -> str:
    """Write the title of a criterion where a sentence holds its code: `progression by RECIST 1.1`."""
    from prrt_outcomes.response.criteria import NAMED

    words = {name: name_term(name) for name in NAMED} | dict(titles)
    codes = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    return re.sub(rf"\b({codes})\b", lambda found: words[found.group()], sentence)


def _text(value) -> str:
    return "" if pd.isna(value) else str(value)
