"""The tutorial and each page of `docs/sources/` are tried as a reader would: files, edits and commands."""

import importlib.util
import re
import shlex
import shutil
from pathlib import Path

import openpyxl
import pytest

from prrt_outcomes.cli.main import main

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "sources"
PAGES = [path for path in sorted(FOLDER.glob("*.md")) if path.name != "index.md"]
FILE = re.compile(r"^```csv (\S+)\n(.*?)^```", re.M | re.S)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
COMMANDS = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)
TUTORIAL = FOLDER.parent / "tutorial.md"
STEP = re.compile(r"^```(?:sh|yaml (\S+))\n(.*?)^```", re.M | re.S)


def write_files(page, folder):
    for code in PYTHON.findall(page.read_text("utf-8")):
        exec(code, {})  # writes into the folder that the test stands in
    for name, text in FILE.findall(page.read_text("utf-8")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def list_commands(page):
    lines = [line for block in COMMANDS.findall(page.read_text("utf-8")) for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("prrt-outcomes ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_leads_to_a_study_without_problems(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_files(page, tmp_path)
    commands = list_commands(page)
    assert {"adopt", "check", "run"} <= {command[0] for command in commands}
    for command in commands:
        if command[0] != "run":
            assert main(command) == 0, capsys.readouterr()


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_leads_to_a_report(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_files(page, tmp_path)
    for command in list_commands(page):
        assert main(command) == 0
    assert list(tmp_path.glob("results/*/report.html"))


def test_every_page_is_reached_from_the_index():
    index = (FOLDER / "index.md").read_text("utf-8")
    assert [page.name for page in PAGES if f"({page.name})" not in index] == []


def edit(path, lines):
    """Lines of settings into a study file: below `tables:`, in place of a line of the same key, else at the end."""
    text = path.read_text("utf-8")
    key = lines.partition(":")[0]
    if key == "tables":
        text = text.replace("\ntables:\n", f"\n{lines}", 1)
    elif re.search(rf"^{key}:", text, re.M):
        text = re.sub(rf"^{key}:.*\n", lines, text, count=1, flags=re.M)
    else:
        text += lines
    path.write_text(text, "utf-8")


def follow_tutorial(folder, skipped):
    """Do the steps of the tutorial in their order; what it shows as the answer of a command must be said."""
    (folder / "docs").mkdir()
    shutil.copy2(TUTORIAL.parent / "practice.xlsx", folder / "docs")
    for path, lines in STEP.findall(TUTORIAL.read_text("utf-8")):
        if path:
            edit(folder / path, lines)
            continue
        for command in lines.splitlines():
            words = shlex.split(command)
            if words[0] == "prrt-outcomes" and words[1] not in skipped:
                assert main(words[1:]) == 0, command


def test_the_tutorial_leads_to_a_study_without_problems(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    follow_tutorial(tmp_path, skipped=("run", "manuscript"))
    said = capsys.readouterr().out
    shown = re.findall(r"^```text\n(.*?)^```", TUTORIAL.read_text("utf-8"), re.M | re.S)
    lines = [line for block in shown for line in block.splitlines() if line.strip() != "..."]
    assert len(lines) > 6
    assert [line for line in lines if line not in said] == []


@pytest.mark.slow
def test_the_tutorial_leads_to_a_report_and_a_manuscript(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    follow_tutorial(tmp_path, skipped=())
    for name in ("report.html", "supplement.html", "manuscript.docx", "manuscript.pdf"):
        assert (tmp_path / "results" / "my_study" / name).is_file()
    assert main(["patient", "my_study", "7", "--out", "patient.html"]) == 0


def test_the_workbook_of_the_tutorial_is_what_its_program_writes(tmp_path):
    path = Path(__file__).with_name("write_practice_workbook.py")
    spec = importlib.util.spec_from_file_location("write_practice_workbook", path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    program.write_workbook(tmp_path / "practice.xlsx")
    made, kept = (openpyxl.load_workbook(p) for p in (tmp_path / "practice.xlsx", program.PATH))
    assert made.sheetnames == kept.sheetnames
    for sheet in made:
        same = list(sheet.values) == list(kept[sheet.title].values)
        assert same, f"sheet {sheet.title}: run {path.name}, then see what the tutorial shows"
