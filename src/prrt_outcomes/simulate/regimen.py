"""Cycles as planned and as given: days, radionuclide, and what stopped them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.baseline import draw_categories
from prrt_outcomes.simulate.settings import SimulationSettings

MOST_CYCLES = 5
STOP_REASONS = ("completed", "progression", "toxicity", "patient_choice", "death", "end_of_observation")
# Shares of patients with 2 to 5 planned cycles.
CYCLE_SHARES = (0.05, 0.12, 0.75, 0.08)
INTERVAL_DAYS, INTERVAL_SD_DAYS = 70, 6.0
Y90_SHARE_FIRST_YEAR, Y90_SHARE_LAST_YEAR = 0.75, 0.10
TOXICITY_STOP_SHARE, CHOICE_STOP_SHARE = 0.05, 0.03


@dataclass(frozen=True)
class Regimen:
    """Cycles of a first course; arrays have one row a patient.

    Attributes
    ----------
    planned : number of cycles planned, 2 to 5
    days : (patients, 5) day of each cycle from the first, planned or not
    y90 : (patients, 5) whether the cycle is 90Y
    given : number of cycles given
    stop_reason : code into `STOP_REASONS`
    """

    planned: np.ndarray
    days: np.ndarray
    y90: np.ndarray
    given: np.ndarray
    stop_reason: np.ndarray

    @property
    def starts_with_y90(self) -> np.ndarray:
        """Whether the first cycle is 90Y."""
        return self.y90[:, 0]


def draw_regimen(baseline: pd.DataFrame, settings: SimulationSettings, rng: np.random.Generator) -> Regimen:
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
    regimen: Regimen,
    progression_days: np.ndarray,
    end_days: np.ndarray,
    dead: np.ndarray,
    rng: np.random.Generator,
) -> Regimen:
    """Cut the planned course where progression, toxicity, the patient, death or the end of observation stop it.

    Parameters
    ----------
    regimen : as planned
    progression_days : latent progression; three in ten are noticed before the next cycle
    end_days, dead : last day of observation, and whether it is death
    rng : source of chance
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
        [
            given >= regimen.planned,
            over[rows, at] & dead,
            over[rows, at],
            progressed[rows, at],
            toxicity,
        ],
        [0, 4, 5, 1, 2],
        default=3,
    )
    return replace(regimen, given=given, stop_reason=reason)
