"""Lesion rows laid along the visits: series of one lesion, roles at baseline, faults of the input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import (
    ABSENT,
    MEASURED,
    MISSING,
    NEW,
    ROLES,
    STATES,
    TARGET,
    TOO_SMALL,
    convert_to_codes,
    convert_to_flags,
    factorize_runs,
)
from prrt_outcomes.response.split_merge import resolve_split_and_merged
from prrt_outcomes.response.timeline import BASELINE, FOLLOW_UP, Timeline

NO_FAULT, ROLE_CHANGED, NO_BASELINE_SIZE, TWICE, TWO_BASELINES = range(5)
STRUCTURE_FAULTS = (
    "",
    "lesion {lesion} changes its role",
    "target {lesion} was not measured at baseline",
    "lesion {lesion} stands twice at one scan",
    "targets stand at two baseline scans ({lesion})",
)


@dataclass(frozen=True)
class LesionRows:
    """One row a lesion and visit, sorted by unit, lesion and visit; arrays of one length.

    `series` numbers the runs of one lesion in one unit; `base_role` is the role that the lesion had at the
    baseline of its unit (-1: not seen there). `is_target` marks rows that count in the sum, `is_new` rows of
    new lesions. `whole` is false where a row is a part of a split or merged lesion.
    """

    visit: np.ndarray
    lesion: np.ndarray
    names: pd.Index
    role: np.ndarray
    node: np.ndarray
    longest_mm: np.ndarray
    perpendicular_mm: np.ndarray
    state: np.ndarray
    whole: np.ndarray
    organ: np.ndarray
    series: np.ndarray
    base_role: np.ndarray
    is_target: np.ndarray
    is_new: np.ndarray

    @property
    def size(self) -> int:
        return len(self.visit)


@dataclass(frozen=True)
class UnitFaults:
    """Faults that make all responses of a unit not evaluable: code and the lesion that shows it, per unit."""

    code: np.ndarray
    lesion: np.ndarray


def order_lesions(
    lesions: pd.DataFrame, scan: np.ndarray, timeline: Timeline
) -> tuple[LesionRows, UnitFaults]:
    """Lay lesion rows along the visits of the timeline and find what contradicts itself.

    Parameters
    ----------
    lesions : typed frame `lesions`
    scan : number of the scan of each row, shape (n,); -1 where the row belongs to no treated patient
    """
    # Sorted, so that sums and the lesion that is named do not depend on the order of rows.
    lesion_codes, names = pd.factorize(lesions["lesion_id"].to_numpy(dtype=object, na_value=None), sort=True)
    row, visit = timeline.expand_rows(np.where(lesion_codes >= 0, scan, MISSING))
    columns = {
        "role": convert_to_codes(lesions["role"], ROLES)[row],
        "node": convert_to_flags(lesions["lymph_node"])[row],
        "longest_mm": lesions["longest_mm"].to_numpy(dtype=float)[row],
        "perpendicular_mm": lesions["perpendicular_mm"].to_numpy(dtype=float)[row],
        "state": convert_to_codes(lesions["state"], STATES)[row],
        "organ": factorize_runs(lesions["organ"].to_numpy(dtype=object, na_value=None))[0][row],
        "whole": np.ones(len(row), dtype=bool),
    }
    names = pd.Index(names, dtype=object)
    lesion = lesion_codes.astype(np.int32)[row]
    visit, lesion, columns = resolve_split_and_merged(visit, lesion, names, columns, timeline)
    order, series = _sort_series(visit, lesion, timeline)
    visit, lesion = visit[order], lesion[order]
    columns = {name: values[order] for name, values in columns.items()}
    kind = timeline.visit_kind[visit]
    n_series = int(series[-1]) + 1 if len(series) else 0
    base_role = np.full(n_series, MISSING, dtype=np.int8)
    at_baseline = kind == BASELINE
    base_role[series[at_baseline]] = columns["role"][at_baseline]
    base_role = base_role[series]
    follow_up = kind == FOLLOW_UP
    first_new = _begins_as_new(series, follow_up, columns["role"], n_series)[series]
    seen_before = np.zeros(n_series, dtype=bool)
    seen_before[series[~follow_up]] = True
    appeared = follow_up & ~seen_before[series] & first_new
    there = (columns["state"] == MEASURED) | (columns["state"] == TOO_SMALL)
    rows = LesionRows(
        visit=visit,
        lesion=lesion,
        names=names,
        series=series,
        base_role=base_role,
        is_target=(columns["role"] == TARGET) & (base_role == TARGET),
        is_new=appeared & there,
        **columns,
    )
    return rows, _find_unit_faults(rows, kind, first_new, timeline)


def _sort_series(visit: np.ndarray, lesion: np.ndarray, timeline: Timeline) -> tuple[np.ndarray, np.ndarray]:
    """Order by unit, lesion and visit, and the number of the run of each lesion in that order."""
    if not len(visit):
        return np.array([], dtype=np.int64), np.array([], dtype=np.int64)
    unit = timeline.visit_unit[visit]
    key = unit * (int(lesion.max()) + 1) + lesion
    first_visit = np.searchsorted(timeline.visit_unit, np.arange(timeline.n_units), side="left")
    rank = visit - first_visit[unit]
    span = int(rank.max()) + 1
    key *= span
    key += rank
    order = np.argsort(key).astype(np.int32)
    key = key[order] // span
    begins = np.zeros(len(key), dtype=np.int32)
    begins[1:] = key[1:] != key[:-1]
    return order, np.cumsum(begins, dtype=np.int32)


def _begins_as_new(series: np.ndarray, follow_up: np.ndarray, role: np.ndarray, n_series: int) -> np.ndarray:
    """Whether the first row of a series after baseline calls the lesion new."""
    rows = np.flatnonzero(follow_up)
    begins = np.zeros(n_series, dtype=bool)
    # Written backwards, so that the earliest row of a series is the one that stays.
    begins[series[rows[::-1]]] = role[rows[::-1]] == NEW
    return begins


def _find_unit_faults(
    rows: LesionRows, kind: np.ndarray, first_new: np.ndarray, timeline: Timeline
) -> UnitFaults:
    """One structural fault a unit, the one that says most: two baselines before a target without baseline."""
    code = np.zeros(timeline.n_units, dtype=np.int8)
    lesion = np.full(timeline.n_units, MISSING, dtype=np.int64)
    follow_up = kind == FOLLOW_UP
    has_baseline = timeline.baseline_visit >= 0
    known = (rows.base_role == TARGET) | (rows.base_role == 1)
    changed = follow_up & known & (rows.role != rows.base_role)
    unmeasured = follow_up & (rows.role == TARGET) & (rows.base_role == MISSING) & ~first_new
    twice = np.zeros(rows.size, dtype=bool)
    twice[1:] = (np.diff(rows.visit) == 0) & (np.diff(rows.series) == 0) & rows.whole[1:] & rows.whole[:-1]
    earlier = np.zeros(int(rows.series[-1]) + 1 if rows.size else 0, dtype=bool)
    earlier[rows.series[(kind < BASELINE) & (rows.role == TARGET)]] = True
    two = unmeasured & earlier[rows.series]
    for which, found in (
        (TWO_BASELINES, two),
        (TWICE, twice),
        (NO_BASELINE_SIZE, unmeasured),
        (ROLE_CHANGED, changed),
    ):
        at = np.flatnonzero(found)
        unit = timeline.visit_unit[rows.visit[at]]
        free = (code[unit] == NO_FAULT) & has_baseline[unit]
        # Backwards again: the earliest of several is named.
        code[unit[free][::-1]] = which
        lesion[unit[free][::-1]] = rows.lesion[at[free][::-1]]
    return UnitFaults(code=code, lesion=lesion)


def find_contradictions(rows: LesionRows) -> np.ndarray:
    """Rows that call a lesion absent and give it a size."""
    return (rows.state == ABSENT) & ((rows.longest_mm > 0) | (rows.perpendicular_mm > 0))
