"""In which formats a text can be a date, and what the study file then says of a column."""

import datetime as dt
import re
from pathlib import Path

import pandas as pd
import yaml

from prrt_outcomes.tables import parse_dates
from prrt_outcomes.tables.schema import Field

SAS_DAY_ZERO, SAS_YEARS = "1960-01-01", range(1990, 2041)
FORMS: dict[str, dict[str, list[str]]] = yaml.safe_load(
    Path(__file__).with_name("date_forms.yaml").read_text("utf-8")
)


def find_date_formats(text: str, *kinds: str) -> tuple[str, ...]:
    """Formats of these kinds of `date_forms.yaml` that read a text, several where day and month may be either."""
    shapes = (shape for kind in kinds for shape in FORMS[kind].items())
    return tuple(
        form for shape, forms in shapes if re.fullmatch(shape, text) for form in forms if _reads(form, text)
    )


def _reads(form: str, text: str) -> bool:
    try:
        dt.datetime.strptime(text, form)
    except ValueError:
        return False
    return True


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
    forms = [form for form in find_date_formats(text, *FORMS) if form not in text_format.date_formats]
    if field.type != "partial":
        forms = [form for form in forms if not parse_dates.lacks_day(form)]
    if forms:
        return "; or in study.yaml " + " or ".join(_write(name, text_format, [form]) for form in forms)
    example = _write(name, text_format, ["%d.%m.%Y"])
    return "" if text_format.date_formats else f"; or in study.yaml its form, such as {example}"


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
