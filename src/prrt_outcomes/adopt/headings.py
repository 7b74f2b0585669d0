"""What a heading and the cells below it probably are, by the words that registries use."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from prrt_outcomes.adopt.grid import Cell, clean, fold, is_day, is_number, read_number
from prrt_outcomes.adopt.layout import Column
from prrt_outcomes.cohort.vocabulary import find_word, load_vocabulary
from prrt_outcomes.tables.parse_dates import find_date_formats
from prrt_outcomes.tables.schema import read_data

ENOUGH = 0.6
MOST = 0.8
SHORT = 2
LONG = 4
TOTAL = "total_activity"
NUCLIDE = re.compile(
    r"(?i)(lu|y|ac|pb|in|i)\W*(177|90|225|212|111|131)\b|(177|90|225|212|111|131)\W*(lu|y|ac|pb|in|i)\b"
)


@dataclass(frozen=True)
class Heading:
    """A heading as it was recognised."""

    target: str  # name of one of our columns, of an analyte, or of what `words.yaml` calls it
    number: int | None  # the number in the heading, such as that of a cycle; None where it has none
    # name of the column with ``{n}`` for the number; the name itself where it has none or another
    template: str


@cache
def load_words() -> Mapping[str, Any]:
    """Headings and values as registries write them."""
    words = read_data(Path(__file__).with_name("words.yaml"))
    words["values"] = {
        name: {fold(str(word)): code for code, own in codes.items() for word in own}
        for name, codes in words["values"].items()
        if isinstance(codes, dict)
    } | {
        "yes": {fold(str(word)) or str(word): True for word in words["values"]["yes"]},
        "no": {fold(str(word)) or str(word): False for word in words["values"]["no"]},
        "grade": {fold(code): code for code in ("G1", "G2", "G3", "unknown")}
        | load_vocabulary()["grade"]["names"],
    }
    return words


def recognise(column: Column) -> Heading | None:
    """What a column probably is: the longest phrase in its heading whose kind of content the cells have.

    A column of any other heading is that of the radiopharmaceuticals where nearly all of its cells name a nuclide.
    """
    for name in dict.fromkeys((column.label or column.name, column.name)):
        found = _recognise_name(name, column)
        if found is not None:
            return found
    nuclides = [cell for cell in column.filled if NUCLIDE.search(clean(column.mean(cell)))]
    if nuclides and len(nuclides) >= MOST * len(column.filled):
        return Heading("radiopharmaceutical", None, column.name)
    return None


def _recognise_name(heading: str, column: Column) -> Heading | None:
    name = NUCLIDE.sub(" prrt ", heading)
    spaced = re.sub(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", " ", name)
    numbers = re.findall(r"\d+", spaced)
    bare = re.sub(r"\s*\b\d+\b\s*", " ", fold(spaced)).strip()
    plain = [target for target in _rank(fold(name)) if fits(target, column)]
    said = set() if numbers else set(fold(name).split())  # a number as a word, such as II or second
    ordinals = [number for number, words in load_words()["ordinals"].items() if said & set(words)]
    if len(ordinals) == 1 and plain and plain[0] in load_words()["counted"]:
        return Heading(plain[0], ordinals[0], column.name)
    if plain and (not numbers or plain[0] == "ki67_percent"):
        return Heading(plain[0], None, column.name)
    if len(numbers) == 1 and 0 < int(numbers[0]) < 100:
        for target in _rank(bare):
            if fits(target, column):
                digits = rf"(?<!\d)0*{int(numbers[0])}(?!\d)"
                template, n = re.subn(digits, "{n}", column.name)
                return Heading(target, int(numbers[0]), template if n == 1 else column.name)
    return Heading(plain[0], None, column.name) if plain else None


def _rank(text: str) -> list[str]:
    """Targets whose phrases stand in a folded heading, the longest phrase first."""
    found = _find_phrases(text)
    if set(found) == {"any_date"}:  # C1 fecha: what stands beside the word for a date
        generic = load_words()["headings"]["any_date"]
        rest = " ".join(word for word in text.split() if word not in generic)
        found = {target: n for target, n in _find_phrases(rest).items() if is_date(target)} | {"any_date": 0}
    if "activity_gbq" in found and any(word.startswith(tuple(load_words()["sums"])) for word in text.split()):
        found[TOTAL] = found.pop("activity_gbq")
    return sorted(found, key=lambda target: -found[target])


def _find_phrases(text: str) -> dict[str, int]:
    """Targets whose phrases stand in a folded text, with the length of the longest, above 100 where it is all."""
    found: dict[str, int] = {}
    padded = f" {text} "
    for target, phrases in load_words()["headings"].items():
        lengths = [
            len(phrase) + (100 if phrase == text else 0)
            for phrase in phrases
            if phrase == text or (len(phrase) > SHORT and f" {phrase} " in padded)
        ]
        if lengths:
            found[target] = max(lengths)
    return found


def find_analyte(name: str) -> tuple[str, str] | None:
    """Analyte of a heading, and the rest of the heading; None where it names none."""
    text = f" {fold(name)} "
    named = [(len(p), a, p) for a, b in load_words()["analytes"].items() for p in b if f" {p} " in text]
    if not named:
        return None
    _, analyte, phrase = max(named, key=lambda found: found[0])
    return analyte, text.replace(f" {phrase} ", " ", 1).strip()


def fits(target: str, column: Column) -> bool:
    """Whether enough of the cells are what a target holds; an empty column fits nothing."""
    if target == "person":
        return True
    cells = [meant for cell in column.filled if not is_missing(meant := column.mean(cell), target)]
    if not cells:
        return False
    if target in load_words()["texts"]:
        return column.share_of_days < ENOUGH
    if is_date(target):
        is_part = target in load_words()["partial"]
        is_any = lambda cell: is_day(cell) or _is_serial(cell) or (is_part and _is_month(clean(cell)))  # noqa: E731
        return _share(cells, is_any) >= ENOUGH
    if target in load_words()["numbers"]:
        low, high = load_words()["numbers"][target] or (-math.inf, math.inf)
        return _share(cells, lambda cell: is_number(cell) and low <= read_number(cell) <= high) >= ENOUGH
    if target in load_words()["forms"]:
        form = re.compile(load_words()["forms"][target])
        return _share(cells, lambda cell: bool(form.fullmatch(clean(cell)))) >= ENOUGH
    if target == "sex" and any(clean(cell) == "0" for cell in cells):
        return False  # 0 and 1 have no convention, 1 and 2 have (ISO 5218)
    return _share(cells, lambda cell: find_code(target, cell) is not None) >= 0.5


def is_date(target: str) -> bool:
    """Whether a target is a date."""
    return target in load_words()["dates"]


def _share(cells: list[Cell], holds: Callable[[Cell], bool]) -> float:
    return sum(map(holds, cells)) / len(cells)


def _is_month(text: str) -> bool:
    return bool(find_date_formats(text, "months") or re.fullmatch(r"(19|20)\d\d", text))


def _is_serial(cell: Cell) -> bool:
    """Whether a cell may be a serial number of Excel for a day between 1950 and 2050."""
    return is_number(cell) and clean(cell).isdigit() and 18_264 <= int(clean(cell)) <= 55_000


def is_missing(cell: Cell, target: str = "") -> bool:
    """Whether a cell says that nothing is known, or, where a date is expected, that the event did not happen."""
    text = clean(cell).casefold()
    words = load_words()
    known = {word.casefold() for word in (*words["missing"], *words["never"])}
    if is_date(target):
        known |= set(words["values"]["no"])
    if target == "death_date":
        known |= {word for word, code in words["values"]["vital_status"].items() if code == "alive"}
    return text in known or fold(text) in known


def find_code(target: str, cell: Cell) -> str | bool | None:
    """Our code of a cell; None where it is not recognised."""
    text = fold(clean(cell)) or clean(cell)
    values = load_words()["values"]
    if target == "radiopharmaceutical":
        return find_radiopharmaceutical(clean(cell))
    if target == "tumour_type":
        return _find_tumour(clean(cell))
    if target in load_words()["truths"]:
        return values["yes"].get(text, values["no"].get(text))
    if target == "vital_status":
        found = _look_up(values["vital_status"], text)
        return found if found is not None else values["yes"].get(text, values["no"].get(text))
    if target.endswith("best_response"):
        target = "reported_response"
    return _look_up(values.get(target, {}), text)


def _look_up(codes: Mapping[str, str], text: str) -> str | None:
    begun = [word for word in codes if len(word) >= LONG and text.startswith(f"{word} ")]
    return codes.get(text, codes[max(begun, key=len)] if begun else None)


def find_radiopharmaceutical(text: str) -> str | None:
    """Nuclide and ligand of a text by the vocabulary; the nuclide alone where no ligand stands there."""
    code = find_word("radiopharmaceutical", text)
    if code is not None:
        return code
    words = load_vocabulary()["radiopharmaceutical"]
    tokens = fold(text).split()
    found = NUCLIDE.search(text)
    symbol = (found[1] or found[4]).lower() if found else ""
    named = [symbol] if symbol else [token for token in tokens if len(token) > SHORT or len(tokens) == 1]
    nuclide = next((key for key, n in words["nuclides"].items() if set(map(fold, n)) & set(named)), None)
    brands = {code.partition("-")[0] for name, code in words["names"].items() if name in tokens}
    nuclide = nuclide or next(iter(brands), None)
    if nuclide is None:
        return None
    joined = "".join(tokens)
    ligand = next((k for k, a in words["ligands"].items() if any(n in joined for n in a if len(n) > 3)), "")
    return f"{nuclide}-{ligand}" if ligand else nuclide


def _find_tumour(text: str) -> str | None:
    """Tumour type of a text by the vocabulary, else by the longest of its names that begins a word of the text."""
    code = find_word("tumour_type", text)
    if code is not None:
        return code
    folded, best = fold(text), (-1, "")
    for name, known in load_vocabulary()["tumour_type"]["names"].items():
        starts = re.search(rf"\b{re.escape(name)}" + (r"\b" if len(name) < 5 else ""), folded)
        if starts:  # a word for other says less than any organ
            best = max(best, (0 if known == "other" else len(name), known))
    return best[1] or None


def find_site(label: str, words: str) -> str | None:
    """Column of ours that a box says: the organ of a box in a question about metastases; None for any other box."""
    known = load_words()
    if not any(re.search(rf"\b{word}", fold(label)) for word in known["metastases"]):
        return None
    tokens = set(fold(words).split())
    return next((site for site, names in known["sites"].items() if tokens & set(names)), None)


def find_visit(text: str) -> tuple[str, int] | None:
    """Time of a laboratory value from the words of its heading.

    Returns ``cycle`` and its number (on the day of that cycle), or ``days`` and how many days after the last cycle;
    None where the words say neither.
    """
    words = load_words()["visits"]
    spaced = re.sub(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", " ", fold(text))
    tokens = spaced.split()
    number = next((int(token) for token in tokens if token.isdigit()), None)
    has = lambda name: any(token in words[name] for token in tokens)  # noqa: E731
    if number is None:
        is_first = any(f" {phrase} " in f" {spaced} " for phrase in words["baseline"])
        return ("cycle", 1) if is_first else None
    if has("months") and not has("before"):
        return ("days", round(number * 30.4375))
    if has("weeks") and not has("before"):
        return ("days", number * 7)
    return ("cycle", number) if has("before") or has("at") or len(tokens) == 1 else None
