"""Command `init`: an empty study, made from the contract, so that it is never older than the code."""

import argparse
import csv
import io
import json
import re
from pathlib import Path

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from prrt_outcomes.adopt.redcap_dictionary import REPEATING, format_redcap_dictionary
from prrt_outcomes.csv_cells import mark_text
from prrt_outcomes.errors import UsageError
from prrt_outcomes.study.load import STUDY_FILE
from prrt_outcomes.study.model import INPUT_TABLES, Study
from prrt_outcomes.tables.schema import load_schema

REDCAP_FILE = "redcap_data_dictionary.csv"
DICTIONARY_FILE = "data_dictionary.csv"
DICTIONARY_COLUMNS = ("table", "column", "type", "needed", "unit", "allowed", "title", "description")
OTHER_TABLES = tuple(name for name in INPUT_TABLES if name.startswith(("control_", "reported_")))
REGISTRY_TABLES = tuple(name for name in INPUT_TABLES if name not in OTHER_TABLES)
WRITTEN_OUT = ("study", "title", "synthetic", "tables")
COMMENT_COLUMN = 48
HEADERS: dict[str, str] = yaml.safe_load(Path(__file__).with_name("init.yaml").read_text("utf-8"))


def main(arguments: argparse.Namespace) -> int:
    """Write a study folder: study file, empty tables and data dictionary; or a data dictionary for REDCap.

    Raises UsageError when one of the files is already there; nothing is written then.
    """
    folder = arguments.folder
    files = {folder / REDCAP_FILE: format_redcap_dictionary()} if arguments.redcap else build_files(folder)
    there = [str(path) for path in files if path.exists()]
    if there:
        raise UsageError(f"nothing is overwritten, and these are already there: {', '.join(there)}")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if arguments.redcap:
        forms = ", ".join(REPEATING)
        print(f"{folder / REDCAP_FILE}: upload it to a project, make {forms} repeating instruments;")
        print(f"then prrt-outcomes adopt --redcap {folder / REDCAP_FILE} EXPORT DIR")
        return 0
    print(f"{folder / STUDY_FILE}: name the study and its tables, then fill {folder / 'data'}")
    print(f"{folder / DICTIONARY_FILE}: what each column holds")
    return 0


def build_files(folder: Path) -> dict[Path, str]:
    """Return the files of an empty study and their text."""
    name = re.sub(r"[^a-z0-9]+", "_", folder.absolute().name.lower()).strip("_")
    name = name if re.match("[a-z]", name) else "study"
    files = {STUDY_FILE: format_study_file(name, folder), DICTIONARY_FILE: format_dictionary()}
    files |= {f"data/{table}.csv": ",".join(load_schema(table).names) + "\n" for table in INPUT_TABLES}
    return {folder / place: text for place, text in files.items()}


def format_study_file(name: str, folder: Path) -> str:
    """Text of a study file with every setting, its default and what it means."""
    lines = [f"  {table}: data/{table}.csv" for table in REGISTRY_TABLES]
    lines += [f"#   {table}: data/{table}.csv" for table in OTHER_TABLES]
    text = HEADERS["study"].format(name=name, folder=folder) + "\n".join(lines) + HEADERS["settings"]
    settings = ((key, field) for key, field in Study.model_fields.items() if key not in WRITTEN_OUT)
    return text + "\n".join(line for key, field in settings for line in _describe(key, field, 0)) + "\n"


def _describe(key: str, field: FieldInfo, depth: int) -> list[str]:
    indent = "#" + "  " * depth + " "
    default = field.get_default(call_default_factory=True)
    about = f"  # {field.description}" if field.description else ""
    if isinstance(default, BaseModel):
        inner = type(default).model_fields.items()
        lines = [line for name, value in inner for line in _describe(name, value, depth + 1)]
        return [f"{indent}{key}:".ljust(COMMENT_COLUMN) + about, *lines]
    return [f"{indent}{key}: {_format_value(key, default)}".ljust(COMMENT_COLUMN) + about]


def _format_value(key: str, value: object) -> str:
    """A default as YAML on one line; endpoints by the names of their presets."""
    if isinstance(value, tuple) and key == "endpoints":
        value = [endpoint.name for endpoint in value]
    text = json.dumps(value, ensure_ascii=False, default=str)
    return re.sub(r'"([A-Za-z][A-Za-z0-9_]*)"', r"\1", text) if value not in ("no", "yes") else text


def format_dictionary() -> str:
    """Text of the data dictionary: one row a column of an input table."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(DICTIONARY_COLUMNS)
    for table in INPUT_TABLES:
        for field in load_schema(table).fields:
            kind = {"partial": "date, month or year"}.get(field.type, field.type)
            needed = "yes" if field.required else "no"
            if field.key_default is not None:
                needed = f"no; {field.key_default} where absent"
            bounds = [str(bound) for bound in (field.minimum, field.maximum) if bound is not None]
            allowed = ", ".join(map(str, field.codes)) or " to ".join(bounds)
            cells = (table, field.name, kind, needed, field.unit, allowed, field.title, field.description)
            writer.writerow(map(mark_text, cells))
    return buffer.getvalue()
