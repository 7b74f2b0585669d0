"""What goes wrong ends in words and an exit status; nothing half-written stays, and the next run goes on."""

import csv
import os
import signal
import subprocess
import time

import pytest

from prrt_outcomes.provenance import README

LONGEST_WAIT_SECONDS = 120


def said(done):
    """Everything that a person reads."""
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout + done.stderr


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def results_of(folder):
    """Files that a step declares, which a failed run must not leave."""
    kept = ("logs", ".snakemake", "benchmarks")
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        path.as_posix() for path in files if path.parts[0] not in kept and path.name not in (".lock", README)
    }


def problems_of(folder):
    with (folder / "problems.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_bad_data_is_status_1_with_every_problem_and_no_output(project, tmp_path):
    data = project.study("tiny") / "data"
    edit(data / "patients.csv", "T03,", "T02,")
    edit(data / "reported_outcomes.csv", "T05,pfs,", "T99,pfs,-")
    done = project.call("run", "studies/tiny", "--out", tmp_path / "out")
    assert done.returncode == 1
    words = said(done)
    for part in ("patients", "reported_outcomes", "T02", "T99", "what is expected", "problems.csv"):
        assert part in words
    problems = problems_of(tmp_path / "out")
    assert {problem["table"] for problem in problems} >= {"patients", "reported_outcomes"}
    assert all(problem["expected"] for problem in problems)
    assert results_of(tmp_path / "out") == {"problems.csv"}


def test_a_file_that_is_absent_is_a_problem_among_the_others(project, tmp_path):
    data = project.study("tiny") / "data"
    edit(data / "patients.csv", "T03,", "T02,")
    (data / "reported_outcomes.csv").unlink()
    done = project.call("run", "studies/tiny", "--out", tmp_path / "out")
    assert done.returncode == 1
    words = said(done)
    for part in ("reported_outcomes.csv", "the file does not exist", "T02"):
        assert part in words


def test_old_results_are_called_old(project):
    edit(project.study("tiny") / "data" / "patients.csv", "T03,", "T02,")
    done = project.call("run", "studies/tiny")
    assert done.returncode == 1
    assert "results/tiny/report.html is of an earlier run" in said(done)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("study: tiny", "study: tiny\nstuddy: x", "did you mean study?"),
        ("group_by: [arm]", "group_by: [armm]", "did you mean arm?"),
        ("figures: {", "figures: [{", "not YAML"),
        ("title: Thirty", "title: !!python/object/apply:os.system [exit] # Thirty", "study.yaml"),
    ],
    ids=["unknown key", "unknown column", "broken", "code"],
)
def test_a_faulty_study_file_is_status_1(project, tmp_path, old, new, words):
    edit(project.study("tiny") / "study.yaml", old, new)
    done = project.call("run", "studies/tiny", "--out", tmp_path / "out")
    assert done.returncode == 1, said(done)
    assert words in said(done)
    assert {problem["table"] for problem in problems_of(tmp_path / "out")} == {"study.yaml"}
    assert results_of(tmp_path / "out") == {"problems.csv"}


def test_a_failing_step_is_status_3_and_goes_on_once_it_is_mended(project):
    stage = project.code / "safety" / "stage.py"
    before = stage.read_text(encoding="utf-8")
    stage.write_text(
        before + "\n\ndef run(tables, study):\n    raise RuntimeError('no luck')\n", encoding="utf-8"
    )
    done = project.call("run", "studies/tiny")
    assert done.returncode == 3
    assert "safety failed: RuntimeError: no luck" in said(done)
    assert "logs/safety" in said(done)
    assert "is of an earlier run" in said(done)
    assert "no luck" in (project.results("tiny") / "logs" / "safety.traceback").read_text()
    assert not (project.results("tiny") / "tables" / "safety_grades.csv").exists()
    stage.write_text(before, encoding="utf-8")
    assert project.would_run("tiny") >= {"safety"}
    assert not project.would_run("tiny") & {"cohort", "endpoints", "survival"}


def test_a_workflow_that_cannot_be_read_is_status_3(project):
    (project.code / "safety" / "stage.py").write_text("SETTINGS = (", encoding="utf-8")
    done = project.call("run", "studies/tiny")
    assert done.returncode == 3
    assert "logs/snakemake.log" in said(done)


@pytest.mark.parametrize("name", ["a#b", "a: b", "a{b}"])
def test_a_path_that_cannot_work_is_status_2(project, name):
    project.study("tiny").rename(project.study(name))
    done = project.call("run", f"studies/{name}")
    assert done.returncode == 2
    assert "rename the folder" in said(done)
    assert not (project.folder / "results" / name).exists()


def test_a_place_that_cannot_hold_results_is_told_in_words(project):
    (project.folder / "file").write_text("")
    assert project.call("run", "studies/tiny", "--out", "file").returncode == 2
    done = project.call("run", "studies/tiny", "--out", "file/inside")
    assert done.returncode == 3
    assert "a file stands where a folder is needed" in said(done)


def start(project, out):
    """Start a run in a process group of its own and wait until the cohort is written."""
    process = subprocess.Popen(
        project.command("run", "studies/tiny", "--out", out, "--cores", "2"),
        cwd=project.folder,
        env=project.environment() | {"TMPDIR": str(project.temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while not (out / "derived" / "stages" / "cohort.csv").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def test_after_kill_9_the_next_run_gives_the_numbers_of_a_run_elsewhere(project, tmp_path):
    out = tmp_path / "out here" / "deeper"
    first = {path: path.stat().st_mtime_ns for path in project.results("tiny").rglob("*") if path.is_file()}
    process = start(project, out)
    second = project.call("run", "studies/tiny", "--out", out)
    assert second.returncode == 2
    assert "another run is writing" in said(second)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (out / "report.html").exists()
    done = project.call("run", "studies/tiny", "--out", out)
    assert done.returncode == 0, said(done)
    assert list(project.temporary.iterdir()) == []
    for folder in ("tables", "derived", "figures"):
        for path in (project.results("tiny") / folder).rglob("*.*"):
            assert (out / path.relative_to(project.results("tiny"))).read_bytes() == path.read_bytes(), path
    assert [path for path in out.rglob("*") if "unfinished" in path.name] == []
    assert {path: path.stat().st_mtime_ns for path in first} == first


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("study.yaml", "dpi: 72", "dpi: 80"), ("data/reported_outcomes.csv", "T01,pfs,", "T01,pfs,9")],
)
def test_inputs_that_change_during_a_run_fail_it_and_the_next_one_takes_them(
    project, tmp_path, name, old, new
):
    out = tmp_path / "out"
    process = start(project, out)
    path = project.study("tiny") / name
    time_before = path.stat().st_mtime_ns
    edit(path, old, new)
    os.utime(path, ns=(time_before, time_before))
    words = "".join(process.communicate(timeout=LONGEST_WAIT_SECONDS))
    assert process.returncode == 3, words
    assert f"{path.relative_to(project.study('tiny'))} changed while the run went on" in words
    assert not (out / "provenance.json").exists()
    done = project.call("run", "studies/tiny", "--out", out, "--cores", "2")
    assert done.returncode == 0, said(done)
    elsewhere = project.call("run", "studies/tiny", "--cores", "2")
    assert elsewhere.returncode == 0, said(elsewhere)
    assert (out / "provenance.json").read_bytes() == (
        project.results("tiny") / "provenance.json"
    ).read_bytes()


def test_a_result_that_is_no_longer_what_its_step_left_is_told_and_made_again(project):
    table = project.results("tiny") / "tables" / "km_summary.csv"
    before, stat = table.read_bytes(), table.stat()
    table.write_bytes(before.replace(b"1", b"2"))
    os.utime(table, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    done = project.call("run", "studies/tiny")
    assert done.returncode == 3
    assert "delete tables/km_summary.csv, and the same command makes it again" in said(done)
    table.unlink()
    assert project.call("run", "studies/tiny").returncode == 0
    assert table.read_bytes() == before


def test_an_interrupted_run_says_so(project, tmp_path):
    process = start(project, tmp_path / "out")
    os.killpg(process.pid, signal.SIGINT)
    told, failed = process.communicate(timeout=LONGEST_WAIT_SECONDS)
    assert process.returncode == 3
    assert "interrupted; the same command continues the run" in failed
    assert "Traceback" not in told + failed
