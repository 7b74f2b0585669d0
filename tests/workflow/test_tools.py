"""The rule files themselves: clean, literal, and in step with what the stages declare."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from prrt_outcomes import fingerprint, steps

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "workflow" / "rules"
STAGE_RULES = steps.STAGES[1:]


@pytest.mark.parametrize("stage", STAGE_RULES)
def test_a_rule_takes_its_tables_from_the_declaration_of_its_stage(stage):
    text = (RULES / f"{stage}.smk").read_text(encoding="utf-8")
    assert re.search(rf"^rule {stage}:$", text, re.MULTILINE)
    for called in ("stage_inputs", "stage_outputs", "stage_settings", "stage_code"):
        assert f'{called}("{stage}")' in text


def test_a_run_writes_what_the_stages_declare(project):
    results = project.results("tiny")
    for stage in filter(fingerprint.find_module, (f"prrt_outcomes.{s}.stage" for s in STAGE_RULES)):
        for table in fingerprint.read_declaration(stage, "OUTPUTS"):
            assert (results / steps.table_path(table)).is_file(), table


def test_every_rule_has_a_log_a_benchmark_and_one_command():
    for path in RULES.glob("*.smk"):
        text = path.read_text(encoding="utf-8")
        rules = len(re.findall(r"^ *rule\b.*:$", text, re.MULTILINE))
        for section in ("log", "benchmark", "shell"):
            assert len(re.findall(rf"^ +{section}:$", text, re.MULTILINE)) == rules, path.name
        assert text.count('"prrt-outcomes step ') == rules


def test_only_common_holds_python():
    for path in [*RULES.glob("*.smk"), ROOT / "Snakefile"]:
        if path.name != "common.smk":
            text = path.read_text("utf-8").replace("for chapter in CHAPTERS:", "")
            assert not re.search(r"^(def|import|from|if|for) ", text, re.MULTILINE), path


def test_snakemake_lint_is_clean(project):
    done = project.snakemake("--lint", "--config", "study=studies/tiny")
    assert done.returncode == 0, done.stdout + done.stderr


def test_snakefmt_is_clean():
    files = [str(ROOT / "Snakefile"), str(ROOT / "workflow")]
    done = subprocess.run(
        [sys.executable, "-m", "snakefmt", "--check", *files], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def read_shown(page):
    """Results that a report of Snakemake carries, by path, as its script has them."""
    text = page.read_text(encoding="utf-8")
    begin = text.index("{", text.index('<script id="results">'))
    return json.JSONDecoder().raw_decode(text, begin)[0]


def test_the_report_of_snakemake_carries_the_figures_and_tables_of_ours(project):
    results = project.results("tiny")
    page = (results / "report.html").read_bytes()
    done = project.snakemake("--report", "workflow.html", "--config", "study=studies/tiny")
    assert done.returncode == 0, done.stdout + done.stderr
    shown = read_shown(results / "workflow.html")
    files = {
        path.relative_to(results).as_posix()
        for pattern in ("tables/*.csv", "figures/*/*.svg", "*.html")
        for path in results.glob(pattern)
    } - {"workflow.html"}
    assert set(shown) == files
    for path, entry in shown.items():
        assert base64.b64decode(entry["data_uri"].partition("base64,")[2]) == (results / path).read_bytes()
    assert shown["tables/km_summary.csv"]["labels"] == {"Table": "Kaplan-Meier summary"}
    figure = shown["figures/survival/kaplan_meier_pfs_arm.svg"]["labels"]["Figure"]
    assert figure.startswith("Progression-free survival by ")
    assert figure in (results / "supplement.html").read_text(encoding="utf-8")
    captions = {entry["caption"] for entry in shown.values()}
    assert all(captions)
    assert "{{" not in "".join(captions)
    assert (results / "report.html").read_bytes() == page


def test_every_caption_is_shown():
    captions = {path.stem for path in (ROOT / "workflow" / "captions").glob("*.rst")}
    rules = "".join(path.read_text("utf-8") for path in RULES.glob("*.smk"))
    named = set(re.findall(r'caption="\.\./captions/(\w+)\.rst"', rules))
    assert captions == {*steps.CHAPTERS, *named}
