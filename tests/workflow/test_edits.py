"""An edit reruns what it must and nothing else."""

import os

import pytest

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
FIGURES = {f"figures_{chapter}" for chapter in CHAPTERS}
CLOSING = {"accounts", "figures_endpoints", "report"}
STAGES = {
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
}


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        (
            "figures: {",
            "safety: {late_after_days: 77}\nfigures: {",
            {"safety", "figures_safety", "appraisal"},
        ),
        ("dpi: 72", "dpi: 80", FIGURES),
        ("title: Thirty", "title: All thirty", FIGURES),
    ],
    ids=["safety", "figures", "title"],
)
def test_an_edited_setting_reruns_what_uses_it(project, old, new, rules):
    edit(project.study("tiny") / "study.yaml", old, new)
    assert project.would_run("tiny") == rules | CLOSING


def test_edits_that_change_no_number_rerun_nothing(project):
    """Layout, comments and defaults in the study file, data written anew, docstrings, comments and the commands."""
    settings = project.study("tiny") / "study.yaml"
    edit(settings, "study: tiny", "# a comment\nstudy: tiny")
    edit(settings, "synthetic: true", "synthetic:   true")
    edit(settings, "figures: {", "assessment_window_days: 14\nfigures: {")
    data = project.study("tiny") / "data" / "patients.csv"
    data.write_bytes(data.read_bytes())
    for path in (project.code / "safety" / "stage.py", project.code / "tables" / "files.py"):
        text = path.read_text(encoding="utf-8")
        first_line, rest = text.split("\n", 1)
        assert first_line.startswith('"""')
        path.write_text(f'"""Other words."""\n# a comment\n{rest}', encoding="utf-8")
    command = project.code / "cli" / "check.py"
    command.write_text(command.read_text(encoding="utf-8") + "\n\nLATE_EDIT = 1\n", encoding="utf-8")
    assert project.would_run("tiny") == set()


def test_an_edited_mapping_reruns_everything(project):
    edit(
        project.study("tiny") / "study.yaml", "extra_columns: {arm: category}", "extra_columns: {arm: string}"
    )
    assert project.would_run("tiny") == STAGES | FIGURES | CLOSING


def test_edited_data_reruns_everything_and_changes_the_numbers(project):
    before = (project.results("tiny") / "tables" / "km_curve.csv").read_text()
    edit(project.study("tiny") / "data" / "reported_outcomes.csv", "T01,pfs,", "T01,pfs,9")
    assert project.would_run("tiny") == STAGES | FIGURES | CLOSING
    done = project.snakemake("--cores", "2", "--config", "study=studies/tiny", "--", "tables/km_curve.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project.results("tiny") / "tables" / "km_curve.csv").read_text() != before
    assert not project.would_run("tiny") & {"cohort", "endpoints", "survival"}


def test_data_that_are_older_than_the_results_are_data_all_the_same(project):
    """As where an archive was unpacked or a copy restored with its time; the same data anew rerun nothing."""
    data = project.study("tiny") / "data" / "reported_outcomes.csv"
    edit(data, "T01,pfs,", "T01,pfs,9")
    os.utime(data, (0, 0))
    assert project.would_run("tiny") == STAGES | FIGURES | CLOSING
    edit(data, "T01,pfs,9", "T01,pfs,")
    assert project.would_run("tiny") == set()


def test_an_edited_line_of_code_reruns_its_stage(project):
    path = project.code / "safety" / "stage.py"
    path.write_text(path.read_text(encoding="utf-8") + "\n\nLATE_EDIT = 1\n", encoding="utf-8")
    assert project.would_run("tiny") == {"safety", "figures_safety", "appraisal"} | CLOSING


def test_edited_code_of_all_stages_reruns_all(project):
    path = project.code / "tables" / "files.py"
    path.write_text(path.read_text(encoding="utf-8") + "\n\nLATE_EDIT = 1\n", encoding="utf-8")
    assert project.would_run("tiny") == STAGES | FIGURES | CLOSING


def test_an_edited_schema_reruns_the_stages_of_its_table(project):
    edit(project.folder / "data_schema" / "results" / "safety_grades.yaml", "title: ", "title: All ")
    assert project.would_run("tiny") == {"safety", "figures_safety", "appraisal"} | CLOSING


def test_an_output_that_was_removed_is_made_again(project):
    (project.results("tiny") / "tables" / "safety_grades.csv").unlink()
    assert "safety" in project.would_run("tiny")
    assert not project.would_run("tiny") & {"cohort", "survival", "endpoints"}
