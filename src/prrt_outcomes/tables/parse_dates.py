"""From text to days: formats of which one reads each date, serial numbers, two-digit years and partial dates."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from prrt_outcomes.study.base import EARLIEST_DAY, LATEST_DAY
from prrt_outcomes.tables.schema import Field

MIDNIGHT = r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]00:00(:00(\.0+)?)?Z?$"
ISO_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}"
SERIAL = r"^[1-9][0-9]{4}(\.[0-9]+)?$"
SERIAL_NUMBER = "probably a serial number of Excel"
NO_DATE = "not a date"
TIME_OF_DAY = "a date with a time of day"
CLOCK = ("%H", "%I")
EXCEL = "excel"
DAY_ZERO = "1899-12-30"
ISO_FORMAT = "%Y-%m-%d"
ISO_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
OTHER_CENTURY = r"^(0[0-9]|1[0-8]|2[1-9]|[3-9][0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
ISO_PART = r"^[0-9]{4}(-(0[1-9]|1[0-2]))?$"

Faulty = tuple[str, str, "np.ndarray"]


@dataclass(frozen=True)
class TextFormat:
    """How a column writes numbers and dates."""

    decimal: str = "."
    # strptime formats or ``excel``, of which one reads each date; none is ISO 8601
    date_formats: tuple[str, ...] = ()
    pivot_year: int | None = None  # two-digit years up to this one are 20xx, those above it 19xx
    # day of serial number 0, that of Excel's 1900 system where the file says nothing else
    day_zero: str = DAY_ZERO
    unit: str | None = None  # unit of the numbers, that of our column where it is None


def match_pattern(texts: pa.Array, pattern: str) -> np.ndarray:
    """Which texts hold a pattern, shape (n,)."""
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False).astype(bool)


def as_strings(texts: pa.Array) -> pd.Series:
    """Texts as a column of strings."""
    return pd.Series(texts.to_numpy(zero_copy_only=False), dtype=pd.StringDtype("python"))


def parse_dates(texts: pa.Array, field: Field, text_format: TextFormat) -> tuple[pd.Series, list[Faulty]]:
    """Full dates by the formats of the file; years and months where the field may be partial, kept as ISO texts.

    A format with a time of day reads the day; without one a time of day other than midnight is a fault.
    """
    formats = text_format.date_formats or (ISO_FORMAT,)
    is_partial = field.type == "partial"
    takes_iso = ISO_FORMAT in formats
    if takes_iso:
        texts = pc.replace_substring_regex(texts, MIDNIGHT, r"\1")
    if is_partial:
        texts = _months_as_iso(texts, text_format)
    strings = as_strings(texts)
    part = match_pattern(texts, ISO_PART)
    whole = strings.mask(pd.Series(part))
    earliest, latest = _bounds(whole, [form for form in formats if not lacks_day(form)], text_format)
    days = pd.Series(earliest)
    has_time = (days.notna() & (days != days.dt.normalize())).to_numpy()
    has_time |= days.isna().to_numpy() & match_pattern(texts, ISO_TIME) if takes_iso else False
    is_doubtful = days.notna().to_numpy() & (earliest != latest) & ~has_time
    days = days.mask(has_time | is_doubtful)
    unread = days.isna().to_numpy() & ~has_time & ~is_doubtful & ~(part & is_partial)
    impossible = unread & match_pattern(texts, ISO_DAY) if takes_iso else np.zeros(len(texts), dtype=bool)
    is_far = impossible & match_pattern(texts, OTHER_CENTURY)
    is_serial = unread & match_pattern(texts, SERIAL)
    spelled = {ISO_FORMAT: "ISO dates such as 2014-05-07", EXCEL: "serial numbers of Excel"}
    form = " or ".join(spelled.get(form, f"dates as {form}") for form in formats)
    expected = f"{form}; 2014-05 or 2014 where the day is unknown" if is_partial else f"{form}, to the day"
    faulty = [
        ("a date that does not exist", expected, impossible & ~is_far),
        ("out of range", f"{EARLIEST_DAY} to {LATEST_DAY}", is_far),
        (NO_DATE, expected, unread & ~impossible & ~is_serial),
        (TIME_OF_DAY, expected, has_time),
        ("a date that two formats read as different days", f"one of {form} alone", is_doubtful),
        (SERIAL_NUMBER, expected, is_serial),
    ]
    if not is_partial:
        return days.astype("datetime64[ns]"), faulty
    text = days.dt.strftime("%Y-%m-%d").astype("string")
    return text.mask(pd.Series(part), strings), faulty


def _bounds(
    texts: pd.Series, formats: Sequence[str], text_format: TextFormat
) -> tuple[np.ndarray, np.ndarray]:
    nothing = np.full(len(texts), np.datetime64("NaT", "ns"), dtype="datetime64[ns]")
    moments = [nothing, *(_read_days(texts, form, text_format) for form in formats)]
    return np.fmin.reduce(moments), np.fmax.reduce(moments)


def _months_as_iso(texts: pa.Array, text_format: TextFormat) -> pa.Array:
    """Months in a format without a day as ISO texts; what two such formats read differently stays as it is."""
    formats = [form for form in text_format.date_formats if lacks_day(form)]
    if not formats:
        return texts
    earliest, latest = _bounds(as_strings(texts), formats, text_format)
    months = pd.Series(earliest).where(earliest == latest).dt.strftime("%Y-%m")
    return pc.coalesce(pa.array(months, pa.string(), from_pandas=True), texts)


def lacks_day(form: str) -> bool:
    """Whether a strptime format has no day, so that it reads months."""
    return form != EXCEL and not any(mark in form for mark in ("%d", "%j"))


def has_short_year(form: str) -> bool:
    """Whether a strptime format has a two-digit year."""
    return "%y" in form.replace("%%", "")


def _read_days(texts: pd.Series, form: str, text_format: TextFormat) -> np.ndarray:
    """Days and moments that one format reads, missing where it does not."""
    if form == EXCEL:
        numbers = pd.to_numeric(texts.where(texts.str.match(SERIAL, na=False)))
        moments = pd.to_datetime(numbers.astype("float64"), unit="D", origin=text_format.day_zero)
        return moments.dt.round("s").to_numpy("datetime64[ns]")
    if form == ISO_FORMAT:
        texts = texts.where(texts.str.match(ISO_DAY, na=False))
    days = pd.to_datetime(texts, format=form, errors="coerce", exact=True).astype("datetime64[ns]")
    if text_format.pivot_year is not None and has_short_year(form):
        short = days.dt.year % 100  # no leap day is lost, 00 being 2000
        shift = np.where(short <= text_format.pivot_year, 2000, 1900) + short - days.dt.year
        moved = days.mask(shift == 100, days + pd.DateOffset(years=100))
        days = moved.mask(shift == -100, days - pd.DateOffset(years=100))
    if any(mark in form for mark in CLOCK):
        days = days.dt.normalize()
    return days.to_numpy("datetime64[ns]")


SAS_DAY_ZERO, SAS_YEARS = "1960-01-01", range(1990, 2041)
FORMS: dict[str, dict[str, list[str]]] = yaml.safe_load(
    Path(__file__).with_name("date_forms.yaml").read_text("utf-8")
)


def find_date_formats(text: str, *kinds: str) -> tuple[str, ...]:
    """Formats of these kinds of `date_forms.yaml` that read a text, several where day and month may be either."""
    shapes = (shape for kind in kinds for shape in FORMS[kind].items())
    return tuple(f for shape, forms in shapes if re.fullmatch(shape, text) for f in forms if _reads(f, text))


def _reads(form: str, text: str) -> bool:
    try:
        dt.datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def advise_date(field: Field, text_format: TextFormat, problem: str, text: str) -> str:
    """What to write where a text of a column is no date that the study reads."""
    name, text = field.name, text.strip()
    if problem == SERIAL_NUMBER:
        count = pd.Timedelta(int(float(text)), "D")
        day, by_sas = pd.Timestamp(text_format.day_zero) + count, pd.Timestamp(SAS_DAY_ZERO) + count
        advice = f"; it would be {day:%Y-%m-%d}: if so, in study.yaml {_write(name, text_format, [EXCEL])}"
        if by_sas.year in SAS_YEARS:
            advice += f"; a number of SAS it would be {by_sas:%Y-%m-%d}: read the file of SAS itself"
        return advice
    if problem == TIME_OF_DAY and re.match(ISO_TIME, text):
        form = f"{ISO_FORMAT}{text[10]}%H:%M{':%S' if text.count(':') > 1 else ''}"
        return f"; to read the day alone, in study.yaml {_write(name, text_format, [form], ISO_FORMAT)}"
    if problem != NO_DATE:
        return ""
    forms = [form for form in find_date_formats(text, *FORMS) if form not in text_format.date_formats]
    if field.type != "partial":
        forms = [form for form in forms if not lacks_day(form)]
    if forms:
        return "; or in study.yaml " + " or ".join(_write(name, text_format, [form]) for form in forms)
    example = _write(name, text_format, ["%d.%m.%Y"])
    return "" if text_format.date_formats else f"; or in study.yaml its form, such as {example}"


def _write(name: str, text_format: TextFormat, forms: list[str], first: str = "") -> str:
    """The setting that adds formats to those that a column has."""
    known = [*text_format.date_formats] or ([first] if first else [])
    quoted = [form if form == EXCEL else f'"{form}"' for form in (*known, *forms)]
    listed = quoted[0] if len(quoted) == 1 else f"[{', '.join(quoted)}]"
    pivot = ", pivot_year: 30" if any(map(has_short_year, forms)) and text_format.pivot_year is None else ""
    return f"date_format: {{{name}: {listed}}}{pivot}"
