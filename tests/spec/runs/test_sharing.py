"""What may be shared names no patient, and what a spreadsheet opens holds no formula: a run with hostile names."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
import yaml

from prrt_outcomes import steps
from prrt_outcomes.cli.main import main
from prrt_outcomes.tables.files import read_table
from prrt_outcomes.tables.schema import list_tables, load_schema

SMALL = Path(__file__).parents[2] / "workflow" / "studies" / "small"
HOSTILE = ("=cmd|'/C calc'!A", "@SUM(1)", "-2+3", "+1+", "'", "=", '"=1,')
TOKEN = "Mallory"
MARKUP = "<script>alert(\"1\")</script> & 'x' ]]>"
SHARED = ("tables", "figures", "report.html", "supplement.html", "ro-crate-metadata.json")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


def change_names(folder):
    """Let names of patients, centres and lesions be formulas, and some rows be in doubt; return the patients."""
    patients = {}
    for path in sorted((folder / "data").glob("*.csv")):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        known = sorted(set(table["patient_id"]) - set(patients))
        patients |= {k: f"{HOSTILE[i % len(HOSTILE)]}{TOKEN} {k}" for i, k in enumerate(known, len(patients))}
        table["patient_id"] = table["patient_id"].map(patients)
        for column, begin in (("centre_id", "="), ("lesion_id", f"@{TOKEN} ")):
            if column in table:
                table[column] = begin + table[column]
        if path.stem == "patients":
            table["site"] = [MARKUP if i % 2 else "other" for i in range(len(table))]
        if path.stem == "follow_up":
            table.loc[table["vital_status"].eq("dead").idxmax(), "death_date"] = ""
        if path.stem == "labs":
            table.loc[:3, "value"] = "99999"
        table.to_csv(path, index=False)
    study = folder / "study.yaml"
    settings = yaml.safe_load(study.read_text(encoding="utf-8")) | {"dead_without_date": "last_contact"}
    settings["tables"]["labs"] = {"file": "data/labs.csv", "exclude": {"patient_id": [f"={TOKEN}"]}}
    settings["analysis"]["group_by"] = ["centre_id", "site"]
    settings |= {"extra_columns": {"site": "category"}, "title": MARKUP}
    study.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return set(patients.values())


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Results of every step of `small` with hostile names, those of `check`, and the patients."""
    folder = tmp_path_factory.mktemp("hostile")
    study = Path(shutil.copytree(SMALL, folder / "study"))
    results, checked = folder / "results", folder / "checked"
    patients = change_names(study)
    assert main(["check", str(study), "--out", str(checked)]) == 0
    for step in (*steps.STAGES, "accounts"):
        assert main(["step", step, "--study", str(study), "--results", str(results)]) == 0
    for chapter in steps.CHAPTERS:
        figures = ["figures", "--chapter", chapter]
        assert main(["step", *figures, "--study", str(study), "--results", str(results)]) == 0
    assert main(["step", "report", "--study", str(study), "--results", str(results)]) == 0
    return results, checked, patients


def read_texts(folder, names):
    """Text of every file of the given places, by path."""
    files = [
        path for name in names for path in [folder / name, *(folder / name).rglob("*")] if path.is_file()
    ]
    return {path: path.read_text(encoding="utf-8") for path in files}


def test_what_may_be_shared_names_no_patient_and_no_lesion(hostile):
    results, checked, _ = hostile
    texts = read_texts(results, SHARED) | read_texts(
        checked, ["quality.html", "data_quality.csv", "data_ranges.csv"]
    )
    assert len(texts) > 60
    assert [str(path) for path, text in texts.items() if TOKEN in text] == []
    assert TOKEN in (results / "per_patient" / "waterfall.csv").read_text(encoding="utf-8")
    assert TOKEN in (checked / "problems.csv").read_text(encoding="utf-8")


def test_every_csv_is_free_of_formulas_and_no_workbook_is_written(hostile):
    files = [path for folder in hostile[:2] for path in folder.rglob("*") if ".snakemake" not in path.parts]
    tables = [path for path in files if path.suffix == ".csv"]
    assert len(tables) > 70
    assert [path for path in files if path.suffix.startswith(".xls")] == []
    for path in tables:
        with path.open(encoding="utf-8", newline="") as file:
            cells = {cell for row in csv.reader(file) for cell in row}
        odd = [cell for cell in cells if cell.startswith(FORMULA) and not NUMBER.fullmatch(cell)]
        assert odd == [], path


class Elements(HTMLParser):
    """Scripts of a page, attributes that would run one, and its text outside of elements."""

    def __init__(self, page):
        super().__init__()
        self.scripts, self.odd, self.text, self.inside = [], [], "", False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.inside = tag == "script"
        self.scripts += [""] * self.inside
        self.odd += [
            name for name, value in attributes if name.startswith("on") or "script:" in (value or "")
        ]

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data
        self.text += data


def test_no_label_becomes_an_element_of_a_page_or_a_figure(hostile):
    results, checked, _ = hostile
    pages = [*results.glob("*.html"), *checked.glob("*.html")]
    assert {path.name for path in pages} == {"report.html", "supplement.html", "quality.html"}
    for path in pages:
        page = Elements(path.read_text(encoding="utf-8"))
        assert [script for script in page.scripts if "alert" in script] == []
        assert page.odd == []
        assert MARKUP in page.text, path
    groups = set(read_table(results / "tables" / "km_summary.csv", "km_summary")["group"])
    assert MARKUP in groups
    figures = list((results / "figures").rglob("*.svg"))
    texts = {path: ElementTree.parse(path).getroot() for path in figures}
    tags = {element.tag.rpartition("}")[2] for root in texts.values() for element in root.iter()}
    assert "text" in tags | {"use"}
    assert "script" not in tags
    assert any("alert" in "".join(root.itertext()) for root in texts.values())
    crate = (results / "ro-crate-metadata.json").read_text(encoding="utf-8")
    assert json.loads(crate)["@graph"][0]["name"] == MARKUP


def test_names_come_back_as_they_were(hostile):
    results, _, patients = hostile
    read = {
        name: set(read_table(results / steps.table_path(name), name)["patient_id"])
        for name in ("patients", "treatment_periods", "waterfall")
    }
    assert read["patients"] == read["treatment_periods"] == patients
    assert read["waterfall"] <= patients
    assert len({name[0] for name in read["waterfall"]}) > 4
    groups = set(read_table(results / "tables" / "km_summary.csv", "km_summary")["group"])
    assert {"=A", "=B"} <= groups


def test_tables_of_patients_stand_apart(hostile):
    apart = {name for name in list_tables("results") if "patient_id" in load_schema(name).names}
    assert {path.stem for path in (hostile[0] / "per_patient").iterdir()} == apart
