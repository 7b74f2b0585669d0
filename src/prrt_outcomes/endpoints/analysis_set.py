"""One row a patient: covariates, the initial treatment period, best response; and the course of treatment."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.cohort.grouping import derive_tumour_group
from prrt_outcomes.endpoints.derivation import derive_endpoint
from prrt_outcomes.endpoints.patient_dates import PatientDates
from prrt_outcomes.endpoints.sources import select_first_response
from prrt_outcomes.study.endpoints import PRESETS, EndpointDefinition
from prrt_outcomes.study.model import Study
from prrt_outcomes.study.response import ResponseSettings
from prrt_outcomes.treatment.periods import RADIONUCLIDE_LEVELS

TIMED = {"duration_of_response": "dor", "pfs_first": "pfs", "pfs_retreatment": "pfs_retreatment"}
PERIOD_COLUMNS = (
    "period",
    "first_cycle",
    "last_cycle",
    "n_cycles",
    "cumulative_activity_gbq",
    "radionuclide",
)


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


def compute_cycles_after(cycles: pd.DataFrame, periods: pd.DataFrame, progression: pd.Series) -> pd.Series:
    """Cycle days of the initial period after a progression, by patient who had a cycle; 0 without progression."""
    days = cycles[["patient_id", "cycle_date"]].drop_duplicates()
    last = periods[periods["period"] == 1].set_index("patient_id")["last_cycle"]
    inside = days["cycle_date"] <= days["patient_id"].map(last)
    after = days["cycle_date"] > days["patient_id"].map(progression)
    return (inside & after).groupby(days["patient_id"].astype("string")).sum()


def derive_course(dates: PatientDates, periods: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Times that every study has, whatever endpoints it names.

    Returns one row a treated patient: response_date, time_to_response_days (first CR or PR),
    confirmed_response_date, time_to_confirmed_response_days (first of the first confirmed pair),
    treatment_free_days (from the last cycle of the initial period to the first of the next), retreated,
    progression_date (first after the first cycle), and <name>_days, <name>_event, <name>_reason of
    duration_of_response, pfs_first, pfs_retreatment.
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
