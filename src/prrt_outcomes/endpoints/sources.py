"""Origin and sources of an endpoint: where time starts; rows that are its event, end the observation or close it.

References
----------
pharmaverse/admiral, `derive_param_tte`: event and censoring sources as data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from prrt_outcomes.endpoints.patient_dates import REFERRAL_COLUMN, PatientDates, list_origin_columns
from prrt_outcomes.errors import InputError, Problem, tell, tell_setting
from prrt_outcomes.study.endpoints import ColumnOrigin, EndpointDefinition
from prrt_outcomes.study.response import ResponseSettings

WORDS = yaml.safe_load(Path(__file__).with_name("words.yaml").read_text("utf-8"))
EVENT_REASONS, CENSOR_REASONS, EXCLUSION_REASONS = WORDS["event"], WORDS["censor"], WORDS["exclusion"]
STOPS = ("new_therapy", "retreatment", "progression", "death")
NO_DATE = np.datetime64("NaT", "ns")


@dataclass(frozen=True)
class Source:
    """Rows of a table that can be the event of a time, or end it without one.

    table : responses, follow_up, therapies, adverse_events or origins (see `gather_source_tables`)
    date : date column of the table
    reason : a code of `EVENT_REASONS` or `CENSOR_REASONS`
    filter : column and values; a row counts where all of them hold
    after : date of the patient that the row must follow (entry_date, new_therapy_date); None for no bound
    same_day : whether a row on the day of `after` counts
    event : 1 for the event, 2 for a competing one
    at_assessment : whether the observation ends at the last adequate assessment up to the date, not on the date
    """

    table: str
    date: str
    reason: str
    filter: Mapping[str, tuple] = field(default_factory=dict)
    after: str | None = None
    same_day: bool = False
    event: int = 1
    at_assessment: bool = False


@dataclass(frozen=True)
class EndpointSources:
    """Where the dates of one endpoint come from; on one day the earlier in a list comes first.

    known : new_therapy, retreatment, progression, death: the sources of that date, whatever it does to the time
    events : the first of them is the event
    censorings : the first of them ends the observation, unless the event came by then
    ends : the end of observation without either; the first in the list that the patient has
    """

    known: Mapping[str, tuple[Source, ...]]
    events: tuple[Source, ...]
    censorings: tuple[Source, ...]
    ends: tuple[Source, ...]


def find_rule(definition: EndpointDefinition, kind: str) -> str:
    """What a date does to the time: event, competing, censor, ignore; `as_new_therapy` has no rule of its own."""
    rule = getattr(definition, kind)
    return "ignore" if rule == "as_new_therapy" else rule


def list_sources(
    definition: EndpointDefinition, therapies: tuple[str, ...], *, scans_recorded: bool
) -> EndpointSources:
    """Translate the keys of an endpoint in `study.yaml` to its sources.

    `therapies`: kinds of new anticancer therapy of the study; `scans_recorded`: whether the study records
    assessments; without them times end at last contact.
    """
    by_scan = definition.end == "last_adequate_assessment" and scans_recorded
    kinds = tuple(k for k in therapies if k != "prrt" or definition.retreatment == "as_new_therapy")
    started = ("therapies", "start_date")
    known = {
        "new_therapy": (Source(*started, "new_therapy", {"kind": kinds}, "entry_date"),),
        "retreatment": (Source(*started, "retreatment", {"kind": ("prrt",)}, "entry_date"),),
        "progression": _list_progressions(definition),
        "death": (Source("follow_up", "death_date", "death"),),
    }
    rules = {kind: find_rule(definition, kind) for kind in STOPS}
    events = [
        Source(s.table, s.date, s.reason, s.filter, "entry_date", same_day=True) for s in definition.events
    ]
    for kind in ("progression", "new_therapy", "retreatment", "death"):
        if rules[kind] in ("event", "next_therapy", "competing"):
            code = 2 if rules[kind] == "competing" else 1
            events += [replace(source, event=code) for source in known[kind]]
    if definition.lost == "event":
        lost = Source("follow_up", "last_contact_date", "lost_to_follow_up", {"lost": (True,)}, "entry_date")
        events.append(replace(lost, same_day=True))
    censorings = [
        replace(source, reason=kind, at_assessment=by_scan and kind != "progression")
        for kind in STOPS
        if rules[kind] == "censor"
        for source in known[kind]
    ]
    return EndpointSources(known, tuple(events), tuple(censorings), _list_ends(definition, by_scan=by_scan))


def _list_progressions(definition: EndpointDefinition) -> tuple[Source, ...]:
    """PD by the criterion and reader; the recorded progression where it counts or nobody was scanned."""
    next_line = definition.progression == "next_therapy"
    after = "new_therapy_date" if next_line else "entry_date"

    def recorded(basis: str, reason: str, more: dict) -> Source:
        where = {"progression_basis": (basis,), **more}
        reason = "progression_next_therapy" if next_line else reason
        return Source("follow_up", "progression_date", reason, where, after, same_day=not next_line)

    scanned = "progression_next_therapy" if next_line else "progression"
    sources = [
        Source("responses", "assessment_date", scanned, {"overall_response": ("PD",)}, after),
        recorded("radiological", "progression", {"scanned": (False,)}),
    ]
    for basis in ("clinical", "biochemical"):
        if getattr(definition, f"{basis}_progression"):
            sources.append(recorded(basis, f"{basis}_progression", {}))
    return tuple(sources)


def _list_ends(definition: EndpointDefinition, *, by_scan: bool) -> tuple[Source, ...]:
    """Where a patient without event is censored."""
    ends = []
    if definition.lost == "ignore":
        ends.append(Source("follow_up", "data_cutoff", "data_cutoff", {"lost": (True,)}))
    if by_scan:
        ends += [
            Source("responses", "assessment_date", "last_adequate_assessment", {"adequate": (True,)}),
            Source("origins", "entry_date", "no_adequate_assessment"),
        ]
    else:
        ends += [
            Source("follow_up", "last_contact_date", "lost_to_follow_up", {"lost": (True,)}),
            Source("follow_up", "last_contact_date", "data_cutoff", {"contact_after_cutoff": (True,)}),
            Source("follow_up", "last_contact_date", "last_contact"),
        ]
    return tuple(ends)


def choose_rows(
    sources: tuple[Source, ...],
    tables: Mapping[str, pd.DataFrame],
    frame: pd.DataFrame,
    *,
    last: bool = False,
) -> pd.DataFrame:
    """The earliest row of several sources; with `last` the last row of the first source that the patient has.

    `tables`: from `gather_source_tables`, sorted by patient and date; `frame`: one row a patient, index patient_id,
    with the dates that `after` of the sources names.
    Returns index of `frame`: date, basis, sequence, partial, reason, event, at_assessment; without a date where the
    patient has no such row. On one day the row of the earlier source counts.
    """
    n = len(frame)
    date, sequence = np.full(n, NO_DATE), np.full(n, -1)
    basis, reason = np.full(n, "", object), np.full(n, "", object)
    partial, event, at_assessment = np.zeros(n, bool), np.zeros(n, "int64"), np.zeros(n, bool)
    for source in sources:
        rows = tables[source.table]
        row = _find_rows(source, rows, frame, last=last)
        own = np.append(rows[source.date].to_numpy("datetime64[ns]"), NO_DATE)[row]
        better = ~np.isnat(own) & (np.isnat(date) if last else ~(date <= own))
        row, date[better] = row[better], own[better]
        sequence[better] = rows["sequence"].astype("Int64").fillna(-1).to_numpy("int64")[row]
        basis[better] = f"{source.table}.{source.date}"
        if f"{source.date}_basis" in rows:
            basis[better] = rows[f"{source.date}_basis"].to_numpy(object)[row]
        partial[better] = False
        if f"{source.date}_partial" in rows:
            partial[better] = rows[f"{source.date}_partial"].eq(True).to_numpy(bool)[row]
        reason[better], event[better] = source.reason, source.event
        at_assessment[better] = source.at_assessment
    columns = {"date": date, "basis": pd.array(basis, "string"), "partial": partial}
    columns["sequence"] = pd.arrays.IntegerArray(sequence, sequence < 0)
    columns |= {"reason": pd.array(reason, "string"), "event": event, "at_assessment": at_assessment}
    return pd.DataFrame(columns, index=frame.index)


def _find_rows(source: Source, rows: pd.DataFrame, frame: pd.DataFrame, *, last: bool) -> np.ndarray:
    """Position of the first (or last) row of a source for each patient of `frame`; -1 where there is none."""
    keep = rows[source.date].notna().to_numpy(bool)
    for column, values in source.filter.items():
        keep &= rows[column].isin(values).to_numpy(bool)
    patient = frame.index.get_indexer(pd.Index(rows["patient_id"]))
    keep &= patient >= 0
    if source.after is not None:
        date, bound = (
            column.to_numpy("datetime64[ns]") for column in (rows[source.date], frame[source.after])
        )
        keep &= date >= bound[patient] if source.same_day else date > bound[patient]
    kept = np.flatnonzero(keep)
    kept = kept if last else kept[::-1]
    found = np.full(len(frame), -1)
    found[patient[kept]] = kept  # of the rows of a patient the one written last stays
    return found


def select_assessments(dates: PatientDates, criterion: str, reader: str | None) -> pd.DataFrame:
    """Responses by a criterion and reader (None: the primary one), in order of patient, date and period."""
    rows = _select_reader(dates.assessments, criterion, reader)
    return rows.sort_values(["patient_id", "assessment_date", "period"], kind="stable")


def select_first_response(
    dates: PatientDates, criterion: str, reader: str | None, *, confirmed: bool
) -> pd.Series:
    """Date of the first CR or PR (of the first that was confirmed), by patient_id; only patients who have one."""
    rows = _select_reader(dates.first_responses, criterion, reader)
    return rows[rows["confirmed"] == confirmed].groupby("patient_id")["first_response_date"].min()


def _select_reader(rows: pd.DataFrame, criterion: str, reader: str | None) -> pd.DataFrame:
    own = rows["primary_reader"].fillna(False).astype(bool) if reader is None else rows["reader"] == reader
    return rows[(rows["criterion"] == criterion) & own]


def derive_origin(
    dates: PatientDates, definition: EndpointDefinition, first_response: pd.Series
) -> pd.DataFrame:
    """Origin and entry of each patient, or the reason why there is none.

    Returns index patient_id: origin_date, entry_date (first cycle, where time starts before it), first_cycle,
    period, exclusion (empty, or a code of `EXCLUSION_REASONS`), origin_partial.
    """
    patients, origin = dates.patients, definition.origin
    first = patients["first_cycle"]
    named = {
        "first_cycle": (first, "no_first_cycle"),
        "retreatment": (patients["retreatment_start"], "no_retreatment"),
        "first_response": (first_response.reindex(patients.index), "no_response"),
        "diagnosis": (patients["diagnosis_date"], "no_origin_date"),
    }
    column = origin.column if isinstance(origin, ColumnOrigin) else REFERRAL_COLUMN
    date, missing = named[str(origin)] if str(origin) in named else (patients[column], "no_origin_date")
    again = patients["retreatment_period"].fillna(2).astype(int)
    exclusion = np.select(
        [first.isna(), date.isna(), (date > dates.cutoff) | (first > dates.cutoff)],
        ["no_first_cycle", missing, "origin_after_cutoff"],
        "",
    )
    columns = {
        "origin_date": date,
        "first_cycle": first,
        "period": again if origin == "retreatment" else 1,
        "origin_partial": patients["diagnosis_date_partial"] if origin == "diagnosis" else False,
        "entry_date": date.where(~(first > date), first),
        "exclusion": exclusion,
    }
    return pd.DataFrame(columns, index=patients.index)


def filter_after_origin(scans: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Scans after entry: one row a patient and date, the response of the lowest period from that of the origin on."""
    after = scans["assessment_date"] > scans["patient_id"].map(frame["entry_date"])
    rows = scans[after & (scans["period"] >= scans["patient_id"].map(frame["period"]))]
    return rows.drop_duplicates(["patient_id", "assessment_date"])


def is_confirmed(definition: EndpointDefinition, settings: ResponseSettings) -> bool:
    """Whether a response that starts the time must be confirmed: by the endpoint, else by the rate that is quoted."""
    quoted = settings.primary_rate == "confirmed"
    return quoted if definition.confirmed is None else definition.confirmed


def check_order(frame: pd.DataFrame, dates: PatientDates, definition: EndpointDefinition) -> None:
    """Refuse a death, a progression or the only last contact before the origin, and an origin that follows treatment.

    `frame`: one row a patient: origin_date, first_cycle, exclusion, death_date, last_contact_date.
    Raises InputError with one problem a contradicting date and the line of the patient in `follow_up` or
    `patients`.
    """
    here = frame["exclusion"] == ""
    origin, first = frame["origin_date"], frame["first_cycle"]
    start = origin.where(~(first > origin), first)
    by = definition.origin
    named = by.column if isinstance(by, ColumnOrigin) else f"({by.replace('_', ' ')})"
    words = f"the origin {named} of {definition.name}"
    problems = _list_problems(frame[here & (frame["death_date"] < start)], dates, "death_date", start, words)
    # The cohort reports a response or a retreatment after the last contact; it is no contradiction.
    if definition.origin not in ("first_response", "retreatment"):
        early_contact = here & (frame["last_contact_date"] < start) & frame["death_date"].isna()
        problems += _list_problems(frame[early_contact], dates, "last_contact_date", start, words)
    early = dates.patients[here & (dates.patients["progression_date"] < first)]
    problems += _list_problems(early, dates, "progression_date", first, "the first cycle")
    if definition.origin == "diagnosis":
        for patient, row in frame[here & (origin > first)].iterrows():
            line, value = dates.lines["patients"].get(str(patient)), f"{patient}: {row.origin_date.date()}"
            day = row.first_cycle.date()
            place = ("patients", line, "diagnosis_date", value)
            problems.append(tell("lies_after", *place, words="the first cycle", day=day))
    if problems:
        raise InputError(problems)


def check_columns(tables: dict[str, pd.DataFrame], definitions: tuple[EndpointDefinition, ...]) -> None:
    """Refuse an origin that `patients` does not hold as dates, and an event filter on a column that is not there.

    Raises InputError with one problem a column.
    """
    patients = tables["patients"]
    problems = []
    for definition in definitions:
        key = f"endpoints.{definition.name}"
        for column in list_origin_columns((definition,)):
            dated = column in patients and (
                f"{column}_precision" in patients or pd.api.types.is_datetime64_any_dtype(patients[column])
            )
            if not dated:
                problems.append(tell_setting("no_date_column", f"{key}.origin", column, column=column))
        for source in definition.events:
            held = tables[source.table].columns
            named = {"table": source.table, "known": ", ".join(held)}
            lacking = (name for name in source.filter if name not in held)
            problems += [tell_setting("no_event_column", f"{key}.events", name, **named) for name in lacking]
    if problems:
        raise InputError(problems)


def _list_problems(
    rows: pd.DataFrame, dates: PatientDates, column: str, start: pd.Series, words: str
) -> list[Problem]:
    """One problem a row of `follow_up`."""
    found = []
    for patient, value in rows[column].items():
        line, shown = dates.lines["follow_up"].get(str(patient)), f"{patient}: {value.date()}"
        day = start[str(patient)].date()
        found.append(tell("lies_before", "follow_up", line, column, shown, words=words, day=day))
    return found
