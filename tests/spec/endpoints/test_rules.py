"""The rules of METHODS.md, one row a case, as `rules.txt` tells them."""

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("endpoint_cases", HERE / "cases.py")
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)
CASES = cases.read_cases((HERE / "rules.txt").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def results():
    return cases.run_cases(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.section.split(':')[0]}: {case.why}")
def test_rule(case, results):
    row = results[case]
    if case.time == "none":
        assert row["exclusion"] == case.reason
        return
    assert row["exclusion"] == ""
    assert (row["time_days"], row["event"]) == (float(case.time), int(case.event))
    assert (row["reason"], row["status"]) == (case.reason, "ok")
    assert row["time_days"] > row["entry_days"]
    assert ("half_day" in row["note"]) == (row["time_days"] % 1 == 0.5)


def test_there_are_enough_cases():
    assert len(CASES) >= 80
    presets = ("pfs", "pfs_fda", "ttp", "os", "dor", "ttnt", "pfs_retreatment", "pfs2")
    assert {case.endpoint for case in CASES} >= set(presets)
