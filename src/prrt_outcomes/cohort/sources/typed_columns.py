"""Typed columns to the text that a csv of the same table would hold; parquet, and Dataset-JSON 1.1 of CDISC."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prrt_outcomes.cohort.sources import raw_table
from prrt_outcomes.errors import tell
from prrt_outcomes.study.base import FileSource

FIRST_LINE = 2


def read_parquet_table(path: Path, table: str, source: FileSource) -> raw_table.SourceResult:
    """Read a parquet file as text cells."""
    bound = raw_table.Bound(table, path, source)
    try:
        file = pq.ParquetFile(path)
        bound.check_rows(file.metadata.num_rows, file.metadata.num_columns)
        texts = [field.name for field in file.schema_arrow if pa.types.is_string(field.type)]
        content = pq.ParquetFile(path, read_dictionary=texts).read()
        n_bytes = sum(map(_written_out, content.columns))
        bound.check(n_bytes, f"{n_bytes / raw_table.GB:.3g} GB of texts")
    except (pa.ArrowException, OSError):
        raise raw_table.refuse("no_parquet", table, path.name) from None
    return gather_typed(table, content.column_names, content.columns, source.decimal)


def _written_out(values: pa.ChunkedArray) -> int:
    """Bytes of texts that a file holds once, each where it stands."""
    if not pa.types.is_dictionary(values.type):
        return values.nbytes
    lengths = (pc.binary_length(chunk.dictionary).take(chunk.indices) for chunk in values.chunks)
    return sum(pc.sum(each).as_py() or 0 for each in lengths)


def gather_typed(
    table: str, header: Sequence[str], columns: Sequence[pa.Array | pa.ChunkedArray], decimal: str
) -> raw_table.SourceResult:
    """Typed columns as a raw table; its rows are numbered as lines of a csv, the first being 2."""
    problems = raw_table.check_header(table, list(header))
    names, cells = [], []
    for name, values in zip(header, columns, strict=True):
        text = _column_as_text(values, decimal)
        if text is None:
            problems.append(tell("nested_column", table, None, name, values.type))
        else:
            names.append(name)
            cells.append(text)
    lines = np.arange(len(columns[0]) if columns else 0, dtype=np.int64) + FIRST_LINE
    return raw_table.SourceResult(raw_table.gather_raw_table(names, cells, lines), tuple(problems))


def as_array(values: pd.Series) -> pa.Array:
    """Values of a column; one of several types becomes text."""
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array(values.where(values.isna(), values.astype(str)), pa.string(), from_pandas=True)


def _column_as_text(values: pa.Array | pa.ChunkedArray, decimal: str) -> pa.Array | None:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    kind = values.type
    if pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type):
        return values.fill_null("")
    if pa.types.is_dictionary(kind):
        values = values.dictionary_decode()
        kind = values.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        return None
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _dates_as_text(values).fill_null("")
    if pa.types.is_floating(kind):
        values = pc.if_else(pc.is_nan(values), None, values)
    text = values.cast(pa.string())
    if pa.types.is_floating(kind) and decimal != ".":
        text = pc.replace_substring(text, ".", decimal)
    return text.fill_null("")


def _dates_as_text(values: pa.Array) -> pa.Array:
    if pa.types.is_date(values.type):
        return values.cast(pa.date32()).cast(pa.string())
    local = pc.local_timestamp(values) if values.type.tz else values
    texts = pc.utf8_slice_codeunits(local.cast(pa.string()), 0, len("2014-05-07 10:30:00"))
    is_day = pc.equal(local, pc.floor_temporal(local, unit="day"))
    return pc.if_else(is_day, pc.utf8_slice_codeunits(texts, 0, len("2014-05-07")), texts)


EXPECTED = "Dataset-JSON 1.1 of CDISC: an object with the keys columns and rows"


def read_dataset_json(path: Path, table: str, source: FileSource) -> raw_table.SourceResult:
    """Read a data set as text cells; a row with another number of values than columns is reported and left out."""
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError, OSError) as error:
        raise raw_table.refuse("no_json", table, path.name, form=EXPECTED, error=error) from None
    if isinstance(content, dict) and "clinicalData" in content:
        raise raw_table.refuse("old_json", table, path.name, form=EXPECTED)
    try:
        header, rows = [column["name"] for column in content["columns"]], content["rows"]
        is_sound = isinstance(rows, list) and all(isinstance(row, list) for row in rows)
        is_sound &= all(isinstance(name, str) for name in header)
    except (TypeError, KeyError):
        is_sound = False
    if not is_sound:
        raise raw_table.refuse("other_json", table, path.name, form=EXPECTED)
    problems = [
        tell("json_row", table, i, "", f"{len(row)} values", n=len(header))
        for i, row in enumerate(rows, start=FIRST_LINE)
        if len(row) != len(header)
    ]
    declared = content.get("records", len(rows))
    if declared != len(rows):
        problems.append(tell("json_cut", table, None, "", f"{len(rows)} rows", n=declared))
    whole = [row for row in rows if len(row) == len(header)]
    cells = zip(*whole, strict=True) if whole else ([] for _ in header)
    result = gather_typed(table, header, [_as_array(list(values)) for values in cells], source.decimal)
    return raw_table.SourceResult(None if problems else result.raw, (*problems, *result.problems))


def _as_array(values: list) -> pa.Array:
    """Values of a column; one of several types becomes text, as JSON writes it."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        texts = [v if isinstance(v, str) or v is None else json.dumps(v) for v in values]
        return pa.array(texts, pa.string())
