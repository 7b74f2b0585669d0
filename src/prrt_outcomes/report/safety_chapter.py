"""Chapter safety: grade 3 or worse by organ and analyte."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.rows import has_rows, pick_rows
from prrt_outcomes.figures.worst_grades import phase_words
from prrt_outcomes.report.content import Column, PageTable, page_table, say, trace
from prrt_outcomes.wording.numbers import format_count, format_interval, format_level, format_percent
from prrt_outcomes.wording.terms import name_code

KEY = ("analyte", "phase", "group_by", "group", "grade_at_least")
ORGANS = {
    "any_haematological": "haematological toxicity",
    "any_renal": "renal toxicity",
    "any_hepatic": "hepatic toxicity",
}


def write_safety(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter; rates by group stand in the file."""
    rates = pick_rows(tables["safety_rates"], group_by="all")
    if not has_rows(rates):
        return [], []
    level = format_level(study.analysis.confidence.level)
    paragraphs = []
    for analyte, words in ORGANS.items():
        rows = pick_rows(rates, analyte=analyte, phase="any", grade_at_least="3").to_dict("records")
        if rows:
            row = rows[0]
            text = format_interval(
                row["proportion"], row["proportion_low"], row["proportion_high"], format_percent
            )
            paragraphs.append(
                say(
                    "Grade 3 or worse {w}: {p} of {t} patients ({level} CI).",
                    w=words,
                    p=trace(text, "safety_rates", row, *KEY),
                    t=format_count(row["total"]),
                    level=level,
                )
            )
    severe = rates[rates["grade_at_least"].isin([2, 3, 4])]
    columns = [
        Column("Analyte", lambda r: _analyte(str(r["analyte"])), False),
        Column("When", lambda r: phase_words(str(r["phase"])), False),
        Column("Grade at least", lambda r: format_count(r["grade_at_least"])),
        Column("n", lambda r: f"{format_count(r['n'])}/{format_count(r['total'])}"),
        Column(
            f"Share ({level} CI)",
            lambda r: format_interval(
                r["proportion"], r["proportion_low"], r["proportion_high"], format_percent
            ),
        ),
    ]
    return paragraphs, [page_table("Laboratory toxicity, all patients", "safety_rates", severe, columns, KEY)]


def _analyte(code: str) -> str:
    words = ORGANS.get(code)
    return f"Any {words}" if words else name_code("analyte", code)
