"""One derivation for all endpoints: candidate dates, the first event, what ends the observation before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.endpoints.candidates import (
    derive_candidates,
    filter_adequate,
    filter_after_origin,
    find_last_adequate,
)
from prrt_outcomes.endpoints.contradictions import check_order
from prrt_outcomes.endpoints.facts import Facts
from prrt_outcomes.endpoints.origin import derive_origin, find_primary_reader, select_assessments
from prrt_outcomes.study.endpoints import EndpointDefinition
from prrt_outcomes.study.response import ResponseSettings

HALF_DAY = 0.5
MISSED = 2


@dataclass(frozen=True)
class EndpointSettings:
    """Settings of the study that all endpoints share.

    Attributes
    ----------
    response : criteria, reader, confirmation, the rate that is quoted
    interval_days, window_days : planned interval of scans (or None) and how late a scan may be
    therapies : kinds of new anticancer therapy, `prrt` for a new period
    """

    response: ResponseSettings
    interval_days: int | None
    window_days: int
    therapies: tuple[str, ...]


def derive_endpoint(facts: Facts, definition: EndpointDefinition, settings: EndpointSettings) -> pd.DataFrame:
    """Derive one endpoint for every patient.

    Parameters
    ----------
    facts : what is known by the cut-off
    definition : origin, events, censoring
    settings : what all endpoints share

    Returns
    -------
    DataFrame
        one row a patient: the columns of table `endpoints` and `exclusion`: empty, or a code of
        `EXCLUSION_REASONS`; then there is no time.

    Raises
    ------
    InputError
        with every row whose date lies before the origin: no date is ever moved.

    Notes
    -----
    On one day progression comes before new therapy, retreatment and death, and a scan before a therapy that begins
    on its day. A time that ends on the day of entry counts as half a day. Where the study records no scans, or the
    end is last contact, a new therapy that censors does so on its own date.
    """
    criterion = definition.criterion or settings.response.criteria[0]
    reader = definition.reader or find_primary_reader(facts, settings.response, criterion)
    scans = select_assessments(facts, criterion, reader)
    therapy = find_first_therapy(facts, settings.therapies)
    confirmation = settings.response if is_confirmed(definition, settings) else None
    frame = derive_origin(facts, definition, scans, confirmation, therapy)
    scans = filter_after_origin(scans, frame)
    frame = derive_candidates(frame, facts, definition, settings.therapies, scans)
    check_order(frame, facts, definition)
    adequate = filter_adequate(scans)
    by_scan = definition.end == "last_adequate_assessment" and facts.scans_recorded
    frame = _derive_event(frame, definition)
    frame = _derive_censoring(frame, facts, definition, adequate, by_scan=by_scan)
    if facts.scans_recorded and settings.interval_days is not None:
        frame = _derive_missed(frame, definition, settings, adequate)
    frame = _derive_stops(frame, definition, adequate, by_scan=by_scan)
    before = find_last_adequate(adequate, frame["end_date"] - pd.Timedelta(days=1))
    frame = frame.assign(previous_assessment_date=before["date"])
    return _format_rows(frame, definition)


def is_confirmed(definition: EndpointDefinition, settings: EndpointSettings) -> bool:
    """Whether a response that starts the time must be confirmed: by the endpoint, else by the rate that is quoted."""
    if definition.confirmed is not None:
        return definition.confirmed
    return settings.response.primary_rate == "confirmed"


def find_first_therapy(facts: Facts, kinds: tuple[str, ...]) -> pd.Series:
    """Start of the first new anticancer therapy after the first cycle, by patient."""
    rows = facts.therapies[facts.therapies["kind"].isin(kinds)]
    first_cycle = rows["patient_id"].map(facts.patients["first_cycle"]).astype("datetime64[ns]")
    return rows[rows["date"] > first_cycle].groupby("patient_id")["date"].min()


def _derive_event(frame: pd.DataFrame, definition: EndpointDefinition) -> pd.DataFrame:
    """The first event by date; on one day by the order of the list."""
    none = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[ns]")
    candidates = []
    if definition.progression in ("event", "next_therapy"):
        candidates.append(("progression_date", "progression_reason", "progression_basis", 1))
    for kind in ("new_therapy", "retreatment"):
        if definition_rule(definition, kind) == "event":
            candidates.append((f"{kind}_date", kind, f"{kind}_basis", 1))
    if definition.death in ("event", "competing"):
        candidates.append(("death_date", "death", "death_basis", 2 if definition.death == "competing" else 1))
    if definition.lost == "event":
        lost = frame["last_contact_date"].where(frame["lost"])
        frame = frame.assign(lost_date=lost.where(~(lost < frame["entry_date"])))
        candidates.append(("lost_date", "lost_to_follow_up", "last_contact_basis", 1))
    out = frame.assign(
        end_date=none, event=0, reason="", basis="", sequence=pd.array([pd.NA] * len(frame), "Int64")
    )
    for date, reason, basis, code in candidates:
        earlier = frame[date].notna() & ~(out["end_date"] <= frame[date])
        words = frame.get(reason, reason)
        out = out.assign(
            end_date=out["end_date"].mask(earlier, frame[date]),
            event=out["event"].mask(earlier, code),
            reason=out["reason"].mask(earlier, words),
            basis=out["basis"].mask(earlier, frame[basis]),
            sequence=out["sequence"].mask(earlier, frame[basis.replace("basis", "sequence")]),
        )
    return out.assign(event_date=out["end_date"])


def definition_rule(definition: EndpointDefinition, kind: str) -> str:
    """What a new therapy or a retreatment does; `as_new_therapy` makes retreatment part of the therapies."""
    if kind == "new_therapy":
        return definition.new_therapy
    return "ignore" if definition.retreatment == "as_new_therapy" else definition.retreatment


def _derive_censoring(
    frame: pd.DataFrame,
    facts: Facts,
    definition: EndpointDefinition,
    adequate: pd.DataFrame,
    *,
    by_scan: bool,
) -> pd.DataFrame:
    """Where a patient without event is censored."""
    last = find_last_adequate(adequate, pd.Series(facts.cutoff, index=frame.index))
    contact_reason = np.select(
        [frame["lost"], frame["last_contact_after_cutoff"]],
        ["lost_to_follow_up", "data_cutoff"],
        "last_contact",
    )
    if by_scan:
        scan = last["date"].notna()
        end = last["date"].fillna(frame["entry_date"])
        reason = np.where(scan, "last_adequate_assessment", "no_adequate_assessment")
        basis = np.where(scan, "responses.assessment_date", "origin")
        sequence = last["sequence"]
    else:
        end, reason = frame["last_contact_date"], contact_reason
        basis = np.where(frame["last_contact_after_cutoff"], "data_cutoff", "follow_up.last_contact_date")
        sequence = frame["last_contact_sequence"]
    if definition.lost == "ignore":
        end = end.mask(frame["lost"], facts.cutoff)
        reason = np.where(frame["lost"], "data_cutoff", reason)
        basis = np.where(frame["lost"], "data_cutoff", basis)
    open_ = frame["event"] == 0
    here = open_ & (frame["exclusion"] == "")
    return frame.assign(
        end_date=frame["end_date"].mask(open_, end),
        reason=frame["reason"].mask(open_, pd.Series(reason, index=frame.index)),
        basis=frame["basis"].mask(open_, pd.Series(basis, index=frame.index)),
        sequence=frame["sequence"].mask(open_, sequence),
        last_adequate_date=last["date"],
        exclusion=frame["exclusion"]
        .mask(here & end.isna(), "no_follow_up")
        .mask(here & (end < frame["entry_date"]), "contact_before_origin"),
    )


def _derive_missed(
    frame: pd.DataFrame, definition: EndpointDefinition, settings: EndpointSettings, adequate: pd.DataFrame
) -> pd.DataFrame:
    """An event after two or more missed assessments: censored before the gap, or dated at the first of them."""
    if definition.missed_assessments == "ignore":
        return frame
    before = find_last_adequate(adequate, frame["event_date"] - pd.Timedelta(days=1))
    reference = before["date"].fillna(frame["entry_date"])
    allowed = pd.Timedelta(days=MISSED * settings.interval_days + settings.window_days)
    missed = (frame["event"] > 0) & (frame["event_date"] > reference + allowed)
    if definition.missed_assessments == "censor":
        return _censor(frame, missed, before, "missed_assessments")
    first_missed = reference + pd.Timedelta(days=settings.interval_days)
    return frame.assign(
        end_date=frame["end_date"].mask(missed, first_missed),
        event_date=frame["event_date"].mask(missed, first_missed),
        event=frame["event"].mask(missed, 1),
        reason=frame["reason"].mask(missed, "missed_assessments"),
        basis=frame["basis"].mask(missed, "assessment_interval_days"),
        sequence=frame["sequence"].mask(missed, pd.NA),
    )


def _derive_stops(
    frame: pd.DataFrame, definition: EndpointDefinition, adequate: pd.DataFrame, *, by_scan: bool
) -> pd.DataFrame:
    """What ends the observation before the event: new therapy, retreatment, progression or death that censor."""
    rules = [(kind, definition_rule(definition, kind)) for kind in ("new_therapy", "retreatment")]
    rules += [("progression", definition.progression), ("death", definition.death)]
    stops = {name: frame[f"{name}_date"] for name, rule in rules if rule == "censor"}
    if not stops:
        return frame
    first = pd.DataFrame(stops).min(axis=1)
    # On one day the event counts.
    stopped = first.notna() & ~(frame["event_date"] <= first)
    before = find_last_adequate(adequate, first)
    before["basis"] = "responses.assessment_date"
    name = pd.Series("", index=frame.index)
    for kind, date in stops.items():
        here = (date == first) & (name == "")
        name = name.mask(here, kind)
        if kind == "progression" or not by_scan:
            before = before.assign(
                date=before["date"].mask(here, date),
                basis=before["basis"].mask(here, frame[f"{kind}_basis"]),
                sequence=before["sequence"].mask(here, frame[f"{kind}_sequence"]),
            )
    return _censor(frame, stopped, before, name)


def _censor(frame: pd.DataFrame, where: pd.Series, before: pd.DataFrame, reason) -> pd.DataFrame:
    """End the observation at the dates of `before`, or at entry where there is none."""
    none = before["date"].isna()
    basis = (
        before["basis"] if "basis" in before else pd.Series("responses.assessment_date", index=frame.index)
    )
    return frame.assign(
        end_date=frame["end_date"].mask(where, before["date"].fillna(frame["entry_date"])),
        event=frame["event"].mask(where, 0),
        reason=frame["reason"].mask(where, reason),
        basis=frame["basis"].mask(where, basis.mask(none, "origin")),
        sequence=frame["sequence"].mask(where, before["sequence"].mask(none)),
    )


def _format_rows(frame: pd.DataFrame, definition: EndpointDefinition) -> pd.DataFrame:
    """Days from dates, half a day where the time ends on the day of entry, and notes."""
    entry_days = (frame["entry_date"] - frame["origin_date"]).dt.days.astype("float64")
    time_days = (frame["end_date"] - frame["origin_date"]).dt.days.astype("float64")
    half = time_days == entry_days
    partial = _is_partial(frame)
    notes = {
        "half_day": half,
        "partial_date": partial,
        "progression_before_origin": frame["progression_before_origin"],
    }
    note = pd.Series("", index=frame.index)
    for name, where in notes.items():
        note = note.where(~where, note + np.where(note == "", "", ";") + name)
    out = frame.assign(
        endpoint=definition.name,
        entry_days=entry_days,
        time_days=time_days + HALF_DAY * half,
        status="ok",
        note=note,
        source_sequence=frame["sequence"].astype("Int64"),
    )
    dates = ["progression_date", "death_date", "new_therapy_date", "last_adequate_date"]
    dates += ["previous_assessment_date", "last_contact_date"]
    columns = [
        "endpoint",
        "origin_date",
        "end_date",
        "entry_days",
        "time_days",
        "event",
        "reason",
        "basis",
        "status",
    ]
    columns += ["note", *dates, "source_sequence", "exclusion"]
    return out.reset_index()[["patient_id", *columns]]


def _is_partial(frame: pd.DataFrame) -> pd.Series:
    """Whether origin or end came from a partial date."""
    partial = frame["origin_partial"].astype(bool)
    for basis, column in (
        ("follow_up.death_date", "death_partial"),
        ("follow_up.last_contact_date", "last_contact_partial"),
        ("follow_up.progression_date", "progression_partial"),
        ("therapies.start_date", "new_therapy_partial"),
    ):
        partial |= (frame["basis"] == basis) & frame[column].astype(bool)
    return partial
