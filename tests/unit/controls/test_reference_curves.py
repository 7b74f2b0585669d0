"""Published curves: points are cleaned, broken ones refused."""

import pytest

from prrt_outcomes.controls.reference_curves import (
    clean_digitised_curve,
    clean_points,
)


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
