"""The course of each treated patient: time to response, treatment-free interval, first and second PFS."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.endpoints.derivation import EndpointSettings, derive_endpoint, find_first_therapy
from prrt_outcomes.endpoints.facts import Facts
from prrt_outcomes.endpoints.origin import find_primary_reader, select_assessments
from prrt_outcomes.endpoints.response_dates import derive_first_response
from prrt_outcomes.study.endpoints import PRESETS, EndpointDefinition

TIMED = {"duration_of_response": "dor", "pfs_first": "pfs", "pfs_retreatment": "pfs_retreatment"}


def derive_course(facts: Facts, periods: pd.DataFrame, settings: EndpointSettings) -> pd.DataFrame:
    """Times that every study has, whatever endpoints it names.

    Parameters
    ----------
    facts : what is known by the cut-off
    periods : table `treatment_periods`
    settings : primary criterion and reader, confirmation

    Returns
    -------
    DataFrame
        one row a treated patient: response_date, time_to_response_days (first CR or PR), confirmed_response_date,
        time_to_confirmed_response_days (first of the first confirmed pair), treatment_free_days (from the last cycle
        of the initial period to the first of the next), retreated, progression_date (first after the first cycle),
        and <name>_days, <name>_event, <name>_reason of duration_of_response, pfs_first, pfs_retreatment.
    """
    treated = facts.patients[facts.patients["first_cycle"] <= facts.cutoff]
    criterion = settings.response.criteria[0]
    scans = select_assessments(facts, criterion, find_primary_reader(facts, settings.response, criterion))
    therapy = find_first_therapy(facts, settings.therapies)
    first = treated["first_cycle"]
    table = pd.DataFrame({"first_cycle": first})
    for name, confirmation in (("", None), ("confirmed_", settings.response)):
        date = derive_first_response(scans, first, therapy, confirmation).reindex(table.index)
        table[f"{name}response_date"] = date
        table[f"time_to_{name}response_days"] = (date - first).dt.days.astype("float64")
    last = periods[periods["period"] == 1].set_index("patient_id")["last_cycle"].reindex(table.index)
    table["retreated"] = treated["retreatment_start"].notna()
    table["treatment_free_days"] = (treated["retreatment_start"] - last).dt.days.astype("float64")
    for name, preset in TIMED.items():
        definition = EndpointDefinition(name=name, **PRESETS[preset])
        rows = derive_endpoint(facts, definition, settings)
        rows = rows[rows["exclusion"] == ""].set_index("patient_id").reindex(table.index)
        table[f"{name}_days"] = rows["time_days"]
        table[f"{name}_event"] = rows["event"].astype("Int64")
        table[f"{name}_reason"] = rows["reason"]
        if name == "pfs_first":
            table["progression_date"] = rows["progression_date"]
    return table.drop(columns="first_cycle").reset_index()
