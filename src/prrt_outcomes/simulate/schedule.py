"""Cycles as planned and as given, scans, and how long a patient is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.columns import Array, Rng
from prrt_outcomes.simulate.lesions import MOST_TARGETS, Lesions
from prrt_outcomes.simulate.patients import draw_categories
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.units import DAYS_PER_YEAR

MOST_CYCLES = 5
STOP_REASONS = ("completed", "progression", "toxicity", "patient_choice", "death", "end_of_observation")
# Shares of patients with 2 to 5 planned cycles.
CYCLE_SHARES = (0.05, 0.12, 0.75, 0.08)
INTERVAL_DAYS, INTERVAL_SD_DAYS = 70, 6.0
Y90_SHARE_FIRST_YEAR, Y90_SHARE_LAST_YEAR = 0.75, 0.10
TOXICITY_STOP_SHARE, CHOICE_STOP_SHARE = 0.05, 0.03


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
    planned = 2 + draw_categories(rng, np.tile(CYCLE_SHARES, (patients, 1)))
    gaps = rng.normal(INTERVAL_DAYS, INTERVAL_SD_DAYS, (patients, MOST_CYCLES - 1))
    late = rng.random(gaps.shape) < 0.04
    gaps = np.clip(gaps + late * rng.exponential(25.0, gaps.shape), 28, 170).round().astype(int)
    days = np.concatenate([np.zeros((patients, 1), dtype=int), gaps.cumsum(axis=1)], axis=1)
    years = baseline["entry_day"].to_numpy() / 365.25 + 1970.0
    part = np.clip((years - cohort.first_year) / max(cohort.last_year + 1 - cohort.first_year, 1), 0, 1)
    share = Y90_SHARE_FIRST_YEAR * (1 - part) + Y90_SHARE_LAST_YEAR * part
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
    toxicity = uniform < TOXICITY_STOP_SHARE
    choice = ~toxicity & (uniform < TOXICITY_STOP_SHARE + CHOICE_STOP_SHARE)
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
    rows = np.arange(patients)
    reason = np.select(
        [given >= regimen.planned, over[rows, at] & dead, over[rows, at], progressed[rows, at], toxicity],
        [0, 4, 5, 1, 2],
        default=3,
    )
    return replace(regimen, given=given, stop_reason=reason)


# First restaging after the last planned cycle.
FIRST_AFTER_LAST_CYCLE_DAYS = 63
DELAY_MEAN_DAYS = 8.0
# Share of patients with a scan before the baseline scan.
PRE_BASELINE_SHARE = 0.35
FATAL_PROMPTED_SHARE = 0.7
# The living were last seen up to this many days before the cut-off.
CONTACT_LAG_DAYS = 90


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
    baseline: pd.DataFrame, regimen: Regimen, lesions: Lesions, settings: SimulationSettings, rng: Rng
) -> ScanGrid:
    """Draw the scans of each patient: baseline, after the planned course, then at the interval, with delays.

    The first restaging follows the last *planned* cycle, so that the grid knows nothing of the course of the
    disease.
    """
    scans = settings.scans
    patients = len(baseline)
    rows = np.arange(patients)
    first = regimen.days[rows, regimen.planned - 1] + FIRST_AFTER_LAST_CYCLE_DAYS
    longest = int((compute_cutoff_days(baseline, settings) - first).max())
    number = max(longest, 0) // scans.interval_days + 2
    delay = rng.exponential(DELAY_MEAN_DAYS, (patients, number)).round().astype(int)
    delay = np.minimum(delay, scans.interval_days // 2 - 1)
    later = first[:, None] + scans.interval_days * np.arange(number) + delay
    start = -rng.integers(3, 50, (patients, 1))
    days = np.concatenate([start, later], axis=1)
    taken = rng.random(days.shape) >= scans.missed_share
    taken[:, 0] = rng.random(patients) >= scans.no_baseline_share
    hidden = rng.random(days.shape) < scans.not_evaluable_share
    hidden[:, 0] = False
    which = rng.integers(0, MOST_TARGETS, days.shape) % np.maximum(lesions.present.sum(axis=1), 1)[:, None]
    unseen = hidden[:, None, :] & (which[:, None, :] == np.arange(MOST_TARGETS)[None, :, None])
    earlier = -rng.integers(140, 330, patients) * (rng.random(patients) < PRE_BASELINE_SHARE)
    noise = settings.lesions.measurement_sd * rng.normal(size=unseen.shape)
    return ScanGrid(days=days, taken=taken, unseen=unseen, noise=noise, pre_baseline_days=earlier)


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
    return delay, rng.random(len(fatal)) < np.where(fatal, max(share, FATAL_PROMPTED_SHARE), share)


def draw_observation(
    baseline: pd.DataFrame, death_days: Array, settings: SimulationSettings, rng: Rng
) -> Observation:
    """Draw loss to follow-up and the last contact of the living, both independent of the disease.

    A death counts as known when it comes before the day of the last contact that was drawn for the patient,
    so the vital status of the dead is not known longer than that of the living.
    """
    patients = len(baseline)
    cutoff = compute_cutoff_days(baseline, settings)
    lag = rng.integers(0, CONTACT_LAG_DAYS + 1, patients)
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
