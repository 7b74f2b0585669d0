"""Who is followed, by whom, from which baseline: units (patient, period, reader) and their visits (scans)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import NO_DAY, convert_to_days

PRIOR, BASELINE, FOLLOW_UP = -2, -1, 0
FAR_DAY = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Periods:
    """Treatment periods sorted by patient and period; `first_day` in days since 1970."""

    patients: pd.Index
    patient: np.ndarray
    period: np.ndarray
    first_day: np.ndarray

    @property
    def size(self) -> int:
        return len(self.patient)


@dataclass(frozen=True)
class Timeline:
    """Scans of all readers, laid out along the treatment periods.

    A unit is a patient's treatment period as one reader saw it: unit = period row * number of readers + reader.
    Visits are sorted by unit and day. A scan between two periods is a follow-up of the first and can be the
    baseline of the second; `scan_visit` maps a scan to its visit of each kind, -1 where it has none.
    """

    periods: Periods
    readers: tuple[str, ...]
    visit_unit: np.ndarray
    visit_day: np.ndarray
    visit_scan: np.ndarray
    visit_kind: np.ndarray
    baseline_visit: np.ndarray
    scan_visit: dict[int, np.ndarray]

    @property
    def n_units(self) -> int:
        return self.periods.size * len(self.readers)

    @property
    def n_visits(self) -> int:
        return len(self.visit_unit)

    def expand_rows(self, scan: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a table by scan, once for each visit that the scan is: (row, visit)."""
        rows, visits = [], []
        for kind in (FOLLOW_UP, BASELINE, PRIOR):
            visit = np.where(scan >= 0, self.scan_visit[kind][scan], -1)
            row = np.flatnonzero(visit >= 0)
            rows.append(row.astype(np.int32))
            visits.append(visit[row].astype(np.int32))
        return np.concatenate(rows), np.concatenate(visits)


def order_periods(treatment_periods: pd.DataFrame) -> Periods:
    """Sort the table `treatment_periods` and number its patients."""
    ordered = treatment_periods.sort_values(["patient_id", "period"], kind="stable")
    codes, patients = pd.factorize(ordered["patient_id"].astype(object))
    return Periods(
        patients=pd.Index(patients, dtype=object),
        patient=codes.astype(np.int64),
        period=ordered["period"].to_numpy(dtype=np.int64),
        first_day=convert_to_days(ordered["first_cycle"]),
    )


def build_timeline(
    periods: Periods,
    readers: tuple[str, ...],
    scan_key: np.ndarray,
    scan_has_lesions: np.ndarray,
    baseline_days: int,
) -> Timeline:
    """Lay the scans along the periods.

    Parameters
    ----------
    scan_key : int64, rising, one a scan: see `compute_scan_key`
    scan_has_lesions : whether the reader wrote lesions at the scan
    baseline_days : how many days before the first cycle the baseline may lie

    Notes
    -----
    A scan on the day of the first cycle is before treatment. The baseline is the last scan with lesions in the
    window; where no scan of the window has lesions, the last scan.
    """
    n_readers = len(readers)
    series, day = np.divmod(scan_key, DAY_SPAN)
    day = (day - DAY_SHIFT).astype(np.int32)
    patient, reader = np.divmod(series, n_readers)
    row = _follow_up_period(periods, patient, day)
    unit_follow_up = np.where(row >= 0, row * n_readers + reader, -1)

    unit = np.arange(periods.size * n_readers)
    unit_period, unit_reader = np.divmod(unit, n_readers)
    unit_series = periods.patient[unit_period] * n_readers + unit_reader
    unit_key = unit_series * DAY_SPAN + periods.first_day[unit_period] + DAY_SHIFT
    earliest = _earliest_baseline(periods, baseline_days)[unit_period]
    with_lesions = np.flatnonzero(scan_has_lesions)
    baseline, prior = _last_before(unit_key, unit_series, scan_key, with_lesions)
    # The day after the last is that of no scan, so that -1 finds it.
    day_of = np.append(day, NO_DAY)
    in_window = (baseline >= 0) & (day_of[baseline] >= earliest)
    any_scan, _ = _last_before(unit_key, unit_series, scan_key, np.arange(len(scan_key)))
    any_in_window = (any_scan >= 0) & (day_of[any_scan] >= earliest)
    baseline = np.where(in_window, baseline, np.where(any_in_window, any_scan, -1))
    prior = np.where(in_window, prior, -1)

    parts = [
        (unit_follow_up[unit_follow_up >= 0], np.flatnonzero(unit_follow_up >= 0), FOLLOW_UP),
        (unit[baseline >= 0], baseline[baseline >= 0], BASELINE),
        (unit[prior >= 0], prior[prior >= 0], PRIOR),
    ]
    visit_unit = np.concatenate([p[0] for p in parts]).astype(np.int64)
    visit_scan = np.concatenate([p[1] for p in parts]).astype(np.int64)
    kind = np.repeat(np.array([p[2] for p in parts], dtype=np.int8), [len(p[0]) for p in parts])
    order = np.argsort(visit_unit * DAY_SPAN + day[visit_scan] + DAY_SHIFT, kind="stable")
    visit_unit, visit_scan, kind = visit_unit[order], visit_scan[order], kind[order]
    scan_visit = {}
    baseline_visit = np.full(len(unit), -1, dtype=np.int64)
    baseline_visit[visit_unit[kind == BASELINE]] = np.flatnonzero(kind == BASELINE)
    for which in (FOLLOW_UP, BASELINE, PRIOR):
        at = np.full(len(scan_key) + 1, -1, dtype=np.int64)
        at[visit_scan[kind == which]] = np.flatnonzero(kind == which)
        scan_visit[which] = at
    return Timeline(
        periods=periods,
        readers=readers,
        visit_unit=visit_unit,
        visit_day=day[visit_scan] if len(scan_key) else np.array([], dtype=np.int32),
        visit_scan=visit_scan,
        visit_kind=kind,
        baseline_visit=baseline_visit,
        scan_visit=scan_visit,
    )


DAY_SHIFT = 100_000
DAY_SPAN = 400_000


def compute_scan_key(patient: np.ndarray, reader: np.ndarray, day: np.ndarray, n_readers: int) -> np.ndarray:
    """One whole number a scan, rising with patient, reader and day; -1 where one of them is missing."""
    key = (patient.astype(np.int64) * n_readers + reader) * DAY_SPAN + day.astype(np.int64) + DAY_SHIFT
    return np.where((patient < 0) | (reader < 0) | (day == NO_DAY), -1, key)


def _earliest_baseline(periods: Periods, baseline_days: int) -> np.ndarray:
    """First day on which a baseline may lie: inside the window, and after the period before began."""
    earliest = periods.first_day.astype(np.int64) - baseline_days
    again = np.flatnonzero(np.diff(periods.patient) == 0) + 1
    earliest[again] = np.maximum(earliest[again], periods.first_day[again - 1].astype(np.int64) + 1)
    return earliest


def _follow_up_period(periods: Periods, patient: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Row of the period that a scan follows: the last one that began before that day; -1 before the first."""
    starts = periods.patient * DAY_SPAN + periods.first_day + DAY_SHIFT
    row = np.searchsorted(starts, patient * DAY_SPAN + day + DAY_SHIFT, side="left") - 1
    known = (row >= 0) & (len(starts) > 0)
    same = known & (periods.patient[np.where(known, row, 0)] == patient) if len(starts) else known
    return np.where(same, row, -1)


def _last_before(
    unit_key: np.ndarray, unit_series: np.ndarray, scan_key: np.ndarray, allowed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Last allowed scan of each unit up to its first cycle, and the one before that; -1 where there is none."""
    if not len(allowed):
        none = np.full(len(unit_key), -1, dtype=np.int64)
        return none, none
    keys = scan_key[allowed]
    place = np.searchsorted(keys, unit_key, side="right") - 1
    found = []
    for back in (0, 1):
        at = np.maximum(place - back, 0)
        same = (place - back >= 0) & (keys[at] // DAY_SPAN == unit_series)
        found.append(np.where(same, allowed[at], -1))
    return found[0], found[1]
