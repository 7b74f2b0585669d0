"""How deep, how soon, how long: best change, time to response and its duration, growth before and under treatment."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.response.best import convert_positions_to_days
from prrt_outcomes.response.classify import Classified
from prrt_outcomes.response.codes import NE, PD, PR, convert_to_dates
from prrt_outcomes.response.course import Course
from prrt_outcomes.response.frames import derive_keys, list_adjudicated_units, repeat_text, take_labels
from prrt_outcomes.response.readers import ADJUDICATED
from prrt_outcomes.response.timeline import PRIOR
from prrt_outcomes.study.response import ResponseSettings
from prrt_outcomes.units import DAYS_PER_MONTH


def summarise_waterfall(
    responses: pd.DataFrame, best: pd.DataFrame, group_by: tuple[str, ...]
) -> pd.DataFrame:
    """Best change of the target sum of every patient with a measurable sum after baseline.

    Parameters
    ----------
    responses : rows of `responses` of the primary reader and the initial period
    best : rows of `best_responses` of the same (one confirmation rule), with the groupings

    Returns
    -------
    Result table `waterfall`, sorted by criterion and falling change. The change is the smallest among the
    assessments that count (not after progression or a new therapy); the first progression itself counts.
    """
    counted = responses[responses["counted"] & responses["change_from_baseline"].notna()]
    change = counted.groupby(["criterion", "patient_id"], sort=False)["change_from_baseline"].min()
    keys = pd.MultiIndex.from_frame(best[["criterion", "patient_id"]])
    table = best[["patient_id", "criterion", "best_response", *group_by]].copy()
    table["best_change"] = change.reindex(keys).to_numpy()
    table = table[table["best_change"].notna()]
    order = {name: place for place, name in enumerate(best["criterion"].unique())}
    table["place"] = table["criterion"].map(order)
    table = table.sort_values(
        ["place", "best_change", "patient_id"], ascending=[True, False, True], kind="stable"
    )
    return table[["patient_id", "criterion", "best_change", "best_response", *group_by]].reset_index(
        drop=True
    )


GROWTH_EXPONENT = {"diameter": 3.0, "product": 1.5, "marker": 1.0}
"""Power that turns a change of the sum into one of volume (spheres), by what a criterion measures."""


def derive_depth_table(course: Course, classified: Classified, settings: ResponseSettings) -> pd.DataFrame:
    """Table `response_depth`: one row a patient, period and reader under one criterion.

    Columns
    -------
    best_change, best_change_date : smallest change from baseline among the assessments that count
    first_response_date, time_to_response_days : the first CR or PR (unconfirmed), from the first cycle
    duration_days, duration_event : from that scan to the first PD (event), else to the last assessment that
        was evaluated (no event); death is left to the endpoint `dor`
    growth_before_percent_month, growth_before_days : growth of the tumour volume between the scan before the
        baseline and the baseline; growth_under_percent_month, growth_under_days : from the baseline to the
        first complete scan after it. Volume goes with the cube of a diameter (Ferte 2013, Clin Cancer Res
        20:246); a sum that falls to nothing is -100 % a month.
    status : `ok`; `no_events` without a response (its time and duration are empty)
    """
    timeline = course.timeline
    n_units = timeline.n_units
    visits = classified.counted_visits
    unit, day = timeline.visit_unit[visits], timeline.visit_day[visits]
    response = classified.overall.response[visits]
    targets = classified.targets
    origin = np.repeat(timeline.periods.first_day, len(timeline.readers)).astype(np.int64)
    change = np.where(
        targets.complete[visits], targets.sum[visits] / targets.baseline_sum[visits] - 1, np.nan
    )
    best_change, best_at = _lowest(unit, change, n_units)
    first = _first_where(unit, response <= PR, n_units)
    progressed = _first_where(unit, response == PD, n_units)
    last = _last_where(unit, response != NE, n_units)
    responded = first >= 0
    end = np.where(progressed >= 0, progressed, last)
    start_day, end_day = (
        np.where(responded, day[np.maximum(at, 0)] if len(day) else 0, 0) for at in (first, end)
    )
    before, before_days = _growth(course, classified, _prior_visits(course), timeline.baseline_visit)
    under, under_days = _growth(
        course, classified, timeline.baseline_visit, _first_complete(course, classified)
    )
    periods, reader = np.divmod(np.arange(n_units), len(timeline.readers))
    table = pd.DataFrame(
        {
            **derive_keys(course, periods),
            "criterion": repeat_text(classified.criterion.name, n_units),
            "reader": take_labels(timeline.readers, reader),
            "best_change": best_change,
            "best_change_date": convert_to_dates(convert_positions_to_days(day, best_at)),
            "first_response_date": convert_to_dates(convert_positions_to_days(day, first)),
            "time_to_response_days": np.where(responded, start_day - origin, np.nan),
            "duration_days": np.where(responded, end_day.astype(np.int64) - start_day, np.nan),
            "duration_event": pd.arrays.BooleanArray(progressed >= 0, ~responded),
            "growth_before_percent_month": before,
            "growth_before_days": before_days,
            "growth_under_percent_month": under,
            "growth_under_days": under_days,
            "status": take_labels(("no_events", "ok"), responded.astype(int)),
        }
    )
    if settings.adjudicator is None:
        return table
    chosen = table.iloc[list_adjudicated_units(course, settings)]
    return pd.concat([table, chosen.assign(reader=repeat_text(ADJUDICATED, len(chosen)))], ignore_index=True)


def _first_where(unit: np.ndarray, flag: np.ndarray, n_units: int) -> np.ndarray:
    """Position of the first entry of each unit for which the flag is true; -1 where there is none."""
    found = np.full(n_units, -1, dtype=np.int64)
    at = np.flatnonzero(flag)[::-1]
    found[unit[at]] = at
    return found


def _last_where(unit: np.ndarray, flag: np.ndarray, n_units: int) -> np.ndarray:
    """Position of the last entry of each unit for which the flag is true; -1 where there is none."""
    found = np.full(n_units, -1, dtype=np.int64)
    at = np.flatnonzero(flag)
    found[unit[at]] = at
    return found


def _lowest(unit: np.ndarray, value: np.ndarray, n_units: int) -> tuple[np.ndarray, np.ndarray]:
    """Lowest value of each unit and the position that shows it first."""
    known = np.flatnonzero(~np.isnan(value))
    order = known[np.lexsort((known, value[known], unit[known]))]
    at = _first_where(unit[order], np.ones(len(order), dtype=bool), n_units)
    found = at >= 0
    position = np.where(found, order[np.maximum(at, 0)] if len(order) else -1, -1)
    lowest = np.where(found, value[np.maximum(position, 0)] if len(value) else np.nan, np.nan)
    return lowest, position


def _prior_visits(course: Course) -> np.ndarray:
    """Visit of the scan before the baseline of each unit; -1 where there is none."""
    visit = np.full(course.timeline.n_units, -1, dtype=np.int64)
    at = np.flatnonzero(course.timeline.visit_kind == PRIOR)
    visit[course.timeline.visit_unit[at]] = at
    return visit


def _first_complete(course: Course, classified: Classified) -> np.ndarray:
    """First follow-up visit of each unit with a complete sum; -1 where there is none."""
    flag = course.follow_up & classified.targets.complete
    return _first_where(course.timeline.visit_unit, flag, course.timeline.n_units)


def _growth(
    course: Course, classified: Classified, start: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Growth of volume in percent a month between two visits of each unit, and the days between them."""
    targets, timeline = classified.targets, course.timeline
    n = len(start)
    percent, days = np.full(n, np.nan), np.full(n, np.nan)
    whole = np.flatnonzero((start >= 0) & (end >= 0) & (course.faults.code == 0))
    usable = targets.complete[start[whole]] & targets.complete[end[whole]]
    usable &= (targets.sum[start[whole]] > 0) & ~np.isnan(
        targets.baseline_sum[timeline.baseline_visit[whole]]
    )
    at = whole[usable]
    days[at] = timeline.visit_day[end[at]].astype(np.int64) - timeline.visit_day[start[at]]
    ratio = (targets.sum[end[at]] / targets.sum[start[at]]) ** GROWTH_EXPONENT[classified.criterion.measure]
    percent[at] = (ratio ** (DAYS_PER_MONTH / days[at]) - 1) * 100
    return percent, days
