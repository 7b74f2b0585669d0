"""Quantiles, milestones, restricted means and bands of a curve."""

from __future__ import annotations

import numpy as np
import pytest

from prrt_outcomes.statistics.curve_summaries import (
    compute_difference,
    compute_milestone_difference,
    compute_observed_expected,
    compute_one_sample_logrank,
    compute_poisson_interval,
    compute_quantile,
    compute_rmst,
    compute_rmst_difference,
    fit_piecewise_exponential,
    summarise_milestones,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier


def test_median_is_the_first_time_at_or_below_a_half():
    assert compute_quantile(fit_kaplan_meier(SurvivalData([1, 2, 3], [1, 1, 1]))).time == 2


def test_median_of_a_flat_stretch_is_its_midpoint():
    assert compute_quantile(fit_kaplan_meier(SurvivalData([1, 2, 7, 9], [1, 1, 1, 1]))).time == 4.5


def test_median_not_reached_and_no_events():
    q = compute_quantile(fit_kaplan_meier(SurvivalData([1, 2, 3], [1, 0, 0])))
    assert np.isnan(q.time)
    assert q.status == "not_reached"
    assert compute_quantile(fit_kaplan_meier(SurvivalData([1, 2], [0, 0]))).status == "no_events"


def test_median_is_there_although_its_upper_limit_is_not():
    q = compute_quantile(fit_kaplan_meier(SurvivalData([1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 0, 0])))
    assert q.status == "ok"
    assert np.isfinite(q.lower)
    assert np.isnan(q.upper)


def test_quantile_needs_a_probability():
    with pytest.raises(ValueError, match="probability must lie between"):
        compute_quantile(fit_kaplan_meier(SurvivalData([1], [1])), 50)


def test_milestones_by_hand():
    at = summarise_milestones(fit_kaplan_meier(SurvivalData([2, 4, 4, 8], [1, 1, 0, 0])), [1, 2, 3, 4, 8, 9])
    np.testing.assert_allclose(at.survival[:5], [1, 0.75, 0.75, 0.5, 0.5])
    assert np.isnan(at.survival[5])
    assert at["status"].tolist() == ["no_events", "ok", "ok", "ok", "ok", "too_few"]
    assert at.at_risk.tolist() == [4, 4, 3, 3, 1, 0]


def test_milestone_after_the_last_event_of_a_curve_at_zero():
    at = summarise_milestones(fit_kaplan_meier(SurvivalData([2, 4], [1, 1])), [5])
    assert at.survival.tolist() == [0]
    assert at["status"].tolist() == ["too_few"]


def test_milestone_difference_adds_variances():
    one = fit_kaplan_meier(SurvivalData([1, 2, 3, 4, 5, 6], [1, 0, 1, 0, 1, 0]))
    two = fit_kaplan_meier(SurvivalData([1, 2, 2, 3, 4, 9], [1, 1, 0, 1, 0, 0]))
    d = compute_milestone_difference(one, two, 3.5)
    a, b = summarise_milestones(one, [3.5]), summarise_milestones(two, [3.5])
    assert d.difference == pytest.approx(a.survival[0] - b.survival[0])
    assert d.std_error == pytest.approx(np.hypot(a.std_error[0], b.std_error[0]))
    assert compute_milestone_difference(two, one, 3.5).difference == pytest.approx(-d.difference)
    assert compute_milestone_difference(one, two, 7).status == "too_few"


def test_a_difference_without_error_is_too_few():
    d = compute_difference((1.0, 0.0), (1.0, 0.0))
    assert d.status == "too_few"
    assert np.isnan(d.p_value)


def test_rmst_of_uncensored_times_is_the_mean_of_the_shorter_of_time_and_horizon():
    time = np.array([1.0, 3, 3, 5, 8, 11])
    mean = compute_rmst(fit_kaplan_meier(SurvivalData(time, np.ones(6))), 6)
    assert mean.rmst == pytest.approx(np.minimum(time, 6).mean())
    assert mean.std_error == pytest.approx(np.minimum(time, 6).std() / np.sqrt(6))


def test_rmst_beyond_the_last_time():
    censored_last = fit_kaplan_meier(SurvivalData([1, 2, 3], [1, 1, 0]))
    assert compute_rmst(censored_last, 3).status == "ok"
    beyond = compute_rmst(censored_last, 3.1)
    assert beyond.status == "too_few"
    assert np.isnan(beyond.rmst)
    dead_last = compute_rmst(fit_kaplan_meier(SurvivalData([1, 2, 3], [1, 1, 1])), 9)
    assert dead_last.rmst == pytest.approx(2)
    assert dead_last.status == "ok"


def test_rmst_without_spread_has_no_interval():
    assert compute_rmst(fit_kaplan_meier(SurvivalData([5, 6], [0, 0])), 4).status == "no_events"
    together = compute_rmst(fit_kaplan_meier(SurvivalData([5, 5], [1, 1])), 8)
    assert (together.rmst, together.status) == (5, "too_few")
    with pytest.raises(ValueError, match="horizon must be a number above 0"):
        compute_rmst(fit_kaplan_meier(SurvivalData([5], [1])), 0)


def test_robust_rmst_of_unweighted_uncensored_times_is_greenwoods():
    time, event = [1, 3, 3, 5, 8, 11], [1, 1, 0, 1, 0, 1]
    one = compute_rmst(fit_kaplan_meier(SurvivalData(time, event, weights=np.ones(6))), 7)
    two = compute_rmst(fit_kaplan_meier(SurvivalData(time, event)), 7)
    assert one.std_error == pytest.approx(two.std_error, rel=1e-10)


def test_rmst_difference_and_its_status():
    one, two = (
        fit_kaplan_meier(SurvivalData([1, 4, 6], [1, 1, 0])),
        fit_kaplan_meier(SurvivalData([2, 3, 5], [1, 1, 0])),
    )
    d = compute_rmst_difference(one, two, 5)
    assert d.difference == pytest.approx(compute_rmst(one, 5).rmst - compute_rmst(two, 5).rmst)
    assert compute_rmst_difference(one, two, 5.5).status == "too_few"
    spared = fit_kaplan_meier(SurvivalData([6, 7, 8], [1, 1, 0]))
    assert compute_rmst_difference(one, spared, 5).status == "no_events"


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
