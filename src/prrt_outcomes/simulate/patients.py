"""Patients at their first cycle, and the latent times of their progression and death."""

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.columns import MODEL, Array, Rng, draw_shares
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.units import DAYS_PER_MONTH, DAYS_PER_YEAR

TUMOUR_TYPES = tuple(MODEL.tumour_type_shares)
TUMOUR_GROUPS = ("gep", "lung", "neuroectodermal", "other")
GROUP_OF_TYPE = np.array([0, 0, 0, 0, 0, 0, 1, 2, 2, 3])
GRADES = ("G1", "G2", "G3")


def draw_baseline(
    settings: SimulationSettings, patients: int, rng: Rng, *, historical: bool = False
) -> pd.DataFrame:
    """Draw what is known and what is hidden about patients at their first cycle; categories are codes."""
    effects, cohort = settings.effects, settings.cohort
    shift = effects.confounding_strength if historical else 0.0
    tumour_type = draw_shares(rng, list(MODEL.tumour_type_shares.values()), patients)
    grade = draw_shares(rng, MODEL.grade_shares * np.exp(shift * np.array([0.0, 0.4, 0.8])), patients)
    age = np.clip(rng.normal(60.0 + 4.0 * shift, 11.0, patients), 18.0, 88.0).round(1)
    ecog = draw_shares(rng, MODEL.ecog_shares * np.exp(0.45 * shift * np.arange(4)), patients)
    odds = MODEL.progressive_share / (1 - MODEL.progressive_share) * np.exp(0.3 * shift)
    progressive = rng.random(patients) < odds / (1 + odds)
    centre_shares = 1.0 / (1.0 + 0.4 * np.arange(cohort.centres))
    years = MODEL.control_years if historical else (cohort.first_year, cohort.last_year)
    days = f"{years[0]}-01-15", f"{years[1]}-12-15"
    first, last = (np.datetime64(day).astype(int) for day in days)
    low, high = np.array([0.5, 3.0, 21.0])[grade], np.array([2.49, 20.0, 55.0])[grade]
    gep = GROUP_OF_TYPE[tumour_type] == 0
    return pd.DataFrame(
        {
            "tumour_type": tumour_type,
            "tumour_group": GROUP_OF_TYPE[tumour_type],
            "grade": grade,
            "centre": draw_shares(rng, centre_shares, patients),
            "female": rng.random(patients) < 0.47,
            "age_years": age,
            "ecog": ecog,
            "progressive": progressive,
            "functioning": rng.random(patients) < np.where(gep, 0.3, 0.2),
            "krenning": draw_shares(rng, [0.0, 0.0, 0.08, 0.52, 0.40], patients),
            "liver": rng.random(patients) < np.where(gep, 0.8, 0.45),
            "bone": rng.random(patients) < np.where(gep, 0.2, 0.4),
            # Whole per cents inside the limits of the grade: up to 2, 3 to 20, above 20.
            "ki67_percent": np.floor(low + (high - low) * rng.random(patients) ** 2 + 0.5),
            "unmeasured": rng.normal(effects.unmeasured_shift if historical else 0.0, 1.0, patients),
            "entry_day": rng.integers(first, max(last, first) + 1, patients),
        }
    )


def compute_log_hazard(
    baseline: pd.DataFrame, settings: SimulationSettings, *, death: bool, y90: Array | None = None
) -> Array:
    """Logarithm of the hazard ratio against the reference patient; `y90`: first cycle, None without PRRT."""
    effects = settings.effects
    strength = effects.prognosis_strength
    groups, grades = (np.log(r) for r in (MODEL.death_ratios if death else MODEL.progression_ratios))
    total = strength * (groups[baseline["tumour_group"]] + grades[baseline["grade"]])
    total = total + strength * np.log(MODEL.ecog_ratio) * baseline["ecog"].to_numpy()
    total = total + np.log(effects.unmeasured_hazard_ratio) * baseline["unmeasured"].to_numpy()
    if death:
        decades = (baseline["age_years"].to_numpy() - 60.0) / 10.0
        total = total + strength * np.log(MODEL.age_ratio_per_decade) * decades
    else:
        total = total + strength * np.log(MODEL.progressive_ratio) * baseline["progressive"].to_numpy()
    if y90 is not None:
        total = total + np.log(effects.radionuclide_hazard_ratio) * y90
    return total


def draw_progression_days(
    log_hazard: Array, response_days: Array, settings: SimulationSettings, rng: Rng
) -> Array:
    """Draw latent times of progression, days from the first cycle, by a Weibull hazard.

    From `response_days` on (infinite where there is no response) its increments are multiplied by the effect of
    response.
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
    log_hazard: Array, progression_days: Array, response_days: Array, settings: SimulationSettings, rng: Rng
) -> Array:
    """Draw latent times of death, days from the first cycle: hazards constant before and after progression.

    An early progression is followed by a higher one, and a response lowers both from its day on.
    """
    disease = settings.disease
    ratio = settings.effects.objective_response_hazard_ratio
    responded = response_days < progression_days
    before = disease.death_per_year_before_progression / DAYS_PER_YEAR * np.exp(log_hazard)
    months = np.maximum(progression_days / DAYS_PER_MONTH, 0.1)
    early = np.clip((24.0 / months) ** disease.early_progression_exponent, 1.0, 4.0)
    after = disease.death_per_year_after_progression / DAYS_PER_YEAR * np.exp(log_hazard) * early
    after = np.where(responded, after * ratio, after)
    # When a cumulative hazard of three constant pieces reaches its target.
    first, second = np.where(responded, response_days, progression_days), progression_days
    between, target = np.where(responded, before * ratio, after), rng.exponential(size=len(log_hazard))
    to_first = before * first
    to_second = to_first + between * (second - first)
    one, two, three = (
        start + (target - spent) / np.maximum(rate, 1e-12)
        for start, spent, rate in ((0.0, 0.0, before), (first, to_first, between), (second, to_second, after))
    )
    return np.where(target <= to_first, one, np.where(target <= to_second, two, three))
