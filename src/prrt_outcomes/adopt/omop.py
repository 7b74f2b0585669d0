"""The OMOP common data model 5.4, in a folder of files or a database, as a study: which tables it has."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from prrt_outcomes.adopt.omop_codes import read_codes
from prrt_outcomes.adopt.omop_mapping import NO_CONCEPT, OmopMapping, Part
from prrt_outcomes.adopt.omop_people import plan_follow_up, plan_patients
from prrt_outcomes.adopt.omop_tables import load_tables, open_source
from prrt_outcomes.adopt.plan import StudyPlan, say
from prrt_outcomes.errors import UsageError

DOSE, DOSE_UNIT, DRUG_ID = "quantity", "dose_unit_source_value", "drug_exposure_id"
INJECTIONS = ("ssa_long_acting", "ssa_short_acting")


def plan_omop(sources: Sequence[Path | str], codes: Path | None) -> StudyPlan:
    """Plan a study from one folder of csv or parquet files, a DuckDB file or a database.

    codes : a table of codes that goes before the one that ships with the package
    Raises UsageError where there is not one source; InputError where it is no such data model or cannot be read.
    """
    if len(sources) != 1:
        raise UsageError(say("omop_source"))
    known = read_codes(codes)
    tables = open_source(sources[0])
    try:
        plan = _plan(OmopMapping(tables, known, StudyPlan()))
    except BaseException:
        tables.close()
        raise
    if tables.database:
        plan.database = tables
        plan.notes.append(f"the files are an extract of {tables.database}, which was only read")
    else:
        tables.close()
    return plan


def _plan(omop: OmopMapping) -> StudyPlan:
    plan, tables, specs = omop.plan, omop.tables, load_tables()
    if not omop.has_concepts:
        plan.doubts.append(say("no_concepts"))
    parts = omop.find(specs["cycles"])
    cycles = _read_cycles(omop, parts)
    _find_persons(omop, cycles)
    plan_patients(omop, specs)
    _plan_cycles(omop, parts, cycles)
    for spec in specs["therapies"]:
        _plan_therapies(omop, spec)
    _plan_labs(omop, specs["labs"])
    plan_follow_up(omop, specs["progression"], parts)
    columns = plan.tables["follow_up"][0].settings["columns"]
    plan.settings["endpoints"] = ["pfs", "os", "ttp"] if "progression_date" in columns else ["os"]
    if tables.others:
        plan.notes.append(f"tables that are not read: {', '.join(tables.others)}")
    omop.finish()
    return plan


def _find_persons(omop: OmopMapping, cycles: pd.DataFrame) -> None:
    """Narrow the tables to the persons who have a cycle; to none where nobody has one."""
    total = len(omop.tables.read("person", ["person_id"]))
    treated = list(dict.fromkeys(cycles["person_id"]))
    if not treated:
        omop.plan.doubt(say("no_prrt", total=total))
        return
    found = {"cycles": len(cycles), "treated": len(treated), "total": total}
    omop.plan.notes.append(say("cycles_of_persons", **found))
    omop.tables.persons = treated


def _read_cycles(omop: OmopMapping, parts: Sequence[Part]) -> pd.DataFrame:
    """Cycles as the table has them: person, date, dose, its unit, identifier of the row; with agent and column."""
    columns = ["person_id", "drug_exposure_start_date", DOSE, DOSE_UNIT, DRUG_ID]
    frames = [omop.read(part, columns).assign(column=part.column) for part in parts]
    for frame, part in zip(frames, parts, strict=True):
        frame["agent"] = frame[part.column].map(part.values)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*columns, "column"])


def _plan_cycles(omop: OmopMapping, parts: Sequence[Part], cycles: pd.DataFrame) -> None:
    """Exposures to a radiopharmaceutical; the quantity is the activity where a unit of activity stands beside it."""
    spec = load_tables()["cycles"]
    for part in parts:
        rows = cycles[cycles["column"] == part.column]
        again = cycles.duplicated(["person_id", "drug_exposure_start_date", "agent"])[rows.index]
        texts = [
            text for text in rows[DOSE_UNIT].unique() if (rows.loc[rows[DOSE_UNIT] == text, DOSE] != "").any()
        ]
        codes = omop.find_codes(texts, "unit", is_id=False)
        units = {text: code.value for text, code in codes.items() if code.column == "activity_gbq"}
        found = rows[DOSE_UNIT].map(units).fillna("")
        for unit in sorted(found.unique(), reverse=True):
            source = omop.start(part, spec)
            own = rows[found == unit]
            if len(own) < len(rows):
                name = omop.tables.name(part.table, DOSE_UNIT)
                source.choose("filter", name, list(own[DOSE_UNIT].unique()))
            if unit:
                omop.take(
                    source, part.table, {"activity_gbq": DOSE}, f"{len(own)} rows with a dose in {unit}"
                )
                source.settings["units"] = {"activity_gbq": unit}
            else:
                omop.plan.notes.append(say("no_activity", n=len(own), total=len(rows)))
            if again[own.index].any() and (own[DRUG_ID] != "").all():
                ids = own.groupby(again[own.index])[DRUG_ID].agg(list)
                omop.choose_shorter(source, DRUG_ID, ids.get(False, []), ids[True], "each cycle once")
            omop.plan.add("cycles", source)
        if again.any():
            omop.plan.doubt(say("repeated_cycles", n=again.sum()))


def _plan_therapies(omop: OmopMapping, spec: Mapping[str, Any]) -> None:
    """Other drugs, procedures and regimens; the end of an injection of an analogue says nothing and is not read."""
    for part in omop.find(spec):
        injections = [text for text, value in part.values.items() if value in INJECTIONS]
        for texts in (injections, [text for text in part.codes if text not in injections]):
            if not texts:
                continue
            chosen = part.choose(texts)
            source = omop.start(chosen, spec)
            if texts is injections:
                source.settings["columns"].pop("end_date", None)
            source.add_column("drug", omop.tables.name(part.table, part.column), "")
            source.add_values("drug", {text: part.labels[text] for text in texts})
            source.add_column("sequence", None, "rows of one day are numbered")
            omop.plan.add("therapies", source)


def _plan_labs(omop: OmopMapping, spec: Mapping[str, Any]) -> None:
    """Measurements of the analytes, with the unit of each row by its concept, else by the text of the source."""
    for part in omop.find(spec):
        counts = omop.read(
            part, ["unit_concept_id", "unit_source_value"], filled="value_as_number", counted=True
        )
        by_concept = _find_units(omop, counts["unit_concept_id"].unique(), is_id=True)
        left = counts[~counts["unit_concept_id"].isin(by_concept)]
        is_named = left["unit_source_value"] != ""
        by_text = _find_units(omop, left.loc[is_named, "unit_source_value"].unique(), is_id=False)
        for name, units in {"unit_concept_id": by_concept, "unit_source_value": by_text}.items():
            if not units:
                continue
            source = omop.start(part, spec)
            if units is by_concept:
                source.choose("filter", omop.tables.name(part.table, name), list(units))
            else:
                source.settings["not_empty"] = [omop.tables.name(part.table, name)]
                if by_concept:
                    source.choose(
                        "exclude", omop.tables.name(part.table, "unit_concept_id"), list(by_concept)
                    )
            omop.take(source, part.table, {"unit": name}, ", ".join(units.values()))
            source.add_values("unit", units)
            source.add_column("sequence", None, "samples of one day are numbered")
            omop.plan.add("labs", source)
        n = int(left.loc[~is_named, "n"].sum())
        if n:
            omop.plan.notes.append(f"laboratory values without a unit, left out: {n} of {part.describe()}")


def _find_units(omop: OmopMapping, texts: Iterable[str], *, is_id: bool) -> dict[str, str]:
    """Units as they are written here, of identifiers of UCUM that are known or of texts of the source."""
    texts = list(texts)
    codes = omop.find_codes(texts, "unit", is_id=is_id)
    concepts = omop.look_up(texts) if is_id else {}
    written = {
        text: concepts[text].code if text in concepts else text for text in texts if text not in NO_CONCEPT
    }
    ours = {text: code.value for text, code in codes.items() if code.column == "unit"}
    return {text: ours.get(text, unit) for text, unit in written.items() if unit}
