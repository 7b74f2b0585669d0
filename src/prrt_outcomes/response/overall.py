"""Overall response of every visit: targets, non-targets and new lesions combined, or the reader's report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prrt_outcomes.response.codes import CR, DERIVED, MISSING, NE, NT_NON, NT_NONE, NT_PD, PD, REPORTED
from prrt_outcomes.response.criteria import read_overall_table
from prrt_outcomes.response.lesions import UnitFaults
from prrt_outcomes.response.non_targets import NEW_COUNTED
from prrt_outcomes.response.targets import TargetResponses, count_before
from prrt_outcomes.response.timeline import Timeline
from prrt_outcomes.study.response import CriterionDefinition

(
    FROM_TARGETS,
    FROM_TABLE,
    FROM_NEW_LESION,
    FROM_NON_TARGET,
    FROM_NON_TARGET_REAPPEARANCE,
    FROM_STRUCTURE_FAULT,
    FROM_NO_BASELINE,
    FROM_REPORT,
    FROM_NOTHING,
) = range(9)


@dataclass(frozen=True)
class OverallResponses:
    """Overall response of each visit, whether derived or reported, and what decided it."""

    response: np.ndarray
    basis: np.ndarray
    origin: np.ndarray


def derive_overall_responses(
    timeline: Timeline,
    targets: TargetResponses,
    non_target: np.ndarray,
    new_lesion: np.ndarray,
    reported: np.ndarray,
    has_lesions: np.ndarray,
    faults: UnitFaults,
    criterion: CriterionDefinition,
) -> OverallResponses:
    """Combine what each visit shows by the table of the criterion.

    Parameters
    ----------
    targets, non_target, new_lesion : of each visit
    reported : code of the reported response by this criterion, -1 where none was given
    has_lesions : whether the reader wrote lesions at the visit
    faults : structural faults of each unit

    Notes
    -----
    In the order of precedence: a structural fault (NE), no baseline (NE), a new lesion (PD), non-target
    progression (PD), the table. A visit without lesion rows takes the reported response where there is one.
    """
    unit = timeline.visit_unit
    table = read_overall_table(criterion.overall_table)
    place = np.where(targets.response == MISSING, len(table) - 1, targets.response)
    response = table[place, non_target]
    origin = np.where(response == np.where(targets.response == MISSING, NE, targets.response), 0, FROM_TABLE)
    origin[(targets.response == MISSING) & (non_target > NT_NONE)] = FROM_TABLE
    origin[(targets.response == MISSING) & (non_target == NT_NONE)] = FROM_NOTHING
    if criterion.measure != "marker":
        origin[(non_target == NT_PD) & (targets.response != PD)] = FROM_NON_TARGET
        again = _non_target_again(unit, response == CR, non_target)
        response[again], origin[again] = PD, FROM_NON_TARGET_REAPPEARANCE
        new = new_lesion == NEW_COUNTED
        origin[new & (response != PD)] = FROM_NEW_LESION
        response[new] = PD
    no_baseline = timeline.baseline_visit[unit] < 0
    response[no_baseline], origin[no_baseline] = NE, FROM_NO_BASELINE
    bad = faults.code[unit] != 0
    response[bad], origin[bad] = NE, FROM_STRUCTURE_FAULT
    by_report = ~has_lesions & (reported >= 0)
    response[by_report], origin[by_report] = reported[by_report], FROM_REPORT
    return OverallResponses(
        response=response.astype(np.int8),
        basis=np.where(by_report, REPORTED, DERIVED).astype(np.int8),
        origin=origin.astype(np.int8),
    )


def _non_target_again(unit: np.ndarray, complete: np.ndarray, non_target: np.ndarray) -> np.ndarray:
    """Non-targets that are there again after a complete response of everything."""
    if not complete.any():
        return np.zeros(len(unit), dtype=bool)
    return (count_before(unit, complete) > 0) & (non_target == NT_NON)
