"""Periods, baselines and the data cut-off."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.response.stage import run

ONE = "patient_id,period,first_cycle\nA,1,2020-01-10\n"


def test_each_period_has_its_own_baseline_and_scans(build, make_study):
    lesions = """patient_id,assessment_date,lesion_id,longest_mm
A,2020-01-01,T1,50
A,2020-04-01,T1,30
A,2021-01-01,T1,40
A,2021-04-01,T1,28
"""
    periods = "patient_id,period,first_cycle\nA,1,2020-01-10\nA,2,2021-01-10\n"
    out = run(build(lesions, periods), make_study())
    table = out["responses"]
    assert table["period"].tolist() == [1, 1, 2]
    assert table["overall_response"].astype(str).tolist() == ["PR", "PD", "PR"]
    assert table["baseline_sum"].tolist() == [50, 50, 40]
    assert len(out["best_responses"]) == 4
    assert out["response_rates"]["total"].eq(1).all()


def test_nothing_after_the_cut_off_is_known(build, make_study):
    lesions = "patient_id,assessment_date,lesion_id,longest_mm\nA,2020-01-01,T1,50\nA,2020-04-01,T1,30\n"
    early = make_study().model_copy(update={"data_cutoff": pd.Timestamp("2020-03-01").date()})
    out = run(build(lesions, ONE), early)
    assert out["responses"].empty
    assert out["attrition"].set_index("reason").loc["after the data cut-off", "n_lost"] == 1
