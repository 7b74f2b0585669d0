"""Checks of one typed table: filled, in the list of codes, in range, plausible, and one row a key."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from prrt_outcomes.tables import schema
from prrt_outcomes.tables.parse import CellFaults, find_faults, find_true, list_cells

NO_CODE = "not in the list of codes"
GROUP_COLUMNS = ("centre_id",)


def check_values(
    fields: Sequence[schema.Field],
    frame: pd.DataFrame,
    failed: Mapping[str, np.ndarray],
    written: Mapping[str, pa.Array],
) -> list[CellFaults]:
    """List the cells that are empty but required, no code of their column, out of range or implausible.

    failed : for each column the rows whose text could not be read: told already, not told again as empty
    written : for each column of the file its cells as they stand there
    Returns faults with the value as written; severity ``warning`` where a value is only implausible.
    """
    faults = []
    for field in fields:
        name, values = field.name, frame[field.name]
        for is_wrong, problem, expected, severity in _apply_rules(field, values, failed.get(name)):
            positions = find_true(is_wrong)
            if len(positions):
                cells = written[name].take(positions).to_pylist() if name in written else None
                found = list_cells(values, positions) if cells is None else cells
                wanted = _suggest_codes(field, found) if problem == NO_CODE else expected
                faults.append(CellFaults(name, positions, found, problem, wanted, severity))
        faults += _find_missing_words(field, values)
    return faults


def _apply_rules(
    field: schema.Field, values: pd.Series, failed: np.ndarray | None
) -> Iterator[tuple[Any, str, str, str]]:
    """For each rule of a column the cells that break it, what is wrong, what is expected, and how severe that is."""
    low, high = _bounds(field)
    allowed = _range(field, field.minimum, field.maximum)
    if field.codes:
        yield values.notna() & ~values.isin(list(field.codes)), NO_CODE, "", "error"
    if high is not None:
        yield values > high, "out of range", allowed, "error"
    if low is not None:
        yield values < low, "out of range", allowed, "error"
    if field.required and failed is not None:
        yield values.isna() & ~failed, "empty", _describe_needed(field), "error"
    if field.pattern:
        expected = "a name of small letters, digits and _ that begins with a letter"
        is_odd = ~values.str.fullmatch(field.pattern).fillna(True).astype(bool)
        yield is_odd, "not a valid name", expected, "error"
    if field.plausible is not None:
        is_odd = (values < field.plausible[0]) | (values > field.plausible[1])
        is_allowed = (values >= low) & (values <= high)
        yield is_odd & is_allowed, "implausible", _range(field, *field.plausible), "warning"


def _describe_needed(field: schema.Field) -> str:
    empty = schema.format_values(field.name, {"": "..."})
    code = f"; where an empty cell means a code: {empty} in study.yaml" if field.codes else ""
    return f"a value: {field.description}{code}"


def find_empty(field: schema.Field, frame: pd.DataFrame) -> list[CellFaults]:
    """The cells of a column that is to be filled and is not."""
    return find_faults(frame, field.name, frame[field.name].isna(), "empty", _describe_needed(field))


def _find_missing_words(field: schema.Field, values: pd.Series) -> list[CellFaults]:
    """Texts such as NA in a column of free text: taken as they stand, yet hardly meant so."""
    if field.type != "string":
        return []
    codes, unique = pd.factorize(values)
    is_word = np.array([t.strip().lower() in schema.MISSING_WORDS for t in unique] + [False], dtype=bool)
    expected = "nothing where it is missing, or the text listed under missing in study.yaml"
    problem = "looks like a missing value"
    return find_faults(values.to_frame(), field.name, is_word[codes], problem, expected, "warning")


def _bounds(field: schema.Field) -> tuple:
    """Bounds in the type of the column; ISO texts of partial dates compare in the order of time."""
    if field.type == "date" and field.minimum is not None:
        return pd.Timestamp(str(field.minimum)), pd.Timestamp(str(field.maximum))
    if field.type == "partial" and field.minimum is not None:
        return str(field.minimum)[:4], str(field.maximum)
    return field.minimum, field.maximum


def _range(field: schema.Field, low: float | str | None, high: float | str | None) -> str:
    unit = f" {field.unit}" if field.unit else ""
    low, high = (b if b is None or isinstance(b, str) else f"{b:.10g}" for b in (low, high))
    return f"at least {low}{unit}" if high is None else f"{low} to {high}{unit}"


def _suggest_codes(field: schema.Field, found: Sequence[str]) -> list[str]:
    """Allowed codes for each cell, led by the one that was probably meant, and what to do if it means missing."""
    advice = schema.advise_values(field, found)
    wanted = {}
    for value in set(found):
        near = schema.guess_code(field, value)
        wanted[value] = f"did you mean {near}? {advice}" if near else advice
        if value.strip().lower() in schema.MISSING_WORDS:
            wanted[value] += f"; list {value.strip()} under missing in study.yaml if it means missing"
    return [wanted[value] for value in found]


def check_group_names(frame: pd.DataFrame, extra_columns: Mapping[str, str]) -> list[CellFaults]:
    """List the cells that would name a group `all`, which is the name of the whole cohort."""
    texts = [name for name, kind in extra_columns.items() if kind in ("string", "category")]
    expected = "another name: all means the whole cohort"
    columns = [column for column in (*GROUP_COLUMNS, *texts) if column in frame]
    found = (find_faults(frame, c, frame[c] == "all", "reserved name", expected) for c in columns)
    return [fault for faults in found for fault in faults]


def check_keys(table: str, frame: pd.DataFrame, lines: np.ndarray, labels: np.ndarray) -> list[CellFaults]:
    """List the rows whose key stands in an earlier row already; a key with an empty part is told elsewhere.

    labels : table, or table and file, of each row, shape (n,); told where it differs from the table
    """
    key = list(schema.load_schema(table).key)
    whole = frame[key].dropna()
    repeated = whole.index[whole.duplicated(keep="first")].to_numpy()
    if not len(repeated):
        return []
    number = whole.groupby(key, sort=False, observed=True).ngroup()
    first = number.index.to_numpy()[np.unique(number.to_numpy(), return_index=True)[1]]
    firsts = first[number.loc[repeated].to_numpy()]
    found = whole.loc[repeated].astype("string").agg(", ".join, axis=1).tolist()
    places = [
        f"row {line}" + (f" of {label}" if label != table else "")
        for line, label in zip(lines[firsts].tolist(), labels[firsts].tolist(), strict=True)
    ]
    numbered = [name for name in key if schema.load_schema(table).field(name).type == "integer"]
    line = f"columns: {{{numbered[0]}: null}}" if numbered else ""  # a number for every row
    hint = f"; where both are right, number the rows in study.yaml: {line}" if numbered else ""
    expected = [f"one row for each {', '.join(key)}; the same is in {place}{hint}" for place in places]
    return [CellFaults(", ".join(key), repeated, found, "duplicate key", expected)]
