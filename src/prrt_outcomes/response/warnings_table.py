"""What a radiologist should look at: targets outside the rules, verdicts that contradict each other, faults."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.response.classify import Classified
from prrt_outcomes.response.codes import NO_DAY, TARGET, convert_to_dates
from prrt_outcomes.response.course import Course
from prrt_outcomes.response.lesions import STRUCTURE_FAULTS
from prrt_outcomes.response.measure import SIZE_FAULTS
from prrt_outcomes.response.non_targets import NEW_BY_MODALITY
from prrt_outcomes.response.timeline import BASELINE, FOLLOW_UP, PRIOR

COLUMNS = ("patient_id", "period", "reader", "criterion", "assessment_date", "severity", "problem")


def list_warnings(course: Course, classified: list[Classified]) -> pd.DataFrame:
    """Derived table `response_warnings`: one row a unit or visit, criterion and problem.

    `severity` is `not_evaluable` where the fault makes responses NE, else `warning`. What does not depend on
    a criterion stands once, under the primary criterion.
    """
    frames = [_list_structure(course, classified[0]), _list_contradictions(course, classified[0])]
    for one in classified:
        frames += [_list_sizes(course, one), _list_target_rules(course, one)]
    frames.append(_list_complete_then_partial(course, classified))
    table = pd.concat([frame for frame in frames if len(frame)] or [pd.DataFrame(columns=list(COLUMNS))])
    keys = ["patient_id", "period", "reader", "assessment_date", "criterion"]
    return table.sort_values(keys, kind="stable").reset_index(drop=True)[list(COLUMNS)]


def _rows(course, criterion: str, unit: np.ndarray, day: np.ndarray, severity: str, problem) -> pd.DataFrame:
    """Rows of the table from units, days and words."""
    periods, readers = course.timeline.periods, np.array(course.timeline.readers, dtype=object)
    row = unit // len(readers)
    return pd.DataFrame(
        {
            "patient_id": periods.patients.to_numpy()[periods.patient[row]],
            "period": periods.period[row],
            "reader": readers[unit % len(readers)],
            "criterion": criterion,
            "assessment_date": convert_to_dates(day),
            "severity": severity,
            "problem": problem,
        }
    )


def _list_structure(course: Course, classified: Classified) -> pd.DataFrame:
    """Structural faults: one row a unit."""
    unit = np.flatnonzero(course.faults.code != 0)
    names = course.rows.names
    words = [
        STRUCTURE_FAULTS[code].format(lesion=names[lesion])
        for code, lesion in zip(course.faults.code[unit], course.faults.lesion[unit], strict=True)
    ]
    day = np.full(len(unit), NO_DAY)
    return _rows(course, classified.criterion.name, unit, day, "not_evaluable", words)


def _list_sizes(course: Course, classified: Classified) -> pd.DataFrame:
    """Faults of single target rows, at baseline and after."""
    timeline, rows = course.timeline, course.rows
    at = np.flatnonzero((classified.sizes.fault != 0) & rows.is_target)
    at = at[timeline.visit_kind[rows.visit[at]] > PRIOR]
    words = [
        SIZE_FAULTS[fault].format(lesion=rows.names[lesion])
        for fault, lesion in zip(classified.sizes.fault[at], rows.lesion[at], strict=True)
    ]
    visit = rows.visit[at]
    name = classified.criterion.name
    return _rows(course, name, timeline.visit_unit[visit], timeline.visit_day[visit], "not_evaluable", words)


def _list_contradictions(course: Course, classified: Classified) -> pd.DataFrame:
    """Verdicts that contradict each other, and new lesions not counted because the modality changed."""
    timeline = course.timeline
    follow_up = timeline.visit_kind == FOLLOW_UP
    conflict = course.facts.conflict[timeline.visit_scan] & follow_up
    new_conflict = classified.new_disagree & follow_up
    by_modality = (classified.new_lesion == NEW_BY_MODALITY) & follow_up
    frames = []
    for flag, words in (
        (conflict, "rows of one scan give different verdicts on non-targets: the worst was taken"),
        (new_conflict, "assessment and lesion rows disagree on new lesions: either suffices"),
        (by_modality, "new lesion first seen because the modality changed: not counted as progression"),
    ):
        visit = np.flatnonzero(flag)
        day = timeline.visit_day[visit]
        frames.append(
            _rows(course, classified.criterion.name, timeline.visit_unit[visit], day, "warning", words)
        )
    return pd.concat(frames, ignore_index=True)


def _list_target_rules(course: Course, classified: Classified) -> pd.DataFrame:
    """Targets at baseline beyond the rules of the criterion: too many, too many in an organ, too small."""
    timeline, rows, criterion = course.timeline, course.rows, classified.criterion
    at = np.flatnonzero((timeline.visit_kind[rows.visit] == BASELINE) & (rows.role == TARGET))
    unit = timeline.visit_unit[rows.visit[at]]
    frames = []

    def add(units: np.ndarray, words) -> None:
        day = timeline.visit_day[timeline.baseline_visit[units]]
        frames.append(_rows(course, criterion.name, units, day, "warning", words))

    if criterion.targets_maximum is not None:
        many = np.flatnonzero(np.bincount(unit, minlength=timeline.n_units) > criterion.targets_maximum)
        add(many, f"more than {criterion.targets_maximum} targets")
    if criterion.targets_maximum_organ is not None:
        organ = rows.organ[at]
        counts = pd.Series(unit[organ >= 0]).groupby([unit[organ >= 0], organ[organ >= 0]]).size()
        crowded = counts[counts > criterion.targets_maximum_organ].index.get_level_values(0).unique()
        add(
            crowded.to_numpy(dtype=np.int64),
            f"more than {criterion.targets_maximum_organ} targets in one organ",
        )
    if criterion.measure != "marker":
        node = rows.node[at] & (criterion.node_target_minimum_mm > 0)
        limit = np.where(node, criterion.node_target_minimum_mm, criterion.target_minimum_mm)
        size = np.where(node, rows.perpendicular_mm[at], rows.longest_mm[at])
        small = at[size < limit]
        words = [
            f"target {rows.names[lesion]} is under the size for a target" for lesion in rows.lesion[small]
        ]
        add(timeline.visit_unit[rows.visit[small]], words)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(COLUMNS))


def _list_complete_then_partial(course: Course, classified: list[Classified]) -> pd.DataFrame:
    """A PR after a CR: flagged, never resolved."""
    frames = []
    for one in classified:
        unit = np.flatnonzero(one.best[False].complete_then_partial)
        words = "a partial response follows a complete one"
        frames.append(_rows(course, one.criterion.name, unit, np.full(len(unit), NO_DAY), "warning", words))
    return pd.concat(frames, ignore_index=True)
