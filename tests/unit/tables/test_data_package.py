"""`datapackage.json` of the example: frictionless reads it and finds the files as it says, and finds a fault.

Run this file to write it anew after a change of a schema.
"""

import json
import shutil
from pathlib import Path

import pytest
from frictionless import Package, validate

from prrt_outcomes.study.load import load_study
from prrt_outcomes.tables.data_package import PACKAGE_FILE, format_data_package

EXAMPLE = Path(__file__).resolve().parents[3] / "studies" / "example"


def describe_example():
    """Text of the descriptor by the headers of the files."""
    study = load_study(EXAMPLE)
    headers = {
        table: (EXAMPLE / source.file).read_text("utf-8").partition("\n")[0].split(",")
        for table, (source,) in study.tables.items()
    }
    return format_data_package(study.study, study.title, headers, study.extra_columns)


def test_the_package_of_the_example_is_current():
    written = (EXAMPLE / PACKAGE_FILE).read_text("utf-8")
    assert written == describe_example(), f"run: python {Path(__file__).name}"


@pytest.mark.filterwarnings("ignore")  # of the libraries of frictionless
def test_the_example_is_what_its_package_says():
    report = validate(str(EXAMPLE / PACKAGE_FILE))
    assert report.valid, report.flatten(["name", "rowNumber", "fieldName", "note"])[:5]
    assert len(report.tasks) == len(list((EXAMPLE / "data").iterdir()))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("table", "old", "new", "kind"),
    [
        ("patients", ",female,", ",femle,", "constraint-error"),
        ("cycles", "P0001,", "X0001,", "foreign-key"),
        ("follow_up", "alive", "", "constraint-error"),
    ],
)
def test_a_fault_of_a_file_is_found(tmp_path, table, old, new, kind):
    shutil.copy(EXAMPLE / PACKAGE_FILE, tmp_path)
    (tmp_path / "data").mkdir()
    for name in {table, "patients"}:
        shutil.copy(EXAMPLE / "data" / f"{name}.csv", tmp_path / "data")
    path = tmp_path / "data" / f"{table}.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    package = Package(str(tmp_path / PACKAGE_FILE))
    for name in package.resource_names:
        if name not in {table, "patients"}:
            package.remove_resource(name)
    assert {row[0] for row in package.validate().flatten(["type"])} == {kind}


def test_the_schema_of_a_file_has_its_columns_and_the_tables_of_the_study():
    headers = {"cycles": ["cycle_date", "patient_id"], "patients": ["patient_id", "arm"]}
    cycles, patients = json.loads(format_data_package("s", "S", headers, {"arm": "category"}))["resources"]
    assert [field["name"] for field in cycles["schema"]["fields"]] == ["cycle_date", "patient_id"]
    assert cycles["schema"]["primaryKey"] == ["patient_id", "cycle_date"]
    assert cycles["schema"]["foreignKeys"][0]["reference"]["resource"] == "patients"
    assert patients["schema"]["fields"][1] == {"name": "arm", "type": "string", "title": "arm"}
    alone = json.loads(format_data_package("s", "S", {"cycles": ["patient_id"]}, {}))["resources"][0]
    assert alone["schema"]["foreignKeys"] == []


if __name__ == "__main__":
    (EXAMPLE / PACKAGE_FILE).write_text(describe_example(), encoding="utf-8")
