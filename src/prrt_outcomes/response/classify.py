"""One criterion over the whole course: overall response of every visit, best response of every unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prrt_outcomes.response.best import (
    BestResponses,
    Sequence,
    derive_best_responses,
    find_confirmations,
    find_counted,
)
from prrt_outcomes.response.course import Course
from prrt_outcomes.response.measure import Sizes, compute_sizes
from prrt_outcomes.response.non_targets import derive_new_lesions, derive_non_target_responses
from prrt_outcomes.response.overall import OverallResponses, derive_overall_responses
from prrt_outcomes.response.targets import TargetResponses, derive_target_responses
from prrt_outcomes.study.response import CriterionDefinition, ResponseSettings


@dataclass(frozen=True)
class Classified:
    """What a criterion makes of the course.

    Arrays of `sizes` go with the lesion rows, those of `targets`, `non_target`, `new_lesion` and `overall`
    with the visits; `followed` are the visits after the origin, `counted` says which of them count for best
    response; `best` holds the best responses by whether confirmation is asked, positions in `counted_visits`;
    `confirmed_at` is the position of the visit that confirms each counted CR or PR, -1 where none does.
    """

    criterion: CriterionDefinition
    sizes: Sizes
    targets: TargetResponses
    non_target: np.ndarray
    new_lesion: np.ndarray
    new_lesion_row: np.ndarray
    new_disagree: np.ndarray
    overall: OverallResponses
    followed: np.ndarray
    counted: np.ndarray
    counted_visits: np.ndarray
    confirmed_at: np.ndarray
    best: dict[bool, BestResponses]


def classify_course(course: Course, criterion: CriterionDefinition, settings: ResponseSettings) -> Classified:
    """Derive target, overall and best responses of all units under one criterion."""
    timeline, rows = course.timeline, course.rows
    sizes = compute_sizes(rows, criterion)
    targets = derive_target_responses(
        timeline, rows, sizes, criterion, sustain_response=settings.sustain_response
    )
    non_target = derive_non_target_responses(timeline, rows, course.facts, criterion)
    new_lesion, new_row, disagree = derive_new_lesions(
        timeline, rows, course.facts, by_modality_counts=settings.new_modality_lesion_is_progression
    )
    reported = course.reports.find(criterion.name, course.n_scans)[timeline.visit_scan]
    overall = derive_overall_responses(
        timeline, targets, non_target, new_lesion, reported, course.has_lesions, course.faults, criterion
    )
    followed = np.flatnonzero(course.follow_up)
    sequence = Sequence(
        unit=timeline.visit_unit[followed],
        day=timeline.visit_day[followed],
        response=overall.response[followed],
    )
    counted = find_counted(sequence, course.stop_day)
    inside = Sequence(*(a[counted] for a in (sequence.unit, sequence.day, sequence.response)))
    origin_day = np.repeat(timeline.periods.first_day, len(timeline.readers))
    return Classified(
        criterion=criterion,
        sizes=sizes,
        targets=targets,
        non_target=non_target,
        new_lesion=new_lesion,
        new_lesion_row=new_row,
        new_disagree=disagree,
        overall=overall,
        followed=followed,
        counted=counted,
        counted_visits=followed[counted],
        confirmed_at=find_confirmations(inside, settings),
        best={
            c: derive_best_responses(
                inside, origin_day, settings, confirmed=c, followed=course.followed_units
            )
            for c in (False, True)
        },
    )
