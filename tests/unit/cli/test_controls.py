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


def test_filters_leave_what_they_name(capsys):
    assert main(["controls", "--role", "placebo", "--endpoint", "pfs", "--tumour-group", "lung"]) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines()[1:] if "  pfs  " in line}
    assert listed == {
        a.arm for a in load_library() if (a.role, a.endpoint, a.tumour_group) == ("placebo", "pfs", "lung")
    }
    assert listed


def test_a_filter_that_nothing_has_is_wrong_usage(capsys):
    assert main(["controls", "--role", "placebos"]) == 2
    assert "did you mean placebo?" in capsys.readouterr().err
