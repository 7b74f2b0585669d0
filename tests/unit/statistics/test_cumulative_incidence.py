"""Cumulative incidence, Gray's test and Turnbull's curve."""

from __future__ import annotations

import numpy as np
import pytest

from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.cumulative_incidence import (
    compute_gray_test,
    fit_cumulative_incidence,
    fit_fine_gray,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.statistics.turnbull import fit_turnbull

TIME, STATUS = [1, 2, 3, 4, 5, 6], [1, 2, 0, 1, 2, 0]


def test_incidence_by_hand():
    one = fit_cumulative_incidence(SurvivalData(TIME, STATUS))
    np.testing.assert_allclose(
        one.incidence, [1 / 6, 1 / 6, 1 / 6, 1 / 6 + 4 / 18, 1 / 6 + 4 / 18, 1 / 6 + 4 / 18]
    )
    two = fit_cumulative_incidence(SurvivalData(TIME, STATUS), cause=2)
    np.testing.assert_allclose(one.incidence + two.incidence + one.event_free, 1)


def test_without_competing_events_it_is_one_minus_kaplan_meier():
    time, event = [1, 2, 2, 3, 4, 5, 5, 7], [1, 1, 0, 1, 0, 1, 0, 0]
    curve = fit_cumulative_incidence(SurvivalData(time, event))
    km = fit_kaplan_meier(SurvivalData(time, event))
    np.testing.assert_allclose(curve.incidence, 1 - km.survival)
    assert (curve.std_error >= km.std_error).all()


def test_incidence_of_the_other_cause_only():
    curve = fit_cumulative_incidence(SurvivalData([1, 2], [2, 2]))
    assert curve.incidence.tolist() == [0, 0]
    assert np.isnan(curve.lower).all()


def test_incidence_takes_no_weights():
    with pytest.raises(ValueError, match="cumulative incidence takes no weights"):
        fit_cumulative_incidence(SurvivalData([1, 2], [1, 2], weights=[1, 2]))


def test_gray_is_symmetric_in_the_order_of_groups():
    rng = np.random.default_rng(2)
    time, status, group = rng.integers(1, 20, 90), rng.integers(0, 3, 90), rng.integers(0, 3, 90)
    one = compute_gray_test(compute_risk_table(SurvivalData(time, status), group=group))
    two = compute_gray_test(compute_risk_table(SurvivalData(time, status), group=2 - group))
    assert one.statistic == pytest.approx(two.statistic)
    assert one.degrees_of_freedom == 2


def test_gray_states_what_it_cannot_do():
    table = compute_risk_table(SurvivalData([1, 2, 3], [2, 2, 0]), group=["a", "b", "b"])
    assert compute_gray_test(table).status == "no_events"
    with pytest.raises(ValueError, match="two or more groups, found 1"):
        compute_gray_test(compute_risk_table(SurvivalData([1, 2], [1, 2])))
    with pytest.raises(ValueError, match="late entry"):
        compute_gray_test(compute_risk_table(SurvivalData([1, 2], [1, 2], entry=[0, 0]), group=[1, 2]))


def test_turnbull_of_exact_and_right_censored_times_is_kaplan_meier():
    time, event = [2, 3, 3, 5, 6, 8], [1, 1, 0, 1, 0, 1]
    curve = fit_turnbull(time, np.where(event, time, np.inf))
    km = fit_kaplan_meier(SurvivalData(time, event))
    dies = km.events > 0
    assert curve.left.tolist() == curve.right.tolist() == km.time[dies].tolist()
    np.testing.assert_allclose(curve.survival, km.survival[dies], atol=1e-7)
    assert curve.status == "ok"


def test_turnbull_by_hand():
    # (0, 2] and (1, 3]: both hold (1, 2]; the third is (2, inf]
    curve = fit_turnbull([0, 1, 2], [2, 3, np.nan])
    assert curve.left.tolist() == [1, 2]
    assert curve.right.tolist() == [2, 3]
    np.testing.assert_allclose(curve.survival, [0.5, 0], atol=1e-7)


def test_turnbull_of_events_since_the_start_lies_before_the_earliest():
    """Three events since 0 and one patient without: p^3 (1 - p) is highest at 3/4, all of it in (0, 1]."""
    curve = fit_turnbull([0, 0, 0, 5], [1, 3, 4, np.nan])
    assert (curve.left.tolist(), curve.right.tolist()) == ([0, 5], [1, np.inf])
    np.testing.assert_allclose(curve.survival, [0.25, 0], atol=1e-7)


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [([], [], "at least 1"), ([2], [1], "right lies before left"), ([np.nan], [1], "left must be known")],
)
def test_turnbull_refuses_what_is_no_interval(left, right, message):
    with pytest.raises(ValueError, match=message):
        fit_turnbull(left, right)


@pytest.fixture
def competing():
    rng = np.random.default_rng(9)
    return rng.exponential(10, 150), rng.choice([0, 1, 2], 150), rng.normal(size=(150, 2))


def test_without_competing_events_it_is_cox_with_robust_variance(competing):
    time, cause, x = competing
    event = (cause == 1).astype(int)
    ours, cox = (
        fit_fine_gray(SurvivalData(time, event), x),
        fit_cox(SurvivalData(time, event, weights=np.ones(150)), x),
    )
    np.testing.assert_allclose(ours["coefficient"], cox.coefficients, rtol=1e-9)
    np.testing.assert_allclose(ours["std_error"], cox.table["std_error"], rtol=1e-9)


def test_without_censoring_competing_rows_stay_at_risk_to_the_end(competing):
    time, cause, x = competing
    cause = np.where(cause == 0, 2, cause)
    forever = np.where(cause == 2, time.max() + 1, time)
    cox = fit_cox(SurvivalData(forever, cause == 1), x)
    np.testing.assert_allclose(
        fit_fine_gray(SurvivalData(time, cause), x)["coefficient"], cox.coefficients, rtol=1e-8
    )


def test_degenerate_input_is_a_status():
    assert fit_fine_gray(SurvivalData([1, 2, 3], [0, 2, 2]), [[1.0], [0], [1]])["status"].tolist() == [
        "no_events"
    ]
    assert fit_fine_gray(SurvivalData([1, 2, 3], [1, 2, 0]), [[1.0], [1], [1]])["status"].tolist() == [
        "not_estimable"
    ]
    separated = fit_fine_gray(SurvivalData([1, 2, 3, 4], [1, 1, 0, 2]), [[1.0], [1], [0], [0]])
    assert separated["status"].tolist() == ["separation"]
    assert separated["coefficient"].isna().all()


def test_what_the_model_does_not_take_is_an_error():
    with pytest.raises(ValueError, match="takes no entry"):
        fit_fine_gray(SurvivalData([1, 2], [1, 0], entry=[0, 1]), [[1.0], [0.0]])
