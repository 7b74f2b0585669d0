"""Paths that a run refuses, folders that it chooses, the lock that it takes, the call that it makes."""

import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from prrt_outcomes import provenance
from prrt_outcomes.cli import run
from prrt_outcomes.cli.run import Progress
from prrt_outcomes.errors import StepError, UsageError
from prrt_outcomes.tables.files import write_table
from prrt_outcomes.tables.frames import empty_table

STUDY = "study: mine\ntables: {patients: p.csv, follow_up: f.csv}\n"


@pytest.fixture
def study_file(tmp_path):
    path = tmp_path / "folder" / "study.yaml"
    path.parent.mkdir()
    path.write_text(STUDY)
    return path


@pytest.mark.parametrize("name", ["a#b", "a: b", "a{b", "a}b", "a\nb", "a\tb"])
def test_a_path_that_snakemake_misreads_is_refused(name):
    with pytest.raises(UsageError, match="rename the folder"):
        run.check_path(Path("/studies") / name / "study.yaml")


@pytest.mark.parametrize(
    "name", ["a b", "a'b", 'a"b', "a(b)", "ä", "a:b", "a=b", "a,b", "$a", "a&b", "[a]", "a*b"]
)
def test_any_other_path_is_fine(name):
    assert run.check_path(Path("/studies") / name / "study.yaml") is None


def test_results_go_to_the_name_of_the_study_where_the_command_is_called(study_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run.choose_results(study_file, None) == tmp_path / "results" / "mine"
    assert run.choose_results(study_file, Path("out")) == tmp_path / "out"
    assert run.choose_results(study_file, tmp_path / "x" / "y") == tmp_path / "x" / "y"


@pytest.mark.parametrize("text", ["study: [", "study: ../../x\n", "title: no name\n", ""])
def test_a_study_without_a_good_name_goes_to_that_of_its_folder(study_file, tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    study_file.write_text(text)
    assert run.choose_results(study_file, None) == tmp_path / "results" / "folder"


def test_a_file_and_the_folder_of_the_study_are_no_place_for_results(study_file, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        run.choose_results(study_file, tmp_path / "file")
    with pytest.raises(UsageError, match="holds a study or its tables"):
        run.choose_results(study_file, study_file.parent)


@pytest.mark.parametrize(
    "tables",
    ["{patients: data/p.csv}", "{patients: {file: data/p.csv}}", "{os: [{file: a.csv}, {file: data/p.csv}]}"],
)
def test_results_never_go_among_the_tables_of_the_study(study_file, tables):
    study_file.write_text(f"study: mine\ntables: {tables}\n")
    with pytest.raises(UsageError, match="holds a study or its tables"):
        run.choose_results(study_file, study_file.parent / "data")
    assert run.choose_results(study_file, study_file.parent / "out") == study_file.parent / "out"


def test_results_never_go_into_the_folder_of_another_study(study_file, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "study.yaml").write_text(STUDY)
    with pytest.raises(UsageError, match="holds a study or its tables"):
        run.choose_results(study_file, tmp_path / "other")


def test_one_run_at_a_time_writes_to_a_folder(tmp_path):
    with run.lock_results(tmp_path / "out"):
        with pytest.raises(UsageError, match="another run is writing"), run.lock_results(tmp_path / "out"):
            pass
        with run.lock_results(tmp_path / "other"):
            pass
    with run.lock_results(tmp_path / "out"):
        pass


def test_the_call_of_snakemake(study_file, tmp_path):
    command = run.build_command(study_file, tmp_path / "out", 3, "local")
    assert command[:3] == [sys.executable, "-m", "snakemake"]
    options = dict(zip(command[3::2], command[4::2], strict=False))
    assert options["--directory"] == str(tmp_path / "out")
    assert options["--cores"] == "3"
    assert Path(options["--snakefile"]).is_file()
    assert (Path(options["--profile"]) / "config.yaml").is_file()
    assert command[-2:] == ["--config", f"study={study_file}"]
    assert "--nolock" in command
    assert "--rerun-incomplete" in command


def test_all_cores_unless_told_otherwise(study_file, tmp_path):
    command = run.build_command(study_file, tmp_path / "out", None, "local")
    assert command[command.index("--cores") + 1] == "all"


def test_a_profile_is_named_or_a_folder(study_file, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    assert str(mine) in run.build_command(study_file, tmp_path / "out", 1, str(mine))
    assert any("slurm" in part for part in run.build_command(study_file, tmp_path / "out", 1, "slurm"))
    with pytest.raises(UsageError, match="local, slurm"):
        run.build_command(study_file, tmp_path / "out", 1, "cloud")


JOBS = """Job stats:
job         count
--------  -------
all             1
cohort          1
safety          1
total           3

[Sun Nov 22 21:07:31 2026]
localrule cohort:
    input: data/patients.csv
    jobid: 2
[Sun Nov 22 21:07:34 2026]
Finished jobid: 2 (Rule: cohort)
1 of 3 steps (33%) done
"""


def words(lines):
    return [re.sub(r" +", " ", line) for line in lines]


def test_finished_rules_are_counted():
    progress = Progress()
    assert words(progress.read(JOBS)) == ["[1/2] cohort 0.0 s"]
    rest = "rule safety:\nFinished jobid: 1 (Rule: safety)\nFinished jobid: 0 (Rule: all)\n"
    assert words(progress.read(rest)) == ["[2/2] safety 0.0 s"]
    assert progress.done == ["cohort", "safety"]
    assert progress.failed == []


def test_pieces_may_end_anywhere():
    progress = Progress()
    told = [line for letter in JOBS for line in progress.read(letter)]
    assert words(told) == ["[1/2] cohort 0.0 s"]


def test_failed_rules_are_named_once():
    progress = Progress()
    progress.read(
        "Error in rule safety:\nError in rule safety, jobid: 3\nMissingOutputException in rule cohort in file x\n"
    )
    assert progress.failed == ["safety", "cohort"]


def test_a_failure_without_a_rule_keeps_the_words_that_explain_it():
    progress = Progress()
    progress.read(
        "WorkflowError in file common.smk, line 4:\nname a study\n  File x, line 3, in <module>\n\n"
    )
    assert progress.last_words == "name a study"


def test_warnings_are_counted_at_the_end_with_the_first_kinds(tmp_path, capsys):
    data = [
        {"table": "labs", "column": "value", "problem": f"problem {k}", "n": 2, "consequence": "none"}
        for k in range(5)
    ]
    scans = [
        {"criterion": name, "rule": "small_target", "n": 3, "n_patients": 1, "consequence": "none"}
        for name in ("recist_1_1", "who")
    ]
    for name, rows in (("data_warnings", data), ("response_warning_counts", scans)):
        write_table(tmp_path / "tables" / f"{name}.csv", name, pd.DataFrame(rows))
    run._tell_success(tmp_path, Progress())
    first, second, third = capsys.readouterr().err.splitlines()
    assert first.startswith("10 warnings of the data (each in ")
    assert first.endswith(
        "labs, value: problem 0 (2); labs, value: problem 1 (2); labs, value: problem 2 (2); 2 more kinds"
    )
    assert "cohort/warnings.csv" in first
    assert second.startswith("6 warnings of scans and lesions (each in ")
    assert second.endswith(": A target is under the size for a target (6)")
    assert third == "what follows from them for the results: report.html, What to look at"


def test_without_warnings_nothing_is_said_of_them(tmp_path, capsys):
    for name in run.WARNED:
        write_table(tmp_path / "tables" / f"{name}.csv", name, empty_table(name))
    run._tell_success(tmp_path, Progress())
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("a table removed", r"data\.csv removed during the run; restore them and run the same command again"),
        ("the study file removed", r"study\.yaml removed during the run"),
        ("results removed", r"out was removed during the run; the same command creates it again"),
        ("a result removed", r"delete tables/cox\.csv, and the same command makes it again"),
        ("a full disk", "No space|out"),
        ("none of these", "the workflow failed: no luck; log: "),
    ],
)
def test_a_failure_without_a_rule_says_what_vanished_or_is_full(
    study_file, tmp_path, monkeypatch, fault, words
):
    results, table = tmp_path / "out", study_file.parent / "data.csv"
    made = results / "tables" / "cox.csv"
    made.parent.mkdir(parents=True)
    for path in (made, table):
        path.write_text("a\n1\n")
    provenance.write_inputs(results, provenance.describe_inputs(study_file, [table]))
    provenance.note_made(results, "survival", [made])
    removed = {"a table removed": table, "the study file removed": study_file, "a result removed": made}
    if fault in removed:
        removed[fault].unlink()
    elif fault == "results removed":
        shutil.rmtree(results)
    elif fault == "a full disk":
        monkeypatch.setattr(run.shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    progress = run.Progress()
    progress.read("no luck\n")
    with pytest.raises(OSError if fault == "a full disk" else StepError, match=words):
        run._tell_failure(study_file, results, progress)
