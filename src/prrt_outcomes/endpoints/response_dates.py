"""The first objective response: where duration of response starts."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.response.best import Sequence, find_confirmations
from prrt_outcomes.response.codes import RESPONSES, convert_to_codes, convert_to_days
from prrt_outcomes.study.response import ResponseSettings

OBJECTIVE = ("CR", "PR")


def derive_first_response(
    scans: pd.DataFrame,
    first_cycle: pd.Series,
    new_therapy: pd.Series,
    confirmation: ResponseSettings | None = None,
) -> pd.Series:
    """Date of the first CR or PR after the first cycle, before progression and new therapy.

    Parameters
    ----------
    scans : responses by one criterion and reader, sorted by patient, date and period
    first_cycle, new_therapy : by patient_id; no response counts after the new therapy began
    confirmation : None for unconfirmed; else the settings of the study: the first scan of the first confirmed pair

    Returns
    -------
    Series
        datetime64[ns] by patient_id, only patients with a response.
    """
    rows = scans.drop_duplicates(["patient_id", "assessment_date"])
    rows = rows[rows["assessment_date"] > rows["patient_id"].map(first_cycle)]
    code = rows["overall_response"].astype("string")
    progressed = (code == "PD").fillna(False).groupby(rows["patient_id"]).cumsum() > 0
    late = rows["assessment_date"] > rows["patient_id"].map(new_therapy).astype("datetime64[ns]")
    rows = rows[~progressed & ~late]
    hit = rows["overall_response"].isin(OBJECTIVE).to_numpy()
    if confirmation is not None and len(rows):
        unit, _ = pd.factorize(rows["patient_id"])
        codes = convert_to_codes(rows["overall_response"], RESPONSES)
        # An empty response tells as little as NE.
        codes[codes < 0] = RESPONSES.index("NE")
        sequence = Sequence(unit, convert_to_days(rows["assessment_date"]), codes)
        hit = hit & (find_confirmations(sequence, confirmation) >= 0)
    return rows[hit].groupby("patient_id")["assessment_date"].min()
