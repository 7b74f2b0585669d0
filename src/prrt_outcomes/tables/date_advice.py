"""What to write in the study file where a text is a date of another form."""

import re

import pandas as pd

from prrt_outcomes.tables import parse_dates
from prrt_outcomes.tables.schema import Field

SAS_DAY_ZERO, SAS_YEARS = "1960-01-01", range(1990, 2041)
DAY_FIRST = "%d{0}%m{0}{1}"
MONTH_FIRST = "%m{0}%d{0}{1}"
NUMBERS = re.compile(r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})")
SHAPES = {
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}": parse_dates.ISO_FORMAT,
    r"[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}": "%Y/%m/%d",
    r"[0-9]{4}\.[0-9]{1,2}\.[0-9]{1,2}": "%Y.%m.%d",
    r"(19|20)[0-9]{6}": "%Y%m%d",
    r"[0-9]{1,2}-[A-Za-z]{3}-[0-9]{4}": "%d-%b-%Y",
    r"[0-9]{1,2}[A-Za-z]{3}[0-9]{4}": "%d%b%Y",
    r"[0-9]{1,2} [A-Za-z]{3} [0-9]{4}": "%d %b %Y",
    r"[0-9]{1,2}/[0-9]{4}": "%m/%Y",
    r"[0-9]{1,2}\.[0-9]{4}": "%m.%Y",
}


def advise_date(field: Field, text_format: parse_dates.TextFormat, problem: str, text: str) -> str:
    """What to write where a text of a column is no date that the study reads."""
    name, text = field.name, text.strip()
    if problem == parse_dates.SERIAL_NUMBER:
        count = pd.Timedelta(int(float(text)), "D")
        day, by_sas = pd.Timestamp(text_format.day_zero) + count, pd.Timestamp(SAS_DAY_ZERO) + count
        advice = f"; it would be {day:%Y-%m-%d}: if so, in study.yaml {_write(name, text_format, [parse_dates.EXCEL])}"
        if by_sas.year in SAS_YEARS:
            advice += f"; a number of SAS it would be {by_sas:%Y-%m-%d}: read the file of SAS itself"
        return advice
    if problem == parse_dates.TIME_OF_DAY and re.match(parse_dates.ISO_TIME, text):
        form = f"{parse_dates.ISO_FORMAT}{text[10]}%H:%M{':%S' if text.count(':') > 1 else ''}"
        return f"; to read the day alone, in study.yaml {_write(name, text_format, [form], parse_dates.ISO_FORMAT)}"
    if problem != parse_dates.NO_DATE:
        return ""
    forms = [form for form in _guess(text) if form not in text_format.date_formats]
    if field.type != "partial":
        forms = [form for form in forms if not parse_dates.lacks_day(form)]
    if forms:
        return "; or in study.yaml " + " or ".join(_write(name, text_format, [form]) for form in forms)
    example = _write(name, text_format, ["%d.%m.%Y"])
    return "" if text_format.date_formats else f"; or in study.yaml its form, such as {example}"


def _guess(text: str) -> list[str]:
    """Formats that read a text, two where day and month cannot be distinguished."""
    numbers = NUMBERS.fullmatch(text)
    if numbers:
        mark, year = numbers[2], "%Y" if len(numbers[4]) == 4 else "%y"
        day_first, month_first = (form.format(mark, year) for form in (DAY_FIRST, MONTH_FIRST))
        if mark == "." or int(numbers[1]) > 12:
            return [day_first]
        return [month_first] if int(numbers[3]) > 12 else [day_first, month_first]
    return [form for shape, form in SHAPES.items() if re.fullmatch(shape, text)]


def _write(name: str, text_format: parse_dates.TextFormat, forms: list[str], first: str = "") -> str:
    """The setting that adds formats to those that a column has."""
    known = [*text_format.date_formats] or ([first] if first else [])
    quoted = [form if form == parse_dates.EXCEL else f'"{form}"' for form in (*known, *forms)]
    listed = quoted[0] if len(quoted) == 1 else f"[{', '.join(quoted)}]"
    pivot = (
        ", pivot_year: 30"
        if any(map(parse_dates.has_short_year, forms)) and text_format.pivot_year is None
        else ""
    )
    return f"date_format: {{{name}: {listed}}}{pivot}"
