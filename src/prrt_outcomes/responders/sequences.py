"""The scans of each patient as one matrix, and the scan from which a patient counts as a responder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prrt_outcomes.response.best import Sequence, find_confirmations
from prrt_outcomes.response.codes import CR, MISSING, MR, NE, NON_CR_NON_PD, PD, PR, RESPONSES, SD

if TYPE_CHECKING:
    import pandas as pd

    from prrt_outcomes.study.response import ResponseSettings

NEEDS_MINIMUM_DURATION = (MR, SD, NON_CR_NON_PD)


@dataclass(frozen=True)
class ScanSequences:
    """Assessments after the first cycle, one row a patient, scans in order of their dates.

    Attributes
    ----------
    patient_id : (n,)
    day : (n, k) days since the first cycle; inf where there is no further scan
    code : (n, k) position in RESPONSES; -1 where there is no further scan
    """

    patient_id: np.ndarray
    day: np.ndarray
    code: np.ndarray


def derive_scan_sequences(responses: pd.DataFrame, first_cycles: pd.Series) -> ScanSequences:
    """Lay out the scans that count: after the first cycle, none after the first progression.

    Parameters
    ----------
    responses : rows of one criterion, reader and period; patient_id, assessment_date, overall_response
    first_cycles : date of the first cycle by patient_id

    Returns
    -------
    ScanSequences of the patients with at least one such scan; the progression itself is the last scan.
    """
    import pandas as pd

    frame = responses[["patient_id", "assessment_date", "overall_response"]].copy()
    frame["day"] = (frame["assessment_date"] - frame["patient_id"].map(first_cycles)).dt.days
    frame = frame.loc[frame["day"].gt(0) & frame["overall_response"].notna()].sort_values(
        ["patient_id", "day"]
    )
    code = pd.Categorical(frame["overall_response"].astype("string"), categories=list(RESPONSES)).codes
    frame["code"] = code.astype("int64")
    progressed = frame["code"].eq(PD).astype("int64")
    before = progressed.groupby(frame["patient_id"]).cumsum() - progressed
    frame = frame.loc[before.eq(0)]
    row, patients = pd.factorize(frame["patient_id"])
    column = frame.groupby("patient_id").cumcount().to_numpy()
    width = int(column.max()) + 1 if len(column) else 1
    day = np.full((len(patients), width), np.inf)
    codes = np.full((len(patients), width), MISSING)
    day[row, column] = frame["day"].to_numpy(dtype=float)
    codes[row, column] = frame["code"].to_numpy()
    return ScanSequences(np.asarray(patients, dtype=object), day, codes)


def find_confirmed(sequences: ScanSequences, settings: ResponseSettings) -> np.ndarray:
    """What each scan confirms, by the rules of the confirmed best response.

    Returns
    -------
    (n, k) codes: at the scan that confirms an earlier CR or PR that response (CR where it confirms both), else -1.
    """
    row, column = np.nonzero(sequences.code != MISSING)
    day, code = sequences.day[row, column].astype(np.int64), sequences.code[row, column]
    at = find_confirmations(Sequence(row, day, code), settings)
    confirmed = np.full(sequences.code.shape, MISSING)
    for response in (PR, CR):
        places = at[(at >= 0) & (code == response)]
        confirmed[row[places], column[places]] = response
    return confirmed


def compute_effective_codes(sequences: ScanSequences, settings: ResponseSettings) -> np.ndarray:
    """Code of each scan as far as it is known on its day.

    Stable disease and its like before `minimum_stable_days` are NE. Where the primary rate is the confirmed
    one, a CR or PR counts from the confirming scan on; until then it counts as SD if late enough, else NE.

    Returns
    -------
    (n, k) codes
    """
    code = sequences.code.copy()
    if settings.primary_rate == "confirmed":
        confirmed = find_confirmed(sequences, settings)
        code = np.where(np.isin(code, (CR, PR)), np.where(confirmed == MISSING, SD, confirmed), code)
    early = sequences.day < settings.minimum_stable_days
    return np.where(early & np.isin(code, NEEDS_MINIMUM_DURATION), NE, code)
