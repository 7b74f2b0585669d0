"""In which formats dates of a sheet are written, and in which units its numbers are."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from prrt_outcomes.adopt.grid import clean, is_number, read_number
from prrt_outcomes.adopt.headings import load_words
from prrt_outcomes.adopt.layout import Column
from prrt_outcomes.tables.date_advice import find_date_formats

PIVOT_YEAR = 30
PER_KILOGRAM = "MBq/kg"


@dataclass(frozen=True)
class Dates:
    """How dates are written."""

    # `date_format` and `pivot_year` of a mapping; empty where all are ISO dates or typed cells
    settings: Mapping[str, object]
    doubt: str = ""  # what the cells leave open; empty where nothing


def find_dates(columns: Iterable[Column], beside: Iterable[Column] = ()) -> Dates:
    """Formats of all dates of some columns; day before month where the cells leave it open.

    beside : columns of the same sheet, by whose dates of the same form day and month are told apart
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
            doubt = (
                f"dates such as those of {used[0].name!r} are read as day, month, year ({ordered[0]}); "
                f"every one of them could be {ordered[1]} too"
            )
    if any(
        is_number(cell) and clean(cell).isdigit() and len(clean(cell)) == 5
        for column in used
        for cell in column.filled
    ):
        chosen.append("excel")
    months = {form for text in texts for form in find_date_formats(text, "months")} - {"%Y-%m"}
    if months:
        chosen = [*(chosen or ["%Y-%m-%d"]), *sorted(months)]
    chosen = list(dict.fromkeys(chosen))
    settings: dict[str, object] = {}
    if chosen and chosen != ["%Y-%m-%d"]:
        settings["date_format"] = chosen[0] if len(chosen) == 1 else chosen
    if any("%y" in form for form in chosen):
        settings["pivot_year"] = PIVOT_YEAR
    return Dates(settings, doubt)


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
