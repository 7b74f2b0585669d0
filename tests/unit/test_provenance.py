"""A run says what went in and what came out, the same wherever it ran."""

import json

from prrt_outcomes import provenance
from prrt_outcomes.study.model import Study


def test_a_run_describes_itself_the_same_anywhere(tmp_path):
    described = []
    for place in ("one", "two/deeper"):
        folder = tmp_path / place
        (folder / "study").mkdir(parents=True)
        (folder / "study" / "patients.csv").write_text("patient_id\np1\n")
        (folder / "results" / "tables").mkdir(parents=True)
        (folder / "results" / "tables" / "cox.csv").write_text("endpoint\npfs\n")
        study = Study.model_validate(
            {"study": "s", "tables": {"patients": "patients.csv", "follow_up": "patients.csv"}}
        )
        described.append(provenance.describe_run(study, folder / "study" / "study.yaml", folder / "results"))
    assert described[0] == described[1]
    assert set(described[0]["inputs"]) == {"patients.csv"}
    assert set(described[0]["outputs"]) == {"tables/cox.csv"}
    assert len(described[0]["outputs"]["tables/cox.csv"]) == 64


def test_provenance_is_written_whole(tmp_path):
    path = tmp_path / "provenance.json"
    provenance.write_provenance(path, {"b": 1, "a": {"z": None}})
    assert json.loads(path.read_text()) == {"b": 1, "a": {"z": None}}
    assert [entry.name for entry in tmp_path.iterdir()] == ["provenance.json"]
