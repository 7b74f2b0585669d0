"""`simulate` writes a study that `check` accepts, and never over another; a step reads what its run began with."""

import argparse
import os
import shutil
from pathlib import Path

import pytest

from prrt_outcomes import provenance, steps
from prrt_outcomes.cli.commands import run_step
from prrt_outcomes.cli.main import main
from prrt_outcomes.errors import StepError, UsageError
from prrt_outcomes.study.load import load_study

TINY = Path(__file__).parents[2] / "workflow" / "studies" / "tiny"


def test_what_is_asked_for_is_passed_on_and_the_next_command_is_named(monkeypatch, tmp_path, capsys):
    asked = {}
    monkeypatch.setattr(
        "prrt_outcomes.simulate.registry.write_simulated_study",
        lambda folder, **arguments: asked.update(folder=folder, **arguments),
    )
    assert main(["simulate", "--patients", "30", "--seed", "4", "--out", str(tmp_path / "new")]) == 0
    assert {**asked, "settings": None} == {
        "folder": tmp_path / "new",
        "patients": 30,
        "seed": 4,
        "settings": None,
        "later_cutoff": None,
    }
    assert f"prrt-outcomes run {tmp_path / 'new'}" in capsys.readouterr().out


def test_a_study_is_not_overwritten(tmp_path, capsys):
    (tmp_path / "study.yaml").write_text("study: mine\n")
    assert main(["simulate", "--patients", "30", "--seed", "4", "--out", str(tmp_path)]) == 2
    assert (tmp_path / "study.yaml").read_text() == "study: mine\n"
    assert "study" in capsys.readouterr().err


STEPS = [(stage, None) for stage in steps.STAGES] + [("figures", chapter) for chapter in steps.CHAPTERS]
STEPS += [("accounts", None), ("report", None)]
FAULTS = [(step, "study.yaml", fault) for step in STEPS for fault in ("edited", "removed")]
FAULTS += [
    ((step, None), "data/patients.csv", fault)
    for step in ("cohort", "accounts")
    for fault in ("edited", "removed")
]


@pytest.mark.parametrize(("step", "name", "fault"), FAULTS, ids=str)
def test_a_fault_while_a_run_goes_on_is_noticed_by_the_next_step(tmp_path, step, name, fault):
    """No step reads a study that is not the one that the run began with, though its time is the same."""
    study = shutil.copytree(TINY, tmp_path / "study")
    files = provenance.list_data_files(load_study(study), study / "study.yaml")
    provenance.write_inputs(tmp_path, provenance.describe_inputs(study / "study.yaml", files))
    changed = study / name
    times = changed.stat().st_atime_ns, changed.stat().st_mtime_ns
    if fault == "removed":
        changed.unlink()
    else:
        changed.write_text(changed.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        os.utime(changed, ns=times)
    arguments = argparse.Namespace(
        step=step[0], chapter=step[1], study=study / "study.yaml", results=tmp_path
    )
    with pytest.raises((StepError, UsageError), match=r"changed while the run went on|no study file"):
        run_step(arguments)
