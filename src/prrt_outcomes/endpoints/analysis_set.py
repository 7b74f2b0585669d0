"""One row a patient: covariates, initial treatment, best response; the course of treatment; tables as CDISC ADaM asks.

References
----------
CDISC, The ADaM Basic Data Structure for Time-to-Event Analyses 1.0 (2012): CNSR is 0 for an event and above 0 for a
censoring; EVNTDESC, CNSDTDSC, SRCDOM, SRCVAR and SRCSEQ describe and trace the date.
"""

import numpy as np
import pandas as pd

from prrt_outcomes.attrition import filter_counted
from prrt_outcomes.cohort.grouping import derive_tumour_group
from prrt_outcomes.cohort.levels import PET_COLUMNS
from prrt_outcomes.endpoints.derivation import derive_endpoint
from prrt_outcomes.endpoints.patient_dates import PatientDates
from prrt_outcomes.endpoints.sources import CENSOR_REASONS, EVENT_REASONS, WORDS, select_first_response
from prrt_outcomes.study.endpoints import PRESETS, EndpointDefinition
from prrt_outcomes.study.model import Study
from prrt_outcomes.study.response import ResponseSettings
from prrt_outcomes.treatment.periods import RADIONUCLIDE_LEVELS

TIMED = {"duration_of_response": "dor", "pfs_first": "pfs", "pfs_retreatment": "pfs_retreatment"}
PERIOD_COLUMNS = (
    "period", "first_cycle", "last_cycle", "n_cycles", "cumulative_activity_gbq", "radionuclide",
)  # fmt: skip
CENSORED, COMPETING = 1, 2
SOURCES: dict[str, list[str]] = WORDS["source"]
WITHOUT_SOURCE = {"data_cutoff": "Data cut-off", "reported_outcomes.time": "As reported"}
RESPONSE_VALUES = {"CR": 1, "PR": 2, "MR": 3, "SD": 4, "NON-CR/NON-PD": 5, "PD": 6, "NE": 7}
PARAMCD_LENGTH = 8
OTHER_TRACERS = ("18F-FDG", "other")
"""Tracers that show no somatostatin receptors."""


def derive_analysis_set(
    patients: pd.DataFrame,
    periods: pd.DataFrame,
    best_responses: pd.DataFrame,
    settings: ResponseSettings,
    after_progression: pd.Series,
) -> pd.DataFrame:
    """Join the covariates, the initial period and the best response of each patient.

    `patients`: table `patients` with extra columns; `settings`: criteria, the rate that the report quotes;
    `after_progression`: cycles of the initial period given after the first progression, by patient.
    Returns one row a patient: all columns of `patients`, tumour_group, radionuclide, the initial period, best
    response by the primary criterion and reader, n_cycles_after_progression.
    """
    table = derive_tumour_group(patients)
    initial = periods[periods["period"] == 1].set_index("patient_id")[list(PERIOD_COLUMNS)]
    kept = [column for column in PERIOD_COLUMNS if column not in table]
    table = table.join(initial[kept], on="patient_id")
    if "radionuclide" not in kept:
        # A registry without cycles may record what was given.
        derived = table["patient_id"].map(initial["radionuclide"].astype("string"))
        own = table["radionuclide"].astype("string")
        own = own.where(own.isin(RADIONUCLIDE_LEVELS))
        kind = pd.CategoricalDtype(list(RADIONUCLIDE_LEVELS), ordered=True)
        table = table.assign(radionuclide=derived.fillna(own).astype(kind))
    rows = best_responses[
        (best_responses["period"] == 1)
        & (best_responses["criterion"] == settings.primary_criterion)
        & best_responses["primary_reader"].fillna(False)
        & (best_responses["confirmed"] == (settings.primary_rate == "confirmed"))
    ]
    best = rows.drop_duplicates("patient_id").set_index("patient_id")
    table = table.join(best[["best_response", "best_response_date", "response_group"]], on="patient_id")
    count = table["patient_id"].map(after_progression).astype("Int64")
    return table.assign(n_cycles_after_progression=count).reset_index(drop=True)


def select_baseline_pet(
    pet: pd.DataFrame, first_cycle: pd.Series, baseline_days: int
) -> tuple[pd.DataFrame, list[dict]]:
    """Volume and uptake of somatostatin receptors at baseline, and attrition rows of the scans that are none.

    `pet`: table `pet`; `first_cycle`: date by patient.
    Returns one row a patient, by patient_id, with `PET_COLUMNS`: those of the last scan on or before the first cycle,
    at most `baseline_days` before it.
    """
    rows = pet.assign(days=(pet["patient_id"].map(first_cycle) - pet["scan_date"]).dt.days)
    rows = rows.sort_values(["patient_id", "scan_date", "sequence"], kind="stable")
    lost = {
        "tracer of no somatostatin receptor": lambda rows: rows["tracer"].isin(OTHER_TRACERS),
        "not in the days before the first cycle": lambda rows: ~rows["days"].between(0, baseline_days),
        "a later scan is the baseline": lambda rows: rows.duplicated("patient_id", keep="last"),
    }
    last, losses = filter_counted(rows, "pet", "endpoints: baseline PET", lost)
    return last.set_index("patient_id")[list(PET_COLUMNS)], losses


def compute_cycles_after(cycles: pd.DataFrame, periods: pd.DataFrame, progression: pd.Series) -> pd.Series:
    """Cycle days of the initial period after a progression, by patient who had a cycle; 0 without progression."""
    days = cycles[["patient_id", "cycle_date"]].drop_duplicates()
    last = periods[periods["period"] == 1].set_index("patient_id")["last_cycle"]
    inside = days["cycle_date"] <= days["patient_id"].map(last)
    after = days["cycle_date"] > days["patient_id"].map(progression)
    return (inside & after).groupby(days["patient_id"].astype("string")).sum()


def derive_course(dates: PatientDates, periods: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Times that every study has, whatever endpoints it names.

    Returns table `treatment_course`, one row a treated patient: responses are the first CR or PR, and the first of the
    first confirmed pair; treatment-free is the time between the initial and the next period; progression_date is the
    first after the first cycle.
    """
    treated = dates.patients[dates.patients["first_cycle"] <= dates.cutoff]
    criterion = study.response.primary_criterion
    first = treated["first_cycle"]
    table = pd.DataFrame({"first_cycle": first})
    for name, confirmed in (("", False), ("confirmed_", True)):
        date = select_first_response(dates, criterion, None, confirmed=confirmed).reindex(table.index)
        table[f"{name}response_date"] = date
        table[f"time_to_{name}response_days"] = (date - first).dt.days.astype("float64")
    last = periods[periods["period"] == 1].set_index("patient_id")["last_cycle"].reindex(table.index)
    table["retreated"] = treated["retreatment_start"].notna()
    table["treatment_free_days"] = (treated["retreatment_start"] - last).dt.days.astype("float64")
    for name, preset in TIMED.items():
        definition = EndpointDefinition(name=name, **PRESETS[preset])
        rows = derive_endpoint(dates, definition, study)
        rows = rows[rows["exclusion"] == ""].set_index("patient_id").reindex(table.index)
        table[f"{name}_days"] = rows["time_days"]
        table[f"{name}_event"] = rows["event"].astype("Int64")
        table[f"{name}_reason"] = rows["reason"]
        if name == "pfs_first":
            table["progression_date"] = rows["progression_date"]
    return table.drop(columns="first_cycle").reset_index()


def format_adtte(endpoints: pd.DataFrame, titles: dict[str, str], study_name: str) -> pd.DataFrame:
    """Table `adtte`: one row a patient and endpoint.

    `endpoints`: table `endpoints`; `titles`: endpoint to its title, in the order of the study.
    AVAL is `time_days`, without the day that ADaM's own examples add; CNSR is 0 for an event, 1 censored, 2 for a
    competing event. The source is empty for reported times and for a date that the cut-off or a rule gives.
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

    PARAMCD is OVR of a scan, BOR of an unconfirmed and CBOR of a confirmed best response; RSSEQ the number of the row
    of `responses` within its patient, to which SRCSEQ of `adtte` points.
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
