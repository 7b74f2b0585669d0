"""The dates that can end a time: progression, death, new therapy, retreatment, last contact, adequate scans."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.endpoints.facts import Facts
from prrt_outcomes.study.endpoints import EndpointDefinition


def filter_after_origin(scans: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Scans after origin and first cycle, judged against the baseline of the period that the endpoint is about.

    Parameters
    ----------
    scans : responses by one criterion and reader, sorted by patient, date and period
    frame : from `derive_origin`

    Returns
    -------
    DataFrame
        one row a patient and date: the response of the lowest period from that of the origin on.
    """
    origin = scans["patient_id"].map(frame["origin_date"])
    first = scans["patient_id"].map(frame["first_cycle"])
    period = scans["patient_id"].map(frame["period"])
    after = (scans["assessment_date"] > origin) & (scans["assessment_date"] > first)
    rows = scans[after & (scans["period"] >= period)]
    return rows.drop_duplicates(["patient_id", "assessment_date"])


def filter_adequate(scans: pd.DataFrame) -> pd.DataFrame:
    """Scans whose overall response is known and not NE."""
    code = scans["overall_response"].astype("string")
    return scans[code.notna() & (code != "NE")]


def find_last_adequate(adequate: pd.DataFrame, until: pd.Series) -> pd.DataFrame:
    """Last adequate scan on or before a date of each patient.

    Parameters
    ----------
    adequate : from `filter_adequate`
    until : date by patient_id

    Returns
    -------
    DataFrame
        index of `until`: date, sequence; empty where there is no such scan.
    """
    limit = adequate["patient_id"].map(until)
    rows = adequate[adequate["assessment_date"] <= limit].drop_duplicates("patient_id", keep="last")
    rows = rows.set_index("patient_id")[["assessment_date", "sequence"]].reindex(until.index)
    return pd.DataFrame(
        {
            "date": rows["assessment_date"].astype("datetime64[ns]"),
            "sequence": rows["sequence"].astype("Int64"),
        }
    )


def derive_candidates(
    frame: pd.DataFrame,
    facts: Facts,
    definition: EndpointDefinition,
    therapies: tuple[str, ...],
    scans: pd.DataFrame,
) -> pd.DataFrame:
    """Add the dates that can end the time, each with its source.

    Parameters
    ----------
    frame : from `derive_origin`, index patient_id
    facts, definition : as in `derive_endpoint`
    therapies : kinds of new anticancer therapy
    scans : from `filter_after_origin`

    Returns
    -------
    DataFrame
        the same rows with `progression`, `death`, `new_therapy`, `retreatment`, `last_contact`, each as
        `<name>_date`, `<name>_basis`, `<name>_sequence`, and `progression_reason`, `progression_before_origin`.
    """
    known = facts.patients
    one = pd.array([1] * len(frame), "Int64")
    frame = frame.assign(
        death_date=known["death_date"],
        death_basis="follow_up." + known["death_column"].astype("string"),
        death_sequence=one,
        death_partial=known["death_partial"],
        last_contact_date=known["last_contact_date"],
        last_contact_basis="follow_up.last_contact_date",
        last_contact_sequence=one,
        last_contact_partial=known["last_contact_partial"],
        last_contact_after_cutoff=known["last_contact_after_cutoff"].fillna(False).astype(bool),
        lost=known["lost"].fillna(False).astype(bool),
        progression_partial=known["progression_partial"],
    )
    kinds = [k for k in therapies if k != "prrt" or definition.retreatment == "as_new_therapy"]
    frame = _add_therapy(frame, facts, "new_therapy", kinds)
    frame = _add_therapy(frame, facts, "retreatment", ["prrt"])
    return _add_progression(frame, facts, definition, scans)


def _add_therapy(frame: pd.DataFrame, facts: Facts, name: str, kinds: list[str]) -> pd.DataFrame:
    """The first start of one of the kinds after origin and first cycle."""
    rows = facts.therapies[facts.therapies["kind"].isin(kinds)]
    rows = rows[
        (rows["date"] > rows["patient_id"].map(frame["origin_date"]))
        & (rows["date"] > rows["patient_id"].map(frame["first_cycle"]))
    ]
    first = rows.drop_duplicates("patient_id").set_index("patient_id").reindex(frame.index)
    return frame.assign(
        **{
            f"{name}_date": first["date"].astype("datetime64[ns]"),
            f"{name}_basis": first["basis"],
            f"{name}_sequence": first["sequence"].astype("Int64"),
            f"{name}_partial": first["partial"].eq(True),
        }
    )


def _add_progression(
    frame: pd.DataFrame, facts: Facts, definition: EndpointDefinition, scans: pd.DataFrame
) -> pd.DataFrame:
    """First PD by the criterion and reader; where a patient has no scan, the recorded progression."""
    known = facts.patients
    floor = frame["origin_date"].where(~(frame["first_cycle"] > frame["origin_date"]), frame["first_cycle"])
    next_line = definition.progression == "next_therapy"
    after = frame["new_therapy_date"] if next_line else floor
    progressive = scans[(scans["overall_response"].astype("string") == "PD").fillna(False)]
    progressive = progressive[progressive["assessment_date"] > progressive["patient_id"].map(after)]
    scan = progressive.drop_duplicates("patient_id").set_index("patient_id").reindex(frame.index)
    date = scan["assessment_date"].astype("datetime64[ns]")
    sequence = scan["sequence"].astype("Int64")
    recorded, basis = known["progression_date"], known["progression_basis"]
    scanned = frame.index.isin(scans["patient_id"])
    counts = (basis == "radiological") & ~scanned
    counts |= (basis == "clinical") & definition.clinical_progression
    counts |= (basis == "biochemical") & definition.biochemical_progression
    late = (recorded > after) if next_line else (recorded >= after)
    use = (counts & late & ~(date <= recorded)).fillna(False)
    reason = basis.map({"radiological": "progression"}).fillna(basis + "_progression")
    fallback = "progression_next_therapy" if next_line else "progression"
    return frame.assign(
        progression_date=date.mask(use, recorded),
        progression_reason=np.where(use & (not next_line), reason, fallback),
        progression_basis=np.where(use, "follow_up.progression_date", "responses.assessment_date"),
        progression_sequence=sequence.mask(use, 1),
        progression_before_origin=(recorded < floor) & ~pd.Series(scanned, index=frame.index),
        progression_recorded=recorded,
    )
