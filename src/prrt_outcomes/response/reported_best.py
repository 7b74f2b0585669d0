"""Best responses that a registry gives once a patient, without scans: rates, and no comparison over time."""

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.response.scans import DEFAULT_READER
from prrt_outcomes.study.response import ResponseSettings
from prrt_outcomes.tables.frames import conform_table


def derive_reported_best(tables: Mapping[str, pd.DataFrame], settings: ResponseSettings) -> pd.DataFrame:
    """Table `best_responses` of the initial period, as the registry reports it under the primary criterion.

    A treated patient without a reported response is not evaluable. There is no date, so that nothing which needs one
    (landmarks, time-dependent models, duration of response) uses these rows.
    """
    periods = tables["treatment_periods"]
    rows = periods.loc[periods["period"] == 1, ["patient_id", "period"]].reset_index(drop=True)
    known = tables["patients"].drop_duplicates("patient_id").set_index("patient_id")["reported_best_response"]
    response = rows["patient_id"].map(known.astype(object))
    groups = {str(code): name for name, codes in settings.groups.items() for code in codes}
    best = response.fillna("NE")
    table = rows.assign(
        criterion=settings.primary_criterion,
        reader=DEFAULT_READER,
        confirmed=settings.primary_rate == "confirmed",
        best_response=best,
        response_group=best.map(groups),
        basis="reported",
        reason=best
        + ": "
        + response.notna().map({True: "as reported, without a date", False: "none reported"}),
        primary_reader=True,
    )
    return conform_table("best_responses", table)
