"""Typed frames: every table with the columns, order and types that its schema states."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from prrt_outcomes.attrition import attrition_frame, stage_frame
from prrt_outcomes.tables.schema import load_schema

PRECISION = pd.CategoricalDtype(["year", "month", "day"], ordered=True)
# A code is text until a typed frame makes it a category of its table.
DTYPES: dict[str, Any] = {
    "string": pd.StringDtype("python"),
    "code": pd.StringDtype("python"),
    "partial": pd.StringDtype("python"),
    "category": "category",
    "integer": pd.Int64Dtype(),
    "number": "float64",
    "boolean": pd.BooleanDtype(),
    "date": "datetime64[ns]",
}


def typed_columns(name: str, extra_columns: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Columns of the typed frame of a table, in order, with their pandas types.

    name : table of `data_schema/`
    extra_columns : column to type (string, category, integer, number, boolean, date); heeded where the schema allows
        extra columns, such as in patients
    Returns dict of column to dtype; a category of unknown levels is the text ``category``.
    """
    schema = load_schema(name)
    types: dict[str, Any] = {}
    for field in schema.kept_fields:
        codes = pd.CategoricalDtype(list(field.codes), ordered=True)
        types[field.name] = codes if field.type == "code" else DTYPES[field.type]
        if field.type == "partial":
            types[f"{field.name}_precision"] = PRECISION
    if schema.extra_columns:
        for column, kind in (extra_columns or {}).items():
            types.setdefault(column, DTYPES[kind])
    return types


def empty_table(name: str, extra_columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return a table of `data_schema/` without rows, typed."""
    return _empty(name, tuple((extra_columns or {}).items())).copy()


@cache
def _empty(name: str, extra_columns: tuple[tuple[str, str], ...]) -> pd.DataFrame:
    types = typed_columns(name, dict(extra_columns))
    return pd.DataFrame({column: pd.Series([], dtype=dtype) for column, dtype in types.items()})


def conform_table(
    name: str, frame: pd.DataFrame, extra_columns: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Return `frame` with the columns of its schema, typed and in order; `frame` itself is not changed.

    Missing columns are added empty; a missing precision of a partial date follows from its text. Columns
    beyond the schema are kept behind it as they are (typed where `extra_columns` says how).

    Raises ValueError when a value cannot be of its type, a number is infinite, or a code is not one of its column:
    such a value comes from our own code, since `prrt_outcomes.cohort` refuses it in a file.
    """
    types = typed_columns(name, extra_columns)
    if len(frame) == 0 and types.keys() >= set(frame.columns):
        return empty_table(name, extra_columns)
    columns = {}
    for column, dtype in types.items():
        if column in frame.columns:
            columns[column] = _convert(name, column, frame[column], dtype)
        elif column.removesuffix("_precision") in frame.columns and column.endswith("_precision"):
            lengths = columns[column.removesuffix("_precision")].str.len()  # of ISO dates that may be partial
            columns[column] = lengths.map({4: "year", 7: "month", 10: "day"}).astype(PRECISION)
        else:
            is_open = isinstance(dtype, str) and dtype == "category"
            empty = pd.CategoricalDtype([]) if is_open else dtype
            columns[column] = pd.Series(index=frame.index, dtype=empty)
    columns |= {column: frame[column] for column in frame.columns if column not in types}
    made = pd.DataFrame(columns, index=frame.index, copy=False)
    return made if made.index.equals(pd.RangeIndex(len(made))) else made.reset_index(drop=True)


def spell_categories(values: pd.Series) -> pd.Series:
    """Categories of texts as text; another column as it is."""
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return values
    texts = values.cat.categories.astype(DTYPES["string"]).array
    return pd.Series(texts.take(values.cat.codes.to_numpy(), allow_fill=True), values.index)


def put_columns(frame: pd.DataFrame, columns: Mapping[str, pd.Series]) -> pd.DataFrame:
    """A frame with some columns in place of its own; the others are not copied."""
    changed = frame.copy(deep=False)
    for name, values in columns.items():
        changed[name] = values
    return changed


def sort_by_key(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of a typed table in the order of its key, whatever their order in a file was."""
    return frame.sort_values(list(load_schema(name).key), kind="stable", ignore_index=True)


def stack_tables(name: str, parts: Iterable[pd.DataFrame | None]) -> pd.DataFrame:
    """One typed table of `data_schema/` from its parts; without rows where no part has any."""
    typed = [conform_table(name, part) for part in parts if part is not None and len(part)]
    return pd.concat(typed, ignore_index=True) if typed else empty_table(name)


def pick_rows(table: pd.DataFrame, **values: str) -> pd.DataFrame:
    """Rows whose columns, as text, have the given values; an empty text finds what is missing."""
    keep = pd.Series(True, index=table.index)
    for column, value in values.items():
        keep &= table[column].astype("string").fillna("") == value
    return table[keep]


def describe_cells(row: Mapping | pd.Series, columns: Iterable[str]) -> str:
    """`endpoint = pfs, group = all`: what finds a row in its table; a cell that is empty is not named."""
    cells = {column: row.get(column) for column in columns}
    return ", ".join(f"{name} = {cell}" for name, cell in cells.items() if pd.notna(cell) and str(cell))


def _convert(table: str, column: str, values: pd.Series, dtype: Any) -> pd.Series:
    place = f"{table}.{column}"
    if isinstance(dtype, str) and dtype == "category":
        return values if isinstance(values.dtype, pd.CategoricalDtype) else values.astype("category")
    if values.dtype == dtype and dtype != "float64":
        return values
    converted: Any
    try:
        if isinstance(dtype, pd.CategoricalDtype):
            is_text = isinstance(getattr(values.array, "categories", values).dtype, pd.StringDtype)
            converted = (values if is_text else values.astype(pd.StringDtype("python"))).astype(dtype)
            lost = sorted(set(values[converted.isna() & values.notna()].astype(str)))
            if lost:
                raise ValueError(f"not a code of the column: {', '.join(lost[:5])}")
        elif dtype == "float64":
            converted = values
            if values.dtype != "float64":
                converted = pd.to_numeric(values).astype("Float64").astype("float64")
            if np.isinf(converted.to_numpy()).any():
                raise ValueError("infinite")
        elif dtype == "datetime64[ns]":
            converted = pd.to_datetime(values).astype("datetime64[ns]")
        elif isinstance(dtype, pd.Int64Dtype):
            converted = pd.to_numeric(values).astype(dtype)
        elif isinstance(dtype, pd.BooleanDtype):
            words = {"true": True, "false": False}
            converted = values.astype(object).map(lambda v: words.get(v, v), na_action="ignore").astype(dtype)
        else:
            converted = values.astype(dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: {error}") from error
    return converted


def derive_skipped_tables(stage: str, outputs: Iterable[str], reason: str) -> dict[str, pd.DataFrame]:
    """Empty tables of a stage that was skipped, no losses, and why.

    Returns every table of `outputs`, empty and typed, with `attrition` and `stages` (status ``skipped``).
    """
    empty = {name: empty_table(name) for name in outputs}
    return empty | {"attrition": attrition_frame([]), "stages": stage_frame(stage, "skipped", reason)}
