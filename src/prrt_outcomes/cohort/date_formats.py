"""Formats of the numbers and dates of a file, and whether each format of a date is one."""

import datetime as dt
import re
import warnings
from collections.abc import Sequence

from prrt_outcomes.cohort.sources.files import is_typed
from prrt_outcomes.errors import Problem, suggest, tell_setting
from prrt_outcomes.study.base import TableSource
from prrt_outcomes.tables.parse_dates import EXCEL, ISO_FORMAT, TextFormat, has_short_year, lacks_day
from prrt_outcomes.tables.schema import Field

PROBE_DAYS = (dt.datetime(1931, 2, 3), dt.datetime(2014, 11, 30))


def choose_format(source: TableSource, name: str, day_zero: str) -> TextFormat:
    """How the file writes the numbers and dates of one of our columns; typed dates of a file come as ISO dates."""
    own = source.date_format.get(name) if isinstance(source.date_format, dict) else source.date_format
    forms = () if own is None else (own,) if isinstance(own, str) else own
    if forms and (EXCEL in forms or any(map(is_typed, source.files))):
        forms = tuple(dict.fromkeys((*forms, ISO_FORMAT)))
    return TextFormat(source.decimal, forms, source.pivot_year, day_zero, source.unit_of_column(name))


def check_date_format(table: str, source: TableSource, fields: Sequence[Field]) -> list[Problem]:
    """List formats that are not day, month and year, formats of what is no date, and a pivot year in doubt."""
    place = f"tables.{table}.date_format"
    by_column = source.date_format if isinstance(source.date_format, dict) else {"": source.date_format or ()}
    kinds = {
        field.name: "partial" if field.is_resolved else field.type
        for field in fields
        if field.type in ("date", "partial")
    }
    problems = []
    short = False
    for name, forms in by_column.items():
        key = f"{place}.{name}" if name else place
        may_lack_day = kinds.get(name) == "partial" if name else "partial" in kinds.values()
        for form in (forms,) if isinstance(forms, str) else forms:
            short |= has_short_year(form)
            problems += _check_format(key, form, source.pivot_year, may_lack_day)
        if name and name not in kinds:
            expected = suggest(name, list(kinds), f"dates of {table}: {', '.join(kinds) or 'none'}")
            problems.append(tell_setting("not_a_date_of_table", key, name, expected=expected))
    if source.pivot_year is not None and not short:
        problems.append(tell_setting("pivot_year_alone", f"tables.{table}.pivot_year", source.pivot_year))
    return problems


def _check_format(place: str, form: str, pivot_year: int | None, may_lack_day: bool) -> list[Problem]:
    if form == EXCEL:
        return []
    whole = form
    if has_short_year(form):
        if pivot_year is None:
            return [tell_setting("short_year", place, form)]
        whole = form.replace("%y", "%Y")
    probes = [day.replace(day=1) if lacks_day(form) and may_lack_day else day for day in PROBE_DAYS]
    try:
        with warnings.catch_warnings(action="error", category=DeprecationWarning):  # a day without a year
            is_whole = all(dt.datetime.strptime(day.strftime(whole), whole) == day for day in probes)
    except (ValueError, IndexError, re.error, DeprecationWarning):
        is_whole = False
    fault = "not_a_whole_or_partial_date" if may_lack_day else "not_a_whole_date"
    return [] if is_whole else [tell_setting(fault, place, form)]
