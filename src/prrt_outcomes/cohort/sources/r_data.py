"""Data frames of R in RDS files, read by rdata, as the text that a csv of the same table would hold."""

import bz2
import lzma
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import rdata

from prrt_outcomes.cohort.sources import raw_table
from prrt_outcomes.cohort.sources.typed_columns import as_array, gather_typed
from prrt_outcomes.errors import suggest
from prrt_outcomes.study.base import FileSource

COMPRESSIONS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b\x08": raw_table.start_gzip,
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7z": lzma.LZMADecompressor,
}
SAVED = "a data frame saved by saveRDS, or a csv (write.csv) or parquet file of it"
COMPACT = (b"compact_intseq", b"compact_realseq")


def read_rds_table(path: Path, table: str, source: FileSource) -> raw_table.SourceResult:
    """Read a data frame or tibble as text cells; of one with tables in its cells the one that ``sheet`` names."""
    bound = raw_table.Bound(table, path, source)
    frame = _read(bound)
    sheets = _find_sheets(frame)
    if source.sheet is not None and source.sheet not in sheets:
        shown = f"tables: {', '.join(sheets) or 'the file is but one'}"
        expected = suggest(source.sheet, list(sheets), shown)
        raise raw_table.refuse("no_such_table_in_file", table, source.sheet, expected=expected)
    frame = sheets.get(source.sheet or next(iter(sheets), ""), frame)
    bound.check_rows(*frame.shape)
    nested = pa.nulls(len(frame), pa.list_(pa.string()))
    columns = [nested if _is_nested(frame[name]) else as_array(frame[name]) for name in frame]
    return gather_typed(table, list(map(str, frame.columns)), columns, source.decimal)


def list_rds_sheets(path: Path) -> list[str]:
    """Names of the tables in the cells of a data frame, such as one an instrument; empty where it has none."""
    try:
        return list(_find_sheets(_read(raw_table.Bound(path.name, path, FileSource(file=path.name)))))
    except raw_table.RefusedError:  # told when the file is read
        return []


def _read(bound: raw_table.Bound) -> pd.DataFrame:
    table, source = bound.label, bound.source
    encoding = source.encoding if "encoding" in source.model_fields_set else None
    try:
        data = bound.path.read_bytes()
        if data[:3] in COMPRESSIONS:
            data = raw_table.unpack(bound, data, COMPRESSIONS[data[:3]])
        compact = {name: partial(_write_out, bound, name) for name in COMPACT}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # classes of columns that are read as the numbers they are
            known: dict[bytes, Any] = {**rdata.parser.DEFAULT_ALTREP_MAP, **compact}
            parsed = rdata.parser.parse_data(data, altrep_constructor_dict=known)
            found = rdata.conversion.convert(parsed, CLASSES, default_encoding=encoding)
    except raw_table.RefusedError:
        raise
    except Exception as error:  # a damaged file makes the reader raise nearly anything
        named = {"form": SAVED, "error": str(error) or type(error).__name__}
        raise raw_table.refuse("no_rds", table, bound.path.name, **named) from None
    if not isinstance(found, pd.DataFrame):
        raise raw_table.refuse("no_data_frame", table, type(found).__name__, form=SAVED)
    return found.reset_index(drop=True)


def _write_out(bound: raw_table.Bound, name: bytes, state: Any) -> Any:
    """Write out a sequence that the file holds as its ends, refused where it is out of proportion."""
    n = int(state.value[0])
    bound.check(raw_table.CELL_BYTES * n, f"{n} numbers")
    return rdata.parser.DEFAULT_ALTREP_MAP[name](state)


def _is_nested(column: pd.Series) -> bool:
    return column.dtype == object and not column.map(pd.api.types.is_scalar).all()


def _find_sheets(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tables in the cells of the first column that holds any, by the first column of texts."""
    texts = [n for n in frame if pd.api.types.is_string_dtype(frame[n]) and not _is_nested(frame[n])]
    for name in frame if texts else ():
        if len(frame) and frame[name].map(lambda cell: isinstance(cell, pd.DataFrame)).all():
            tables = (table.reset_index(drop=True) for table in frame[name])
            return dict(zip(frame[texts[0]].astype(str), tables, strict=True))
    return {}


def _read_days(values: Any, _: Any) -> np.ndarray:
    return pd.to_datetime(np.floor(np.asarray(values, "float64")), unit="D").to_numpy("datetime64[s]")


def _read_moments(values: Any, attributes: Any) -> np.ndarray:
    zone = next(iter(attributes.get("tzone") or ()), "") or "UTC"
    moments = pd.to_datetime(np.asarray(values, "float64"), unit="s", utc=True)
    return moments.tz_convert(str(zone)).tz_localize(None).to_numpy()


def _read_long(values: Any, _: Any) -> pd.arrays.IntegerArray:
    whole = np.asarray(values, "float64").view("int64")
    return pd.arrays.IntegerArray(whole, whole == np.iinfo("int64").min)


CLASSES = {
    **rdata.conversion.DEFAULT_CLASS_MAP,
    "Date": _read_days,
    "POSIXct": _read_moments,
    "integer64": _read_long,
}
