"""One-sample log-rank test and its reference curves."""

from __future__ import annotations

import numpy as np
import pytest

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.one_sample import (
    compute_observed_expected,
    compute_one_sample_logrank,
    compute_poisson_interval,
    fit_piecewise_exponential,
)


def test_a_curve_through_its_points():
    curve = fit_piecewise_exponential([24, 8.4, 12], [0.1, 0.5, 0.4])
    np.testing.assert_allclose(curve.compute_survival([0, 8.4, 12, 24]), [1, 0.5, 0.4, 0.1])
    last = np.log(4) / 12
    np.testing.assert_allclose(curve.compute_survival([36.0]), 0.1 * np.exp(-12 * last))


def test_one_point_is_the_exponential_curve():
    curve = fit_piecewise_exponential([10], [0.5])
    np.testing.assert_allclose(curve.compute_cumulative_hazard([[5, 20]]), [[np.log(2) / 2, np.log(2) * 2]])


@pytest.mark.parametrize(
    ("times", "survival", "message"),
    [
        ([], [], "at least 1"),
        ([1, 1], [0.5, 0.4], "given twice"),
        ([0, 1], [1, 0.4], "above 0"),
        ([1, 2], [0.4, 0.5], "never rise"),
        ([1, 2], [0.4, 0], "above 0"),
        ([1], [np.nan], "known"),
    ],
)
def test_points_that_are_no_curve_are_refused(times, survival, message):
    with pytest.raises(ValueError, match=message):
        fit_piecewise_exponential(times, survival)


def test_expected_events_by_hand():
    reference = fit_piecewise_exponential([10], [0.5])
    test = compute_one_sample_logrank(SurvivalData([10, 20, 5], [1, 0, 1]), reference)
    expected = np.log(2) * 3.5
    assert (test.n, test.observed) == (3, 2)
    assert test.expected == pytest.approx(expected)
    assert test.statistic == pytest.approx((2 - expected) / np.sqrt(expected))
    assert test.statistic_wu == pytest.approx((2 - expected) / np.sqrt((2 + expected) / 2))
    low, high = compute_poisson_interval(2)
    assert (test.ratio_lower, test.ratio_upper) == (
        pytest.approx(low / expected),
        pytest.approx(high / expected),
    )


def test_late_entry_expects_only_what_comes_after_it():
    reference = fit_piecewise_exponential([10], [0.5])
    test = compute_one_sample_logrank(SurvivalData([10, 20], [1, 0], entry=[5, 15]), reference)
    assert test.expected == pytest.approx(np.log(2) * 1.0)


def test_competing_events_are_not_observed():
    reference = fit_piecewise_exponential([10], [0.5])
    assert compute_one_sample_logrank(SurvivalData([1, 2], [1, 2]), reference).observed == 1


def test_nothing_expected_is_too_few():
    test = compute_observed_expected(2, 0.0)
    assert test.status == "too_few"
    assert np.isnan(test.ratio)


def test_no_event_has_an_upper_limit():
    test = compute_observed_expected(0, 2.0)
    assert test.status == "ok"
    assert (test.ratio, test.ratio_lower) == (0, 0)
    assert test.ratio_upper == pytest.approx(-np.log(0.025) / 2)
