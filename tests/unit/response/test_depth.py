"""Best change, time to response, its duration and growth."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from prrt_outcomes.response.stage import run

ONE = "patient_id,period,first_cycle\nA,1,2020-01-10\n"


def test_depth_times_and_growth(build, make_study):
    lesions = """patient_id,assessment_date,lesion_id,longest_mm
A,2019-12-01,T1,40
A,2020-01-01,T1,50
A,2020-04-01,T1,30
A,2020-08-01,T1,20
A,2020-12-01,T1,40
"""
    row = run(build(lesions, ONE), make_study())["response_depth"].iloc[0]
    assert row["best_change"] == pytest.approx(-0.6)
    assert row["best_change_date"] == pd.Timestamp("2020-08-01")
    assert row["time_to_response_days"] == 82
    assert (row["duration_days"], row["duration_event"]) == (244, True)
    assert row["growth_before_days"] == 31
    assert row["growth_before_percent_month"] == pytest.approx(((50 / 40) ** (3 * 30.4375 / 31) - 1) * 100)
    assert row["growth_under_percent_month"] == pytest.approx(((30 / 50) ** (3 * 30.4375 / 91) - 1) * 100)


def test_growth_at_three_months_is_of_the_scan_nearest_to_them_in_the_window(build, make_study):
    lesions = """patient_id,assessment_date,lesion_id,longest_mm
A,2020-01-01,T1,50
A,2020-03-08,T1,40
A,2020-03-15,T1,30
A,2020-04-12,T1,45
B,2020-01-01,T1,50
B,2020-03-05,T1,30
B,2020-05-14,T1,30
"""
    periods = ONE + "B,1,2020-01-10\n"
    table = run(build(lesions, periods), make_study())["response_depth"].set_index("patient_id")
    row = table.loc["A"]
    assert row["growth_three_months_date"] == pd.Timestamp("2020-04-12")
    expected = 100 * (math.exp(3 * math.log(45 / 50) / (102 / 30.4375)) - 1)  # Dromain 2019, BMC Cancer 19:66
    assert row["growth_three_months_percent_month"] == pytest.approx(expected)
    # Days 55 and 125 lie outside of 61 to 121 days.
    assert pd.isna(table.loc["B", "growth_three_months_percent_month"])
    assert table.loc["B", "growth_under_percent_month"] < 0
