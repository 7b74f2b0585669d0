"""What a study names is there, or every fault is told with its line."""

import pytest

from prrt_outcomes.cli.check import load_checked_study
from prrt_outcomes.errors import InputError

HEAD = "study: s\ntables: {patients: p.csv, follow_up: f.csv}\n"


def test_a_sound_study_is_read_without_its_tables(tmp_path):
    (tmp_path / "study.yaml").write_text(HEAD + "analysis: {group_by: [centre_id]}\n")
    assert load_checked_study(tmp_path).analysis.group_by == ("centre_id",)


def test_columns_and_published_arms_are_told_together(tmp_path):
    text = "controls:\n- {id: a, kind: library, arm: netter1_octreotid}\nanalysis:\n  group_by: [centre]\n"
    (tmp_path / "study.yaml").write_text(HEAD + text)
    with pytest.raises(InputError) as caught:
        load_checked_study(tmp_path)
    told = [(problem.row, problem.column) for problem in caught.value.problems]
    assert told == [(4, "controls.0.arm"), (6, "analysis.group_by.0")]
    assert "did you mean netter1_octreotide?" in caught.value.problems[0].expected
