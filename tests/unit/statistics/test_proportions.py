"""Proportions, their differences and kappa at their boundaries."""

from __future__ import annotations

import numpy as np
import pytest

from prrt_outcomes.statistics.proportions import (
    compute_clopper_pearson,
    compute_kappa,
    compute_proportion,
    compute_proportion_difference,
)


def test_none_and_all():
    none, every = compute_proportion(0, 20), compute_proportion(20, 20)
    assert (none.proportion, none.lower) == (0, 0)
    assert (every.proportion, every.upper) == (1, 1)
    assert none.upper == pytest.approx(1 - every.lower)
    assert 0 < none.upper < 0.2


def test_exact_limit_of_no_event_is_closed_form():
    assert compute_proportion(0, 30).upper == pytest.approx(1 - 0.025 ** (1 / 30))


def test_nobody_is_too_few():
    assert compute_proportion(0, 0).status == "too_few"
    assert np.isnan(compute_proportion(0, 0).proportion)
    assert compute_proportion_difference(0, 0, 1, 2).status == "too_few"


@pytest.mark.parametrize(("events", "n"), [(3, 2), (-1, 2), (1.5, 2)])
def test_what_is_no_count_is_refused(events, n):
    with pytest.raises(ValueError, match="0 <= events <= n"):
        compute_proportion(events, n)


@pytest.mark.parametrize("method", ["newcombe", "miettinen_nurminen"])
@pytest.mark.parametrize(
    "counts", [(0, 10, 0, 12), (10, 10, 0, 12), (3, 9, 9, 12), (1, 1, 0, 1), (5, 5, 7, 7)]
)
def test_differences_turn_round_with_the_groups(method, counts):
    one = compute_proportion_difference(*counts, method)
    two = compute_proportion_difference(*counts[2:], *counts[:2], method)
    assert one.difference == pytest.approx(-two.difference)
    assert one.lower == pytest.approx(-two.upper, abs=1e-9)
    assert -1 <= one.lower <= one.difference <= one.upper <= 1
    assert one.lower < one.upper


def test_score_test_agrees_with_its_interval():
    d = compute_proportion_difference(12, 40, 4, 42, "miettinen_nurminen")
    assert (d.p_value < 0.05) == (d.lower > 0)
    assert compute_proportion_difference(0, 5, 0, 5, "miettinen_nurminen").p_value == 1


def test_kappa_by_hand():
    # Cohen 1960: 50 pairs, agreement 0.70, chance 0.50
    first, second = ["y"] * 25 + ["n"] * 25, ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    kappa = compute_kappa(first, second)
    assert (kappa.n, kappa.observed, kappa.expected) == (50, pytest.approx(0.7), pytest.approx(0.5))
    assert kappa.kappa == pytest.approx(0.4)
    assert kappa.lower < 0.4 < kappa.upper
    assert kappa.table.tolist() == [[15, 10], [5, 20]]


def test_kappa_of_full_agreement_and_of_one_category():
    assert compute_kappa(["a", "b"], ["a", "b"]).kappa == 1
    assert compute_kappa(["a", "a"], ["a", "a"]).status == "too_few"
    assert compute_kappa([], []).status == "too_few"


def test_the_interval_of_full_agreement_is_known_whatever_the_rounding():
    for n in range(3, 120):
        rated = ["a"] * (n // 3) + ["b"] * (n - n // 3)
        kappa = compute_kappa(rated, rated)
        assert (kappa.lower, kappa.upper) == (pytest.approx(1.0), pytest.approx(1.0))


def test_kappa_takes_the_given_categories():
    first, second = ["CR", "PR", "PD", "SD"], ["PR", "PR", "CR", "SD"]
    order = ("CR", "PR", "SD", "PD")
    assert compute_kappa(first, second, order).table[0].tolist() == [0, 1, 0, 0]
    with pytest.raises(ValueError, match="categories not among"):
        compute_kappa(first, ["NE"] * 4, order)
    with pytest.raises(ValueError, match="missing categories"):
        compute_kappa(["a", None], ["a", "a"])


def test_many_exact_intervals_at_once_are_those_of_one():
    events, n = [0, 1, 5, 10, 0], [10, 10, 10, 10, 0]
    lower, upper = compute_clopper_pearson(events, n)
    for k in range(4):
        one = compute_proportion(events[k], n[k])
        assert (lower[k], upper[k]) == pytest.approx((one.lower, one.upper), abs=1e-12)
    assert lower[0] == 0
    assert upper[0] == pytest.approx(1 - 0.025 ** (1 / 10))
    assert upper[3] == 1
    assert np.isnan([lower[4], upper[4]]).all()


def test_more_events_than_patients_are_refused():
    with pytest.raises(ValueError, match="events"):
        compute_clopper_pearson([3], [2])
