"""The classifier: target response of every visit from the sizes of its lesions, by the rows of a criterion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import CR, MISSING, MR, NE, NON_TARGET, PD, PR, SD, TARGET
from prrt_outcomes.response.lesions import LesionRows
from prrt_outcomes.response.measure import TOLERANCE, Sizes
from prrt_outcomes.response.timeline import BASELINE, FOLLOW_UP, PRIOR, Timeline
from prrt_outcomes.study.response import CriterionDefinition

(
    BY_NOTHING,
    BY_NO_TARGETS,
    BY_ALL_GONE,
    BY_REAPPEARANCE_AFTER_CR,
    BY_REAPPEARED_LESION,
    BY_SINGLE_LESION,
    BY_SUM,
    BY_NOT_MEASURED,
    BY_SIZE_FAULT,
    BY_BASELINE_FAULT,
    BY_NO_BASELINE,
    BY_PARTIAL,
    BY_MINOR,
    BY_STABLE,
    BY_SUSTAINED,
) = range(15)


@dataclass(frozen=True)
class TargetResponses:
    """Target response of each visit, what it rests on, and which rule and lesion decided; one entry a visit.

    `lesion_reference` is the smallest size of the lesion that decided by itself.
    """

    response: np.ndarray
    rule: np.ndarray
    lesion_row: np.ndarray
    lesion_reference: np.ndarray
    sum: np.ndarray
    complete: np.ndarray
    baseline_sum: np.ndarray
    nadir: np.ndarray
    nadir_visit: np.ndarray
    n_targets: np.ndarray
    n_measured: np.ndarray
    n_gone: np.ndarray


def derive_target_responses(
    timeline: Timeline,
    rows: LesionRows,
    sizes: Sizes,
    criterion: CriterionDefinition,
    *,
    sustain_response: bool = False,
) -> TargetResponses:
    """Classify the targets of each visit against baseline and nadir.

    Notes
    -----
    Thresholds are inclusive, with a relative slack of 1e-9. Where targets are missing, the sum of the others
    is a lower bound: it can make PD, nothing else. All targets gone (nodes: normal) is CR before any rule of
    PD is asked. The nadir is the smallest complete sum up to and including the previous visit.
    """
    n = timeline.n_visits
    unit, kind, visit = timeline.visit_unit, timeline.visit_kind, rows.visit
    counted = rows.is_target & ~np.isnan(sizes.size)
    total = np.bincount(visit[counted], weights=sizes.size[counted], minlength=n)
    n_measured = np.bincount(visit[counted], minlength=n)
    n_gone = np.bincount(visit[counted & sizes.gone], minlength=n)
    has_baseline = timeline.baseline_visit >= 0
    at_baseline = rows.is_target & (kind[visit] == BASELINE)
    per_unit = np.bincount(unit[visit[at_baseline]], minlength=timeline.n_units)
    whole = ~rows.is_target | rows.whole
    if not whole.all():
        n_measured, n_gone = _count_series(rows, counted, sizes.gone, n)
    n_targets = per_unit[unit]
    complete = (n_measured == n_targets) & (n_targets > 0)
    # One entry more than visits: -1, no baseline, finds it.
    base = timeline.baseline_visit
    base_complete, base_total, base_gone = (
        np.append(values, 0)[base] for values in (complete, total, n_gone)
    )
    baseline_ok = has_baseline & (base_complete > 0) & (base_total > 0) & (base_gone < per_unit)
    baseline_sum = np.where(baseline_ok, base_total, np.nan)[unit]
    nadir, nadir_visit = _find_nadir(timeline, np.where(complete, total, np.inf))
    all_gone = complete & (n_gone == n_targets)
    usable = (kind == FOLLOW_UP) & ~np.isnan(baseline_sum)

    rules = np.zeros(n, dtype=np.int8)
    lesion_row = np.full(n, -1, dtype=np.int64)
    lesion_reference = np.full(n, np.nan)
    reference = nadir if criterion.progression_reference == "nadir" else baseline_sum
    if criterion.progression_unit == "sum":
        rules[usable & (n_measured > 0) & _exceeds(total, reference, criterion)] = BY_SUM
    if criterion.progression_unit == "lesion" or criterion.reappearance == "any_lesion":
        _mark_lesions(timeline, rows, sizes, criterion, usable, rules, lesion_row, lesion_reference)
    if criterion.reappearance != "never":
        was_gone = _ever_before(unit, all_gone & usable)
        rules[usable & was_gone & (n_measured > n_gone)] = BY_REAPPEARANCE_AFTER_CR

    response = np.where(rules != BY_NOTHING, PD, NE).astype(np.int8)
    _classify_falls(response, rules, usable & complete, total, baseline_sum, criterion)
    gone = usable & all_gone
    response[gone], rules[gone] = CR, BY_ALL_GONE
    _explain_not_evaluable(timeline, rows, sizes, response, rules, lesion_row, n_targets, baseline_ok)
    if sustain_response:
        responded = _ever_before(unit, (response == PR) & usable)
        lasting = responded & ((response == SD) | (response == MR))
        response[lasting], rules[lasting] = PR, BY_SUSTAINED
    response[(rules == BY_NO_TARGETS)] = MISSING
    return TargetResponses(
        response=response,
        rule=rules,
        lesion_row=lesion_row.astype(np.int32),
        lesion_reference=lesion_reference,
        sum=np.where(n_measured > 0, total, np.nan),
        complete=complete,
        baseline_sum=baseline_sum,
        nadir=nadir,
        nadir_visit=nadir_visit.astype(np.int32),
        n_targets=n_targets.astype(np.int16),
        n_measured=n_measured.astype(np.int16),
        n_gone=n_gone.astype(np.int16),
    )


def _classify_falls(
    response: np.ndarray,
    rules: np.ndarray,
    complete: np.ndarray,
    total: np.ndarray,
    baseline_sum: np.ndarray,
    criterion: CriterionDefinition,
) -> None:
    """SD, MR and PR of complete sums that are no PD."""
    open_visits = complete & (rules == BY_NOTHING)
    fall = baseline_sum - total
    slack = TOLERANCE * baseline_sum
    response[open_visits], rules[open_visits] = SD, BY_STABLE
    if criterion.minor_fall is not None:
        minor = open_visits & (fall >= criterion.minor_fall * baseline_sum - slack)
        response[minor], rules[minor] = MR, BY_MINOR
    partial = open_visits & (fall >= criterion.partial_fall * baseline_sum - slack)
    response[partial], rules[partial] = PR, BY_PARTIAL


def _exceeds(size: np.ndarray, reference: np.ndarray, criterion: CriterionDefinition) -> np.ndarray:
    """Whether a size rose over its reference as the criterion demands; any rise over 0 does."""
    rise = size - reference
    slack = TOLERANCE * np.maximum(np.abs(size), np.abs(np.where(np.isfinite(reference), reference, 0.0)))
    by_share = rise >= criterion.progression_rise * reference - slack
    if criterion.progression_absolute is not None:
        by_amount = rise >= criterion.progression_absolute - slack
        by_share = by_share & by_amount if criterion.progression_combine == "both" else by_share | by_amount
    return by_share & (rise > slack) & np.isfinite(reference)


def _find_nadir(timeline: Timeline, complete_sum: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest complete sum before each visit, from the baseline on, and the visit that showed it first."""
    n = timeline.n_visits
    value = np.where(timeline.visit_kind >= BASELINE, complete_sum, np.inf)
    lowest = pd.Series(value).groupby(timeline.visit_unit, sort=False).cummin().to_numpy()
    begins = np.ones(n, dtype=bool)
    begins[1:] = np.diff(timeline.visit_unit) != 0
    before = np.empty(n)
    before[1:] = lowest[:-1]
    before[begins] = np.inf
    found_at = np.maximum.accumulate(np.where(begins | (value < before), np.arange(n), 0))
    nadir_visit = np.concatenate([[-1], found_at[:-1]])[:n]
    nadir_visit[begins | ~np.isfinite(before)] = -1
    return np.where(np.isfinite(before), before, np.nan), nadir_visit


def _ever_before(unit: np.ndarray, flag: np.ndarray) -> np.ndarray:
    """Whether the flag was true at an earlier visit of the same unit."""
    if not flag.any():
        return np.zeros(len(unit), dtype=bool)
    return count_before(unit, flag) > 0


def count_before(group: np.ndarray, flag: np.ndarray) -> np.ndarray:
    """How often the flag was true earlier in the same run of `group` (sorted)."""
    total = np.cumsum(flag)
    begins = np.ones(len(group), dtype=bool)
    begins[1:] = np.diff(group) != 0
    start = np.maximum.accumulate(np.where(begins, np.arange(len(group)), 0))
    return total - flag - (total[start] - flag[start])


def _count_series(
    rows: LesionRows, counted: np.ndarray, gone: np.ndarray, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Targets measured and gone at each visit where parts of a lesion are rows of their own."""
    frame = pd.DataFrame(
        {
            "visit": rows.visit[rows.is_target],
            "series": rows.series[rows.is_target],
            "counted": counted[rows.is_target],
            "gone": gone[rows.is_target],
        }
    )
    whole = frame.groupby(["visit", "series"], sort=False)[["counted", "gone"]].all().reset_index()
    measured = np.bincount(whole["visit"][whole["counted"]], minlength=n)
    return measured, np.bincount(whole["visit"][whole["counted"] & whole["gone"]], minlength=n)


def _mark_lesions(
    timeline: Timeline,
    rows: LesionRows,
    sizes: Sizes,
    criterion: CriterionDefinition,
    usable: np.ndarray,
    rules: np.ndarray,
    lesion_row: np.ndarray,
    lesion_reference: np.ndarray,
) -> None:
    """PD by a single lesion: it rose over its own reference, or it had gone and is there again."""
    kind = timeline.visit_kind[rows.visit]
    follow_up = (kind == FOLLOW_UP) & usable[rows.visit]
    seen = ~np.isnan(sizes.size) & (kind > PRIOR)
    if criterion.progression_unit == "lesion":
        value = np.where(seen & rows.is_target & rows.whole, sizes.size, np.inf)
        grouped = pd.Series(value).groupby(rows.series, sort=False)
        reference = (
            grouped.cummin().groupby(rows.series, sort=False).shift(1)
            if criterion.progression_reference == "nadir"
            else grouped.transform("first")
        ).to_numpy()
        grown = follow_up & rows.is_target & rows.whole & _exceeds(sizes.size, reference, criterion)
        at = np.flatnonzero(grown)
        _mark(rows, at, BY_SINGLE_LESION, rules, lesion_row)
        lesion_reference[rows.visit[at[::-1]]] = reference[at[::-1]]
    if criterion.reappearance == "any_lesion":
        was_gone = count_before(rows.series, seen & sizes.gone & (kind == FOLLOW_UP)) > 0
        known = (rows.base_role == TARGET) | (rows.base_role == NON_TARGET)
        again = follow_up & was_gone & known & seen & ~sizes.gone & rows.whole
        _mark(rows, np.flatnonzero(again), BY_REAPPEARED_LESION, rules, lesion_row)


def _mark(rows: LesionRows, at: np.ndarray, rule: int, rules: np.ndarray, lesion_row: np.ndarray) -> None:
    """Write the rule at the visits of some rows, with the first of the rows as its witness."""
    rules[rows.visit[at]] = rule
    lesion_row[rows.visit[at[::-1]]] = at[::-1]


def _explain_not_evaluable(
    timeline: Timeline,
    rows: LesionRows,
    sizes: Sizes,
    response: np.ndarray,
    rules: np.ndarray,
    lesion_row: np.ndarray,
    n_targets: np.ndarray,
    baseline_ok: np.ndarray,
) -> None:
    """Why a visit is not evaluable: no baseline, no targets, a fault at baseline, a fault or gap at the visit."""
    unit = timeline.visit_unit
    missing = response == NE
    rules[missing] = BY_NOT_MEASURED
    faulty = np.flatnonzero((sizes.fault != 0) & rows.is_target)
    _mark(rows, faulty[missing[rows.visit[faulty]]], BY_SIZE_FAULT, rules, lesion_row)
    has_baseline = (timeline.baseline_visit >= 0)[unit]
    bad_base = missing & has_baseline & (n_targets > 0) & ~baseline_ok[unit]
    rules[bad_base] = BY_BASELINE_FAULT
    witness = np.full(timeline.n_visits, -1, dtype=np.int64)
    witness[rows.visit[faulty[::-1]]] = faulty[::-1]
    lesion_row[bad_base] = witness[timeline.baseline_visit[unit[bad_base]]]
    rules[missing & has_baseline & (n_targets == 0)] = BY_NO_TARGETS
    rules[missing & ~has_baseline] = BY_NO_BASELINE
