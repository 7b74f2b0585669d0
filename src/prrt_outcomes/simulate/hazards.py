"""Latent times of progression and death: proportional hazards with a change at response."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.units import DAYS_PER_MONTH, DAYS_PER_YEAR

# Hazard ratios in the order of `TUMOUR_GROUPS` and of `GRADES`; those of death hold before and after progression.
PROGRESSION_RATIOS = ((1.0, 1.3, 1.1, 1.5), (1.0, 1.5, 2.6))
DEATH_RATIOS = ((1.0, 1.3, 1.1, 1.5), (1.0, 1.3, 2.2))
# Of progression where progression was proved before the first cycle, and of both for one step of ECOG.
PROGRESSIVE_RATIO = 1.3
ECOG_RATIO = 1.3
# Of death.
AGE_RATIO_PER_DECADE = 1.15


def compute_log_hazard(
    baseline: pd.DataFrame, settings: SimulationSettings, *, death: bool, y90: np.ndarray | None = None
) -> np.ndarray:
    """Logarithm of the hazard ratio of each patient against the reference patient.

    Parameters
    ----------
    baseline : as `draw_baseline` returns it
    settings : settings of the simulation
    death : of death rather than of progression
    y90 : whether the first cycle was 90Y; None for patients without PRRT
    """
    effects = settings.effects
    strength = effects.prognosis_strength
    groups, grades = (np.log(r) for r in (DEATH_RATIOS if death else PROGRESSION_RATIOS))
    total = strength * (groups[baseline["tumour_group"]] + grades[baseline["grade"]])
    total = total + strength * np.log(ECOG_RATIO) * baseline["ecog"].to_numpy()
    total = total + np.log(effects.unmeasured_hazard_ratio) * baseline["unmeasured"].to_numpy()
    if death:
        decades = (baseline["age_years"].to_numpy() - 60.0) / 10.0
        total = total + strength * np.log(AGE_RATIO_PER_DECADE) * decades
    else:
        total = total + strength * np.log(PROGRESSIVE_RATIO) * baseline["progressive"].to_numpy()
    if y90 is not None:
        total = total + np.log(effects.radionuclide_hazard_ratio) * y90
    return total


def draw_progression_days(
    log_hazard: np.ndarray, response_days: np.ndarray, settings: SimulationSettings, rng: np.random.Generator
) -> np.ndarray:
    """Draw latent times of progression, days from the first cycle.

    The cumulative hazard is Weibull times the patient's ratio; from `response_days` on (infinite where there
    is no response) its increments are multiplied by `effects.objective_response_hazard_ratio`.
    """
    shape = settings.disease.progression_shape
    scale = settings.disease.progression_median_months * DAYS_PER_MONTH
    rate = np.log(2.0) / scale**shape * np.exp(log_hazard)
    target = rng.exponential(size=len(log_hazard)) / rate
    with np.errstate(over="ignore"):
        change = response_days**shape
    ratio = settings.effects.objective_response_hazard_ratio
    responded = target > change
    later = np.where(responded, change, 0.0) + np.where(responded, target - change, 0.0) / ratio
    return np.where(responded, later, target) ** (1.0 / shape)


def draw_death_days(
    log_hazard: np.ndarray,
    progression_days: np.ndarray,
    response_days: np.ndarray,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw latent times of death, days from the first cycle.

    The hazard is constant before and after progression; an early progression is followed by a higher one, and
    a response lowers both from its day on.
    """
    disease = settings.disease
    ratio = settings.effects.objective_response_hazard_ratio
    responded = response_days < progression_days
    before = disease.death_per_year_before_progression / DAYS_PER_YEAR * np.exp(log_hazard)
    months = np.maximum(progression_days / DAYS_PER_MONTH, 0.1)
    early = np.clip((24.0 / months) ** disease.early_progression_exponent, 1.0, 4.0)
    after = disease.death_per_year_after_progression / DAYS_PER_YEAR * np.exp(log_hazard) * early
    after = np.where(responded, after * ratio, after)
    first = np.where(responded, response_days, progression_days)
    second = progression_days
    rates = np.column_stack([before, np.where(responded, before * ratio, after), after])
    return _invert_pieces(rng.exponential(size=len(log_hazard)), rates, first, second)


def _invert_pieces(
    target: np.ndarray, rates: np.ndarray, first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Time at which a cumulative hazard of three constant pieces reaches its target."""
    to_first = rates[:, 0] * first
    to_second = to_first + rates[:, 1] * (second - first)
    floor = 1e-12
    one = target / np.maximum(rates[:, 0], floor)
    two = first + (target - to_first) / np.maximum(rates[:, 1], floor)
    three = second + (target - to_second) / np.maximum(rates[:, 2], floor)
    return np.where(target <= to_first, one, np.where(target <= to_second, two, three))
