"""One sheet with what its columns were recognised as."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from prrt_outcomes.adopt.coding import Coding, find_dates
from prrt_outcomes.adopt.grid import Cell, clean, filled
from prrt_outcomes.adopt.headings import Heading, find_analyte, load_words, recognise
from prrt_outcomes.adopt.layout import Column, Layout
from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan, say

PATIENT_COLUMNS, FOLLOW_UP_COLUMNS = (
    tuple(load_words()["of_tables"][name]) for name in ("patients", "follow_up")
)
OF_PATIENTS = tuple(name for name in PATIENT_COLUMNS if name != "centre_id")
FEWEST_KNOWN = 4
LONGEST_IDENTIFIER = 20
FIRST = 3


@dataclass
class Sheet:
    """One sheet with what its columns were recognised as."""

    layout: Layout
    # the column of each target that stands there once
    placed: dict[str, Column] = field(default_factory=dict)
    # of each target the columns that carry a number
    numbered: dict[str, dict[int, tuple[Column, Heading]]] = field(default_factory=dict)
    # columns of laboratory values, with their analyte and the rest of their heading
    analytes: list[tuple[Column, str, str]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)  # names of the columns that went into a table
    doubts: list[str] = field(default_factory=list)  # what was guessed about its rows
    is_numbered: bool = False  # whether each row is a patient and no column names them

    @property
    def id_column(self) -> Column | None:
        """Column of the patients."""
        return self.placed.get("patient_id")

    @property
    def is_wide(self) -> bool:
        """Whether each patient stands in one row."""
        ids = [clean(cell) for cell in self.id_column.filled] if self.id_column else []
        return len(set(ids)) == len(ids) and not self.layout.repeats

    def count(self, targets: Iterable[str]) -> int:
        """How many of some targets stand there once."""
        return sum(target in self.placed for target in targets)

    def start_source(self, columns: Iterable[Column], coding: Coding) -> SourcePlan:
        """A mapping of this sheet with the patients, the formats of some dates and the decimal mark."""
        source = self.layout.start_source()
        settings, doubt = find_dates(columns, self.layout.columns.values())
        source.settings |= settings
        coding.doubt(doubt)
        identity = self.id_column
        if identity is not None:
            self.used.add(identity.name)
            source.add_column("patient_id", identity.name, identity.describe_filled())
            digits = (text for text in map(clean, identity.filled) if text.isdigit())
            if any(len(text) < coding.width for text in digits):
                source.settings["pad"] = {"patient_id": coding.width}
        elif self.is_numbered:
            source.add_column("patient_id", None, "the rows are numbered")
        return source

    def place(self, source: SourcePlan, coding: Coding, columns: Mapping[str, Column | None]) -> None:
        """Read columns of ours from columns of the sheet, with what their values mean."""
        for ours, column in columns.items():
            if column is not None:
                source.add_column(ours, column.name, column.describe_filled())
                coding.read(source, ours, column)
                self.used.add(column.name)

    def start_at(self, ours: str, date: Column, coding: Coding) -> SourcePlan:
        """A mapping of this sheet with the patients and a date."""
        source = self.start_source([date], coding)
        self.place(source, coding, {ours: date})
        return source


def recognise_sheet(layout: Layout, *doubts: str) -> Sheet:
    """Recognise the columns of a sheet."""
    sheet = Sheet(layout, doubts=list(doubts))
    for column in layout.columns.values():
        analyte = find_analyte(column.label or column.name)
        heading = recognise(column)
        is_known = heading is not None and heading.target in sheet.placed
        if analyte and column.share_of_numbers >= 0.5 and not is_known:
            sheet.analytes.append((column, *analyte))
        elif heading is None:
            continue
        elif heading.number is not None:
            sheet.numbered.setdefault(heading.target, {}).setdefault(heading.number, (column, heading))
        else:
            sheet.placed.setdefault(heading.target, column)
    return sheet


def find_main_sheet(sheets: Iterable[Sheet]) -> Sheet | None:
    """The sheet with one row a patient that knows most of what patients have; None where there is none."""
    wide = (sheet for sheet in sheets if (sheet.id_column or sheet.is_numbered) and sheet.is_wide)
    return max(wide, key=lambda s: (s.count(OF_PATIENTS), s.count(FOLLOW_UP_COLUMNS)), default=None)


def name_patients(sheets: Sequence[Sheet]) -> None:
    """Tell patients apart where no heading of identifiers was recognised: by one of the first columns
    whose values all differ.

    The rows of the only sheet are numbered where there is no such column. Both is done only where a sheet holds what
    patients have, and is a doubt.
    """
    if any(sheet.id_column is not None for sheet in sheets):
        return
    known = (*PATIENT_COLUMNS, *FOLLOW_UP_COLUMNS)
    main = max(sheets, key=lambda sheet: sheet.count(known), default=None)
    if main is None or main.count(known) < FEWEST_KNOWN:
        return
    found = next(filter(_is_identifier, list(main.layout.columns.values())[:FIRST]), None)
    if found is not None:
        for sheet in (sheet for sheet in sheets if found.name in sheet.layout.columns):
            sheet.placed["patient_id"] = sheet.layout.columns[found.name]
        main.doubts.append(say("patients_by", column=found.name))
    elif len(sheets) == 1:
        main.is_numbered = True
        main.doubts.append(say("rows_numbered"))


def _is_identifier(column: Column) -> bool:
    """Whether a column of no known heading has a short text or whole number for each row that no other row has."""
    texts = [clean(cell) for cell in column.filled]
    is_short = all(len(text) <= LONGEST_IDENTIFIER and not {",", "."} & set(text) for text in texts)
    is_unique = len(texts) == len(column.cells) == len(set(texts))
    is_other = recognise(column) is not None or find_analyte(column.name) is not None or column.share_of_days
    return is_short and is_unique and not is_other


def list_unplaced(plan: StudyPlan, sheets: Sequence[Sheet]) -> None:
    """Name the columns that went into no table, and what they look like; each of a file and sheet once."""
    used = {(sheet.layout.grid.name, name) for sheet in sheets for name in sheet.used}
    for grid in {sheet.layout.grid.name: sheet.layout.grid for sheet in sheets}.values():
        left: dict[str, str] = {}
        for sheet in (sheet for sheet in sheets if sheet.layout.grid.name == grid.name):
            words = {
                column.name: load_words()["not_read"].get(target) for target, column in sheet.placed.items()
            }
            for name, column in sheet.layout.columns.items():
                if (grid.name, name) not in used:
                    looks_like = words.get(name) or column.describe()
                    left.setdefault(name, f"{column.label}: {looks_like}" if column.label else looks_like)
        plan.leave_out(grid.name, left)
        plan.ignore(grid.file, left, grid.sheet)


FEWEST = 2


def split_blocks(sheet: Sheet) -> list[Sheet]:
    """Part a sheet in patients and their rows, such as cycles; the sheet alone where it needs no parting.

    The rows of a patient may name the patient in the first of them alone, as where cells were merged, or in each, with
    everything about the patient repeated.
    """
    identity = sheet.id_column
    if identity is None or sheet.layout.choice or not filled(identity.cells[:1]):
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
    words = f"{len(others)} rows without {identity.name!r} are of the patient above"
    down = {"fill_down": [identity.name, *(c.name for c in agents)]}
    patients = ([identity, *of_patients], heads, {"not_empty": [identity.name]})
    return _part(sheet.layout, patients, ([named, *of_rows], down), words)


def _fill_down(column: Column) -> Column:
    cells: list[Cell] = []
    for cell in column.cells:
        cells.append(cell if clean(cell) or not cells else cells[-1])
    return replace(column, cells=cells)


def _split_repeated(sheet: Sheet, identity: Column) -> list[Sheet]:
    """Patients are read where a column holds one value, such as cycle 1, in exactly one row of each patient."""
    ids = [clean(cell) for cell in identity.cells]
    columns = [column for column in sheet.layout.columns.values() if column is not identity]
    agent = sheet.placed.get("radiopharmaceutical")
    n_cells = {c.name: len({*zip(ids, map(clean, c.cells), strict=True)}) for c in columns}
    constant = [c for c in columns if n_cells[c.name] == len({*ids}) and c is not agent]
    known = {column.name for target, column in sheet.placed.items() if target in PATIENT_COLUMNS}
    if not known & {column.name for column in constant}:
        return [sheet]
    for column in (column for column in columns if column not in constant):
        texts = [clean(cell) for cell in column.cells]
        for value, n in Counter(texts).items():
            chosen = [i for i, text in enumerate(texts) if text == value]
            if value and n == len({*ids}) and len({ids[i] for i in chosen}) == n:
                patients = ([identity, *constant], chosen, {"filter": {column.name: [value]}})
                rest = [identity, *(other for other in columns if other not in constant)]
                words = f"what a patient has once is read from the rows with {column.name!r} = {value!r}"
                return _part(sheet.layout, patients, (rest, {}), words)
    return [sheet]


def _part(layout: Layout, patients: tuple, rows: tuple, words: str) -> list[Sheet]:
    """Sheets of patients (columns, lines, choice), a doubt with these words, and of all rows (columns, choice)."""
    columns, lines, choice = patients
    of_patients = {c.name: replace(c, cells=[c.cells[i] for i in lines]) for c in columns}
    of_rows = replace(layout, columns={c.name: c for c in rows[0]}, choice=rows[1], repeats=True)
    patients_alone = replace(layout, columns=of_patients, choice=choice)
    return [recognise_sheet(patients_alone, words), recognise_sheet(of_rows)]
