"""From arrays to the tables of the contract: `responses` and `best_responses`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.response.best import (
    AFTER_NEW_THERAPY,
    AT_PROGRESSION,
    AT_RESPONSE,
    AT_STABLE,
    AT_UNCONFIRMED,
    NOT_ASSESSED,
    NOT_EVALUABLE,
    TOO_EARLY,
    UNCONFIRMED_TOO_EARLY,
    convert_positions_to_days,
)
from prrt_outcomes.response.classify import Classified
from prrt_outcomes.response.codes import (
    BASES,
    DERIVED,
    NO_DAY,
    NON_TARGETS,
    PD,
    PR,
    REPORTED,
    RESPONSES,
    convert_to_category,
    convert_to_dates,
)
from prrt_outcomes.response.course import Course
from prrt_outcomes.response.non_targets import NEW_BY_MODALITY, NEW_COUNTED
from prrt_outcomes.response.readers import ADJUDICATED, find_primary_reader, select_adjudicated_units
from prrt_outcomes.response.reasons import format_reasons
from prrt_outcomes.response.timeline import FAR_DAY
from prrt_outcomes.response.wording import convert_to_strings, format_distinct, gather_texts, join_words
from prrt_outcomes.study.response import ResponseSettings

_BEST_WORDS = {
    AT_RESPONSE: "seen",
    AT_STABLE: "seen late enough",
    AT_PROGRESSION: "progression came first",
    AT_UNCONFIRMED: "a response was not confirmed",
    TOO_EARLY: "stable only before {days} days after the first cycle",
    UNCONFIRMED_TOO_EARLY: "a response was not confirmed, and it was seen before {days} days",
    NOT_EVALUABLE: "no assessment could be evaluated",
    NOT_ASSESSED: "not assessed",
    AFTER_NEW_THERAPY: "every assessment came after a new anticancer therapy",
}


def derive_responses_table(
    course: Course, classified: Classified, settings: ResponseSettings
) -> pd.DataFrame:
    """Table `responses` under one criterion: one row a patient, period, follow-up scan and reader."""
    timeline, targets = course.timeline, classified.targets
    visits = classified.followed
    unit = timeline.visit_unit[visits]
    reader = unit % len(timeline.readers)
    total, base, nadir = targets.sum[visits], targets.baseline_sum[visits], targets.nadir[visits]
    comparable = targets.complete[visits]
    change = np.where(comparable & (base > 0), total / np.where(base > 0, base, 1) - 1, np.nan)
    over = np.where(comparable & (nadir > 0), total / np.where(nadir > 0, nadir, 1) - 1, np.nan)
    has_base = ~np.isnan(base)
    period = unit // len(timeline.readers)
    table = pd.DataFrame(
        {
            **derive_keys(course, period),
            "assessment_date": convert_to_dates(timeline.visit_day[visits]),
            "reader": take_labels(timeline.readers, reader),
            "criterion": repeat_text(classified.criterion.name, len(visits)),
            "target_sum": np.where(has_base & comparable, total, np.nan),
            "baseline_sum": base,
            "nadir_sum": np.where(has_base, nadir, np.nan),
            "change_from_baseline": change,
            "change_from_nadir": np.where(has_base, over, np.nan),
            "target_response": convert_to_category(targets.response[visits], RESPONSES),
            "non_target_response": convert_to_category(classified.non_target[visits], NON_TARGETS),
            "new_lesion": pd.array(classified.new_lesion[visits] == NEW_COUNTED, dtype="boolean"),
            "overall_response": convert_to_category(classified.overall.response[visits], RESPONSES),
            "reason": convert_to_strings(format_reasons(course, classified, visits)),
            "basis": convert_to_category(classified.overall.basis[visits], BASES),
            "counted": pd.array(classified.counted, dtype="boolean"),
            "confirmation_date": _confirmation_dates(course, classified),
            "new_lesion_by_modality": pd.array(
                classified.new_lesion[visits] == NEW_BY_MODALITY, dtype="boolean"
            ),
        }
    )
    if settings.adjudicator is not None:
        source = list_adjudicated_units(course, settings)
        chosen = table[np.isin(unit, source)].assign(reader=ADJUDICATED)
        table = pd.concat([table, chosen.astype({"reader": "string"})], ignore_index=True)
    primary = find_primary_reader(timeline.readers, settings)
    return table.assign(primary_reader=(table["reader"] == primary).astype("boolean"))


def _confirmation_dates(course: Course, classified: Classified) -> np.ndarray:
    """Date of the visit that confirms the CR or PR of each follow-up visit; empty where none does."""
    day = course.timeline.visit_day[classified.counted_visits]
    days = np.full(len(classified.followed), NO_DAY, dtype=np.int32)
    days[classified.counted] = convert_positions_to_days(day, classified.confirmed_at)
    return convert_to_dates(days)


def _first_days(course: Course, visits: np.ndarray, flag: np.ndarray) -> np.ndarray:
    """Day of the first of the visits of each unit for which the flag is true; `NO_DAY` where there is none."""
    days = np.full(course.timeline.n_units, NO_DAY, dtype=np.int32)
    at = visits[flag][::-1]
    days[course.timeline.visit_unit[at]] = course.timeline.visit_day[at]
    return days


def _derive_date_columns(
    course: Course, classified: Classified, units: np.ndarray, confirmed: bool
) -> dict[str, np.ndarray]:
    """First response with its confirmation, first progression and first new anticancer therapy of the units."""
    counted, overall = classified.counted_visits, classified.overall.response
    responded = overall[counted] <= PR
    if confirmed:
        responded &= classified.confirmed_at >= 0
    confirming = np.full(course.timeline.n_units, NO_DAY, dtype=np.int32)
    at = np.flatnonzero(responded)[::-1] if confirmed else np.array([], dtype=np.int64)
    confirming[course.timeline.visit_unit[counted[at]]] = course.timeline.visit_day[
        counted[classified.confirmed_at[at]]
    ]
    followed = classified.followed
    days = {
        "first_response_date": _first_days(course, counted, responded),
        "first_confirmation_date": confirming,
        "progression_date": _first_days(course, followed, overall[followed] == PD),
        "new_therapy_date": np.where(course.stop_day == FAR_DAY, NO_DAY, course.stop_day),
    }
    return {name: convert_to_dates(values[units]) for name, values in days.items()}


def derive_best_table(
    course: Course, classified: Classified, settings: ResponseSettings, *, confirmed: bool
) -> pd.DataFrame:
    """Table `best_responses` under one criterion: one row a treated patient, period and reader.

    Columns beyond the contract: `confirmation_date` (the confirming scan; from it on a patient is a responder
    where confirmation is asked), `complete_then_partial` (a PR follows a CR: to be looked at), `reason`, the
    dates of the first response (`confirmed`: of the first that was confirmed), its confirmation, the first
    progression and the first new anticancer therapy, and `primary_reader`.
    """
    timeline = course.timeline
    best = classified.best[confirmed]
    day = timeline.visit_day[classified.counted_visits]
    units = np.arange(timeline.n_units)
    labels = (*timeline.readers, ADJUDICATED)
    reader = units % len(timeline.readers)
    if settings.adjudicator is not None:
        source = list_adjudicated_units(course, settings)
        units = np.concatenate([units, source])
        reader = np.concatenate([reader, np.full(len(source), len(timeline.readers))])
    group_of = {code: name for name, codes in settings.groups.items() for code in codes}
    groups = pd.array([group_of.get(code) for code in RESPONSES], dtype="string")
    response = best.response[units]
    table = pd.DataFrame(
        {
            **derive_keys(course, units // len(timeline.readers)),
            "criterion": repeat_text(classified.criterion.name, len(units)),
            "reader": take_labels(labels, reader),
            "confirmed": pd.array(np.full(len(units), confirmed), dtype="boolean"),
            "best_response": convert_to_category(response, RESPONSES),
            "best_response_date": convert_to_dates(convert_positions_to_days(day, best.position)[units]),
            "response_group": groups.take(response),
            "basis": convert_to_category(_best_basis(course, classified, confirmed)[units], BASES),
            "confirmation_date": convert_to_dates(convert_positions_to_days(day, best.confirmed_at)[units]),
            "complete_then_partial": pd.array(best.complete_then_partial[units], dtype="boolean"),
            "reason": convert_to_strings(_best_reasons(course, classified, settings, confirmed).take(units)),
            **_derive_date_columns(course, classified, units, confirmed),
        }
    )
    primary = find_primary_reader(timeline.readers, settings)
    return table.assign(primary_reader=(table["reader"] == primary).astype("boolean"))


def _best_basis(course: Course, classified: Classified, confirmed: bool) -> np.ndarray:
    """Basis of the scan that showed the best response; without one, whether the unit has lesions at all."""
    timeline, best = course.timeline, classified.best[confirmed]
    with_lesions = np.zeros(timeline.n_units, dtype=bool)
    with_lesions[timeline.visit_unit[course.has_lesions]] = True
    basis = np.where(with_lesions, DERIVED, REPORTED).astype(np.int8)
    seen = best.position >= 0
    basis[seen] = classified.overall.basis[classified.counted_visits[best.position[seen]]]
    return basis


def _best_reasons(course: Course, classified: Classified, settings: ResponseSettings, confirmed: bool):
    """Why the best response is what it is: the rule, and what was seen at the scan that decided."""
    best = classified.best[confirmed]
    seen = np.flatnonzero(best.position >= 0)
    unseen = np.flatnonzero(best.position < 0)
    words = {code: text.format(days=settings.minimum_stable_days) for code, text in _BEST_WORDS.items()}
    visits = classified.counted_visits[best.position[seen]]
    dates = format_distinct(course.timeline.visit_day[visits], lambda d: str(np.datetime64(int(d), "D")))
    code = format_distinct(best.response, lambda c: RESPONSES[int(c)])
    why = format_distinct(best.why, lambda w: words[int(w)])
    detail = join_words(len(seen), " (", dates, " ", format_reasons(course, classified, visits), ")")
    none = join_words(len(unseen), "")
    return join_words(
        len(best.position),
        code,
        ": ",
        why,
        gather_texts(len(best.position), [(seen, detail), (unseen, none)]),
    )


def derive_keys(course: Course, period_row: np.ndarray) -> dict[str, object]:
    """Columns patient_id and period of rows of the treatment periods."""
    periods = course.timeline.periods
    return {
        "patient_id": pd.array(periods.patients, dtype="string").take(periods.patient[period_row]),
        "period": pd.array(periods.period[period_row], dtype="Int64"),
    }


def take_labels(labels: tuple[str, ...], codes: np.ndarray):
    """A text column from labels and codes."""
    return pd.array(list(labels), dtype="string").take(np.asarray(codes))


def repeat_text(text: str, n: int):
    """A text column that is the same in every row."""
    return pd.array([text], dtype="string").take(np.zeros(n, dtype=np.int64))


def list_adjudicated_units(course: Course, settings: ResponseSettings) -> np.ndarray:
    """Unit whose reading stands for each treatment period after adjudication."""
    timeline = course.timeline
    return select_adjudicated_units(timeline.periods.size, timeline.readers, course.followed_units, settings)
