"""Exports of REDCap with their data dictionary: instruments become tables, choices become values."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from prrt_outcomes.adopt.grid import Cell, Grid, clean, fold, read_grids
from prrt_outcomes.adopt.headings import find_code, find_site
from prrt_outcomes.adopt.layout import Column, Layout
from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan
from prrt_outcomes.adopt.redcap_dictionary import FORMS, field_name
from prrt_outcomes.adopt.redcap_missing import MISSING_WORD, describe_missing_codes, find_missing_codes
from prrt_outcomes.adopt.sheet import Sheet, find_main_sheet, recognise_sheet
from prrt_outcomes.adopt.sheets import fill_plan
from prrt_outcomes.errors import InputError, Problem

NAMES = {
    "name": ("variable / field name", "field_name"),
    "form": ("form name", "form_name"),
    "kind": ("field type", "field_type"),
    "label": ("field label", "field_label"),
    "choices": ("choices, calculations, or slider labels", "select_choices_or_calculations"),
    "validation": (
        "text validation type or show slider number",
        "text_validation_type_or_show_slider_number",
    ),
}
REPEAT, INSTANCE, EVENT, GROUP = (
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
    "redcap_event_name",
    "redcap_data_access_group",
)
SYSTEM = {
    EVENT: "Event Name",
    REPEAT: "Repeat Instrument",
    INSTANCE: "Repeat Instance",
    GROUP: "Data Access Group",
    "redcap_survey_identifier": "Survey Identifier",
}
YES_NO = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}
NO_DATA = ("descriptive", "file", "signature")
FINISHED = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}


@dataclass(frozen=True)
class DictionaryField:
    """One field of a data dictionary; choices are words by code, validation is the type that a text must have."""

    name: str
    form: str
    kind: str
    label: str
    choices: dict[str, str] = field(default_factory=dict)
    validation: str = ""

    def columns(self) -> dict[str, str]:
        """Columns that an export has for the field: name to label."""
        if self.kind == "checkbox":
            return {
                f"{self.name}___{re.sub('[^a-z0-9]', '_', code.lower())}": f"{self.label} (choice={words})"
                for code, words in self.choices.items()
            }
        return {} if self.kind in NO_DATA else {self.name: self.label}


@dataclass(frozen=True)
class Export:
    """One file of an export with the names of its columns, also where its header has labels."""

    grid: Grid
    names: list[str]
    is_labelled: bool
    fields: Sequence[DictionaryField]

    @cached_property
    def missing_codes(self) -> dict[str, int]:
        """Missing-data codes of the project, with the number of their cells."""
        single = [one for one in self.fields[1:] if one.kind != "checkbox" and one.name in self.names]
        return find_missing_codes(
            {one.name: [row[self.names.index(one.name)] for row in self.rows] for one in single},
            {one.name: one.validation for one in single},
            {
                one.name: one.choices.values() if self.is_labelled else one.choices
                for one in single
                if one.choices
            },
        )

    @cached_property
    def rows(self) -> list[list[Cell]]:
        """Rows below the header that hold anything."""
        return [row for row in self.grid.rows[1:] if any(map(clean, row))]


def plan_redcap(dictionary: Path, paths: Sequence[Path]) -> StudyPlan:
    """Plan a study from exports, raw or labelled, with repeating instruments and events.

    Raises InputError when the dictionary is none, an export does not fit it, or no instrument holds patients.
    """
    fields = read_dictionary(dictionary)
    exports = [_read_export(path, fields) for path in paths]
    plan = StudyPlan()
    if any(one.name == field_name(one.form, "cycle_date") for one in fields):
        _plan_own(plan, exports, fields)
        return plan
    sheets = [sheet for export in exports for sheet in _list_sheets(export, fields)]
    main = find_main_sheet(sheets)
    if (
        main is None
    ):  # every instrument is filled at several events: the first of them is that of the patients
        sheets += [sheet for export in exports for sheet in _list_sheets(export, fields, by_event=True)]
        main = find_main_sheet(sheets)
    if main is None:
        expected = "an instrument with one row a patient, such as demographics or baseline"
        raise InputError(
            [Problem(paths[0].name, None, "", "", "no instrument of patients was recognised", expected)]
        )
    fill_plan(plan, sheets, main)
    plan.doubts += [
        describe_missing_codes(export.grid.name, export.missing_codes)
        for export in exports
        if export.missing_codes
    ]
    boxes = _name_sites(fields).items() & {
        (name, c.label) for s in sheets for name, c in s.layout.columns.items()
    }
    for name, label in sorted(boxes):
        if any(name in sheet.used for sheet in sheets):
            plan.doubts.append(f"{label}: where the box {name} is not checked the answer is no")
    for sheet in sheets:
        _read_checkboxes(plan, sheet, fields)
    for export in exports:
        shown = {
            name for sheet in sheets if sheet.layout.grid is export.grid for name in sheet.layout.columns
        }
        system = [name for name in export.names if name not in shown and name not in (REPEAT, EVENT)]
        source = next(
            (s for listed in plan.tables.values() for s in listed if s.file == export.grid.file), None
        )
        if source is not None and system:
            source.settings.setdefault("ignore", []).extend(system)
        used = {name for sheet in sheets if sheet.layout.grid is export.grid for name in sheet.used}
        plan.notes += _count_cells(export, fields, used)
    return plan


def _plan_own(plan: StudyPlan, exports: Sequence[Export], fields: Sequence[DictionaryField]) -> None:
    """Tables of a project that was made from our own dictionary (`init --redcap`)."""
    used: set[str] = set()
    for export in exports:
        for form in FORMS:
            own = {one.name: one for one in fields if one.form == form and one.name in export.names}
            columns = {name.removeprefix(f"{form}_"): name for name in (export.names[0], *own)}
            for choice, rows in _choose_rows(export, form, list(own)):
                settings: dict[str, object] = {"names": export.names} if export.is_labelled else {}
                source = SourcePlan(export.grid.file, settings | ({"filter": choice} if choice else {}))
                for ours, theirs in columns.items():
                    filled = sum(bool(clean(row[export.names.index(theirs)])) for row in rows)
                    source.add_column(ours, theirs, f"{filled} of {len(rows)} filled")
                    words = own[theirs].choices if theirs in own and export.is_labelled else {}
                    if own.get(theirs) and own[theirs].kind == "radio":
                        source.add_values(ours, {label: code for code, label in words.items()})
                used.update(columns.values())
                plan.add(form, source)
        plan.notes += _count_cells(export, fields, used)


def read_dictionary(path: Path) -> list[DictionaryField]:
    """Fields of a data dictionary, as it is downloaded or as the interface gives it.

    Raises InputError when it lacks the names, forms or types of the fields.
    """
    grid = read_grids(path)[0]
    header = [clean(cell).lower().strip('"') for cell in grid.rows[0]]
    places = {
        key: next((header.index(name) for name in names if name in header), None)
        for key, names in NAMES.items()
    }
    absent = [NAMES[key][0] for key in ("name", "form", "kind") if places[key] is None]
    if absent:
        expected = f"the data dictionary of the project, with the columns {', '.join(absent)}"
        raise InputError([Problem(path.name, 1, "", ", ".join(header[:6]), "no data dictionary", expected)])
    rows = [
        {key: clean(row[place]) if place is not None else "" for key, place in places.items()}
        for row in grid.rows[1:]
        if any(map(clean, row))
    ]
    return [
        DictionaryField(
            row["name"],
            row["form"],
            row["kind"],
            _plain(row["label"]),
            _read_choices(row["kind"], row["choices"]),
            row["validation"],
        )
        for row in rows
    ]


def _plain(label: str) -> str:
    """A label without the marks of HTML that forms may hold."""
    return " ".join(re.sub(r"<[^>]+>", " ", label).split())


def _read_choices(kind: str, text: str) -> dict[str, str]:
    if kind in YES_NO:
        return dict(YES_NO[kind])
    if kind not in ("radio", "dropdown", "checkbox"):
        return {}
    pairs = (part.partition(",") for part in text.split("|") if "," in part)
    return {code.strip(): _plain(words) for code, _, words in pairs}


def _read_export(path: Path, fields: Sequence[DictionaryField]) -> Export:
    """An export with its columns by name; labels in the header are turned into names by their order."""
    grid = read_grids(path)[0]
    header = [clean(cell) for cell in grid.rows[0]]
    known = {name for one in fields for name in one.columns()}
    if (fields and fields[0].name in header) or known & set(header):
        return Export(grid, header, False, fields)
    labels = {words: name for name, words in SYSTEM.items()}
    ordered = [(name, label) for form in _forms(fields) for name, label in _columns_of_form(form, fields)]
    names, place = [], 0
    for label in header:
        if label in labels:
            names.append(labels[label])
            continue
        at = next((i for i in range(place, len(ordered)) if fold(ordered[i][1]) == fold(label)), None)
        if at is None:
            expected = (
                f"{ordered[place][1]!r} of the field {ordered[place][0]}"
                if place < len(ordered)
                else "no more columns"
            )
            raise InputError(
                [Problem(path.name, 1, "", label, "the column stands in no dictionary", expected)]
            )
        names.append(ordered[at][0])
        place = at + 1
    return Export(grid, names, True, fields)


def _forms(fields: Iterable[DictionaryField]) -> list[str]:
    return list(dict.fromkeys(one.form for one in fields))


def _columns_of_form(form: str, fields: Iterable[DictionaryField]) -> list[tuple[str, str]]:
    """Columns of an instrument in the order of an export, with its state at the end."""
    own = [pair for one in fields if one.form == form for pair in one.columns().items()]
    return [*own, (f"{form}_complete", "Complete?")]


def _list_sheets(export: Export, fields: Sequence[DictionaryField], *, by_event: bool = False) -> list[Sheet]:
    """One sheet for each choice of rows: an instrument that repeats, or all that do not, by their events.

    by_event : whether each event is a sheet of its own; else those of one instrument are together
    """
    forms: dict[str, tuple[dict[str, list[str]], list[list[Cell]], list[str]]] = {}
    for form in _forms(fields):
        names = [name for name, _ in _columns_of_form(form, fields)[:-1] if name in export.names]
        for choice, rows in _choose_rows(export, form, names, by_event=by_event):
            key = repr(choice)
            forms.setdefault(key, (choice, rows, []))[2].extend(names)
    return [
        recognise_sheet(_build_layout(export, fields, list(dict.fromkeys(names)), choice, rows))
        for choice, rows, names in forms.values()
    ]


def _choose_rows(
    export: Export, form: str, names: Sequence[str], *, by_event: bool = False
) -> list[tuple[dict[str, list[str]], list[list[Cell]]]]:
    """Filters of the rows of an instrument, and these rows: where it repeats, and where it does not."""
    place = {name: i for i, name in enumerate(export.names)}
    identity = export.names[0]
    own = [place[name] for name in names if name != identity]
    found: dict[str, tuple[dict[str, list[str]], list[list[Cell]]]] = {}
    for row in export.rows:
        if not any(clean(row[i]) for i in own):
            continue
        choice = {}
        if REPEAT in place:
            choice[REPEAT] = [clean(row[place[REPEAT]])]
        if EVENT in place:
            choice[EVENT] = [clean(row[place[EVENT]])]
        found.setdefault(repr(choice), (choice, []))[1].append(row)
    if by_event or EVENT not in place or len(found) < 2:
        return list(found.values())
    together: dict[str, tuple[dict[str, list[str]], list[list[Cell]]]] = {}
    for choice, rows in found.values():  # events of one instrument are one table
        key = repr(choice.get(REPEAT))
        if key in together:
            together[key][0][EVENT].extend(choice[EVENT])
            together[key][1].extend(rows)
        else:
            together[key] = (choice, list(rows))
    return list(together.values())


def _build_layout(
    export: Export,
    fields: Sequence[DictionaryField],
    names: list[str],
    choice: dict[str, list[str]],
    rows: list[list[Cell]],
) -> Layout:
    labels = {name: label for one in fields for name, label in one.columns().items()} | _name_sites(fields)
    missing = dict.fromkeys(export.missing_codes, MISSING_WORD)
    choices = {
        name: missing | ({} if export.is_labelled else one.choices)
        for one in fields[1:]
        for name in one.columns()
        if one.kind != "checkbox"
    }
    shown = [export.names[0], *(name for name in (GROUP,) if name in export.names), *names]
    columns = {
        name: Column(
            name,
            export.names.index(name),
            [row[export.names.index(name)] for row in rows],
            {GROUP: "centre", export.names[0]: "patient id"}.get(name, labels.get(name, "")),
            choices.get(name, {}),
        )
        for name in dict.fromkeys(shown)
    }
    settings: dict[str, object] = {"filter": choice} if choice else {}
    if export.is_labelled:
        settings = {"names": export.names, **settings}
    repeats = any(clean(text) for text in choice.get(REPEAT, ()))
    return Layout(export.grid, (1,), None, (), columns, settings, repeats)


def _name_sites(fields: Iterable[DictionaryField]) -> dict[str, str]:
    """Boxes of a question about metastases, labelled so that they are recognised, such as liver metastases."""
    return {
        name: site.replace("_", " ")
        for one in fields
        if one.kind == "checkbox"
        for words, name in zip(one.choices.values(), one.columns(), strict=True)
        if (site := find_site(one.label, words))
    }


def _read_checkboxes(plan: StudyPlan, sheet: Sheet, fields: Sequence[DictionaryField]) -> None:
    """A tumour type from boxes, where no other column gives it."""
    source = next((s for s in plan.tables["patients"] if s.file == sheet.layout.grid.file), None)
    if source is None or "tumour_type" in source.settings.get("columns", {}) or not sheet.is_wide:
        return
    for one in fields:
        if one.kind != "checkbox":
            continue
        codes = {
            name: find_code("tumour_type", one.choices[code])
            for code, name in zip(one.choices, one.columns(), strict=True)
            if name in sheet.layout.columns
        }
        known = {name: code for name, code in codes.items() if code is not None}
        if known:
            source.settings["first_of"] = {"tumour_type": known}
            source.evidence["first_of.tumour_type"] = f"boxes of {one.label!r}"
            sheet.used.update(known)
            plan.doubts.append(f"tumour_type is the first of the boxes {', '.join(known)} that is checked")
            plan.unplaced = [u for u in plan.unplaced if u.column not in known]
            if "ignore" in source.settings:
                source.settings["ignore"] = [n for n in source.settings["ignore"] if n not in known]
            return


def _count_cells(export: Export, fields: Sequence[DictionaryField], used: Container[str]) -> list[str]:
    """For each instrument its filled cells: in columns that are used, and left out."""
    place = {name: i for i, name in enumerate(export.names)}
    notes = []
    for form in _forms(fields):
        counts = {
            name: sum(bool(clean(row[place[name]])) for row in export.rows)
            for name, _ in _columns_of_form(form, fields)
            if name in place
        }
        total, read = sum(counts.values()), sum(n for name, n in counts.items() if name in used)
        if counts:
            left = f"{read} in columns that are read, {total - read} left out"
            notes.append(f"{form} of {export.grid.file.name}: {total} filled cells, {left}")
    return notes
