"""ADaM: subject-level, time-to-event and response data sets to the tables of a study."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from prrt_outcomes.adopt import cdisc
from prrt_outcomes.adopt.coding import name_agents
from prrt_outcomes.adopt.plan import StudyPlan, name_some
from prrt_outcomes.study.endpoints import PRESETS

PATTERN = r"{}\w*"  # of the names of files
ARMS = ("TRT01A", "TRTA", "TRT01P", "TRTP", "ACTARM", "ARM")
UNITS = {"days": r"\bdays?\b", "weeks": r"\bweeks?\b", "months": r"\bmonths?\b", "years": r"\byears?\b"}
CONTACTS = ("LSTALVDT", "EOSDT", "TRTEDT")


def plan_adam(paths: Sequence[Path]) -> StudyPlan:
    """Plan a study from a folder of ADaM data sets, or from the files themselves.

    Raises InputError when there is neither ADSL nor ADTTE, or a file cannot be read.
    """
    plan = StudyPlan()
    data_sets = cdisc.find_data_sets(paths, PATTERN, "adam", plan)
    subjects = data_sets["ADSL"][0] if data_sets["ADSL"] else None
    people = subjects or cdisc.refuse_without(data_sets, "ADTTE", "adam", paths)
    plan.title = next(iter(people.frame.get("STUDYID", ())), "")
    if subjects is not None:
        _plan_subjects(plan, subjects)
    else:
        _plan_patients_of_times(plan, data_sets["ADTTE"])
    endpoints: dict[str, str] = {}
    for times in data_sets["ADTTE"]:
        for code in times.frame["PARAMCD"].unique():
            if code:
                endpoints |= _plan_times(plan, times, code)
    if subjects is not None and data_sets["ADRS"]:
        _plan_first_treatment(plan, subjects)
        for responses in data_sets["ADRS"]:
            _plan_responses(plan, responses)
    plan.settings["endpoints"] = [
        name if name in PRESETS else {"name": name, "title": title} for name, title in endpoints.items()
    ] or (["pfs", "os"] if "assessments" in plan.tables else ["os"])
    cdisc.list_unplaced(plan, data_sets)
    return plan


def _plan_subjects(plan: StudyPlan, subjects: cdisc.DataSet) -> None:
    """Patients of ADSL, and what it says of death and last contact."""
    reading = cdisc.Reading(plan, "patients", subjects)
    cdisc.place_patient(reading)
    cdisc.place_arm(reading, *ARMS)
    reading.close()
    reading = cdisc.Reading(plan, "follow_up", subjects)
    reading.column("patient_id", "USUBJID")
    if not reading.date("last_contact_date", "DTHDT", *CONTACTS):
        return
    reading.date("death_date", "DTHDT")
    if cdisc.place_vital_status(reading, "DTHFL"):
        reading.close()


def _plan_patients_of_times(plan: StudyPlan, data_sets: Sequence[cdisc.DataSet]) -> None:
    """Patients from the rows of one parameter, or of all where none has every patient."""
    people = {name for data in data_sets for name in data.frame["USUBJID"]}
    parts = [
        (data, code, set(data.frame.loc[data.frame["PARAMCD"] == code, "USUBJID"]))
        for data in data_sets
        for code in data.frame["PARAMCD"].unique()
    ]
    whole = [part for part in parts if part[2] == people][:1]
    for data, code, _ in whole or parts:
        reading = cdisc.Reading(plan, "patients", data).choose("PARAMCD", [code])
        cdisc.place_patient(reading)
        cdisc.place_arm(reading, *ARMS)
        reading.close(merge=True)


def _plan_times(plan: StudyPlan, times: cdisc.DataSet, code: str) -> Mapping[str, str]:
    """Times of one parameter, with the censoring turned; its endpoint and title."""
    reading = cdisc.Reading(plan, "reported_outcomes", times).choose("PARAMCD", [code])
    if reading.rows["USUBJID"].duplicated().any() and "ANL01FL" in reading.rows:
        reading.choose("ANL01FL", ["Y"])
    name = re.sub(r"[^a-z0-9]+", "_", code.lower()).strip("_")
    name = name if name[:1].isalpha() else f"endpoint_{name}"
    title = next(iter(reading.rows.get("PARAM", ())), "") or code
    reading.column("patient_id", "USUBJID")
    for variable in ("AVAL", "CNSR"):
        reading.require(variable)
    reading.column("time", "AVAL")
    unit, evidence = _find_unit(reading, title)
    if not evidence:
        reading.doubt(f"the times of {code} are in {unit}: neither AVALU nor PARAM says the unit")
    reading.source.settings["time_unit"] = unit
    reading.source.evidence["time_unit"] = evidence
    numbers = {text: pd.to_numeric(text, errors="coerce") for text in sorted(reading.rows["CNSR"].unique())}
    known = {text.upper(): int(number == 0) for text, number in numbers.items() if number >= 0}
    reading.codes("event", "CNSR", known=known)
    reading.source.evidence["columns.event"] = "CNSR 0 is the event, everything above is censored"
    reading.source.add_constant("endpoint", name, title)
    reading.close()
    return {name: title}


def _find_unit(reading: cdisc.Reading, title: str) -> tuple[str, str]:
    """Unit of the times and what says so: AVALU, the parameter, or the dates; nothing where none of them does."""
    stated = " ".join(reading.rows.get("AVALU", pd.Series(dtype=str)).unique())
    for where, text in {"AVALU": stated, "PARAM": title}.items():
        found = [unit for unit, pattern in UNITS.items() if re.search(pattern, text, re.IGNORECASE)]
        if len(found) == 1:
            return found[0], f"{where}: {text}"
    if {"STARTDT", "ADT"} <= set(reading.rows):
        start, end = (pd.to_datetime(reading.rows[name], errors="coerce") for name in ("STARTDT", "ADT"))
        gap = pd.to_numeric(reading.rows["AVAL"], errors="coerce") - (end - start).dt.days
        if gap.notna().any() and gap.dropna().isin([0, 1]).all():
            return "days", "AVAL is the number of days from STARTDT to ADT"
    return "days", ""


def _plan_first_treatment(plan: StudyPlan, subjects: cdisc.DataSet) -> None:
    """The first day of treatment as the only cycle that ADSL knows."""
    if not subjects.is_filled("TRTSDT"):
        return
    reading = cdisc.Reading(plan, "cycles", subjects)
    reading.require("TRTSDT")
    reading.column("patient_id", "USUBJID")
    if not reading.date("cycle_date", "TRTSDT"):
        return
    arm = next((name for name in ARMS if subjects.is_filled(name)), "")
    texts = list(reading.texts(arm)) if arm else []
    agents = name_agents(texts, reading.doubt)
    if set(agents.values()) - {"other"}:
        known = {text.upper(): agents.get(text, "other") for text in texts}
        reading.codes("radiopharmaceutical", arm, known=known)
    else:
        reading.source.add_constant("radiopharmaceutical", "other")
    reading.doubt("the first day of treatment (TRTSDT) is read as the only cycle of a patient")
    reading.close()


def _plan_responses(plan: StudyPlan, responses: cdisc.DataSet) -> None:
    """Overall responses by scan of ADRS."""
    frame = responses.frame
    codes = [code for code in frame["PARAMCD"].unique() if re.match(r"OVR", code)]
    if not codes:
        plan.notes.append(f"{responses.file.name} has no parameter OVR or OVRLRESP; it is not read")
        return
    reading = cdisc.Reading(plan, "assessments", responses).choose("PARAMCD", codes[:1])
    if len(codes) > 1:
        reading.doubt(f"of the parameters {name_some(codes)} only {codes[0]} is read")
    if "ANL01FL" in reading.rows and reading.rows.duplicated(["USUBJID", "ADT"]).any():
        reading.choose("ANL01FL", ["Y"])
    reading.column("patient_id", "USUBJID")
    readers = set(reading.rows.get("RSEVAL", pd.Series(dtype=str))) - {""}
    if len(readers) > 1:
        reading.column("reader", "RSEVAL")
    if not reading.date("assessment_date", "ADT"):
        return
    reading.codes("reported_response", "AVALC")
    category = next(iter(reading.rows.get("PARCAT1", ())), "")
    reading.source.add_constant("reported_criterion", "recist_1_1", category)
    if "recist" not in f"{category} {next(iter(reading.rows.get('PARAM', ())), '')}".lower():
        reading.doubt(f"the responses of {responses.file.name} are by RECIST 1.1")
    reading.close()
