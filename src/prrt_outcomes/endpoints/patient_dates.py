"""The dates of each patient that are known by the data cut-off, partial dates resolved."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.dates import compute_date_range, resolve_partial_dates
from prrt_outcomes.response.scans import filter_new_therapies
from prrt_outcomes.study.endpoints import ColumnOrigin, EndpointDefinition
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import empty_table
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.treatment.periods import find_first_cycles

DATED = ("cycles", "assessments", "responses", "lesions", "labs", "adverse_events", "therapies", "follow_up")
REFERRAL_COLUMN = "referral_date"
THERAPY_TYPES = {
    "patient_id": "string",
    "start_date": "datetime64[ns]",
    "kind": "string",
    "start_date_basis": "string",
    "sequence": "Int64",
    "start_date_partial": "bool",
}


@dataclass(frozen=True)
class PatientDates:
    """What is known by the cut-off.

    patients : one row a patient, index patient_id: first_cycle, retreatment_start, retreatment_period, death_date,
        death_date_basis, last_contact_date, contact_after_cutoff, lost, progression_date,
        progression_basis, diagnosis_date, and <column> of origins; `<name>_partial` says that a date was resolved
    assessments : one row a response: patient_id, period, assessment_date, reader, criterion, overall_response,
        primary_reader, sequence (number of the row within its patient)
    first_responses : one row a patient, period, criterion, reader and confirmed: first_response_date, primary_reader
    therapies : one row a start of new anticancer therapy: patient_id, start_date, kind (`prrt` for a new period),
        start_date_basis, sequence, start_date_partial
    adverse_events : the columns of table `adverse_events` with onset_date resolved, onset_date_partial; `sequence` is
        the number of the row within its patient
    cutoff : last day that is known
    scans_recorded : whether the study records assessments at all
    lines : table (patients, follow_up) to patient to line of the file, for messages
    """

    patients: pd.DataFrame
    assessments: pd.DataFrame
    first_responses: pd.DataFrame
    therapies: pd.DataFrame
    adverse_events: pd.DataFrame
    cutoff: pd.Timestamp
    scans_recorded: bool
    lines: dict[str, dict[str, int]]


def compute_latest_date(tables: dict[str, pd.DataFrame], rule: str) -> pd.Timestamp:
    """Latest date in the data: the cut-off of a study that states none; NaT where there is no date."""
    latest = [pd.NaT]
    fields = ((name, field) for name in DATED for field in load_schema(name).fields)
    for name, column in ((name, field.name) for name, field in fields if field.type in ("date", "partial")):
        if name in tables and column in tables[name] and len(tables[name]):
            partial = f"{column}_precision" in tables[name]
            dates = _resolve(tables[name], column, rule)[0] if partial else tables[name][column]
            latest.append(dates.max())
    return pd.Series(latest, dtype="datetime64[ns]").max()


def derive_patient_dates(
    tables: dict[str, pd.DataFrame], study: Study, *, data_cutoff: str = "censor", rule: str | None = None
) -> PatientDates:
    """Gather what is known by the cut-off.

    `tables`: patients, cycles, treatment_periods, therapies, assessments, responses, best_responses, follow_up,
    adverse_events (and those that only count for the latest date); `study`: data cut-off, partial dates, kinds of
    new anticancer therapy, origins of the endpoints; `data_cutoff`: ignore for the latest date in the data, as the
    key of an endpoint; `rule`: of partial dates: first, middle, last; None for that of the study.
    Bounds of partial dates: diagnosis <= first cycle <= last scan or cycle <= last contact and death; first cycle
    <= progression <= death or last contact; first cycle <= onset of an adverse event whose month or year holds the
    first cycle. A date outside its bounds stays as the text states it.
    """
    rule = rule or study.partial_dates
    stated = None if data_cutoff == "ignore" else study.data_cutoff
    cutoff = compute_latest_date(tables, rule) if stated is None else pd.Timestamp(stated)
    patients = _derive_patients(tables["patients"], rule, list_origin_columns(study.endpoints))
    patients = patients.join(_derive_treatments(tables["treatment_periods"], cutoff))
    patients = patients.join(_resolve_follow_up(tables, patients, rule))
    known = _list_by_patient(tables["patients"], patients.index)
    dates, partial = _resolve(known, "diagnosis_date", rule, upper=patients["first_cycle"])
    patients["diagnosis_date"], patients["diagnosis_date_partial"] = dates, partial
    therapies, responses = _derive_new_therapies(tables, patients, rule, study), tables["responses"]
    columns = ["assessment_date", "reader", "criterion", "overall_response", "primary_reader"]
    assessments = responses[columns].assign(
        patient_id=responses["patient_id"].astype("string"),
        period=responses["period"].astype("int64"),
        sequence=responses.groupby("patient_id").cumcount() + 1,
    )
    return PatientDates(
        patients=_apply_cutoff(patients, cutoff),
        assessments=assessments[~(assessments["assessment_date"] > cutoff)],
        first_responses=_derive_first_responses(
            tables["best_responses"], cutoff, study.new_anticancer_therapy
        ),
        therapies=therapies[~(therapies["start_date"] > cutoff)],
        adverse_events=_derive_adverse_events(tables["adverse_events"], patients, rule, cutoff),
        cutoff=cutoff,
        scans_recorded=not (tables["assessments"].empty and tables["responses"].empty),
        # Line of each patient where the table came from one file with a header.
        lines={
            name: {patient: line for line, patient in enumerate(tables[name]["patient_id"], start=2)}
            for name in ("patients", "follow_up")
        },
    )


def derive_observation(tables: dict[str, pd.DataFrame], study: Study) -> PatientDates:
    """First cycle, death and last contact of each patient, and the adverse events, as known by the cut-off.

    `tables`: patients, cycles, treatment_periods, assessments, follow_up, adverse_events; others are not needed.
    """
    absent = {name: empty_table(name) for name in ("therapies", "responses", "best_responses")}
    return derive_patient_dates(tables | absent, study)


def _list_by_patient(table: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
    """One row a patient of a table that holds at most one of each."""
    return table.drop_duplicates("patient_id").set_index("patient_id").reindex(index)


def _derive_patients(source: pd.DataFrame, rule: str, origin_columns: tuple[str, ...]) -> pd.DataFrame:
    """One row a patient with the date columns that an origin names."""
    index = pd.Index(source["patient_id"].astype("string"), name="patient_id")
    columns = {}
    for name in origin_columns:
        if f"{name}_precision" in source:
            dates, _ = _resolve(source, name, rule)
        else:
            dates = pd.to_datetime(source.get(name, pd.Series(pd.NaT, index=source.index)))
        columns[name] = dates.set_axis(index)
    return pd.DataFrame(columns, index=index)


def _derive_treatments(periods: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """First cycle and start of the first retreatment of each patient."""
    periods = periods.assign(period=periods["period"].astype("int64")).sort_values(["patient_id", "period"])
    again = periods[(periods["period"] > 1) & ~(periods["first_cycle"] > cutoff)].groupby("patient_id")
    names = {"first_cycle": "retreatment_start", "period": "retreatment_period"}
    first = again[list(names)].first().rename(columns=names)
    return pd.DataFrame({"first_cycle": find_first_cycles(periods)}).join(first)


def _resolve(rows: pd.DataFrame, column: str, rule: str, *, lower=None, upper=None):
    """A partial date of each row, and whether it was partial."""
    precision = rows[f"{column}_precision"]
    date = resolve_partial_dates(rows[column], precision, rule, lower, upper)
    return date, precision.isin(["year", "month"])


def _resolve_rows(
    source: pd.DataFrame, column: str, patients: pd.DataFrame, rule: str, lower=None
) -> pd.DataFrame:
    """The rows with a partial date resolved, from `lower` to the end of follow-up, and whether it was partial."""
    last = patients["death_date"].fillna(patients["last_contact_date"])
    upper = source["patient_id"].map(last).astype("datetime64[ns]")
    date, partial = _resolve(source, column, rule, lower=lower, upper=upper)
    return source.assign(**{column: date, f"{column}_partial": partial})


def _resolve_follow_up(tables: dict, patients: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Last contact, death and progression, each bounded by what is known of the order of dates."""
    index = patients.index
    rows = _list_by_patient(tables["follow_up"], index)
    days = [
        tables[name][["patient_id", column]].rename(columns={column: "date"})
        for name, column in (("cycles", "cycle_date"), ("assessments", "assessment_date"))
    ]
    seen = pd.concat(days, ignore_index=True).groupby("patient_id")["date"].max()  # alive at cycle or scan
    seen = seen.reindex(index).astype("datetime64[ns]")
    dead = (rows["vital_status"] == "dead") | rows["death_date"].notna()
    contact_exact = rows["last_contact_date_precision"] == "day"
    contact, contact_partial = _resolve(rows, "last_contact_date", rule, lower=seen)
    lower = contact.where(contact_exact & ~(contact < seen), seen)
    death, death_partial = _resolve(rows, "death_date", rule, lower=lower)
    named = death.notna()
    bounded, _ = _resolve(rows, "last_contact_date", rule, lower=seen, upper=death)
    contact = contact.where(~named, bounded)
    death = death.where(named | ~dead, contact)
    last = death.fillna(contact)
    progression, progression_partial = _resolve(
        rows, "progression_date", rule, lower=patients["first_cycle"], upper=last
    )
    return pd.DataFrame(
        {
            "last_contact_date": contact,
            "last_contact_date_partial": contact_partial,
            "lost": (rows["vital_status"] == "lost").to_numpy(),
            "death_date": death,
            "death_date_basis": np.where(named, "follow_up.death_date", "follow_up.last_contact_date"),
            "death_date_partial": death_partial.where(named, contact_partial) & dead,
            "progression_date": progression,
            "progression_date_partial": progression_partial,
            "progression_basis": rows["progression_basis"].astype("string").fillna("radiological"),
        },
        index=index,
    )


def _derive_new_therapies(
    tables: dict[str, pd.DataFrame], patients: pd.DataFrame, rule: str, study: Study
) -> pd.DataFrame:
    """Starts of anticancer therapy after the first cycle and of new PRRT periods, all with kind and source."""
    source = tables["therapies"]
    source = source.assign(sequence=source.groupby("patient_id").cumcount() + 1)
    source = filter_new_therapies(source[source["kind"] != "prrt"], study)
    rows = _resolve_rows(source, "start_date", patients, rule).assign(start_date_basis="therapies.start_date")
    rows = rows[list(THERAPY_TYPES)]
    rows = rows[rows["start_date"] > rows["patient_id"].map(patients["first_cycle"]).astype("datetime64[ns]")]
    periods = tables["treatment_periods"]
    again = periods[periods["period"] > 1]
    # A period has the number of the cycle row, within its patient, that begins it.
    on, cycles = ["patient_id", "cycle_date"], tables["cycles"]
    numbered = cycles.assign(sequence=cycles.groupby("patient_id").cumcount() + 1).drop_duplicates(on)
    keys = again[["patient_id", "first_cycle"]].set_axis(on, axis=1)
    new_periods = keys.merge(numbered[[*on, "sequence"]], on=on, how="left")
    new_periods = new_periods.rename(columns={"cycle_date": "start_date"}).assign(
        kind="prrt", start_date_basis="cycles.cycle_date", start_date_partial=False
    )
    both = [part[list(THERAPY_TYPES)].astype(THERAPY_TYPES) for part in (rows, new_periods)]
    keys = ["patient_id", "start_date", "kind"]  # type: ignore[assignment]
    return pd.concat(both, ignore_index=True).sort_values(keys, kind="stable", ignore_index=True)  # type: ignore[call-overload]


def _derive_adverse_events(
    source: pd.DataFrame, patients: pd.DataFrame, rule: str, cutoff: pd.Timestamp
) -> pd.DataFrame:
    """Adverse events known by the cut-off, by patient and onset; bounds as in `derive_patient_dates`."""
    sequence = source.groupby("patient_id").cumcount() + 1
    first = source["patient_id"].map(patients["first_cycle"]).astype("datetime64[ns]")
    within = first.where(first <= compute_date_range(source["onset_date"])[1])
    rows = _resolve_rows(source, "onset_date", patients, rule, lower=within).assign(
        patient_id=source["patient_id"].astype("string"), sequence=sequence
    )
    return rows[~(rows["onset_date"] > cutoff)].sort_values(["patient_id", "onset_date"], kind="stable")


def _derive_first_responses(
    best: pd.DataFrame, cutoff: pd.Timestamp, new_anticancer_therapy: tuple[str, ...]
) -> pd.DataFrame:
    """First responses known by the cut-off, before progression and new anticancer therapy in any earlier period."""
    keys = ["patient_id", "criterion", "reader", "confirmed"]
    rows = best.assign(patient_id=best["patient_id"].astype("string"))
    stop = rows[["progression_date", "new_therapy_date"]].min(axis=1)
    first_stop = stop.groupby([rows[key] for key in keys], observed=True).transform("min")
    date = rows["first_response_date"]
    known = date.notna() & ~(date > first_stop) & ~(rows["first_confirmation_date"] > cutoff)
    known &= ~(date > cutoff)
    if "prrt" in new_anticancer_therapy:
        known &= rows["period"] == 1
    return rows.loc[known.fillna(False), [*keys, "period", "primary_reader", "first_response_date"]]


def _apply_cutoff(patients: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """Nothing after the cut-off is known; a contact or a death after it is a contact at it."""
    contact_late = patients["last_contact_date"] > cutoff
    death_late = patients["death_date"] > cutoff
    late = contact_late | death_late
    return patients.assign(
        last_contact_date=patients["last_contact_date"].mask(late, cutoff),
        contact_after_cutoff=late.fillna(False).astype(bool),
        last_contact_date_partial=patients["last_contact_date_partial"] & ~late,
        lost=(patients["lost"] & ~late).fillna(False).astype(bool),
        death_date=patients["death_date"].mask(death_late),
        progression_date=patients["progression_date"].mask(patients["progression_date"] > cutoff),
    )


def list_origin_columns(definitions: tuple[EndpointDefinition, ...]) -> tuple[str, ...]:
    """Date columns of `patients` that some endpoint counts from."""
    names = []
    for definition in definitions:
        if isinstance(definition.origin, ColumnOrigin):
            names.append(definition.origin.column)
        elif definition.origin == "referral":
            names.append(REFERRAL_COLUMN)
    return tuple(dict.fromkeys(names))
