"""A tenth of the seeded mutants of settings: refused, warned of, or harmless, as each should be."""

import importlib.util
import sys
from pathlib import Path

import pytest

MODULE = Path(__file__).resolve().parents[3] / "benchmarks" / "robustness" / "settings.py"
SPEC = importlib.util.spec_from_file_location("settings_mutants", MODULE)
mutants = sys.modules["settings_mutants"] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(mutants)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return mutants.make_base(tmp_path_factory.mktemp("base") / "study")


@pytest.mark.parametrize("due", mutants.NUMBERS)
def test_mutants_of_settings_end_as_they_should(base, due):
    verdicts = [mutants.judge(base, due, seed) for seed in range(mutants.NUMBERS[due] // 10)]
    assert [verdict for verdict in verdicts if not verdict.is_right] == []


def test_enough_kinds_of_settings_must_be_refused(base):
    assert len(base.refused) > 2_000
