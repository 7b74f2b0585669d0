"""The chapters of the page in order, and how each is put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from prrt_outcomes.report.account import partial_reason, skip_reason
from prrt_outcomes.report.content import Chapter, PageFigure
from prrt_outcomes.report.methods import METHODS
from prrt_outcomes.report.survival_chapter import write_survival

REPORT_CHAPTERS: dict[str, str] = {
    "treatment": "Treatment",
    "response": "Response",
    "endpoints": "Patients and endpoints",
    "survival": "Survival",
    "responders": "Responders",
    "controls": "Against history",
    "safety": "Safety",
}
WRITERS: dict[str, Callable] = {"survival": write_survival}


def build_chapter(name: str, tables: Mapping[str, pd.DataFrame], figures: list[PageFigure], study) -> Chapter:
    """Put paragraphs, figures, tables and methods of a chapter together, or say why it is empty.

    Parameters
    ----------
    name : one of `REPORT_CHAPTERS`
    tables : all tables of the report
    figures : figures of the chapter as they lie on disk
    study : settings and titles
    """
    title = REPORT_CHAPTERS[name]
    paragraphs, shown = WRITERS[name](tables, study) if name in WRITERS else ([], [])
    reason = skip_reason(tables["stages"], name)
    if not paragraphs and not shown and not figures:
        return Chapter(name, title, skipped=reason or "the tables of this chapter have no rows")
    remark = partial_reason(tables["stages"], name)
    return Chapter(
        name,
        title,
        tuple(paragraphs),
        tuple(figures),
        tuple(shown),
        METHODS[name](study),
        remarks=(remark,) if remark else (),
    )
