"""Kaplan-Meier curves by hand, weights, late entry, status."""

from __future__ import annotations

import numpy as np
import pytest

from prrt_outcomes.statistics.curve_summaries import compute_rmst
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import (
    compute_interval,
    compute_kaplan_meier,
    fit_kaplan_meier,
    fit_kaplan_meier_by_group,
    fit_reverse_kaplan_meier,
)
from prrt_outcomes.statistics.risk_table import compute_risk_table


def test_curve_by_hand():
    curve = fit_kaplan_meier(SurvivalData([6, 6, 6, 7, 10], [1, 1, 0, 1, 0]))
    assert curve.time.tolist() == [6, 7, 10]
    np.testing.assert_allclose(curve.survival, [3 / 5, 3 / 10, 3 / 10])
    greenwood = np.array([2 / 15, 2 / 15 + 1 / 2, 2 / 15 + 1 / 2])
    np.testing.assert_allclose(curve.std_error, curve.survival * np.sqrt(greenwood))
    assert curve.at_risk.tolist() == [5, 2, 1]
    assert curve.censored.tolist() == [1, 0, 1]
    assert (curve.n, curve.n_events, curve.status, curve.influence) == (5, 3, "ok", None)


def test_where_nobody_is_left_there_is_no_error():
    curve = fit_kaplan_meier(SurvivalData([1, 2], [1, 1]))
    assert curve.survival.tolist() == [0.5, 0.0]
    assert np.isnan(curve.std_error[1])
    assert np.isnan(curve.lower[1])


def test_competing_events_are_censored_and_said_so():
    curve = fit_kaplan_meier(SurvivalData([1, 2, 3], [1, 2, 0]))
    assert curve.status == "competing_censored"
    np.testing.assert_allclose(curve.survival, [2 / 3, 2 / 3, 2 / 3])
    assert curve.censored.tolist() == [0, 1, 1]


def test_an_emptied_risk_set_is_said():
    curve = fit_kaplan_meier(SurvivalData([1, 5, 6], [1, 1, 0], entry=[0, 2, 2]))
    assert curve.status == "too_few"
    assert curve.survival.tolist() == [0, 0, 0]


def test_weight_two_is_two_patients():
    weighted = fit_kaplan_meier(SurvivalData([1, 2, 3], [1, 0, 1], weights=[2, 1, 3]))
    repeated = fit_kaplan_meier(SurvivalData([1, 1, 2, 3, 3, 3], [1, 1, 0, 1, 1, 1]))
    np.testing.assert_allclose(weighted.survival, repeated.survival)


def test_robust_variance_is_the_sum_of_squared_influences():
    rng = np.random.default_rng(3)
    n = 40
    time = rng.integers(3, 20, n).astype(float)
    entry = np.where(rng.random(n) < 0.5, time - rng.integers(1, 3, n), 0.0)
    event, weights, centre = rng.integers(0, 2, n), rng.uniform(0.5, 2, n), rng.integers(0, 7, n)
    influence = np.empty((n, len(np.unique(time))))
    for i in range(n):
        step = np.where(np.arange(n) == i, 1e-5, 0.0)
        up, down = (fit_kaplan_meier(SurvivalData(time, event, entry, weights + s)) for s in (step, -step))
        influence[i] = (up.survival - down.survival) / 2e-5 * weights[i]
    by_centre = np.array([influence[centre == c].sum(axis=0) for c in np.unique(centre)])
    robust = fit_kaplan_meier(SurvivalData(time, event, entry=entry, weights=weights))
    clustered = fit_kaplan_meier(SurvivalData(time, event, entry=entry, weights=weights, cluster=centre))
    known = robust.survival > 0
    np.testing.assert_allclose(robust.std_error[known], np.sqrt((influence**2).sum(axis=0))[known], rtol=1e-5)
    np.testing.assert_allclose(
        clustered.std_error[known], np.sqrt((by_centre**2).sum(axis=0))[known], rtol=1e-5
    )


def test_split_rows_change_nothing():
    whole = fit_kaplan_meier(SurvivalData([4, 6, 9], [1, 0, 1], [0, 0, 2], weights=[1, 1, 1]))
    split = fit_kaplan_meier(
        SurvivalData([3, 4, 6, 9], [0, 1, 0, 1], [0, 3, 0, 2], weights=[1, 1, 1, 1], id=[1, 1, 2, 3])
    )
    kept = split.time != 3
    np.testing.assert_allclose(split.survival[kept], whole.survival)
    np.testing.assert_allclose(split.std_error[kept], whole.std_error)
    assert split.n == 3


def test_groups_and_the_table_give_the_same_curves():
    time, event, group = [1, 2, 3, 4, 5], [1, 1, 0, 1, 1], ["x", "y", "x", "y", "x"]
    curves = fit_kaplan_meier_by_group(SurvivalData(time, event), group)
    table = compute_risk_table(SurvivalData(time, event), group=group)
    assert list(curves) == ["x", "y"]
    for code, curve in enumerate(curves.values()):
        np.testing.assert_allclose(compute_kaplan_meier(table.select_groups([code])).survival, curve.survival)


def test_a_group_of_one():
    curves = fit_kaplan_meier_by_group(SurvivalData([1, 2, 3], [1, 1, 1]), ["x", "y", "y"])
    assert curves["x"].survival.tolist() == [0.0]


def test_the_table_holds_one_curve():
    table = compute_risk_table(SurvivalData([1, 2], [1, 1]), group=["a", "b"])
    with pytest.raises(ValueError, match="for one group"):
        compute_kaplan_meier(table)
    with pytest.raises(ValueError, match="strata"):
        compute_kaplan_meier(compute_risk_table(SurvivalData([1, 2], [1, 1], strata=[1, 2])))


def test_follow_up_turns_events_and_censorings_round():
    curve = fit_reverse_kaplan_meier(SurvivalData([2, 4, 6, 8], [1, 0, 2, 0]))
    np.testing.assert_allclose(curve.survival, [1, 2 / 3, 2 / 3, 0])


def test_intervals_by_formula():
    p, se, z = 0.6, 0.1, 1.959963984540054
    for kind, low, high in [
        ("plain", 0.6 - z * 0.1, 0.6 + z * 0.1),
        ("log", 0.6 * np.exp(-z / 6), 0.6 * np.exp(z / 6)),
        (
            "log-log",
            0.6 ** np.exp(z * 0.1 / (0.6 * -np.log(0.6))),
            0.6 ** np.exp(-z * 0.1 / (0.6 * -np.log(0.6))),
        ),
    ]:
        lower, upper = compute_interval(p, se, kind)
        assert lower == pytest.approx(low)
        assert upper == pytest.approx(high)


@pytest.mark.parametrize("kind", ["log-log", "log", "plain", "logit", "arcsin"])
def test_intervals_stay_inside_and_are_never_infinite(kind):
    lower, upper = compute_interval([0, 1e-9, 0.5, 1 - 1e-9, 1], [0.1, 0.2, 0.4, 0.2, 0.1], kind)
    known = np.isfinite(lower)
    assert known[1:4].all()
    assert ((lower[known] >= 0) & (upper[known] <= 1) & (lower[known] <= upper[known])).all()
    assert not np.isinf(np.concatenate((lower, upper))).any()


def test_unknown_interval_and_confidence_are_refused():
    with pytest.raises(ValueError, match="interval must be one of"):
        compute_interval(0.5, 0.1, "loglog")
    with pytest.raises(ValueError, match="confidence must lie between"):
        compute_interval(0.5, 0.1, "log", 95)


def test_one_cluster_has_no_variance():
    curve = fit_kaplan_meier(SurvivalData([1, 2, 3], [1, 1, 0], cluster=["x", "x", "x"]))
    assert curve.status == "too_few"
    assert np.isnan(curve.std_error).all()
    assert compute_rmst(curve, 2.5).status == "too_few"
