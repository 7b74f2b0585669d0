"""What does not reach a response: rows that belong to nobody treated, patients who cannot be evaluated."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.response.best import AFTER_NEW_THERAPY, NOT_ASSESSED, TOO_EARLY, UNCONFIRMED_TOO_EARLY
from prrt_outcomes.response.classify import Classified
from prrt_outcomes.response.codes import NE
from prrt_outcomes.response.course import Course
from prrt_outcomes.response.passes import Pass, filter_known
from prrt_outcomes.response.readers import find_first_reader
from prrt_outcomes.study.model import Study

REASONS = (
    "no assessment after the first cycle",
    "no assessment in the baseline window",
    "lesion rows contradict each other",
    "stable disease or an unconfirmed response too early",
    "no assessment could be evaluated",
    "every assessment came after a new anticancer therapy",
)


def count_losses(tables: dict[str, pd.DataFrame], passes: list[Pass], study: Study) -> list[dict]:
    """Attrition rows: assessments and lesions never read, and patients NE by reason.

    Patients are counted for the primary criterion, unconfirmed, before adjudication, initial period. They stay
    in the denominator of the rates; the rows say why their best response is NE.
    """
    rows = []
    treated = tables["treatment_periods"]["patient_id"].unique()
    for name in ("assessments", "lesions"):
        table = tables[name]
        known = filter_known(table, "assessment_date", study)
        late, foreign = len(table) - len(known), int((~known["patient_id"].isin(treated)).sum())
        if late:
            rows.append(
                attrition_row(name, "rows", "response: cut-off", "after the data cut-off", len(table), late)
            )
        if foreign:
            reason = "the patient has no cycle of treatment"
            rows.append(attrition_row(name, "rows", "response: treated", reason, len(known), foreign))
    primary = study.response.primary_criterion
    which = next(p for p in passes if primary in [c.criterion.name for c in p.classified])
    course, classified = which.course, which.classified
    timeline = course.timeline
    reader = timeline.readers.index(find_first_reader(timeline.readers, which.settings))
    units = np.flatnonzero(timeline.periods.period == 1) * len(timeline.readers) + reader
    why = classify_losses(course, classified[0])[units]
    left = len(units)
    for code, reason in enumerate(REASONS):
        lost = int((why == code).sum())
        if lost:
            rows.append(
                attrition_row("best_responses", "patients", "response: evaluable", reason, left, lost)
            )
            left -= lost
    return rows


def classify_losses(course: Course, classified: Classified) -> np.ndarray:
    """Place in `REASONS` of each unit whose unconfirmed best response is NE; -1 for the others."""
    best = classified.best[False]
    early = np.isin(best.why, (TOO_EARLY, UNCONFIRMED_TOO_EARLY))
    faulty = course.faults.code != 0
    no_baseline = course.timeline.baseline_visit < 0
    late = best.why == AFTER_NEW_THERAPY
    why = np.select([best.why == NOT_ASSESSED, late, early, faulty, no_baseline], [0, 5, 3, 2, 1], 4)
    return np.where(best.response == NE, why, -1)
