"""Tables `patients`, `follow_up`, `assessments` and `lesions` of a synthetic registry."""

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.columns import (
    MODEL,
    Array,
    Rng,
    derive_dates,
    format_partial_dates,
    hide_values,
    select_codes,
)
from prrt_outcomes.simulate.history import History
from prrt_outcomes.simulate.lesions import (
    MEASURED,
    NE,
    ORGANS,
    PR,
    RESPONSES,
    SD,
    STATES,
    compute_shrunken_sizes,
    measure_lesions,
)
from prrt_outcomes.simulate.patients import GRADES, TUMOUR_TYPES
from prrt_outcomes.simulate.schedule import STOP_REASONS
from prrt_outcomes.simulate.settings import SimulationSettings


def derive_covariates(
    baseline: pd.DataFrame, ids: Array, prior_lines: Array, settings: SimulationSettings, rng: Rng
) -> pd.DataFrame:
    """Columns of `patients` that are known at the start, with what the registry failed to record.

    Missing cells depend on nothing but the tumour group (grade of neuroectodermal tumours is often absent).
    """
    share = settings.records.missing_share
    patients = len(baseline)

    def hidden(factor: float | Array = 1.0) -> Array:
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


def derive_patients(history: History, diagnosis_days: Array, prior_lines: Array, rng: Rng) -> pd.DataFrame:
    """Table `patients`, with `stop_reason` beyond the schema: why no further cycle was given."""
    frame = derive_covariates(history.baseline, history.ids, prior_lines, history.settings, rng)
    dates = derive_dates(history.baseline["entry_day"].to_numpy(), diagnosis_days)
    partial = format_partial_dates(dates, rng, history.settings.records.partial_date_share)
    frame.insert(list(frame.columns).index("tumour_type") + 1, "diagnosis_date", partial)
    return frame.assign(stop_reason=select_codes(STOP_REASONS, history.regimen.stop_reason))


def derive_follow_up(history: History, clinical_days: Array, rng: Rng) -> pd.DataFrame:
    """Table `follow_up`: last contact, vital status, and the first progression as registered."""
    observation = history.observation
    entry = history.baseline["entry_day"].to_numpy()
    patients = len(entry)
    detection = history.second.found_days
    last = format_partial_dates(derive_dates(entry, observation.end_days))
    progression = np.minimum(detection, clinical_days)
    biochemical = rng.random(patients) < 0.15
    basis = np.where(np.isfinite(detection), 0, np.where(biochemical, 2, 1))
    has_progressed = np.isfinite(progression)
    of_tumour = has_progressed & (rng.random(patients) < 0.85)
    cause = np.where(of_tumour, 0, rng.integers(1, 4, patients))
    status = np.select([observation.dead, observation.lost], [1, 2], 0)
    death = last.copy()
    death[~observation.dead] = None
    return pd.DataFrame(
        {
            "patient_id": history.ids,
            "last_contact_date": last,
            "vital_status": select_codes(("alive", "dead", "lost"), status),
            "death_date": death,
            "death_cause": select_codes(MODEL.death_causes, np.where(observation.dead, cause, -1)),
            "progression_date": format_partial_dates(derive_dates(entry, progression)),
            "progression_basis": select_codes(MODEL.progression_bases, np.where(has_progressed, basis, -1)),
        }
    )


TARGET_IDS = ("T1", "T2", "T3", "T4", "T5")


def derive_assessments(history: History, rng: Rng) -> pd.DataFrame:
    """Table `assessments`: one row a scan, with the response that the local reader reported.

    The reported response is that of the lesions but for a share of errors between neighbouring categories;
    scans of a second course carry none.
    """
    readings = history.readings
    rows, column = np.nonzero(readings.attended)
    first = column == 0
    response = history.response[rows, column]
    wrong = rng.random(len(rows)) < MODEL.report_error_share
    neighbour = np.array([PR, SD, PR, NE, SD, NE, -1])[response]
    reported = np.where(wrong, neighbour, response)
    has_non_target = history.lesions.non_target[rows]
    progressed, gone = readings.non_target_pd[rows, column], readings.non_target_cr[rows, column]
    non_target = np.select([~has_non_target, first, progressed, gone], [0, -1, 3, 1], 2)
    frame = pd.DataFrame(
        {
            "row": rows,
            "day": readings.days[rows, column],
            "non_target": select_codes(MODEL.non_target, non_target),
            "new_lesion": hide_values(readings.new_lesion[rows, column], first),
            "reported_response": select_codes(RESPONSES, np.where(first, -1, reported)),
        }
    )
    earlier = np.flatnonzero(history.grid.pre_baseline_days < 0)
    before = pd.DataFrame({"row": earlier, "day": history.grid.pre_baseline_days[earlier]})
    frame = pd.concat([before, frame], ignore_index=True).sort_values(["row", "day"], ignore_index=True)
    magnetic = rng.random(len(history.ids)) < 0.25
    row = frame["row"].to_numpy()
    scans = pd.DataFrame(
        {
            "patient_id": select_codes(history.ids, row),
            "assessment_date": history.derive_dates(row, frame["day"].to_numpy()),
            "reader": "local",
            "reported_criterion": "recist_1_1",
            "modality": select_codes(("CT", "MRI"), magnetic[row].astype(int)),
        }
    )
    return scans.join(frame.drop(columns=["row", "day"]).astype({"new_lesion": "boolean"}))


def derive_lesions(history: History, rng: Rng) -> pd.DataFrame:
    """Table `lesions`: targets at every scan with two diameters, and new lesions from the scan that found them."""
    readings, lesions = history.readings, history.lesions
    seen = readings.attended[:, None, :] & lesions.present[:, :, None]
    row, target, column = np.nonzero(seen)
    at = (row, target, column)
    days = readings.days[row, column]
    before = history.grid.pre_baseline_days  # targets at the scan before the baseline scan
    sizes = compute_shrunken_sizes(lesions, before[:, None])
    noise = history.settings.lesions.measurement_sd * rng.normal(size=sizes.shape)
    value, state = measure_lesions(sizes, noise, np.zeros(sizes.shape, dtype=bool), lesions)
    old, which = np.nonzero(lesions.present & (before < 0)[:, None])
    parts = [
        _target_rows(history, row, target, days, readings.value_mm[at], history.state[at]),
        _target_rows(history, old, which, before[old], value[old, which, 0], state[old, which, 0]),
        _new_rows(history),
    ]
    frame = pd.concat(parts, ignore_index=True)
    frame = frame.sort_values(["row", "day", "lesion"], kind="stable", ignore_index=True)
    row, lesion = frame["row"].to_numpy(), frame["lesion"].to_numpy()
    return pd.DataFrame(
        {
            "patient_id": select_codes(history.ids, row),
            "assessment_date": history.derive_dates(row, frame["day"].to_numpy()),
            "lesion_id": select_codes((*TARGET_IDS, "N1", "N2"), lesion),
            "reader": "local",
            "role": select_codes(("target", "new"), (lesion >= len(TARGET_IDS)).astype(int)),
            "organ": select_codes(ORGANS, frame["organ"].to_numpy()),
            "lymph_node": frame["node"].to_numpy(),
            "longest_mm": frame["longest"].to_numpy(),
            "perpendicular_mm": frame["perpendicular"].to_numpy(),
            "state": select_codes(STATES, frame["state"].to_numpy()),
        }
    )


def _target_rows(
    history: History, row: Array, target: Array, days: Array, value: Array, state: Array
) -> pd.DataFrame:
    """Rows of target lesions; only measured ones carry diameters."""
    lesions = history.lesions
    node = lesions.node[row, target]
    other = np.round(value * lesions.aspect[row, target])
    measured = state == MEASURED
    organ = lesions.organ[row, target]
    rows = pd.DataFrame({"row": row, "day": days, "lesion": target, "organ": organ, "node": node})
    longest = np.where(measured, np.where(node, other, value), np.nan)
    perpendicular = np.where(measured, np.where(node, value, other), np.nan)
    return rows.assign(longest=longest, perpendicular=perpendicular, state=state)


def _new_rows(history: History) -> pd.DataFrame:
    """New lesions: of 12 mm at progression, growing from there on."""
    readings = history.readings
    row, column = np.nonzero(readings.attended & readings.new_lesion)
    days = readings.days[row, column]
    second = days >= history.second.days[row, 0]
    start = np.where(second, history.second.progression_days[row], history.progression_days[row])
    growth = np.minimum(MODEL.growth_per_year * (days - start) / 365.25, 1.2)
    longest = np.round(12.0 * np.exp(growth))
    organ = np.where(history.baseline["liver"].to_numpy()[row], ORGANS.index("liver"), ORGANS.index("bone"))
    lesion = len(TARGET_IDS) + second
    rows = pd.DataFrame({"row": row, "day": days, "lesion": lesion, "organ": organ, "node": False})
    return rows.assign(longest=longest, perpendicular=np.round(longest * 0.8), state=MEASURED)
