"""Files of SAS, SPSS and Stata, read by pyreadstat, as the text that a csv of the same table would hold."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyreadstat

from prrt_outcomes.cohort.sources.raw_table import GB, Bound, RefusedError, SourceResult, refuse
from prrt_outcomes.cohort.sources.typed_columns import as_array, gather_typed
from prrt_outcomes.errors import tell_setting
from prrt_outcomes.study.base import FileSource

TRANSPORT_RECORD = 80
REHEARSAL = """
import sys, pyreadstat
name, path, encoding, most = sys.argv[1:]
reader = getattr(pyreadstat, name)
settings = {"encoding": encoding or None, "output_format": "dict"}
_, declared = reader(path, metadataonly=True, **settings)
n_rows, n_columns = declared.number_rows or 0, declared.number_columns
n_bytes = n_rows * (64 + sum(declared.variable_storage_width.values()))
print(n_rows, n_columns, n_bytes)
if n_bytes <= int(most):
    reader(path, **settings)
"""

Reader = Callable[..., tuple[pd.DataFrame, Any]]
READERS: dict[str, tuple[Reader, str]] = {
    ".xpt": (pyreadstat.read_xport, "SAS"),
    ".sas7bdat": (pyreadstat.read_sas7bdat, "SAS"),
    ".dta": (pyreadstat.read_dta, "Stata"),
    ".sav": (pyreadstat.read_sav, "SPSS"),
    ".zsav": (pyreadstat.read_sav, "SPSS"),
}


def read_notes(path: Path) -> Any:
    """What a file says of its columns and values, as pyreadstat has it; None where it says nothing."""
    try:
        return READERS[path.suffix.lower()][0](str(path), metadataonly=True)[1]
    except Exception:  # another kind of file; whatever else is wrong is told when it is read
        return None


def read_statistical_table(path: Path, table: str, source: FileSource) -> SourceResult:
    """Read a file of SAS, SPSS or Stata as text cells: codes, or their labels where the study asks for these."""
    if path.suffix.lower() == ".xpt" and path.stat().st_size % TRANSPORT_RECORD:
        raise refuse("cut_off_transport", table, path.name, n=TRANSPORT_RECORD)
    frame, notes = _read(path, table, source)
    labels = notes.variable_value_labels if source.labels else {}
    if source.labels and not labels:
        raise RefusedError(tell_setting("no_labels", f"tables.{table}.labels", "true"))
    columns = []
    for name in frame.columns:
        values = frame[name]
        if name in labels:  # values without a label stay as they are
            named = values.map(labels[name]).astype("string")
            rest = pa.array(values, from_pandas=True).cast(pa.string()).to_pandas()
            columns.append(pa.array(named.where(named.notna(), rest), pa.string(), from_pandas=True))
        else:
            columns.append(as_array(values))
    return gather_typed(table, list(frame.columns), columns, source.decimal)


def _read(path: Path, table: str, source: FileSource) -> tuple[pd.DataFrame, Any]:
    reader, program = READERS[path.suffix.lower()]
    encoding = source.encoding if "encoding" in source.model_fields_set else None
    try:
        _rehearse(Bound(table, path, source), reader, encoding)
        frame, notes = reader(path, encoding=encoding)
        if not all(isinstance(name, str) for name in frame.columns):
            raise ValueError("a column without a name")
        single = [name for name, kind in notes.readstat_variable_types.items() if kind == "float"]
        return frame.astype(dict.fromkeys(single, "float32")), notes
    except RefusedError:
        raise
    except Exception as error:  # dates out of range, encodings and damaged files raise nearly anything
        named = {"program": program, "error": str(error) or type(error).__name__}
        raise refuse("not_of_program", table, path.name, **named) from None


def _rehearse(bound: Bound, reader: Reader, encoding: str | None) -> None:
    """Read the file in another process first, which a damaged one can end, and refuse one out of proportion."""
    arguments = [reader.__name__, str(bound.path), encoding or "", str(bound.most)]
    done = subprocess.run([sys.executable, "-c", REHEARSAL, *arguments], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise ValueError("it is damaged")
    if done.stdout:
        n_rows, n_columns, n_bytes = map(int, done.stdout.split())
        bound.check(n_bytes, f"{n_rows} rows of {n_columns} columns, {n_bytes / GB:.3g} GB in memory")
