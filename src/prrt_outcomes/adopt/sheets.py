"""Workbooks and text files made by hand: one row a patient or one row an event, in any order of sheets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prrt_outcomes.adopt.coding import Coding
from prrt_outcomes.adopt.dates_units import find_activity_unit, find_dates
from prrt_outcomes.adopt.grid import Grid, clean, fold, read_grids
from prrt_outcomes.adopt.headings import Heading, find_analyte, recognise
from prrt_outcomes.adopt.lab_sheets import plan_labs
from prrt_outcomes.adopt.layout import Column, Layout, find_layout
from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan, Unplaced
from prrt_outcomes.errors import InputError, Problem

PATIENT_COLUMNS = (
    "centre_id", "sex", "birth_date", "birth_year", "age_years", "tumour_type", "diagnosis_date", "grade",
    "ki67_percent", "functioning", "krenning_score", "liver_metastases", "bone_metastases", "ecog", "karnofsky",
    "prior_lines",
)  # fmt: skip
FOLLOW_UP_COLUMNS = ("last_contact_date", "vital_status", "death_date", "death_cause", "progression_date")
OTHER_WORDS = {"person": "names of persons are not read", "any_date": "a date of nothing that is known"}


@dataclass
class Sheet:
    """One sheet with what its columns were recognised as.

    placed : the column of each target that stands there once
    numbered : of each target the columns that carry a number
    analytes : columns of laboratory values, with their analyte and the rest of their heading
    used : names of the columns that went into a table
    """

    layout: Layout
    placed: dict[str, Column] = field(default_factory=dict)
    numbered: dict[str, dict[int, tuple[Column, Heading]]] = field(default_factory=dict)
    analytes: list[tuple[Column, str, str]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    @property
    def id_column(self) -> Column | None:
        """Column of the patients."""
        return self.placed.get("patient_id")

    @property
    def is_wide(self) -> bool:
        """Whether each patient stands in one row."""
        ids = [clean(cell) for cell in self.id_column.filled] if self.id_column else []
        return len(set(ids)) == len(ids) and not self.layout.repeats

    def take(self, target: str) -> Column | None:
        """Column of a target, noted as used."""
        column = self.placed.get(target)
        if column is not None:
            self.used.add(column.name)
        return column

    def start_source(self, columns: Iterable[Column], coding: Coding) -> SourcePlan:
        """A mapping of this sheet with the patients, the formats of some dates and the decimal mark."""
        source = SourcePlan(self.layout.grid.file, dict(self.layout.settings))
        if self.layout.has_decimal_comma:
            source.settings["decimal"] = ","
        dates = find_dates(columns)
        source.settings |= dates.settings
        coding.doubt(dates.doubt)
        identity = self.take("patient_id")
        if identity is not None:
            source.add_column("patient_id", identity.name, _filled(identity))
            if coding.width and any(
                len(clean(c)) < coding.width and clean(c).isdigit() for c in identity.filled
            ):
                source.settings["pad"] = {"patient_id": coding.width}
        return source


def _filled(column: Column) -> str:
    return f"{len(column.filled)} of {len(column.cells)} filled"


def plan_sheets(paths: Sequence[Path]) -> StudyPlan:
    """Plan a study from files made by hand.

    Raises InputError when no sheet holds patients.
    """
    layouts = [layout for path in paths for grid in read_grids(path) if (layout := find_layout(grid))]
    sheets = [recognise_sheet(layout) for layout in layouts]
    main = find_main_sheet(sheets)
    if main is None:
        expected = (
            "a column of patients (such as Patient ID, PatNr, Paciente), each of them in one row of one sheet"
        )
        names = ", ".join(path.name for path in paths)
        raise InputError(
            [Problem(names, None, "", "", "no sheet with one row a patient was recognised", expected)]
        )
    plan = StudyPlan(title=_find_title(main.layout))
    fill_plan(plan, sheets, main)
    return plan


def find_main_sheet(sheets: Iterable[Sheet]) -> Sheet | None:
    """The sheet with one row a patient that knows most of them; None where there is none."""
    return max(
        (sheet for sheet in sheets if sheet.id_column is not None and sheet.is_wide),
        key=lambda sheet: sum(t in sheet.placed for t in (*PATIENT_COLUMNS, *FOLLOW_UP_COLUMNS)),
        default=None,
    )


def fill_plan(plan: StudyPlan, sheets: Sequence[Sheet], main: Sheet) -> None:
    """Add to a plan all tables that the sheets hold."""
    coding = Coding(plan.doubts, _find_width(main.id_column))
    known = [sheet for sheet in sheets if sheet.id_column is not None]
    _plan_patients(plan, main, coding)
    for sheet in known:
        _plan_cycles(plan, sheet, coding)
    follow_up = max(
        known, key=lambda sheet: sum(t in sheet.placed for t in FOLLOW_UP_COLUMNS) * sheet.is_wide
    )
    _plan_follow_up(plan, follow_up, coding)
    for sheet in known:
        _plan_scans(plan, sheet, coding)
        if not sheet.is_wide:
            _plan_events(plan, sheet, coding)
        plan_labs(plan, sheet, main, coding)
    plan.settings |= _choose_settings(plan)
    _list_unplaced(plan, sheets)


def recognise_sheet(layout: Layout) -> Sheet:
    """Recognise the columns of a sheet."""
    sheet = Sheet(layout)
    for column in layout.columns.values():
        analyte = find_analyte(column.label or column.name)
        heading = recognise(column)
        if (
            analyte
            and column.share_of_numbers >= 0.5
            and (heading is None or heading.target not in sheet.placed)
        ):
            sheet.analytes.append((column, *analyte))
        elif heading is None:
            continue
        elif heading.number is not None:
            sheet.numbered.setdefault(heading.target, {}).setdefault(heading.number, (column, heading))
        else:
            sheet.placed.setdefault(heading.target, column)
    return sheet


def _find_title(layout: Layout) -> str:
    """Text of the first line above the names, if it stands alone there."""
    above = layout.grid.rows[: layout.header_rows[0] - 1]
    texts = [dict.fromkeys(map(clean, row)) for row in above]
    return next((next(t for t in row if t) for row in texts if len([t for t in row if t]) == 1), "")


def _find_width(identity: Column | None) -> int:
    """Digits of identifiers that begin with zeros; 0 where there are none."""
    texts = [text for text in identity.texts if text.isdigit()] if identity else []
    widths = {len(text) for text in texts}
    return widths.pop() if len(widths) == 1 and any(text.startswith("0") for text in texts) else 0


def _plan_patients(plan: StudyPlan, sheet: Sheet, coding: Coding) -> None:
    targets = [name for name in PATIENT_COLUMNS if name in sheet.placed]
    if "birth_date" in targets:
        targets = [name for name in targets if name != "birth_year"]
    dates = [sheet.placed[name] for name in targets if name.endswith("_date")]
    source = sheet.start_source(dates, coding)
    for target in targets:
        column = sheet.take(target)
        if column is not None:
            source.add_column(target, column.name, _filled(column))
            coding.read(source, target, column)
    best = sheet.take("best_response")
    if best is not None:
        source.add_column("reported_best_response", best.name, _filled(best))
        coding.read(source, "reported_best_response", best)
        if "recist" not in fold(best.label or best.name):
            coding.doubt(f"the best responses of {best.name!r} are by RECIST 1.1")
    coding.close(source)
    plan.add("patients", source)


def _plan_numbered(sheet: Sheet, targets: dict[str, str], coding: Coding) -> list[SourcePlan]:
    """Mappings of what stands in numbered columns, such as 1. PRRT, GBq 1, 2. PRRT, GBq 2.

    targets : our column to what its headings are recognised as; the first is a date that must be there
    Returns one mapping that turns columns into rows where the headings follow a pattern, else one for each number.
    """
    sets = {ours: sheet.numbered[target] for ours, target in targets.items() if target in sheet.numbered}
    first = next(iter(targets))
    if first not in sets:
        return []
    dates = [column for column, _ in sets[first].values()]
    patterns = {ours: {heading.template for _, heading in found.values()} for ours, found in sets.items()}
    sheet.used.update(column.name for found in sets.values() for column, _ in found.values())
    if all(len(found) == 1 and "{n}" in min(found) for found in patterns.values()):
        source = sheet.start_source(dates, coding)
        source.settings["unpivot"] = {"columns": {ours: min(found) for ours, found in patterns.items()}}
        last = dates[-1]
        source.evidence["unpivot"] = f'"{last.name}" -> {first}, {_filled(last)}; {len(dates)} of them'
        _read_all(source, sets, coding)
        return [source]
    sources = []
    for number, (date, _) in sorted(sets[first].items()):
        source = sheet.start_source([date], coding)
        own = {ours: {number: found[number]} for ours, found in sets.items() if number in found}
        for ours, found in own.items():
            source.add_column(ours, found[number][0].name, _filled(found[number][0]))
        source.settings["not_empty"] = [date.name]
        _read_all(source, own, coding)
        sources.append(source)
    return sources


def _read_all(source: SourcePlan, sets: dict[str, dict[int, tuple[Column, Heading]]], coding: Coding) -> None:
    for ours, found in sets.items():
        for column, _ in found.values():
            coding.read(source, ours, column)


def _plan_cycles(plan: StudyPlan, sheet: Sheet, coding: Coding) -> None:
    """Cycles in columns, one set of columns a cycle, or cycles in rows."""
    targets = {name: name for name in ("cycle_date", "activity_gbq", "radiopharmaceutical")}
    sources = _plan_numbered(sheet, targets, coding)
    values = [column for column, _ in sheet.numbered.get("activity_gbq", {}).values()] if sources else []
    has_own_agent = bool(sources) and "radiopharmaceutical" in sheet.numbered
    if not sources:
        date = sheet.placed.get("cycle_date")
        if date is None and not sheet.is_wide and "activity_gbq" in sheet.placed:
            date = sheet.placed.get("any_date")
        if date is None:
            return
        source = sheet.start_source([date], coding)
        source.add_column("cycle_date", date.name, _filled(date))
        sheet.used.add(date.name)
        activity = sheet.take("activity_gbq")
        if activity is not None:
            source.add_column("activity_gbq", activity.name, _filled(activity))
            coding.read(source, "activity_gbq", activity)
            values = [activity]
        if sheet.is_wide:
            source.settings["not_empty"] = [date.name]
        sources = [source]
    unit, is_written = find_activity_unit(values) if values else ("GBq", True)
    if not is_written:
        coding.doubt(f"activities ({values[0].name!r}) are in {unit}, by their size")
    for source in sources:
        if unit != "GBq":
            source.settings["units"] = {"activity_gbq": unit}
        if not has_own_agent:
            _add_agent(source, sheet, coding)
        coding.close(source)
        plan.add("cycles", source)


def _add_agent(source: SourcePlan, sheet: Sheet, coding: Coding) -> None:
    """The radiopharmaceutical of all cycles: one column for all, or unknown."""
    column = sheet.take("radiopharmaceutical")
    if column is not None:
        source.add_column("radiopharmaceutical", column.name, _filled(column))
        coding.read(source, "radiopharmaceutical", column)
        return
    source.add_constant("radiopharmaceutical", "other")
    coding.doubt("the radiopharmaceutical stands in no column of the cycles; it is read as other")


def _plan_follow_up(plan: StudyPlan, sheet: Sheet, coding: Coding) -> None:
    targets = [name for name in FOLLOW_UP_COLUMNS if name in sheet.placed]
    contact, death = sheet.take("last_contact_date"), sheet.take("death_date")
    dated = [column for column in (contact, death) if column is not None]
    if not dated:
        return
    source = sheet.start_source([sheet.placed[t] for t in targets if t.endswith("_date")], coding)
    names = tuple(column.name for column in dated)
    source.add_column("last_contact_date", names if len(names) > 1 else names[0], _filled(dated[0]))
    for target in targets:
        if target in ("last_contact_date", "vital_status"):
            continue
        column = sheet.take(target)
        if column is not None:
            source.add_column(target, column.name, _filled(column))
            coding.read(source, target, column)
    status = sheet.take("vital_status")
    if status is not None:
        source.add_column("vital_status", status.name, _filled(status))
        coding.read_vital_status(source, status)
        coding.close(source)
        plan.add("follow_up", source)
        return
    coding.close(source)
    if death is None:
        source.add_constant("vital_status", "alive")
        coding.doubt("no column says who is dead; all patients are read as alive at the last contact")
        plan.add("follow_up", source)
        return
    for status_of, choice in (("dead", "exclude"), ("alive", "filter")):
        part = SourcePlan(source.file, {**source.settings, choice: {death.name: [""]}}, dict(source.evidence))
        part.settings["columns"] = dict(source.settings["columns"])
        part.settings.pop("constants", None)
        part.add_constant(
            "vital_status", status_of, f"{death.name!r} is {'filled' if status_of == 'dead' else 'empty'}"
        )
        plan.add("follow_up", part)


def _plan_scans(plan: StudyPlan, sheet: Sheet, coding: Coding) -> None:
    """Scans in columns or in rows, with the response that was reported."""
    targets = {
        "assessment_date": "assessment_date",
        "reported_response": "best_response",
        "new_lesion": "new_lesion",
    }
    if sheet.is_wide:
        numbered = sheet.numbered.get("best_response", {})
        for source in _plan_numbered(sheet, targets, coding) if numbered else ():
            _close_scans(plan, source, next(iter(numbered.values()))[0], coding)
        return
    date = sheet.placed.get("assessment_date") or sheet.placed.get("any_date")
    response = sheet.placed.get("best_response")
    if date is None or response is None:
        return
    source = sheet.start_source([date], coding)
    source.add_column("assessment_date", date.name, _filled(date))
    source.add_column("reported_response", response.name, _filled(response))
    coding.read(source, "reported_response", response)
    new_lesion = sheet.take("new_lesion")
    if new_lesion is not None:
        source.add_column("new_lesion", new_lesion.name, _filled(new_lesion))
        coding.read(source, "new_lesion", new_lesion)
    sheet.used.update((date.name, response.name))
    _close_scans(plan, source, response, coding)


def _close_scans(plan: StudyPlan, source: SourcePlan, response: Column, coding: Coding) -> None:
    source.add_constant("reported_criterion", "recist_1_1")
    if "recist" not in fold(response.label or response.name):
        coding.doubt(f"the responses of {response.name!r} are by RECIST 1.1")
    coding.close(source)
    plan.add("assessments", source)


def _plan_events(plan: StudyPlan, sheet: Sheet, coding: Coding) -> None:
    """Adverse events in rows."""
    term, date = sheet.placed.get("term"), sheet.placed.get("any_date")
    if term is None or date is None:
        return
    source = sheet.start_source([date], coding)
    columns = {"onset_date": date, "term": term, "grade": sheet.placed.get("ctcae_grade")}
    for target, column in columns.items():
        if column is not None:
            source.add_column(target, column.name, _filled(column))
            sheet.used.add(column.name)
    coding.close(source)
    plan.add("adverse_events", source)


def _choose_settings(plan: StudyPlan) -> dict[str, object]:
    """Endpoints that the tables allow."""
    columns = {
        name for source in plan.tables.get("follow_up", ()) for name in source.settings.get("columns", {})
    }
    has_progression = "progression_date" in columns or "assessments" in plan.tables
    return {"endpoints": ["pfs", "os", "ttp"] if has_progression else ["os"]}


def _list_unplaced(plan: StudyPlan, sheets: Sequence[Sheet]) -> None:
    """Name the columns that went into no table, and what they look like; each of a file and sheet once."""
    used = {(sheet.layout.grid.name, name) for sheet in sheets for name in sheet.used}
    left: dict[tuple[str, str], Unplaced] = {}
    for sheet in sheets:
        place = sheet.layout.grid.name
        words = {column.name: OTHER_WORDS.get(target) for target, column in sheet.placed.items()}
        for column in sheet.layout.columns.values():
            if (place, column.name) not in used:
                looks_like = words.get(column.name) or column.describe()
                left.setdefault((place, column.name), Unplaced(place, column.name, looks_like))
    plan.unplaced += left.values()
    first: dict[str, SourcePlan] = {}
    for sources in plan.tables.values():
        for source in sources:
            first.setdefault(Grid(source.file, source.settings.get("sheet"), []).name, source)
    for place, name in left:
        if place in first:
            first[place].settings.setdefault("ignore", []).append(name)
