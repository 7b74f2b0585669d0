"""A hundred seeded mutants of a study: none ends as a fault of the program, and none loses anything in silence."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

from prrt_outcomes.simulate.registry import write_simulated_study
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.study.load import load_study

MODULE = Path(__file__).resolve().parents[3] / "benchmarks" / "robustness" / "mutants.py"
SPEC = importlib.util.spec_from_file_location("mutants", MODULE)
mutants = sys.modules["mutants"] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(mutants)
PATIENTS, SEED, MUTANTS, PARTS = 12, 7, 100, 4


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Folder of a small study, its settings, the files of its tables, and what they give."""
    folder = tmp_path_factory.mktemp("clean") / "study"
    write_simulated_study(folder, patients=PATIENTS, seed=SEED, settings=SimulationSettings())
    settings, files = load_study(folder), mutants.read_files(folder)
    return folder, settings, files, mutants.read(files, settings, folder)


@pytest.mark.parametrize("part", range(PARTS))
def test_mutants_are_told_or_the_same(study, part, tmp_path):
    folder, settings, files, clean = study
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    verdicts = [mutants.judge(files, settings, clean, tmp_path, seed) for seed in range(part, MUTANTS, PARTS)]
    wrong = [verdict for verdict in verdicts if verdict.outcome not in ("told", "same", "kept")]
    assert wrong == []
