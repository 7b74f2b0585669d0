"""Parquet files: typed columns to the text that a csv of the same table would hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prrt_outcomes.cohort.sources.raw_table import SourceResult, check_header, gather_raw_table
from prrt_outcomes.errors import Problem

if TYPE_CHECKING:
    import pyarrow as pa

    from prrt_outcomes.study.sources import TableSource

FIRST_LINE = 2


def read_parquet_table(path: Path, table: str, source: TableSource) -> SourceResult:
    """Read a parquet file as text cells; rows are numbered as lines of a csv, the first being 2."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        content = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError):
        expected = "a parquet file, or a csv"
        return SourceResult(
            None, (Problem(table, None, "", path.name, "the file is no parquet file", expected),)
        )
    problems = check_header(table, content.column_names)
    names, cells = [], []
    for name, values in zip(content.column_names, content.columns, strict=True):
        text = _as_text(values, source)
        if text is None:
            expected = "texts, numbers, dates or truth values"
            problems.append(
                Problem(table, None, name, str(values.type), "a column of nested values", expected)
            )
        else:
            names.append(name)
            cells.append(text)
    lines = np.arange(content.num_rows, dtype=np.int64) + FIRST_LINE
    return SourceResult(gather_raw_table(names, cells, lines), tuple(problems))


def _as_text(values: pa.ChunkedArray, source: TableSource) -> pa.Array | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    values = values.combine_chunks()
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.dictionary_decode()
        kind = values.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        return None
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _dates_as_text(values, source)
    if pa.types.is_floating(kind):
        values = pc.if_else(pc.is_nan(values), None, values)
    text = values.cast(pa.string())
    if pa.types.is_floating(kind) and source.decimal != ".":
        text = pc.replace_substring(text, ".", source.decimal)
    return text.fill_null("")


def _dates_as_text(values: pa.Array, source: TableSource) -> pa.Array:
    """Days in the stated format; a time of day is kept, to be refused where a day is expected."""
    import pandas as pd
    import pyarrow as pa

    moments = pd.to_datetime(pd.Series(values.to_pandas()))
    days = moments.dt.strftime(source.date_format or "%Y-%m-%d")
    with_time = moments.dt.strftime("%Y-%m-%d %H:%M:%S")
    is_day = moments.isna() | (moments == moments.dt.normalize())
    return pa.array(days.where(is_day, with_time).fillna(""), pa.string(), from_pandas=True)
