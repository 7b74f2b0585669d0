"""A real run: what it writes, that it has nothing to do again, wherever it is moved or called from."""

import csv
import shutil

from prrt_outcomes.provenance import README
from prrt_outcomes.steps import table_path

STAGES = (
    "cohort",
    "treatment",
    "response",
    "radionuclides",
    "endpoints",
    "survival",
    "responders",
    "controls",
    "safety",
    "quality_of_life",
    "appraisal",
)
CHAPTERS = (
    "response",
    "radionuclides",
    "endpoints",
    "survival",
    "responders",
    "controls",
    "safety",
    "quality_of_life",
)
RULES = {*STAGES, *(f"figures_{chapter}" for chapter in CHAPTERS), "accounts", "report"}


def read_csv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def snapshot(folder):
    """Content and time of every file that a run made, without the books that Snakemake keeps."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".snakemake" not in path.parts and path.name not in (".lock", "snakemake.log")
    }


def test_every_stage_leaves_its_status_its_losses_and_its_log(finished):
    results = finished.results("tiny")
    assert [row["stage"] for row in read_csv(results / "tables" / "stages.csv")] == list(STAGES)
    for stage in STAGES:
        assert (results / "derived" / "attrition" / f"{stage}.csv").is_file()
    assert {path.stem for path in (results / "logs").glob("*.log")} == RULES | {"snakemake"}
    assert {path.stem for path in (results / "benchmarks").glob("*.tsv")} == RULES
    assert "<html" in (results / "report.html").read_text(encoding="utf-8")


def test_every_table_of_the_contract_is_written(finished):
    results = finished.results("tiny")
    schemas = finished.folder / "data_schema"
    for kind in ("input", "derived", "results"):
        tables = {path.stem for path in (schemas / kind).glob("*.yaml")}
        assert [name for name in tables if not (results / table_path(name)).is_file()] == []


def test_each_folder_says_what_it_may_be_used_for(finished):
    results = finished.results("tiny")
    folders = {path.name for path in results.iterdir() if path.is_dir()}
    told = {path.parent.name for path in results.glob(f"*/{README}")}
    assert folders == {*told, ".snakemake"}
    assert all(f"`{name}`" in (results / README).read_text(encoding="utf-8") for name in folders)


def test_every_loss_adds_up(finished):
    rows = read_csv(finished.results("tiny") / "tables" / "attrition.csv")
    assert rows
    for row in rows:
        assert int(row["n_before"]) - int(row["n_lost"]) == int(row["n_after"]), row


def test_the_numbers_of_the_curve_are_those_of_the_file(finished):
    patients = read_csv(finished.study("tiny") / "data" / "reported_outcomes.csv")
    events = sum(row["event"] == "1" for row in patients if row["endpoint"] == "pfs")
    summary = read_csv(finished.results("tiny") / "tables" / "km_summary.csv")
    whole = next(row for row in summary if row["group"] == "all")
    assert (int(whole["n"]), int(whole["events"])) == (30, events)


def test_figures_are_drawn_and_nothing_is_left_unfinished(finished):
    results = finished.results("tiny")
    assert list((results / "figures" / "survival").glob("*.svg"))
    assert [path for path in results.rglob("*") if "unfinished" in path.name] == []
    assert not (results / "problems.csv").exists()


def test_progress_is_told_rule_by_rule(finished):
    lines = (finished.folder / "first_run.txt").read_text(encoding="utf-8").splitlines()
    told = [line.split("]")[1].split()[0] for line in lines if line.startswith("[")]
    assert set(told) == RULES
    assert f"/{len(RULES)}]" in lines[1]
    assert lines[-1] == "report: results/tiny/report.html"


def test_a_second_run_has_nothing_to_do(project):
    before = snapshot(project.results("tiny"))
    done = project.call("run", "studies/tiny/study.yaml")
    assert done.returncode == 0
    assert "nothing to do" in done.stdout
    assert snapshot(project.results("tiny")) == before


def test_a_moved_project_called_from_anywhere_reruns_nothing(project, tmp_path):
    elsewhere = type(project)(tmp_path / "other" / "place")
    shutil.move(project.folder, elsewhere.folder)
    called_from = tmp_path / "here"
    called_from.mkdir()
    done = elsewhere.call("run", elsewhere.study("tiny"), "--out", elsewhere.results("tiny"), cwd=called_from)
    assert "nothing to do" in done.stdout, done.stdout + done.stderr
    assert list(called_from.iterdir()) == []
    assert elsewhere.would_run("tiny") == set()


def test_studies_run_side_by_side(project):
    before = snapshot(project.results("tiny"))
    shutil.copytree(project.study("tiny"), project.study("other"))
    study_file = project.study("other") / "study.yaml"
    study_file.write_text(study_file.read_text().replace("study: tiny", "study: other"))
    patients = project.study("other") / "data" / "patients.csv"
    patients.write_text("".join(patients.read_text().splitlines(keepends=True)[:21]))
    outcomes = project.study("other") / "data" / "reported_outcomes.csv"
    outcomes.write_text("".join(outcomes.read_text().splitlines(keepends=True)[:41]))
    wanted = ("--config", "study=studies/other", "--", "tables/km_summary.csv")
    done = project.snakemake("--cores", "2", *wanted)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = read_csv(project.results("other") / "tables" / "km_summary.csv")
    assert next(row["n"] for row in summary if row["group"] == "all") == "20"
    assert snapshot(project.results("tiny")) == before
    assert project.would_run("tiny") == set()


def test_provenance_names_every_file(finished):
    described = finished.provenance("tiny")
    assert set(described["inputs"]) == {"data/patients.csv", "data/reported_outcomes.csv"}
    assert "tables/km_curve.csv" in described["outputs"]
    assert described["study"]["study"] == "tiny"
    assert str(finished.folder) not in str(described)


def test_a_run_is_verified_and_an_edit_of_its_results_is_found(project):
    table = project.results("tiny") / "tables" / "km_summary.csv"
    rows = table.read_text(encoding="utf-8").splitlines(keepends=True)
    rows[1] = rows[1].replace("pfs", "pfx", 1)
    table.write_text("".join(rows), encoding="utf-8")
    done = project.call("verify", project.results("tiny"), "--cores", "2")
    assert done.returncode == 1, done.stderr
    *_, found, total = done.stdout.splitlines()
    assert found == "tables/km_summary.csv: row 2, column endpoint: pfx, in the new run pfs"
    assert total.startswith("1 of ")
