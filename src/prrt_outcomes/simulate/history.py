"""The course of each synthetic patient from baseline to last contact, as arrays."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from prrt_outcomes.simulate import schedule
from prrt_outcomes.simulate.columns import MODEL, Array, Rng, derive_dates, draw_shares
from prrt_outcomes.simulate.lesions import (
    ABSENT,
    CR,
    NE,
    PR,
    Lesions,
    Readings,
    compute_shrunken_sizes,
    compute_sums,
    derive_best_response,
    draw_lesions,
    evaluate_readings,
    find_first,
    measure_lesions,
)
from prrt_outcomes.simulate.patients import (
    compute_log_hazard,
    draw_baseline,
    draw_death_days,
    draw_progression_days,
)
from prrt_outcomes.simulate.settings import SimulationSettings

# Shares of progressions that show in targets, as a new lesion and in non-targets.
ROUTE_SHARES = (0.5, 0.35, 1.0 - 0.5 - 0.35)


@dataclass(frozen=True)
class History:
    """Everything that happens to the patients; arrays have one row a patient, days count from the first cycle."""

    settings: SimulationSettings
    baseline: pd.DataFrame
    regimen: schedule.Regimen
    lesions: Lesions
    grid: schedule.ScanGrid
    observation: schedule.Observation
    log_hazard_progression: Array  # against the reference patient, as the next
    log_hazard_death: Array
    # Day of the first scan that shows a response if progression does not intervene; infinite if none.
    response_days: Array
    progression_days: Array  # latent, as the next
    death_days: Array
    route: Array  # how the progression shows (`BY_TARGET`, `BY_NEW_LESION`, `BY_NON_TARGET`)
    clinical_only: Array  # progression is followed by no scan
    second: schedule.SecondCourse
    readings: Readings  # all scans as measured
    state: Array  # of each target, (patients, 5, scans)
    response: Array  # overall response of each scan of the first course
    early_therapy_days: Array  # another anticancer therapy before progression; infinite if none

    @property
    def ids(self) -> Array:
        """Pseudonyms of the patients."""
        return format_patient_ids(len(self.route))

    def derive_dates(self, rows: Array, days: Array) -> Array:
        """Dates of days of these patients; missing where the day is not finite."""
        return derive_dates(self.baseline["entry_day"].to_numpy()[rows], days)


def open_stream(seed: int, name: str) -> Rng:
    """Random generator of one part of the model, so that a changed effect leaves the draws of other parts."""
    return np.random.default_rng([seed, MODEL.streams.index(name)])


def draw_history(
    settings: SimulationSettings, patients: int, seed: int, later: date | None = None
) -> History:
    """Draw the whole course of all patients, in the order that docs/simulation_model.md gives.

    `later`: a later cut-off; up to that of `settings` the course is the same as without it.
    """
    baseline = draw_baseline(settings, patients, open_stream(seed, "baseline"))
    planned = schedule.draw_regimen(baseline, settings, open_stream(seed, "regimen"))
    lesions = draw_lesions(baseline, planned.starts_with_y90, settings, open_stream(seed, "lesions"))
    grid = schedule.draw_scan_grid(baseline, planned, lesions, settings, open_stream(seed, "scans"))
    if later is not None:
        cohort = settings.cohort.model_copy(update={"data_cutoff": later})
        settings, known = settings.model_copy(update={"cohort": cohort}), grid.days.shape[1] - 1
        stream = open_stream(seed, "later")
        further = schedule.draw_scan_grid(baseline, planned, lesions, settings, stream, known)
        grid = schedule.extend_scan_grid(grid, further)
    response_days = derive_response_days(lesions, grid)

    y90 = planned.starts_with_y90
    log_progression = compute_log_hazard(baseline, settings, death=False, y90=y90)
    log_death = compute_log_hazard(baseline, settings, death=True, y90=y90)
    rng = open_stream(seed, "progression")
    progression = draw_progression_days(log_progression, response_days, settings, rng)
    # How a progression shows, and whether it stays clinical: neither depends on the shrinkage.
    route = draw_shares(rng, ROUTE_SHARES, patients)
    impossible = (route == schedule.BY_TARGET) & (lesions.complete | ~lesions.has_targets)
    impossible |= (route == schedule.BY_NON_TARGET) & ~lesions.non_target
    route = np.where(impossible, schedule.BY_NEW_LESION, route)
    clinical_only = rng.random(patients) < settings.scans.clinical_progression_share
    death = draw_death_days(log_death, progression, response_days, settings, open_stream(seed, "death"))
    grid = schedule.derive_prompted_scans(grid, progression, death, settings, open_stream(seed, "prompted"))
    sizes = compute_shrunken_sizes(lesions, grid.days)
    observation = schedule.draw_observation(baseline, death, settings, open_stream(seed, "observation"))
    end, stream = observation.end_days, open_stream(seed, "given")
    given = schedule.derive_given_cycles(planned, progression, end, observation.dead, stream)
    attended = grid.taken & (grid.days < end[:, None])
    attended &= ~(clinical_only[:, None] & (grid.days >= progression[:, None]))

    rng = open_stream(seed, "growth")
    unseen = grid.unseen & (grid.days < progression[:, None])[:, None, :]
    value, state = measure_lesions(sizes, grid.noise, unseen, lesions)
    by_target = route == schedule.BY_TARGET
    value = schedule.apply_progression(value, attended, grid, progression, by_target, lesions, rng)
    progressed = grid.days >= progression[:, None]
    small_node = lesions.node[:, :, None] & (value < 10.0)
    gone = (state == ABSENT) | small_node | ~lesions.present[:, :, None]
    non_target_pd = progressed & (route == schedule.BY_NON_TARGET)[:, None]
    readings = Readings(
        days=grid.days,
        attended=attended,
        value_mm=value,
        target_gone=gone.all(axis=1) & lesions.has_targets[:, None],
        non_target_pd=non_target_pd,
        non_target_cr=lesions.complete[:, None] & (grid.days > 100) & ~non_target_pd,
        new_lesion=progressed & (route == schedule.BY_NEW_LESION)[:, None],
    )
    response = evaluate_readings(readings, lesions.present, lesions.non_target)

    rng = open_stream(seed, "retreatment")
    share = settings.treatment.retreatment_share
    second = schedule.draw_second_course(grid, given, lesions, response, end, share, rng)
    readings, state = schedule.apply_second_course(readings, state, grid, second, lesions, rng)
    # Another anticancer therapy without progression: never for nearly all.
    rng, ends = open_stream(seed, "early_therapy"), np.minimum(second.found_days, end)
    early = grid.days[:, 1] + rng.integers(20, 200, patients)
    early = np.where((rng.random(patients) < MODEL.early_therapy_share) & (early < ends), early, np.inf)
    before_second = readings.attended & (readings.days < second.days[:, :1])
    response = np.where(before_second, response, -1)
    return History(
        settings, baseline, given, lesions, grid, observation, log_progression, log_death, response_days, progression,
        death, route, clinical_only, second, readings, state, response, early,
    )  # fmt: skip


def derive_response_days(lesions: Lesions, grid: schedule.ScanGrid) -> Array:
    """Day of the first scan that would show a fall of 30 % or more; infinite where none does."""
    sizes = compute_shrunken_sizes(lesions, grid.days)
    value, _ = measure_lesions(sizes, grid.noise, grid.unseen, lesions)
    sums, whole = compute_sums(value, lesions.present)
    shown = grid.taken & whole & (sums <= 0.7 * sums[:, :1] + 1e-6)
    shown[:, 0] = False
    shown &= (lesions.has_targets & grid.taken[:, 0])[:, None]
    first = find_first(shown)
    return np.where(first >= 0, grid.days[np.arange(len(first)), first], np.inf).astype(float)


def derive_outcomes(history: History) -> pd.DataFrame:
    """What a perfect reader of the registry would derive: one row a patient.

    Columns patient_id, pfs_days, pfs_event, os_days, os_event, ttp_event (2 death without progression), response_days
    (first scan with CR or PR, missing if none), best_response (code into `RESPONSES`), target_change (best change of
    the sum on days that count, missing without one). Times of 0 are half a day.
    """
    readings, response = history.readings, history.response
    observation = history.observation
    rows = np.arange(len(history.route))
    detection = history.second.found_days
    death = np.where(observation.dead, observation.end_days, np.inf)
    adequate = (response >= CR) & (response != NE)
    last = np.where(adequate, readings.days, 0).max(axis=1)
    event = np.isfinite(detection) | observation.dead
    pfs = np.where(event, np.minimum(detection, death), last)
    before = readings.days <= np.minimum(detection, history.early_therapy_days)[:, None]
    responders = np.isin(response, (CR, PR)) & (readings.days < detection[:, None])
    first = find_first(responders)
    sums, whole = compute_sums(readings.value_mm, history.lesions.present)
    counted = adequate & before & whole & history.lesions.has_targets[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(counted, sums / sums[:, :1] - 1.0, np.inf).min(axis=1)
    return pd.DataFrame(
        {
            "patient_id": history.ids,
            "pfs_days": np.maximum(pfs, 0.5),
            "pfs_event": event.astype(int),
            "os_days": np.maximum(observation.end_days, 0.5),
            "os_event": observation.dead.astype(int),
            "ttp_event": np.select([np.isfinite(detection), observation.dead], [1, 2], 0),
            "response_days": np.where(first >= 0, readings.days[rows, first], np.nan),
            "best_response": derive_best_response(response, readings.days, history.early_therapy_days),
            "target_change": np.where(np.isfinite(change), change, np.nan),
        }
    )


def simulate_outcomes(settings: SimulationSettings, patients: int, seed: int) -> pd.DataFrame:
    """One row a patient without any table: `derive_outcomes`, `draw_baseline`, y90 (of the first cycle)."""
    history = draw_history(settings, patients, seed)
    outcomes = derive_outcomes(history)
    return pd.concat([outcomes, history.baseline], axis=1).assign(y90=history.regimen.starts_with_y90)


def format_patient_ids(patients: int, prefix: str = "P") -> Array:
    """Pseudonyms P0001, P0002, ..., as wide as needed."""
    width = max(4, len(str(patients)))
    numbers = pd.Series(np.arange(1, patients + 1)).astype("str").str.zfill(width)
    return (prefix + numbers).to_numpy(dtype=object)
