"""Codes of the OMOP vocabularies that mean something here: those that ship with the package, and those of a user."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from prrt_outcomes.adopt.grid import fold
from prrt_outcomes.adopt.omop_tables import load_tables
from prrt_outcomes.cohort.vocabulary import find_word
from prrt_outcomes.errors import InputError, Problem, suggest, tell
from prrt_outcomes.tables.schema import load_schema

HEADER = ("domain", "vocabulary", "code", "ours", "note")
SHIPPED = Path(__file__).with_name("omop_codes.csv")
COLUMNS: dict[str, dict[str, str | list[str]]] = load_tables()["domains"]
NAME, CONCEPT_ID, ICD_O = "name", "concept_id", "ICDO3"


@dataclass(frozen=True)
class Code:
    """One row: a code of a vocabulary, or words of a name, and what it is here."""

    domain: str
    vocabulary: str
    # `*` and `?` stand for any letters and for one; all words of a name must stand in the name of the
    # concept
    code: str
    column: str  # column of ours and its value; both empty where the code is not to be read
    value: str
    is_doubtful: bool  # whether the meaning is a guess that a person has to confirm
    note: str

    @cached_property
    def words(self) -> frozenset[str]:
        """Words of a name."""
        return frozenset(fold(self.code).split())

    def fits(self, code: str) -> bool:
        """Whether a code of the data is this one, or one of those that it stands for."""
        return code == self.code or fnmatchcase(code, self.code.replace("[", "[[]"))


@dataclass(frozen=True)
class Concept:
    """What is known of a code in the data: concept id, vocabulary and code, name; empty where it is not known."""

    concept_id: str = ""
    vocabulary: str = ""
    code: str = ""
    name: str = ""


class Codes:
    """Rows of the tables of codes, the most specific found first."""

    def __init__(self, rows: Sequence[Code]):
        self._rows: dict[str, dict[str, list[Code]]] = {}
        for row in rows:
            self._rows.setdefault(row.domain, {}).setdefault(row.vocabulary, []).append(row)

    def _list(self, domain: str, vocabulary: str) -> list[Code]:
        """Rows of one domain and vocabulary; of all vocabularies where none is known."""
        own = self._rows.get(domain, {})
        if vocabulary:
            return own.get(vocabulary, [])
        return [row for name, rows in own.items() if name not in (NAME, CONCEPT_ID) for row in rows]

    def find(self, domain: str, concept: Concept) -> Code | None:
        """The row that fits a concept best: by its id, its code (the longest) or its name; a guess last."""
        by_id = self._find_code(self._list(domain, CONCEPT_ID), concept.concept_id)
        by_code = self._find_code(self._list(domain, concept.vocabulary), concept.code)
        if by_code is None and domain == "condition" and concept.vocabulary in ("", ICD_O):
            by_code = read_icd_o(concept.code)
        if any(row is not None and not row.column for row in (by_id, by_code)):
            return None
        return choose([by_id, by_code, self.find_name(domain, concept.name)])

    def find_name(self, domain: str, name: str) -> Code | None:
        """The row with most letters of which all words stand in a name."""
        words = set(fold(name).split())
        named = [row for row in self._list(domain, NAME) if words and row.words <= words]
        found = max(named, key=lambda row: len(row.code.replace("*", "")), default=None)
        return found if found is not None and found.column else None

    @staticmethod
    def _find_code(rows: Sequence[Code], code: str) -> Code | None:
        fitting = [row for row in rows if code and row.fits(code)]
        return max(fitting, key=lambda row: len(row.code.replace("*", "")), default=None)


def choose(rows: Iterable[Code | None]) -> Code | None:
    """The first row that is no guess, else the first."""
    found = [row for row in rows if row is not None]
    return next((row for row in found if not row.is_doubtful), found[0] if found else None)


def read_icd_o(text: str) -> Code | None:
    """The tumour type of morphology and topography of ICD-O-3, as OMOP joins them: 8240/3-C17.2."""
    morphology, mark, topography = text.partition("-")
    value = find_word("tumour_type", f"{topography} {morphology}") if mark and "/" in morphology else None
    return Code("condition", ICD_O, text, "tumour_type", value, False, "") if value else None


def read_codes(own: Path | None) -> Codes:
    """The codes that ship with the package; rows of a user's file replace those of the same domain, vocabulary, code.

    Raises InputError with every row that cannot be used.
    """
    rows = [row for path in (SHIPPED, own) if path is not None for row in _read_file(path)]
    return Codes(list({(row.domain, row.vocabulary, row.code): row for row in rows}.values()))


def _read_file(path: Path) -> list[Code]:
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeError) as error:
        words = {"columns": ", ".join(HEADER), "error": type(error).__name__}
        raise InputError([tell("codes_unreadable", path.name, **words)]) from None
    header = ", ".join(lines[0]) if lines else ""
    if tuple(cell.strip() for cell in header.split(",")) != HEADER:
        raise InputError([tell("no_table_of_codes", path.name, 1, "", header, columns=", ".join(HEADER))])
    filled = {n: [cell.strip() for cell in cells] for n, cells in enumerate(lines[1:], start=2) if any(cells)}
    read = {number: _read_row(cells) for number, cells in filled.items()}
    problems = [Problem(path.name, number, *row) for number, row in read.items() if not isinstance(row, Code)]
    if problems:
        raise InputError(problems)
    return [row for row in read.values() if isinstance(row, Code)]


def _read_row(cells: Sequence[str]) -> Code | tuple[str, str, str, str]:
    """The code of a row, or column, value, problem and expectation of a row that is none."""
    if len(cells) != len(HEADER):
        return "", ",".join(cells), "a row of another length", f"{len(HEADER)} cells: {', '.join(HEADER)}"
    domain, vocabulary, code, ours, note = cells
    if domain not in COLUMNS:
        expected = suggest(domain, list(COLUMNS), f"one of {', '.join(COLUMNS)}")
        return "domain", domain, "no domain that is read", expected
    if not vocabulary or not code:
        expected = f"a vocabulary_id of CONCEPT (or {NAME}, {CONCEPT_ID}) and a concept_code"
        return "code", code, "a row without vocabulary or code", expected
    match = re.fullmatch(r"(\w+)=(.+?)(\??)", ours)
    column, value, mark = match.groups() if match else ("", "", "")
    if ours and column not in COLUMNS[domain]:
        expected = f"{' or '.join(f'{c}=value' for c in COLUMNS[domain])}; empty where the code is not read"
        return "ours", ours, "not a column and its value", expected
    values = COLUMNS[domain].get(column, [])
    if isinstance(values, str):
        values = list(map(str, load_schema(values).field(column).codes))
    if values and value not in values:
        expected = suggest(value, values, f"one of {', '.join(values)}")
        return "ours", ours, f"no value of {column}", expected
    return Code(domain, vocabulary, code, column, value, bool(mark), note)
