"""Patients and their follow-up from tables of the OMOP common data model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from prrt_outcomes.adopt.omop_concepts import NO_CONCEPT, Part, normalise
from prrt_outcomes.adopt.omop_mapping import OmopMapping
from prrt_outcomes.adopt.plan import SourcePlan

PERSON, PERIOD, DEATH, CONDITION, EPISODE = (
    "person",
    "observation_period",
    "death",
    "condition_occurrence",
    "episode",
)
MIDNIGHT = r"^\d{4}-\d\d-\d\d([ T]00:00(:00(\.0+)?)?)?$"
END = "observation_period_end_date"


def plan_patients(omop: OmopMapping, genders: Sequence[Part], conditions: Sequence[Part]) -> None:
    """One patient a person, with the first condition that is a tumour of ours."""
    tables = omop.tables
    source = SourcePlan(tables.place(PERSON))
    omop.take(source, PERSON, {"patient_id": "person_id"})
    _take_sex(omop, source, genders)
    names = [n for n in ("year_of_birth", "month_of_birth", "day_of_birth", "birth_datetime", "care_site_id")
             if tables.has(PERSON, n)]  # fmt: skip
    rows = tables.read(PERSON, names)
    filled = {name: f"{int((~rows[name].isin(NO_CONCEPT)).sum())} of {len(rows)} filled" for name in names}
    omop.take(source, PERSON, {"birth_year": "year_of_birth"}, filled["year_of_birth"])
    if _has_birth_dates(rows):
        omop.take(
            source, PERSON, {"birth_date": "birth_datetime"}, "for the age at the first cycle; not kept"
        )
    if "care_site_id" in rows and not rows["care_site_id"].isin(NO_CONCEPT).all():
        omop.take(source, PERSON, {"centre_id": "care_site_id"}, filled["care_site_id"])
    source.settings["missing"] = ["", "0"]
    source.evidence["missing"] = "0 is no concept"
    _join_tumours(omop, source, conditions)
    omop.plan.add("patients", source)


def _take_sex(omop: OmopMapping, source: SourcePlan, parts: Sequence[Part]) -> None:
    if not parts:
        return
    names = [omop.tables.name(PERSON, part.column) for part in parts]
    evidence = "; ".join(part.describe() for part in parts)
    source.add_column("sex", names[0] if len(names) == 1 else tuple(names), evidence)
    for part in parts:
        source.add_values("sex", {key: match.code.value for key, match in part.keys.items()})
    omop.need(PERSON, [part.column for part in parts], {})
    column = parts[0].column
    if column.endswith("_concept_id"):
        counts = omop.tables.count(PERSON, [column])
        others = [text for text in counts[column] if text not in parts[0].keys and text not in NO_CONCEPT]
        source.add_values("sex", dict.fromkeys(others, "unknown"))


def _has_birth_dates(rows: pd.DataFrame) -> bool:
    """Whether dates of birth are whole: month and day are filled as well, and the time of day is midnight."""
    if not {"birth_datetime", "month_of_birth", "day_of_birth"} <= set(rows):
        return False
    filled = rows["birth_datetime"] != ""
    whole = (rows["month_of_birth"] != "") & (rows["day_of_birth"] != "")
    return bool(
        filled.any() and whole[filled].all() and rows.loc[filled, "birth_datetime"].str.match(MIDNIGHT).all()
    )


def _join_tumours(omop: OmopMapping, source: SourcePlan, parts: Sequence[Part]) -> None:
    """Type and date of the first tumour of each person; further ones of another type are a doubt."""
    frames = []
    for part in parts:
        rows = omop.read(part, ["person_id", "condition_start_date", "condition_occurrence_id"])
        codes = {key: match.code.value for key, match in part.keys.items()}
        frames.append(rows.assign(part=part.column, tumour_type=rows[part.column].map(codes)))
    if not frames:
        omop.plan.notes.append("no condition was recognised as a tumour type")
        return
    found = pd.concat(frames, ignore_index=True)
    found = found.sort_values(["person_id", "condition_start_date"], kind="stable")
    first = found[~found.duplicated("person_id")]
    several = int((found.groupby("person_id")["tumour_type"].nunique() > 1).sum())
    if several:
        omop.doubt(f"tumour_type: persons with conditions of several types: {several}; the earliest is read")
    omop.doubt("diagnosis_date is the date of the first condition of the tumour that is recorded")
    types: list[str] = []
    dates: list[str] = []
    for part in parts:
        own = first[first["part"] == part.column]
        if not len(own):
            continue
        keys = {key: part.keys[key] for key in own[part.column].unique()}
        names = [part.column, "condition_start_date"]
        prefix = f"{part.column.removeprefix('condition_')} " if types else ""
        join = _join(omop, CONDITION, names, prefix)
        join["filter"] = {omop.tables.name(CONDITION, part.column): list(keys)}
        rows = found[(found["part"] == part.column) & found[part.column].isin(keys)]
        _choose_by_id(omop, join, CONDITION, rows, own)
        omop.need(CONDITION, [], {part.column: list(keys)})
        source.settings.setdefault("join", []).append(join)
        types.append(prefix + omop.tables.name(CONDITION, part.column))
        dates.append(prefix + omop.tables.name(CONDITION, "condition_start_date"))
        source.add_values("tumour_type", {key: match.code.value for key, match in keys.items()})
    evidence = "; ".join(part.describe() for part in parts)
    source.add_column("tumour_type", _one_or_all(types), f"persons: {len(first)}; {evidence}")
    source.add_column("diagnosis_date", _one_or_all(dates), "start of the first such condition")


def _one_or_all(names: Sequence[str]) -> str | tuple[str, ...]:
    return names[0] if len(names) == 1 else tuple(names)


def _join(omop: OmopMapping, table: str, columns: Sequence[str], prefix: str = "") -> dict[str, Any]:
    """Columns of a table, joined to those of persons."""
    name = omop.tables.name
    omop.need(table, ["person_id", *columns], {})
    left, right = name(PERSON, "person_id"), name(table, "person_id")
    join: dict[str, Any] = {
        "file": omop.tables.place(table),
        "on": left if left == right else {left: right},
        "columns": [name(table, column) for column in columns],
    }
    return join | ({"prefix": prefix} if prefix else {})


def _choose_by_id(
    omop: OmopMapping, join: dict[str, Any], table: str, rows: pd.DataFrame, kept: pd.DataFrame
) -> None:
    """One row a person: the others are left out by their identifiers, or those that are kept are named."""
    column = f"{table}_id"
    left = rows[~rows[column].isin(kept[column])]
    if not len(left):
        return
    omop.need(table, [column], {})
    setting, values = ("exclude", left) if len(left) <= len(kept) else ("filter", kept)
    join.setdefault(setting, {})[omop.tables.name(table, column)] = list(values[column])


def plan_follow_up(omop: OmopMapping, episodes: Sequence[Part], cycles: pd.DataFrame) -> None:
    """Each person alive at the end of the last period of observation, or dead at the date of death."""
    tables = omop.tables
    source = SourcePlan(tables.place(PERSON))
    omop.take(source, PERSON, {"patient_id": "person_id"})
    joins, contact = [], []
    persons = set(tables.read(PERSON, ["person_id"])["person_id"])
    seen: set[str] = set()
    if tables.has(DEATH, "person_id", "death_date"):
        deaths = tables.read(DEATH, list(tables.columns[DEATH]))
        deaths = deaths[deaths["person_id"].isin(persons)]
        if len(deaths):
            seen |= set(deaths["person_id"])
            joins.append(_take_deaths(omop, source, deaths))
            contact.append(tables.name(DEATH, "death_date"))
    if tables.has(PERIOD, "person_id", END, "observation_period_id"):
        rows = tables.read(PERIOD, ["person_id", END, "observation_period_id"])
        last = rows.sort_values(END, kind="stable").drop_duplicates("person_id", keep="last")
        join = _join(omop, PERIOD, [END])
        _choose_by_id(omop, join, PERIOD, rows, last)
        joins.append(join)
        contact.append(tables.name(PERIOD, END))
        seen |= set(last["person_id"])
        omop.doubt("last_contact_date of the living is the end of their last observation_period")
    source.add_column("last_contact_date", _one_or_all(contact) if contact else None, "")
    progression = _take_progressions(omop, source, episodes, cycles)
    source.settings["join"] = [*joins, *progression]
    lost = sorted(persons - seen)
    if lost:
        source.settings["exclude"] = {tables.name(PERSON, "person_id"): lost}
        source.evidence["exclude"] = "neither death nor observation_period"
        omop.doubt(f"persons with neither death nor observation_period: {len(lost)}; they have no follow-up")
    if "vital_status" not in source.settings["columns"]:
        source.add_constant("vital_status", "alive", "no row of death")
    omop.plan.add("follow_up", source)


def _take_deaths(omop: OmopMapping, source: SourcePlan, deaths: pd.DataFrame) -> dict[str, Any]:
    """Who has a row of death is dead, everybody else alive; recognised by the fullest column with fewest values."""
    told = [name for name in map(str, deaths) if name.endswith(("_concept_id", "_source_value"))]
    names = [name for name in (*told, "death_date") if (deaths[name] != "").all()]
    name = min(names, key=lambda column: deaths[column].nunique())
    columns = list(dict.fromkeys(["death_date", name]))
    cause = next((c for c in ("cause_source_value", "cause_concept_id") if c in deaths), None)
    join = _join(omop, DEATH, columns)
    theirs = omop.tables.name(DEATH, name)
    source.add_column(
        "vital_status", theirs, f"persons with a row of death, which fills this column: {len(deaths)}"
    )
    source.add_values("vital_status", dict.fromkeys(sorted(deaths[name].unique()), "dead"))
    source.settings["default"] = {"vital_status": "alive"}
    source.evidence["default.vital_status"] = "no row of death"
    source.add_column("death_date", omop.tables.name(DEATH, "death_date"), "")
    if omop.concepts.is_there and cause and "cause_concept_id" in deaths:
        known = omop.concepts.look_up(deaths["cause_concept_id"])
        labels = {text: known[normalise(text)].name for text in deaths["cause_concept_id"].unique()
                  if normalise(text) in known and known[normalise(text)].name}  # fmt: skip
        if labels and name != "cause_concept_id":
            theirs = omop.tables.name(DEATH, "cause_concept_id")
            join["columns"].append(theirs)
            omop.need(DEATH, ["cause_concept_id"], {})
            source.add_column("death_cause", theirs, "names of the concepts")
            others = [t for t in deaths["cause_concept_id"].unique() if t not in labels]
            source.add_values("death_cause", labels | dict.fromkeys([t for t in others if t], None))
    return join


def _take_progressions(
    omop: OmopMapping, source: SourcePlan, parts: Sequence[Part], cycles: pd.DataFrame
) -> list[dict[str, Any]]:
    """The first episode of progression of each person after the first cycle."""
    frames = []
    for part in parts:
        keys = {key: match for key, match in part.keys.items() if match.code.value == "progression"}
        if keys:
            rows = omop.read(replace(part, keys=keys), ["person_id", "episode_start_date", "episode_id"])
            frames.append(rows.assign(part=part.column))
    if not frames:
        return []
    found = pd.concat(frames, ignore_index=True)
    start = cycles.groupby("person_id")["date"].min() if len(cycles) else pd.Series(dtype=object)
    begun = found["person_id"].map(start).fillna("")
    after = found[found["episode_start_date"] > begun].sort_values("episode_start_date", kind="stable")
    first = after.drop_duplicates("person_id")
    early = len(found) - len(after)
    words = f"; {early} that lie before are left out" if early else ""
    omop.doubt(f"progression_date is the first episode of progression after the first cycle{words}")
    if not len(first):
        return []
    join = _join(omop, EPISODE, ["episode_start_date"])
    join["filter"] = {omop.tables.name(EPISODE, "episode_id"): list(first["episode_id"])}
    omop.need(EPISODE, ["episode_id"], {"episode_id": list(first["episode_id"])})
    source.add_column(
        "progression_date",
        omop.tables.name(EPISODE, "episode_start_date"),
        f"persons with an episode of progression: {len(first)}",
    )
    return [join]
