"""The course of one patient."""

from __future__ import annotations

import pytest

from prrt_outcomes.response.patient_course import summarise_patient_course
from prrt_outcomes.response.stage import run

ONE = "patient_id,period,first_cycle\nA,1,2020-01-10\n"


def test_the_course_of_one_patient_holds_thresholds_and_words(build, make_study):
    lesions = "patient_id,assessment_date,lesion_id,longest_mm\nA,2020-01-01,T1,50\nA,2020-04-01,T1,30\n"
    tables = build(lesions, ONE, therapies="patient_id,start_date,kind\nA,2020-06,surgery\n")
    course = summarise_patient_course(tables | run(tables, make_study()), "A")
    total = course[course["item"] == "sum"].iloc[0]
    assert (total["response_threshold"], total["progression_threshold"]) == (35, 60)
    assert total["words"].startswith("PR: sum 30 mm")
    assert course["item"].astype(str).tolist() == ["lesion", "lesion", "sum", "best", "best", "therapy"]
    assert course["time_days"].tolist() == [-9, 82, 82, 82, 82, 143]
    with pytest.raises(KeyError):
        summarise_patient_course(tables | run(tables, make_study()), "nobody")
