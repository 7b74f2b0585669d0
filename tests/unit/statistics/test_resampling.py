"""The bootstrap: its weights, its seed, its intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap

from prrt_outcomes.statistics.resampling import draw_weights, fit_bootstrap
from prrt_outcomes.statistics.risk.replicates import compute_replicate_quantiles, compute_replicate_rows

VALUES = np.random.default_rng(8).lognormal(0, 0.8, 60)


def mean(weights):
    return weights @ VALUES / weights.sum(axis=1)


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


def test_the_seed_gives_the_same_numbers_on_any_number_of_cores():
    one, two = (fit_bootstrap(mean, 60, seed=7, replicates=1200, workers=w) for w in (1, 3))
    np.testing.assert_array_equal(one.replicates, two.replicates)
    assert not np.array_equal(one.replicates, fit_bootstrap(mean, 60, seed=8, replicates=1200).replicates)


def test_more_replicates_begin_with_the_same():
    few, many = (fit_bootstrap(mean, 60, seed=7, replicates=r).replicates for r in (500, 1500))
    np.testing.assert_array_equal(few, many[:500])


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_intervals_agree_with_scipy(method):
    ours = fit_bootstrap(mean, 60, seed=3, replicates=20_000, method=method)
    theirs = scipy_bootstrap(
        (VALUES,), np.mean, n_resamples=20_000, method=method, rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours.lower[0] == pytest.approx(theirs.low, abs=0.02)
    assert ours.upper[0] == pytest.approx(theirs.high, abs=0.03)
    assert ours.std_error[0] == pytest.approx(VALUES.std() / np.sqrt(60), rel=0.03)
    assert ours.status == ("ok",)


def test_acceleration_of_the_mean_is_its_skewness():
    centred = VALUES - VALUES.mean()
    expected = np.sum(centred**3) / (6 * np.sum(centred**2) ** 1.5)
    assert fit_bootstrap(mean, 60, seed=1, replicates=200, method="bca").acceleration[0] == pytest.approx(
        expected
    )


def test_acceleration_of_many_patients_leaves_out_parts():
    values = np.random.default_rng(5).exponential(1, 4000)
    centred = values - values.mean()
    expected = np.sum(centred**3) / (6 * np.sum(centred**2) ** 1.5)
    found = fit_bootstrap(lambda w: w @ values / w.sum(axis=1), 4000, seed=1, replicates=50, method="bca")
    assert found.acceleration[0] == pytest.approx(expected, rel=0.3)


def test_several_values_at_once():
    found = fit_bootstrap(lambda w: np.stack([mean(w), 2 * mean(w)], axis=1), 60, seed=1, replicates=300)
    np.testing.assert_allclose(found.upper[1], 2 * found.upper[0])
    assert len(found.status) == 2


def test_medians_not_reached_count_as_high():
    rows = compute_replicate_rows(np.arange(1, 13), [1] * 6 + [0] * 6)
    found = fit_bootstrap(lambda w: compute_replicate_quantiles(rows, w), 12, seed=2, undefined="high")
    assert found.n_undefined[0] > 100
    assert np.isfinite(found.lower[0])
    assert np.isnan(found.upper[0])
    assert found.status == ("not_reached",)


def test_a_statistic_without_any_value_is_too_few():
    found = fit_bootstrap(lambda w: np.full(len(w), np.nan), 5, seed=1, replicates=20)
    assert found.status == ("too_few",)
    assert np.isnan(found.lower[0])


def test_a_constant_statistic_has_a_point_interval():
    found = fit_bootstrap(lambda w: np.ones(len(w)), 5, seed=1, replicates=50, method="bca")
    assert (found.lower[0], found.upper[0], found.status) == (1, 1, ("ok",))


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="percentile or bca"):
        fit_bootstrap(mean, 60, seed=1, method="basic")
    with pytest.raises(ValueError, match="at least one patient"):
        fit_bootstrap(mean, 0, seed=1)
    with pytest.raises(ValueError, match="confidence"):
        fit_bootstrap(mean, 60, seed=1, confidence=95)
