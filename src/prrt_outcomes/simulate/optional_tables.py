"""Tables `questionnaires` and `pet`: quality of life at planned visits, and uptake before and after treatment."""

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.columns import MODEL, Array, Rng, draw_shares, hide_values, select_codes
from prrt_outcomes.simulate.history import History
from prrt_outcomes.simulate.lesions import compute_shrunken_sizes
from prrt_outcomes.simulate.treatment_tables import compute_cycle_days
from prrt_outcomes.units import DAYS_PER_MONTH, DAYS_PER_YEAR


def derive_questionnaires(history: History, rng: Rng) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Table `questionnaires`, and the truth of its changes: what would be seen if everybody alive answered.

    Scores worsen during the cycles (`treatment`, more with 90Y), gain by `benefit` until progression and worsen by
    `progression` a year after it. Fewer answer with time and after progression, so that those who answer are the
    better ones. The truth has one row a scale, radionuclide and visit: n (alive), mean_change.
    """
    scales, months = pd.DataFrame(MODEL.scales), np.array([0, *MODEL.visits_months])
    patients, visits = len(history.route), len(months)
    planned = months * DAYS_PER_MONTH
    days = np.round(planned + rng.uniform(-10, 10, (patients, visits)))
    days[:, 0] = -rng.integers(0, 15, patients)
    alive = days <= history.observation.end_days[:, None]
    alive[:, 0] = True
    since = days - history.progression_days[:, None]
    part = np.maximum(days, 0) / MODEL.visit_worst_days
    factor = np.where(history.regimen.starts_with_y90, MODEL.burden_y90, 1.0)
    burden = part * np.exp(1 - part) * factor[:, None]
    gain = np.where(since < 0, 1 - np.exp(-np.maximum(days, 0) / 150), 0.0)
    decline = np.clip(since / DAYS_PER_YEAR, 0, 1.5)
    parts = {"treatment": -burden, "benefit": gain, "progression": -decline}
    change = sum(values[:, :, None] * scales[name].to_numpy() for name, values in parts.items())
    sign = np.where(scales["better"].eq("high"), 1, -1)
    person = rng.normal(size=(patients, 1, 1)) * 0.6 + 0.8 * rng.normal(size=(patients, 1, len(scales)))
    noise = MODEL.score_noise * rng.normal(size=(patients, visits, len(scales)))
    raw = scales["mean"].to_numpy() + sign * (scales["sd"].to_numpy() * person + change) + noise
    step = 100 / scales["steps"].to_numpy()
    scores = np.clip(np.round(raw / step), 0, scales["steps"].to_numpy()) * step
    asked = rng.random((patients, 1)) < MODEL.questionnaire_share
    later = np.where(since < 0, 1, MODEL.returned_late)
    returned = MODEL.returned_share * MODEL.returned_per_month**months * later
    uniform = rng.random((patients, visits, 1))
    shares = scales["instrument"].map(MODEL.instrument_shares).to_numpy()
    kept = (uniform < returned[:, :, None] * shares) & (alive & asked)[:, :, None]
    kept = kept & (rng.random(scores.shape) >= MODEL.scale_missing_share)
    row, visit, scale = np.nonzero(kept)
    table = pd.DataFrame(
        {
            "patient_id": select_codes(history.ids, row),
            "visit_date": history.derive_dates(row, days[row, visit]),
            "instrument": select_codes(scales["instrument"].unique(), pd.factorize(scales["instrument"])[0][scale]),
            "scale": select_codes(scales["scale"].to_numpy(), scale),
            "score": scores[row, visit, scale].round(1),
        }
    )  # fmt: skip
    return table, _summarise_truth(history, scales, months, scores, alive)


def _summarise_truth(
    history: History, scales: pd.DataFrame, months: Array, scores: Array, alive: Array
) -> pd.DataFrame:
    rows, y90 = [], history.regimen.starts_with_y90
    for name, own in {"all": np.ones(len(y90), dtype=bool), "177Lu": ~y90, "90Y": y90}.items():
        for visit in range(1, len(months)):
            inside = own & alive[:, visit]
            changes = scores[inside, visit] - scores[inside, 0]
            mean = changes.mean(axis=0).round(3) if inside.any() else np.nan
            found = {"radionuclide": name, "month": months[visit], "n": inside.sum(), "mean_change": mean}
            rows.append(scales[["instrument", "scale"]].assign(**found))
    return pd.concat(rows, ignore_index=True)


def derive_pet(history: History, rng: Rng) -> pd.DataFrame:
    """Table `pet`: one scan before the first cycle and one after the last, of more patients in later years.

    The volume is that of the targets as spheres times a factor of the patient for all other disease; at the second scan
    it follows the targets. Uptake follows the Krenning score and falls with the volume.
    """
    patients = len(history.route)
    year = history.baseline["entry_day"].to_numpy() / DAYS_PER_YEAR + 1970
    cohort = history.settings.cohort
    era = np.clip((year - cohort.first_year) / max(cohort.last_year - cohort.first_year, 1), 0, 1)
    first, last = MODEL.pet_shares
    scanned = rng.random(patients) < first + (last - first) * era
    cycles = compute_cycle_days(history)
    later = np.where(np.isfinite(cycles), cycles, 0).max(axis=1) + rng.integers(60, 130, patients)
    days = np.column_stack([-rng.integers(3, 40, patients), later])
    taken = scanned[:, None] & (days <= history.observation.end_days[:, None])
    taken[:, 1] &= (later < history.second.days[:, 0]) & (rng.random(patients) < MODEL.pet_again_share)
    size = compute_shrunken_sizes(history.lesions, np.maximum(days, 0))
    size = np.where(history.lesions.present[:, :, None], size, 0)
    volume = np.pi / 6 * (size**3).sum(axis=1) / 1000 + 1.0
    volume = volume * np.exp(rng.normal(0.8, 0.7, (patients, 1)) + rng.normal(0, 0.08, (patients, 2)))
    volume = np.minimum(volume, 5000.0)
    krenning = history.baseline["krenning"].to_numpy() - 3
    uptake = np.exp(3.2 + 0.45 * krenning + rng.normal(0, 0.4, patients))[:, None]
    uptake = uptake * (volume / volume[:, :1]) ** 0.35 * np.exp(rng.normal(0, 0.1, (patients, 2)))
    liver, spleen = (np.exp(rng.normal(np.log(mean), 0.2, (patients, 2))) for mean in MODEL.normal_uptake)
    row, scan = np.nonzero(taken)
    volume, top = volume[row, scan].round(1), uptake[row, scan]
    mean = (0.45 * top).round(1)
    tracer = draw_shares(rng, MODEL.tracer_shares, patients)[row]
    hidden = rng.random((4, len(row))) < history.settings.records.missing_share
    return pd.DataFrame(
        {
            "patient_id": select_codes(history.ids, row),
            "scan_date": history.derive_dates(row, days[row, scan]),
            "tracer": select_codes(MODEL.tracers, tracer),
            "sequence": np.ones(len(row), dtype=int),
            "sstr_volume_ml": hide_values(volume, hidden[0]),
            "total_lesion_sstr_suv_ml": hide_values((volume * mean).round(0), hidden[0] | hidden[1]),
            "suv_max": top.round(1),
            "suv_mean": hide_values(mean, hidden[1]),
            "tumour_to_liver_ratio": hide_values((top / liver[row, scan]).round(2), hidden[2]),
            "tumour_to_spleen_ratio": hide_values((top / spleen[row, scan]).round(2), hidden[3]),
        }
    )
