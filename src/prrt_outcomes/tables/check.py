"""Checks of one typed table: filled, in the list of codes, in range, plausible, and one row a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from prrt_outcomes.errors import nearest_name
from prrt_outcomes.tables.parse import MISSING_WORDS, CellFaults, find_faults
from prrt_outcomes.tables.schema import Field, load_schema

CODE, LOW, HIGH, FILLED, PATTERN = "codes", "minimum", "maximum", "not_nullable", "pattern"
GROUP_COLUMNS = ("centre_id",)


def check_values(
    fields: Sequence[Field],
    frame: pd.DataFrame,
    failed: Mapping[str, np.ndarray],
    written: Mapping[str, pa.Array],
) -> list[CellFaults]:
    """List the cells that are empty but required, no code of their column, out of range or implausible.

    fields : fields of the table (`prrt_outcomes.tables.parse.parsed_fields`)
    frame : parsed values, codes still as text; index 0 to n - 1
    failed : for each column the rows whose text could not be read: told already, not told again as empty
    written : for each column of the file its cells as they stand there
    Returns faults with the value as written; severity ``warning`` where a value is only implausible.
    """
    faults = []
    for field in fields:
        for check, positions in _find_failures(field, frame[field.name]).items():
            if check == FILLED:
                positions = _find_empty(field.name, positions, failed)
            if len(positions):
                found = _written_values(field, frame, written, positions)
                faults.append(_describe(field, check, positions, found))
        positions = _find_implausible(field, frame[field.name])
        if len(positions):
            found = _written_values(field, frame, written, positions)
            expected = _range(field, *(field.plausible or (None, None)))
            faults.append(CellFaults(field.name, positions, found, "implausible", expected, "warning"))
        faults += _find_missing_words(field, frame[field.name])
    return faults


def _find_missing_words(field: Field, values: pd.Series) -> list[CellFaults]:
    """Texts such as NA in a column of free text: taken as they stand, yet hardly meant so."""
    if field.type != "string":
        return []
    codes, unique = pd.factorize(values)
    is_word = np.array([text.strip().lower() in MISSING_WORDS for text in unique] + [False], dtype=bool)
    expected = "nothing where it is missing, or the text listed under missing in study.yaml"
    problem = "looks like a missing value"
    return find_faults(values.to_frame(), field.name, is_word[codes], problem, expected, "warning")


def _find_empty(column: str, positions: np.ndarray, failed: Mapping[str, np.ndarray]) -> np.ndarray:
    """Empty cells of a column that the file has; what it lacks, or could not be read, is told elsewhere."""
    return positions[~failed[column][positions]] if column in failed else positions[:0]


def _written_values(
    field: Field, frame: pd.DataFrame, written: Mapping[str, pa.Array], positions: np.ndarray
) -> list[str]:
    if field.name in written:
        return written[field.name].take(positions).to_pylist()
    return frame[field.name].iloc[positions].astype("string").fillna("").tolist()


def _find_failures(field: Field, values: pd.Series) -> dict[str, np.ndarray]:
    """Rows that fail each check of a column; an empty cell fails only where the column must be filled."""
    low, high = _bounds(field)
    failed = {}
    if field.codes:
        failed[CODE] = values.notna() & ~values.isin(list(field.codes))
    if high is not None:
        failed[HIGH] = values > high
    if low is not None:
        failed[LOW] = values < low
    if field.required:
        failed[FILLED] = values.isna()
    if field.pattern:
        failed[PATTERN] = ~values.str.fullmatch(field.pattern).fillna(True).astype(bool)
    return {check: np.flatnonzero(rows.fillna(False).to_numpy(bool)) for check, rows in failed.items()}


def _bounds(field: Field) -> tuple:
    """Bounds in the type of the column; ISO texts of partial dates compare in the order of time."""
    if field.type == "date" and field.minimum is not None:
        return pd.Timestamp(str(field.minimum)), pd.Timestamp(str(field.maximum))
    if field.type == "partial" and field.minimum is not None:
        return str(field.minimum)[:4], str(field.maximum)
    return field.minimum, field.maximum


def _describe(field: Field, check: str, positions: np.ndarray, found: list[str]) -> CellFaults:
    if check == CODE:
        allowed = [
            f"{text}; list {value.strip()} under missing in study.yaml if it means missing"
            if value.strip().lower() in MISSING_WORDS
            else text
            for text, value in zip(_nearest_codes(field, found), found, strict=True)
        ]
        return CellFaults(field.name, positions, found, "not in the list of codes", allowed)
    if check == PATTERN:
        expected = "a name of small letters, digits and _ that begins with a letter"
        return CellFaults(field.name, positions, found, "not a valid name", expected)
    if check == FILLED:
        return CellFaults(field.name, positions, found, "empty", f"a value: {field.description}")
    expected = _range(field, field.minimum, field.maximum)
    return CellFaults(field.name, positions, found, "out of range", expected)


def _range(field: Field, low: float | str | None, high: float | str | None) -> str:
    unit = f" {field.unit}" if field.unit else ""
    low, high = (b if b is None or isinstance(b, str) else f"{b:.10g}" for b in (low, high))
    return f"at least {low}{unit}" if high is None else f"{low} to {high}{unit}"


def _nearest_codes(field: Field, found: Sequence[str]) -> list[str]:
    """Allowed codes, led by the one that was probably meant; the nearest is sought once a distinct value."""
    codes = [str(code) for code in field.codes]
    allowed = f"one of {', '.join(codes)}"
    near = {value: nearest_name(value.strip().replace(" ", "_"), codes) for value in set(found)}
    return [f"did you mean {near[value]}? {allowed}" if near[value] else allowed for value in found]


def _find_implausible(field: Field, values: pd.Series) -> np.ndarray:
    """Rows beyond the plausible bounds, yet within the range, which is told as an error."""
    if field.plausible is None:
        return np.array([], dtype=int)
    numbers = values.astype("Float64").to_numpy("float64", na_value=np.nan)
    lowest, highest = _bounds(field)
    low, high = field.plausible
    return np.flatnonzero((numbers >= lowest) & (numbers <= highest) & ((numbers < low) | (numbers > high)))


def check_group_names(frame: pd.DataFrame, extra_columns: Mapping[str, str]) -> list[CellFaults]:
    """List the cells that would name a group `all`, which is the name of the whole cohort."""
    texts = [name for name, kind in extra_columns.items() if kind in ("string", "category")]
    expected = "another name: all means the whole cohort"
    return [
        fault
        for column in (*GROUP_COLUMNS, *texts)
        if column in frame
        for fault in find_faults(frame, column, frame[column] == "all", "reserved name", expected)
    ]


def check_keys(table: str, frame: pd.DataFrame, lines: np.ndarray, labels: np.ndarray) -> list[CellFaults]:
    """List the rows whose key stands in an earlier row already; a key with an empty part is told elsewhere.

    lines : line of the file for each row, shape (n,)
    labels : table, or table and file, of each row, shape (n,); told where it differs from the table
    """
    key = list(load_schema(table).key)
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
    expected = [f"one row for each {', '.join(key)}; the same is in {place}" for place in places]
    return [CellFaults(", ".join(key), repeated, found, "duplicate key", expected)]
