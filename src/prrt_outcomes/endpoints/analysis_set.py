"""One row a patient: covariates, the initial treatment period, best response and its group."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.cohort.tumours import derive_tumour_group
from prrt_outcomes.study.response import ResponseSettings
from prrt_outcomes.treatment.groups import RADIONUCLIDE_LEVELS

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
    reader: str,
    after_progression: pd.Series,
) -> pd.DataFrame:
    """Join what is known of each patient.

    Parameters
    ----------
    patients : table `patients` with extra columns
    periods : table `treatment_periods`
    best_responses : table `best_responses`
    settings : criteria, the rate that the report quotes
    reader : primary reader
    after_progression : cycles of the initial period given after the first progression, by patient

    Returns
    -------
    DataFrame
        one row a patient: all columns of `patients`, tumour_group, radionuclide, the initial period, best response
        by the primary criterion and reader, n_cycles_after_progression.
    """
    table = derive_tumour_group(patients)
    initial = periods[periods["period"] == 1].set_index("patient_id")[list(PERIOD_COLUMNS)]
    kept = [column for column in PERIOD_COLUMNS if column not in table]
    table = table.join(initial[kept], on="patient_id")
    if "radionuclide" not in kept:
        # A registry that holds no cycles may still say what was given.
        derived = table["patient_id"].map(initial["radionuclide"].astype("string"))
        own = table["radionuclide"].astype("string")
        own = own.where(own.isin(RADIONUCLIDE_LEVELS))
        kind = pd.CategoricalDtype(RADIONUCLIDE_LEVELS, ordered=True)
        table = table.assign(radionuclide=derived.fillna(own).astype(kind))
    rows = best_responses[
        (best_responses["period"] == 1)
        & (best_responses["criterion"] == settings.criteria[0])
        & (best_responses["reader"] == reader)
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
