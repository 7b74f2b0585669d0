"""The notebooks run, each cell from a fresh start and shown as Jupyter would, and none keeps an output."""

import ast
import json
import os
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RESULTS = ROOT / "results" / "example" / "provenance.json"
LONGEST_SECONDS = 20  # of processor time


def read_code(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def show(value):
    """Draw or write a value as Jupyter does at the end of a cell."""
    for way in ("_repr_mimebundle_", "_repr_html_", "__repr__"):
        if hasattr(value, way):
            return getattr(value, way)()


def run_cell(source, name, names):
    block = ast.parse(source)
    last = block.body.pop() if block.body and isinstance(block.body[-1], ast.Expr) else None
    exec(compile(block, name, "exec"), names)
    if last is not None:
        show(eval(compile(ast.Expression(last.value), name, "eval"), names))


def test_there_are_notebooks():
    assert {"stages_by_hand", "results_of_a_study", "statistics_on_a_data_frame"} <= {
        p.stem for p in NOTEBOOKS
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path, monkeypatch):
    if path.stem == "results_of_a_study" and not RESULTS.is_file() and not os.environ.get("CI"):
        pytest.skip("`make example` writes the results that it reads")
    monkeypatch.chdir(path.parent)
    names, begin = {}, time.process_time()
    for cell in read_code(path):
        run_cell("".join(cell["source"]), path.name, names)
    assert time.process_time() - begin < LONGEST_SECONDS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_output_is_kept(path):
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in read_code(path))
