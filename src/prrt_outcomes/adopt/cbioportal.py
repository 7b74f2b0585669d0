"""A study folder of cBioPortal: clinical data of patients and samples, with times and states of survival."""

import re
from collections.abc import Sequence
from pathlib import Path

from prrt_outcomes.adopt.coding import Coding
from prrt_outcomes.adopt.grid import clean, read_grids
from prrt_outcomes.adopt.layout import Column, Layout
from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan
from prrt_outcomes.adopt.sheet import PATIENT_COLUMNS, Sheet, list_unplaced, recognise_sheet
from prrt_outcomes.errors import InputError, tell

STATUS = re.compile(r"(\w+)_STATUS")
CODED = re.compile(r"([01]):")


def plan_cbioportal(paths: Sequence[Path]) -> StudyPlan:
    """Plan a study from a folder of cBioPortal, or from its clinical files.

    Raises InputError when there is no clinical file of patients.
    """
    files = [file for p in paths for file in (sorted(p.glob("*clinical*.txt")) if p.is_dir() else [p])]
    sheets = {file: _read(file) for file in files}
    columns = {file: sheet.layout.columns for file, sheet in sheets.items()}
    patients = next((f for f in files if "patient" in f.name and "PATIENT_ID" in columns[f]), None)
    samples = next((f for f in files if "SAMPLE_ID" in columns[f] and f != patients), None)
    main = patients or samples
    if main is None:
        raise InputError([tell("no_clinical_file", ", ".join(map(str, paths)))])
    plan = StudyPlan()
    coding = Coding(plan)
    found = _find_patient_columns(sheets[main])
    source = sheets[main].start_source([c for name, c in found.items() if name.endswith("_date")], coding)
    sheets[main].place(source, coding, found)
    if main == patients and samples is not None:
        _join_samples(source, sheets[samples], coding, plan)
    coding.add("patients", source)
    plan.settings["endpoints"] = _plan_outcomes(plan, sheets[main], coding)
    list_unplaced(plan, list(sheets.values()))
    return plan


def _read(file: Path) -> Sheet:
    """Columns below the lines that begin with #."""
    grid = read_grids(file)[0]
    rows = [row for row in grid.rows if not clean(row[0]).startswith("#") and any(map(clean, row))]
    names, body = list(map(clean, rows[0])), rows[1:]
    columns = {name: Column(name, i, [row[i] for row in body]) for i, name in enumerate(names) if name}
    sheet = recognise_sheet(Layout(grid, (1,), None, (), columns, {"comment": "#"}))
    if "PATIENT_ID" in columns:
        sheet.placed["patient_id"] = columns["PATIENT_ID"]
    return sheet


def _find_patient_columns(sheet: Sheet) -> dict[str, Column]:
    return {target: sheet.placed[target] for target in PATIENT_COLUMNS if target in sheet.placed}


def _join_samples(source: SourcePlan, samples: Sheet, coding: Coding, plan: StudyPlan) -> None:
    """What samples know of patients, where each patient has one sample."""
    if not samples.is_wide:
        plan.doubts.append(f"{samples.layout.grid.file.name} is left out: a patient has several samples")
        return
    columns = _find_patient_columns(samples)
    found = {target: c for target, c in columns.items() if target not in source.settings["columns"]}
    if found:
        file, names = samples.layout.grid.file, [column.name for column in found.values()]
        joined = {"file": file, **samples.layout.settings, "on": "PATIENT_ID", "columns": names}
        source.settings["join"] = [joined]
        samples.place(source, coding, found)
        samples.used.update(("PATIENT_ID", "SAMPLE_ID"))


def _plan_outcomes(plan: StudyPlan, sheet: Sheet, coding: Coding) -> list[str]:
    """One outcome for each pair of columns X_STATUS and X_MONTHS."""
    endpoints = []
    columns = sheet.layout.columns
    for name, column in columns.items():
        match = STATUS.fullmatch(name)
        months = columns.get(f"{match[1]}_MONTHS") if match else None
        texts = list(dict.fromkeys(map(clean, column.filled)))
        if match is None or months is None or not all(CODED.match(text) for text in texts):
            continue
        source = sheet.start_source([], coding)
        source.add_column("time", months.name, months.describe_filled())
        source.add_column("event", name, ", ".join(texts))
        source.settings["time_unit"] = "months"
        source.add_values("event", {text: int(text[0]) for text in texts})
        source.add_constant("endpoint", match[1].lower())
        plan.add("reported_outcomes", source)
        endpoints.append(match[1].lower())
        sheet.used.update((name, months.name))
    return endpoints
