"""Step curves: ends of axes, ticks, and curves that are cut at the end of the axis."""

import pandas as pd
import pytest

from prrt_outcomes.figures.curves import cut_at, last_followed, month_ticks, risk_ticks
from prrt_outcomes.figures.survival_figures import bound_curve


def test_the_last_month_is_that_with_three_per_cent_at_risk_in_all_groups():
    part = pd.DataFrame(
        {"group": ["a", "a", "a", "b", "b"], "time_months": [0.0, 10.0, 50.0, 0.0, 30.0]}
        | {"n_at_risk": [100, 40, 1, 100, 7]}
    )
    assert last_followed(part) == 30.0  # 7 + 1 of 200; one of 200 at 50 months
    assert last_followed(part.assign(time_months=0.0)) == 1.0


@pytest.mark.parametrize(
    ("last", "most", "ticks"),
    [
        (1.0, 11, [0, 1, 2, 3]),
        (60.0, 11, [0, 6, 12, 18, 24, 30, 36, 42, 48, 54, 60]),
        (100.0, 4, [0, 36, 72, 108]),
        (61.0, 6, [0, 24, 48, 72]),
    ],
)
def test_ticks_are_a_round_number_of_months_apart(last, most, ticks):
    assert month_ticks(last, most) == ticks


def test_a_table_of_one_time_gives_an_axis_to_the_end_of_the_curve():
    assert risk_ticks(pd.DataFrame({"time_months": [0.0], "n_at_risk": [9]}), 7.5) == [0.0, 8.0]


def test_a_curve_that_goes_on_is_held_to_the_end_of_the_axis():
    curve = pd.DataFrame(
        {"group": ["a", "a", "a", "b", "b"], "time_months": [0.0, 5.0, 20.0, 0.0, 8.0]}
        | {"survival": [1.0, 0.8, 0.5, 1.0, 0.7], "n_censored": [0, 2, 0, 0, 1]}
    )
    drawn = cut_at(curve, 10.0)
    assert drawn["time_months"].tolist() == [0, 5, 10, 0, 8]  # the last patient of b leaves at 8
    assert drawn["survival"].tolist() == [1.0, 0.8, 0.8, 1.0, 0.7]
    assert drawn["n_censored"].tolist() == [0, 2, 0, 0, 1]


def test_between_two_scans_the_curve_is_not_determined():
    intervals = pd.DataFrame(
        {"time_low_months": [2.0, 6.0], "time_high_months": [4.0, None], "survival": [0.6, 0.0]}
    )
    band = bound_curve(intervals, 10.0)
    assert band["time_months"].tolist() == [0, 2, 2, 4, 4, 6, 6, 10]
    assert band["low"].tolist() == [1, 1, 0.6, 0.6, 0.6, 0.6, 0, 0]
    assert band["high"].tolist() == [1, 1, 1, 1, 0.6, 0.6, 0.6, 0.6]
