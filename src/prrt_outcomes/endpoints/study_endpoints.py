"""The endpoints of a study, their variants, and reported times where none can be derived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.dates import RULES
from prrt_outcomes.endpoints.derivation import ENDPOINT_COLUMNS, HALF_DAY, derive_endpoint
from prrt_outcomes.endpoints.patient_dates import PatientDates, derive_patient_dates
from prrt_outcomes.endpoints.sources import EXCLUSION_REASONS
from prrt_outcomes.errors import InputError, Problem
from prrt_outcomes.study.endpoints import EndpointDefinition

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study

DatesByRule = dict[tuple[str, str], PatientDates]
ANY_PROGRESSION = "any_progression"
LOST_WORST = "lost_as_event"
LOST_BEST = "lost_event_free"
PARTIAL_DATES = "partial_dates_"
VARIANT_WORDS = {
    ANY_PROGRESSION: "clinical and biochemical progression count too",
    LOST_WORST: "loss to follow-up is an event",
    LOST_BEST: "the lost are event-free to the data cut-off",
    "partial_dates_first": "partial dates are the first day",
    "partial_dates_middle": "partial dates are the middle day",
    "partial_dates_last": "partial dates are the last day",
}


@dataclass(frozen=True)
class Derived:
    """The times of all endpoints of a study.

    endpoints : one row a patient and endpoint that has a time
    variants : the same for the variants, with `variant`; patients without a time are left out
    exclusions : one row a patient and endpoint without a time: reason, description
    differences : where derived and reported times differ
    definitions : each endpoint with variant empty, then each variant with its name
    """

    endpoints: pd.DataFrame
    variants: pd.DataFrame
    exclusions: pd.DataFrame
    differences: pd.DataFrame
    definitions: list[tuple[EndpointDefinition, str]]


def derive_study_dates(tables: dict[str, pd.DataFrame], study: Study) -> DatesByRule:
    """The dates of patients, by what an endpoint does with the data cut-off and by the rule of partial dates."""
    primary, rule = study.endpoints[0], study.partial_dates
    wanted: list[tuple[str, str]] = [(definition.data_cutoff, rule) for definition in study.endpoints]
    wanted += [(primary.data_cutoff, used) for _, _, used in list_variants(primary, rule, primary=True)]
    return {
        (cutoff, rule): derive_patient_dates(tables, study, data_cutoff=cutoff, rule=rule)
        for cutoff, rule in dict.fromkeys(wanted)
    }


def derive_study_endpoints(tables: dict[str, pd.DataFrame], study: Study, dates: DatesByRule) -> Derived:
    """Derive all endpoints and variants; patients whose time cannot be derived take the reported one.

    `tables`: `reported_outcomes` among them; `study`: endpoints, partial dates and what `derive_endpoint` reads.
    Raises InputError with the contradicting dates of all endpoints, each once.
    """
    rule = study.partial_dates
    endpoints, variants, differences = [], [], []
    problems: list[Problem] = []
    definitions: list[tuple[EndpointDefinition, str]] = [(d, "") for d in study.endpoints]
    for number, definition in enumerate(study.endpoints):
        try:
            derived = derive_endpoint(dates[definition.data_cutoff, rule], definition, study)
        except InputError as error:
            known = {(problem.table, problem.column, problem.value) for problem in problems}
            problems += [p for p in error.problems if (p.table, p.column, p.value) not in known]
            continue
        outcomes = tables["reported_outcomes"]
        rows, differ = combine_reported(derived, derive_reported(outcomes, definition.name))
        if tables["treatment_periods"].empty and len(outcomes):
            rows = rows.assign(exclusion=rows["exclusion"].replace("no_first_cycle", "not_reported"))
        endpoints.append(rows)
        differences.append(differ)
        if not (derived["exclusion"] == "").any():
            continue
        for name, changed, used in list_variants(definition, rule, primary=number == 0):
            other = derive_endpoint(dates[changed.data_cutoff, used], changed, study)
            variants.append(other[other["exclusion"] == ""].assign(variant=name))
            definitions.append((changed, name))
    if problems:
        raise InputError(problems)
    rows = stack_frames(endpoints)
    excluded = rows.loc[rows["exclusion"] != "", ["patient_id", "endpoint", "exclusion"]]
    empty = rows.head(0).assign(variant="")
    return Derived(
        endpoints=rows[rows["exclusion"] == ""].drop(columns="exclusion"),
        variants=stack_frames([empty, *variants]).drop(columns="exclusion"),
        exclusions=excluded.rename(columns={"exclusion": "reason"}).assign(
            description=excluded["exclusion"].map(EXCLUSION_REASONS)
        ),
        differences=stack_frames(differences),
        definitions=definitions,
    )


def list_variants(
    definition: EndpointDefinition, rule: str, *, primary: bool
) -> list[tuple[str, EndpointDefinition, str]]:
    """Variants of an endpoint: name, definition and rule of partial dates.

    `primary`: whether it is the primary endpoint, which has the sensitivity variants too.
    Each variant changes one thing. An endpoint that counts clinical and biochemical progression already has no
    variant with them.
    """
    variants: list[tuple[str, dict, str]] = []
    everything = {"clinical_progression": True, "biochemical_progression": True}
    counts = definition.progression in ("event", "next_therapy")
    if counts and not (definition.clinical_progression and definition.biochemical_progression):
        variants.append((ANY_PROGRESSION, everything, rule))
    if primary:
        if definition.lost != "event":
            variants.append((LOST_WORST, {"lost": "event"}, rule))
        if definition.lost != "ignore":
            variants.append((LOST_BEST, {"lost": "ignore"}, rule))
        variants += [(f"{PARTIAL_DATES}{other}", {}, other) for other in RULES if other != rule]
    titles = {name: f"{definition.title}, {words}" for name, words in VARIANT_WORDS.items()}
    return [
        (name, definition.model_copy(update=change | {"title": titles[name]}), used)
        for name, change, used in variants
    ]


def derive_reported(reported: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    """Turn reported outcomes of one endpoint into rows of table `endpoints`.

    `reported`: table `reported_outcomes`; `time` and `entry_time` in days.
    Returns one row a patient with that outcome: the columns that `derive_endpoint` gives. A time that equals the
    entry (0 without delayed entry) counts as half a day more; one before it was never at risk: `exclusion`.
    """
    rows = reported[reported["endpoint"] == endpoint].reset_index(drop=True)
    entry = rows["entry_time"].astype("float64").fillna(0.0)
    time = rows["time"].astype("float64")
    half = time == entry
    none = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[ns]")
    table = pd.DataFrame({name: none for name in ENDPOINT_COLUMNS if name.endswith("_date")})
    return table.assign(
        patient_id=rows["patient_id"].astype("string"),
        endpoint=endpoint,
        entry_days=entry,
        time_days=time + HALF_DAY * half,
        event=rows["event"].astype("int64"),
        reason="reported",
        basis="reported_outcomes.time",
        status="ok",
        note=np.where(half, "half_day", ""),
        source_sequence=pd.array(np.arange(1, len(rows) + 1), "Int64"),
        exclusion=np.where(time < entry, "not_at_risk", ""),
    )[list(ENDPOINT_COLUMNS)]


def stack_frames(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Stack those frames that hold rows; the first one where none does."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0].reset_index(drop=True)


def combine_reported(derived: pd.DataFrame, reported: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Derived rows first; reported ones for patients whose time cannot be derived.

    `derived`: from `derive_endpoint`, one row a patient.
    Returns `rows`: one row a patient of `derived`; `differences`: one row a patient who has both and differs by
    more than half a day or in the event: patient_id, endpoint, time_days, event, reason, reported_time_days,
    reported_event, difference_days.
    """
    fill = derived["patient_id"].isin(reported["patient_id"]) & (derived["exclusion"] != "")
    kept = derived[~fill]
    rows = stack_frames([kept, reported[reported["patient_id"].isin(derived.loc[fill, "patient_id"])]])
    place = pd.Series(np.arange(len(derived)), index=derived["patient_id"])
    rows = rows.iloc[rows["patient_id"].map(place).argsort(kind="stable")].reset_index(drop=True)
    both = kept.merge(
        reported[["patient_id", "time_days", "event"]].add_prefix("reported_"),
        left_on="patient_id",
        right_on="reported_patient_id",
    )
    both["difference_days"] = both["time_days"] - both["reported_time_days"]
    differ = (both["difference_days"].abs() > HALF_DAY) | (both["event"] != both["reported_event"])
    columns = ["patient_id", "endpoint", "time_days", "event", "reason"]
    columns += ["reported_time_days", "reported_event", "difference_days"]
    return rows, both.loc[differ, columns].reset_index(drop=True)
