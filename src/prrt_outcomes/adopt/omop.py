"""The OMOP common data model 5.4, in a folder of files or a database, as a study: which tables it has."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pandas as pd

from prrt_outcomes.adopt.omop_codes import read_codes
from prrt_outcomes.adopt.omop_mapping import NO_CONCEPT, OmopMapping, Part
from prrt_outcomes.adopt.omop_tables import load_tables, open_source
from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan, name_some, say
from prrt_outcomes.cohort.vocabulary import find_word
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
    with ExitStack() as stack:
        tables = stack.enter_context(closing(open_source(sources[0])))
        plan = _plan(OmopMapping(tables, known, StudyPlan()))
        if tables.database:
            plan.database = tables
            plan.notes.append(f"the files are an extract of {tables.database}, which was only read")
            stack.pop_all()  # it is closed once the files are written
    return plan


def _plan(omop: OmopMapping) -> StudyPlan:
    plan, tables, specs = omop.plan, omop.tables, load_tables()
    if not omop.has_concepts:
        plan.doubts.append(say("no_concepts"))
    parts = omop.find(specs["cycles"])
    columns = ["person_id", "drug_exposure_start_date", DOSE, DOSE_UNIT, DRUG_ID]
    frames = [omop.read(part, columns).assign(column=part.column) for part in parts]
    agents = [f.assign(agent=f[part.column].map(part.values)) for f, part in zip(frames, parts, strict=True)]
    cycles = pd.concat(agents, ignore_index=True) if agents else pd.DataFrame(columns=[*columns, "column"])
    total, treated = len(tables.read("person", ["person_id"])), list(dict.fromkeys(cycles["person_id"]))
    if treated:  # the tables are narrowed to the persons who have a cycle
        plan.notes.append(say("cycles_of_persons", cycles=len(cycles), treated=len(treated), total=total))
        tables.persons = treated
    else:
        plan.doubt(say("no_prrt", total=total))
    plan_patients(omop, specs)
    _plan_cycles(omop, parts, cycles)
    for spec in specs["therapies"]:
        _plan_therapies(omop, spec)
    _plan_labs(omop, specs["labs"])
    plan_follow_up(omop, specs["progression"], parts)
    has_progression = "progression_date" in plan.tables["follow_up"][0].settings["columns"]
    plan.settings["endpoints"] = ["pfs", "os", "ttp"] if has_progression else ["os"]
    if tables.others:
        plan.notes.append(f"tables that are not read: {', '.join(tables.others)}")
    omop.finish()
    return plan


def _plan_cycles(omop: OmopMapping, parts: Sequence[Part], cycles: pd.DataFrame) -> None:
    """Exposures to a radiopharmaceutical; the quantity is the activity where a unit of activity stands beside it."""
    spec = load_tables()["cycles"]
    for part in parts:
        rows = cycles[cycles["column"] == part.column]
        again = cycles.duplicated(["person_id", "drug_exposure_start_date", "agent"])[rows.index]
        texts = [t for t in rows[DOSE_UNIT].unique() if (rows.loc[rows[DOSE_UNIT] == t, DOSE] != "").any()]
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
                evidence = f"{len(own)} rows with a dose in {unit}"
                omop.take(source, part.table, {"activity_gbq": DOSE}, evidence)
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
        names = ["unit_concept_id", "unit_source_value"]
        counts = omop.read(part, names, filled="value_as_number", counted=True)
        by_concept = _find_units(omop, counts["unit_concept_id"].unique(), is_id=True)
        left = counts[~counts["unit_concept_id"].isin(by_concept)]
        is_named = left["unit_source_value"] != ""
        by_text = _find_units(omop, left.loc[is_named, "unit_source_value"].unique(), is_id=False)
        for name, units in zip(names, (by_concept, by_text), strict=True):
            if not units:
                continue
            source = omop.start(part, spec)
            if units is by_text:
                source.settings["not_empty"] = [omop.tables.name(part.table, name)]
            if by_concept:
                setting = "filter" if units is by_concept else "exclude"
                source.choose(setting, omop.tables.name(part.table, names[0]), list(by_concept))
            omop.take(source, part.table, {"unit": name}, ", ".join(units.values()))
            source.add_values("unit", units)
            source.add_column("sequence", None, "samples of one day are numbered")
            omop.plan.add("labs", source)
        n = int(left.loc[~is_named, "n"].sum())
        if n:
            omop.plan.notes.append(f"laboratory values without a unit, left out: {n} of {part.describe()}")


def _find_units(omop: OmopMapping, texts: Iterable[str], *, is_id: bool) -> dict[str, str]:
    texts = list(texts)
    codes = omop.find_codes(texts, "unit", is_id=is_id)
    concepts = omop.look_up(texts) if is_id else {}
    written = {t: concepts[t].code if t in concepts else t for t in texts if t not in NO_CONCEPT}
    ours = {text: code.value for text, code in codes.items() if code.column == "unit"}
    return {text: ours.get(text, unit) for text, unit in written.items() if unit}


PERSON, PERIOD, DEATH = "person", "observation_period", "death"
END = "observation_period_end_date"
MIDNIGHT = r"^\d{4}-\d\d-\d\d([ T]00:00(:00(\.0+)?)?)?$"
OF_BIRTH = ["birth_datetime", "month_of_birth", "day_of_birth"]


def plan_patients(omop: OmopMapping, specs: Mapping[str, Any]) -> None:
    """One patient a person, with the first tumour, Ki-67 and grade that are recorded."""
    tables = omop.tables
    source = SourcePlan(tables.place(PERSON))
    omop.take(source, PERSON, {"patient_id": "person_id"})
    _take_sex(omop, source, omop.find(specs["sex"]))
    names = [n for n in ("year_of_birth", *OF_BIRTH, "care_site_id") if tables.has(PERSON, n)]
    rows = tables.read(PERSON, names)
    filled = {name: f"{int((~rows[name].isin(NO_CONCEPT)).sum())} of {len(rows)} filled" for name in names}
    omop.take(source, PERSON, {"birth_year": "year_of_birth"}, filled["year_of_birth"])
    born = rows[rows["birth_datetime"] != ""] if set(OF_BIRTH) <= set(names) else rows.iloc[:0]
    # dates of birth are whole where month and day are filled as well, and the time of day is midnight
    if (
        len(born)
        and (born[OF_BIRTH] != "").all(axis=None)
        and born["birth_datetime"].str.match(MIDNIGHT).all()
    ):
        omop.take(
            source, PERSON, {"birth_date": "birth_datetime"}, "for the age at the first cycle; not kept"
        )
    if "care_site_id" in names and not rows["care_site_id"].isin(NO_CONCEPT).all():
        omop.take(source, PERSON, {"centre_id": "care_site_id"}, filled["care_site_id"])
    source.settings["missing"] = ["", "0"]
    source.evidence["missing"] = "0 is no concept"
    _join_first(omop, source, specs["tumour"])
    omop.plan.add("patients", source)
    # in mappings of their own, where 0 is a value, and other texts mean missing
    for spec in specs["measured"]:
        source = SourcePlan(tables.place(PERSON), {"merge": True})
        omop.take(source, PERSON, {"patient_id": "person_id"})
        _join_first(omop, source, spec)
        if spec["ours"] in source.settings["columns"]:
            omop.plan.add("patients", source)


def _take_sex(omop: OmopMapping, source: SourcePlan, parts: Sequence[Part]) -> None:
    """Sex by the first column that says it; other identifiers of its concept are unknown."""
    names = [omop.tables.name(PERSON, part.column) for part in parts]
    if names:
        evidence = "; ".join(part.describe() for part in parts)
        source.add_column("sex", tuple(names), evidence)
    for part in parts:
        source.add_values("sex", part.values)
        if part is parts[0] and part.column.endswith("_id"):
            found = omop.tables.read(PERSON, [part.column], counted=True)[part.column]
            others = [text for text in found if text not in part.codes and text not in NO_CONCEPT]
            source.add_values("sex", dict.fromkeys(others, "unknown"))


def _join_first(omop: OmopMapping, source: SourcePlan, spec: Mapping[str, Any]) -> None:
    """Join what was recorded first of each person; persons with several values are a doubt."""
    table, ours, dated = spec["table"], spec["ours"], spec.get("date_is")
    values = [name for name in spec.get("values", ()) if omop.tables.has(table, name)]
    found: dict[str, list[str]] = {}
    several: set[str] = set()
    parts = omop.find(spec)
    for i, part in enumerate(parts):
        columns = values or [part.column]
        rows = omop.read(part, ["person_id", *columns])
        rows["meant"] = rows[columns].agg(" ".join, axis=1) if values else rows[part.column].map(part.values)
        n_values = rows.groupby("person_id")["meant"].nunique()
        several |= set(n_values.index[n_values > 1])
        taken = [*columns, *([spec["date"]] if dated else [])]
        more: dict[str, Any] = {"prefix": "of the source " * i, "earliest": spec["date"]}
        if len(values) == 1:
            more["not_empty"] = values
        names = omop.join(source, table, taken, part, **more)
        found.setdefault(ours, []).extend(names[: len(columns)])
        if dated:
            found.setdefault(dated, []).append(names[-1])
        if not values:
            source.add_values(ours, part.values)
        elif len(values) > 1:
            _add_meanings(omop, source, ours, rows[values])
    for name, theirs in found.items():
        evidence = "; ".join(part.describe() for part in parts) if name == ours else ""
        source.add_column(name, tuple(theirs), evidence)
    if several:
        omop.plan.doubt(f"{ours}: persons with several of them: {len(several)}; the earliest is read")
    if found and dated:
        omop.plan.doubt(f"{dated} is the date of the first condition of the tumour that is recorded")
    elif dated:
        omop.plan.notes.append("no condition was recognised as a tumour type")


def _add_meanings(omop: OmopMapping, source: SourcePlan, ours: str, cells: pd.DataFrame) -> None:
    """What the values of a measurement mean, by their concept or text; those that mean nothing are missing."""
    for name in cells:
        texts = [text for text in cells[name].unique() if text not in NO_CONCEPT]
        codes = omop.find_codes(texts, ours, is_id=str(name).endswith("_id"))
        source.add_values(ours, {text: code.value for text, code in codes.items()})
        for text, code in codes.items():
            if code.is_doubtful:
                omop.plan.doubt(f"{ours}: {text!r} is read as {code.value}: {code.note}")
        unknown = [text for text in texts if text not in codes and not find_word(ours, text)]
        missing = source.settings.setdefault("missing", ["", "0"])
        missing += [text for text in unknown if text not in missing]
        if unknown:
            omop.plan.doubt(f"{ours}: {name_some(map(repr, unknown))} of {name} not known, read as missing")


def plan_follow_up(omop: OmopMapping, progression: Mapping[str, Any], cycles: Sequence[Part]) -> None:
    """Each person alive at the end of the last period of observation, or dead at the date of death."""
    tables = omop.tables
    source = SourcePlan(tables.place(PERSON))
    omop.take(source, PERSON, {"patient_id": "person_id"})
    contact: list[str] = []
    persons = set(tables.read(PERSON, ["person_id"])["person_id"])
    seen: set[str] = set()
    if tables.has(DEATH):
        deaths = tables.read(DEATH, list(tables.columns[DEATH]))
        deaths = deaths[deaths["person_id"].isin(persons)]
        if len(deaths):
            seen |= set(deaths["person_id"])
            contact += _take_deaths(omop, source, deaths)
    if tables.has(PERIOD):
        seen |= set(tables.read(PERIOD, ["person_id"], filled=END)["person_id"])
        contact += omop.join(source, PERIOD, [END], latest=END)
        omop.plan.doubt("last_contact_date of the living is the end of their last observation_period")
    source.add_column("last_contact_date", tuple(contact) or None, "")
    _take_progressions(omop, source, omop.find(progression), cycles)
    lost = sorted(persons - seen)
    if lost:
        name = tables.name(PERSON, "person_id")
        source.choose("exclude", name, lost, "neither death nor observation_period")
        omop.plan.doubt(say("no_follow_up", n=len(lost)))
    if "vital_status" not in source.settings["columns"]:
        source.add_constant("vital_status", "alive", "no row of death")
    omop.plan.add("follow_up", source)


def _take_deaths(omop: OmopMapping, source: SourcePlan, deaths: pd.DataFrame) -> list[str]:
    """Who has a row of death is dead, everybody else alive; recognised by the fullest column with fewest values."""
    told = [name for name in map(str, deaths) if name.endswith(("_concept_id", "_source_value"))]
    names = [name for name in (*told, "death_date") if (deaths[name] != "").all()]
    name = min(names, key=lambda column: deaths[column].nunique())
    evidence = f"persons with a row of death, which fills this column: {len(deaths)}"
    source.add_column("vital_status", omop.tables.name(DEATH, name), evidence)
    source.add_values("vital_status", dict.fromkeys(sorted(deaths[name].unique()), "dead"))
    source.settings["default"] = {"vital_status": "alive"}
    source.evidence["default.vital_status"] = "no row of death"
    omop.take(source, DEATH, {"death_date": "death_date"})
    columns = list(dict.fromkeys(["death_date", name]))
    if omop.has_concepts and "cause_concept_id" in deaths and name != "cause_concept_id":
        causes = deaths["cause_concept_id"].unique()
        known = omop.look_up(causes)
        labels = {text: known[text].name if text in known else "" for text in causes if text}
        if any(labels.values()):
            columns.append("cause_concept_id")
            omop.take(source, DEATH, {"death_cause": "cause_concept_id"}, "names of the concepts")
            source.add_values("death_cause", {text: label or None for text, label in labels.items()})
    return omop.join(source, DEATH, columns)[:1]


def _take_progressions(
    omop: OmopMapping, source: SourcePlan, parts: Sequence[Part], cycles: Sequence[Part]
) -> None:
    """The first episode of progression of each person after the first cycle."""
    start, day = "drug_exposure_start_date", "episode_start_date"
    found = [part.choose(t for t, value in part.values.items() if value == "progression") for part in parts]
    found = [part for part in found if part.codes]
    if not found:
        return
    begun: list[str] = []
    for i, part in enumerate(cycles):
        prefix = f"cycle {'of the source ' * i}"
        begun += omop.join(source, "drug_exposure", [start], part, prefix=prefix, earliest=start)
    dates: list[str] = []
    for i, part in enumerate(found):
        prefix = "of the source " * i
        dates += omop.join(source, "episode", [day], part, prefix=prefix, earliest=day, after=begun)
    n = sum(sum(part.counts[text] for text in part.codes) for part in found)
    evidence = f"{n} episodes of progression"
    source.add_column("progression_date", tuple(dates), evidence)
    omop.plan.doubt("progression_date is the first episode of progression after the first cycle")
