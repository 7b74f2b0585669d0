"""Chapters treatment, and patients and endpoints."""

import re
from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import PageTable, as_text, tell
from prrt_outcomes.report.summary_tables import list_publication_tables
from prrt_outcomes.report.survival_chapter import survival_table
from prrt_outcomes.response.criteria import NAMED
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import (
    endpoint_titles,
    inside_sentence,
    name_column,
    name_term,
)


def write_endpoints(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter: the patients, and each endpoint as an estimand in one sentence."""
    estimands = tables["estimands"]
    shown = list_publication_tables("baseline", tables, study)
    if estimands.empty:
        return [], shown
    titles = {c.name: c.title or name_term(c.name) for c in study.response.definitions}
    words = {
        "title": lambda row: as_text(row["title"]) or as_text(row["endpoint"]),
        "sentence": lambda text: name_criteria(text, titles),
    }
    plain = estimands[estimands["variant"].isna()]
    note = "Variants of the sensitivity analyses are in the file." if len(plain) < len(estimands) else ""
    shown += [col.show_table("estimands", plain, words=words, note=note, most_open=0)]
    compared = tables["estimand_comparison"]
    others = compared.loc[compared["variant"].notna(), "endpoint"]
    if len(others):
        level = numbers.format_level(study.analysis.confidence.level)
        rows = compared[compared["endpoint"].isin(others)]
        shown.append(survival_table("estimand_comparison", rows, endpoint_titles(study), level))
    scans = tables["scan_intervals"]
    scans = scans[scans["group_by"].isin(study.analysis.group_by[:1])]
    if len(scans):
        shown.append(col.show_table("scan_intervals", scans, most_open=0))
    return _describe_scans(tables["scan_interval_test"]), shown


def _describe_scans(tests: pd.DataFrame) -> list:
    """A warning for each grouping whose scans are not equally far apart."""
    return [
        tell("unequal_scans", "scan_interval_test", row, group=inside_sentence(name_column(row["group_by"])))
        for row in pick_rows(tests, verdict="differ").to_dict("records")
    ]


def name_criteria(sentence: str, titles: Mapping[str, str]) -> str:
    """Write the title of a criterion where a sentence holds its code: `progression by RECIST 1.1`."""
    words = {name: name_term(name) for name in NAMED} | dict(titles)
    codes = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    return re.sub(rf"\b({codes})\b", lambda found: words[found.group()], sentence)
