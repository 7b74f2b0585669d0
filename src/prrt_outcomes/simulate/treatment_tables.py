"""Tables `cycles` and `therapies` of a synthetic registry."""

import numpy as np
import pandas as pd

from prrt_outcomes.simulate import columns
from prrt_outcomes.simulate.columns import MODEL, Array, Rng, format_partial_dates, hide_values, select_codes
from prrt_outcomes.simulate.history import History

KINDS, DRUGS, DOSES_MG = (np.array(values) for values in zip(*MODEL.therapies, strict=True))
LONG_ACTING, SHORT_ACTING, SURGERY, CHEMOTHERAPY, TARGETED, LIVER, EXTERNAL, OTHER = range(8)
PRIOR_SHARES = {SURGERY: 0.5, CHEMOTHERAPY: 0.2, TARGETED: 0.12, LIVER: 0.15, EXTERNAL: 0.06}


def compute_cycle_days(history: History) -> Array:
    """Days of all cycles of both courses, (patients, 7), infinite where none was given."""
    first = history.regimen
    given = np.arange(first.days.shape[1]) < first.given[:, None]
    return np.column_stack([np.where(given, first.days, np.inf), history.second.days])


def derive_cycles(history: History, rng: Rng) -> pd.DataFrame:
    """Table `cycles`: product by radionuclide and centre, activity, amino acids, absorbed doses.

    Doses are known for about half of the patients: 0.65 and 1.9 Gy/GBq to the kidneys, 0.03 and 0.06 to the
    marrow (177Lu, 90Y), with a factor of the patient.
    """
    days = compute_cycle_days(history)
    patients = len(days)
    y90 = np.column_stack([history.regimen.y90, np.zeros((patients, 2), dtype=bool)])
    rows, column = np.nonzero(np.isfinite(days))
    is_y90 = y90[rows, column]
    odd = history.baseline["centre"].to_numpy()[rows] % 2 == 1
    size = len(rows)
    activity = np.where(is_y90, rng.normal(3.7, 0.4, size), rng.normal(7.4, 0.3, size)).clip(1.5, 9.5)
    activity = activity.round(2)
    measured = (rng.random(patients) < 0.55)[rows]
    kidney = np.exp(0.25 * rng.normal(size=patients))[rows] * np.exp(0.08 * rng.normal(size=size))
    marrow = np.exp(0.3 * rng.normal(size=patients))[rows] * np.exp(0.1 * rng.normal(size=size))
    hidden = rng.random((3, size)) < history.settings.records.missing_share / 2
    kidney_gy = activity * np.where(is_y90, 1.9, 0.65) * kidney
    marrow_gy = activity * np.where(is_y90, 0.06, 0.03) * marrow
    product = np.select([is_y90 & odd, is_y90, odd], [2, 3, 1], 0)
    return pd.DataFrame(
        {
            "patient_id": select_codes(history.ids, rows),
            "cycle_date": history.derive_dates(rows, days[rows, column]),
            "radiopharmaceutical": select_codes(MODEL.products, product),
            "activity_gbq": hide_values(activity, hidden[0]),
            "amino_acids": hide_values(rng.random(size) < 0.985, hidden[1]),
            "kidney_dose_gy": hide_values(kidney_gy.round(2), ~measured | hidden[2]),
            "marrow_dose_gy": hide_values(marrow_gy.round(3), ~measured | hidden[2]),
        }
    )


def draw_therapies(
    history: History, diagnosis_days: Array, known_progression: Array, rng: Rng
) -> pd.DataFrame:
    """Draw all other therapies as days from the first cycle: row (of the patient), kind, start, end, palliative."""
    users = rng.random(len(known_progression)) < history.settings.treatment.analogue_share
    parts = [_draw_prior(diagnosis_days, rng)]
    parts += [draw(history, users, rng) for draw in (_draw_long_acting, _draw_short_acting)]
    parts.append(_draw_next(history, known_progression, rng))
    early = np.flatnonzero(np.isfinite(history.early_therapy_days))
    kind = np.where(rng.random(len(early)) < 0.5, SURGERY, LIVER)
    day = history.early_therapy_days[early]
    parts.append(_rows(early, kind, day, day))
    drawn = pd.concat(parts, ignore_index=True)
    drawn = drawn[(drawn["start"] <= history.observation.end_days[drawn["row"]]).to_numpy()]
    ends = history.observation.end_days[drawn["row"]]
    drawn = drawn.assign(end=drawn["end"].where((drawn["end"] <= ends).to_numpy(), np.inf))
    return drawn.sort_values(["row", "start", "kind"], kind="stable").reset_index(drop=True)


def count_prior_lines(drawn: pd.DataFrame, patients: int) -> Array:
    """Lines before the first cycle: analogue, chemotherapy, targeted, liver-directed and external therapy."""
    prior = drawn[(drawn["start"] < 0) & (drawn["kind"] != SURGERY)]
    prior = prior[["row", "kind"]].replace({"kind": {SHORT_ACTING: LONG_ACTING}}).drop_duplicates()
    return np.bincount(prior["row"], minlength=patients)


def derive_therapies(history: History, drawn: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Table `therapies` from what was drawn; some of the earlier therapies have partial dates."""
    row, kind = drawn["row"].to_numpy(), drawn["kind"].to_numpy()
    prior = (drawn["start"].to_numpy() < 0) & (kind >= SURGERY)
    starts = history.derive_dates(row, drawn["start"].to_numpy())
    start = format_partial_dates(starts)
    partial = format_partial_dates(starts, rng, history.settings.records.partial_date_share)
    start = np.where(prior, partial, start)
    end = format_partial_dates(history.derive_dates(row, drawn["end"].to_numpy()))
    end[prior & (np.char.str_len(start.astype(str)) < 10)] = None
    frame = pd.DataFrame(
        {
            "patient_id": select_codes(history.ids, row),
            "start_date": start,
            "kind": select_codes(KINDS, kind),
            "drug": select_codes(DRUGS, kind),
            "end_date": end,
            "dose_mg": DOSES_MG[kind],
            "intent": select_codes(("palliative",), np.where(drawn["palliative"], 0, -1)),
        }
    )
    key = ["patient_id", "start_date", "kind", "drug"]
    frame.insert(4, "sequence", frame.groupby(key, observed=True, sort=False).cumcount() + 1)
    return frame


def draw_diagnosis_days(history: History, rng: Rng) -> Array:
    """Day of diagnosis, before the first cycle by 200 days or more and before the first scan."""
    least = np.maximum(200, 20 - history.grid.pre_baseline_days)
    return -np.floor(least + np.minimum(rng.exponential(900.0, len(least)), 5000.0))


def _rows(row: Array, kind: Array | int, start: Array, end: Array | float = np.inf) -> pd.DataFrame:
    """Therapies in days; `end` infinite where it is not recorded."""
    return pd.DataFrame({"row": row, "kind": kind, "start": start, "end": end, "palliative": False})


def _draw_prior(diagnosis_days: Array, rng: Rng) -> pd.DataFrame:
    """Therapies between diagnosis and the first cycle; operations soon after diagnosis, the others any time."""
    patients = len(diagnosis_days)
    parts = []
    for kind, share in PRIOR_SHARES.items():
        row = np.flatnonzero(rng.random(patients) < share)
        room = -diagnosis_days[row] - 110.0
        part = rng.random(len(row)) ** (3 if kind == SURGERY else 1)
        start = diagnosis_days[row] + 10.0 + np.floor(room * part)
        drug = kind in (CHEMOTHERAPY, TARGETED)
        length = np.floor(rng.exponential(90.0, len(row))) + 14.0 if drug else np.zeros(len(row))
        parts.append(_rows(row, np.full(len(row), kind), start, np.minimum(start + length, -29.0)))
    return pd.concat(parts, ignore_index=True)


def _draw_long_acting(history: History, users: Array, rng: Rng) -> pd.DataFrame:
    """Injections: one before the first cycle, two after each, the last four weeks or more before the next."""
    cycles = np.where(users[:, None], compute_cycle_days(history), np.inf)
    following = np.column_stack([cycles[:, 1:], np.full(len(cycles), np.inf)])
    followed = np.isfinite(following)
    following = np.where(followed, following, 1e7)
    kept = rng.random(cycles.shape) < MODEL.washout_kept_share
    before = rng.integers(29, 43, len(cycles))
    before = np.where(kept[:, -1], before, rng.integers(10, 27, len(cycles)))
    soon = cycles + rng.integers(1, 5, cycles.shape)
    later = np.where(kept | ~followed, soon + 28, following - rng.integers(8, 27, cycles.shape))
    too_late = kept & (later > following - 28)
    too_soon = later < np.where(np.isfinite(soon), soon, 0.0) + 14
    later = np.where(too_late | too_soon | ~np.isfinite(cycles), np.inf, later)
    days = np.column_stack([np.where(users, -before, np.inf), soon, later])
    row, column = np.nonzero(np.isfinite(days))
    return _rows(row, LONG_ACTING, days[row, column])


def _draw_short_acting(history: History, users: Array, rng: Rng) -> pd.DataFrame:
    """Daily injections in the last weeks before a cycle, mostly stopped a day before it."""
    bridged = users & (rng.random(len(users)) < 0.4)
    cycles = np.where(bridged[:, None], compute_cycle_days(history), np.inf)
    broken = rng.random(cycles.shape) >= MODEL.washout_kept_share
    row, column = np.nonzero(np.isfinite(cycles))
    day = cycles[row, column]
    end = day - np.where(broken[row, column], 0, rng.integers(1, 3, len(row)))
    return _rows(row, SHORT_ACTING, day - rng.integers(18, 26, len(row)), end)


def _draw_next(history: History, known_progression: Array, rng: Rng) -> pd.DataFrame:
    """Anticancer therapy after progression, for those not treated again with PRRT."""
    patients = len(known_progression)
    chosen = rng.random(patients) < MODEL.next_therapy_share
    start = known_progression + 14 + np.floor(rng.exponential(60.0, patients))
    kind = columns.draw_shares(rng, MODEL.next_shares, patients)
    length = np.where(np.isin(kind, (CHEMOTHERAPY, TARGETED, OTHER)), rng.exponential(200.0, patients), 5.0)
    palliative = (kind == EXTERNAL) & (rng.random(patients) < 0.5)
    row = np.flatnonzero(chosen & np.isfinite(start) & ~history.second.given)
    drawn = _rows(row, kind[row], start[row], start[row] + np.floor(length[row]))
    return drawn.assign(palliative=palliative[row])
