"""Steps read tables, call a stage and write: whole tables or none, every loss counted, every stage with its status."""

import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from prrt_outcomes import steps
from prrt_outcomes.attrition import attrition_frame, attrition_row, stage_frame
from prrt_outcomes.errors import InputError, StepError
from prrt_outcomes.provenance import note_made
from prrt_outcomes.study.load import load_study
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.files import read_table, write_table
from prrt_outcomes.tables.frames import empty_table
from prrt_outcomes.tables.schema import list_tables, load_schema

STUDY = Study.model_validate({"study": "s", "tables": {"patients": "p.csv", "follow_up": "f.csv"}})


def loss(n_before, n_lost, n_after):
    row = attrition_row("patients", "rows", "stage: step", "reason", n_before, n_lost)
    return row | {"n_after": n_after}


@pytest.fixture
def stage(monkeypatch, tmp_path):
    """A stage `safety` that gives back what the test says; its one input is there."""
    produced = {
        "safety_grades": empty_table("safety_grades"),
        "attrition": attrition_frame([attrition_row("labs", "rows", "safety: baseline", "none", 10, 4)]),
        "stages": stage_frame("safety", "done"),
    }
    module = SimpleNamespace(INPUTS=("labs",), OUTPUTS=("safety_grades",), run=lambda tables, study: produced)
    monkeypatch.setattr(steps, "import_module", lambda name: module)
    write_table(tmp_path / "cohort" / "labs.parquet", "labs", empty_table("labs"))
    return produced


def files(folder):
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {path for path in paths if not path.startswith(".snakemake")}


def test_the_kind_of_a_table_is_its_place():
    assert steps.table_path("labs") == Path("cohort/labs.parquet")
    assert steps.table_path("endpoints") == Path("derived/endpoints.parquet")
    assert steps.table_path("km_curve") == Path("tables/km_curve.csv")
    assert steps.table_path("waterfall") == Path("per_patient/waterfall.csv")


def test_no_table_of_groups_has_a_column_of_patients():
    shared = [
        load_schema(name) for name in list_tables("results") if steps.table_path(name).parts[0] == "tables"
    ]
    patients = {"patient_id", "lesion_id", "birth_date", "death_date"}
    assert [schema.name for schema in shared if patients & set(schema.names)] == []
    assert len(shared) > 50


def test_a_stage_writes_its_tables_losses_and_status(stage, tmp_path):
    steps.run_stage("safety", STUDY, tmp_path)
    assert files(tmp_path) == {
        "cohort/labs.parquet",
        "tables/safety_grades.csv",
        "derived/attrition/safety.csv",
        "derived/stages/safety.csv",
    }
    assert read_table(tmp_path / "derived/attrition/safety.csv", "attrition")["n_after"].tolist() == [6]


def test_a_table_of_patients_does_not_stay_where_an_earlier_version_wrote_it(stage, tmp_path, monkeypatch):
    made = {"waterfall": empty_table("waterfall"), "attrition": stage["attrition"], "stages": stage["stages"]}
    module = SimpleNamespace(INPUTS=(), OUTPUTS=("waterfall",), run=lambda tables, study: made)
    monkeypatch.setattr(steps, "import_module", lambda name: module)
    write_table(tmp_path / "tables" / "waterfall.csv", "waterfall", empty_table("waterfall"))
    steps.run_stage("safety", STUDY, tmp_path)
    assert [path for path in files(tmp_path) if "waterfall" in path] == ["per_patient/waterfall.csv"]


@pytest.mark.parametrize("change", ["forgets", "invents"])
def test_a_stage_that_gives_other_tables_than_it_declares_writes_none(stage, tmp_path, change):
    if change == "forgets":
        del stage["safety_grades"]
    else:
        stage["cox"] = empty_table("cox")
    with pytest.raises(StepError, match="safety_grades" if change == "forgets" else "cox"):
        steps.run_stage("safety", STUDY, tmp_path)
    assert files(tmp_path) == {"cohort/labs.parquet"}


def test_an_input_that_is_not_there_is_named(stage, tmp_path):
    (tmp_path / "cohort" / "labs.parquet").unlink()
    with pytest.raises(StepError, match=r"cohort/labs\.parquet must be made first"):
        steps.run_stage("safety", STUDY, tmp_path)


def test_an_input_that_is_not_as_its_step_left_it_is_refused(stage, tmp_path):
    labs = tmp_path / "cohort" / "labs.parquet"
    note_made(tmp_path, "cohort", [labs])
    write_table(labs, "labs", empty_table("labs"))
    steps.run_stage("safety", STUDY, tmp_path)
    labs.write_bytes(labs.read_bytes()[:-8])
    with pytest.raises(StepError, match=r"delete cohort/labs\.parquet, and the same command makes it again"):
        steps.run_stage("safety", STUDY, tmp_path)


def study_on_disk(folder, patients):
    (folder / "study.yaml").write_text("study: s\ntables: {patients: p.csv, follow_up: f.csv}\n")
    (folder / "p.csv").write_text(patients)
    (folder / "f.csv").write_text("patient_id,last_contact_date,vital_status\np1,2015-01-01,alive\n")
    return folder / "study.yaml"


def test_the_cohort_holds_every_input_table(tmp_path):
    study_file = study_on_disk(tmp_path, "patient_id,sex\np1,female\n")
    assert steps.run_cohort(STUDY, study_file, tmp_path / "out") == ()
    names = {path.stem for path in (tmp_path / "out" / "cohort").iterdir()}
    assert names == set(list_tables("input"))
    assert len(read_table(tmp_path / "out/cohort/patients.parquet", "patients")) == 1
    assert read_table(tmp_path / "out/cohort/lesions.parquet", "lesions").empty


def test_a_cohort_with_problems_is_not_written(tmp_path):
    study_file = study_on_disk(tmp_path, "patient_id,sex,ecog\np1,femle,9\n")
    with pytest.raises(InputError) as caught:
        steps.run_cohort(STUDY, study_file, tmp_path / "out")
    assert {p.column for p in caught.value.problems if p.severity == "error"} == {"sex", "ecog"}
    assert not (tmp_path / "out").exists()


def test_settings_that_were_edited_after_the_cohort_are_held_against_its_tables(tmp_path):
    study_file = Path(__file__).parents[1] / "workflow" / "studies" / "small" / "study.yaml"
    study = load_study(study_file)
    steps.run_cohort(study, study_file, tmp_path)
    assert steps.check_written_cohort(study, study_file, tmp_path) is None
    edited = study.model_copy(update={"response": study.response.model_copy(update={"reader": "nobody"})})
    with pytest.raises(InputError) as caught:
        steps.check_written_cohort(edited, study_file, tmp_path)
    assert [(p.column, p.value) for p in caught.value.problems if p.severity == "error"] == [
        ("response.reader", "nobody")
    ]


@pytest.mark.parametrize("counts", [(10, 3, 8), (10, 0, 9), (10, 11, -1), (-1, 0, -1)])
def test_a_count_that_does_not_add_up_is_named(counts):
    frame = pd.DataFrame(
        [loss(10, 3, 7), loss(10, 3, 7) | dict(zip(("n_before", "n_lost", "n_after"), counts, strict=True))]
    )
    with pytest.raises(StepError, match="stage: step") as caught:
        steps.check_balance(frame)
    assert str(caught.value).count("stage: step") == 1


def test_counts_that_add_up_pass_and_so_does_no_loss():
    assert steps.check_balance(pd.DataFrame([loss(10, 3, 7), loss(0, 0, 0)])) is None
    assert steps.check_balance(empty_table("attrition")) is None


def test_a_count_that_is_missing_does_not_add_up():
    frame = pd.concat([empty_table("attrition"), pd.DataFrame([loss(5, 1, 4)])]).assign(n_lost=pd.NA)
    with pytest.raises(StepError, match="in is not out plus lost"):
        steps.check_balance(frame)


def test_accounts_of_all_stages_are_joined_in_order(tmp_path):
    for number, stage in enumerate(steps.STAGES):
        rows = attrition_frame([attrition_row("labs", "rows", f"{stage}: step", "reason", 10, number)])
        write_table(tmp_path / f"derived/attrition/{stage}.csv", "attrition", rows)
        status = (
            stage_frame(stage, "done") if number else stage_frame(stage, "skipped", "a reason, with comma")
        )
        write_table(tmp_path / f"derived/stages/{stage}.csv", "stages", status)
    steps.join_accounts(tmp_path)
    stages = read_table(tmp_path / "tables/stages.csv", "stages")
    assert stages["stage"].tolist() == list(steps.STAGES)
    assert stages["reason"].fillna("").tolist()[0] == "a reason, with comma"
    assert read_table(tmp_path / "tables/attrition.csv", "attrition")["n_lost"].tolist() == list(
        range(len(steps.STAGES))
    )


def test_every_step_that_notes_its_files_is_known():
    source = Path(steps.__file__).parent
    text = "".join((source / name).read_text("utf-8") for name in ("steps.py", "cli/commands.py"))
    named = set(re.findall(r'note_made\(\w+, "(\w+)"', text))
    assert named == set(steps.NOTED) - set(steps.STAGES) - {f"figures_{name}" for name in steps.CHAPTERS}
