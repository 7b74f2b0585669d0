"""Cells of a file as text, in our words: one form, missing texts, values, default and zeros; formats of dates."""

import datetime as dt
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.cohort.sources.files import is_typed
from prrt_outcomes.cohort.sources.raw_table import RawTable
from prrt_outcomes.errors import Problem, suggest, tell, tell_setting
from prrt_outcomes.study.base import TableSource, clean_text
from prrt_outcomes.tables.parse import TextColumn
from prrt_outcomes.tables.parse_dates import EXCEL, ISO_FORMAT, TextFormat, has_short_year, lacks_day
from prrt_outcomes.tables.places import CellPlaces, repeat_text
from prrt_outcomes.tables.schema import Field

UNCLEAN = r"^\s|\s$|\s\s|[\t\r\n\f\v]|[^\x00-\x7f]"
DIGITS = r"^[0-9]+$"


def format_scalar(value: object) -> str:
    """A value of the study file as a table would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def format_cell(value: object, field: Field, source: TableSource) -> str:
    """A value of the study file as the column of the file would write it, with its decimal mark."""
    mark = source.decimal if field.type in ("number", "integer") else "."
    return format_scalar(value).replace(".", mark)


def change_distinct(texts: pa.DictionaryArray, change: Callable[[pa.Array], pa.Array]) -> pa.DictionaryArray:
    """Texts of a dictionary changed each once; what needs no change is kept."""
    changed = change(texts.dictionary)
    if changed is texts.dictionary:
        return texts
    encoded = changed.dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices.take(texts.indices), encoded.dictionary)


def decode_texts(texts: pa.Array) -> pa.Array:
    """Texts of an array, or of a dictionary, as an array."""
    return texts.dictionary_decode() if isinstance(texts, pa.DictionaryArray) else texts


def clean_texts(texts: pa.Array) -> pa.Array:
    """Texts in one Unicode form, one blank where several stand, and none around them; what needs no change is kept."""
    if isinstance(texts, pa.DictionaryArray):
        return change_distinct(texts, clean_texts)
    if not pc.any(pc.match_substring_regex(texts, UNCLEAN)).as_py():
        return texts
    encoded = texts.dictionary_encode()
    cleaned = [clean_text(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(cleaned, pa.string()).take(encoded.indices)


def known_texts(values: pa.Array, missing: Sequence[str]) -> pa.Array:
    """Cleaned texts; null where a cell is empty or its text means missing."""
    if isinstance(values, pa.DictionaryArray):
        return change_distinct(values, lambda texts: known_texts(texts, missing))
    unknown = pa.array(["", *map(clean_text, missing)], pa.string())
    cleaned = clean_texts(values)
    is_unknown = pc.is_in(cleaned, value_set=unknown)
    if not pc.any(is_unknown).as_py():
        return cleaned
    return pc.if_else(is_unknown, pa.scalar(None, pa.string()), cleaned)


def coalesce_texts(columns: Sequence[pa.Array], missing: Sequence[str]) -> tuple[pa.Array, pa.Array]:
    """First text that is not missing, and what stands there; missing texts become null."""
    filled = [known_texts(values, missing) for values in columns]
    if len(filled) == 1:
        return filled[0], columns[0]
    written = (pc.if_else(pc.is_null(t), t, values) for t, values in zip(filled, columns, strict=True))
    return pc.coalesce(*filled), pc.coalesce(*written, columns[0])


def choose_places(raw: RawTable, names: Sequence[str], missing: Sequence[str]) -> CellPlaces:
    """Line, column and label of the first cell of several columns that is not missing, in each row."""
    own = [raw.places.get(name, CellPlaces()) for name in names]
    if len(names) == 1:
        return replace(own[0], columns=own[0].columns or repeat_text(names[0], raw.n_rows))
    filled = [known_texts(raw.columns[name], missing).is_valid().to_numpy(False) for name in names]
    first = np.where(np.logical_or.reduce(filled), np.argmax(filled, axis=0), 0)
    lines = np.stack([raw.lines if at.lines is None else at.lines for at in own])
    shown = [at.columns or repeat_text(name, raw.n_rows) for name, at in zip(names, own, strict=True)]
    files = [at.labels or repeat_text("", raw.n_rows) for at in own]
    columns, labels = (
        pc.choose(pa.array(first), *(texts.cast(pa.string()) for texts in listed))
        for listed in (shown, files)
    )
    return CellPlaces(lines[first, np.arange(raw.n_rows)], columns, labels)


def translate_texts(
    texts: pa.Array, written: pa.Array, source: TableSource, field: Field
) -> tuple[pa.Array, pa.Array]:
    """The file's values in our words, the empty cell among them; a value that the mapping does not name stays.

    Returns the texts, and the distinct texts that the file has.
    """
    known = {
        clean_text(theirs): None if ours is None else format_cell(ours, field, source)
        for theirs, ours in source.values[field.name].items()
    }
    if known.get("") is not None:
        texts = fill_default(texts, written, "")
    encoded = texts.dictionary_encode()
    translated = [known.get(text, text) for text in encoded.dictionary.to_pylist()]
    return pa.array(translated, pa.string()).take(encoded.indices), encoded.dictionary


def fill_default(texts: pa.Array, written: pa.Array, value: str) -> pa.Array:
    """The default where a cell is empty; a cell that holds a text for missing, or a value that means it, stays so."""
    is_blank = pc.equal(decode_texts(clean_texts(written)), "")
    return pc.if_else(pc.and_(pc.is_null(texts), is_blank), pa.scalar(value), decode_texts(texts))


def pad_digits(texts: pa.Array, width: int) -> pa.Array:
    """Texts of digits alone with leading zeros up to a width."""
    if isinstance(texts, pa.DictionaryArray):
        return change_distinct(texts, lambda distinct: pad_digits(distinct, width))
    is_number = pc.match_substring_regex(texts, DIGITS)
    return pc.if_else(is_number, pc.utf8_lpad(texts, width, padding="0"), texts)


CHECKED = ("1", "yes", "true", "x", "checked")
UNCHECKED = ("0", "no", "false", "unchecked")


def read_boxes(
    table: str, raw: RawTable, kept: np.ndarray, source: TableSource, name: str
) -> tuple[TextColumn, list[Problem]]:
    """The code of the first box that is checked in each row; missing where none is.

    name : column of ours, under ``first_of``
    A box is checked by 1, yes, true, x, checked, its code or the name of its column. Returns the column of the rows
    that are read; an error for each other text in a box, a warning for each row with several boxes checked.
    """
    codes = {theirs: format_scalar(ours) for theirs, ours in source.first_of[name].items()}
    is_checked, problems = [], []
    for box, code in codes.items():
        texts = pc.utf8_lower(known_texts(raw.columns[box].take(pa.array(kept)), source.missing))
        checked = pa.array([*CHECKED, code.lower(), box.lower()], pa.string())
        is_checked.append(pc.is_in(texts, value_set=checked).to_numpy(zero_copy_only=False))
        known = pa.concat_arrays([checked, pa.array(UNCHECKED, pa.string())])
        odd = pc.and_(pc.is_valid(texts), pc.invert(pc.is_in(texts, value_set=known)))
        at = np.flatnonzero(odd.to_numpy(zero_copy_only=False))
        found, first = np.unique(texts.take(pa.array(at)).to_numpy(False).astype(str), return_index=True)
        told = zip(found.tolist(), raw.lines[kept][at[first]].tolist(), strict=True)
        problems += [tell("odd_box", table, line, box, text, box=box) for text, line in told]
    matrix = np.array(is_checked, dtype=bool)
    is_any, first = matrix.any(axis=0), matrix.argmax(axis=0)
    several = np.flatnonzero(matrix.sum(axis=0) > 1)
    patterns, which = np.unique(matrix[:, several].T, axis=0, return_inverse=True)
    taken = [[pair for pair, is_on in zip(codes.items(), p, strict=True) if is_on] for p in patterns]
    shown = [", ".join(f"{box} ({code})" for box, code in pairs) for pairs in taken]
    for line, i in zip(raw.lines[kept][several].tolist(), which.ravel().tolist(), strict=True):
        if len({code for _, code in taken[i]}) > 1:
            problems.append(tell("several_boxes", table, line, name, shown[i], code=taken[i][0][1]))
    chosen = pa.array(first, mask=~is_any)
    texts = pa.array(list(codes.values()), pa.string()).take(chosen)
    boxes = pa.DictionaryArray.from_arrays(pa.array(first, pa.int32()), pa.array(list(codes), pa.string()))
    return TextColumn(texts, pc.fill_null(texts, ""), TextFormat(), CellPlaces(columns=boxes)), problems


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
