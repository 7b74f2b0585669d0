"""Patients at their first cycle: who they are before anything is given."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.settings import SimulationSettings

TUMOUR_TYPE_SHARES = {
    "gep_pancreas": 0.24,
    "gep_small_intestine": 0.34,
    "gep_large_intestine": 0.06,
    "gep_stomach_duodenum": 0.03,
    "gep_other": 0.02,
    "gep_unknown_primary": 0.08,
    "lung": 0.10,
    "paraganglioma": 0.05,
    "phaeochromocytoma": 0.03,
    "other": 0.05,
}
TUMOUR_TYPES = tuple(TUMOUR_TYPE_SHARES)
TUMOUR_GROUPS = ("gep", "lung", "neuroectodermal", "other")
GROUP_OF_TYPE = np.array([0, 0, 0, 0, 0, 0, 1, 2, 2, 3])
GRADES = ("G1", "G2", "G3")
GRADE_SHARES = np.array([0.42, 0.46, 0.12])
# Share whose progression was proved before the first cycle.
PROGRESSIVE_SHARE = 0.7
ECOG_SHARES = np.array([0.52, 0.36, 0.10, 0.02])
CONTROL_YEARS = (1995, 2003)


def draw_categories(rng: np.random.Generator, shares: np.ndarray) -> np.ndarray:
    """Draw one code a row from rows of shares that need not add up to 1."""
    cumulative = np.cumsum(shares, axis=1)
    uniform = rng.random(len(shares)) * cumulative[:, -1]
    return (uniform[:, None] >= cumulative).sum(axis=1).clip(max=shares.shape[1] - 1)


def draw_baseline(
    settings: SimulationSettings, patients: int, rng: np.random.Generator, *, historical: bool = False
) -> pd.DataFrame:
    """Draw what is known and what is hidden about patients at their first cycle.

    Parameters
    ----------
    settings : settings of the simulation
    patients : number of patients
    rng : source of chance
    historical : draw historical controls, whose age, grade, performance status and progression at entry are
        shifted by `effects.confounding_strength` and whose hidden confounder has the mean
        `effects.unmeasured_shift`

    Returns
    -------
    DataFrame
        one row a patient: tumour_type, tumour_group and grade as codes into `TUMOUR_TYPES`, `TUMOUR_GROUPS`
        and `GRADES`, centre (0, 1, ...), female, age_years, ecog, progressive, functioning, krenning,
        liver, bone, ki67_percent, unmeasured (standard normal but for its mean), entry_day (days since
        1970-01-01 of the first cycle, or of entry of a control).
    """
    effects, cohort = settings.effects, settings.cohort
    shift = effects.confounding_strength if historical else 0.0
    tumour_type = draw_categories(rng, np.tile(list(TUMOUR_TYPE_SHARES.values()), (patients, 1)))
    grade_shares = GRADE_SHARES * np.exp(shift * np.array([0.0, 0.4, 0.8]))
    grade = draw_categories(rng, np.tile(grade_shares, (patients, 1)))
    age = np.clip(rng.normal(60.0 + 4.0 * shift, 11.0, patients), 18.0, 88.0).round(1)
    ecog_shares = ECOG_SHARES * np.exp(0.45 * shift * np.arange(4))
    ecog = draw_categories(rng, np.tile(ecog_shares, (patients, 1)))
    odds = PROGRESSIVE_SHARE / (1 - PROGRESSIVE_SHARE) * np.exp(0.3 * shift)
    progressive = rng.random(patients) < odds / (1 + odds)
    centre_shares = 1.0 / (1.0 + 0.4 * np.arange(cohort.centres))
    years = CONTROL_YEARS if historical else (cohort.first_year, cohort.last_year)
    gep = GROUP_OF_TYPE[tumour_type] == 0
    return pd.DataFrame(
        {
            "tumour_type": tumour_type,
            "tumour_group": GROUP_OF_TYPE[tumour_type],
            "grade": grade,
            "centre": draw_categories(rng, np.tile(centre_shares, (patients, 1))),
            "female": rng.random(patients) < 0.47,
            "age_years": age,
            "ecog": ecog,
            "progressive": progressive,
            "functioning": rng.random(patients) < np.where(gep, 0.3, 0.2),
            "krenning": draw_categories(rng, np.tile([0.0, 0.0, 0.08, 0.52, 0.40], (patients, 1))),
            "liver": rng.random(patients) < np.where(gep, 0.8, 0.45),
            "bone": rng.random(patients) < np.where(gep, 0.2, 0.4),
            "ki67_percent": _draw_ki67(grade, rng),
            "unmeasured": rng.normal(effects.unmeasured_shift if historical else 0.0, 1.0, patients),
            "entry_day": _draw_entry(patients, rng, years),
        }
    )


def _draw_ki67(grade: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whole per cents inside the limits of the grade: up to 2, 3 to 20, above 20."""
    uniform = rng.random(len(grade))
    low = np.array([0.5, 3.0, 21.0])[grade]
    high = np.array([2.49, 20.0, 55.0])[grade]
    return np.floor(low + (high - low) * uniform**2 + 0.5)


def _draw_entry(patients: int, rng: np.random.Generator, years: tuple[int, int]) -> np.ndarray:
    """Days since 1970 of entry, uniform over the years."""
    low = np.datetime64(f"{years[0]}-01-15").astype("datetime64[D]").astype(int)
    high = np.datetime64(f"{years[1]}-12-15").astype("datetime64[D]").astype(int)
    return rng.integers(low, max(high, low) + 1, patients)
