"""Criteria that a study defines."""

from __future__ import annotations

import pytest

from prrt_outcomes.response.stage import run
from prrt_outcomes.study.response import ResponseSettings

ONE = "patient_id,period,first_cycle\nA,1,2020-01-10\n"


def test_a_criterion_written_in_the_study_runs_like_a_named_one(build, make_study):
    own = {"name": "half", "measure": "diameter", "partial_fall": 0.5, "progression_rise": 0.5}
    lesions = """patient_id,assessment_date,lesion_id,longest_mm
A,2020-01-01,T1,100
A,2020-04-01,T1,50.1
A,2020-07-01,T1,50
A,2020-10-01,T1,75
"""
    out = run(build(lesions, ONE), make_study(criteria=[own, "recist_1_1"]))
    table = out["responses"]
    of_own = table.loc[table["criterion"] == "half", "overall_response"].astype(str)
    assert of_own.tolist() == ["SD", "PR", "PD"]
    assert out["response_rates"]["criterion"].unique().tolist() == ["half", "recist_1_1"]
    settings = make_study(criteria=[own, "recist_1_1"]).response
    assert settings.criteria == ("half", "recist_1_1")
    assert ResponseSettings.model_validate(settings.model_dump()) == settings


@pytest.mark.parametrize(
    "criteria", [["recist_1_2"], ["swog", "swog"], [{"name": "swog", "measure": "diameter"}], []]
)
def test_criteria_that_cannot_be_are_refused(criteria):
    with pytest.raises(ValueError, match=r"criteria|Field required"):
        ResponseSettings.model_validate({"criteria": criteria})
