"""Warnings and losses."""

from __future__ import annotations

from prrt_outcomes.response.stage import run

ONE = "patient_id,period,first_cycle\nA,1,2020-01-10\n"


def test_what_a_radiologist_should_look_at_is_listed(build, make_study):
    lesions = "patient_id,assessment_date,lesion_id,organ,longest_mm\n" + "".join(
        f"A,2020-01-01,T{k},liver,{8 if k == 1 else 30}\n" for k in range(1, 7)
    )
    out = run(build(lesions + "A,2020-04-01,T1,liver,-3\n", ONE), make_study())
    problems = out["response_warnings"].set_index("problem")["severity"].astype(str).to_dict()
    assert problems == {
        "more than 5 targets": "warning",
        "more than 2 targets in one organ": "warning",
        "target T1 is under the size for a target": "warning",
        "T1 has a negative diameter": "not_evaluable",
    }
    assert out["attrition"].set_index("reason").loc["no assessment could be evaluated", "n_lost"] == 1
