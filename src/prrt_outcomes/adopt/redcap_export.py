"""Data dictionaries of REDCap, and exports with their columns by name."""

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from prrt_outcomes.adopt.grid import Cell, Grid, clean, fold, is_day, is_number, read_grids
from prrt_outcomes.adopt.redcap_dictionary import WORDS
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
            return {
                self._name_box(code): f"{self.label} (choice={words})" for code, words in self.choices.items()
            }
        return {} if self.kind == "descriptive" else {self.name: self.label}

    def _name_box(self, code: str) -> str:
        spelled = f"{self.name}___{code.lower()}"
        return (
            spelled if spelled in self.exported else f"{self.name}___{re.sub('[^a-z0-9]', '_', code.lower())}"
        )


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

        names : columns of the instrument
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

    exported : columns of the exports
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
        shown = ", ".join(header[:6])
        raise InputError([tell("no_dictionary", path.name, 1, "", shown, columns=", ".join(absent))])
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
            exported,
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
