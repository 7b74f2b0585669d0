"""Patients at their first cycle: who they are before anything is given."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.settings import SimulationSettings

TUMOUR_TYPES = (
    "gep_pancreas",
    "gep_small_intestine",
    "gep_large_intestine",
    "gep_stomach_duodenum",
    "gep_other",
    "gep_unknown_primary",
    "lung",
    "paraganglioma",
    "phaeochromocytoma",
    "other",
)
TUMOUR_GROUPS = ("gep", "lung", "neuroectodermal", "other")
GROUP_OF_TYPE = np.array([0, 0, 0, 0, 0, 0, 1, 2, 2, 3])
GRADES = ("G1", "G2", "G3")


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
    shares = {str(name): share for name, share in cohort.tumour_types.items()}
    type_shares = np.array([shares.get(name, 0.0) for name in TUMOUR_TYPES])
    tumour_type = draw_categories(rng, np.tile(type_shares, (patients, 1)))
    grade_shares = np.array(cohort.grade_shares) * np.exp(shift * np.array([0.0, 0.4, 0.8]))
    grade = draw_categories(rng, np.tile(grade_shares, (patients, 1)))
    age = np.clip(rng.normal(60.0 + 4.0 * shift, 11.0, patients), 18.0, 88.0).round(1)
    ecog_shares = np.array([0.52, 0.36, 0.10, 0.02]) * np.exp(0.45 * shift * np.arange(4))
    ecog = draw_categories(rng, np.tile(ecog_shares, (patients, 1)))
    odds = cohort.progressive_share / max(1 - cohort.progressive_share, 1e-9) * np.exp(0.3 * shift)
    progressive = rng.random(patients) < odds / (1 + odds)
    centre_shares = 1.0 / (1.0 + 0.4 * np.arange(cohort.centres))
    years = (settings.controls.first_year, settings.controls.last_year) if historical else None
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
            "entry_day": _draw_entry(settings, patients, rng, years),
        }
    )


def _draw_ki67(grade: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whole per cents inside the limits of the grade: up to 2, 3 to 20, above 20."""
    uniform = rng.random(len(grade))
    low = np.array([0.5, 3.0, 21.0])[grade]
    high = np.array([2.49, 20.0, 55.0])[grade]
    return np.floor(low + (high - low) * uniform**2 + 0.5)


def _draw_entry(
    settings: SimulationSettings,
    patients: int,
    rng: np.random.Generator,
    years: tuple[int, int] | None,
) -> np.ndarray:
    """Days since 1970 of entry, uniform over the years of the registry."""
    first, last = years or (settings.cohort.first_year, settings.cohort.last_year)
    low = np.datetime64(f"{first}-01-15").astype("datetime64[D]").astype(int)
    high = np.datetime64(f"{last}-12-15").astype("datetime64[D]").astype(int)
    return rng.integers(low, max(high, low) + 1, patients)
