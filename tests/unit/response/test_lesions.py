"""Split and merged lesions."""

from __future__ import annotations

from prrt_outcomes.response.stage import run

ONE = "patient_id,period,first_cycle\nA,1,2020-01-10\n"


def test_a_merged_lesion_counts_once_and_its_parts_do_not_reappear_at_the_same_scan(build, make_study):
    lesions = """patient_id,assessment_date,lesion_id,longest_mm,perpendicular_mm
A,2020-01-01,T0,40,30
A,2020-01-01,T1,30,20
A,2020-04-01,T0+T1,40,30
A,2020-04-01,T1,20,20
"""
    responses = run(build(lesions, ONE), make_study(criteria=["swog"]))["responses"]
    assert responses["reason"].tolist() == [
        "SD: sum 1600 mm2 is -11.1 % from baseline 1800 mm2 of 2020-01-01"
    ]
