"""Values of a column as codes of ours, formats of dates, units, and texts that mean missing."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import log, sqrt
from statistics import median

from prrt_outcomes.adopt.grid import clean, fold, is_day, is_number, read_number
from prrt_outcomes.adopt.headings import find_code, find_radiopharmaceutical, is_missing, load_words
from prrt_outcomes.adopt.layout import Column
from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan, name_some, say
from prrt_outcomes.tables.parse_dates import find_date_formats
from prrt_outcomes.tables.schema import load_schema

PIVOT_YEAR = 30
PER_KILOGRAM = "MBq/kg"


def find_dates(columns: Iterable[Column], beside: Iterable[Column] = ()) -> tuple[dict[str, object], str]:
    """Formats of all dates of some columns; day before month where the cells leave it open.

    beside : columns of the same sheet, by whose dates of the same form day and month are told apart
    Returns `date_format` and `pivot_year` of a mapping, empty where all are ISO dates or typed cells; and what the
    cells leave open, empty where nothing.
    """
    used = list(columns)
    texts = {text for column in used for text in column.texts}
    forms: dict[str, list[str]] = {}
    for text in sorted(texts):
        found = find_date_formats(text, "days")
        if found:
            forms.setdefault(_shape(text), []).append(text)
    chosen, doubt = [], ""
    others = {text for column in beside for text in column.texts}
    for shape, group in forms.items():
        possible = [set(find_date_formats(text, "days")) for text in group]
        common = set.intersection(*possible)
        if len(common) > 1:
            alike = [set(find_date_formats(text, "days")) for text in others if _shape(text) == shape]
            common = common.intersection(*filter(None, alike)) or common
        by_day_first = sorted(set.union(*possible), key=lambda form: (form.startswith("%m"), form))
        ordered = [form for form in by_day_first if not common or form in common]
        chosen += ordered[:1] if common else ordered
        if len(common) > 1:
            doubt = say("day_or_month", column=used[0].name, read=ordered[0], other=ordered[1])
    cells = [clean(cell) for column in used for cell in column.filled if is_number(cell)]
    chosen += ["excel"] if any(text.isdigit() and len(text) == 5 for text in cells) else []
    months = {form for text in texts for form in find_date_formats(text, "months")} - {"%Y-%m"}
    if months:
        chosen = [*(chosen or ["%Y-%m-%d"]), *sorted(months)]
    chosen = list(dict.fromkeys(chosen))
    settings: dict[str, object] = {}
    if chosen and chosen != ["%Y-%m-%d"]:
        settings["date_format"] = chosen[0] if len(chosen) == 1 else chosen
    if any("%y" in form for form in chosen):
        settings["pivot_year"] = PIVOT_YEAR
    return settings, doubt


def _shape(text: str) -> str:
    return re.sub(r"\d+", lambda digits: "4" if len(digits[0]) == 4 else "2", text)


def find_activity_unit(columns: Sequence[Column]) -> tuple[str, bool]:
    """Unit of administered activities, and whether it stands in a heading; else it is that of the usual size."""
    words = load_words()
    return _find_unit(columns, words["activity_units"], words["activity_ranges"])


def find_lab_unit(analyte: str, columns: Sequence[Column]) -> tuple[str, bool]:
    """Unit of laboratory values, and whether it stands in a heading; else that in which the usual value is likely."""
    words = load_words()
    ranges = words["lab_ranges"][analyte]
    unit, is_written = _find_unit(columns, words["lab_units"], ranges)
    is_count = "10^9/L" in ranges  # G/L is 10^9/L of cells
    return ("10^9/L" if unit == "g/L" and is_written and is_count else unit), is_written


def _find_unit(
    columns: Sequence[Column], patterns: Mapping[str, str], ranges: Mapping[str, Sequence[float]]
) -> tuple[str, bool]:
    """Unit that a heading names, and True; else that in whose range the median lies, the first where none does."""
    names = [column.label or column.name for column in columns]
    for pattern, unit in patterns.items():
        if any(re.search(pattern, name, re.IGNORECASE) for name in names):
            return unit, True
    values = [read_number(cell) for column in columns for cell in column.filled if is_number(cell)]
    usual = median(values) if values else 0.0
    fitting = (unit for unit, (low, high) in ranges.items() if low <= usual <= high)
    return next(fitting, next(iter(ranges))), False


THOUSANDS = re.compile(r"\d{1,3}([.,]\d{3})+")
PLAIN_PERCENT = re.compile(r"\d+([.,]\d+)?\s*%")
LIGAND_OF = {"177Lu": "177Lu-DOTATATE", "90Y": "90Y-DOTATOC"}


def name_agents(texts: Iterable[str], doubt: Callable[[str], None]) -> dict[str, str]:
    """Radiopharmaceutical of each text that names a nuclide; a ligand that is not named and other agents are doubts."""
    codes = load_schema("cycles").field("radiopharmaceutical").codes
    found = {}
    for text in dict.fromkeys(texts):
        agent = find_radiopharmaceutical(text)
        code = LIGAND_OF.get(agent or "", agent)
        if code is None:
            continue
        if code != agent:
            doubt(f"{text!r} names no ligand and is read as {code}")
        if code not in codes:
            doubt(f"{text!r} is read as other: {code} is not among the radiopharmaceuticals")
        found[text] = code if code in codes else "other"
    return found


class Coding:
    """Reads values as codes and collects what must be confirmed.

    plan : to which the doubts are added
    width : digits of the identifiers of patients where they begin with zeros, else 0
    """

    def __init__(self, plan: StudyPlan, width: int = 0):
        self.plan = plan
        self.width = width
        self.doubt = plan.doubt
        self._missing: dict[int, dict[str, set[str]]] = {}

    def add(self, table: str, source: SourcePlan) -> None:
        """Add a mapping to the plan, with the texts that mean missing."""
        self.plan.add(table, self.close(source))

    def read(self, source: SourcePlan, target: str, column: Column) -> None:
        """Add the values of a column to a mapping; texts that mean missing are kept for `close`."""
        missing = self._missing.setdefault(id(source), {})
        words = load_words()
        if target in (*words["numbers"], "ki67_percent"):
            self._read_marks(source, target, column)
        if target not in (*words["coded"], *words["truths"], "ki67_percent"):
            for cell in column.filled:
                if is_missing(column.mean(cell), target) and not is_day(cell):
                    missing.setdefault(clean(cell), set()).add(target)
            return
        values: dict[str, object] = {}
        unknown: dict[str, int] = {}
        for cell in column.filled:
            text, meant = clean(cell), column.mean(cell)
            code = _read_percent(clean(meant)) if target == "ki67_percent" else find_code(target, meant)
            if code is None and is_missing(meant) and meant == cell:
                missing.setdefault(text, set()).add(target)
                continue
            values[text] = code
            if code is None and not is_missing(meant):
                unknown[text] = unknown.get(text, 0) + 1
        if target == "sex":
            values |= self._read_letters(column, {fold(text): text for text in values})
        self._add(source, target, column, values)
        if unknown:
            named = name_some(f"{text!r} ({n})" for text, n in unknown.items())
            self.doubt(f"{target}: {named} in {column.name!r} not recognised, read as missing")

    def _read_marks(self, source: SourcePlan, target: str, column: Column) -> None:
        """Numbers with another decimal mark than the rest of the file, and with marks between thousands."""
        mark = source.settings.get("decimal", ".")
        is_grouped = {text: bool(THOUSANDS.fullmatch(text)) for text in column.texts}
        others = [cell for cell in column.filled if not (isinstance(cell, str) and is_grouped[clean(cell)])]
        known = [read_number(cell) for cell in others if is_number(cell)]
        low, high = load_words()["activity_ranges"].get(find_activity_unit([column])[0], (0.0, 0.0))
        usual = median(known) if known else sqrt(low * high) if target == "activity_gbq" else 0.0
        decimals: dict[str, float] = {}
        thousands: dict[str, int] = {}
        for text in is_grouped:
            plain = read_number(text) if is_number(text) else 0.0
            whole = int(re.sub("[.,]", "", text)) if is_grouped[text] else 0
            if whole and (not plain or (usual > 0 and abs(log(whole / usual)) < abs(log(plain / usual)))):
                thousands[text] = whole
            elif plain and {".", ","} & set(text) - {mark}:
                decimals[text] = plain
        source.add_values(target, decimals | thousands)
        if thousands:
            named = name_some(f"{text!r} as {value}" for text, value in thousands.items())
            self.doubt(f"{target}: {named} in {column.name!r}, since numbers of this size stand there")

    def _read_letters(self, column: Column, letters: dict[str, str]) -> dict[str, object]:
        """Sex by letters that languages use differently: M of mujer beside H or V of varón, V of vrouw beside M."""
        is_spanish = "sexo" in fold(column.label or column.name).split()
        if "m" not in letters or not ("h" in letters or "v" in letters):
            return {}
        own = {"h": "male", "m": "female"} if "h" in letters else {"v": "female", "m": "male"}
        if "h" not in letters and is_spanish:
            own = {"v": "male", "m": "female"}
        found: dict[str, object] = {letters[letter]: code for letter, code in own.items()}
        self.doubt(
            f"sex in {column.name!r}: " + ", ".join(f"{text!r} = {code}" for text, code in found.items())
        )
        return found

    def _add(self, source: SourcePlan, target: str, column: Column, values: dict[str, object]) -> None:
        """Write values into the mapping; what is a guess is a doubt."""
        if target == "radiopharmaceutical":
            bare = sorted({str(code) for code in values.values() if code in LIGAND_OF})
            values = {text: LIGAND_OF.get(str(code), code) for text, code in values.items()}
            for nuclide in bare:
                self.doubt(f"{column.name!r} names no ligand: {nuclide} is read as {LIGAND_OF[nuclide]}")
        if target == "sex" and "1" in values and "1" not in column.choices:
            self.doubt(f"sex: 1 is male and 2 is female in {column.name!r}, as ISO 5218 has it")
        if target == "ki67_percent":
            odd = {text: code for text, code in values.items() if code is None or not is_number(text)}
            sure = {text for text in odd if PLAIN_PERCENT.fullmatch(text)}
            guessed = {text: code for text, code in odd.items() if code is not None and text not in sure}
            if guessed:
                named = ", ".join(f"{text!r} as {code}" for text, code in guessed.items())
                self.doubt(f"{target}: {named} (half of a limit, the middle of a range)")
            values = odd
        source.add_values(target, values)

    def read_vital_status(self, source: SourcePlan, column: Column) -> None:
        """Who is dead, by the words of the column, or by yes and no in the sense of its heading."""
        words = load_words()
        told = set(fold(column.label or column.name).split())
        is_dead, is_alive = (bool(told & set(words[name])) for name in ("heading_dead", "heading_alive"))
        yes, no = ("alive", "dead") if is_alive and not is_dead else ("dead", "alive")
        open_code = no if is_alive or is_dead else "lost"
        values: dict[str, object] = {}
        for cell in column.filled:
            meant = column.mean(cell)
            found = find_code("vital_status", meant)
            if found is None and is_missing(meant):
                found = words["values"]["no"].get(fold(clean(meant)) or clean(meant), open_code)
            values[clean(cell)] = {True: yes, False: no}[found] if isinstance(found, bool) else found
        source.add_values("vital_status", values)
        named = {text: f"{text!r} ({column.choices[text]})" for text in values if text in column.choices}
        shown = {named.get(text, repr(text)): code for text, code in values.items()}
        known = ", ".join(f"{text} = {code}" for text, code in shown.items() if code is not None)
        self.doubt(f"who is dead, by {column.name!r}: {known or 'no value was recognised'}")
        unknown = ", ".join(text for text, code in shown.items() if code is None)
        if unknown:
            self.doubt(say("vital_unknown", unknown=unknown, column=column.name))
        n_empty = len(column.cells) - len(column.filled)
        if n_empty:
            source.settings["default"] = {"vital_status": open_code}
            self.doubt(f"{n_empty} empty cells of {column.name!r} are read as {open_code}")

    def close(self, source: SourcePlan) -> SourcePlan:
        """The mapping with the texts that mean missing: in all columns, or in one where another reads them."""
        found = self._missing.pop(id(source), {})
        read = {text for values in source.settings.get("values", {}).values() for text in values}
        for text in read & set(found):
            for target in sorted(found.pop(text)):
                source.add_values(target, {text: None})
        if found:
            source.settings["missing"] = ["", *found]
        return source


def _read_percent(text: str) -> float | int | None:
    """Percentage of a text: half of a limit, the middle of a range."""
    numbers = [float(part.replace(",", ".")) for part in re.findall(r"\d+(?:[.,]\d+)?", text)]
    if len(numbers) not in (1, 2) or not re.fullmatch(r"[<>≤≥~\s%\d.,-]+", text):
        return None
    value = sum(numbers) / len(numbers) / (2 if re.match(r"\s*[<≤]", text) else 1)
    return int(value) if value == int(value) else value
