"""Tables `labs` and `adverse_events`: kidney, marrow and complaints after cycles, by radionuclide."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.columns import MODEL, Array, Rng, draw_shares, format_partial_dates, select_codes
from prrt_outcomes.simulate.history import History
from prrt_outcomes.simulate.treatment_tables import compute_cycle_days
from prrt_outcomes.units import DAYS_PER_YEAR

ANALYTES = tuple(SimpleNamespace(**row) for row in MODEL.analytes)
UNITS = tuple(dict.fromkeys(unit for analyte in ANALYTES for unit, _, _ in analyte.units))


def derive_labs(history: History, rng: Rng, levels: dict[str, Array] | None = None) -> pd.DataFrame:
    """Table `labs`: samples before and after cycles and with scans; liver values and chromogranin A only with scans.

    `levels` of patients by analyte are filled where absent, so that a later draw of the same patients has them.
    """
    levels = {} if levels is None else levels
    days, around_cycle = _draw_visits(history, rng)
    rows, visit = np.nonzero(np.isfinite(days))
    known = np.where(np.isfinite(days), days, 0.0)
    # Platelets: a wave after each cycle, by radionuclide and patient, and a tenth of it for good.
    nadir, decline = history.settings.effects.platelet_nadir, history.settings.effects.egfr_decline_per_year
    y90 = np.column_stack([history.regimen.y90, np.zeros((len(days), 2), dtype=bool)])
    factor = np.exp(0.45 * rng.normal(size=(len(y90), 1)))
    depth = np.minimum(np.where(y90, nadir.y90, nadir.lu177) * factor, 1.6)
    part = np.maximum(known[:, :, None] - compute_cycle_days(history)[:, None, :], 0.0) / MODEL.nadir_days
    wave = part**2 * np.exp(2.0 * (1.0 - part)) + 0.1 * np.minimum(part, 1.0)
    fall = (depth[:, None, :] * wave).sum(axis=2)
    mean = np.where(history.regimen.starts_with_y90, decline.y90, decline.lu177)
    slope = mean * np.exp(0.5 * rng.normal(size=len(mean)) - 0.125)
    years = np.clip(known / DAYS_PER_YEAR, 0.0, MODEL.decline_years)
    # Chromogranin A: down with treatment, up after progression.
    down = 0.5 * (1.0 - np.exp(-np.maximum(known, 0.0) / 150.0))
    since = np.maximum(known - history.progression_days[:, None], 0.0)
    rises = {"creatinine": -np.log1p(-np.minimum(slope, 0.3))[:, None] * years / 1.2}
    rises["chromogranin_a"] = np.minimum(since / DAYS_PER_YEAR * 0.8, 2.0) - down
    parts = []
    for number, analyte in enumerate(ANALYTES):
        patient = levels.setdefault(analyte.name, analyte.log_sd * rng.normal(size=len(days)))
        kept = np.ones(len(rows), dtype=bool) if analyte.frequent else ~around_cycle[visit]
        kept &= rng.random(len(rows)) >= history.settings.records.missing_share
        row, column = rows[kept], visit[kept]
        noise = analyte.noise * rng.normal(size=len(row))
        log_value = patient[row] + noise - analyte.nadir * fall[row, column]
        if analyte.name in rises:
            log_value = log_value + rises[analyte.name][row, column]
        parts.append(_format_analyte(history, number, row, days[row, column], log_value))
    frame = pd.concat(parts, ignore_index=True)
    frame = frame.sort_values(["row", "day", "analyte"], kind="stable", ignore_index=True)
    row = frame["row"].to_numpy()
    return pd.DataFrame(
        {
            "patient_id": select_codes(history.ids, row),
            "sample_date": history.derive_dates(row, frame["day"].to_numpy()),
            "analyte": select_codes(tuple(a.name for a in ANALYTES), frame["analyte"].to_numpy()),
            "sequence": np.ones(len(frame), dtype=int),
            "value": frame["value"],
            "unit": select_codes(UNITS, frame["unit"].to_numpy()),
            "lower_limit": frame["lower"],
            "upper_limit": frame["upper"],
        }
    )


def _draw_visits(history: History, rng: Rng) -> tuple[Array, Array]:
    """Days of samples, (patients, visits), infinite where there is none, and which visits go with cycles."""
    cycles = compute_cycle_days(history)
    patients = len(cycles)
    before_first = -rng.integers(1, 15, (patients, 1)).astype(float)
    nadir = cycles + rng.integers(26, 40, cycles.shape)
    before_next = cycles[:, 1:] - rng.integers(0, 4, (patients, cycles.shape[1] - 1))
    readings = history.readings
    is_in_time = (readings.days > 0) & (readings.days <= MODEL.last_sample_days)
    scans = np.where(readings.attended & is_in_time, readings.days, np.inf)
    last = np.flatnonzero(np.isfinite(scans).any(axis=0)).max(initial=0)
    scans = scans[:, : int(last) + 1]
    days = np.concatenate([before_first, scans, nadir, before_next], axis=1)
    around = np.arange(days.shape[1]) >= 1 + scans.shape[1]
    days = np.where(days <= history.observation.end_days[:, None], days, np.inf)
    is_earlier = np.tril(np.ones((days.shape[1], days.shape[1]), dtype=bool), -1)
    repeated = ((days[:, :, None] == days[:, None, :]) & is_earlier).any(axis=2)
    return np.where(repeated, np.inf, days), around


def _format_analyte(history: History, number: int, row: Array, days: Array, log_value: Array) -> pd.DataFrame:
    """Values and limits of one analyte, rounded in the unit of the centre."""
    analyte = ANALYTES[number]
    centre = history.baseline["centre"].to_numpy()[row] % len(analyte.units)
    factor = 1.0 / np.array([u[1] for u in analyte.units])[centre]
    scale = 10.0 ** np.array([u[2] for u in analyte.units])[centre]

    def convert(value: Array) -> Array:
        return np.round(value * factor * scale) / scale

    female = history.baseline["female"].to_numpy()[row]
    ratio, of_women, of_men = MODEL.by_sex.get(analyte.name, (1.0, 1.0, 1.0))
    limits = np.where(female, 1.0, ratio)
    middle = analyte.mean * np.where(female, of_women, of_men)
    return pd.DataFrame(
        {
            "row": row,
            "day": days,
            "analyte": number,
            "value": np.maximum(convert(middle * np.exp(log_value)), 1.0 / scale),
            "unit": np.array([UNITS.index(u[0]) for u in analyte.units])[centre],
            "lower": convert(analyte.lower * limits),
            "upper": convert(analyte.upper * limits),
        }
    )


def derive_adverse_events(history: History, rng: Rng) -> pd.DataFrame:
    """Table `adverse_events`: complaints after cycles, and myeloid neoplasms that come before the last contact."""
    cycles = compute_cycle_days(history)
    end = history.observation.end_days
    # Therapy-related myeloid neoplasms: none in the first year, then at a constant rate.
    yearly = np.where(history.regimen.starts_with_y90, *MODEL.neoplasms_per_year)
    waiting = rng.exponential(size=len(yearly)) / yearly * DAYS_PER_YEAR
    neoplasm = np.floor(365.0 + np.minimum(waiting, 1e6))
    parts = []
    for number, share in enumerate(MODEL.term_shares):
        happens = np.isfinite(cycles) & (rng.random(cycles.shape) < share)
        row, column = np.nonzero(happens)
        onset = cycles[row, column] + rng.integers(0, 8, len(row))
        grade = 1 + draw_shares(rng, MODEL.term_grade_shares, len(row))
        if MODEL.terms[number] == "alopecia":
            grade = np.minimum(grade, 2)
        last = onset + np.floor(rng.exponential(9.0, len(row)))
        parts.append(pd.DataFrame({"row": row, "term": number, "onset": onset, "last": last, "grade": grade}))
    row = np.flatnonzero(neoplasm <= end)
    leukaemia = rng.random(len(row)) < 0.3
    late = pd.DataFrame({"row": row, "term": len(MODEL.terms) + leukaemia, "onset": neoplasm[row]})
    parts.append(late.assign(last=np.inf, grade=np.where(leukaemia, 4, 3)))
    frame = pd.concat(parts, ignore_index=True)
    frame = frame[frame["onset"].to_numpy() <= end[frame["row"]]]
    frame = frame.sort_values(["row", "onset", "term"], kind="stable", ignore_index=True)
    row = frame["row"].to_numpy()
    ended = frame["last"].where((frame["last"] <= end[row]).to_numpy(), np.inf).to_numpy()
    return pd.DataFrame(
        {
            "patient_id": select_codes(history.ids, row),
            "onset_date": format_partial_dates(history.derive_dates(row, frame["onset"].to_numpy())),
            "term": select_codes((*MODEL.terms, *MODEL.neoplasms), frame["term"].to_numpy()),
            "sequence": frame.groupby(["row", "onset", "term"]).cumcount().to_numpy() + 1,
            "end_date": format_partial_dates(history.derive_dates(row, ended)),
            "grade": frame["grade"].to_numpy(),
            "related": (rng.random(len(frame)) < 0.85) | (frame["term"].to_numpy() >= len(MODEL.terms)),
        }
    )
