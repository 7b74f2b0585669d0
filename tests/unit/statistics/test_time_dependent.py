"""Mantel-Byar and Simon-Makuch on counting-process rows."""

from __future__ import annotations

import numpy as np
import pytest

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.logrank import compute_logrank
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.statistics.time_dependent import compute_mantel_byar, fit_simon_makuch

# patients 1 and 2 respond at 3 and 5; 3 and 4 never do
START = [0, 3, 0, 5, 0, 0]
STOP = [3, 8, 5, 9, 4, 7]
EVENT = [0, 1, 0, 0, 1, 1]
STATE = ["no", "yes", "no", "yes", "no", "no"]
ID = [1, 1, 2, 2, 3, 4]


def test_mantel_byar_by_hand():
    test = compute_mantel_byar(SurvivalData(STOP, EVENT, entry=START, id=ID), STATE)
    # at 4: at risk no 3 (2, 3, 4), yes 1; at 7: no 1, yes 2; at 8: yes 2
    expected_yes = 1 / 4 + 2 / 3 + 1
    assert test.groups == ("no", "yes")
    assert test.observed.tolist() == [2, 1]
    np.testing.assert_allclose(test.expected, [3 - expected_yes, expected_yes])
    variance = 3 / 16 + 2 / 9
    assert test.statistic == pytest.approx((1 - expected_yes) ** 2 / variance)


def test_a_state_held_from_the_start_is_the_logrank_test():
    time, event, group = [3, 5, 6, 8], [1, 1, 0, 1], ["a", "b", "a", "b"]
    test = compute_mantel_byar(SurvivalData(time, event, entry=[0] * 4, id=[1, 2, 3, 4]), group)
    assert test.statistic == pytest.approx(
        compute_logrank(compute_risk_table(SurvivalData(time, event), group=group)).statistic
    )


def test_stratified():
    test = compute_mantel_byar(
        SurvivalData(STOP, EVENT, entry=START, id=ID, strata=["x", "x", "x", "x", "y", "y"]), STATE
    )
    assert test.status == "too_few"


def test_rows_after_the_event_are_refused():
    with pytest.raises(ValueError, match="rows follow the event of 1 patients: 7"):
        compute_mantel_byar(SurvivalData([3, 5], [1, 0], entry=[0, 3], id=[7, 7]), ["a", "b"])
    with pytest.raises(ValueError, match="overlap"):
        compute_mantel_byar(SurvivalData([3, 5], [0, 1], entry=[0, 2], id=[7, 7]), ["a", "b"])
    with pytest.raises(ValueError, match="entry is not before the end"):
        compute_mantel_byar(SurvivalData([3, 3], [0, 1], entry=[0, 3], id=[7, 7]), ["a", "b"])


def test_simon_makuch_from_a_landmark():
    curves = fit_simon_makuch(SurvivalData(STOP, EVENT, entry=START, id=ID), STATE, landmark=4)
    no, yes = curves["no"], curves["yes"]
    # from 4: patient 1 responded, 2 moves at 1, 4 dies at 3 without response
    assert no.time.tolist() == [1, 3]
    np.testing.assert_allclose(no.survival, [1, 0])
    assert yes.time.tolist() == [4, 5]
    np.testing.assert_allclose(yes.survival, [0.5, 0.5])
    assert yes.at_risk.tolist() == [2, 1]


def test_simon_makuch_from_zero_marks_an_emptied_risk_set():
    start, stop = [0, 2, 0, 6], [2, 3, 6, 9]
    curves = fit_simon_makuch(
        SurvivalData(stop, [0, 1, 0, 0], entry=start, id=[1, 1, 2, 2]), ["no", "yes", "no", "yes"]
    )
    assert curves["yes"].status == "too_few"


def test_landmark_must_leave_somebody():
    with pytest.raises(ValueError, match="nobody is at risk after the landmark 20"):
        fit_simon_makuch(SurvivalData(STOP, EVENT, entry=START, id=ID), STATE, landmark=20)
    with pytest.raises(ValueError, match="landmark must be 0 or more"):
        fit_simon_makuch(SurvivalData(STOP, EVENT, entry=START, id=ID), STATE, landmark=-1)
