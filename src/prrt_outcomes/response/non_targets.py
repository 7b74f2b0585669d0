"""Non-target response and new lesions of each visit, from the reader's verdict or from the lesion rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import (
    ABSENT,
    MEASURED,
    MISSING,
    NON_TARGET,
    NON_TARGETS,
    NOT_EVALUATED,
    NT_CR,
    NT_NE,
    NT_NON,
    NT_NONE,
    convert_to_codes,
    convert_to_flags,
)
from prrt_outcomes.response.lesions import LesionRows
from prrt_outcomes.response.timeline import BASELINE, FOLLOW_UP, Timeline
from prrt_outcomes.study.response import CriterionDefinition

NOT_NEW, NEW_COUNTED, NEW_BY_MODALITY = range(3)
_FROM_BEST_TO_WORST = (NT_NONE, NT_CR, NT_NE, NT_NON, 3)


@dataclass(frozen=True)
class ScanFacts:
    """What the table `assessments` says of each scan, whatever the criterion of the report.

    `non_target` is the worst verdict of the rows of the scan (-1: none given), `new_lesion` true where one
    row says so, `new_given` whether any row says yes or no, `modality` a number (-1: unknown).
    """

    non_target: np.ndarray
    new_lesion: np.ndarray
    new_given: np.ndarray
    modality: np.ndarray
    modality_names: pd.Index
    conflict: np.ndarray


def gather_scan_facts(assessments: pd.DataFrame, scan: np.ndarray, n_scans: int) -> ScanFacts:
    """Bring the rows of `assessments` to one fact a scan; `scan` numbers them, -1 for rows left out."""
    keep = np.flatnonzero(scan >= 0)
    at = scan[keep]
    verdict = convert_to_codes(assessments["non_target"], NON_TARGETS)[keep]
    rank = np.array([_FROM_BEST_TO_WORST.index(code) for code in range(len(NON_TARGETS))] + [MISSING])
    worst = np.full(n_scans, MISSING, dtype=np.int8)
    np.maximum.at(worst, at, rank[verdict])
    best = np.full(n_scans, len(NON_TARGETS), dtype=np.int8)
    given = verdict >= 0
    np.minimum.at(best, at[given], rank[verdict[given]])
    new = convert_to_flags(assessments["new_lesion"])[keep]
    known = assessments["new_lesion"].notna().to_numpy()[keep]
    text = assessments["modality"].astype("string").str.strip().str.upper()
    codes, names = pd.factorize(text)
    modality = np.full(n_scans, MISSING, dtype=np.int32)
    modality[at[::-1]] = codes[keep][::-1]
    place = np.array([*_FROM_BEST_TO_WORST, MISSING], dtype=np.int8)
    return ScanFacts(
        non_target=place[worst],
        new_lesion=np.bincount(at[new], minlength=n_scans) > 0,
        new_given=np.bincount(at[known], minlength=n_scans) > 0,
        modality=modality,
        modality_names=pd.Index(names, dtype=object),
        conflict=(worst >= 0) & (best != worst),
    )


def derive_non_target_responses(
    timeline: Timeline, rows: LesionRows, facts: ScanFacts, criterion: CriterionDefinition
) -> np.ndarray:
    """Non-target response of each visit.

    The reader's verdict prevails; without one the rows of non-target lesions speak: CR when all have gone
    (nodes: normal), NE when one was not evaluated, else neither; PD is never read from sizes. A visit without
    verdict and rows is NE where the baseline had non-targets, else there are none.
    """
    n = timeline.n_visits
    is_non_target = (rows.role == NON_TARGET) & (timeline.visit_kind[rows.visit] >= BASELINE)
    visit = rows.visit[is_non_target]
    state = rows.state[is_non_target]
    short_axis = rows.perpendicular_mm[is_non_target]
    limit = criterion.node_normal_mm
    normal_node = rows.node[is_non_target] & (state == MEASURED) & (short_axis < limit)
    gone = (state == ABSENT) | normal_node
    unseen = (state == NOT_EVALUATED) | (state < 0)
    n_rows = np.bincount(visit, minlength=n)
    n_gone = np.bincount(visit[gone], minlength=n)
    n_unseen = np.bincount(visit[unseen], minlength=n)
    base = np.maximum(timeline.baseline_visit, 0)[timeline.visit_unit]
    has_base = (timeline.baseline_visit >= 0)[timeline.visit_unit]
    expected = np.where(has_base, n_rows[base] if n else 0, 0)
    verdict = facts.non_target[timeline.visit_scan] if n else np.array([], dtype=np.int8)
    base_verdict = np.where(has_base, verdict[base] if n else MISSING, MISSING)
    had_any = (expected > 0) | (base_verdict > NT_NONE)
    from_rows = np.where(n_gone == n_rows, NT_CR, NT_NON)
    from_rows = np.where((n_unseen > 0) | (n_rows < expected), NT_NE, from_rows)
    from_rows = np.where(n_rows == 0, np.where(had_any, NT_NE, NT_NONE), from_rows)
    return np.where(verdict >= 0, verdict, from_rows).astype(np.int8)


def derive_new_lesions(
    timeline: Timeline, rows: LesionRows, facts: ScanFacts, *, by_modality_counts: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """New lesion of each visit: none, one that counts, or one first seen by a modality not used before.

    Returns
    -------
    status : `NOT_NEW`, `NEW_COUNTED` or `NEW_BY_MODALITY` a visit
    lesion_row : a row that shows the new lesion, -1 where only the assessment says so
    disagree : whether assessment and lesion rows of the visit contradict each other
    """
    n = timeline.n_visits
    changed = _find_new_modality(timeline, facts)
    first_visit = np.full(int(rows.series[-1]) + 1 if rows.size else 0, -1, dtype=np.int64)
    new_rows = np.flatnonzero(rows.is_new)
    first_visit[rows.series[new_rows[::-1]]] = rows.visit[new_rows[::-1]]
    excused = np.zeros(rows.size, dtype=bool)
    excused[new_rows] = changed[first_visit[rows.series[new_rows]]]
    by_row = np.bincount(rows.visit[rows.is_new & ~excused], minlength=n) > 0
    by_excused = np.bincount(rows.visit[rows.is_new & excused], minlength=n) > 0
    follow_up = timeline.visit_kind == FOLLOW_UP
    said = facts.new_lesion[timeline.visit_scan] & follow_up if n else np.zeros(0, dtype=bool)
    given = facts.new_given[timeline.visit_scan] & follow_up if n else said
    by_word = said & ~by_excused & ~by_row
    counted = by_row | (by_word & ~changed)
    flagged = (by_excused | (by_word & changed)) & ~counted
    status = np.where(counted, NEW_COUNTED, np.where(flagged, NEW_BY_MODALITY, NOT_NEW))
    if by_modality_counts:
        status = np.where(status == NEW_BY_MODALITY, NEW_COUNTED, status)
    lesion_row = np.full(n, -1, dtype=np.int64)
    lesion_row[rows.visit[new_rows[::-1]]] = new_rows[::-1]
    any_row = by_row | by_excused
    disagree = (given & ~said & any_row) | (said & ~any_row & _has_new_rows(timeline, rows))
    return status.astype(np.int8), lesion_row, disagree


def _has_new_rows(timeline: Timeline, rows: LesionRows) -> np.ndarray:
    """Whether the unit of a visit writes new lesions as rows at all."""
    units = np.zeros(timeline.n_units, dtype=bool)
    units[timeline.visit_unit[rows.visit[rows.is_new]]] = True
    return units[timeline.visit_unit]


def _find_new_modality(timeline: Timeline, facts: ScanFacts) -> np.ndarray:
    """Whether the modality of a follow-up visit is known and none of the earlier visits of the unit had it."""
    n = timeline.n_visits
    if not n:
        return np.zeros(0, dtype=bool)
    modality = facts.modality[timeline.visit_scan]
    frame = pd.DataFrame({"unit": timeline.visit_unit, "modality": modality})
    first = ~frame.duplicated().to_numpy() & (modality >= 0)
    known_before = pd.Series(modality >= 0).groupby(timeline.visit_unit).cummax().groupby(timeline.visit_unit)
    earlier_known = known_before.shift(1, fill_value=False).to_numpy(dtype=bool)
    return first & earlier_known & (timeline.visit_kind == FOLLOW_UP)
