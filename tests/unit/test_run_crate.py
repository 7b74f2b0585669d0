"""A run described as a Process Run Crate holds to the profile, and is the same bytes anywhere and at any time."""

import base64
import json
import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from prrt_outcomes import provenance, run_crate, steps
from prrt_outcomes.study.load import load_study

TINY = Path(__file__).parents[1] / "workflow" / "studies" / "tiny"
FILES = {
    "cohort": {"cohort/warnings.csv": "table\n", "derived/stages/cohort.csv": "stage\ncohort\n"},
    "survival": {"tables/km_summary.csv": 'endpoint\npfs\n"two\nlines"\n'},
    "figures_survival": {"figures/survival/km curve.svg": "<svg/>"},
    "accounts": {"tables/stages.csv": "stage\ncohort\n"},
    "provenance": {"provenance.json": "{}"},
    "report": {"report.html": "<html>"},
}


def write_run(folder):
    """A results folder whose steps left a few files, beside its study; the path of the crate."""
    study = Path(shutil.copytree(TINY, folder / "a study"))
    results = folder / "results"
    for step, files in FILES.items():
        for name, text in files.items():
            (results / name).parent.mkdir(parents=True, exist_ok=True)
            (results / name).write_text(text)
        provenance.note_made(results, step, [results / name for name in files])
    return run_crate.write_crate(results, load_study(study), study / "study.yaml")


@pytest.fixture(scope="module")
def crate(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def entities(crate):
    return {entity["@id"]: entity for entity in json.loads(crate.read_text())["@graph"]}


def as_list(value):
    return value if isinstance(value, list) else [value]


def list_ids(value):
    return [one["@id"] for one in as_list(value)]


def test_what_rocrate_1_1_and_the_profile_demand_is_there(crate, entities):
    """MUST of RO-Crate 1.1 (metadata file, root, data entities) and of Process Run Crate 0.5."""
    assert json.loads(crate.read_text())["@context"] == [
        "https://w3id.org/ro/crate/1.1/context",
        "https://w3id.org/ro/terms/workflow-run/context",
    ]
    described = entities["ro-crate-metadata.json"]
    assert described["@type"] == "CreativeWork"
    assert described["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    root = entities[described["about"]["@id"]]
    assert root["@type"] == "Dataset"
    assert all(root[name] for name in ("name", "description", "license"))
    date.fromisoformat(root["datePublished"])
    profile = entities[root["conformsTo"]["@id"]]
    assert (profile["@id"], profile["@type"]) == (run_crate.PROFILE, "CreativeWork")
    files = {name for name, entity in entities.items() if entity["@type"] == "File"}
    assert files == set(list_ids(root["hasPart"]))
    assert all(re.match(r"[a-z]+:|[\w.-]+(/[\w.%-]+)*$", name) for name in files)
    actions = [entity for entity in entities.values() if entity["@type"] == "CreateAction"]
    assert {action["@id"] for action in actions} == set(list_ids(root["mentions"]))
    for action in actions:
        program = entities[action["instrument"]["@id"]]
        assert program["@type"] == "SoftwareApplication"
        assert program["softwareVersion"]
    references = re.findall(r'\{\s*"@id": "([^"]+)"\s*\}', crate.read_text())
    assert {name for name in references if name != "https://w3id.org/ro/crate/1.1"} <= entities.keys()


def test_each_step_has_what_it_read_and_left_with_checksums_and_rows(entities):
    assert list_ids(entities["#cohort"]["result"]) == ["cohort/warnings.csv", "derived/stages/cohort.csv"]
    names = [entities[name]["name"] for name in list_ids(entities["#cohort"]["object"])]
    assert names == ["study.yaml", "data/patients.csv", "data/reported_outcomes.csv"]
    assert set(list_ids(entities["#figures_survival"]["object"])) > {"tables/km_summary.csv"}
    assert list_ids(entities["#figures_survival"]["result"]) == ["figures/survival/km%20curve.svg"]
    assert set(list_ids(entities["#accounts"]["result"])) == {"tables/stages.csv", "provenance.json"}
    assert "report.html" in list_ids(entities["#report"]["result"])
    assert entities["tables/km_summary.csv"]["size"] == "2 rows"
    steps_of_run = {*steps.STAGES, *run_crate.FIGURES, "accounts", "report"}
    assert {e["name"] for e in entities.values() if e["@type"] == "CreateAction"} == steps_of_run
    for name, entity in entities.items():
        if name.startswith("ni:"):
            digest = name.partition(";")[2].partition("?")[0]
            assert base64.urlsafe_b64decode(f"{digest}=").hex() == entity["sha256"]
    study = next(e for e in entities.values() if e.get("name") == "study.yaml")
    assert study["sha256"] == provenance.hash_file(TINY / "study.yaml")


def test_the_same_run_is_the_same_bytes_without_place_or_time(crate, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    again = write_run(tmp_path / "elsewhere")
    text = crate.read_text()
    assert again.read_text() == text
    assert str(crate.parent) not in text
    assert str(date.today().year) not in text.replace("sha256", "")
