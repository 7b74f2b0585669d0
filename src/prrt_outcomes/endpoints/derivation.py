"""One derivation for all endpoints: the first event, what ends the observation before it, where it ends else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from prrt_outcomes.endpoints.origin import (
    check_order,
    derive_origin,
    filter_after_origin,
    is_confirmed,
    select_assessments,
    select_first_response,
)
from prrt_outcomes.endpoints.patient_dates import PatientDates
from prrt_outcomes.endpoints.sources import Source, choose_rows, find_rows, list_sources
from prrt_outcomes.study.endpoints import EndpointDefinition
from prrt_outcomes.tables.schema import load_schema

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study

HALF_DAY = 0.5
MISSED = 2
ENDPOINT_COLUMNS = (*[field.name for field in load_schema("endpoints").fields], "exclusion")


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
    if sources.censorings:
        out = _derive_stops(out, frame, sources.censorings, tables)
    frame["last_adequate_date"] = find_last_adequate(tables, frame)["date"]
    before = find_last_adequate(tables, frame, out["date"] - pd.Timedelta(days=1))
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
    return find_rows(source, {"responses": rows}, frame, last=True)


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
    before = find_last_adequate(tables, frame, event_date - pd.Timedelta(days=1))
    reference = before["date"].fillna(frame["entry_date"])
    allowed = pd.Timedelta(days=MISSED * interval + study.assessment_window_days)
    missed = (out["event"] > 0) & (event_date > reference + allowed)
    if definition.missed_assessments == "censor":
        return _censor(out, missed, before, frame["entry_date"], "missed_assessments"), event_date
    first_missed = reference + pd.Timedelta(days=interval)
    basis = "assessment_interval_days"
    out = _replace(out, missed, first_missed, 1, "missed_assessments", basis, pd.NA, False)
    return out, event_date.mask(missed, first_missed)


def _derive_stops(
    out: pd.DataFrame, frame: pd.DataFrame, censorings: tuple[Source, ...], tables: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """What ends the observation before the event; on one day the event counts."""
    stop = choose_rows(censorings, tables, frame)
    stopped = stop["date"].notna() & ~(frame["event_date"] <= stop["date"])
    scan = find_last_adequate(tables, frame, stop["date"])
    before = scan.where(stop["at_assessment"], stop[["date", "basis", "sequence", "partial"]])
    return _censor(out, stopped, before, frame["entry_date"], stop["reason"])


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
