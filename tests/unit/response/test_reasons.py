"""The sentence of each response."""

from __future__ import annotations

from prrt_outcomes.response.stage import run


def test_reasons_are_those_of_a_radiologist(build, make_study):
    lesions = """patient_id,assessment_date,lesion_id,longest_mm
A,2014-01-01,T1,60
A,2014-03-02,T1,50
A,2014-06-01,T1,62
"""
    out = run(build(lesions, "patient_id,period,first_cycle\nA,1,2014-01-10\n"), make_study())
    assert out["responses"]["reason"].tolist() == [
        "SD: sum 50 mm is -16.6 % from baseline 60 mm of 2014-01-01",
        "PD: sum 62 mm is +24 % and +12 mm over nadir 50 mm of 2014-03-02",
    ]
    best = out["best_responses"]["reason"]
    assert (
        best[0]
        == "SD: seen late enough (2014-03-02 SD: sum 50 mm is -16.6 % from baseline 60 mm of 2014-01-01)"
    )
