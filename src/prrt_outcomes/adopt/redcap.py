"""Exports of REDCap with their data dictionary: instruments become tables, choices become values."""

import re
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from prrt_outcomes.adopt.grid import Cell, Grid, clean, filled, fold, is_day, is_number, read_grids
from prrt_outcomes.adopt.headings import find_code, find_site
from prrt_outcomes.adopt.layout import Column, Layout
from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan, say
from prrt_outcomes.adopt.redcap_dictionary import FORMS, WORDS, field_name
from prrt_outcomes.adopt.sheet import OF_PATIENTS, Sheet, find_main_sheet, list_unplaced, recognise_sheet
from prrt_outcomes.adopt.sheets import fill_plan
from prrt_outcomes.errors import InputError, tell

NAMES = {own[0]: (column.lower(), own[1]) for column, own in WORDS["dictionary"].items() if own}
EVENT, REPEAT, INSTANCE, GROUP, *_ = SYSTEM = WORDS["system"]
ARM = re.compile(r"_arm_\d+|\s*\(Arm \d+: .*\)$")
YES_NO = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}


Rows = tuple[dict[str, list[str]], list[list[Cell]]]


@dataclass(frozen=True)
class DictionaryField:
    """One field of a data dictionary; choices are words by code, validation is the type that a text must have."""

    name: str
    form: str
    kind: str
    label: str
    choices: dict[str, str] = field(default_factory=dict)
    validation: str = ""
    # columns of the exports, some of which spell the code of a box as it is (``site___-99``)
    exported: Container[str] = ()

    def is_code_of_missing(self, text: str, choices: Iterable[str]) -> bool:
        """Whether REDCap accepts a text in the field as a missing-data code alone.

        It is no date or number where one is demanded, or no choice and either no number or a negative one: a positive
        number may be a choice that was deleted.
        """
        if self.validation.startswith("date"):
            return not is_day(text) and not is_day(text[:10])
        if self.validation.startswith(("number", "integer")):
            return not is_number(text)
        return bool(self.choices) and text not in choices and (not is_number(text) or text.startswith("-"))

    def columns(self) -> dict[str, str]:
        """Columns that an export has for the field: name to label."""
        if self.kind == "checkbox":
            plain = {code: f"{self.name}___{code.lower()}" for code in self.choices}
            folded = {c: f"{self.name}___{re.sub('[^a-z0-9]', '_', c.lower())}" for c in self.choices}
            names = {c: plain[c] if plain[c] in self.exported else folded[c] for c in self.choices}
            return {names[code]: f"{self.label} (choice={words})" for code, words in self.choices.items()}
        return {} if self.kind == "descriptive" else {self.name: self.label}


@dataclass(frozen=True)
class Export:
    """One file of an export with the names of its columns, also where its header has labels."""

    grid: Grid
    names: list[str]
    is_labelled: bool
    fields: Sequence[DictionaryField]

    @cached_property
    def rows(self) -> list[list[Cell]]:
        """Rows below the header that hold anything."""
        return [row for row in self.grid.rows[1:] if any(map(clean, row))]

    @cached_property
    def missing_codes(self) -> dict[str, int]:
        """Missing-data codes of the project, such as -99 or UNK, with the number of their cells."""
        single = [one for one in self.fields[1:] if one.kind != "checkbox" and one.name in self.names]
        texts = {one.name: list(filter(None, map(clean, self.cells(one.name, self.rows)))) for one in single}
        codes = {
            text: None
            for one in single
            for text in dict.fromkeys(texts[one.name])
            if one.is_code_of_missing(text, one.choices.values() if self.is_labelled else one.choices)
        }
        return {code: sum(found.count(code) for found in texts.values()) for code in codes}

    def cells(self, name: str, rows: Iterable[list[Cell]]) -> list[Cell]:
        """Cells of a column in some rows."""
        place = self.names.index(name)
        return [row[place] for row in rows]

    def choose_rows(self, names: Iterable[str], *, by_event: bool = False) -> list[Rows]:
        """Filters of the rows of an instrument, and these rows: where it repeats, and where it does not.

        by_event : whether events are apart, each with its like in the other arms; else all are together
        """
        own = [self.names.index(name) for name in names if name != self.names[0]]
        system = [name for name in (REPEAT, EVENT) if name in self.names]
        found: dict[tuple[str, str], Rows] = {}
        for row in self.rows:
            if any(clean(row[i]) for i in own):
                texts = {name: clean(row[self.names.index(name)]) for name in system}
                event = ARM.sub("", texts.get(EVENT, "")) if by_event else ""
                choice, rows = found.setdefault((texts.get(REPEAT, ""), event), ({}, []))
                rows.append(row)
                for name, text in texts.items():
                    known = choice.setdefault(name, [])
                    known += [text] if text not in known else []
        return list(found.values())


def read_dictionary(path: Path, exported: Container[str] = ()) -> list[DictionaryField]:
    """Fields of a data dictionary, as it is downloaded or as the interface gives it.

    Raises InputError when it lacks the names, forms or types of the fields.
    """
    grid = read_grids(path)[0]
    header = [clean(cell).lower().strip('"') for cell in grid.rows[0]]
    places = {key: next((header.index(n) for n in a if n in header), None) for key, a in NAMES.items()}
    absent = [NAMES[key][0] for key in ("name", "form", "kind") if places[key] is None]
    if absent:
        shown = ", ".join(header[:6])
        raise InputError([tell("no_dictionary", path.name, 1, "", shown, columns=", ".join(absent))])
    fields = []
    for row in (row for row in grid.rows[1:] if any(map(clean, row))):
        text = {key: clean(row[place]) if place is not None else "" for key, place in places.items()}
        named = (text["name"], text["form"], text["kind"], _plain(text["label"]))
        choices = _read_choices(text["kind"], text["choices"])
        fields.append(DictionaryField(*named, choices, text["validation"], exported))
    return fields


def _plain(label: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", label).split())


def _read_choices(kind: str, text: str) -> dict[str, str]:
    pairs = (part.partition(",") for part in text.split("|") if "," in part)
    is_listed = kind in ("radio", "dropdown", "checkbox")
    own = {code.strip(): _plain(words) for code, _, words in pairs} if is_listed else {}
    return dict(YES_NO.get(kind, own))


def read_export(grid: Grid, fields: Sequence[DictionaryField]) -> Export:
    """An export with its columns by name; labels in the header are turned into names by their order."""
    header = [clean(cell) for cell in grid.rows[0]]
    known = {name for one in fields for name in one.columns()}
    if (fields and fields[0].name in header) or known & set(header):
        return Export(grid, header, False, fields)
    labels = {words: name for name, words in SYSTEM.items()}
    ordered = [pair for form in list_forms(fields) for pair in list_columns(form, fields)]
    names, place = [], 0
    for label in header:
        if label in labels:
            names.append(labels[label])
            continue
        at = next((i for i in range(place, len(ordered)) if fold(ordered[i][1]) == fold(label)), None)
        if at is None:
            left = ordered[place : place + 1]
            expected = f"{left[0][1]!r} of the field {left[0][0]}" if left else "no more columns"
            raise InputError([tell("not_in_dictionary", grid.file.name, 1, "", label, expected=expected)])
        names.append(ordered[at][0])
        place = at + 1
    return Export(grid, names, True, fields)


def list_forms(fields: Iterable[DictionaryField]) -> list[str]:
    return list(dict.fromkeys(one.form for one in fields))


def list_columns(form: str, fields: Sequence[DictionaryField]) -> list[tuple[str, str]]:
    """Columns of an instrument in the order of an export, with its time as a survey and its state."""
    own = [pair for one in fields if one.form == form for pair in one.columns().items()]
    is_first = own[:1] == [(fields[0].name, fields[0].label)]
    time = (f"{form}_timestamp", "Survey Timestamp")
    return [*own[:is_first], time, *own[is_first:], (f"{form}_complete", "Complete?")]


Choice = Mapping[str, Collection[str]]
MISSING_WORD = "n.a."  # what a missing-data code means, among the words for missing
DATES_OF_ROWS = {"cycle_date", "assessment_date", "sample_date", "any_date", "last_contact_date"}


def plan_redcap(paths: Sequence[Path], dictionary: Path) -> StudyPlan:
    """Plan a study from exports, raw or labelled, with repeating instruments and events.

    Raises InputError when the dictionary is none, an export does not fit it, or no instrument holds patients.
    """
    grids = [read_grids(path)[0] for path in paths]
    fields = read_dictionary(dictionary, {clean(cell) for grid in grids for cell in grid.rows[0]})
    exports = [read_export(grid, fields) for grid in grids]
    plan = StudyPlan()
    if any(one.name == field_name(one.form, "cycle_date") for one in fields):
        _plan_own(plan, exports, fields)
        return plan
    sheets = [sheet for export in exports for sheet in _list_sheets(export, fields, plan.doubts)]
    main = find_main_sheet(sheets)
    if main is None:
        raise InputError([tell("no_instrument", paths[0].name)])
    fill_plan(plan, sheets, main)
    for export in exports:
        if export.missing_codes:
            named = ", ".join(f"{code!r} ({n})" for code, n in export.missing_codes.items())
            where = "they stand in dates, numbers or choices that cannot hold them"
            plan.doubts.append(f"{named} of {export.grid.name} are read as missing: {where}")
    used = {name for sheet in sheets for name in sheet.used}
    for name, site in sorted(_name_sites(fields).items()):
        if name in used:
            plan.doubts.append(f"{site}: where the box {name} is not checked the answer is no")
    for sheet in sheets:
        _read_checkboxes(plan, sheet, fields)
    list_unplaced(plan, sheets)
    for export in exports:
        own = [sheet for sheet in sheets if sheet.layout.grid is export.grid]
        shown = {name for sheet in own for name in sheet.layout.columns} | {REPEAT, EVENT}
        plan.ignore(export.grid.file, [name for name in export.names if name not in shown])
        used_of = [(sheet.layout.choice.get("filter", {}), sheet.used) for sheet in own]
        plan.notes += count_cells(export, fields, used_of)
    return plan


def _plan_own(plan: StudyPlan, exports: Sequence[Export], fields: Sequence[DictionaryField]) -> None:
    """Tables of a project that was made from our own dictionary (`init --redcap`)."""
    for export in exports:
        used: list[tuple[Choice, Collection[str]]] = []
        for form in FORMS:
            own = {one.name: one for one in fields if one.form == form and one.name in export.names}
            columns = {name.removeprefix(f"{form}_"): name for name in (export.names[0], *own)}
            for choice, rows in export.choose_rows(own):
                settings: dict[str, object] = {"names": export.names} if export.is_labelled else {}
                source = SourcePlan(export.grid.file, settings | ({"filter": choice} if choice else {}))
                for ours, theirs in columns.items():
                    n = len(filled(export.cells(theirs, rows)))
                    source.add_column(ours, theirs, f"{n} of {len(rows)} filled")
                    if export.is_labelled and theirs in own and own[theirs].kind == "radio":
                        source.add_values(ours, {label: code for code, label in own[theirs].choices.items()})
                used.append((choice, columns.values()))
                plan.add(form, source)
        plan.notes += count_cells(export, fields, used)


def _list_sheets(export: Export, fields: Sequence[DictionaryField], doubts: list[str]) -> list[Sheet]:
    """One sheet for each choice of rows: an instrument that repeats, or all that do not, by their events."""
    forms: dict[str, tuple[dict[str, list[str]], list[list[Cell]], list[str]]] = {}
    for form in list_forms(fields):
        names = [name for one in fields if one.form == form for name in one.columns() if name in export.names]
        chosen = export.choose_rows(names)
        sheets = [recognise_sheet(_build_layout(export, fields, names, *choice)) for choice in chosen]
        if any(map(_is_of_patients, sheets)):
            chosen = export.choose_rows(names, by_event=True)
            doubts.append(say("several_events", form=form))
        for choice, rows in chosen:
            key = repr(choice)
            forms.setdefault(key, (choice, rows, []))[2].extend(names)
    return [
        recognise_sheet(_build_layout(export, fields, list(dict.fromkeys(names)), choice, rows))
        for choice, rows, names in forms.values()
    ]


def _is_of_patients(sheet: Sheet) -> bool:
    """Whether a sheet has several rows a patient with what a patient has once, and no date of its own."""
    is_single, placed = not sheet.is_wide and not sheet.layout.repeats, sheet.placed.keys()
    return is_single and len(placed & OF_PATIENTS) > 1 and not placed & DATES_OF_ROWS


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
    labels |= {GROUP: "centre", export.names[0]: "patient id"}
    columns = {}
    for name in dict.fromkeys(shown):
        place, cells = export.names.index(name), export.cells(name, rows)
        columns[name] = Column(name, place, cells, labels.get(name, ""), choices.get(name, {}))
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
    own = (sheet.layout.grid.file, sheet.layout.choice.get("filter", {}))
    source = next((s for s in plan.tables["patients"] if (s.file, s.settings.get("filter", {})) == own), None)
    if source is None or "tumour_type" in source.settings.get("columns", {}):
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
            return


def count_cells(
    export: Export, fields: Sequence[DictionaryField], used: Iterable[tuple[Choice, Collection[str]]]
) -> list[str]:
    """For each instrument its filled cells: those that are read, and left out.

    used : rows that mappings read, as their filter chooses them, and the columns that they read of these
    """
    place = {name: i for i, name in enumerate(export.names)}
    read: set[tuple[int, str]] = set()
    for choice, names in used:
        known = [name for name in names if name in place]
        for line, row in enumerate(export.rows):
            if all(clean(row[place[name]]) in texts for name, texts in choice.items()):
                read.update((line, name) for name in known)
    notes = []
    for form in list_forms(fields):
        own = [name for name, _ in list_columns(form, fields) if name in place]
        rows = enumerate(export.rows)
        cells = {(line, name) for line, row in rows for name in own if clean(row[place[name]])}
        if own:
            left = f"{len(cells & read)} that are read, {len(cells - read)} left out"
            notes.append(f"{form} of {export.grid.file.name}: {len(cells)} filled cells, {left}")
    return notes
