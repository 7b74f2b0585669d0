"""One parser from text to types: what cannot be read becomes missing and leaves a fault for its cell.

Each distinct text of a column is parsed once, so that a million rows cost little more than their distinct
values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prrt_outcomes.tables.faults import CellFaults
from prrt_outcomes.tables.frames import typed_columns
from prrt_outcomes.tables.scalars import MISSING_WORDS, TextFormat, parse_texts
from prrt_outcomes.tables.schema import Field, load_schema

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

EXTRA_FIELD_TYPES = {"category": "string"}


@dataclass(frozen=True)
class TextColumn:
    """One column as text: ``texts`` as the parser shall read them, ``written`` as they stand in the file."""

    texts: pa.Array
    written: pa.Array
    format: TextFormat


@dataclass(frozen=True)
class ParsedTable:
    """Typed columns of one file, with the faults of its cells.

    ``frame`` holds codes and categories still as strings, for the checks that come next; ``failed`` says for
    each column which rows hold a text that could not be read, and has a key for each column that the file gives.
    """

    frame: pd.DataFrame
    faults: tuple[CellFaults, ...]
    failed: Mapping[str, np.ndarray]


def parse_columns(
    table: str, columns: Mapping[str, TextColumn], n_rows: int, extra_columns: Mapping[str, str] | None = None
) -> ParsedTable:
    """Turn text into the types of a table; a column not given is empty, or filled with its key default.

    Parameters
    ----------
    table : name of an input table
    columns : text of each column that the file gives, all of length `n_rows`
    n_rows : rows of the file
    extra_columns : further columns and their types, heeded where the schema allows them
    """
    import pandas as pd

    parsed: dict[str, pd.Series] = {}
    faults: list[CellFaults] = []
    failed: dict[str, np.ndarray] = {}
    dtypes = typed_columns(table, extra_columns)
    for field in parsed_fields(table, extra_columns):
        if field.name in columns:
            values, found, bad = _parse_column(field, columns[field.name])
            faults += found
            failed[field.name] = bad
        else:
            values = pd.Series(index=range(n_rows), dtype=_holding(field, dtypes))
        if field.key_default is not None:
            untouched = failed.get(field.name)
            fill = values.isna() if untouched is None else values.isna() & ~untouched
            values = values.mask(fill, field.key_default)
        parsed[field.name] = values
    return ParsedTable(pd.DataFrame(parsed, index=range(n_rows)), tuple(faults), failed)


def parsed_fields(table: str, extra_columns: Mapping[str, str] | None = None) -> tuple[Field, ...]:
    """Fields of a table, and of the extra columns that it may hold."""
    schema = load_schema(table)
    extra = (extra_columns or {}) if schema.extra_columns else {}
    return schema.fields + tuple(
        Field(
            name, EXTRA_FIELD_TYPES.get(kind, kind), name, "Column beyond the schema, declared in the study"
        )
        for name, kind in extra.items()
        if name not in schema.names
    )


def _holding(field: Field, dtypes: Mapping[str, Any]) -> Any:
    import pandas as pd

    if field.type in ("string", "code", "partial"):
        return pd.StringDtype("python")
    return dtypes[field.name]


def _parse_column(field: Field, column: TextColumn) -> tuple[pd.Series, list[CellFaults], np.ndarray]:
    """Parse the distinct texts of a column and lay them out over its rows."""
    import numpy as np
    import pandas as pd

    encoded = column.texts.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    texts = encoded.dictionary
    parsed, faulty = parse_texts(texts, field, column.format)
    values = pd.Series(parsed.array.take(codes, allow_fill=True))
    bad = np.zeros(len(codes), dtype=bool)
    faults = []
    for problem, expected, which in faulty:
        is_faulty = np.append(which, False)[codes]
        positions = np.flatnonzero(is_faulty)
        if len(positions):
            bad |= is_faulty
            written = column.written.take(positions).to_pylist()
            wanted = [f"{expected}{_hint_missing(text)}" for text in written]
            faults.append(CellFaults(field.name, positions, written, problem, wanted))
    return values, faults, bad


def _hint_missing(text: str) -> str:
    is_word = text.strip().lower() in MISSING_WORDS
    return "; if it means missing, list it under missing in study.yaml" if is_word else ""
