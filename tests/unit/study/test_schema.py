"""The committed JSON schema is the one that the models make, and it accepts what the models accept."""

from pathlib import Path
from typing import get_args

import jsonschema
import yaml

from prrt_outcomes.study.model import INPUT_TABLES, NewTherapy
from prrt_outcomes.study.response import ResponseCode
from prrt_outcomes.study.schema import build_study_schema, format_study_schema
from prrt_outcomes.tables.schema import list_tables, load_schema

ROOT = Path(__file__).resolve().parents[3]


def test_the_committed_schema_is_not_stale():
    committed = (ROOT / "data_schema" / "study.schema.json").read_text(encoding="utf-8")
    assert committed == format_study_schema(), "run: python -m prrt_outcomes.study.schema"


def test_the_short_forms_of_a_person_are_valid():
    text = """
study: example
tables:
  patients: data/patients.csv
  follow_up: {file: follow_up.csv, columns: {patient_id: null}}
  reported_outcomes:
    - {file: a.csv, time_unit: months}
    - b.csv
endpoints: [pfs, os, {name: pfs_clinical, preset: pfs, clinical_progression: true}]
controls: [{id: netter1, kind: library, arm: netter1_octreotide, primary: true}]
"""
    validator = jsonschema.Draft202012Validator(build_study_schema())
    assert not list(validator.iter_errors(yaml.safe_load(text)))


def test_an_unknown_key_is_refused():
    validator = jsonschema.Draft202012Validator(build_study_schema())
    study = {"study": "a", "tables": {"patients": "p.csv"}, "titel": "x"}
    assert [error.validator for error in validator.iter_errors(study)] == ["additionalProperties"]


def test_every_key_has_a_description_or_is_a_section_that_has_one():
    schema = build_study_schema()
    bare = [
        f"{name}.{key}"
        for name, section in {"Study": schema, **schema["$defs"]}.items()
        for key, field in section.get("properties", {}).items()
        if "description" not in field and "$ref" not in field
    ]
    assert bare == []


def test_names_and_codes_of_a_study_are_those_of_the_contract():
    assert set(INPUT_TABLES) == set(list_tables("input"))
    assert get_args(ResponseCode) == load_schema("best_responses").field("best_response").codes
    assert set(get_args(NewTherapy)) <= {*load_schema("therapies").field("kind").codes, "prrt"}
