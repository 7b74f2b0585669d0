"""Somatostatin analogues before a cycle: was the wash-out kept?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.dates import compute_date_range
from prrt_outcomes.study.model import TreatmentSettings

ANALOGUES = {"long_acting": "ssa_long_acting", "short_acting": "ssa_short_acting"}


def derive_analogue_windows(
    days: pd.DataFrame, therapies: pd.DataFrame, settings: TreatmentSettings
) -> pd.DataFrame:
    """Add `long_acting_window` and `short_acting_window` to the cycles.

    days : one row a patient and cycle day, with `patient_id` and `cycle_date`
    therapies : table `therapies`; dates may be partial
    settings : `ssa_long_acting_days`, `ssa_short_acting_days`
    Returns the same rows with two string columns: `kept`, `broken`, `unknown`, or `none` (no analogue
    before the cycle). All are `unknown` where the registry holds no analogue of that kind at all.
    An injection on the day of the cycle follows it, as the regimen asks. A row without an end is one injection. A
    long-acting course with an end may have its last injection anywhere in it; a short-acting one is injected daily,
    so one that goes on over the cycle breaks the window. Where a partial date or such a course leaves it open, the
    window is `unknown`.
    """
    windows = {
        f"{name}_window": _classify_windows(
            days,
            therapies[(therapies["kind"].astype("string") == kind).fillna(False)],
            getattr(settings, f"ssa_{name}_days"),
            daily=name == "short_acting",
        )
        for name, kind in ANALOGUES.items()
    }
    return days.assign(**windows)


def _classify_windows(
    days: pd.DataFrame, injections: pd.DataFrame, washout_days: int, *, daily: bool
) -> pd.Series:
    """State of the wash-out of each cycle day, from the earliest and latest day of the last exposure."""
    if injections.empty:
        return pd.Series("unknown", index=days.index, dtype="string")
    cycle = days[["patient_id", "cycle_date"]].assign(row=np.arange(len(days)))
    pairs = cycle.merge(_exposure_ranges(injections), on="patient_id", how="inner")
    pairs = pairs[pairs["start_low"] < pairs["cycle_date"]]
    last_exposure_low = pairs["end_low"] if daily else pairs["start_low"]
    gap_longest = (pairs["cycle_date"] - last_exposure_low).dt.days
    gap_shortest = (pairs["cycle_date"] - pairs["end_high"]).dt.days
    surely_before = pairs["start_high"] < pairs["cycle_date"]
    state = np.select(
        [surely_before & (gap_longest < washout_days), gap_shortest < washout_days],
        ["broken", "unknown"],
        "kept",
    )
    rank = pd.Series(state, index=pairs.index).map({"kept": 1, "unknown": 2, "broken": 3})
    worst = rank.groupby(pairs["row"]).max().reindex(np.arange(len(days)), fill_value=0)
    names = worst.map({0: "none", 1: "kept", 2: "unknown", 3: "broken"})
    return pd.Series(names.to_numpy(), index=days.index, dtype="string")


def _exposure_ranges(injections: pd.DataFrame) -> pd.DataFrame:
    """Earliest and latest possible first and last day of each row."""
    bounds: dict[str, pd.Series] = {}
    for name in ("start", "end"):
        low, high = compute_date_range(injections[f"{name}_date"])
        bounds |= {f"{name}_low": low, f"{name}_high": high}
    frame = pd.DataFrame(bounds, index=injections.index).assign(patient_id=injections["patient_id"])
    return frame.assign(
        end_low=frame["end_low"].fillna(frame["start_low"]),
        end_high=frame["end_high"].fillna(frame["start_high"]),
    )
