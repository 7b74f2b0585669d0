"""Weighted log-rank tests, trend, pairs, MaxCombo: by hand, and what cannot be tested."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import chdtrc, ndtr

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.logrank import (
    TEST_WEIGHTS,
    compute_holm,
    compute_logrank,
    compute_mantel_byar,
    compute_maxcombo,
    compute_maximum_p_value,
    compute_test_weights,
    fit_simon_makuch,
)
from prrt_outcomes.statistics.risk_table import compute_risk_table

TIME, EVENT, GROUP = [1, 2, 2, 3, 4, 5], [1, 1, 1, 0, 1, 1], ["a", "a", "b", "b", "a", "b"]
# patients 1 and 2 respond at 3 and 5; 3 and 4 never do
START = [0, 3, 0, 5, 0, 0]
STOP = [3, 8, 5, 9, 4, 7]
HAPPENED = [0, 1, 0, 0, 1, 1]
STATE = ["no", "yes", "no", "yes", "no", "no"]
ID = [1, 1, 2, 2, 3, 4]


@pytest.fixture
def table():
    return compute_risk_table(SurvivalData(TIME, EVENT), group=GROUP)


def test_logrank_by_hand(table):
    test = compute_logrank(table)
    expected_a = 3 / 6 + 2 * 2 / 5 + 1 / 2 + 0
    variance = (3 / 6) * (3 / 6) + 2 * (3 / 4) * (2 / 5) * (3 / 5) + 1 / 4
    assert test.observed.tolist() == [3, 2]
    np.testing.assert_allclose(test.expected, [expected_a, 5 - expected_a])
    assert test.variance[0, 0] == pytest.approx(variance)
    assert test.statistic == pytest.approx((3 - expected_a) ** 2 / variance)
    assert test.p_value == pytest.approx(chdtrc(1, test.statistic))
    assert test.z == pytest.approx(-np.sqrt(test.statistic))


def test_weights_by_hand(table):
    np.testing.assert_allclose(compute_test_weights(table, "gehan"), [6, 5, 3, 2, 1])
    np.testing.assert_allclose(compute_test_weights(table, "tarone_ware"), np.sqrt([6, 5, 3, 2, 1]))
    peto = np.cumprod([6 / 7, 4 / 6, 1, 2 / 3, 1 / 2])
    np.testing.assert_allclose(compute_test_weights(table, "peto"), peto)
    before = np.array([1, 5 / 6, 1 / 2, 1 / 2, 1 / 4])
    fh = compute_test_weights(table, "fleming_harrington", rho=2, gamma=0.5)
    np.testing.assert_allclose(fh, before**2 * np.sqrt(1 - before))


def test_pooled_weights_start_anew_in_each_stratum():
    table = compute_risk_table(SurvivalData([1, 2, 1, 2], [1, 1, 1, 1], strata=["x", "x", "y", "y"]))
    fh = compute_test_weights(table, "fleming_harrington", rho=1)
    assert fh.tolist() == [1, 0.5, 1, 0.5]


@pytest.mark.parametrize("weight", TEST_WEIGHTS)
def test_every_weight_sums_to_zero_over_groups(table, weight):
    test = compute_logrank(table, weight)
    assert test.score.sum() == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(test.variance.sum(axis=0), 0, atol=1e-12)


def test_wrong_weights_are_refused(table):
    with pytest.raises(ValueError, match="weight must be one of"):
        compute_logrank(table, "wilcoxon")
    with pytest.raises(ValueError, match="belong to fleming_harrington"):
        compute_logrank(table, "logrank", rho=1)
    with pytest.raises(ValueError, match="must be 0 or more"):
        compute_logrank(table, "fleming_harrington", rho=-1)


@pytest.mark.parametrize(
    ("time", "event", "group", "status"),
    [
        ([1, 2, 3], [0, 0, 0], ["a", "b", "b"], "no_events"),
        ([1, 2, 3], [1, 1, 1], ["a", "a", "a"], "too_few"),
        ([3, 3, 3], [1, 1, 1], ["a", "b", "b"], "too_few"),
        ([1, 2, 3, 4], [0, 0, 1, 1], ["a", "a", "b", "b"], "too_few"),
    ],
)
def test_what_cannot_be_tested_says_so(time, event, group, status):
    table = compute_risk_table(SurvivalData(time, event), group=group)
    test = compute_logrank(table)
    assert test.status == status
    assert np.isnan([test.statistic, test.p_value, test.z]).all()
    if len(table.groups) == 2:
        combo = compute_maxcombo(table)
        assert combo.status == status
        assert np.isnan(combo.p_value)


def test_a_group_never_at_risk_with_an_event_is_no_degree_of_freedom():
    two = compute_logrank(compute_risk_table(SurvivalData(TIME, EVENT), group=GROUP))
    three = compute_logrank(compute_risk_table(SurvivalData([*TIME, 0.5], [*EVENT, 0]), group=[*GROUP, "c"]))
    assert three.degrees_of_freedom == 1
    assert three.statistic == pytest.approx(two.statistic)


def test_groups_that_never_meet_cannot_be_compared():
    table = compute_risk_table(
        SurvivalData([1, 2, 5, 6], [1, 1, 1, 1], entry=[0, 0, 3, 3]), group=["a", "a", "b", "b"]
    )
    assert compute_logrank(table).status == "too_few"


def test_holm_by_hand():
    np.testing.assert_allclose(compute_holm(np.array([0.04, 0.01, np.nan, 0.03])), [0.06, 0.03, np.nan, 0.06])
    assert compute_holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_maxcombo_is_the_largest_of_its_components(table):
    combo = compute_maxcombo(table)
    tests = [
        compute_logrank(table, "fleming_harrington", rho=rho, gamma=gamma)
        for rho in (0, 1)
        for gamma in (0, 1)
    ]
    assert combo.statistic == pytest.approx(max((test.z for test in tests), key=abs))
    assert combo.p_value > min(test.p_value for test in tests)


def test_maxcombo_of_independent_components():
    for k in (1, 2, 3, 4):
        assert compute_maximum_p_value(1.5, np.eye(k)) == pytest.approx(
            1 - (1 - 2 * ndtr(-1.5)) ** k, abs=1e-8
        )
    assert compute_maximum_p_value(2.0, np.ones((4, 4))) == pytest.approx(2 * ndtr(-2.0), abs=1e-9)


def test_maxcombo_of_correlated_components_agrees_with_draws():
    base = np.array(
        [
            [1, 0.6, 0.3, 0.2, 0.1],
            [0, 1, 0.4, 0.1, 0.2],
            [0, 0, 1, 0.5, 0.3],
            [0, 0, 0, 1, 0.2],
            [0, 0, 0, 0, 1],
        ]
    )
    five = base + base.T - np.eye(5)
    draws = np.random.default_rng(1).multivariate_normal(np.zeros(5), five, 200_000)
    share = (np.abs(draws[:, :4]).max(axis=1) >= 2.2).mean()
    assert compute_maximum_p_value(2.2, five[:4, :4]) == pytest.approx(share, abs=2e-3)


def test_maxcombo_compares_two_groups():
    with pytest.raises(ValueError, match="two groups, found 3"):
        compute_maxcombo(compute_risk_table(SurvivalData([1, 2, 3], [1, 1, 1]), group=[1, 2, 3]))


@pytest.mark.parametrize("weight", ["logrank", "gehan", "tarone_ware", "peto"])
def test_groups_alone_in_their_strata_leave_no_variance_behind(weight):
    """What rounding leaves of 1 - 1 once passed for a variance, and gave a p-value."""
    generator = np.random.default_rng(1)
    time, sex = generator.exponential(10, 300), generator.integers(0, 2, 300)
    table = compute_risk_table(SurvivalData(time, np.ones(300), strata=sex), group=sex)
    test = compute_logrank(table, weight)
    assert (test.status, np.isnan(test.p_value)) == ("too_few", True)


def test_mantel_byar_by_hand():
    test = compute_mantel_byar(SurvivalData(STOP, HAPPENED, entry=START, id=ID), STATE)
    # at 4: at risk no 3 (2, 3, 4), yes 1; at 7: no 1, yes 2; at 8: yes 2
    expected_yes = 1 / 4 + 2 / 3 + 1
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
        SurvivalData(STOP, HAPPENED, entry=START, id=ID, strata=["x", "x", "x", "x", "y", "y"]), STATE
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
    curves = fit_simon_makuch(SurvivalData(STOP, HAPPENED, entry=START, id=ID), STATE, landmark=4)
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
        fit_simon_makuch(SurvivalData(STOP, HAPPENED, entry=START, id=ID), STATE, landmark=20)
    with pytest.raises(ValueError, match="landmark must be 0 or more"):
        fit_simon_makuch(SurvivalData(STOP, HAPPENED, entry=START, id=ID), STATE, landmark=-1)
