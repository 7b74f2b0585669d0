"""Table `adverse_events`, with the rare therapy-related myeloid neoplasm."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.baseline import draw_categories
from prrt_outcomes.simulate.columns import derive_dates, format_partial_dates, select_codes, select_ids
from prrt_outcomes.simulate.history import History
from prrt_outcomes.simulate.treatment_tables import compute_cycle_days
from prrt_outcomes.units import DAYS_PER_YEAR

TERMS = ("nausea", "vomiting", "fatigue", "abdominal pain", "alopecia", "carcinoid crisis")
CYCLE_SHARES = (0.22, 0.10, 0.18, 0.07, 0.02, 0.008)
GRADE_SHARES = (0.70, 0.23, 0.06, 0.01, 0.0)
NEOPLASMS = ("myelodysplastic syndrome", "acute myeloid leukaemia")
# Rate of a therapy-related myeloid neoplasm a year, with 90Y and 177Lu.
NEOPLASMS_PER_YEAR = (0.006, 0.004)


def draw_neoplasm_days(history: History, rng: np.random.Generator) -> np.ndarray:
    """Latent day of a therapy-related myeloid neoplasm: none in the first year, then at a constant rate."""
    yearly = np.where(history.regimen.starts_with_y90, *NEOPLASMS_PER_YEAR)
    waiting = rng.exponential(size=len(yearly)) / yearly * DAYS_PER_YEAR
    return np.floor(365.0 + np.minimum(waiting, 1e6))


def derive_adverse_events(history: History, ids: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Table `adverse_events`: complaints after cycles, and myeloid neoplasms that come before the last contact."""
    cycles = compute_cycle_days(history)
    end = history.observation.end_days
    neoplasm = draw_neoplasm_days(history, rng)
    parts = []
    for number, share in enumerate(CYCLE_SHARES):
        happens = np.isfinite(cycles) & (rng.random(cycles.shape) < share)
        row, column = np.nonzero(happens)
        onset = cycles[row, column] + rng.integers(0, 8, len(row))
        grade = 1 + draw_categories(rng, np.tile(GRADE_SHARES, (len(row), 1)))
        if TERMS[number] == "alopecia":
            grade = np.minimum(grade, 2)
        last = onset + np.floor(rng.exponential(9.0, len(row)))
        parts.append(pd.DataFrame({"row": row, "term": number, "onset": onset, "last": last, "grade": grade}))
    row = np.flatnonzero(neoplasm <= end)
    leukaemia = rng.random(len(row)) < 0.3
    parts.append(
        pd.DataFrame(
            {
                "row": row,
                "term": len(TERMS) + leukaemia,
                "onset": neoplasm[row],
                "last": np.inf,
                "grade": np.where(leukaemia, 4, 3),
            }
        )
    )
    frame = pd.concat(parts, ignore_index=True)
    frame = frame[frame["onset"].to_numpy() <= end[frame["row"]]]
    frame = frame.sort_values(["row", "onset", "term"], kind="stable", ignore_index=True)
    row = frame["row"].to_numpy()
    entry = history.baseline["entry_day"].to_numpy()[row]
    ended = frame["last"].where((frame["last"] <= end[row]).to_numpy(), np.inf).to_numpy()
    return pd.DataFrame(
        {
            "patient_id": select_ids(ids, row),
            "onset_date": format_partial_dates(derive_dates(entry, frame["onset"].to_numpy())),
            "term": select_codes((*TERMS, *NEOPLASMS), frame["term"].to_numpy()),
            "sequence": frame.groupby(["row", "onset", "term"]).cumcount().to_numpy() + 1,
            "end_date": format_partial_dates(derive_dates(entry, ended)),
            "grade": frame["grade"].to_numpy(),
            "related": (rng.random(len(frame)) < 0.85) | (frame["term"].to_numpy() >= len(TERMS)),
        }
    )
