"""Proportions, their differences and kappa at their boundaries."""

from __future__ import annotations

import numpy as np
import pytest

from prrt_outcomes.statistics.proportions import (
    compute_clopper_pearson,
    compute_kappa,
    compute_proportion_difference,
)


def test_none_and_all():
    lower, upper = compute_clopper_pearson([0, 20], 20)
    assert (lower[0], upper[1]) == (0, 1)
    assert upper[0] == pytest.approx(1 - lower[1])
    assert 0 < upper[0] < 0.2


def test_exact_limit_of_no_event_is_closed_form():
    assert compute_clopper_pearson(0, 30)[1] == pytest.approx(1 - 0.025 ** (1 / 30))


def test_nobody_is_too_few():
    assert np.isnan(compute_clopper_pearson(0, 0)).all()
    assert compute_proportion_difference(0, 0, 1, 2).status == "too_few"


@pytest.mark.parametrize(("events", "n"), [(3, 2), (-1, 2), (1.5, 2)])
def test_what_is_no_count_is_refused(events, n):
    with pytest.raises(ValueError, match="0 <= events <= n"):
        compute_proportion_difference(events, n, 1, 2)


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
    kappa = compute_kappa([[15, 10], [5, 20]])
    assert kappa.agreement == pytest.approx(0.7)
    assert kappa.kappa == pytest.approx(0.4)
    assert kappa.lower < 0.4 < kappa.upper


def test_kappa_of_full_agreement_and_of_one_category():
    assert compute_kappa([[1, 0], [0, 1]]).kappa == 1
    assert compute_kappa([[2, 0], [0, 0]]).status == "too_few"
    assert compute_kappa([[0, 0], [0, 0]]).status == "too_few"


def test_the_interval_of_full_agreement_is_known_whatever_the_rounding():
    for n in range(3, 120):
        kappa = compute_kappa(np.diag([n // 3, n - n // 3]))
        assert (kappa.lower, kappa.upper) == (pytest.approx(1.0), pytest.approx(1.0))


def test_more_events_than_patients_are_refused():
    with pytest.raises(ValueError, match="events"):
        compute_clopper_pearson([3], [2])
