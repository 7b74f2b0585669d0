"""The day on which a new anticancer therapy ends what a treatment period can show."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.dates import resolve_partial_dates
from prrt_outcomes.response.codes import NO_DAY, convert_to_days, encode_labels
from prrt_outcomes.response.timeline import DAY_SHIFT, DAY_SPAN, FAR_DAY, Periods
from prrt_outcomes.study.model import Study

LOCAL_THERAPIES = ("surgery", "liver_directed", "external_radiotherapy")


def filter_new_therapies(therapies: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Therapies that count as new anticancer therapy: of a kind the study names, no palliative local one."""
    kind = therapies["kind"].astype("string")
    palliative = therapies["intent"].astype("string").str.strip().str.lower().eq("palliative").fillna(False)
    local = kind.isin(LOCAL_THERAPIES) & palliative
    return therapies[kind.isin(study.new_anticancer_therapy) & ~local]


def find_stop_days(therapies: pd.DataFrame, periods: Periods, study: Study) -> np.ndarray:
    """First day of a new anticancer therapy after the first cycle of each period; far away where none began."""
    new = filter_new_therapies(therapies, study)
    start = convert_to_days(
        resolve_partial_dates(new["start_date"], new["start_date_precision"], study.partial_dates)
    )
    patient = encode_labels(new["patient_id"], periods.patients)
    known = (patient >= 0) & (start != NO_DAY)
    keys = np.sort(patient[known].astype(np.int64) * DAY_SPAN + start[known] + DAY_SHIFT)
    first = periods.patient * DAY_SPAN + periods.first_day + DAY_SHIFT
    place = np.searchsorted(keys, first, side="right")
    inside = place < len(keys)
    following = keys[np.minimum(place, len(keys) - 1)] if len(keys) else first
    same = inside & (following // DAY_SPAN == periods.patient)
    return np.where(same, following % DAY_SPAN - DAY_SHIFT, FAR_DAY).astype(np.int64)
