"""What progression does to the scans, and the second course that may follow it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from prrt_outcomes.simulate.columns import Array, Rng
from prrt_outcomes.simulate.lesions import (
    GROWTH_PER_YEAR,
    MEASURED,
    NOT_EVALUATED,
    PD,
    SHRINKAGE_DAYS,
    Lesions,
    Readings,
    compute_sums,
    find_first,
)
from prrt_outcomes.simulate.schedule import Regimen, ScanGrid
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.units import DAYS_PER_MONTH, DAYS_PER_YEAR

BY_TARGET, BY_NEW_LESION, BY_NON_TARGET = range(3)
LEAST_GROWTH = 1.30
LEAST_GROWTH_MM = 8.0
SECOND_MEDIAN_MONTHS = 13.0
SECOND_GAP_DAYS = 190


@dataclass(frozen=True)
class SecondCourse:
    """Retreatment after progression."""

    days: Array  # (patients, 2) days of the cycles, infinite where not given
    progression_days: Array  # latent second progression, infinite without retreatment
    new_lesion: Array  # whether the second progression shows as a new lesion

    @property
    def given(self) -> Array:
        """Whether there is a second course."""
        return np.isfinite(self.days[:, 0])


def apply_progression(
    value_mm: Array,
    attended: Array,
    grid: ScanGrid,
    progression_days: Array,
    grows: Array,
    lesions: Lesions,
    rng: Rng,
) -> Array:
    """Targets from progression on: over the smallest sum seen, by enough to be progression at the next scan.

    Sizes before progression stay as they are, so what a scan shows tells nothing about a progression to come.
    `attended` scans count for the smallest sum; `grows` tells whether the progression shows in the targets.
    """
    sums, whole = compute_sums(value_mm, lesions.present)
    before = grid.days < progression_days[:, None]
    lowest = np.where(attended & whole & before, sums, np.inf).argmin(axis=1)
    nadir = np.take_along_axis(value_mm, lowest[:, None, None], axis=2)
    nadir_sum = np.maximum(np.where(lesions.present, np.nan_to_num(nadir[:, :, 0]), 0.0).sum(axis=1), 1.0)
    factor = np.maximum(LEAST_GROWTH, 1.0 + LEAST_GROWTH_MM / nadir_sum)
    factor = factor + rng.exponential(0.08, len(factor))
    since = np.maximum(grid.days - progression_days[:, None], 0.0)
    further = np.exp(np.minimum(GROWTH_PER_YEAR / DAYS_PER_YEAR * since, 1.1))
    grown = nadir * (factor[:, None] * further)[:, None, :] * np.exp(grid.noise)
    change = grows[:, None] & ~before
    return np.where(change[:, None, :], np.minimum(np.round(grown), 400.0), value_mm)


def draw_second_course(
    grid: ScanGrid,
    regimen: Regimen,
    lesions: Lesions,
    response: Array,
    end_days: Array,
    settings: SimulationSettings,
    rng: Rng,
) -> SecondCourse:
    """Draw retreatment after a progression that followed a first benefit, at least 26 weeks after the course."""
    detected = find_first(response == PD)
    patients = len(detected)
    rows = np.arange(patients)
    found = np.where(detected >= 0, grid.days[rows, detected], np.inf)
    start = found + rng.integers(20, 70, patients)
    last_cycle = regimen.days[rows, regimen.given - 1]
    benefit = ((response >= 0) & (response < PD) & (grid.days < found[:, None])).any(axis=1)
    chosen = rng.random(patients) < settings.treatment.retreatment_share
    chosen &= benefit & ~lesions.complete & (start - last_cycle >= SECOND_GAP_DAYS) & (start < end_days)
    gap = rng.integers(60, 82, patients)
    again = chosen & (rng.random(patients) < 0.8) & (start + gap < end_days)
    days = np.column_stack([np.where(chosen, start, np.inf), np.where(again, start + gap, np.inf)])
    scale = SECOND_MEDIAN_MONTHS * DAYS_PER_MONTH / np.log(2.0)
    progression = start + 30.0 + rng.exponential(scale, patients)
    new = (rng.random(patients) < 0.4) | ~lesions.has_targets
    return SecondCourse(days=days, progression_days=np.where(chosen, progression, np.inf), new_lesion=new)


def apply_second_course(
    readings: Readings,
    state: Array,
    grid: ScanGrid,
    second: SecondCourse,
    detected: Array,
    lesions: Lesions,
    rng: Rng,
) -> tuple[Readings, Array]:
    """Scans after the first progression: fewer without retreatment; with it, sizes fall and rise anew.

    The returned states hide nothing after progression, and call nothing small.
    """
    days = grid.days
    rows = np.arange(len(detected))
    column = np.arange(days.shape[1])
    found = np.where(detected >= 0, days[rows, detected], np.inf)
    after = days >= second.days[:, :1]
    value = _shrink_again(readings.value_mm, grid, second, detected, lesions, rng)
    from_found = (column >= np.maximum(detected, 0)[:, None]) & readings.attended
    grows = second.given & ~second.new_lesion
    value = apply_progression(value, from_found, grid, second.progression_days, grows, lesions, rng)
    progressed = days >= second.progression_days[:, None]
    second_seen = find_first(progressed & readings.attended)
    beyond_second = (second_seen >= 0)[:, None] & (column > second_seen[:, None])
    thinned = (days > found[:, None]) & ~second.given[:, None]
    thinned &= (rng.random(days.shape) < 0.5) | (days > found[:, None] + 420)
    between = (days > found[:, None]) & (days < second.days[:, :1]) & second.given[:, None]
    changed = after | (days >= found[:, None])
    new_state = np.where(changed[:, None, :] & (state != NOT_EVALUATED) & (value >= 5.0), MEASURED, state)
    result = replace(
        readings,
        value_mm=value,
        attended=readings.attended & ~thinned & ~between & ~beyond_second,
        non_target_pd=readings.non_target_pd & ~after,
        new_lesion=np.where(after, progressed & second.new_lesion[:, None], readings.new_lesion),
    )
    return result, new_state


def _shrink_again(
    value_mm: Array, grid: ScanGrid, second: SecondCourse, detected: Array, lesions: Lesions, rng: Rng
) -> Array:
    """Diameters after the second course starts, from those of the scan that found progression."""
    start = np.take_along_axis(value_mm, np.maximum(detected, 0)[:, None, None], axis=2)
    patients = len(detected)
    depth = np.maximum(rng.normal(0.14, 0.12, (patients, 1)), -0.03)
    since = np.maximum(grid.days - np.where(second.given, second.days[:, 0], 0.0)[:, None], 0.0)
    fall = depth * (1.0 - np.exp(-since / SHRINKAGE_DAYS))
    size = np.maximum(np.round(start * np.exp(-fall)[:, None, :] * np.exp(grid.noise)), 5.0)
    size = np.where(lesions.node[:, :, None], np.maximum(size, 10.0), size)
    after = (grid.days >= second.days[:, :1]) & second.given[:, None]
    return np.where(after[:, None, :], size, value_mm)
