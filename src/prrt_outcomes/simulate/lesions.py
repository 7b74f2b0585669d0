"""Target lesions: number, organ, size, shrinkage, what a reader measures, and RECIST 1.1 on whole arrays.

The synthetic clinic reads its own scans, since scanning, new therapy and retreatment follow from what was seen.
This reading is independent of the response stage, so the two can be held against each other.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.columns import MODEL, Array, Rng, draw_shares
from prrt_outcomes.simulate.settings import SimulationSettings

MOST_TARGETS = 5
ORGANS = ("liver", "lymph node", "peritoneum", "lung", "pancreas", "bone", "adrenal")
STATES = ("measured", "absent", "too_small", "not_evaluated")
MEASURED, ABSENT, TOO_SMALL, NOT_EVALUATED = range(4)


@dataclass(frozen=True)
class Lesions:
    """Target lesions before anything happens to them; arrays are (patients, 5) unless said otherwise."""

    present: Array  # whether the patient has this target
    organ: Array  # code into `ORGANS`
    size_mm: Array  # true diameter at baseline (short axis of a node)
    log_shrinkage: Array  # logarithm of baseline over final size, if progression does not intervene
    aspect: Array  # the other diameter over the followed one (below 1; above 1 for a node)
    complete: Array  # (patients,) whether all disease goes away
    non_target: Array  # (patients,) whether there is non-target disease

    @property
    def node(self) -> Array:
        """Whether the lesion is a lymph node, which is followed by its short axis."""
        return self.organ == ORGANS.index("lymph node")

    @property
    def has_targets(self) -> Array:
        """Whether the patient has any target lesion."""
        return np.asarray(self.present.any(axis=1))


def draw_lesions(baseline: pd.DataFrame, y90: Array, settings: SimulationSettings, rng: Rng) -> Lesions:
    """Draw the target lesions of each patient and how much each will shrink, whatever the hazard of progression."""
    model = settings.lesions
    patients = len(baseline)
    shape = (patients, MOST_TARGETS)
    number = 1 + draw_shares(rng, MODEL.number_shares, patients)
    only_non_target = rng.random(patients) < model.non_target_only_share
    number = np.where(only_non_target, 0, number)
    present = np.arange(MOST_TARGETS) < number[:, None]
    with_liver, without_liver = np.array([0, 0, 1, 2, 3]), np.array([1, 1, 4, 2, 3])
    organ = np.where(baseline["liver"].to_numpy()[:, None], with_liver, without_liver)
    node = organ == ORGANS.index("lymph node")
    size = model.median_diameter_mm * np.exp(MODEL.diameter_log_sd * rng.normal(size=shape))
    size = np.where(node, np.clip(size * 0.8, 16.0, 60.0), np.clip(size, 11.0, 140.0))
    doublings = np.log2(size / 25.0)
    sign = np.where(y90, 1.0, -1.0)[:, None]
    raw = MODEL.shrinkage_log_mean + settings.effects.radionuclide_size_interaction * doublings * sign
    raw = raw + MODEL.shrinkage_patient_sd * rng.normal(size=(patients, 1))
    raw = raw + MODEL.shrinkage_lesion_sd * rng.normal(size=shape)
    bend = 0.04
    shrinkage = bend * np.logaddexp(0.0, raw / bend) - bend
    complete = rng.random(patients) < model.complete_response_share
    gone = np.where(node, np.log(size / 7.0), np.log(size / 0.8))
    aspect = np.clip(rng.normal(0.76, 0.1, shape), 0.45, 0.98)
    return Lesions(
        present=present,
        organ=organ,
        size_mm=size,
        log_shrinkage=np.where(complete[:, None], gone, shrinkage),
        aspect=np.where(node, 1.0 / aspect, aspect),
        complete=complete,
        non_target=only_non_target | (rng.random(patients) < 0.75),
    )


def compute_shrunken_sizes(lesions: Lesions, days: Array) -> Array:
    """True diameters without progression, (patients, 5, scans) in mm: growth before day 0, then shrinkage."""
    after = 1.0 - np.exp(-np.maximum(days, 0) / MODEL.shrinkage_days)
    before = np.minimum(days, 0) * MODEL.growth_per_year / 365.25
    log_size = np.log(lesions.size_mm)[:, :, None] - lesions.log_shrinkage[:, :, None] * after[:, None, :]
    return np.exp(log_size + before[:, None, :])


def measure_lesions(size_mm: Array, noise: Array, unseen: Array, lesions: Lesions) -> tuple[Array, Array]:
    """What a reader writes down: whole millimetres and a state.

    Arrays are (patients, 5, scans): true diameters, the logarithm of the error, and lesions not shown. Only those
    of complete responders vanish, or become normal nodes. Returns millimetres (0 absent, 5 too small, missing
    where not evaluated) and codes into `STATES`.
    """
    read = np.round(size_mm * np.exp(noise))
    node = lesions.node[:, :, None]
    # A node that swings about 10 mm would be a complete response and its reappearance in turn.
    stays = node & ~lesions.complete[:, None, None]
    read = np.where(stays, np.maximum(read, MODEL.normal_node_mm), read)
    small = ~node & (read < MODEL.too_small_mm)
    gone = ~node & lesions.complete[:, None, None] & (size_mm < 4.0)
    state = np.select([unseen, gone, small], [NOT_EVALUATED, ABSENT, TOO_SMALL], MEASURED)
    value = np.select([unseen, gone, small], [np.nan, 0.0, MODEL.too_small_mm], read)
    return value, state


RESPONSES = ("CR", "PR", "SD", "NON-CR/NON-PD", "PD", "NE")
CR, PR, SD, NON_CR, PD, NE = range(6)
NOT_READ = -1


@dataclass(frozen=True)
class Readings:
    """Scans of each patient, the baseline first; arrays are (patients, scans) unless said otherwise."""

    days: Array  # of the scan from the first cycle
    attended: Array  # whether the scan took place
    value_mm: Array  # (patients, 5, scans) as `measure_lesions` writes it; missing where there is no lesion
    target_gone: Array  # all targets absent, and nodes below 10 mm
    non_target_pd: Array
    non_target_cr: Array
    new_lesion: Array


def compute_sums(value_mm: Array, present: Array) -> tuple[Array, Array]:
    """Sum of what was measured, and whether no target is missing: two arrays (patients, scans)."""
    missing = np.isnan(value_mm) & present[:, :, None]
    sums = np.where(present[:, :, None], np.nan_to_num(value_mm), 0.0).sum(axis=1)
    return sums, ~missing.any(axis=1)


def evaluate_readings(readings: Readings, present: Array, non_target: Array) -> Array:
    """Overall response of each scan by RECIST 1.1: (patients, scans) codes into `RESPONSES`.

    The baseline (column 0) and scans not attended are `NOT_READ`. Source: Eisenhauer 2009, Eur J Cancer 45:228, tables
    1 to 3.
    """
    sums, whole = compute_sums(readings.value_mm, present)
    usable = np.where(readings.attended & whole, sums, np.inf)
    nadir = np.minimum.accumulate(usable, axis=1)
    nadir = np.concatenate([usable[:, :1], nadir[:, :-1]], axis=1)
    with np.errstate(invalid="ignore"):
        growth = (sums >= 1.2 * nadir - MODEL.tolerance_mm) & (sums - nadir >= 5.0 - MODEL.tolerance_mm)
    has_targets = present.any(axis=1, keepdims=True)
    progressive = readings.new_lesion | readings.non_target_pd | (growth & has_targets)
    partial = sums <= 0.7 * usable[:, :1] + MODEL.tolerance_mm
    others_gone = ~non_target[:, None] | readings.non_target_cr
    gone = readings.target_gone
    measured = np.select([~whole, gone & others_gone, gone | partial], [NE, CR, PR], SD)
    by_eye = np.where(readings.non_target_cr, CR, NON_CR)
    response = np.where(progressive, PD, np.where(has_targets, measured, by_eye))
    known_baseline = readings.attended[:, :1] & (whole[:, :1] | ~has_targets)
    response = np.where(known_baseline, response, NE)
    response = np.where(readings.attended, response, NOT_READ)
    response[:, 0] = NOT_READ
    return response


def find_first(mask: Array) -> Array:
    """Index of the first true value of each row, -1 where there is none."""
    return np.where(mask.any(axis=1), mask.argmax(axis=1), -1)


def derive_best_response(response: Array, days: Array, last_day: Array) -> Array:
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
