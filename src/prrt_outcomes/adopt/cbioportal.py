"""A study folder of cBioPortal: clinical data of patients and samples, with times and states of survival."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from prrt_outcomes.adopt.coding import Coding
from prrt_outcomes.adopt.grid import Grid, clean, read_grids
from prrt_outcomes.adopt.headings import recognise
from prrt_outcomes.adopt.layout import Column
from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan, Unplaced
from prrt_outcomes.adopt.sheet import PATIENT_COLUMNS
from prrt_outcomes.errors import InputError, Problem

STATUS = re.compile(r"(\w+)_STATUS")
CODED = re.compile(r"([01]):")
MOST_LEVELS = 12


def plan_cbioportal(paths: Sequence[Path]) -> StudyPlan:
    """Plan a study from a folder of cBioPortal, or from its clinical files.

    Raises InputError when there is no clinical file of patients.
    """
    files = [
        file for path in paths for file in (sorted(path.glob("*clinical*.txt")) if path.is_dir() else [path])
    ]
    tables = {file: _read(file) for file in files}
    patients = next(
        (f for f, columns in tables.items() if "patient" in f.name and "PATIENT_ID" in columns), None
    )
    samples = next((f for f, columns in tables.items() if "SAMPLE_ID" in columns and f != patients), None)
    main = patients or samples
    if main is None:
        expected = "data_clinical_patient.txt or data_clinical_sample.txt with a column PATIENT_ID"
        names = ", ".join(map(str, paths))
        raise InputError([Problem(names, None, "", "", "no clinical file of patients was found", expected)])
    plan = StudyPlan()
    coding = Coding(plan.doubts)
    source = _start(main)
    used = _place(source, tables[main], coding)
    if main == patients and samples is not None:
        _join_samples(source, tables[samples], samples, used, coding, plan)
    coding.close(source)
    plan.add("patients", source)
    endpoints = _plan_outcomes(plan, main, tables[main], used)
    plan.settings["endpoints"] = endpoints
    for file, columns in tables.items():
        left = [column for column in columns.values() if column.name not in used]
        plan.unplaced += [Unplaced(file.name, column.name, column.describe()) for column in left]
        if file == main and left:
            source.settings["ignore"] = [column.name for column in left]
    return plan


def _read(file: Path) -> dict[str, Column]:
    """Columns below the lines that begin with #."""
    grid: Grid = read_grids(file)[0]
    rows = [row for row in grid.rows if not clean(row[0]).startswith("#") and any(map(clean, row))]
    names, body = list(map(clean, rows[0])), rows[1:]
    return {name: Column(name, i, [row[i] for row in body]) for i, name in enumerate(names) if name}


def _start(file: Path) -> SourcePlan:
    source = SourcePlan(file, {"delimiter": "\t", "comment": "#"})
    source.evidence["comment"] = "cBioPortal describes the columns above the header"
    source.add_column("patient_id", "PATIENT_ID", "the key of cBioPortal")
    return source


def _place(source: SourcePlan, columns: dict[str, Column], coding: Coding) -> set[str]:
    used = {"PATIENT_ID"}
    for column in columns.values():
        heading = recognise(column) if column.name not in used else None
        if heading and heading.target in PATIENT_COLUMNS and heading.target not in source.settings["columns"]:
            source.add_column(
                heading.target, column.name, f"{len(column.filled)} of {len(column.cells)} filled"
            )
            coding.read(source, heading.target, column)
            used.add(column.name)
    return used


def _join_samples(
    source: SourcePlan,
    columns: dict[str, Column],
    file: Path,
    used: set[str],
    coding: Coding,
    plan: StudyPlan,
) -> None:
    """What samples know of patients, where each patient has one sample."""
    ids = [clean(cell) for cell in columns["PATIENT_ID"].cells]
    if len(set(ids)) != len(ids):
        plan.doubts.append(f"{file.name} is left out: a patient has several samples")
        return
    taken = source.settings["columns"]
    found = {}
    for column in columns.values():
        heading = recognise(column) if column.name not in used else None
        if heading and heading.target in PATIENT_COLUMNS and heading.target not in taken:
            found[column.name] = (heading.target, column)
            taken = {**taken, heading.target: column.name}
    if not found:
        return
    joined = {"file": file, "delimiter": "\t", "comment": "#", "on": "PATIENT_ID", "columns": list(found)}
    source.settings["join"] = [joined]
    for name, (target, column) in found.items():
        source.add_column(target, name, f"of the sample; {len(column.filled)} of {len(column.cells)} filled")
        coding.read(source, target, column)
        used.add(name)
    used.add("SAMPLE_ID")


def _plan_outcomes(plan: StudyPlan, file: Path, columns: dict[str, Column], used: set[str]) -> list[str]:
    """One outcome for each pair of columns X_STATUS and X_MONTHS."""
    endpoints = []
    for name, column in columns.items():
        match = STATUS.fullmatch(name)
        months = f"{match[1]}_MONTHS" if match else ""
        texts = list(dict.fromkeys(map(clean, column.filled)))
        if months not in columns or not all(CODED.match(text) for text in texts):
            continue
        endpoint = match[1].lower() if match else ""
        source = _start(file)
        source.add_column(
            "time", months, f"{len(columns[months].filled)} of {len(columns[months].cells)} filled"
        )
        source.add_column("event", name, ", ".join(texts))
        source.settings["time_unit"] = "months"
        source.settings["values"] = {"event": {text: int(text[0]) for text in texts}}
        source.add_constant("endpoint", endpoint)
        plan.add("reported_outcomes", source)
        endpoints.append(endpoint)
        used.update((name, months))
    return endpoints
