"""The manuscript is a step of the workflow that runs only when it is asked for."""

from importlib.util import find_spec

import pytest

missing = [name for name in ("pypandoc", "typst", "docxtpl") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def test_the_step_and_the_command_write_the_same_manuscript(project):
    results = project.results("tiny")
    assert not (results / "manuscript.docx").exists()
    done = project.snakemake("manuscript", "--cores", "1", "--config", "study=studies/tiny")
    assert done.returncode == 0, done.stdout + done.stderr
    made = {path.name: path.read_bytes() for path in results.glob("manuscript*") if path.is_file()}
    assert set(made) == {"manuscript.docx", "manuscript.pdf"}
    assert (results / "manuscript" / "Table1.xlsx").is_file()
    done = project.call("manuscript", "studies/tiny")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "manuscript.docx" in done.stdout
    assert {name: (results / name).read_bytes() for name in made} == made


def test_a_manuscript_needs_a_finished_run(project):
    done = project.call("manuscript", "studies/tiny", "--out", "elsewhere")
    assert done.returncode == 3
    assert "prrt-outcomes run studies/tiny" in done.stderr
