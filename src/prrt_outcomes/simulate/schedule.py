"""Cycles as planned and as given, scans and what progression does to them, and how long a patient is known."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.columns import MODEL, Array, Rng, draw_shares
from prrt_outcomes.simulate.lesions import (
    MEASURED,
    MOST_TARGETS,
    NOT_EVALUATED,
    PD,
    Lesions,
    Readings,
    compute_sums,
    find_first,
)
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.units import DAYS_PER_MONTH, DAYS_PER_YEAR

MOST_CYCLES = 5
STOP_REASONS = ("completed", "progression", "toxicity", "patient_choice", "death", "end_of_observation")


@dataclass(frozen=True)
class Regimen:
    """Cycles of a first course; arrays have one row a patient."""

    planned: Array  # number of cycles planned, 2 to 5
    days: Array  # (patients, 5) day of each cycle from the first, planned or not
    y90: Array  # (patients, 5) whether the cycle is 90Y
    given: Array  # number of cycles given
    stop_reason: Array  # code into `STOP_REASONS`

    @property
    def starts_with_y90(self) -> Array:
        """Whether the first cycle is 90Y."""
        return self.y90[:, 0]


def draw_regimen(baseline: pd.DataFrame, settings: SimulationSettings, rng: Rng) -> Regimen:
    """Draw the planned course: number of cycles, intervals of about ten weeks, radionuclide by calendar year."""
    cohort = settings.cohort
    patients = len(baseline)
    planned = 2 + draw_shares(rng, MODEL.planned_shares, patients)
    gaps = rng.normal(MODEL.interval_days, MODEL.interval_sd_days, (patients, MOST_CYCLES - 1))
    late = rng.random(gaps.shape) < 0.04
    gaps = np.clip(gaps + late * rng.exponential(25.0, gaps.shape), 28, 170).round().astype(int)
    days = np.concatenate([np.zeros((patients, 1), dtype=int), gaps.cumsum(axis=1)], axis=1)
    years = baseline["entry_day"].to_numpy() / 365.25 + 1970.0
    part = np.clip((years - cohort.first_year) / max(cohort.last_year + 1 - cohort.first_year, 1), 0, 1)
    share = MODEL.y90_share_first_year * (1 - part) + MODEL.y90_share_last_year * part
    first = rng.random(patients) < share
    combined = rng.random(patients) < settings.treatment.combined_share
    odd = np.arange(MOST_CYCLES) % 2 == 1
    y90 = first[:, None] ^ (combined[:, None] & odd[None, :])
    completed = np.zeros(patients, dtype=int)
    return Regimen(planned=planned, days=days, y90=y90, given=planned, stop_reason=completed)


def derive_given_cycles(
    regimen: Regimen, progression_days: Array, end_days: Array, dead: Array, rng: Rng
) -> Regimen:
    """Cut the planned course where progression, toxicity, the patient, death or the end of observation stop it.

    Three in ten latent progressions are noticed before the next cycle.
    """
    patients = len(regimen.planned)
    uniform = rng.random(patients)
    toxicity = uniform < MODEL.toxicity_stop_share
    choice = ~toxicity & (uniform < MODEL.toxicity_stop_share + MODEL.choice_stop_share)
    stop_at = 1 + np.floor(rng.random(patients) * (regimen.planned - 1)).astype(int)
    noticed = rng.random(patients) < 0.3
    number = np.arange(MOST_CYCLES)
    over = regimen.days >= end_days[:, None]
    progressed = noticed[:, None] & (regimen.days > progression_days[:, None] + 14)
    voluntary = (toxicity | choice)[:, None] & (number >= stop_at[:, None])
    beyond = number >= regimen.planned[:, None]
    stopped = over | progressed | voluntary | beyond
    stopped[:, 0] = False
    given = np.where(stopped.any(axis=1), stopped.argmax(axis=1), MOST_CYCLES)
    at = np.minimum(given, MOST_CYCLES - 1)
    over, progressed = (found[np.arange(patients), at] for found in (over, progressed))
    causes = [given >= regimen.planned, over & dead, over, progressed, toxicity]
    reason = np.select(causes, [0, 4, 5, 1, 2], default=3)
    return replace(regimen, given=given, stop_reason=reason)


@dataclass(frozen=True)
class ScanGrid:
    """Planned scans; column 0 is the baseline scan."""

    days: Array  # (patients, scans) day of each scan from the first cycle, rising along a row
    taken: Array  # (patients, scans) whether the scan takes place while the patient is followed
    unseen: Array  # (patients, 5, scans) target lesions that the scan does not show
    noise: Array  # (patients, 5, scans) logarithm of the error of measurement
    pre_baseline_days: Array  # (patients,) day of an earlier scan, 0 where there is none


@dataclass(frozen=True)
class Observation:
    """How long each patient is known; arrays of whole days from the first cycle."""

    end_days: Array  # last contact, which is death for the dead
    dead: Array  # state at the last contact, as the next
    lost: Array


def draw_scan_grid(
    baseline: pd.DataFrame,
    regimen: Regimen,
    lesions: Lesions,
    settings: SimulationSettings,
    rng: Rng,
    known: int = 0,
) -> ScanGrid:
    """Draw the scans of each patient, which know the planned course and nothing of the disease.

    `known` later scans are drawn already and left out.
    """
    scans = settings.scans
    patients = len(baseline)
    rows = np.arange(patients)
    first = regimen.days[rows, regimen.planned - 1] + MODEL.first_after_last_cycle_days
    longest = int((compute_cutoff_days(baseline, settings) - first).max())
    number = max(longest, 0) // scans.interval_days + 2
    columns = np.arange(known, max(number, known + 1))
    delay = rng.exponential(MODEL.delay_mean_days, (patients, len(columns))).round().astype(int)
    delay = np.minimum(delay, scans.interval_days // 2 - 1)
    later = first[:, None] + scans.interval_days * columns + delay
    start = -rng.integers(3, 50, (patients, 1))
    days = np.concatenate([start, later], axis=1)
    taken = rng.random(days.shape) >= scans.missed_share
    taken[:, 0] = rng.random(patients) >= scans.no_baseline_share
    hidden = rng.random(days.shape) < scans.not_evaluable_share
    hidden[:, 0] = False
    which = rng.integers(0, MOST_TARGETS, days.shape) % np.maximum(lesions.present.sum(axis=1), 1)[:, None]
    unseen = hidden[:, None, :] & (which[:, None, :] == np.arange(MOST_TARGETS)[None, :, None])
    earlier = -rng.integers(140, 330, patients) * (rng.random(patients) < MODEL.pre_baseline_share)
    noise = settings.lesions.measurement_sd * rng.normal(size=unseen.shape)
    return ScanGrid(days=days, taken=taken, unseen=unseen, noise=noise, pre_baseline_days=earlier)


def extend_scan_grid(grid: ScanGrid, further: ScanGrid) -> ScanGrid:
    """The scans of a grid and, behind them, those of one that was drawn from there on."""
    parts = {
        name: np.concatenate([getattr(grid, name), getattr(further, name)[..., 1:]], axis=-1)
        for name in ("days", "taken", "unseen", "noise")
    }
    return replace(grid, **parts)


def derive_prompted_scans(
    grid: ScanGrid, progression_days: Array, death_days: Array, settings: SimulationSettings, rng: Rng
) -> ScanGrid:
    """Bring the next scan forward where symptoms of progression ask for it; earlier scans stay as they are.

    Symptoms are commoner where death is near: before the next planned scan.
    """
    patients = len(progression_days)
    rows = np.arange(patients)
    later = grid.days >= progression_days[:, None]
    following = later.argmax(axis=1)
    planned = grid.days[rows, following]
    delay, prompted = draw_prompted(death_days < planned, settings, rng)
    wanted = np.ceil(np.minimum(progression_days, 1e6)).astype(int) + delay
    prompted &= later.any(axis=1) & (following > 0) & (wanted < planned)
    days, taken = grid.days.copy(), grid.taken.copy()
    days[rows[prompted], following[prompted]] = wanted[prompted]
    taken[rows[prompted], following[prompted]] = True
    return replace(grid, days=days, taken=taken)


def draw_prompted(fatal: Array, settings: SimulationSettings, rng: Rng) -> tuple[Array, Array]:
    """Draw after how many days symptoms bring a scan forward, and whether they do; `fatal`: death is near."""
    mean, share = settings.scans.prompted_delay_days, settings.scans.prompted_share
    delay = rng.integers(2 * mean // 5, 8 * mean // 5 + 1, len(fatal))
    return delay, rng.random(len(fatal)) < np.where(fatal, max(share, MODEL.fatal_prompted_share), share)


def draw_observation(
    baseline: pd.DataFrame, death_days: Array, settings: SimulationSettings, rng: Rng
) -> Observation:
    """Draw loss to follow-up and the last contact of the living, both independent of the disease.

    A death counts as known when it comes before the day of the last contact that was drawn for the patient,
    so the vital status of the dead is not known longer than that of the living.
    """
    patients = len(baseline)
    cutoff = compute_cutoff_days(baseline, settings)
    lag = rng.integers(0, MODEL.contact_lag_days + 1, patients)
    rate = max(settings.follow_up.lost_per_year, 1e-9) / DAYS_PER_YEAR
    loss = np.ceil(np.minimum(30.0 + rng.exponential(1.0 / rate, patients), 1e6)).astype(int)
    contact = np.maximum(cutoff - lag, 1)
    death = np.ceil(np.clip(death_days, 3.0, 1e6)).astype(int)
    known = np.minimum(contact, loss)
    dead = death <= known
    end = np.where(dead, death, known)
    return Observation(end_days=end, dead=dead, lost=~dead & (loss < contact))


def compute_cutoff_days(baseline: pd.DataFrame, settings: SimulationSettings) -> Array:
    """Days from the first cycle to the data cut-off."""
    cutoff = np.datetime64(settings.cohort.data_cutoff).astype("datetime64[D]").astype(int)
    return cutoff - baseline["entry_day"].to_numpy()


BY_TARGET, BY_NEW_LESION, BY_NON_TARGET = range(3)


@dataclass(frozen=True)
class SecondCourse:
    """Retreatment after progression."""

    detected: Array  # column of the scan that found the progression, -1 where there is none
    found_days: Array  # day of that scan, infinite where there is none
    days: Array  # (patients, 2) days of the cycles, infinite where not given
    progression_days: Array  # latent second progression, infinite without retreatment
    new_lesion: Array  # whether the second progression shows as a new lesion

    @property
    def given(self) -> Array:
        """Whether there is a second course."""
        return np.isfinite(self.days[:, 0])


def apply_progression(
    value: Array, attended: Array, grid: ScanGrid, onset: Array, grows: Array, lesions: Lesions, rng: Rng
) -> Array:
    """Targets from `onset` on: over the smallest sum seen, by enough to be progression at the next scan.

    `attended` scans count for the smallest sum; `grows`: whether the progression shows in the targets.
    """
    sums, whole = compute_sums(value, lesions.present)
    before = grid.days < onset[:, None]
    lowest = np.where(attended & whole & before, sums, np.inf).argmin(axis=1)
    nadir = np.take_along_axis(value, lowest[:, None, None], axis=2)
    nadir_sum = np.maximum(np.where(lesions.present, np.nan_to_num(nadir[:, :, 0]), 0.0).sum(axis=1), 1.0)
    factor = np.maximum(MODEL.least_growth, 1.0 + MODEL.least_growth_mm / nadir_sum)
    factor = factor + rng.exponential(0.08, len(factor))
    since = np.maximum(grid.days - onset[:, None], 0.0)
    further = np.exp(np.minimum(MODEL.growth_per_year / DAYS_PER_YEAR * since, 1.1))
    grown = nadir * (factor[:, None] * further)[:, None, :] * np.exp(grid.noise)
    change = grows[:, None] & ~before
    return np.where(change[:, None, :], np.minimum(np.round(grown), 400.0), value)


def draw_second_course(
    grid: ScanGrid, given: Regimen, lesions: Lesions, response: Array, end: Array, share: float, rng: Rng
) -> SecondCourse:
    """Draw retreatment after a progression that followed a first benefit, at least 26 weeks after the course."""
    detected = find_first(response == PD)
    patients = len(detected)
    rows = np.arange(patients)
    found = np.where(detected >= 0, grid.days[rows, detected], np.inf)
    start = found + rng.integers(20, 70, patients)
    last_cycle = given.days[rows, given.given - 1]
    benefit = ((response >= 0) & (response < PD) & (grid.days < found[:, None])).any(axis=1)
    chosen = rng.random(patients) < share
    chosen &= benefit & ~lesions.complete & (start - last_cycle >= MODEL.second_gap_days) & (start < end)
    gap = rng.integers(60, 82, patients)
    again = chosen & (rng.random(patients) < 0.8) & (start + gap < end)
    days = np.column_stack([np.where(chosen, start, np.inf), np.where(again, start + gap, np.inf)])
    scale = MODEL.second_median_months * DAYS_PER_MONTH / np.log(2.0)
    progression = start + 30.0 + rng.exponential(scale, patients)
    new = (rng.random(patients) < 0.4) | ~lesions.has_targets
    return SecondCourse(detected, found, days, np.where(chosen, progression, np.inf), new)


def apply_second_course(
    readings: Readings, state: Array, grid: ScanGrid, second: SecondCourse, lesions: Lesions, rng: Rng
) -> tuple[Readings, Array]:
    """Scans after the first progression: fewer without retreatment; with it, sizes fall and rise anew.

    The returned states hide nothing after progression, and call nothing small.
    """
    days = grid.days
    column = np.arange(days.shape[1])
    detected, found = second.detected, second.found_days
    after = days >= second.days[:, :1]
    value = _shrink_again(readings.value_mm, grid, second, lesions, rng)
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


def _shrink_again(value_mm: Array, grid: ScanGrid, second: SecondCourse, lesions: Lesions, rng: Rng) -> Array:
    """Diameters after the second course starts, from those of the scan that found progression."""
    start = np.take_along_axis(value_mm, np.maximum(second.detected, 0)[:, None, None], axis=2)
    patients = len(start)
    depth = np.maximum(rng.normal(0.14, 0.12, (patients, 1)), -0.03)
    since = np.maximum(grid.days - np.where(second.given, second.days[:, 0], 0.0)[:, None], 0.0)
    fall = depth * (1.0 - np.exp(-since / MODEL.shrinkage_days))
    size = np.maximum(np.round(start * np.exp(-fall)[:, None, :] * np.exp(grid.noise)), 5.0)
    size = np.where(lesions.node[:, :, None], np.maximum(size, 10.0), size)
    after = (grid.days >= second.days[:, :1]) & second.given[:, None]
    return np.where(after[:, None, :], size, value_mm)
