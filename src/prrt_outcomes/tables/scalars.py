"""How one text is read as a number, a date, a truth value: the same everywhere, and strict.

Blanks around a number, date or truth value are passed over; a code or a name is taken as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prrt_outcomes.tables.schema import Field

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

TRUE = ("true", "yes", "1", "1.0")
FALSE = ("false", "no", "0", "0.0")
NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
WHOLE = r"^[+-]?[0-9]{1,15}(\.0*)?$"
NOT_FINITE = r"^[+-]?(?i:inf|infinity|nan|1\.#inf|1\.#qnan)$"
MISSING_WORDS = frozenset(
    {"na", "n/a", "nan", "null", "none", ".", "-", "[not available]", "#n/a", "missing"}
)
ISO_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
ISO_PART = r"^[0-9]{4}(-(0[1-9]|1[0-2]))?$"

Faulty = tuple[str, str, "np.ndarray"]


@dataclass(frozen=True)
class TextFormat:
    """How a file writes numbers (decimal mark) and dates (strptime format; None is ISO 8601)."""

    decimal: str = "."
    date_format: str | None = None


def parse_texts(texts: pa.Array, field: Field, text_format: TextFormat) -> tuple[pd.Series, list[Faulty]]:
    """Parse distinct texts, none of them missing, into the type of a field.

    Returns
    -------
    values : typed, missing where a text cannot be read, shape (n,); codes stay text
    faulty : (problem, expected, which texts) for each kind of fault
    """
    if field.type in ("string", "code"):
        return _parse_strings(texts, field)
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(texts)
    if field.type in ("integer", "number"):
        return _parse_numbers(trimmed, field, text_format)
    if field.type == "boolean":
        return _parse_booleans(trimmed)
    return _parse_dates(trimmed, field, text_format)


def _matches(texts: pa.Array, pattern: str) -> np.ndarray:
    import pyarrow.compute as pc

    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False).astype(bool)


def _strings(texts: pa.Array) -> pd.Series:
    import pandas as pd

    return pd.Series(texts.to_numpy(zero_copy_only=False), dtype=pd.StringDtype("python"))


def _parse_strings(texts: pa.Array, field: Field) -> tuple[pd.Series, list[Faulty]]:
    """Text as it stands; a name that carries blanks would be another name to every other table."""
    values = _strings(texts)
    if field.type == "code" or not field.required:
        return values, []
    padded = _matches(texts, r"^\s|\s$")
    expected = "the same text without blanks before or after it"
    return values.mask(padded), [("blanks around the text", expected, padded)]


def _parse_numbers(texts: pa.Array, field: Field, text_format: TextFormat) -> tuple[pd.Series, list[Faulty]]:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if text_format.decimal == ",":
        pointed = _matches(texts, r"\.")
        texts = pc.replace_substring(texts, ",", ".")
    else:
        pointed = np.zeros(len(texts), dtype=bool)
    whole = field.type == "integer"
    readable = _matches(texts, WHOLE if whole else NUMBER) & ~pointed
    values = pc.if_else(pa.array(readable), texts, None).cast(pa.float64()).to_numpy(zero_copy_only=False)
    infinite = np.isinf(values) | (~readable & _matches(texts, NOT_FINITE))
    unreadable = ~readable & ~infinite
    kind = "whole number" if whole else f"number with the decimal mark {text_format.decimal}"
    expected = (
        f"a finite {kind}" + (f" ({field.unit})" if field.unit else "") + ", or nothing where it is missing"
    )
    series = pd.Series(np.where(infinite, np.nan, values))
    return series.astype("Int64") if whole else series, [
        ("not a finite number", expected, infinite),
        (f"not a {'whole ' if whole else ''}number", expected, unreadable),
    ]


def _parse_booleans(texts: pa.Array) -> tuple[pd.Series, list[Faulty]]:

    lower = _strings(texts).str.lower()
    values = lower.map(dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False)).astype("boolean")
    unreadable = values.isna().to_numpy(bool)
    expected = "true or false, yes or no, 1 or 0, or nothing where it is missing"
    return values, [("not a truth value", expected, unreadable)]


def _parse_dates(texts: pa.Array, field: Field, text_format: TextFormat) -> tuple[pd.Series, list[Faulty]]:
    """Full dates by ISO or the format of the file; years and months in ISO where the field may be partial."""
    import pandas as pd

    strings = _strings(texts)
    written = text_format.date_format
    shaped = _matches(texts, ISO_DAY) if written is None else ~_matches(texts, ISO_PART)
    candidates = strings.where(pd.Series(shaped))
    days = pd.to_datetime(candidates, format=written or "%Y-%m-%d", errors="coerce", exact=True)
    has_time = (days.notna() & (days != days.dt.normalize())).to_numpy()
    days = days.mask(has_time)
    part = _matches(texts, ISO_PART)
    is_partial = field.type == "partial"
    impossible = shaped & days.isna().to_numpy() & ~has_time
    unshaped = ~shaped & ~part if is_partial else ~shaped
    form = "ISO dates such as 2014-05-07" if written is None else f"dates as {written}"
    expected = f"{form}; 2014-05 or 2014 where the day is unknown" if is_partial else f"{form}, to the day"
    faulty = [
        ("a date that does not exist", expected, impossible if written is None else impossible & False),
        ("not a date", expected, unshaped if written is None else impossible | unshaped),
        ("a date with a time of day", expected, has_time),
    ]
    if not is_partial:
        return days.astype("datetime64[ns]"), faulty
    text = days.dt.strftime("%Y-%m-%d").astype("string")
    return text.mask(pd.Series(part), strings), faulty
