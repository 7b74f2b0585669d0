"""Missing-data codes of a REDCap project, such as -99 or UNK, which may stand in fields of any kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from prrt_outcomes.adopt.grid import Cell, clean, find_day_format, is_day, is_number

MISSING_WORD = "n.a."  # what a missing-data code means, among the words for missing


def find_missing_codes(
    columns: Mapping[str, Iterable[Cell]],
    validations: Mapping[str, str],
    choices: Mapping[str, Iterable[str]],
) -> dict[str, int]:
    """Texts that REDCap accepts as missing-data codes alone, with the number of their cells in all columns.

    columns : cells by column
    validations : what the dictionary demands of a text field, such as ``date_dmy`` or ``number``
    choices : what a field of choices can hold, by column
    A text is one where a date or number is demanded and it is none, or where it is no choice and either no number or a
    negative one: a positive number may be a choice that was deleted.
    """
    counts = {
        name: Counter(text for cell in cells if (text := clean(cell))) for name, cells in columns.items()
    }
    codes: dict[str, None] = {}
    for name, found in counts.items():
        demanded = validations.get(name, "")
        for text in found:
            if demanded.startswith("date"):
                is_code = not is_day(text) and not find_day_format(text[:10])
            elif demanded.startswith(("number", "integer")):
                is_code = not is_number(text)
            elif name in choices:
                is_code = text not in choices[name] and (not is_number(text) or text.startswith("-"))
            else:
                is_code = False
            if is_code:
                codes[text] = None
    return {code: sum(found[code] for found in counts.values()) for code in codes}


def describe_missing_codes(file: str, codes: Mapping[str, int]) -> str:
    """A sentence for the doubts."""
    named = ", ".join(f"{code!r} ({n})" for code, n in codes.items())
    return f"{named} of {file} are read as missing: they stand in dates, numbers or choices that cannot hold them"
