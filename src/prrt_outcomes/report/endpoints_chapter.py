"""Chapter patients and endpoints: each endpoint as an estimand in one sentence."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.numbers import format_count, format_level
from prrt_outcomes.figures.rows import has_rows
from prrt_outcomes.figures.words import endpoint_titles
from prrt_outcomes.report.content import Column, PageTable, page_table
from prrt_outcomes.report.doubt_tables import variant_table

KEY = ("endpoint", "variant")


def write_endpoints(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter."""
    estimands = tables["estimands"]
    if not has_rows(estimands):
        return [], []
    plain = estimands["variant"].isna()
    columns = [
        Column("Endpoint", lambda r: _text(r["title"]) or _text(r["endpoint"]), False),
        Column("Estimand", lambda r: _text(r["sentence"]), False),
        Column("Patients", lambda r: format_count(r["n"])),
        Column("Events", lambda r: format_count(r["events"])),
        Column("Competing", lambda r: format_count(r["competing_events"])),
    ]
    note = "Variants of the sensitivity analyses stand in the file."
    shown = [page_table("Endpoints as estimands", "estimands", estimands[plain], columns, KEY, note)]
    if has_rows(tables["estimand_comparison"]):
        level = format_level(study.analysis.confidence.level)
        shown.append(variant_table(tables["estimand_comparison"], endpoint_titles(study), level))
    return [], shown


def _text(value) -> str:
    return "" if pd.isna(value) else str(value)
