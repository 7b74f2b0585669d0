"""All endpoints of a study by one derivation: the first event, what ends observation before it, where it ends else."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from prrt_outcomes.endpoints.patient_dates import PatientDates, derive_patient_dates
from prrt_outcomes.endpoints.sources import (
    EXCLUSION_REASONS,
    Source,
    check_order,
    choose_rows,
    derive_origin,
    filter_after_origin,
    is_confirmed,
    list_sources,
    select_assessments,
    select_first_response,
)
from prrt_outcomes.endpoints.variants import list_variants
from prrt_outcomes.errors import InputError, Problem
from prrt_outcomes.study.endpoints import EndpointDefinition
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.schema import load_schema

HALF_DAY = 0.5
MISSED = 2
NAMED_EVENTS = ("adverse_event",)  # whoever had one before the time starts is not at risk of the first
ENDPOINT_COLUMNS = (*[field.name for field in load_schema("endpoints").fields], "exclusion")
DatesByRule = dict[tuple[str, str], PatientDates]


def derive_endpoint(dates: PatientDates, definition: EndpointDefinition, study: Study) -> pd.DataFrame:
    """Derive one endpoint for every patient.

    `definition`: origin, events, censoring; `study`: response settings, planned scan interval and window, kinds of
    new anticancer therapy.
    Returns one row a patient: `ENDPOINT_COLUMNS`; `exclusion` is empty, or a code of `EXCLUSION_REASONS`; then
    there is no time.
    Raises InputError with every row whose date lies before the origin: no date is ever moved.
    On one day progression comes before new therapy, retreatment and death, and a scan before a therapy that begins
    on its day. A time that ends on the day of entry counts as half a day. Where the study records no scans, or the
    end is last contact, a new therapy that censors does so on its own date.
    """
    criterion = definition.criterion or study.response.primary_criterion
    confirmed = is_confirmed(definition, study.response)
    response = select_first_response(dates, criterion, definition.reader, confirmed=confirmed)
    frame = derive_origin(dates, definition, response)
    scans = filter_after_origin(select_assessments(dates, criterion, definition.reader), frame)
    tables = gather_source_tables(dates, frame, scans)
    sources = list_sources(definition, study.new_anticancer_therapy, scans_recorded=dates.scans_recorded)
    for kind, own in sources.known.items():
        frame[f"{kind}_date"] = choose_rows(own, tables, frame)["date"]
    frame["last_contact_date"] = dates.patients["last_contact_date"]
    check_order(frame, dates, definition)
    named = tuple(replace(s, after=None) for s in sources.events if s.reason in NAMED_EVENTS)
    earlier = choose_rows(named, tables, frame)["date"] < frame["entry_date"]
    frame["exclusion"] = frame["exclusion"].mask((frame["exclusion"] == "") & earlier, "event_before_origin")
    event = choose_rows(sources.events, tables, frame)
    out = event.where(event["event"] > 0, choose_rows(sources.ends, tables, frame, last=True).assign(event=0))
    open_ = (event["event"] == 0) & (frame["exclusion"] == "")
    frame["exclusion"] = (
        frame["exclusion"]
        .mask(open_ & out["date"].isna(), "no_follow_up")
        .mask(open_ & (out["date"] < frame["entry_date"]), "contact_before_origin")
    )
    frame["event_date"] = event["date"]
    if dates.scans_recorded:
        out, frame["event_date"] = _derive_missed(out, frame, definition, study, tables)
    if sources.censorings:  # what ends the observation before the event; on one day the event counts
        stop = choose_rows(sources.censorings, tables, frame)
        stopped = stop["date"].notna() & ~(frame["event_date"] <= stop["date"])
        scan = find_last_adequate(tables, frame, stop["date"])
        before = scan.where(stop["at_assessment"], stop[["date", "basis", "sequence", "partial"]])
        out = _censor(out, stopped, before, frame["entry_date"], stop["reason"])
    frame["last_adequate_date"] = find_last_adequate(tables, frame)["date"]
    after = (frame["event_date"] <= frame["new_therapy_date"]) & event["reason"].ne("new_therapy")
    days = (frame["new_therapy_date"] - frame["origin_date"]).dt.days.astype("float64")
    frame["new_therapy_days"] = days.mask(after.fillna(False))
    before = find_last_adequate(tables, frame, out["date"] - pd.Timedelta(1, "D"))
    frame["previous_assessment_date"] = before["date"]
    recorded = dates.patients["progression_date"]
    early = (recorded < frame["entry_date"]) & ~frame.index.isin(scans["patient_id"])
    return _format_rows(out, frame.assign(progression_before_origin=early), definition.name)


def gather_source_tables(
    dates: PatientDates, frame: pd.DataFrame, scans: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """The tables that sources name, sorted by patient and date.

    Returns responses (with adequate: the response is known and not NE), follow_up (with scanned: the patient has a
    scan after the origin), therapies, adverse_events, origins; each with patient_id and sequence.
    """
    code = scans["overall_response"].astype("string")
    late = dates.patients["contact_after_cutoff"]
    return {
        "responses": scans.assign(adequate=code.notna() & (code != "NE")),
        "follow_up": dates.patients.reset_index().assign(
            scanned=dates.patients.index.isin(scans["patient_id"]),
            sequence=1,
            last_contact_date_basis=np.where(late, "data_cutoff", "follow_up.last_contact_date"),
            data_cutoff=dates.cutoff,
            data_cutoff_basis="data_cutoff",
        ),
        "therapies": dates.therapies,
        "adverse_events": dates.adverse_events,
        "origins": frame[["entry_date"]]
        .reset_index()
        .assign(sequence=pd.array([pd.NA] * len(frame), "Int64"), entry_date_basis="origin"),
    }


def find_last_adequate(
    tables: dict[str, pd.DataFrame], frame: pd.DataFrame, until: pd.Series | None = None
) -> pd.DataFrame:
    """Last adequate scan of each patient, up to a date where one is given; date, basis, sequence, partial."""
    rows = tables["responses"]
    if until is not None:
        rows = rows[rows["assessment_date"] <= rows["patient_id"].map(until)]
    source = Source("responses", "assessment_date", "", {"adequate": (True,)})
    found = choose_rows((source,), {"responses": rows}, frame, last=True)
    return found[["date", "basis", "sequence", "partial"]]


def find_longest_gap(study: Study) -> int:
    """Days without an adequate assessment after which two of them are missed."""
    return MISSED * (study.assessment_interval_days or 0) + study.assessment_window_days


def _derive_missed(
    out: pd.DataFrame,
    frame: pd.DataFrame,
    definition: EndpointDefinition,
    study: Study,
    tables: dict[str, pd.DataFrame],
) -> tuple[pd.DataFrame, pd.Series]:
    """An event after two or more missed assessments: censored before the gap, or dated at the first of them."""
    event_date = frame["event_date"]
    interval = study.assessment_interval_days
    if definition.missed_assessments == "ignore" or interval is None:
        return out, event_date
    before = find_last_adequate(tables, frame, event_date - pd.Timedelta(1, "D"))
    reference = before["date"].fillna(frame["entry_date"])
    allowed = pd.Timedelta(find_longest_gap(study), "D")
    missed = (out["event"] > 0) & (event_date > reference + allowed)
    if definition.missed_assessments == "censor":
        return _censor(out, missed, before, frame["entry_date"], "missed_assessments"), event_date
    first_missed, basis = reference + pd.Timedelta(interval, "D"), "assessment_interval_days"
    out = _replace(out, missed, first_missed, 1, "missed_assessments", basis, pd.NA, False)
    return out, event_date.mask(missed, first_missed)


def _censor(
    out: pd.DataFrame, where: pd.Series, before: pd.DataFrame, entry: pd.Series, reason: pd.Series | str
) -> pd.DataFrame:
    """End the observation at the dates of `before`, or at entry where there is none."""
    none = before["date"].isna()
    basis, partial = before["basis"].mask(none, "origin"), before["partial"].mask(none, False)
    sequence = before["sequence"].mask(none)
    return _replace(out, where, before["date"].fillna(entry), 0, reason, basis, sequence, partial)


def _replace(out: pd.DataFrame, where: pd.Series, *values: Any) -> pd.DataFrame:
    """Another end of the observation: date, event, reason, basis, sequence and partial."""
    names = ("date", "event", "reason", "basis", "sequence", "partial")
    new = dict(zip(names, values, strict=True))
    return out.assign(**{name: out[name].mask(where, value) for name, value in new.items()})


def _format_rows(out: pd.DataFrame, frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Days from dates, half a day where the time ends on the day of entry, and notes."""
    entry_days = (frame["entry_date"] - frame["origin_date"]).dt.days.astype("float64")
    time_days = (out["date"] - frame["origin_date"]).dt.days.astype("float64")
    half = time_days == entry_days
    notes = {
        "half_day": half,
        "partial_date": frame["origin_partial"].astype(bool) | out["partial"].astype(bool),
        "progression_before_origin": frame["progression_before_origin"],
    }
    note = pd.Series("", index=frame.index)
    for word, where in notes.items():
        note = note.where(~where, note + np.where(note == "", "", ";") + word)
    rows = frame.assign(
        endpoint=name,
        end_date=out["date"],
        entry_days=entry_days,
        time_days=time_days + HALF_DAY * half,
        event=out["event"].astype("int64"),
        reason=out["reason"],
        basis=out["basis"],
        status="ok",
        note=note,
        source_sequence=out["sequence"].astype("Int64"),
    )
    return rows.reset_index()[list(ENDPOINT_COLUMNS)]


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


def derive_study_dates(
    tables: dict[str, pd.DataFrame], study: Study, *, variants: bool = True
) -> DatesByRule:
    """The dates of patients, by what an endpoint does with the data cut-off and by the rule of partial dates."""
    primary, rule = study.endpoints[0], study.partial_dates
    wanted: list[tuple[str, str]] = [(definition.data_cutoff, rule) for definition in study.endpoints]
    if variants:
        wanted += [(primary.data_cutoff, used) for _, _, used in list_variants(primary, study, primary=True)]
    return {
        (cutoff, rule): derive_patient_dates(tables, study, data_cutoff=cutoff, rule=rule)
        for cutoff, rule in dict.fromkeys(wanted)
    }


def derive_study_endpoints(
    tables: dict[str, pd.DataFrame], study: Study, dates: DatesByRule, *, variants: bool = True
) -> Derived:
    """Derive all endpoints and, if wanted, variants; patients whose time cannot be derived take the reported one.

    `tables`: `reported_outcomes` among them; `study`: endpoints, partial dates and what `derive_endpoint` reads.
    Raises InputError with the contradicting dates of all endpoints, each once.
    """
    rule = study.partial_dates
    endpoints, varied, differences = [], [], []
    problems: list[Problem] = []
    definitions: list[tuple[EndpointDefinition, str]] = [(d, "") for d in study.endpoints]
    for number, definition in enumerate(study.endpoints):
        known = dates[definition.data_cutoff, rule]
        try:
            if definition.origin == "reported":  # never derived: every patient is `not_reported`
                empty = {"patient_id": known.patients.index, "endpoint": definition.name, "time": np.nan}
                none = pd.DataFrame(empty).assign(entry_time=np.nan, event=0)
                derived = derive_reported(none, definition.name).assign(exclusion="not_reported")
            else:
                derived = derive_endpoint(known, definition, study)
        except InputError as error:
            told = {(problem.table, problem.column, problem.value) for problem in problems}
            problems += [p for p in error.problems if (p.table, p.column, p.value) not in told]
            continue
        outcomes = tables["reported_outcomes"]
        rows, differ = combine_reported(derived, derive_reported(outcomes, definition.name))
        if tables["treatment_periods"].empty and len(outcomes):
            rows = rows.assign(exclusion=rows["exclusion"].replace("no_first_cycle", "not_reported"))
        endpoints.append(rows)
        differences.append(differ)
        if not variants or not (derived["exclusion"] == "").any():
            continue
        for name, changed, used in list_variants(definition, study, primary=number == 0):
            other = derive_endpoint(dates[changed.data_cutoff, used], changed, study)
            varied.append(other[other["exclusion"] == ""].assign(variant=name))
            definitions.append((changed, name))
    if problems:
        raise InputError(problems)
    rows = stack_frames(endpoints)
    excluded = rows.loc[rows["exclusion"] != "", ["patient_id", "endpoint", "exclusion"]]
    empty = rows.head(0).assign(variant="")  # type: ignore[assignment]
    words = excluded["exclusion"].map(EXCLUSION_REASONS)
    return Derived(
        endpoints=rows[rows["exclusion"] == ""].drop(columns="exclusion"),
        variants=stack_frames([empty, *varied]).drop(columns="exclusion"),  # type: ignore[list-item]
        exclusions=excluded.rename(columns={"exclusion": "reason"}).assign(description=words),
        differences=stack_frames(differences),
        definitions=definitions,
    )


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
        new_therapy_days=np.nan,
        exclusion=np.where(time < entry, "not_at_risk", ""),
    )[list(ENDPOINT_COLUMNS)]


def stack_frames(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Stack those frames that hold rows; the first one where none does."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0].reset_index(drop=True)


def combine_reported(derived: pd.DataFrame, reported: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Derived rows first; reported ones for patients whose time cannot be derived.

    `derived`: from `derive_endpoint`, one row a patient.
    Returns `rows`: one row a patient of `derived`; table `reported_differences`: one row a patient who has both and
    differs by more than half a day or in the event.
    """
    fill = derived["patient_id"].isin(reported["patient_id"]) & (derived["exclusion"] != "")
    kept = derived[~fill]
    rows = stack_frames([kept, reported[reported["patient_id"].isin(derived.loc[fill, "patient_id"])]])
    place = pd.Series(np.arange(len(derived)), index=derived["patient_id"])
    rows = rows.iloc[rows["patient_id"].map(place).argsort(kind="stable")].reset_index(drop=True)
    theirs = reported[["patient_id", "time_days", "event"]].add_prefix("reported_")
    both = kept.merge(theirs, left_on="patient_id", right_on="reported_patient_id")
    both["difference_days"] = both["time_days"] - both["reported_time_days"]
    differ = (both["difference_days"].abs() > HALF_DAY) | (both["event"] != both["reported_event"])
    columns = ["patient_id", "endpoint", "time_days", "event", "reason"]
    columns += ["reported_time_days", "reported_event", "difference_days"]
    return rows, both.loc[differ, columns].reset_index(drop=True)
