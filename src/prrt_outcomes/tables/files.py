"""Tables between the steps: parquet for what is computed on, csv for what a person reads."""

import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from prrt_outcomes.csv_cells import IS_MARKED, MARK, NEEDS_MARK, choose_quoting
from prrt_outcomes.errors import StepError, shorten
from prrt_outcomes.tables.frames import conform_table, spell_categories, typed_columns
from prrt_outcomes.whole_file import replace_when_whole


def read_table(path: Path | str, name: str) -> pd.DataFrame:
    """Read a table that a step wrote, typed as its schema says.

    path : a parquet or csv file written by `write_table`; marks of texts are taken off
    name : table of `data_schema/`; columns beyond it keep the type they have in the file
    Raises StepError when the file is damaged.
    """
    path = Path(path)
    try:
        if path.suffix == ".parquet":
            return conform_table(name, pq.read_table(path).to_pandas())
        known = typed_columns(name)
        header = [c for c in pd.read_csv(path, nrows=0, encoding="utf-8").columns if c in known]
        types: dict[Hashable, Any] = {c: "float64" if known[c] == "float64" else "string" for c in header}
        how: dict[str, Any] = {"keep_default_na": False, "na_values": [""], "float_precision": "round_trip"}
        frame = pd.read_csv(path, dtype=types, encoding="utf-8", **how)
        texts = frame.select_dtypes(["object", "string"])
        return conform_table(name, frame.assign(**{str(c): _replace(texts[c], IS_MARKED, "") for c in texts}))
    except (ValueError, KeyError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        words = f"{path} is damaged: delete it, and the same command makes it again"
        raise StepError(f"{words} ({shorten(str(error).partition(chr(10))[0], 100)})") from None


def write_table(
    path: Path | str, name: str, frame: pd.DataFrame, extra_columns: Mapping[str, str] | None = None
) -> None:
    """Write a table as its schema says, parquet or csv by the suffix; the file appears whole or not at all.

    A csv holds full precision, ISO dates, true and false, nothing where a value is missing, and texts as
    `csv_cells.mark_text` gives them; parquet holds them as they are.

    Raises ValueError when the frame does not fit the schema (see `conform_table`).
    """
    path = Path(path)
    typed = conform_table(name, frame, extra_columns)
    with replace_when_whole(path) as unfinished:
        if path.suffix == ".parquet":
            pq.write_table(pa.Table.from_pandas(typed, preserve_index=False), unfinished)
        else:
            write_csv(unfinished, typed)


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame as csv, as `write_table` says; `path` may be seen unfinished."""
    texts = frame.select_dtypes(["object", "string", "category"])
    marked = {str(c): _replace(spell_categories(texts[c]), NEEDS_MARK, MARK) for c in texts}
    quoting = choose_quoting(text for column in marked.values() for text in column.dropna().unique())
    flags = {str(c): frame[c].astype("boolean") for c in frame.select_dtypes(["boolean", "bool"])}
    spelled = {c: flag.map({True: "true", False: "false"}) for c, flag in flags.items()}
    written = frame.assign(**marked, **spelled)
    written.to_csv(path, index=False, encoding="utf-8", lineterminator="\n", quoting=quoting)


def _replace(values: pd.Series, pattern: re.Pattern, text: str) -> pd.Series:
    return values.astype("string").str.replace(pattern, text, regex=True)
