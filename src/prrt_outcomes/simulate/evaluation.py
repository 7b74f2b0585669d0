"""What the clinic concludes from the measurements: RECIST 1.1 on whole arrays.

The synthetic clinic must read its own scans, since scanning, new therapy and retreatment follow from what was
seen. This reading is independent of the response stage, so the two can be held against each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESPONSES = ("CR", "PR", "SD", "NON-CR/NON-PD", "PD", "NE")
CR, PR, SD, NON_CR, PD, NE = range(6)
NOT_READ = -1
TOLERANCE_MM = 1e-6


@dataclass(frozen=True)
class Readings:
    """Scans of each patient, the baseline first; arrays are (patients, scans) unless said otherwise.

    Attributes
    ----------
    days : day of the scan from the first cycle
    attended : whether the scan took place
    value_mm : (patients, 5, scans) as `measure_lesions` writes it; missing where there is no lesion
    target_gone : all targets absent, and nodes below 10 mm
    non_target_pd, non_target_cr, new_lesion : what was seen besides the targets
    has_targets, has_non_target : (patients,)
    """

    days: np.ndarray
    attended: np.ndarray
    value_mm: np.ndarray
    target_gone: np.ndarray
    non_target_pd: np.ndarray
    non_target_cr: np.ndarray
    new_lesion: np.ndarray
    has_targets: np.ndarray
    has_non_target: np.ndarray


def compute_sums(value_mm: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum of what was measured, and whether no target is missing: two arrays (patients, scans)."""
    missing = np.isnan(value_mm) & present[:, :, None]
    sums = np.where(present[:, :, None], np.nan_to_num(value_mm), 0.0).sum(axis=1)
    return sums, ~missing.any(axis=1)


def evaluate_readings(readings: Readings, present: np.ndarray) -> np.ndarray:
    """Overall response of each scan by RECIST 1.1.

    Parameters
    ----------
    readings : the scans; column 0 is the baseline, without which nothing can be said
    present : (patients, 5) which targets a patient has

    Returns
    -------
    ndarray
        (patients, scans) codes into `RESPONSES`; `NOT_READ` for the baseline and for scans not attended.

    References
    ----------
    Eisenhauer 2009, Eur J Cancer 45:228, tables 1 to 3.
    """
    sums, whole = compute_sums(readings.value_mm, present)
    usable = np.where(readings.attended & whole, sums, np.inf)
    nadir = np.minimum.accumulate(usable, axis=1)
    nadir = np.concatenate([usable[:, :1], nadir[:, :-1]], axis=1)
    with np.errstate(invalid="ignore"):
        growth = (sums >= 1.2 * nadir - TOLERANCE_MM) & (sums - nadir >= 5.0 - TOLERANCE_MM)
    has_targets = readings.has_targets[:, None]
    progressive = readings.new_lesion | readings.non_target_pd | (growth & has_targets)
    partial = sums <= 0.7 * usable[:, :1] + TOLERANCE_MM
    others_gone = ~readings.has_non_target[:, None] | readings.non_target_cr
    measured = np.select(
        [~whole, readings.target_gone & others_gone, readings.target_gone | partial], [NE, CR, PR], SD
    )
    by_eye = np.where(readings.non_target_cr, CR, NON_CR)
    response = np.where(progressive, PD, np.where(has_targets, measured, by_eye))
    known_baseline = readings.attended[:, :1] & (whole[:, :1] | ~has_targets)
    response = np.where(known_baseline, response, NE)
    response = np.where(readings.attended, response, NOT_READ)
    response[:, 0] = NOT_READ
    return response


def find_first(mask: np.ndarray) -> np.ndarray:
    """Index of the first true value of each row, -1 where there is none."""
    return np.where(mask.any(axis=1), mask.argmax(axis=1), -1)


def derive_best_response(response: np.ndarray, days: np.ndarray, last_day: np.ndarray) -> np.ndarray:
    """Unconfirmed best response of each patient, code into `RESPONSES`.

    Nothing after the first PD or after `last_day` (a new anticancer therapy) counts; stable disease needs 42
    days from the first cycle; without an evaluable scan the response is NE.
    """
    allowed = (response != NOT_READ) & (days <= last_day[:, None])
    pd_seen = np.cumsum((response == PD) & allowed, axis=1)
    allowed &= (pd_seen == 0) | ((pd_seen == 1) & (response == PD))
    early = (days < 42) & np.isin(response, (SD, NON_CR))
    code = np.where(allowed, np.where(early, NE, response), NE)
    return code.min(axis=1)
