"""The chapters of the page in order, and how each is put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from prrt_outcomes.report.account import partial_reason, skip_reason
from prrt_outcomes.report.content import Chapter, PageFigure
from prrt_outcomes.report.controls_chapter import write_controls
from prrt_outcomes.report.endpoints_chapter import write_endpoints
from prrt_outcomes.report.methods import METHODS
from prrt_outcomes.report.responders_chapter import write_responders
from prrt_outcomes.report.response_chapter import write_response
from prrt_outcomes.report.safety_chapter import write_safety
from prrt_outcomes.report.survival_chapter import write_survival
from prrt_outcomes.report.treatment_chapter import write_treatment

REPORT_CHAPTERS: dict[str, str] = {
    "treatment": "Treatment",
    "response": "Response",
    "endpoints": "Patients and endpoints",
    "survival": "Survival",
    "responders": "Responders",
    "controls": "Against history",
    "safety": "Safety",
}
WRITERS: dict[str, Callable] = {
    "treatment": write_treatment,
    "response": write_response,
    "endpoints": write_endpoints,
    "survival": write_survival,
    "responders": write_responders,
    "controls": write_controls,
    "safety": write_safety,
}


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
        tuple(f for f in figures if f.leading),
        tuple(shown),
        METHODS[name](study),
        further=tuple(f for f in figures if not f.leading),
        remarks=(remark,) if remark else (),
    )
