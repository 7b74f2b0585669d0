"""Each page of `docs/sources/` is tried as a reader would: its files are written and its commands are run."""

import re
import shlex
from pathlib import Path

import pytest

from prrt_outcomes.cli.main import main

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "sources"
PAGES = [path for path in sorted(FOLDER.glob("*.md")) if path.name != "index.md"]
FILE = re.compile(r"^```csv (\S+)\n(.*?)^```", re.M | re.S)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
COMMANDS = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)


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
