"""Laboratory values of sheets made by hand: one column an analyte, with or without the visit in the heading."""

import re
from collections.abc import Mapping

from prrt_outcomes.adopt.coding import Coding, find_lab_unit
from prrt_outcomes.adopt.grid import clean
from prrt_outcomes.adopt.headings import find_analyte, find_visit
from prrt_outcomes.adopt.layout import Column
from prrt_outcomes.adopt.plan import SourcePlan, say
from prrt_outcomes.adopt.sheet import Sheet

UNDATED = "values such as {!r} have no date of their own; they are dated on the day of that cycle"


def plan_labs(sheet: Sheet, main: Sheet, coding: Coding) -> None:
    """Add the laboratory values of a sheet, where it has any."""
    date = sheet.placed.get("sample_date") or (sheet.placed.get("any_date") if not sheet.is_wide else None)
    if {"analyte", "value"} <= set(sheet.placed) and date is not None:
        _plan_long(sheet, date, coding)
        return
    if not sheet.analytes:
        return
    units = _find_units(sheet, coding)
    plain = {column.name: analyte for column, analyte, rest in sheet.analytes if not find_visit(rest)}
    if date is not None and plain:
        source = sheet.start_at("sample_date", date, coding)
        _finish(sheet, source, plain, units, coding)
        return
    if "sample_date" in sheet.numbered:
        _plan_numbered(sheet, units, coding)
        return
    cycle = sheet.placed.get("cycle_date")
    if not sheet.is_wide and cycle is not None and plain:
        source = sheet.start_at("sample_date", cycle, coding)
        coding.doubt(UNDATED.format(next(iter(plain))))
        _finish(sheet, source, plain, units, coding)
        return
    numbered = main.numbered.get("cycle_date", {})
    visits: dict[tuple[str, int], dict[str, str]] = {}
    for column, analyte, rest in sheet.analytes:
        visit = find_visit(rest)
        if visit and (visit[0] == "days" or visit[1] in numbered):
            visits.setdefault(visit, {})[column.name] = analyte
    before = [next(iter(columns)) for (kind, _), columns in visits.items() if kind == "cycle"]
    if before:
        coding.doubt(UNDATED.format(before[0]))
    for (kind, number), columns in visits.items():
        numbers = [number] if kind == "cycle" else sorted(numbered, reverse=True)
        names = [numbered[n][0].name for n in numbers]
        source = _start_at_cycle(sheet, main, names, coding)
        if kind == "days":
            source.settings["add_days"] = {"sample_date": number}
            coding.doubt(say("days_after_cycle", column=next(iter(columns)), number=number))
        _finish(sheet, source, columns, units, coding)


def _plan_numbered(sheet: Sheet, units: Mapping[str, str], coding: Coding) -> None:
    """Values in columns that carry the number of a date of sampling."""
    dates = sheet.numbered["sample_date"]
    for number, (date, _) in sorted(dates.items()):
        numbered = ((column.name, a, re.findall(r"\b\d+\b", rest)[:1]) for column, a, rest in sheet.analytes)
        columns = {name: analyte for name, analyte, first in numbered if first == [str(number)]}
        if columns:
            source = sheet.start_at("sample_date", date, coding)
            source.settings["not_empty"] = [date.name]
            _finish(sheet, source, columns, units, coding)


def _plan_long(sheet: Sheet, date: Column, coding: Coding) -> None:
    """One value a row, its analyte and unit in columns; rows of analytes that are not known are left out."""
    analyte, value, unit = sheet.placed["analyte"], sheet.placed["value"], sheet.placed.get("unit")
    source = sheet.start_at("sample_date", date, coding)
    sheet.place(source, coding, {"analyte": analyte, "value": value, "unit": unit})
    texts = [clean(cell) for cell in analyte.cells]
    found = {text: find_analyte(clean(analyte.mean(text))) for text in dict.fromkeys(texts) if text}
    codes = {text: pair[0] for text, pair in found.items() if pair is not None}
    unknown = ", ".join(f"{text!r} ({texts.count(text)})" for text in found if text not in codes)
    if unknown:
        source.settings["filter"] = {**source.settings.get("filter", {}), analyte.name: list(codes)}
        coding.doubt(f"laboratory values that are not read, by {analyte.name!r}: {unknown}")
    source.add_values("analyte", codes)
    if unit is None:
        source.add_column("unit", analyte.name, "by the analyte")
        for text, code in codes.items():
            cells = [cell for cell, known in zip(value.cells, texts, strict=True) if known == text]
            written, is_written = find_lab_unit(code, [Column(text, value.place, cells)])
            source.add_values("unit", {text: written})
            if not is_written:
                coding.doubt(say("unit_by_size", analyte=code, column=text, unit=written))
    coding.add("labs", source)


def _find_units(sheet: Sheet, coding: Coding) -> dict[str, str]:
    """Unit of each column: its own, else that of the others of its analyte, else by size, which is a doubt."""
    units: dict[str, str] = {}
    for analyte in dict.fromkeys(analyte for _, analyte, _ in sheet.analytes):
        columns = [column for column, known, _ in sheet.analytes if known == analyte]
        found = {column.name: find_lab_unit(analyte, [column]) for column in columns}
        written = {name: unit for name, (unit, is_written) in found.items() if is_written}
        units |= written
        open_columns = [column for column in columns if column.name not in written]
        if not open_columns:
            continue
        common = set(written.values())
        unit = common.pop() if len(common) == 1 else find_lab_unit(analyte, open_columns)[0]
        units |= {column.name: unit for column in open_columns}
        if len(set(written.values())) != 1:
            coding.doubt(say("unit_by_size", analyte=analyte, column=open_columns[0].name, unit=unit))
    return units


def _start_at_cycle(sheet: Sheet, main: Sheet, names: list[str], coding: Coding) -> SourcePlan:
    """A mapping whose sample date is that of a cycle in the sheet of the patients."""
    columns = [column for column, _ in main.numbered["cycle_date"].values()]
    source = sheet.start_source(columns, coding)
    identity, others = sheet.id_column, main.id_column
    if sheet is not main and identity is not None and others is not None:
        joined = {"file": main.layout.grid.file, **main.layout.settings}
        source.settings["join"] = [joined | {"on": {identity.name: others.name}, "columns": names}]
    source.add_column("sample_date", tuple(names), "the date of that cycle")
    source.settings["not_empty"] = [names[-1]]
    return source


def _finish(
    sheet: Sheet, source: SourcePlan, columns: Mapping[str, str], units: Mapping[str, str], coding: Coding
) -> None:
    """One row an analyte, with its unit."""
    source.settings["unpivot"] = {"names_to": "analyte", "columns": {"value": list(columns)}}
    source.add_column("analyte", "analyte", "the names of the columns")
    source.add_column("unit", "analyte", "by the analyte")
    source.add_values("analyte", columns)
    source.add_values("unit", {name: units[name] for name in columns})
    for column in (column for column, _, _ in sheet.analytes if column.name in columns):
        coding.read(source, "value", column)
    sheet.used.update(columns)
    coding.add("labs", source)
