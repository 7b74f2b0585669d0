"""Tables `patients` and `follow_up` of a synthetic registry."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.baseline import GRADES, TUMOUR_TYPES
from prrt_outcomes.simulate.columns import derive_dates, format_partial_dates, hide_values, select_codes
from prrt_outcomes.simulate.history import History
from prrt_outcomes.simulate.regimen import STOP_REASONS
from prrt_outcomes.simulate.settings import SimulationSettings

DEATH_CAUSES = ("tumour", "cardiovascular", "infection", "other")


def derive_covariates(
    baseline: pd.DataFrame,
    ids: np.ndarray,
    prior_lines: np.ndarray,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Columns of `patients` that are known at the start, with what the registry failed to record.

    Missing cells depend on nothing but the tumour group (grade of neuroectodermal tumours is often absent).
    """
    share = settings.records.missing_share
    patients = len(baseline)

    def hidden(factor: float | np.ndarray = 1.0) -> np.ndarray:
        return rng.random(patients) < np.minimum(share * factor, 0.6)

    neuroectodermal = baseline["tumour_group"].to_numpy() == 2
    no_grade = hidden(np.where(neuroectodermal, 8.0, 1.0))
    year = pd.DatetimeIndex(derive_dates(baseline["entry_day"].to_numpy(), np.zeros(patients))).year
    ecog = baseline["ecog"].to_numpy()
    karnofsky = np.array([100, 80, 60, 40])[ecog] - 10 * ((ecog < 2) & (rng.random(patients) < 0.4))
    years_old = np.floor(baseline["age_years"].to_numpy()).astype(int)
    return pd.DataFrame(
        {
            "patient_id": ids,
            "centre_id": np.char.add("C", (baseline["centre"].to_numpy() + 1).astype(str)).astype(object),
            "sex": select_codes(("female", "male"), np.where(baseline["female"], 0, 1)),
            "birth_year": year.to_numpy() - years_old,
            "age_years": baseline["age_years"].to_numpy(),
            "tumour_type": select_codes(TUMOUR_TYPES, baseline["tumour_type"].to_numpy()),
            "grade": select_codes((*GRADES, "unknown"), np.where(no_grade, 3, baseline["grade"].to_numpy())),
            "ki67_percent": hide_values(baseline["ki67_percent"].to_numpy(), no_grade | hidden(2.0)),
            "functioning": hide_values(baseline["functioning"].to_numpy(), hidden()),
            "krenning_score": hide_values(baseline["krenning"].to_numpy(), hidden(1.5)),
            "liver_metastases": hide_values(baseline["liver"].to_numpy(), hidden(0.5)),
            "bone_metastases": hide_values(baseline["bone"].to_numpy(), hidden(0.5)),
            "progressive_at_baseline": hide_values(baseline["progressive"].to_numpy(), hidden()),
            "ecog": hide_values(ecog, hidden()),
            "karnofsky": hide_values(karnofsky, hidden(1.5)),
            "prior_lines": hide_values(prior_lines, hidden()),
        }
    )


def derive_patients(
    history: History,
    ids: np.ndarray,
    diagnosis_days: np.ndarray,
    prior_lines: np.ndarray,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Table `patients`, with `stop_reason` beyond the schema: why no further cycle was given."""
    frame = derive_covariates(history.baseline, ids, prior_lines, settings, rng)
    dates = derive_dates(history.baseline["entry_day"].to_numpy(), diagnosis_days)
    partial = format_partial_dates(dates, rng, settings.records.partial_date_share)
    frame.insert(list(frame.columns).index("tumour_type") + 1, "diagnosis_date", partial)
    return frame.assign(stop_reason=select_codes(STOP_REASONS, history.regimen.stop_reason))


def derive_follow_up(
    history: History, ids: np.ndarray, clinical_days: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Table `follow_up`: last contact, vital status, and the first progression as registered.

    Parameters
    ----------
    clinical_days : day of a progression that no scan showed, infinite for others
    """
    observation = history.observation
    entry = history.baseline["entry_day"].to_numpy()
    patients = len(ids)
    detection = history.detection_days
    last = format_partial_dates(derive_dates(entry, observation.end_days))
    progression = np.minimum(detection, clinical_days)
    biochemical = rng.random(patients) < 0.15
    basis = np.where(np.isfinite(detection), 0, np.where(biochemical, 2, 1))
    cause = np.where(
        np.isfinite(progression) & (rng.random(patients) < 0.85), 0, rng.integers(1, 4, patients)
    )
    death = last.copy()
    death[~observation.dead] = None
    return pd.DataFrame(
        {
            "patient_id": ids,
            "last_contact_date": last,
            "vital_status": select_codes(
                ("alive", "dead", "lost"), np.where(observation.dead, 1, np.where(observation.lost, 2, 0))
            ),
            "death_date": death,
            "death_cause": select_codes(DEATH_CAUSES, np.where(observation.dead, cause, -1)),
            "progression_date": format_partial_dates(derive_dates(entry, progression)),
            "progression_basis": select_codes(
                ("radiological", "clinical", "biochemical"), np.where(np.isfinite(progression), basis, -1)
            ),
        }
    )
