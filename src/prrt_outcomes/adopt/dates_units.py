"""In which formats dates of a sheet are written, and in which units its numbers are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from prrt_outcomes.adopt.grid import clean, find_day_format, is_number, read_number
from prrt_outcomes.adopt.layout import Column

PIVOT_YEAR = 30
PER_KILOGRAM = "MBq/kg"
ACTIVITY_UNITS = {
    r"\bMBq\s*(/|per\b|pro\b|je\b|par\b|por\b)\s*kg": PER_KILOGRAM,
    r"\bGBq": "GBq",
    r"\bMBq": "MBq",
    r"\bmCi": "mCi",
}
ACTIVITY_RANGES = {"GBq": (0.3, 30.0), "mCi": (30.0, 800.0), "MBq": (800.0, 30_000.0)}
LAB_UNITS = {
    r"mg\s*/\s*dl": "mg/dL", r"[uµμ]mol\s*/\s*l": "umol/L", r"mmol\s*/\s*l": "mmol/L", r"g\s*/\s*dl": "g/dL",
    r"g\s*%": "g/dL",
    r"(\bk|tsd\.?|10\^?3|10\*3|x10e3|thou)\s*/\s*([uµμ]l|mm3|mcl)": "10^9/L",
    r"(/nl|10\^?9\s*/\s*l|Gpt\s*/\s*l|10\*9/l|x10e9)": "10^9/L", r"\bg\s*/\s*l\b": "g/L",
    r"(/[uµμ]l|/mm3|/cmm)": "/uL", r"u\s*/\s*l": "U/L", r"ng\s*/\s*ml": "ng/mL", r"[uµμ]g\s*/\s*l": "ug/L",
    r"ml\s*/\s*min": "mL/min/1.73m2",
}  # fmt: skip
CELLS = ("platelets", "leukocytes", "neutrophils", "lymphocytes")  # G/L is 10^9/L of these
LAB_RANGES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "creatinine": {"mg/dL": (0.2, 12.0), "umol/L": (20.0, 1_200.0)},
    "haemoglobin": {"mmol/L": (3.0, 8.8), "g/dL": (8.8, 20.0), "g/L": (50.0, 200.0)},
    "platelets": {"10^9/L": (5.0, 1_500.0), "/uL": (5_000.0, 1_500_000.0)},
    "leukocytes": {"10^9/L": (0.3, 60.0), "/uL": (300.0, 60_000.0)},
    "neutrophils": {"10^9/L": (0.1, 50.0), "/uL": (100.0, 50_000.0)},
    "lymphocytes": {"10^9/L": (0.05, 20.0), "/uL": (50.0, 20_000.0)},
    "bilirubin": {"mg/dL": (0.1, 4.0), "umol/L": (4.0, 400.0)},
    "alt": {"U/L": (1.0, 3_000.0)},
    "ast": {"U/L": (1.0, 3_000.0)},
    "chromogranin_a": {"ng/mL": (1.0, 1_000_000.0)},
    "egfr": {"mL/min/1.73m2": (2.0, 200.0)},
}


@dataclass(frozen=True)
class Dates:
    """How dates are written.

    settings : `date_format` and `pivot_year` of a mapping; empty where all are ISO dates or typed cells
    doubt : what the cells leave open; empty where nothing
    """

    settings: Mapping[str, object]
    doubt: str = ""


def find_dates(columns: Iterable[Column], beside: Iterable[Column] = ()) -> Dates:
    """Formats of all dates of some columns; day before month where the cells leave it open.

    beside : columns of the same sheet, by whose dates of the same form day and month are told apart
    """
    used = list(columns)
    texts = {text for column in used for text in column.texts}
    forms: dict[str, list[str]] = {}
    for text in sorted(texts):
        found = find_day_format(text)
        if found:
            forms.setdefault(_shape(text), []).append(text)
    chosen, doubt = [], ""
    others = {text for column in beside for text in column.texts}
    for shape, group in forms.items():
        possible = [set(find_day_format(text)) for text in group]
        common = set.intersection(*possible)
        if len(common) > 1:
            alike = [set(find_day_format(text)) for text in others if _shape(text) == shape]
            common = common.intersection(*filter(None, alike)) or common
        ordered = [
            form for form in sorted(set.union(*possible), key=_day_first) if not common or form in common
        ]
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
    chosen = list(dict.fromkeys(chosen))
    settings: dict[str, object] = {}
    if chosen and chosen != ["%Y-%m-%d"]:
        settings["date_format"] = chosen[0] if len(chosen) == 1 else chosen
    if any("%y" in form for form in chosen):
        settings["pivot_year"] = PIVOT_YEAR
    return Dates(settings, doubt)


def _shape(text: str) -> str:
    return re.sub(r"\d+", lambda digits: "4" if len(digits[0]) == 4 else "2", text)


def _day_first(form: str) -> tuple[bool, str]:
    return (form.startswith("%m"), form)


def find_activity_unit(columns: Sequence[Column]) -> tuple[str, bool]:
    """Unit of administered activities, and whether it stands in a heading; else it is that of the usual size."""
    for pattern, unit in ACTIVITY_UNITS.items():
        if any(re.search(pattern, column.label or column.name, re.IGNORECASE) for column in columns):
            return unit, True
    usual = _usual(columns)
    fitting = (unit for unit, (low, high) in ACTIVITY_RANGES.items() if low <= usual < high)
    return next(fitting, "GBq"), False


def find_lab_unit(analyte: str, columns: Sequence[Column]) -> tuple[str, bool]:
    """Unit of laboratory values, and whether it stands in a heading; else that in which the usual value is likely."""
    for pattern, unit in LAB_UNITS.items():
        if any(re.search(pattern, column.label or column.name, re.IGNORECASE) for column in columns):
            return ("10^9/L" if unit == "g/L" and analyte in CELLS else unit), True
    usual = _usual(columns)
    ranges = LAB_RANGES[analyte]
    fitting = (unit for unit, (low, high) in ranges.items() if low <= usual <= high)
    return next(fitting, next(iter(ranges))), False


def _usual(columns: Sequence[Column]) -> float:
    values = [read_number(cell) for column in columns for cell in column.filled if is_number(cell)]
    return median(values) if values else 0.0
