"""`check` lists the problems of the study file and of all tables at once."""

import csv

import pandas as pd
import pytest

from prrt_outcomes.cli.check import load_checked_study
from prrt_outcomes.cli.main import main
from prrt_outcomes.errors import InputError

STUDY = "study: s\ntables: {patients: p.csv, follow_up: f.csv}\n"
PATIENTS = "patient_id,sex,ecog\np1,female,1\np2,male,0\n"
FOLLOW_UP = "patient_id,last_contact_date,vital_status\np1,2015-01-01,alive\np2,2015-02-01,lost\n"


@pytest.fixture
def study(tmp_path):
    """A sound study; the test breaks what it wants to be broken."""
    for name, text in (("study.yaml", STUDY), ("p.csv", PATIENTS), ("f.csv", FOLLOW_UP)):
        (tmp_path / "study" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "study" / name).write_text(text)
    return tmp_path / "study"


def written(folder):
    with (folder / "problems.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_sound_study_is_status_0_and_writes_nothing(study, capsys):
    before = sorted(study.iterdir())
    assert main(["check", str(study)]) == 0
    assert "rows: follow_up 2, patients 2" in capsys.readouterr().out
    assert sorted(study.iterdir()) == before


def test_faults_of_settings_and_of_tables_come_together(study, tmp_path, capsys):
    (study / "study.yaml").write_text(STUDY + "analysis:\n  group_by: [centre]\n")
    (study / "p.csv").write_text(PATIENTS.replace("male,0", "mal,9"))
    (study / "f.csv").write_text(FOLLOW_UP.replace("p2", "p9"))
    assert main(["check", str(study), "--out", str(tmp_path / "out")]) == 1
    found = {(row["table"], row["row"], row["column"]) for row in written(tmp_path / "out")}
    assert found >= {
        ("study.yaml", "4", "analysis.group_by.0"),
        ("patients", "3", "sex"),
        ("patients", "3", "ecog"),
        ("follow_up", "3", "patient_id"),
    }
    shown = capsys.readouterr().out
    for part in ("did you mean centre_id?", "mal", "p9", "what is expected"):
        assert part in shown


def test_print_is_short_and_the_file_is_whole(study, tmp_path, capsys):
    rows = "".join(f"q{number},femle,1\n" for number in range(100))
    (study / "p.csv").write_text(PATIENTS + rows)
    assert main(["check", str(study), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().out.count(" femle ") == 5
    assert sum(row["column"] == "sex" for row in written(tmp_path / "out")) == 100


@pytest.mark.parametrize(
    ("name", "content", "table"),
    [
        ("study.yaml", b"study: s\n", "study.yaml"),
        ("study.yaml", b"\xff\xfe\x00", "study.yaml"),
        ("study.yaml", b"", "study.yaml"),
        ("p.csv", b"", "patients"),
        ("p.csv", b"\x89PNG\r\n\x1a\n\x00\x00", "patients"),
        ("f.csv", None, "follow_up"),
    ],
    ids=["keys missing", "no text", "empty study", "empty table", "picture", "no file"],
)
def test_a_file_that_cannot_be_read_is_a_problem_and_no_crash(study, tmp_path, capsys, name, content, table):
    if content is None:
        (study / name).unlink()
    else:
        (study / name).write_bytes(content)
    assert main(["check", str(study), "--out", str(tmp_path / "out")]) == 1
    assert table in {row["table"] for row in written(tmp_path / "out")}
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert "fault of the program" not in said.err


def test_the_page_of_data_quality_is_written_with_and_without_errors(study, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["check", str(study), "--out", str(out)]) == 0
    assert "No error stands in the way of a run." in (out / "quality.html").read_text("utf-8")
    (study / "p.csv").write_text(PATIENTS.replace("male,0", "mal,9"))
    assert main(["check", str(study), "--out", str(out)]) == 1
    assert "cannot be run before the errors are corrected" in (out / "quality.html").read_text("utf-8")
    assert "quality.html" in capsys.readouterr().out
    quality = pd.read_csv(out / "data_quality.csv").query("table == 'patients'").set_index("column")
    assert (
        quality.loc[["sex", "ecog"], ["n", "n_missing", "n_doubtful"]].to_numpy().tolist() == [[2, 0, 1]] * 2
    )


def test_faults_of_the_study_file_leave_the_page(study, tmp_path):
    (study / "study.yaml").write_text(STUDY + "titel: x\n")
    assert main(["check", str(study), "--out", str(tmp_path / "out")]) == 1
    html = (tmp_path / "out" / "quality.html").read_text("utf-8")
    assert "Unknown key" in html
    assert "only errors are listed" in html
    assert pd.read_csv(tmp_path / "out" / "data_quality.csv")["table"].unique().tolist() == [
        "patients",
        "follow_up",
    ]


def test_an_old_list_of_problems_is_replaced(study, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "problems.csv").write_text("old")
    assert main(["check", str(study), "--out", str(tmp_path / "out")]) == 0
    assert written(tmp_path / "out") == []


HEAD = "study: s\ntables: {patients: p.csv, follow_up: f.csv}\n"


def test_a_sound_study_is_read_without_its_tables(tmp_path):
    (tmp_path / "study.yaml").write_text(HEAD + "analysis: {group_by: [centre_id]}\n")
    assert load_checked_study(tmp_path).analysis.group_by == ("centre_id",)


def test_columns_and_published_arms_are_told_together(tmp_path):
    text = "controls:\n- {id: a, kind: library, arm: netter1_octreotid}\nanalysis:\n  group_by: [centre]\n"
    (tmp_path / "study.yaml").write_text(HEAD + text)
    with pytest.raises(InputError) as caught:
        load_checked_study(tmp_path)
    told = [(problem.row, problem.column) for problem in caught.value.problems]
    assert told == [(4, "controls.0.arm"), (6, "analysis.group_by.0")]
    assert "did you mean netter1_octreotide?" in caught.value.problems[0].expected


@pytest.mark.parametrize(
    "fault",
    [
        "titel: x\n",
        "endpoints: [pfs, pfs]\n",
        "extra_columns: {arm: levels}\n",
        "disclosure: 3\n",
    ],
)
def test_faults_of_the_study_file_do_not_hide_those_of_the_tables(study, tmp_path, fault):
    (study / "study.yaml").write_text(STUDY + fault)
    (study / "p.csv").write_text(PATIENTS.replace("male,0", "mal,9"))
    assert main(["check", str(study), "--out", str(tmp_path / "out")]) == 1
    found = {(row["table"], row["column"].split(".")[0]) for row in written(tmp_path / "out")}
    assert {("study.yaml", fault.partition(":")[0]), ("patients", "sex"), ("patients", "ecog")} <= found


@pytest.mark.parametrize(
    "tables",
    [
        "patients: {file: p.csv, sheat: x}\n  follow_up: f.csv\n",
        "patients: p.csv\n  follow_up: f.csv\n  labs: {files: l.csv}\n",
        "patients: p.csv\n  follow_up: [f.csv, {file: g.csv, decimal: x}]\n",
        "patients: p.csv\n  follow_up: f.csv\n  lab: l.csv\n",
    ],
)
def test_faults_of_one_table_in_the_study_file_do_not_hide_those_of_the_files(study, tmp_path, tables):
    (study / "study.yaml").write_text(f"study: s\ntables:\n  {tables}")
    (study / "p.csv").write_text(PATIENTS.replace("male,0", "mal,9"))
    assert main(["check", str(study), "--out", str(tmp_path / "out")]) == 1
    found = {(row["table"], row["column"]) for row in written(tmp_path / "out")}
    assert {table for table, _ in found} - {"follow_up (g.csv)"} == {"study.yaml", "patients"}
    assert {("patients", "sex"), ("patients", "ecog")} <= found
