"""A run says what went in and what came out, the same wherever it ran."""

import json
import os
import shutil

import pytest

from prrt_outcomes import provenance
from prrt_outcomes.errors import StepError
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


@pytest.fixture
def begun(tmp_path):
    """Study file and table of a run that has begun in the folder, and that folder."""
    study_file, table = tmp_path / "study.yaml", tmp_path / "patients.csv"
    study_file.write_text("study: s\n")
    table.write_text("patient_id\np1\n")
    provenance.write_inputs(tmp_path, provenance.describe_inputs(study_file, [table]))
    return study_file, table


def test_inputs_that_stay_are_read(begun, tmp_path):
    study_file, table = begun
    with provenance.hold_inputs(tmp_path, study_file, [table]):
        read = table.read_text()
    assert read == "patient_id\np1\n"


@pytest.mark.parametrize("place", [0, 1], ids=["study.yaml", "patients.csv"])
@pytest.mark.parametrize("fault", ["edited before", "removed before", "edited within", "edited and put back"])
def test_inputs_that_change_during_a_run_are_named(begun, tmp_path, place, fault):
    changed, before = begun[place], begun[place].read_text()
    times = changed.stat().st_atime_ns, changed.stat().st_mtime_ns

    def spoil():
        if fault == "removed before":
            changed.unlink()
        else:
            changed.write_text(before.replace("s", "t").replace("p1", "p2"))
            os.utime(changed, ns=times)
        if fault == "edited and put back":
            changed.write_text(before)
            os.utime(changed, ns=times)

    if fault.endswith("before"):
        spoil()
    with (
        pytest.raises(StepError, match=f"{changed.name} changed while the run went on"),
        provenance.hold_inputs(tmp_path, begun[0], begun[1:]),
    ):
        spoil()


def test_a_step_that_no_run_began_is_held_against_nothing(begun, tmp_path):
    (tmp_path / provenance.INPUTS_FILE).unlink()
    with provenance.hold_inputs(tmp_path, begun[0], begun[1:]):
        begun[1].write_text("patient_id\np2\n")


@pytest.fixture
def made(tmp_path):
    """A table and a figure that two steps left in the folder."""
    names = "tables/cox.csv", "figures/survival/km.svg"
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("endpoint\npfs\n")
        provenance.note_made(tmp_path, name.partition("/")[0], [tmp_path / name])
    return {name: tmp_path / name for name in names}


def test_what_steps_left_is_held_wherever_it_was_copied_to(made, tmp_path):
    provenance.hold_made(tmp_path, made)
    shutil.copytree(tmp_path, copied := tmp_path / "copied")
    provenance.hold_made(copied, [*made, "tables/of_no_step.csv"])


@pytest.mark.parametrize("fault", ["edited", "cut off", "removed", "a folder"])
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_not_as_a_step_left_it_is_named_with_what_makes_it_again(made, tmp_path, place, fault):
    name, path = list(made.items())[place]
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.unlink()
    if fault == "edited":
        path.write_text("endpoint\nttp\n")
        os.utime(path, ns=times)
    elif fault == "cut off":
        path.write_text("endpoint\n")
    elif fault == "a folder":
        path.mkdir()
    anew = (name, "figures/survival")[place]
    with pytest.raises(StepError, match=f"^{name} changed since .* delete {anew}, and the same command"):
        provenance.hold_made(tmp_path, made)


def test_what_a_step_of_an_earlier_version_left_is_not_held(made, tmp_path):
    provenance.note_made(tmp_path, "figures_treatment", [made["figures/survival/km.svg"]])
    made["figures/survival/km.svg"].write_text("")
    (tmp_path / provenance.MADE_FOLDER / "figures.json").unlink()
    with pytest.raises(StepError, match="changed since the step that made it ended"):
        provenance.hold_made(tmp_path, provenance.list_made(tmp_path))
    provenance.forget_others(tmp_path, ("tables",))
    assert list(provenance.list_made(tmp_path)) == ["tables/cox.csv"]
    provenance.hold_made(tmp_path, provenance.list_made(tmp_path))


def test_a_damaged_note_is_told(made, tmp_path):
    (tmp_path / provenance.MADE_FOLDER / "tables.json").write_text('{"tables/cox')
    with pytest.raises(StepError, match=r"made/tables\.json is damaged: delete it"):
        provenance.hold_made(tmp_path, made)
