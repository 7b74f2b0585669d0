"""Historical controls: individual patients, and a published-like curve from an independent draw."""

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.clinical_tables import derive_covariates
from prrt_outcomes.simulate.columns import MODEL, Array, Rng
from prrt_outcomes.simulate.history import format_patient_ids, open_stream
from prrt_outcomes.simulate.patients import (
    compute_log_hazard,
    draw_baseline,
    draw_death_days,
    draw_progression_days,
)
from prrt_outcomes.simulate.schedule import draw_prompted
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.units import DAYS_PER_MONTH, DAYS_PER_YEAR


def draw_controls(
    settings: SimulationSettings, patients: int, rng: Rng, *, like_cohort: bool = False
) -> pd.DataFrame:
    """Draw patients who did not have PRRT: columns of `draw_baseline`, and what became of them, days from entry.

    Columns of pfs and os are as observed, progression_days and death_days latent. With `like_cohort` the covariates,
    also the hidden one, are as in the cohort: what would have become of the treated.
    """
    effects = settings.effects
    baseline = draw_baseline(settings, patients, rng, historical=not like_cohort)
    never = np.full(patients, np.inf)
    log_progression = compute_log_hazard(baseline, settings, death=False)
    log_progression = log_progression - np.log(effects.treatment_progression_hazard_ratio)
    log_death = compute_log_hazard(baseline, settings, death=True)
    log_death = log_death - np.log(effects.treatment_death_hazard_ratio)
    progression = draw_progression_days(log_progression, never, settings, rng)
    death = np.ceil(np.clip(draw_death_days(log_death, progression, never, settings, rng), 3.0, 1e6))
    longest = rng.integers(5 * 365, 10 * 365, patients)
    lost = 60 + rng.exponential(DAYS_PER_YEAR / MODEL.control_lost_per_year, patients)
    end = np.floor(np.minimum(longest, lost))
    interval = settings.scans.interval_days
    since = np.maximum(progression - MODEL.first_scan_days, 0.0)
    seen = MODEL.first_scan_days + interval * np.ceil(since / interval)
    seen = seen + np.round(rng.exponential(MODEL.delay_mean_days, patients))
    delay, share = draw_prompted(death < seen, settings, rng)
    seen = np.ceil(np.where(share, np.minimum(seen, progression + delay), seen))
    n_scans = np.floor((np.minimum(end, death) - MODEL.first_scan_days) / interval)
    last_scan = MODEL.first_scan_days + interval * n_scans
    event_day = np.minimum(seen, death)
    event = event_day <= end
    pfs = np.where(event, event_day, np.where(last_scan >= MODEL.first_scan_days, last_scan, 0.5))
    dead = death <= end
    return baseline.assign(
        pfs_days=pfs,
        pfs_event=event.astype(int),
        os_days=np.where(dead, death, end),
        os_event=dead.astype(int),
        progression_days=progression,
        death_days=death,
    )


def draw_injuries(
    baseline: pd.DataFrame, end_days: Array, settings: SimulationSettings, rng: Rng
) -> tuple[Array, Array]:
    """Day of the first admission for an injury, or of the last contact, and 1 or 0: nothing that treatment changes.

    Age, performance status and the hidden confounder act on it as on progression.
    """
    ratios = np.log(MODEL.injury_ratios)
    log_hazard = ratios[0] * (baseline["age_years"] - 60.0) / 10.0 + ratios[1] * baseline["ecog"]
    log_hazard = log_hazard + np.log(settings.effects.unmeasured_hazard_ratio) * baseline["unmeasured"]
    days = np.ceil(rng.exponential(DAYS_PER_YEAR / MODEL.injury_per_year * np.exp(-log_hazard.to_numpy())))
    return np.minimum(days, end_days), (days <= end_days).astype(int)


def compute_kaplan_meier(time: Array, event: Array) -> tuple[Array, Array]:
    """Kaplan-Meier curve: distinct times of events and survival just after each."""
    times, index = np.unique(time, return_inverse=True)
    deaths = np.bincount(index, weights=event, minlength=len(times))
    leaving = np.bincount(index, minlength=len(times))
    at_risk = len(time) - np.concatenate([[0], leaving.cumsum()[:-1]])
    survival = np.cumprod(1.0 - deaths / at_risk)
    return times[deaths > 0], survival[deaths > 0]


def derive_control_tables(
    settings: SimulationSettings, seed: int
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame, int]:
    """The tables of controls, the controls with their latent times, and the events of the published arm."""
    rng = open_stream(seed, "controls")
    controls = draw_controls(settings, settings.controls.patients, rng)
    ids = format_patient_ids(settings.controls.patients, prefix="H")
    prior_lines = np.minimum(rng.poisson(0.6 + 0.4 * (controls["ecog"].to_numpy() > 0)), 5)
    patients = derive_covariates(controls, ids, prior_lines, settings, rng)
    stream = open_stream(seed, "control_injury")
    injury = draw_injuries(controls, controls["os_days"].to_numpy(), settings, stream)
    found = {name: (controls[f"{name}_days"], controls[f"{name}_event"]) for name in ("pfs", "os")}
    outcomes = [
        pd.DataFrame({"patient_id": ids, "endpoint": name, "time": time, "event": event})
        for name, (time, event) in {**found, MODEL.negative_control: injury}.items()
    ]
    curve, at_risk, events = derive_published_curve(settings, open_stream(seed, "curve"))
    tables = {
        "control_patients": patients.assign(source=MODEL.control_source),
        "control_outcomes": pd.concat(outcomes).sort_values(["patient_id", "endpoint"], ignore_index=True),
        "control_curves": curve,
        "control_at_risk": at_risk,
    }
    return tables, controls, events


def derive_published_curve(settings: SimulationSettings, rng: Rng) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """A published-like arm: points of its Kaplan-Meier curve, numbers at risk, events up to `CURVE_MONTHS`."""
    drawn = draw_controls(settings, MODEL.curve_patients, rng)
    months = drawn["pfs_days"].to_numpy() / DAYS_PER_MONTH
    event = drawn["pfs_event"].to_numpy() == 1
    times, survival = compute_kaplan_meier(months, event)
    inside = times <= MODEL.curve_months
    times, survival = times[inside], survival[inside]
    before = np.concatenate([[1.0], survival[:-1]])
    grid = np.concatenate([[0.0], np.repeat(times, 2), [MODEL.curve_months]])
    points = np.concatenate([[1.0], np.column_stack([before, survival]).ravel(), survival[-1:]])
    grid = np.concatenate([grid[:1], grid[1:] + np.tile([0.0, 0.01], len(grid) // 2)[: len(grid) - 1]])
    read = np.minimum.accumulate(np.clip(points + rng.uniform(-0.002, 0.002, len(points)), 0.0, 1.0))
    read[0] = 1.0
    curve = pd.DataFrame({"time_months": grid.round(3), "survival": read.round(4)})
    curve = curve.drop_duplicates("time_months", keep="last").sort_values("time_months", ignore_index=True)
    ticks = np.arange(0.0, MODEL.curve_months + 0.1, 6.0)
    n_at_risk = (months[:, None] >= ticks).sum(axis=0)
    name = {"control": MODEL.curve_control, "arm": MODEL.curve_arm, "endpoint": "pfs"}
    at_risk = pd.DataFrame({**name, "time_months": ticks, "n_at_risk": n_at_risk})
    curve = curve.assign(**name)[["control", "arm", "endpoint", "time_months", "survival"]]
    return curve, at_risk, int((event & (months <= MODEL.curve_months)).sum())
