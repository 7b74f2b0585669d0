"""CDISC Dataset-JSON 1.1 as the text that a csv of the same table would hold."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from prrt_outcomes.cohort.sources.raw_table import SourceResult, refuse
from prrt_outcomes.cohort.sources.typed_columns import FIRST_LINE, gather_typed
from prrt_outcomes.errors import tell
from prrt_outcomes.study.base import FileSource

EXPECTED = "Dataset-JSON 1.1 of CDISC: an object with the keys columns and rows"


def read_dataset_json(path: Path, table: str, source: FileSource) -> SourceResult:
    """Read a data set as text cells; a row with another number of values than columns is reported and left out."""
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError, OSError) as error:
        raise refuse("no_json", table, path.name, form=EXPECTED, error=error) from None
    header, rows = _take_apart(content, table, path)
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
    return SourceResult(None if problems else result.raw, (*problems, *result.problems))


def _take_apart(content: Any, table: str, path: Path) -> tuple[list[str], list[list]]:
    """Names of the columns, and the rows."""
    if isinstance(content, dict) and "clinicalData" in content:
        raise refuse("old_json", table, path.name, form=EXPECTED)
    try:
        header, rows = [column["name"] for column in content["columns"]], content["rows"]
        is_sound = isinstance(rows, list) and all(isinstance(row, list) for row in rows)
        is_sound &= all(isinstance(name, str) for name in header)
    except (TypeError, KeyError):
        is_sound = False
    if not is_sound:
        raise refuse("other_json", table, path.name, form=EXPECTED)
    return header, rows


def _as_array(values: list) -> pa.Array:
    """Values of a column; one of several types becomes text, as JSON writes it."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        texts = [v if isinstance(v, str) or v is None else json.dumps(v) for v in values]
        return pa.array(texts, pa.string())
