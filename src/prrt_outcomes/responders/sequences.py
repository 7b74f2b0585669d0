"""The scans of each patient as one matrix, and the scan from which a patient counts as a responder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from prrt_outcomes.study.response import ResponseSettings

RESPONSE_ORDER = ("CR", "PR", "MR", "SD", "NON-CR/NON-PD", "PD", "NE")
CR, PR, MR, SD, NON_CR_NON_PD, PD, NE = range(7)
NEEDS_MINIMUM_DURATION = (MR, SD, NON_CR_NON_PD)
ABSENT = -1


@dataclass(frozen=True)
class ScanSequences:
    """Assessments after the first cycle, one row a patient, scans in order of their dates.

    Attributes
    ----------
    patient_id : (n,)
    day : (n, k) days since the first cycle; inf where there is no further scan
    code : (n, k) position in RESPONSE_ORDER; -1 where there is no further scan
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
    code = pd.Categorical(frame["overall_response"].astype("string"), categories=list(RESPONSE_ORDER)).codes
    frame["code"] = code.astype("int64")
    progressed = frame["code"].eq(PD).astype("int64")
    before = progressed.groupby(frame["patient_id"]).cumsum() - progressed
    frame = frame.loc[before.eq(0)]
    row, patients = pd.factorize(frame["patient_id"])
    column = frame.groupby("patient_id").cumcount().to_numpy()
    width = int(column.max()) + 1 if len(column) else 1
    day = np.full((len(patients), width), np.inf)
    codes = np.full((len(patients), width), ABSENT)
    day[row, column] = frame["day"].to_numpy(dtype=float)
    codes[row, column] = frame["code"].to_numpy()
    return ScanSequences(np.asarray(patients, dtype=object), day, codes)


def find_confirmed(
    sequences: ScanSequences, codes: tuple[int, ...], settings: ResponseSettings
) -> np.ndarray:
    """Tell which scans confirm an earlier one of the same codes.

    Parameters
    ----------
    sequences : scans
    codes : responses that confirm each other, such as CR and PR
    settings : confirmation_days, confirmation_max_not_evaluable, confirmation_accept_stable

    Returns
    -------
    (n, k) flags: the scan has one of the codes, an earlier one had too at least `confirmation_days` before,
    and between them stood at most the allowed number of NE and nothing else (SD where it is accepted).
    """
    among = np.isin(sequences.code, codes)
    allowed = among | (sequences.code == NE)
    if settings.confirmation_accept_stable:
        allowed |= sequences.code == SD
    confirmed = np.zeros_like(among)
    width = among.shape[1]
    for first in range(width):
        unbroken = among[:, first].copy()
        not_evaluable = np.zeros(len(among), dtype=int)
        for second in range(first + 1, width):
            late = sequences.day[:, second] - sequences.day[:, first] >= settings.confirmation_days
            few = not_evaluable <= settings.confirmation_max_not_evaluable
            confirmed[:, second] |= unbroken & few & late & among[:, second]
            not_evaluable += sequences.code[:, second] == NE
            unbroken &= allowed[:, second]
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
        complete = find_confirmed(sequences, (CR,), settings)
        either = find_confirmed(sequences, (CR, PR), settings)
        response = np.isin(sequences.code, (CR, PR))
        code = np.where(response & ~either, SD, code)
        code = np.where(either & (sequences.code == CR) & ~complete, PR, code)
    early = sequences.day < settings.minimum_stable_days
    return np.where(early & np.isin(code, NEEDS_MINIMUM_DURATION), NE, code)
