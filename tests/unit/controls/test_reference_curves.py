"""Published curves: points are cleaned, reference curves expect what they show."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.controls.reference_curves import (
    clean_digitised_curve,
    clean_points,
    compare_with_published,
    derive_reference_curves,
)
from prrt_outcomes.study.controls import PublishedControl
from prrt_outcomes.survival.endpoint_rows import EndpointRows


def test_published_arm_with_milestones_has_two_reference_curves():
    control = PublishedControl(
        id="a", kind="published", n=113, median_months=8.4, milestones=[{"months": 20, "survival": 0.108}]
    )
    both = derive_reference_curves(control)
    assert [curve.assumption.split()[0] for curve in both] == ["piecewise", "exponential"]
    assert both[0].curve.compute_survival([8.4, 20]).round(6).tolist() == [0.5, 0.108]
    assert both[1].curve.compute_survival(8.4) == pytest.approx(0.5)


def test_one_sample_log_rank_counts_what_the_curve_expects():
    rows = EndpointRows("pfs", np.array([2.0, 4.0, 10.0]), np.array([1, 1, 0]), None, pd.DataFrame())
    control = PublishedControl(id="a", kind="published", n=50, median_months=10, events=40)
    test, ratio = compare_with_published(rows, control, 0.95)
    expected = 16 * np.log(2) / 10
    assert test["expected"] == pytest.approx(expected)
    assert test["statistic"] == pytest.approx((2 - expected) / np.sqrt(expected))
    assert test["statistic_wu"] == pytest.approx((2 - expected) / np.sqrt((2 + expected) / 2))
    assert ratio["std_error"] == pytest.approx(np.sqrt(1 / 2 + 1 / 40))
    assert ratio["low"] < ratio["value"] < ratio["high"]


def test_a_late_entry_is_not_expected_to_have_events_before_it():
    control = PublishedControl(id="a", kind="published", n=50, median_months=10)
    late = EndpointRows("pfs", np.array([10.0]), np.array([1]), np.array([5.0]), pd.DataFrame())
    assert compare_with_published(late, control, 0.95)[0]["expected"] == pytest.approx(np.log(2) / 2)


def test_points_are_cleaned():
    curve = clean_points([-0.4, 3, 1, 2, 5], [98.9, 70, 90.5, 91, 60])
    assert curve.time.tolist() == [0, 1, 2, 3, 5]
    assert curve.survival.tolist() == pytest.approx([1, 0.905, 0.905, 0.7, 0.6])


@pytest.mark.parametrize(
    ("points", "risk", "words"),
    [
        (([0, 1, 2, 3], [1, 0.5, 0.7, 0.4]), ([0, 2], [10, 5]), "rises by 0.2"),
        (([0, 1, 2], [1, 0.8, 0.5]), ([0, 1, 2], [10, 5, 8]), "grows at time 2"),
        (([0, 1, 2], [1, 0.8, 0.5]), ([1, 2], [10, 5]), "no row at time 0"),
        (([0, 1, 2], [1, 0.8, 0.5]), ([0, 1, 1], [10, 5, 4]), "names a time twice"),
        (([1], [0.8]), ([0], [10]), "fewer than two points"),
        (([0, 1, 2], [1, 0.4, -0.2]), ([0], [10]), "below 0"),
    ],
)
def test_a_broken_curve_is_refused_with_the_reason(points, risk, words):
    with pytest.raises(ValueError, match=words):
        clean_digitised_curve(*points, *risk)
