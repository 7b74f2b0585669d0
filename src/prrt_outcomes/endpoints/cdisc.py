"""Tables shaped as CDISC ADaM asks (ADTTE, ADRS), for those who submit.

References
----------
CDISC, The ADaM Basic Data Structure for Time-to-Event Analyses 1.0 (2012): CNSR is 0 for an event and above 0 for a
censoring; EVNTDESC, CNSDTDSC, SRCDOM, SRCVAR and SRCSEQ describe and trace the date.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.endpoints.sources import CENSOR_REASONS, EVENT_REASONS

CENSORED, COMPETING = 1, 2
SOURCES = {
    "responses.assessment_date": ("RS", "RSDTC", "Date of the last adequate assessment"),
    "follow_up.death_date": ("DM", "DTHDTC", "Date of death"),
    "follow_up.last_contact_date": ("DS", "DSSTDTC", "Date of last contact"),
    "follow_up.progression_date": ("CE", "CESTDTC", "Date of recorded progression"),
    "therapies.start_date": ("CM", "CMSTDTC", "Start of the new therapy"),
    "cycles.cycle_date": ("EX", "EXSTDTC", "First cycle of the new period"),
    "adverse_events.onset_date": ("AE", "AESTDTC", "Onset of the adverse event"),
    "origin": ("EX", "EXSTDTC", "Start of observation"),
}
WITHOUT_SOURCE = {"data_cutoff": "Data cut-off", "reported_outcomes.time": "As reported"}
RESPONSE_VALUES = {"CR": 1, "PR": 2, "MR": 3, "SD": 4, "NON-CR/NON-PD": 5, "PD": 6, "NE": 7}
PARAMCD_LENGTH = 8


def format_adtte(endpoints: pd.DataFrame, titles: dict[str, str], study_name: str) -> pd.DataFrame:
    """Table `adtte`: one row a patient and endpoint.

    `endpoints`: table `endpoints`; `titles`: endpoint to its title, in the order of the study.
    Returns STUDYID, USUBJID, PARAMCD, PARAM, STARTDT, ADT, AVAL (days without the one that ADaM's own examples add,
    so that it is `time_days`), AVALU, CNSR (0 event, 1 censored, 2 competing event), EVNTDESC, CNSDTDSC, SRCDOM,
    SRCVAR, SRCSEQ. The source is empty for reported times and for a date that the cut-off or a rule gives.
    """
    codes = compute_paramcd(list(titles))
    event = endpoints["event"].astype("int64")
    reason = endpoints["reason"].astype("string")
    basis = endpoints["basis"].astype("string")
    censored = event == 0
    words = WITHOUT_SOURCE | {name: source[2] for name, source in SOURCES.items()}
    return pd.DataFrame(
        {
            "STUDYID": study_name,
            "USUBJID": endpoints["patient_id"],
            "PARAMCD": endpoints["endpoint"].astype("string").map(codes),
            "PARAM": endpoints["endpoint"].astype("string").map(lambda name: f"{titles[name]} (days)"),
            "STARTDT": endpoints["origin_date"],
            "ADT": endpoints["end_date"],
            "AVAL": endpoints["time_days"],
            "AVALU": "DAYS",
            "CNSR": np.select([event == 1, event == 2], [0, COMPETING], CENSORED),
            "EVNTDESC": reason.map(EVENT_REASONS).mask(censored, reason.map(CENSOR_REASONS)),
            "CNSDTDSC": basis.map(lambda name: words.get(name, name)).where(censored),
            "SRCDOM": basis.map({name: source[0] for name, source in SOURCES.items()}),
            "SRCVAR": basis.map({name: source[1] for name, source in SOURCES.items()}),
            "SRCSEQ": endpoints["source_sequence"].where(basis.isin(list(SOURCES))).astype("Int64"),
        }
    ).reset_index(drop=True)


def format_adrs(
    responses: pd.DataFrame, best_responses: pd.DataFrame, first_cycles: pd.Series, study_name: str
) -> pd.DataFrame:
    """Table `adrs`: one row a patient, reader, criterion and scan, and one a best response.

    Returns STUDYID, USUBJID, PARAMCD (OVR; BOR unconfirmed and CBOR confirmed best response), PARAM, PARCAT1
    (criterion), RSEVAL (reader), APERIOD (treatment period), ADT, ADY, AVALC, AVAL (1 CR to 7 NE), RSSEQ (number of
    the row of `responses` within its patient, to which SRCSEQ of `adtte` points; empty for best responses).
    """
    scans = _stack_adrs(responses, "assessment_date", "overall_response").assign(
        PARAMCD="OVR",
        PARAM="Overall response",
        RSSEQ=(responses.groupby("patient_id").cumcount() + 1).astype("Int64"),
    )
    confirmed = best_responses["confirmed"].astype("boolean").fillna(False).to_numpy(bool)
    best = _stack_adrs(best_responses, "best_response_date", "best_response").assign(
        PARAMCD=np.where(confirmed, "CBOR", "BOR"),
        PARAM=np.where(confirmed, "Confirmed best overall response", "Best overall response"),
        RSSEQ=pd.array([pd.NA] * len(best_responses), "Int64"),
    )
    filled = [table for table in (scans, best) if len(table)]
    table = pd.concat(filled, ignore_index=True) if filled else scans
    day = (table["ADT"] - table["USUBJID"].map(first_cycles).astype("datetime64[ns]")).dt.days
    return table.assign(
        STUDYID=study_name,
        # Study day 1 is the day of the first cycle; there is no day 0.
        ADY=(day + (day >= 0)).astype("Int64"),
        AVAL=table["AVALC"].map(RESPONSE_VALUES).astype("Int64"),
    )


def _stack_adrs(rows: pd.DataFrame, date: str, value: str) -> pd.DataFrame:
    """The columns that scans and best responses have alike."""
    names = {"USUBJID": "patient_id", "PARCAT1": "criterion", "RSEVAL": "reader", "AVALC": value}
    table = pd.DataFrame({name: rows[column].astype("string") for name, column in names.items()})
    return table.assign(APERIOD=rows["period"].astype("Int64"), ADT=rows[date])


def compute_paramcd(names: list[str]) -> dict[str, str]:
    """Parameter codes: at most 8 capital letters and digits, no two alike."""
    codes: dict[str, str] = {}
    for name in names:
        base = "".join(ch for ch in name.upper() if ch.isalnum())[:PARAMCD_LENGTH]
        code, number = base, 1
        while code in codes.values():
            number += 1
            code = f"{base[: PARAMCD_LENGTH - len(str(number))]}{number}"
        codes[name] = code
    return codes
