"""What must hold for the risk side whatever the data: order of rows, units, weights as repeated rows, labels, sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from prrt_outcomes.statistics.curve_summaries import compute_quantile, compute_rmst
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.statistics.logrank import TEST_WEIGHTS, compute_logrank
from prrt_outcomes.statistics.risk_table import compute_risk_table

patient = st.tuples(
    st.integers(1, 12), st.integers(0, 2), st.integers(0, 11), st.sampled_from("ab"), st.integers(1, 3)
)
cohorts = st.lists(patient, min_size=1, max_size=25)
quick = settings(max_examples=60, deadline=None)


def columns(cohort):
    time, event, entry, group, weight = (np.array(column) for column in zip(*cohort, strict=True))
    return time.astype(float), event, np.minimum(entry, time - 1).astype(float), group, weight.astype(float)


def check_curve(one, two, unit=1.0):
    np.testing.assert_allclose(one.time * unit, two.time)
    np.testing.assert_allclose(one.survival, two.survival, atol=1e-12)
    np.testing.assert_allclose(one.std_error, two.std_error, atol=1e-7)
    np.testing.assert_allclose(one.lower, two.lower, atol=1e-6)


@quick
@given(cohorts, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(cohort, random):
    mixed = list(cohort)
    random.shuffle(mixed)
    for part in ({}, {"cluster": True}):
        curves = []
        for rows in (cohort, mixed):
            time, event, entry, group, weight = columns(rows)
            cluster = {"cluster": group} if part else {}
            curves.append(fit_kaplan_meier(SurvivalData(time, event, entry=entry, weights=weight, **cluster)))
        check_curve(*curves)


@quick
@given(cohorts, st.sampled_from([30.4375, 1 / 30.4375, 7.0]))
def test_a_change_of_unit_changes_only_times(cohort, unit):
    time, event, entry, group, _ = columns(cohort)
    days, months = (
        fit_kaplan_meier(SurvivalData(time, event, entry=entry)),
        fit_kaplan_meier(SurvivalData(time * unit, event, entry=entry * unit)),
    )
    check_curve(days, months, unit)
    assert compute_quantile(days).time * unit == pytest.approx(compute_quantile(months).time, nan_ok=True)
    one, two = (compute_rmst(curve, 6 * u) for curve, u in ((days, 1), (months, unit)))
    assert one.status == two.status
    assert one.rmst * unit == pytest.approx(two.rmst, nan_ok=True)
    tests = [
        compute_logrank(compute_risk_table(SurvivalData(time * u, event), group=group)).statistic
        for u in (1, unit)
    ]
    assert tests[0] == pytest.approx(tests[1], nan_ok=True)


@quick
@given(cohorts)
def test_a_weight_of_two_equals_two_rows(cohort):
    time, event, entry, group, weight = columns(cohort)
    repeat = np.repeat(np.arange(len(time)), weight.astype(int))
    weighted = fit_kaplan_meier(SurvivalData(time, event, entry=entry, weights=weight))
    repeated = fit_kaplan_meier(SurvivalData(time[repeat], event[repeat], entry=entry[repeat]))
    np.testing.assert_allclose(weighted.survival, repeated.survival, atol=1e-12)
    tables = (
        compute_risk_table(SurvivalData(time, event, weights=weight), group=group),
        compute_risk_table(SurvivalData(time[repeat], event[repeat]), group=group[repeat]),
    )
    for name in TEST_WEIGHTS:
        tests = [compute_logrank(table, name) for table in tables]
        assert tests[0].status == tests[1].status
        assert tests[0].statistic == pytest.approx(tests[1].statistic, nan_ok=True)


@quick
@given(cohorts)
def test_swapped_labels_flip_the_sign(cohort):
    time, event, entry, group, _ = columns(cohort)
    assume(len(set(group)) == 2)
    swapped = np.where(group == "a", "b", "a")
    for name in TEST_WEIGHTS:
        one, two = (
            compute_logrank(compute_risk_table(SurvivalData(time, event, entry=entry), group=g), name)
            for g in (group, swapped)
        )
        assert one.statistic == pytest.approx(two.statistic, nan_ok=True, abs=1e-9)
        assert one.z == pytest.approx(-two.z, nan_ok=True, abs=1e-9)


@quick
@given(cohorts)
def test_everybody_is_counted_and_nothing_is_infinite(cohort):
    time, event, entry, group, weight = columns(cohort)
    table = compute_risk_table(SurvivalData(time, event, entry=entry), group=group)
    flows = table.counts
    assert (flows.events + flows.competing + flows.censored).sum() == len(time)
    assert flows.left.sum() == flows.entered.sum() == len(time)
    for interval in ("log-log", "log", "plain", "logit", "arcsin"):
        curve = fit_kaplan_meier(
            SurvivalData(time, event, entry=entry, weights=weight * 0.37), interval=interval
        )
        for values in (curve.survival, curve.std_error, curve.lower, curve.upper):
            assert not np.isinf(values).any()
        assert (np.diff(curve.survival) <= 1e-12).all()
        known = np.isfinite(curve.lower)
        assert (curve.lower[known] <= curve.survival[known] + 1e-12).all()
        assert (curve.upper[known] >= curve.survival[known] - 1e-12).all()


@quick
@given(cohorts, st.integers(1, 11))
def test_a_split_row_changes_nothing(cohort, cut):
    time, event, entry, _, weight = columns(cohort)
    ids = np.arange(len(time))
    through = (entry < cut) & (time > cut)
    start = np.concatenate((entry, np.full(through.sum(), float(cut))))
    stop = np.concatenate((np.where(through, cut, time), time[through]))
    events = np.concatenate((np.where(through, 0, event), event[through]))
    rows = {
        "id": np.concatenate((ids, ids[through])),
        "weights": np.concatenate((weight, weight[through])),
    }
    whole = fit_kaplan_meier(SurvivalData(time, event, entry=entry, weights=weight))
    split = fit_kaplan_meier(SurvivalData(stop, events, entry=start, **rows))
    kept = np.isin(split.time, whole.time)
    np.testing.assert_allclose(split.survival[kept], whole.survival, atol=1e-12)
    np.testing.assert_allclose(split.std_error[kept], whole.std_error, atol=1e-7)
    assert split.n == whole.n
