"""Our tables as a data dictionary of REDCap, and exports of a project that was made from it."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from prrt_outcomes.tables.schema import Field, load_schema

WORDS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("redcap.yaml").read_text("utf-8"))
COLUMNS = tuple(WORDS["dictionary"])
RECORD = "patient_id"
FORMS = ("patients", "cycles", "therapies", "assessments", "lesions", "labs", "adverse_events", "follow_up")
REPEATING = tuple(form for form in FORMS if form not in ("patients", "follow_up"))
VALIDATION = {"date": "date_ymd", "integer": "integer", "number": "number"}


def field_name(form: str, column: str) -> str:
    """Name of one of our columns in a project: unique, since several tables have columns of one name."""
    return RECORD if column == RECORD else f"{form}_{column}"


def format_redcap_dictionary() -> str:
    """Text of the data dictionary: 18 columns, one form a table; all but patients and follow-up are to be repeating."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for form in FORMS:
        fields = load_schema(form).fields
        shown = [field for field in fields if field.name != RECORD or form == "patients"]
        writer.writerows(_format_field(form, field) for field in shown)
    return buffer.getvalue()


def _format_field(form: str, field: Field) -> Sequence[str]:
    kind, choices = "text", ""
    if field.codes:
        kind = "radio"
        choices = " | ".join(f"{code}, {field.label(code)}" for code in field.codes)
    elif field.type == "boolean":
        kind = "yesno"
    bounds = [
        "" if bound is None or field.codes or field.type in ("partial", "string") else str(bound)
        for bound in (field.minimum, field.maximum)
    ]
    label = field.title + (f" ({field.unit})" if field.unit else "")
    required = "y" if field.required and field.key_default is None else ""
    validation = VALIDATION.get(field.type, "") if kind == "text" else ""
    return (
        field_name(form, field.name), form, "", kind, label, choices, field.description, validation, *bounds,
        "", "", required, "", "", "", "", "",
    )  # fmt: skip
