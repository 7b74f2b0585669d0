"""The tables of a study as a Data Package: what each file holds, for programs that know the Frictionless standard."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from prrt_outcomes.tables.schema import load_schema, read_data, schema_path

PACKAGE_FILE = "datapackage.json"
# Types of Table Schema for the types of `extra_columns`.
EXTRA_TYPES = {"category": "string"}


def format_data_package(
    name: str, title: str, headers: Mapping[str, Sequence[str]], extra_columns: Mapping[str, str]
) -> str:
    """Describe the csv files of a study by the schemas of its tables.

    headers : for each table that the study has the columns of its file `data/<table>.csv`, in order
    extra_columns : columns of patients beyond the schema, and their types
    Returns the text of `datapackage.json`. A schema has the columns of its file only, in the key too; a reference to a
    table that the study does not have is left out.
    """
    resources = [
        {
            "name": table,
            "title": load_schema(table).title,
            "description": load_schema(table).description,
            "path": f"data/{table}.csv",
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "schema": _describe_columns(table, columns, list(headers), extra_columns),
        }
        for table, columns in headers.items()
    ]
    package = {"profile": "data-package", "name": name, "title": title, "resources": resources}
    return json.dumps(package, indent=1, ensure_ascii=False) + "\n"


def _describe_columns(
    table: str, columns: Sequence[str], tables: Sequence[str], extra_columns: Mapping[str, str]
) -> dict[str, Any]:
    raw = read_data(schema_path(table))
    known = {field["name"]: field for field in raw["fields"]}
    kinds = {name: EXTRA_TYPES.get(kind, kind) for name, kind in extra_columns.items()}
    extra = {name: {"name": name, "type": kind, "title": name} for name, kind in kinds.items()}
    fields = [known.get(column) or extra[column] for column in columns]
    keys = [key for key in raw.get("foreignKeys", []) if key["reference"]["resource"] in tables]
    return {
        "fields": fields,
        "missingValues": raw["missingValues"],
        "primaryKey": [column for column in raw["primaryKey"] if column in columns],
        "foreignKeys": keys,
    }
