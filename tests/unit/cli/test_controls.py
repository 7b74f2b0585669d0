"""The library of published arms as a person reads it."""

from prrt_outcomes.cli.main import main
from prrt_outcomes.controls.library import load_library


def test_every_arm_is_listed(capsys):
    assert main(["controls"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["arm", "endpoint"]
    listed = {tuple(line.split()[:2]) for line in lines[1:]}
    assert {(arm.arm, arm.endpoint) for arm in load_library()} <= listed


def test_an_arm_is_explained_with_what_its_source_left_open(capsys):
    assert main(["controls", "promid_octreotide"]) == 0
    text = capsys.readouterr().out
    assert "Rinke 2009" in text
    assert "median months          14.3" in text
    assert "median low             not shown" in text


def test_an_unknown_arm_is_wrong_usage_with_the_nearest_name(capsys):
    assert main(["controls", "promid_octreotid"]) == 2
    assert "did you mean promid_octreotide?" in capsys.readouterr().err
