"""Sheets with several rows a patient that hold both what a patient has once and what each row has."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from prrt_outcomes.adopt.grid import Cell, clean, filled
from prrt_outcomes.adopt.layout import Column, Layout
from prrt_outcomes.adopt.sheet import PATIENT_COLUMNS, Sheet, recognise_sheet

FEWEST = 2


def split_blocks(sheet: Sheet) -> list[Sheet]:
    """Part a sheet in patients and their rows, such as cycles; the sheet alone where it needs no parting.

    The rows of a patient may name the patient in the first of them alone, as where cells were merged, or in each, with
    everything about the patient repeated.
    """
    identity = sheet.id_column
    if identity is None or sheet.layout.choice:
        return [sheet]
    if not filled(identity.cells[:1]):
        return [sheet]
    if len(identity.filled) < len(identity.cells):
        return _split_merged(sheet, identity)
    return [sheet] if sheet.is_wide else _split_repeated(sheet, identity)


def _split_merged(sheet: Sheet, identity: Column) -> list[Sheet]:
    heads = [i for i, cell in enumerate(identity.cells) if clean(cell)]
    others = [i for i, cell in enumerate(identity.cells) if not clean(cell)]
    columns = [column for column in sheet.layout.columns.values() if column is not identity]
    agents = [c for c in (sheet.placed.get("radiopharmaceutical"),) if c is not None]
    of_rows = [c for c in columns if c in agents or filled(c.cells[i] for i in others)]
    of_patients = [column for column in columns if column not in of_rows]
    full = [c for c in of_patients if len(filled(c.cells[i] for i in heads)) >= 0.5 * len(heads)]
    if len(full) < FEWEST or not of_rows:
        return [sheet]
    named = _fill_down(identity)
    agents = [c for c in agents if len(c.filled) < len(c.cells) and c.cells[0]]
    of_rows = [_fill_down(c) if c in agents else c for c in of_rows]
    patients = _part(sheet.layout, [identity, *of_patients], heads, {"not_empty": [identity.name]})
    rows = _part(
        sheet.layout,
        [named, *of_rows],
        range(len(named.cells)),
        {"fill_down": [identity.name, *(c.name for c in agents)]},
    )
    words = f"{len(others)} rows without {identity.name!r} are of the patient above"
    return [_recognise(patients, [words]), _recognise(replace(rows, repeats=True), [])]


def _fill_down(column: Column) -> Column:
    cells: list[Cell] = []
    for cell in column.cells:
        cells.append(cell if clean(cell) or not cells else cells[-1])
    return replace(column, cells=cells)


def _split_repeated(sheet: Sheet, identity: Column) -> list[Sheet]:
    """Patients are read where a column holds one value, such as cycle 1, in exactly one row of each patient."""
    ids = [clean(cell) for cell in identity.cells]
    columns = [column for column in sheet.layout.columns.values() if column is not identity]
    constant = [
        column for column in columns if len({*zip(ids, map(clean, column.cells), strict=True)}) == len({*ids})
    ]
    constant = [column for column in constant if column is not sheet.placed.get("radiopharmaceutical")]
    known = {column.name for target, column in sheet.placed.items() if target in PATIENT_COLUMNS}
    if not known & {column.name for column in constant}:
        return [sheet]
    for column in (column for column in columns if column not in constant):
        texts = [clean(cell) for cell in column.cells]
        for value, n in Counter(texts).items():
            chosen = [i for i, text in enumerate(texts) if text == value]
            if value and n == len({*ids}) and len({ids[i] for i in chosen}) == n:
                patients = _part(
                    sheet.layout, [identity, *constant], chosen, {"filter": {column.name: [value]}}
                )
                rest = [other for other in columns if other not in constant]
                rows = _part(sheet.layout, [identity, *rest], range(len(ids)), {})
                words = f"what a patient has once is read from the rows with {column.name!r} = {value!r}"
                return [_recognise(patients, [words]), _recognise(replace(rows, repeats=True), [])]
    return [sheet]


def _part(
    layout: Layout, columns: Iterable[Column], rows: Sequence[int], choice: dict[str, object]
) -> Layout:
    parts = {c.name: replace(c, cells=[c.cells[i] for i in rows]) for c in columns}
    return replace(layout, columns=parts, choice=choice)


def _recognise(layout: Layout, doubts: list[str]) -> Sheet:
    sheet = recognise_sheet(layout)
    sheet.doubts += doubts
    return sheet
