from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.weights import (
    compute_balance,
    compute_distance,
    compute_effective_sample_size,
    compute_propensity_weights,
    draw_weights,
    fit_newton_in_blocks,
)

SCORE = np.array([0.8, 0.5, 0.25])
COHORT = np.array([True, False, False])


@pytest.mark.parametrize(
    ("estimand", "expected"),
    [("ATT", [1, 1, 1 / 3]), ("overlap", [0.2, 0.5, 0.25]), ("ATE", [1.25, 2, 4 / 3])],
)
def test_weights_by_definition(estimand, expected):
    np.testing.assert_allclose(compute_propensity_weights(SCORE, COHORT, estimand), expected)
    many = compute_propensity_weights(np.vstack([SCORE, SCORE / 2]), COHORT, estimand)
    np.testing.assert_allclose(many[0], expected)


def test_a_missing_score_has_no_weight():
    weights = compute_propensity_weights(np.array([np.nan, 0.5, 0.5]), COHORT, "ATT")
    assert np.isnan(weights).tolist() == [True, False, False]


def test_infinite_weights_are_an_error_and_harmless_extremes_are_not():
    with pytest.raises(ValueError, match="1 scores of 0 or 1 have infinite weight"):
        compute_propensity_weights(np.array([0.5, 1.0, 0.5]), COHORT, "ATT")
    with pytest.raises(ValueError, match="infinite"):
        compute_propensity_weights(np.array([0.0, 0.5, 0.5]), COHORT, "ATE")
    np.testing.assert_allclose(
        compute_propensity_weights(np.array([1.0, 1, 0]), COHORT, "overlap"), [0, 1, 0]
    )
    np.testing.assert_allclose(compute_propensity_weights(np.array([1.0, 0, 0]), COHORT, "ATT"), [1, 0, 0])


def test_faults_are_named():
    with pytest.raises(ValueError, match="estimand"):
        compute_propensity_weights(SCORE, COHORT, "ATC")
    with pytest.raises(ValueError, match="between 0 and 1"):
        compute_propensity_weights(SCORE + 1, COHORT, "ATT")
    with pytest.raises(ValueError, match="3 scores for 2 rows"):
        compute_propensity_weights(SCORE, COHORT[:2], "ATT")


def test_effective_sample_size():
    assert compute_effective_sample_size(np.full(7, 0.3)) == pytest.approx(7)
    assert compute_effective_sample_size(np.zeros(3)) == 0
    np.testing.assert_allclose(compute_effective_sample_size(np.array([[1, 1, 2], [0, 0, 5.0]])), [16 / 6, 1])


MEMBERS = np.array([True, True, True, False, False, False])


def test_smd_by_hand_for_numbers_and_for_every_level():
    x = pd.DataFrame({"age": [50.0, 60, 70, 40, 50, 60], "sex": list("ffmfmm")})
    table = compute_balance(MEMBERS, x, np.array([1, 1, 1, 0.5, 1, 1.5])).set_index("covariate")
    assert table.loc["age", "smd"] == pytest.approx((60 - 50) / 10)
    # n-1 variances of 2/3 and 1/3 are both 1/3.
    assert table.loc["sex=f", "smd"] == pytest.approx((1 / 3) / np.sqrt(1 / 3))
    assert table.loc["sex=m", "smd"] == pytest.approx(-table.loc["sex=f", "smd"])
    mean = (0.5 * 40 + 50 + 1.5 * 60) / 3
    assert table.loc["age", "smd_weighted"] == pytest.approx((60 - mean) / 10)


def test_what_does_not_vary_has_a_status_not_an_infinity():
    x = pd.DataFrame({"same": np.ones(6), "apart": MEMBERS.astype(float)})
    table = compute_balance(MEMBERS, x).set_index("covariate")
    assert table.loc["same", ["smd", "status"]].tolist() == [0.0, "ok"]
    assert table.loc["apart", "status"] == "not_estimable"
    assert np.isnan(table.loc["apart", "smd"])
    assert compute_balance(np.arange(6) == 0, x)["status"].tolist() == ["too_few", "too_few"]


def test_missing_values_are_left_out():
    x = pd.DataFrame({"age": [50.0, np.nan, 70, 40, 50, 60]})
    row = compute_balance(MEMBERS, x, np.array([1, 1, 1, np.nan, 1, 1])).iloc[0]
    assert (row["mean_cohort"], row["mean_control_weighted"]) == (60, 55)


def test_faults():
    x = pd.DataFrame({"age": np.arange(6.0)})
    with pytest.raises(ValueError, match="in_cohort has 2"):
        compute_balance(MEMBERS[:2], x)
    with pytest.raises(ValueError, match="weights"):
        compute_balance(MEMBERS, x, -np.ones(6))


def test_counts_add_up_within_each_stratum():
    stratum = np.array(["a"] * 7 + ["b"] * 3)
    weights = np.concatenate(list(draw_weights(10, 900, seed=4, stratum=stratum)))
    assert weights.shape == (900, 10)
    assert (weights[:, :7].sum(axis=1) == 7).all()
    assert (weights[:, 7:].sum(axis=1) == 3).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(10), abs=0.15)


def test_each_patient_is_drawn_as_often_as_a_binomial_count():
    weights = np.concatenate(list(draw_weights(50, 4000, seed=1)))
    assert weights.var() == pytest.approx(1 - 1 / 50, abs=0.02)


def test_a_distance_of_two_levels_is_that_of_their_shares():
    first = np.array([True] * 10 + [False] * 10)
    values = pd.Series(["a"] * 3 + ["b"] * 7 + ["a"] * 6 + ["b"] * 4)
    distance, status = compute_distance(first, values)
    assert distance == pytest.approx(0.3 / np.sqrt((0.3 * 0.7 + 0.6 * 0.4) / 2))
    assert status == "ok"


def test_a_distance_of_three_levels_does_not_depend_on_the_level_left_out():
    first = np.array([True] * 10 + [False] * 20)
    values = pd.Series(list("aaabbbbccc") + list("aaaaaaaaabbbbccccccc"))
    one, other = np.array([0.3, 0.4]), np.array([0.45, 0.2])
    spread = (
        sum(np.diag(p) - np.outer(p, p) for p in (one, other)) / 2
    )  # of levels a and b; the function leaves out a
    expected = np.sqrt((one - other) @ np.linalg.solve(spread, one - other))
    assert compute_distance(first, values)[0] == pytest.approx(expected)
    ages = pd.Series(np.arange(30.0)).where(np.arange(30) != 4)
    known = ages.drop(4)
    gap = known[first[known.index]].mean() - known[~first[known.index]].mean()
    variance = (known[first[known.index]].var() + known[~first[known.index]].var()) / 2
    assert compute_distance(first, ages)[0] == pytest.approx(abs(gap) / np.sqrt(variance))


def test_a_distance_that_is_none_has_a_status():
    first = np.array([True, True, True, False, False, False])
    assert compute_distance(first, pd.Series(list("aaabbb")))[1] == "not_estimable"
    assert compute_distance(first, pd.Series(list("aaaaaa"))) == (0.0, "ok")
    assert compute_distance(first, pd.Series([1.0, np.nan, np.nan, 2.0, 3.0, 4.0]))[1] == "too_few"


def test_a_replicate_without_information_has_no_coefficients_and_stops_no_other():
    information = np.array([np.eye(2), np.ones((2, 2)), 2 * np.eye(2)])

    def evaluate(active, beta):
        gradient = np.ones((3, 2))[active] - np.einsum("bij,bj->bi", information[active], beta)
        return gradient, information[active], np.zeros(len(active), dtype=bool)

    start = np.zeros((3, 2))
    found = fit_newton_in_blocks(evaluate, start, np.arange(3), limit=4.0, tolerance=1e-6, iterations=9)
    np.testing.assert_allclose(found[[0, 2]], [[1.0, 1.0], [0.5, 0.5]])
    assert np.isnan(found[1]).all()
