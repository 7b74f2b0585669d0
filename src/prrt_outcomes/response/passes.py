"""One pass over the scans for the criteria of size, and one over the samples for each marker."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from prrt_outcomes.response.classify import Classified, classify_course
from prrt_outcomes.response.course import Course, build_course
from prrt_outcomes.response.markers import derive_marker_tables
from prrt_outcomes.response.readers import LABORATORY, find_primary_reader
from prrt_outcomes.study.model import Study
from prrt_outcomes.study.response import CriterionDefinition, ResponseSettings


@dataclass(frozen=True)
class Pass:
    """A course and its classified criteria; `primary` is the reader that counts, `settings` those in force."""

    course: Course
    classified: list[Classified]
    settings: ResponseSettings
    primary: str
    is_marker: bool


def classify_study(
    tables: dict[str, pd.DataFrame], study: Study, criteria: tuple[CriterionDefinition, ...]
) -> list[Pass]:
    """Classify all criteria of a study; nothing after the data cut-off is read."""
    tables = tables | {
        name: filter_known(tables[name], column, study)
        for name, column in (
            ("assessments", "assessment_date"),
            ("lesions", "assessment_date"),
            ("labs", "sample_date"),
        )
    }
    settings = study.response
    passes = []
    by_size = [c for c in criteria if c.measure != "marker"]
    if by_size:
        course = build_course(tables, study)
        classified = [classify_course(course, c, settings) for c in by_size]
        primary = find_primary_reader(course.timeline.readers, settings)
        passes.append(Pass(course, classified, settings, primary, is_marker=False))
    by_laboratory = settings.model_copy(update={"reader": LABORATORY, "adjudicator": None})
    for criterion in criteria:
        if criterion.measure == "marker":
            own = study.model_copy(update={"response": by_laboratory})
            course = build_course(derive_marker_tables(tables, criterion.analyte), own)
            classified = [classify_course(course, criterion, by_laboratory)]
            passes.append(Pass(course, classified, by_laboratory, LABORATORY, is_marker=True))
    return passes


def filter_known(table: pd.DataFrame, column: str, study: Study) -> pd.DataFrame:
    """Rows up to the data cut-off."""
    if study.data_cutoff is None:
        return table
    return table[~(table[column] > pd.Timestamp(study.data_cutoff))]
