"""Stage `response`: overall and best response of every treated patient by every criterion, rates, waterfall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from prrt_outcomes.attrition import attrition_frame
from prrt_outcomes.response.classify import Classified, classify_course
from prrt_outcomes.response.course import Course, build_course
from prrt_outcomes.response.criteria import resolve_criteria
from prrt_outcomes.response.depth import summarise_waterfall
from prrt_outcomes.response.frames import derive_best_table, derive_responses_table
from prrt_outcomes.response.losses import count_losses
from prrt_outcomes.response.rates import derive_groupings, summarise_response_rates
from prrt_outcomes.response.readers import find_primary_reader
from prrt_outcomes.stage_status import stage_frame
from prrt_outcomes.tables.frames import conform_table, empty_table

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study

INPUTS = ("patients", "therapies", "assessments", "lesions", "labs", "follow_up", "treatment_periods")
OUTPUTS = ("responses", "best_responses", "response_rates", "waterfall")
SETTINGS = ("response", "analysis", "partial_dates", "new_anticancer_therapy", "data_cutoff")


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Derive responses, best responses and what follows from them.

    Parameters
    ----------
    tables : typed frames of `INPUTS`
    study : its `response`, `analysis`, `partial_dates`, `new_anticancer_therapy`, `data_cutoff`

    Returns
    -------
    dict
        the tables of `OUTPUTS`, `attrition` and `stages`. Rates and waterfall speak of the primary reader and
        the initial treatment period.
    """
    if tables["treatment_periods"].empty:
        return _skip("there are no cycles of treatment, so a response has no beginning")
    if tables["assessments"].empty and tables["lesions"].empty and tables["labs"].empty:
        return _skip("there are neither assessments nor lesions")
    tables = tables | {name: _cut(tables[name], study) for name in ("assessments", "lesions")}
    course = build_course(tables, study)
    settings = study.response
    classified = [classify_course(course, criterion, settings) for criterion in resolve_criteria(settings)]
    responses = pd.concat(
        [derive_responses_table(course, c, settings) for c in classified], ignore_index=True
    )
    best = pd.concat(
        [derive_best_table(course, c, settings, confirmed=k) for c in classified for k in (False, True)],
        ignore_index=True,
    )
    group_by = study.analysis.group_by
    primary = find_primary_reader(course.timeline.readers, settings)
    ours = best[(best["reader"] == primary) & (best["period"] == 1)]
    ours = derive_groupings(ours, tables["patients"], tables["treatment_periods"], group_by)
    chosen = responses[(responses["reader"] == primary) & (responses["period"] == 1)]
    rates = summarise_response_rates(ours, group_by, level=study.analysis.confidence.level)
    return {
        "responses": conform_table("responses", responses),
        "best_responses": conform_table("best_responses", best),
        "response_rates": conform_table("response_rates", rates),
        "waterfall": conform_table(
            "waterfall", summarise_waterfall(chosen, ours[~ours["confirmed"]], group_by)
        ),
        "attrition": attrition_frame(count_losses(tables, course, classified, study)),
        "stages": _state(course, classified, study),
    }


def _skip(reason: str) -> dict[str, pd.DataFrame]:
    """Empty tables, and why."""
    empty = {name: empty_table(name) for name in OUTPUTS}
    return empty | {"attrition": attrition_frame([]), "stages": stage_frame("response", "skipped", reason)}


def _cut(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Nothing after the data cut-off is known."""
    if study.data_cutoff is None:
        return table
    return table[~(table["assessment_date"] > pd.Timestamp(study.data_cutoff))]


def _state(course: Course, classified: list[Classified], study: Study) -> pd.DataFrame:
    """Done, or partial where the primary reader had to be guessed."""
    settings, readers = study.response, course.timeline.readers
    if (
        settings.reader is None
        and settings.adjudicator is None
        and len(readers) > 1
        and "local" not in readers
    ):
        primary = find_primary_reader(readers, settings)
        reason = f"several readers and none named primary: {primary} was taken; name one in response.reader"
        return stage_frame("response", "partial", reason)
    return stage_frame("response", "done")
