"""Cycles, other therapies and laboratory values from tables of the OMOP common data model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas as pd

from prrt_outcomes.adopt.omop_concepts import NO_CONCEPT, Part, normalise
from prrt_outcomes.adopt.omop_mapping import OmopMapping, exclude_rows
from prrt_outcomes.adopt.plan import SourcePlan
from prrt_outcomes.tables.schema import load_schema

DRUG_DATES = ("drug_exposure_start_date", "drug_exposure_end_date")
DOSE, DOSE_UNIT, DRUG_ID = "quantity", "dose_unit_source_value", "drug_exposure_id"
INJECTIONS = ("ssa_long_acting", "ssa_short_acting")


def read_cycles(omop: OmopMapping, parts: Sequence[Part]) -> pd.DataFrame:
    """Cycles as the table has them: person_id, date, radiopharmaceutical, dose, unit of dose, identifier of the row."""
    frames = []
    for part in parts:
        rows = omop.read(part, ["person_id", DRUG_DATES[0], DOSE, DOSE_UNIT, DRUG_ID])
        codes = {key: match.code.value for key, match in part.keys.items()}
        agent = rows[part.column].map(codes)
        frames.append(rows.rename(columns={DRUG_DATES[0]: "date"}).assign(agent=agent, column=part.column))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["person_id", "date"])


def plan_cycles(omop: OmopMapping, parts: Sequence[Part], cycles: pd.DataFrame) -> None:
    """Exposures to a radiopharmaceutical; the quantity is the activity where a unit of activity stands beside it."""
    repeats = cycles[cycles.duplicated(["person_id", "date", "agent"])]
    if len(repeats):
        omop.doubt(
            f"{len(repeats)} rows of drug_exposure repeat a cycle of the same day and drug; the first of them is read"
        )
    for part in parts:
        rows = cycles[cycles["column"] == part.column]
        again = repeats[repeats["column"] == part.column]
        units = _find_units(omop, rows)
        known = list(units)
        for unit in dict.fromkeys(units.values()):
            texts = [text for text, meant in units.items() if meant == unit]
            source = _start_cycles(omop, part, rows, again)
            source.settings["filter"][omop.tables.name(part.table, DOSE_UNIT)] = texts
            n = int(rows[DOSE_UNIT].isin(texts).sum())
            omop.take(source, part.table, {"activity_gbq": DOSE}, f"{n} rows with a dose in {unit}")
            if unit != "GBq":
                source.settings["units"] = {"activity_gbq": unit}
            omop.plan.add("cycles", source)
        if DOSE_UNIT not in rows or not rows[DOSE_UNIT].isin(known).all():
            source = _start_cycles(omop, part, rows, again)
            if known:
                excluded = source.settings.setdefault("exclude", {})
                excluded[omop.tables.name(part.table, DOSE_UNIT)] = known
            omop.plan.add("cycles", source)
            n = len(rows) - int(rows[DOSE_UNIT].isin(known).sum()) if DOSE_UNIT in rows else len(rows)
            omop.plan.notes.append(
                f"{n} of {len(rows)} cycles have no activity: no unit of activity stands by the quantity"
            )


def _start_cycles(omop: OmopMapping, part: Part, rows: pd.DataFrame, again: pd.DataFrame) -> SourcePlan:
    source = omop.start(part, {"patient_id": "person_id", "cycle_date": DRUG_DATES[0]})
    omop.add_meaning(source, part, "radiopharmaceutical")
    omop.need(part.table, [name for name in (DOSE_UNIT,) if omop.tables.has(part.table, name)], {})
    if len(again) and DRUG_ID in rows:
        omop.need(part.table, [DRUG_ID], {})
        kept = rows[~rows[DRUG_ID].isin(again[DRUG_ID])]
        name = omop.tables.name(part.table, DRUG_ID)
        exclude_rows(source, name, list(again[DRUG_ID]), list(kept[DRUG_ID]), "each cycle once")
    return source


def _find_units(omop: OmopMapping, rows: pd.DataFrame) -> dict[str, str]:
    """Texts of the unit of dose that are units of activity, with the unit."""
    if DOSE not in rows or DOSE_UNIT not in rows:
        return {}
    units = {}
    for text in rows.loc[rows[DOSE] != "", DOSE_UNIT].unique():
        code = omop.codes.find_text("unit", text)
        if code is not None and code.column == "activity_gbq":
            units[text] = code.value
    return units


def plan_therapies(omop: OmopMapping, parts: Sequence[Part]) -> None:
    """Exposures to other drugs; the end of an injection of a somatostatin analogue says nothing and is not read."""
    for part in parts:
        for is_injection in (True, False):
            keys = {
                key: match
                for key, match in part.keys.items()
                if (match.code.value in INJECTIONS) == is_injection
            }
            if not keys:
                continue
            chosen = replace(part, keys=keys)
            columns = {"patient_id": "person_id", "start_date": DRUG_DATES[0]}
            if not is_injection:
                columns["end_date"] = DRUG_DATES[1]
            source = omop.start(chosen, columns)
            omop.add_meaning(source, chosen, "kind")
            source.add_column("drug", omop.tables.name(part.table, part.column), "")
            source.add_values("drug", {key: match.label for key, match in keys.items()})
            source.add_column("sequence", None, "rows of one day are numbered")
            omop.plan.add("therapies", source)


def plan_labs(omop: OmopMapping, parts: Sequence[Part]) -> None:
    """Measurements of the analytes, with the unit of each row by its concept, else by the text of the source."""
    for part in parts:
        names = [
            n
            for n in ("unit_concept_id", "unit_source_value", "value_as_number")
            if omop.tables.has(part.table, n)
        ]
        rows = omop.read(part, names)
        rows = rows[rows["value_as_number"] != ""]
        by_concept = _find_unit_concepts(omop, rows)
        if by_concept:
            source = _start_labs(omop, part)
            name = omop.tables.name(part.table, "unit_concept_id")
            source.settings["filter"][name] = list(by_concept)
            omop.take(source, part.table, {"unit": "unit_concept_id"}, ", ".join(by_concept.values()))
            source.add_values("unit", by_concept)
            omop.plan.add("labs", source)
            rows = rows[~rows["unit_concept_id"].isin(by_concept)]
        if not len(rows):
            continue
        with_text = rows[rows["unit_source_value"] != ""] if "unit_source_value" in rows else rows.iloc[:0]
        if len(with_text):
            source = _start_labs(omop, part)
            if by_concept:
                source.settings.setdefault("exclude", {})[name] = list(by_concept)
            text_name = omop.tables.name(part.table, "unit_source_value")
            source.settings["not_empty"] = [text_name]
            omop.take(source, part.table, {"unit": "unit_source_value"}, "as the source writes it")
            source.add_values("unit", _spell_units(omop, with_text["unit_source_value"].unique()))
            omop.plan.add("labs", source)
        if len(rows) > len(with_text):
            omop.plan.notes.append(
                f"laboratory values without a unit, left out: {len(rows) - len(with_text)} of {part.describe()}"
            )


def _start_labs(omop: OmopMapping, part: Part) -> SourcePlan:
    columns = {"patient_id": "person_id", "sample_date": "measurement_date"}
    source = omop.start(part, columns)
    omop.add_meaning(source, part, "analyte")
    source.add_column("sequence", None, "samples of one day are numbered")
    omop.take(
        source,
        part.table,
        {"value": "value_as_number", "lower_limit": "range_low", "upper_limit": "range_high"},
    )
    return source


def _find_unit_concepts(omop: OmopMapping, rows: pd.DataFrame) -> dict[str, str]:
    """Identifiers of units of UCUM, each with the unit as it is written here."""
    if "unit_concept_id" not in rows or not omop.concepts.is_there:
        return {}
    written = [text for text in rows["unit_concept_id"].unique() if normalise(text) not in NO_CONCEPT]
    known = omop.concepts.look_up(written)
    found = {}
    for text in written:
        concept = known[normalise(text)]
        if concept.code:
            code = omop.codes.find("unit", concept)
            found[text] = code.value if code is not None and code.column == "unit" else concept.code
    return found


def _spell_units(omop: OmopMapping, texts: Iterable[str]) -> dict[str, str]:
    """Texts of units that are written otherwise here."""
    found = {}
    for text in texts:
        code = omop.codes.find_text("unit", text)
        if code is not None and code.column == "unit":
            found[text] = code.value
    return found


def plan_regimens(omop: OmopMapping, parts: Sequence[Part]) -> None:
    """Episodes of treatment whose regimen is known by its name as a therapy other than PRRT."""
    kinds = load_schema("therapies").field("kind").codes
    for part in parts:
        regimens = {key: match for key, match in part.keys.items() if match.code.value == "regimen"}
        if not regimens or not omop.tables.has("episode", "episode_object_concept_id"):
            continue
        rows = omop.read(replace(part, keys=regimens), ["episode_object_concept_id"])
        concepts = omop.concepts.look_up(rows["episode_object_concept_id"])
        named = {}
        for text in rows["episode_object_concept_id"].unique():
            concept = concepts.get(normalise(text))
            code = omop.codes.find_name("drug", concept.name) if concept is not None else None
            if concept is not None and code is not None and code.value in kinds and code.column == "kind":
                named[text] = (code.value, concept.name)
        if not named:
            continue
        chosen = replace(part, keys=regimens)
        columns = {
            "patient_id": "person_id",
            "start_date": "episode_start_date",
            "end_date": "episode_end_date",
        }
        source = omop.start(chosen, columns)
        column = omop.tables.name("episode", "episode_object_concept_id")
        omop.need("episode", ["episode_object_concept_id"], {})
        source.settings["filter"][column] = list(named)
        source.add_column("kind", column, ", ".join(name for _, name in named.values()))
        source.add_values("kind", {text: kind for text, (kind, _) in named.items()})
        source.add_column("drug", column, "")
        source.add_values("drug", {text: name for text, (_, name) in named.items()})
        source.add_column("sequence", None, "rows of one day are numbered")
        omop.plan.add("therapies", source)
