"""Reported times: for registries that hold only time and event."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.endpoints.derivation import HALF_DAY


def derive_reported(reported: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    """Turn reported outcomes of one endpoint into rows of table `endpoints`.

    Parameters
    ----------
    reported : table `reported_outcomes`; `time` and `entry_time` in days
    endpoint : name of the endpoint

    Returns
    -------
    DataFrame
        one row a patient with that outcome: the columns that `derive_endpoint` gives. A time that equals the entry
        (0 without delayed entry) counts as half a day more; one before it was never at risk: `exclusion`.
    """
    rows = reported[reported["endpoint"] == endpoint].reset_index(drop=True)
    entry = rows["entry_time"].astype("float64").fillna(0.0)
    time = rows["time"].astype("float64")
    half = time == entry
    none = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[ns]")
    return pd.DataFrame(
        {
            "patient_id": rows["patient_id"].astype("string"),
            "endpoint": endpoint,
            "origin_date": none,
            "end_date": none,
            "entry_days": entry,
            "time_days": time + HALF_DAY * half,
            "event": rows["event"].astype("int64"),
            "reason": "reported",
            "basis": "reported_outcomes.time",
            "status": "ok",
            "note": np.where(half, "half_day", ""),
            "progression_date": none,
            "death_date": none,
            "new_therapy_date": none,
            "last_adequate_date": none,
            "previous_assessment_date": none,
            "last_contact_date": none,
            "source_sequence": pd.array(np.arange(1, len(rows) + 1), "Int64"),
            "exclusion": np.where(time < entry, "not_at_risk", ""),
        }
    )


def stack_frames(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Stack those frames that hold rows; the first one where none does."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0].reset_index(drop=True)


def combine_reported(derived: pd.DataFrame, reported: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Derived rows first; reported ones for patients whose time cannot be derived.

    Parameters
    ----------
    derived : from `derive_endpoint`, one row a patient
    reported : from `derive_reported`

    Returns
    -------
    rows : DataFrame
        one row a patient of `derived`
    differences : DataFrame
        one row a patient who has both and differs by more than half a day or in the event: patient_id, endpoint,
        time_days, event, reason, reported_time_days, reported_event, difference_days.
    """
    out = derived["exclusion"] != ""
    fill = derived["patient_id"].isin(reported["patient_id"]) & out
    kept = derived[~fill]
    from_reported = reported[reported["patient_id"].isin(derived.loc[fill, "patient_id"])]
    rows = stack_frames([kept, from_reported])
    place = pd.Series(np.arange(len(derived)), index=derived["patient_id"])
    rows = rows.iloc[rows["patient_id"].map(place).argsort(kind="stable")].reset_index(drop=True)
    both = kept.merge(
        reported.rename(columns={"time_days": "reported_time_days", "event": "reported_event"})[
            ["patient_id", "reported_time_days", "reported_event"]
        ],
        on="patient_id",
    )
    both["difference_days"] = both["time_days"] - both["reported_time_days"]
    differ = (both["difference_days"].abs() > HALF_DAY) | (both["event"] != both["reported_event"])
    columns = [
        "patient_id",
        "endpoint",
        "time_days",
        "event",
        "reason",
        "reported_time_days",
        "reported_event",
    ]
    return rows, both.loc[differ, [*columns, "difference_days"]].reset_index(drop=True)
