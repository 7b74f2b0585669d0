"""Where a sheet made by hand has its names, its patients and what stands around them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from prrt_outcomes.adopt.grid import Cell, Grid, clean, filled, is_day, is_number
from prrt_outcomes.adopt.plan import SourcePlan

MOST_ABOVE = 15
SUMMARY = re.compile(
    r"(?i)^\s*(n\s*=|summe|gesamt|total|mittel|mean|median|average|durchschnitt|moyenne|media\b|promedio|somme|suma|"
    r"gemiddelde|legende|legend|leyenda|legenda|anzahl|stand\b|\*|quelle|source)"
)


UNIT = re.compile(
    r"(?i)[\[(]?(gbq|mbq|mci|%|jahre?|years?|ans|años|anni|jaar|[mc]m|mg/dl|[uµμ]mol/l|mmol/l|g/d?l|10\^?9/l|/[uµμn]l|"
    r"u/l|ng/ml|(tt|dd|jj|gg)[./-]mm[./-](jj|yy|aa){1,2}|ja/nein|y/n|m/w)[\])]?"
)


@dataclass(frozen=True)
class Column:
    """One column of a sheet."""

    name: str  # as the header gives it
    place: int  # its place in the sheet, from 0
    cells: list[Cell]  # of all patients
    label: str = ""  # what a data dictionary calls it; empty where there is none
    # words of each code, where a data dictionary has them
    choices: Mapping[str, str] = field(default_factory=dict)

    def mean(self, cell: Cell) -> Cell:
        """What a cell means: the words of its code, else the cell itself."""
        return self.choices.get(clean(cell), cell) if self.choices else cell

    @cached_property
    def filled(self) -> list[Cell]:
        """Cells that hold something."""
        return filled(self.cells)

    @cached_property
    def texts(self) -> list[str]:
        """Texts of the filled cells that are no typed dates or numbers."""
        return [clean(cell) for cell in self.filled if isinstance(cell, str)]

    @property
    def share_of_days(self) -> float:
        """Share of the filled cells that are dates."""
        return sum(map(is_day, self.filled)) / max(len(self.filled), 1)

    @property
    def share_of_numbers(self) -> float:
        """Share of the filled cells that are numbers."""
        return sum(map(is_number, self.filled)) / max(len(self.filled), 1)

    def describe_filled(self) -> str:
        """How many cells hold something, in words."""
        return f"{len(self.filled)} of {len(self.cells)} filled"

    def describe(self) -> str:
        """What the column looks like, without any value of it."""
        if not self.filled:
            return "empty"
        is_few = len({clean(cell).casefold() for cell in self.filled}) <= 6
        shares = {"dates": self.share_of_days, "numbers": self.share_of_numbers}
        shares["a few different texts"] = float(is_few)
        kind = next((kind for kind, share in shares.items() if share > 0.5), "text")
        return f"{kind}, {self.describe_filled()}"


@dataclass(frozen=True)
class Layout:
    """Names and patients of a sheet."""

    grid: Grid
    header_rows: tuple[int, ...]  # lines that hold the names
    last_row: int | None  # last line of a patient, where something stands below; else None
    skipped: tuple[int, ...]  # lines between that hold no patient
    columns: dict[str, Column]  # by name, in order; those without a name are left out
    # further keys of a mapping that choose these rows, such as `filter`
    choice: Mapping[str, Any] = field(default_factory=dict)
    repeats: bool = False  # whether a patient may have several rows although none has here

    @property
    def settings(self) -> dict[str, object]:
        """Keys of a mapping that say where to read."""
        grid, is_text = self.grid, self.grid.sheet is None
        lines = self.header_rows[0] if len(self.header_rows) == 1 else list(self.header_rows)
        stated = {
            "sheet": grid.sheet,
            "encoding": grid.encoding if is_text and grid.encoding != "utf-8" else None,
            "delimiter": grid.delimiter if is_text and grid.delimiter != "," else None,
            "header_row": lines if lines != 1 else None,
            "skip_rows": list(self.skipped),
            "last_row": self.last_row,
        }
        return {**grid.settings, **{name: value for name, value in stated.items() if value}, **self.choice}

    def start_source(self) -> SourcePlan:
        """A mapping of the sheet, with its decimal mark."""
        decimal = {"decimal": ","} if self.has_decimal_comma else {}
        return SourcePlan(self.grid.file, self.settings | decimal)

    @property
    def has_decimal_comma(self) -> bool:
        """Whether numbers are written with a comma; 7,400 alone, beside 7.4, is no such number."""
        texts = [text for column in self.columns.values() for text in column.texts]
        is_comma, is_point, is_open = (
            any(re.fullmatch(pattern, text) for text in texts)
            for pattern in (r"[+-]?\d+,(\d{1,2}|\d{4,})", r"[+-]?\d+\.\d+", r"[+-]?\d+,\d{3}")
        )
        return is_comma or (is_open and not is_point)


def find_layout(grid: Grid) -> Layout | None:
    """Find names and patients; None where the sheet is no table of patients.

    The header is the first line with at least two names of which most columns below hold something. A second line of
    names belongs to it where it is text and the columns below hold numbers or dates.
    """
    rows = grid.rows
    first = next((i for i in range(min(MOST_ABOVE, len(rows) - 1)) if _is_header(rows, i)), None)
    if first is None:
        return None
    header = [first]
    if first + 2 < len(rows) and _is_second_header(rows, first):
        header.append(first + 1)
    names = _join_names([rows[i] for i in header])
    start = header[-1] + 1
    body = list(range(start, len(rows)))
    end = _find_end(rows, body, names)
    kept = [i for i in body if i < end]
    skipped = [i for i in kept if _is_note(rows[i], names)]
    patients = [i for i in kept if i not in skipped and filled(rows[i])]
    below = any(filled(rows[i]) for i in body if i >= end)
    columns = {
        name: Column(name, place, [rows[i][place] for i in patients], grid.labels.get(name, ""))
        for place, name in enumerate(names)
        if name and names.index(name) == place
    }
    lines = tuple(i + 1 for i in header)
    return Layout(grid, lines, end if below else None, tuple(i + 1 for i in skipped), columns)


def _is_header(rows: list[list[Cell]], line: int) -> bool:
    texts = [clean(cell) for cell in rows[line]]
    named = {text for text in texts if text}
    if len(named) < 2 or any(is_day(cell) or isinstance(cell, float) for cell in rows[line]):
        return False
    below = [row for row in rows[line + 1 : line + 40] if filled(row)]
    if not below:
        return False
    used = [i for i in range(len(rows[line])) if any(clean(row[i]) for row in below)]
    return sum(bool(texts[i]) for i in used) >= 0.6 * len(used)


def _is_second_header(rows: list[list[Cell]], first: int) -> bool:
    """Whether the line below the first names has names too, text over columns of numbers or dates, or units alone."""
    second, below = rows[first + 1], [row for row in rows[first + 2 : first + 40] if filled(row)]
    if not below or any(is_day(cell) or (is_number(cell) and not isinstance(cell, str)) for cell in second):
        return False
    if filled(second) and all(UNIT.fullmatch(clean(cell)) for cell in filled(second)):
        return True
    n_typed = [sum(is_day(cell) or is_number(cell) for cell in cells) for cells in zip(*below, strict=True)]
    typed = [i for i, n in enumerate(n_typed) if n > 0.5 * len(below)]
    named = [i for i in typed if clean(second[i])]
    plain = [i for i in named if not is_number(second[i]) and not is_day(second[i])]
    return bool(typed) and len(plain) >= 0.5 * len(typed) and len(plain) == len(named)


def _join_names(lines: list[list[Cell]]) -> list[str]:
    """Names of one or two lines; an upper cell that is empty takes the one to its left where a lower name stands."""
    if len(lines) == 1:
        return [clean(cell) for cell in lines[0]]
    upper, names = "", []
    for above, below in zip(*lines, strict=True):
        upper = clean(above) or (upper if clean(below) else "")
        names.append(" ".join(part for part in (upper, clean(below)) if part))
    return names


def _find_end(rows: list[list[Cell]], body: list[int], names: list[str]) -> int:
    """Line behind the last patient: sums, legends and notes at the end are none."""
    sizes = sorted(len(filled(rows[i])) for i in body if filled(rows[i]))
    usual = sizes[len(sizes) // 2] if sizes else 0
    end = len(rows)
    while body and end > body[0]:
        row = rows[end - 1]
        n = len(filled(row))
        if n > (max(2, 0.3 * usual) if usual > 3 else 0) and not _is_note(row, names):
            break
        end -= 1
    return end


def _is_note(row: list[Cell], names: list[str]) -> bool:
    cells = filled(row)
    first = clean(cells[0]) if cells else ""
    is_sum = any(isinstance(cell, str) and cell.startswith("=") and "(" in cell for cell in cells)
    is_sentence = len(cells) == 1 and len(names) > 3 and len(first) > 12
    return bool(SUMMARY.match(first)) or (is_sum and len(cells) < 0.5 * len(names)) or is_sentence
