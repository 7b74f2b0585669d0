import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.maic import MaicTarget, bootstrap_maic, fit_maic


@pytest.fixture
def patients():
    rng = np.random.default_rng(41)
    n = 120
    return pd.DataFrame(
        {
            "age": rng.normal(62, 9, n),
            "grade": rng.choice(["G1", "G2", "G3"], n),
            "liver": rng.integers(0, 2, n),
        }
    )


TARGETS = (
    MaicTarget("age", "mean", 60),
    MaicTarget("age", "standard_deviation", 8),
    MaicTarget("grade", "share", 0.5, "G2"),
    MaicTarget("liver", "share", 0.7),
)


def test_two_values_have_a_closed_form():
    # Share p of 30 ones among 100 moved to 0.6: odds of the weights are (0.6/0.4) / (30/70).
    fit = fit_maic(pd.DataFrame({"x": np.repeat([1, 0], [30, 70])}), [MaicTarget("x", "share", 0.6)])
    assert fit.weights[0] / fit.weights[-1] == pytest.approx((0.6 / 0.4) / (30 / 70))


def test_targets_are_met_and_missing_rows_have_no_weight(patients):
    patients.loc[[2, 9], "age"] = np.nan
    fit = fit_maic(patients, TARGETS)
    np.testing.assert_allclose(fit.balance["after"], fit.balance["target"], rtol=1e-7)
    assert np.flatnonzero(np.isnan(fit.weights)).tolist() == [2, 9]


def test_a_median_puts_half_above(patients):
    fit = fit_maic(patients, [MaicTarget("age", "median", 58)])
    above = fit.weights[patients["age"] > 58].sum() / fit.weights.sum()
    assert above == pytest.approx(0.5)


def test_all_faults_are_named_at_once(patients):
    bad = [
        MaicTarget("age", "mean", 190),
        MaicTarget("grade", "share", 0.2, "G4"),
        MaicTarget("liver", "share", 1.0),
        MaicTarget("size", "mean", 3),
        MaicTarget("grade", "mean", 3),
        MaicTarget("liver", "mode", 1),
        MaicTarget("age", "share", 0.3),
        MaicTarget("liver", "standard_deviation", 0.3),
        MaicTarget("age", "median", np.nan),
    ]
    with pytest.raises(ValueError, match="no solution") as caught:
        fit_maic(patients, bad)
    message = str(caught.value)
    for words in (
        "mean of age 190 is outside",
        "grade = G4: the data have G1, G2, G3 only",
        "share of liver 1 is outside",
        "no column size",
        "grade is a category",
        "statistic must be one of",
        "age is not 0/1",
        "needs the mean of liver",
        "value is missing",
    ):
        assert words in message
    with pytest.raises(ValueError, match="no targets"):
        fit_maic(patients, [])


def test_targets_out_of_reach_together_are_an_error(patients):
    with pytest.raises(ValueError, match="together"):
        fit_maic(patients, [MaicTarget("age", "mean", 62), MaicTarget("age", "standard_deviation", 40)])


def test_targets_that_repeat_each_other_are_an_error(patients):
    shares = [MaicTarget("grade", "share", s, g) for g, s in (("G1", 0.3), ("G2", 0.5), ("G3", 0.2))]
    with pytest.raises(ValueError, match="repeat each other"):
        fit_maic(patients, shares)


def test_every_refit_equals_its_own_fit(patients):
    counts = np.random.default_rng(0).multinomial(120, np.full(120, 1 / 120), size=5)
    weights = bootstrap_maic(patients, TARGETS, counts)
    for row, count in zip(weights, counts, strict=True):
        rows = np.repeat(np.arange(120), count)
        np.testing.assert_allclose(row[rows], fit_maic(patients.iloc[rows], TARGETS).weights, rtol=1e-5)


def test_refits_out_of_reach_are_empty(patients):
    young = (patients["age"] < 60).to_numpy().astype(int)
    weights = bootstrap_maic(patients, [MaicTarget("age", "mean", 61)], np.vstack([young, np.ones(120)]))
    assert np.isnan(weights).all(axis=1).tolist() == [True, False]
    with pytest.raises(ValueError, match="replicates, 120"):
        bootstrap_maic(patients, TARGETS, np.ones((2, 3)))
