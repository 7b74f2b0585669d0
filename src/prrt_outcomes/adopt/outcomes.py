"""A table of outcomes: one row a patient, a time and an event."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from prrt_outcomes.adopt.coding import Coding
from prrt_outcomes.adopt.grid import clean, fold, read_grids
from prrt_outcomes.adopt.layout import Layout, find_layout
from prrt_outcomes.adopt.plan import StudyPlan, say
from prrt_outcomes.adopt.sheet import PATIENT_COLUMNS, Sheet, list_unplaced, recognise_sheet
from prrt_outcomes.errors import InputError, UsageError, suggest, tell

ENDPOINTS = ("os", "pfs", "ttp", "dss", "rfs", "efs", "dfs", "ttnt")
UNITS = ("days", "weeks", "months", "years")
MOST_LEVELS = 12


def plan_outcomes(
    paths: Sequence[Path], time: str | None, event: str | None, unit: str, dead: str | None
) -> StudyPlan:
    """Plan a study from one table of times and events.

    time, event : columns of the file; dead : value of `event` that is the event, all other values being censored
    Raises UsageError without them; InputError when the table lacks a column or the value.
    """
    if len(paths) != 1 or not (time and event and dead):
        raise UsageError(say("outcomes_needs"))
    if unit not in UNITS:
        raise UsageError(f"--unit is one of {', '.join(UNITS)}, not {unit}")
    layout = next((found for grid in read_grids(paths[0]) if (found := find_layout(grid))), None)
    if layout is None:
        raise InputError([tell("no_table", paths[0].name)])
    _check_given(layout, time, event, dead)
    plan = StudyPlan()
    others = {name: column for name, column in layout.columns.items() if name not in (time, event)}
    sheet = recognise_sheet(replace(layout, columns=others))
    ids = [clean(cell) for cell in sheet.id_column.cells] if sheet.id_column else []
    is_key = sheet.id_column is not None and all(ids) and len(set(ids)) == len(ids)
    name = sheet.id_column.name if sheet.id_column and is_key else None
    evidence = "one row a patient" if is_key else "the rows are numbered: no column of patients"
    patients = layout.start_source()
    patients.add_column("patient_id", name, evidence)
    coding = Coding(plan)
    sheet.place(patients, coding, {target: sheet.placed.get(target) for target in PATIENT_COLUMNS})
    extra = _find_levels(sheet)
    for ours, theirs in extra.items():
        if ours != theirs:
            patients.add_column(ours, theirs, "a column with few levels, usable as a grouping")
    coding.add("patients", patients)
    named = [e for e in ENDPOINTS if e in fold(f"{time} {event}").split()]
    endpoint = named[0] if named else "os"
    if not named:
        plan.doubts.append(f"the endpoint of {time!r} is overall survival (os)")
    outcomes = layout.start_source()
    outcomes.add_column("patient_id", name, evidence)
    outcomes.add_column("time", time, f"in {unit}, as stated")
    outcomes.add_column("event", event, f"{dead!r} is the event, as stated")
    outcomes.settings["time_unit"] = unit
    texts = dict.fromkeys(clean(cell) for cell in layout.columns[event].filled)
    outcomes.settings["values"] = {"event": {text: 1 if text == dead else 0 for text in texts}}
    outcomes.add_constant("endpoint", endpoint)
    plan.add("reported_outcomes", outcomes)
    plan.settings["endpoints"] = [endpoint]
    if extra:
        plan.settings["extra_columns"] = dict.fromkeys(extra, "category")
        plan.settings["analysis"] = {"group_by": list(extra)[:3]}
    sheet.used.update([*extra.values(), *filter(None, [name])])
    list_unplaced(plan, [sheet])
    return plan


def _check_given(layout: Layout, time: str, event: str, dead: str) -> None:
    names = list(layout.columns)
    place = layout.grid.name
    known, absent = ", ".join(names), [name for name in (time, event) if name not in names]
    problems = [tell("no_such_column", place, None, n, expected=suggest(n, names, known)) for n in absent]
    if event in layout.columns:
        texts = sorted({clean(cell) for cell in layout.columns[event].filled})
        if dead not in texts:
            known = ", ".join(texts[:MOST_LEVELS])
            problems.append(tell("no_such_value", place, None, event, dead, known=known))
    if problems:
        raise InputError(problems)


def _find_levels(sheet: Sheet) -> dict[str, str]:
    """Columns with 2 to 12 levels that are texts, as extra columns: our name to theirs."""
    known = {column.name for column in sheet.placed.values()}
    found = {}
    for column in sheet.layout.columns.values():
        levels = {clean(cell) for cell in column.filled}
        ours = fold(column.name).replace(" ", "_")
        is_name = ours[:1].isalpha() and ours.isascii() and ours.replace("_", "").isalnum()
        is_text = 2 <= len(levels) <= MOST_LEVELS and column.share_of_numbers < 0.5
        if column.name not in known and is_name and is_text:
            found[ours] = column.name
    return found
