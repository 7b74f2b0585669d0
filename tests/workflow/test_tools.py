"""The rule files themselves: clean, literal, and in step with what the stages declare."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from prrt_outcomes import fingerprint, steps

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "workflow" / "rules"
BUILT = [stage for stage in steps.STAGES[1:] if fingerprint.find_module(f"prrt_outcomes.{stage}.stage")]
OWN = {"study", "attrition", "status"}


def read_rule(name, file):
    """Named inputs and outputs of a rule, as written."""
    text = (RULES / file).read_text(encoding="utf-8")
    body = re.search(rf"^rule {name}:\n((?:    .*\n|\n)+)", text, re.MULTILINE)[1]
    sections = dict(re.findall(r"^    (\w+):\n((?:        .*\n)+)", body, re.MULTILINE))
    pairs = {key: dict(re.findall(r'(\w+)="([^"]+)"', sections[key])) for key in ("input", "output")}
    return pairs["input"], pairs["output"]


def paths(names):
    return {name: steps.table_path(name).as_posix() for name in names}


@pytest.mark.parametrize("stage", BUILT)
def test_a_rule_holds_what_its_stage_declares(stage):
    entry = f"prrt_outcomes.{stage}.stage"
    made = (*fingerprint.read_declaration(entry, "OUTPUTS"), *steps.NOT_BUILT.get(stage, ()))
    inputs, outputs = read_rule(stage, f"{stage}.smk")
    assert inputs == paths(fingerprint.read_declaration(entry, "INPUTS"))
    assert {name: path for name, path in outputs.items() if name not in OWN} == paths(made)
    assert outputs["attrition"] == f"derived/attrition/{stage}.csv"
    assert outputs["status"] == f"derived/stages/{stage}.csv"


@pytest.mark.parametrize("chapter", steps.CHAPTERS)
def test_a_figure_rule_holds_what_its_chapter_declares(chapter):
    from prrt_outcomes.figures.chapters import CHAPTER_INPUTS

    inputs, _ = read_rule(f"figures_{chapter}", "figures.smk")
    declared = paths(CHAPTER_INPUTS.get(chapter, ()))
    assert {name: path for name, path in inputs.items() if name != "status"} == declared


def test_the_report_waits_for_every_table_that_it_reads():
    from prrt_outcomes.report.write import REPORT_INPUTS

    text = (RULES / "report.smk").read_text(encoding="utf-8")
    made = {"accounts": {"stages", "attrition"}}
    made |= {s: {*read_rule(s, f"{s}.smk")[1]} for s in steps.STAGES[1:]}
    waited = {name for rule, names in made.items() if f"rules.{rule}.output" in text for name in names}
    assert set(REPORT_INPUTS) - waited == set()


def test_every_rule_has_a_log_a_benchmark_and_one_command():
    for path in RULES.glob("*.smk"):
        text = path.read_text(encoding="utf-8")
        rules = len(re.findall(r"^rule ", text, re.MULTILINE))
        for section in ("log", "benchmark", "shell"):
            assert len(re.findall(rf"^    {section}:$", text, re.MULTILINE)) == rules, path.name
        assert text.count('"prrt-outcomes step ') == rules


def test_only_common_holds_python():
    for path in [*RULES.glob("*.smk"), ROOT / "Snakefile"]:
        if path.name != "common.smk":
            assert not re.search(r"^(def|import|from|if|for) ", path.read_text("utf-8"), re.MULTILINE), path


def test_snakemake_lint_is_clean(project):
    done = project.snakemake("--lint", "--config", "study=studies/tiny")
    assert done.returncode == 0, done.stdout + done.stderr


def test_snakefmt_is_clean():
    files = [str(ROOT / "Snakefile"), str(ROOT / "workflow")]
    done = subprocess.run(
        [sys.executable, "-m", "snakefmt", "--check", *files], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_report_of_snakemake_builds_beside_ours(project):
    page = (project.results("tiny") / "report.html").read_bytes()
    done = project.snakemake("--report", "workflow.html", "--config", "study=studies/tiny")
    assert done.returncode == 0, done.stdout + done.stderr
    built = project.results("tiny") / "workflow.html"
    assert "kaplan_meier" in built.read_text(encoding="utf-8")
    assert (project.results("tiny") / "report.html").read_bytes() == page


def test_every_caption_belongs_to_a_rule():
    text = "".join(path.read_text(encoding="utf-8") for path in RULES.glob("*.smk"))
    named = set(re.findall(r'caption="\.\./captions/(\w+)\.rst"', text))
    assert named == {path.stem for path in (ROOT / "workflow" / "captions").glob("*.rst")}
