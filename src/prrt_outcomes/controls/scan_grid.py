"""Our endpoint under the control's rule: its response criterion, and the grid of its scans."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.units import convert_days_to_months

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

DAYS_A_WEEK = 7
CRITERIA = (
    ("recist_1_1", r"^(?!.*modified).*recist[ _]*1[._]1"),
    ("recist_1_0", r"^(?!.*modified).*recist[ _]*1[._]0"),
    ("recist_mr", r"^recist_mr$|recist.*minor"),
    ("swog_mr", r"swog.*(minor|mr)"),
    ("swog", r"^swog$"),
    ("who", r"^who\b"),
)


def name_criterion(words: str) -> str:
    """Our code of a criterion in a publication's words; empty where it is none of ours."""
    text = words.strip().lower()
    return next((code for code, pattern in CRITERIA if re.search(pattern, text)), "")


def derive_under_criterion(
    tables: dict[str, pd.DataFrame], study: Study, endpoint: str, criterion: str
) -> pd.DataFrame | None:
    """Derive an endpoint of the study with progression by another criterion.

    Parameters
    ----------
    tables : inputs of stage `endpoints`
    study : settings
    endpoint, criterion : names; the criterion is one that the study derives

    Returns
    -------
    Rows of derived table `endpoints`; None where the endpoint has no progression, or nobody has a time.
    """
    from prrt_outcomes.endpoints.derivation import derive_endpoint
    from prrt_outcomes.endpoints.facts import derive_facts
    from prrt_outcomes.endpoints.origin import origin_columns
    from prrt_outcomes.endpoints.study_endpoints import gather_settings
    from prrt_outcomes.tables.frames import conform_table

    definition = next((d for d in study.endpoints if d.name == endpoint), None)
    if definition is None or definition.progression == "ignore" or tables["responses"].empty:
        return None
    changed = definition.model_copy(update={"criterion": criterion})
    facts = derive_facts(
        tables,
        rule=study.partial_dates,
        new_anticancer_therapy=study.new_anticancer_therapy,
        cutoff=None if definition.data_cutoff == "ignore" else study.data_cutoff,
        origin_columns=origin_columns(study.endpoints),
    )
    rows = derive_endpoint(facts, changed, gather_settings(study))
    rows = rows[rows["exclusion"] == ""].drop(columns="exclusion")
    return None if rows.empty else conform_table("endpoints", rows)


def move_to_grid(
    cohort: EndpointRows, endpoints: pd.DataFrame, interval_weeks: float
) -> dict[str, EndpointRows] | None:
    """Date our progressions as if patients had been scanned on the control's grid.

    Parameters
    ----------
    cohort : our patients
    endpoints : derived table `endpoints`, one endpoint, with dates
    interval_weeks : planned interval between scans of the control

    Returns
    -------
    ``earliest``: at the first scan of the grid after our last scan without progression, never later than we saw
    it (where we scanned less often, progression may have been there already); ``latest``: at the first scan of
    the grid on or after the day we saw it, never later than the patient's last contact. Deaths without
    progression, and everybody without an event, stay as they are. None where no progression has a date.
    """
    own = endpoints.set_index("patient_id").reindex(cohort.frame["patient_id"])
    time = cohort.time_months
    since = own["origin_date"]
    seen = convert_days_to_months((own["progression_date"] - since).dt.days.to_numpy(dtype=float))
    before = convert_days_to_months((own["previous_assessment_date"] - since).dt.days.to_numpy(dtype=float))
    contact = convert_days_to_months((own["last_contact_date"] - since).dt.days.to_numpy(dtype=float))
    progressed = (cohort.event == 1) & np.isfinite(seen) & (np.abs(seen - time) < 1 / 30)
    if not progressed.any():
        return None
    step = float(convert_days_to_months(interval_weeks * DAYS_A_WEEK))
    slack = 1e-9
    first = (np.floor(np.nan_to_num(before) / step + slack) + 1) * step
    following = np.ceil(time / step - slack) * step
    last = np.fmax(np.fmin(following, contact), time)
    entry = np.zeros(len(time)) if cohort.entry_months is None else cohort.entry_months
    earliest = np.maximum(np.minimum(first, time), entry + slack)
    return {
        "earliest": replace(cohort, time_months=np.where(progressed, earliest, time)),
        "latest": replace(cohort, time_months=np.where(progressed, last, time)),
    }
