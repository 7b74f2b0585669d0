"""Units of measurement: how many of one make one of another, and the units of time that all packages share."""

import re
from functools import cache
from pathlib import Path
from typing import Any

DAYS_PER_WEEK = 7.0
DAYS_PER_MONTH = 30.4375
DAYS_PER_YEAR = 365.25
TIME_UNIT_DAYS = {"days": 1.0, "weeks": DAYS_PER_WEEK, "months": DAYS_PER_MONTH, "years": DAYS_PER_YEAR}


def convert_days_to_months(time_days):
    """Months from days: a month is 30.4375 days, a twelfth of 365.25."""
    return time_days / DAYS_PER_MONTH


UNKNOWN_CASE = {
    name.lower(): name
    for name in ["GBq", "MBq", "kBq", "Bq", "Ci", "mCi", "uCi", "Gy", "cGy", "mGy", "U", "IU"]
}
SPELLINGS = {
    r"\s": "",
    "[µμ]|mc(?=[glGL])": "u",
    "⁻": "^-",
    "²": "^2",
    "³": "^3",
    "⁶": "^6",
    "⁹": "^9",
    "(?<=[0-9])\\^\\^": "^",
    r"^[x×]?10(\*\*|[*eE^])(?=[0-9])": "10^",
    r"/?\(?1[.,]?73m\^?2\)?$": "",
    "(?<=[a-zA-Z])(?=[23](/|$))": "^",
    r"^([mu]?g)%$": r"\1/dL",
    "%": "percent",
    r"^(cells?|1)?/": "1/",
}
EXPRESSION = re.compile(r"(1/|10\^-?[0-9]{1,2}[*/])?[a-zA-Z]+(\^[23])?([*/][a-zA-Z]+(\^[23])?){0,3}")


@cache
def find_factor(unit: str, target: str, grams_per_mole: float | None = None) -> float | None:
    """How many of one unit are one of another, such as 0.001 for MBq and GBq.

    unit : as a file writes it; blanks, the sign of micro, raised digits and most capitals do not matter
    target : as the schema writes it
    grams_per_mole : molar mass, where an amount of substance may stand for a mass or the other way round
    Returns the factor that turns a value in the unit into one in the target; None where the unit is not known or
    measures something else.
    """
    spelled, wanted = spell_unit(unit), spell_unit(target)
    if spelled == wanted:
        return 1.0
    known_case = re.sub("[A-Za-z]+", lambda word: UNKNOWN_CASE.get(word[0].lower(), word[0].lower()), spelled)
    for text in dict.fromkeys((spelled, known_case)):
        factor = _compute_factor(text, wanted, grams_per_mole)
        if factor is not None:
            return factor
    return None


@cache
def spell_unit(text: str) -> str:
    """A unit in one spelling, such as ``10^9/L`` for ``×10⁹ / L``; that of eGFR without the body surface."""
    for written, meant in SPELLINGS.items():
        text = re.sub(written, meant, text)
    return text


def _compute_factor(unit: str, target: str, grams_per_mole: float | None) -> float | None:
    if not EXPRESSION.fullmatch(unit):
        return None
    registry = _load_registry()
    try:
        ratio = registry.parse_expression(unit) / registry.parse_expression(target)
    except Exception:  # an unknown unit makes pint and the reader of its expressions raise nearly anything
        return None
    masses = [1] if grams_per_mole is None else [1, registry.Quantity(grams_per_mole, "g/mol")]
    for mass in masses:
        for found in (ratio * mass, ratio / mass):
            plain = found.to_base_units()
            if plain.dimensionless:
                return float(f"{plain.magnitude:.12g}")
    return None


@cache
def _load_registry() -> Any:
    """The units of `units.txt`; pint takes a while to load, which only a unit that is to be converted needs.

    No others: with all units of pint, K would be kelvin, G gauss, rad an angle and Mg a ton.
    """
    from pint import UnitRegistry

    text = Path(__file__).with_name("units.txt").read_text("utf-8")
    return UnitRegistry(text.format(**globals()).splitlines())
