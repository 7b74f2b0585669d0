"""The first objective response: where duration of response starts."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from prrt_outcomes.endpoints.facts import Facts

OBJECTIVE = ("CR", "PR")
STABLE = ("MR", "SD", "NON-CR/NON-PD")


@dataclass(frozen=True)
class ConfirmationRule:
    """When a second scan confirms a response: `days` apart, so many NE between, SD between or not."""

    days: int
    max_not_evaluable: int
    accept_stable: bool


def derive_first_response(
    assessments: pd.DataFrame,
    facts: Facts,
    confirmation: ConfirmationRule | None,
    new_therapy: pd.Series | None = None,
) -> pd.Series:
    """Date of the first CR or PR after the first cycle, before progression and new therapy.

    Parameters
    ----------
    assessments : responses by one criterion and reader, sorted by patient, date and period
    facts : what is known by the cut-off
    confirmation : None for unconfirmed; else the first scan of the first confirmed pair is taken
    new_therapy : first start of a therapy that ends the response phase, by patient; None for none

    Returns
    -------
    Series
        datetime64[ns] by patient_id, only patients with a response. CR then PR confirms that there was a response.
    """
    rows = assessments.drop_duplicates(["patient_id", "assessment_date"])
    first_cycle = rows["patient_id"].map(facts.patients["first_cycle"])
    rows = rows[rows["assessment_date"] > first_cycle]
    code = rows["overall_response"].astype("string")
    progressed = (code == "PD").fillna(False).groupby(rows["patient_id"]).cumsum() > 0
    keep = ~progressed
    if new_therapy is not None:
        keep &= ~(rows["assessment_date"] > rows["patient_id"].map(new_therapy))
    rows, code = rows[keep], code[keep]
    hits = rows[code.isin(OBJECTIVE)]
    if confirmation is not None:
        hits = _filter_confirmed(rows.assign(code=code), confirmation)
    return hits.groupby("patient_id")["assessment_date"].min()


def _filter_confirmed(rows: pd.DataFrame, rule: ConfirmationRule) -> pd.DataFrame:
    """Responses that a later one confirms, with few enough other scans between."""
    patient = rows["patient_id"]
    counted = rows.assign(
        missing=(~rows["code"].isin([*OBJECTIVE, *STABLE])).groupby(patient).cumsum(),
        stable=rows["code"].isin(STABLE).groupby(patient).cumsum(),
    )
    counted = counted[counted["code"].isin(OBJECTIVE)]
    columns = ["patient_id", "assessment_date", "missing", "stable"]
    pairs = counted.merge(counted[columns], on="patient_id", suffixes=("", "_later"))
    apart = (pairs["assessment_date_later"] - pairs["assessment_date"]).dt.days
    good = (apart > 0) & (apart >= rule.days)
    good &= pairs["missing_later"] - pairs["missing"] <= rule.max_not_evaluable
    if not rule.accept_stable:
        good &= pairs["stable_later"] == pairs["stable"]
    return pairs[good]
