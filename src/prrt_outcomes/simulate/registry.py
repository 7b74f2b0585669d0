"""A whole synthetic registry in memory: every input table of the contract, and the truth behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.adverse_events import derive_adverse_events
from prrt_outcomes.simulate.controls import Controls, derive_control_tables
from prrt_outcomes.simulate.history import (
    History,
    derive_outcomes,
    draw_history,
    format_patient_ids,
    open_stream,
)
from prrt_outcomes.simulate.imaging_tables import derive_assessments, derive_lesions
from prrt_outcomes.simulate.laboratory import derive_labs
from prrt_outcomes.simulate.patient_tables import derive_follow_up, derive_patients
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.simulate.treatment_tables import (
    count_prior_lines,
    derive_cycles,
    derive_therapies,
    draw_diagnosis_days,
    draw_therapies,
)

EXTRA_COLUMNS = {"stop_reason": "category"}


@dataclass(frozen=True)
class Simulation:
    """One synthetic registry.

    Attributes
    ----------
    tables : input tables by name
    history : what happened to the patients
    controls : the historical controls with their latent times
    curve_events : events of the published-like arm, as a publication would state them
    """

    tables: dict[str, pd.DataFrame]
    history: History
    controls: Controls
    curve_events: int


def simulate_registry(settings: SimulationSettings, patients: int, seed: int) -> dict[str, pd.DataFrame]:
    """Draw a registry in memory, typed as stages expect their tables.

    Parameters
    ----------
    settings : settings of the simulation
    patients : number of patients of the cohort
    seed : the same seed and settings give the same registry

    Returns
    -------
    dict
        every input table of the contract, by name; `reported_outcomes` is empty. `patients` has the extra
        column `stop_reason` (category).
    """
    from prrt_outcomes.tables.frames import conform_table, empty_table

    tables = draw_simulation(settings, patients, seed).tables
    typed = {
        name: conform_table(name, frame, EXTRA_COLUMNS if name == "patients" else None)
        for name, frame in tables.items()
    }
    return typed | {"reported_outcomes": empty_table("reported_outcomes")}


def simulate_outcomes(settings: SimulationSettings, patients: int, seed: int) -> pd.DataFrame:
    """Draw a cohort and return one row a patient with covariates and outcomes, without any table.

    Returns
    -------
    DataFrame
        the columns of `derive_outcomes` (times in days, best response as code), those of `draw_baseline`, and
        y90 (radionuclide of the first cycle).
    """
    history = draw_history(settings, patients, seed)
    outcomes = derive_outcomes(history)
    return pd.concat([outcomes, history.baseline], axis=1).assign(y90=history.regimen.starts_with_y90)


def draw_simulation(settings: SimulationSettings, patients: int, seed: int) -> Simulation:
    """Draw a registry with what is behind it; tables are plain frames with categories and dates."""
    history = draw_history(settings, patients, seed)
    ids = format_patient_ids(patients)
    clinical_days = derive_clinical_progression(history, open_stream(seed, "clinical"))
    known_progression = np.minimum(history.detection_days, clinical_days)
    rng = open_stream(seed, "therapies")
    diagnosis_days = draw_diagnosis_days(history, rng)
    drawn = draw_therapies(history, diagnosis_days, known_progression, settings, rng)
    records = open_stream(seed, "records")
    control_tables, controls, curve_events = derive_control_tables(settings, seed)
    prior_lines = count_prior_lines(drawn, patients)
    tables = {
        "patients": derive_patients(history, ids, diagnosis_days, prior_lines, settings, records),
        "cycles": derive_cycles(history, ids, settings, records),
        "therapies": derive_therapies(history, ids, drawn, settings, records),
        "assessments": derive_assessments(history, ids, records),
        "lesions": derive_lesions(history, ids, settings, records),
        "labs": derive_labs(history, ids, settings, open_stream(seed, "laboratory")),
        "follow_up": derive_follow_up(history, ids, clinical_days, records),
        "adverse_events": derive_adverse_events(history, ids, open_stream(seed, "events")),
        **control_tables,
    }
    return Simulation(tables=tables, history=history, controls=controls, curve_events=curve_events)


def derive_clinical_progression(history: History, rng: np.random.Generator) -> np.ndarray:
    """Day on which a progression that no scan showed was seen by the physician; infinite for others."""
    day = np.ceil(np.minimum(history.progression_days, 1e6)) + rng.integers(5, 40, len(history.detected))
    seen = history.clinical_only & (history.detected < 0) & (day <= history.observation.end_days)
    return np.where(seen, day, np.inf)
