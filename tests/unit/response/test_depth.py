"""Best change, time to response, its duration and growth."""

from __future__ import annotations

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
