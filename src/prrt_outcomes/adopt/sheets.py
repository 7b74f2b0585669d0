"""Workbooks and text files made by hand: one row a patient or one row an event, in any order of sheets."""

from collections.abc import Sequence
from pathlib import Path

from prrt_outcomes.adopt.coding import PER_KILOGRAM, Coding, find_activity_unit
from prrt_outcomes.adopt.grid import clean, fold, read_grids
from prrt_outcomes.adopt.headings import find_radiopharmaceutical, is_missing
from prrt_outcomes.adopt.lab_sheets import plan_labs
from prrt_outcomes.adopt.layout import Column, Layout, find_layout
from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan, say
from prrt_outcomes.adopt.sheet import (
    FOLLOW_UP_COLUMNS,
    PATIENT_COLUMNS,
    Sheet,
    find_main_sheet,
    list_unplaced,
    name_patients,
    recognise_sheet,
    split_blocks,
)
from prrt_outcomes.errors import InputError, tell
from prrt_outcomes.tables.schema import load_schema


def plan_sheets(paths: Sequence[Path]) -> StudyPlan:
    """Plan a study from files made by hand; raises InputError when no sheet holds patients."""
    layouts = [layout for path in paths for grid in read_grids(path) if (layout := find_layout(grid))]
    whole = [recognise_sheet(layout) for layout in layouts]
    name_patients(whole)
    sheets = [part for sheet in whole for part in split_blocks(sheet)]
    main = find_main_sheet(sheets)
    if main is None:
        raise InputError([tell("no_sheet_of_patients", ", ".join(path.name for path in paths))])
    # a text that stands alone in a line above the names is the title
    plan = StudyPlan(title=next((row[0] for row in _list_above(main.layout) if len(row) == 1), ""))
    fill_plan(plan, sheets, main)
    list_unplaced(plan, sheets)
    return plan


def fill_plan(plan: StudyPlan, sheets: Sequence[Sheet], main: Sheet) -> None:
    """Add to a plan all tables that the sheets hold."""
    digits = [text for text in main.id_column.texts if text.isdigit()] if main.id_column else []
    is_padded = len(set(map(len, digits))) == 1 and any(text.startswith("0") for text in digits)
    coding = Coding(plan, len(digits[0]) if is_padded else 0)
    for doubt in (doubt for sheet in sheets for doubt in sheet.doubts):
        coding.doubt(doubt)
    known = [sheet for sheet in sheets if sheet.id_column or sheet.is_numbered]
    _plan_patients(main, known, coding)
    for sheet in known:
        _plan_cycles(sheet, coding)
    _plan_follow_up(max(known, key=lambda sheet: sheet.count(FOLLOW_UP_COLUMNS) * sheet.is_wide), coding)
    for sheet in known:
        _plan_scans(sheet, coding)
        if not sheet.is_wide:
            _plan_events(sheet, coding)
        plan_labs(sheet, main, coding)
    columns = {name for s in plan.tables.get("follow_up", ()) for name in s.settings.get("columns", {})}
    has_progression = "progression_date" in columns or "assessments" in plan.tables
    plan.settings["endpoints"] = ["pfs", "os", "ttp"] if has_progression else ["os"]


def _list_above(layout: Layout) -> list[list[str]]:
    rows = layout.grid.rows[: layout.header_rows[0] - 1]
    return [[text for text in dict.fromkeys(map(clean, row)) if text] for row in rows]


def _plan_patients(main: Sheet, sheets: Sequence[Sheet], coding: Coding) -> None:
    """Patients of the main sheet, and what it lacks from other sheets with one row a patient."""
    taken: set[str] = set()
    others = [sheet for sheet in sheets if sheet is not main and sheet.is_wide and not sheet.is_numbered]
    for sheet in (main, *others):
        targets = [name for name in PATIENT_COLUMNS if name in sheet.placed and name not in taken]
        if "birth_date" in targets:
            targets = [name for name in targets if name != "birth_year"]
        is_scan = sheet is not main and not {"assessment_date", "any_date"}.isdisjoint(sheet.placed)
        best = "best_response" in sheet.placed and "best_response" not in taken and not is_scan
        if sheet is not main and not targets and not best:
            continue
        taken.update(targets, ["best_response"] if best else [])
        dates = [sheet.placed[name] for name in targets if name.endswith("_date")]
        source = sheet.start_source(dates, coding)
        if sheet is not main:
            source.settings["merge"] = True
        for target in [*targets, *(["best_response"] if best else [])]:
            column = sheet.placed[target]
            ours = "reported_best_response" if target == "best_response" else target
            sheet.place(source, coding, {ours: column})
            name = fold(column.label or column.name)
            if target == "ecog" and name in ("oms", "who"):
                coding.doubt(say("who_is_ecog", column=column.name))
            if target == "best_response" and "recist" not in name:
                coding.doubt(f"{column.name!r} names no criterion: best responses are taken as RECIST 1.1")
        coding.add("patients", source)


def _plan_numbered(sheet: Sheet, targets: dict[str, str], coding: Coding) -> list[SourcePlan]:
    """Mappings of what stands in numbered columns, such as 1. PRRT, GBq 1, 2. PRRT, GBq 2."""
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
        told = f"{last.describe_filled()}; {len(dates)} of them"
        source.evidence["unpivot"] = f'"{last.name}" -> {first}, {told}'
        for ours, found in sets.items():
            for column, _ in found.values():
                coding.read(source, ours, column)
        return [source]
    sources = []
    for number, (date, _) in sorted(sets[first].items()):
        sources.append(sheet.start_source([date], coding))
        own = {ours: found[number][0] for ours, found in sets.items() if number in found}
        sheet.place(sources[-1], coding, own)
        sources[-1].settings["not_empty"] = [date.name]
    return sources


def _plan_cycles(sheet: Sheet, coding: Coding) -> None:
    """Cycles in columns, one set of columns a cycle, or cycles in rows."""
    targets = {name: name for name in ("cycle_date", "activity_gbq", "radiopharmaceutical", "weight_kg")}
    sources = _plan_numbered(sheet, targets, coding)
    values = [column for column, _ in sheet.numbered.get("activity_gbq", {}).values()] if sources else []
    has_own_agent = bool(sources) and "radiopharmaceutical" in sheet.numbered
    if not sources:
        date = sheet.placed.get("cycle_date")
        if date is None and not sheet.is_wide and "activity_gbq" in sheet.placed:
            date = sheet.placed.get("any_date")
        if date is None:
            return
        source = sheet.start_at("cycle_date", date, coding)
        own = ("activity_gbq",) if sheet.is_wide else ("activity_gbq", "weight_kg")
        sheet.place(source, coding, {target: sheet.placed.get(target) for target in own})
        values = [sheet.placed["activity_gbq"]] if "activity_gbq" in sheet.placed else []
        if sheet.is_wide:
            source.settings["not_empty"] = [date.name]
        sources = [source]
    unit, is_written = find_activity_unit(values) if values else ("GBq", True)
    if not is_written:
        coding.doubt(say("activity_by_size", column=values[0].name, unit=unit))
    if unit == PER_KILOGRAM and "weight_kg" not in (*sheet.numbered, *sources[0].settings.get("columns", ())):
        coding.doubt(say("activity_by_weight", column=values[0].name))
    for source in sources:
        if unit != "GBq":
            source.settings["units"] = {"activity_gbq": unit}
        if not has_own_agent:
            _add_agent(source, sheet, coding)
        coding.add("cycles", source)


def _add_agent(source: SourcePlan, sheet: Sheet, coding: Coding) -> None:
    """The radiopharmaceutical of all cycles: one column for all, or unknown."""
    if "radiopharmaceutical" in sheet.placed:
        sheet.place(source, coding, {"radiopharmaceutical": sheet.placed["radiopharmaceutical"]})
        return
    texts = [text for row in _list_above(sheet.layout) for text in row]
    named = {find_radiopharmaceutical(text): text for text in texts}
    agents = named.keys() & set(load_schema("cycles").field("radiopharmaceutical").codes)
    if len(agents) == 1:
        agent = agents.pop()
        source.add_constant("radiopharmaceutical", agent)
        coding.doubt(f"all cycles are read as {agent}, which {named[agent]!r} above the table names")
        return
    source.add_constant("radiopharmaceutical", "other")
    coding.doubt(say("no_agent"))


def _plan_follow_up(sheet: Sheet, coding: Coding) -> None:
    placed = {name: sheet.placed[name] for name in FOLLOW_UP_COLUMNS if name in sheet.placed}
    death, status = placed.get("death_date"), placed.pop("vital_status", None)
    dated = [placed[name] for name in ("last_contact_date", "death_date") if name in placed]
    if not dated:
        return
    source = sheet.start_source([column for name, column in placed.items() if name.endswith("_date")], coding)
    sheet.place(source, coding, placed)
    source.add_column("last_contact_date", tuple(c.name for c in dated), dated[0].describe_filled())
    if status is not None:
        sheet.used.add(status.name)
        source.add_column("vital_status", status.name, status.describe_filled())
        coding.read_vital_status(source, status)
    elif death is None:
        source.add_constant("vital_status", "alive")
        coding.doubt("no column says who is dead; all patients are read as alive at the last contact")
    if status is not None or death is None:
        coding.add("follow_up", source)
        return
    coding.close(source)
    texts = [clean(cell) for cell in death.cells]
    open_texts = [text for text in dict.fromkeys(texts) if not text or is_missing(text, "death_date")]
    words = ", ".join(repr(text) if text else "an empty cell" for text in open_texts)
    coding.doubt(f"who is dead, by {death.name!r}: a date = dead" + (f", {words} = alive" if words else ""))
    alive = [("alive", "filter", "none")] if open_texts else []
    for status_of, choice, told in [("dead", "exclude", "a date"), *alive]:
        chosen = {choice: {death.name: open_texts}} if open_texts else {}
        settings = source.settings | chosen | {"columns": dict(source.settings["columns"])}
        part = SourcePlan(source.file, settings, dict(source.evidence))
        part.add_constant("vital_status", status_of, f"{death.name!r} has {told}")
        coding.plan.add("follow_up", part)


def _plan_scans(sheet: Sheet, coding: Coding) -> None:
    """Scans in columns or in rows, with the response that was reported."""
    if sheet.is_wide:
        targets = {"assessment_date": "assessment_date", "new_lesion": "new_lesion"}
        targets |= {"reported_response": "best_response"}
        numbered = sheet.numbered.get("best_response", {})
        for source in _plan_numbered(sheet, targets, coding) if numbered else ():
            _close_scans(source, next(iter(numbered.values()))[0], coding)
        return
    date = sheet.placed.get("assessment_date") or sheet.placed.get("any_date")
    response = sheet.placed.get("best_response")
    if date is None or response is None:
        return
    source = sheet.start_at("assessment_date", date, coding)
    sheet.place(source, coding, {"reported_response": response, "new_lesion": sheet.placed.get("new_lesion")})
    _close_scans(source, response, coding)


def _close_scans(source: SourcePlan, response: Column, coding: Coding) -> None:
    source.add_constant("reported_criterion", "recist_1_1")
    if "recist" not in fold(response.label or response.name):
        coding.doubt(f"{response.name!r} names no criterion: responses are taken as RECIST 1.1")
    coding.add("assessments", source)


def _plan_events(sheet: Sheet, coding: Coding) -> None:
    term, date = sheet.placed.get("term"), sheet.placed.get("any_date")
    if term is None or date is None:
        return
    source = sheet.start_at("onset_date", date, coding)
    sheet.place(source, coding, {"term": term, "grade": sheet.placed.get("ctcae_grade")})
    coding.add("adverse_events", source)
