"""Readers and adjudication, treatment periods, own criteria, depth, warnings and the page on one patient."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from prrt_outcomes.response.patient_course import summarise_patient_course
from prrt_outcomes.response.readers import find_primary_reader
from prrt_outcomes.response.stage import INPUTS, run
from prrt_outcomes.study.model import Study
from prrt_outcomes.study.response import ResponseSettings
from prrt_outcomes.tables.frames import conform_table, empty_table


def build(lesions: str, periods: str, assessments: str = "", therapies: str = "") -> dict[str, pd.DataFrame]:
    tables = {name: empty_table(name) for name in (*INPUTS, "cycles")}

    def read(text: str, *dates: str) -> pd.DataFrame:
        return pd.read_csv(io.StringIO(text), parse_dates=list(dates))

    frame = read(lesions, "assessment_date")
    defaults = {"reader": "local", "role": "target", "state": "measured"}
    tables["lesions"] = conform_table(
        "lesions", frame.assign(**{k: v for k, v in defaults.items() if k not in frame})
    )
    cycles = read(periods, "first_cycle").assign(last_cycle=lambda t: t["first_cycle"])
    tables["treatment_periods"] = conform_table("treatment_periods", cycles)
    patients = pd.DataFrame({"patient_id": cycles["patient_id"].unique()})
    tables["patients"] = conform_table("patients", patients)
    if assessments:
        given = read(assessments, "assessment_date").assign(reported_criterion="any")
        tables["assessments"] = conform_table("assessments", given)
    if therapies:
        tables["therapies"] = conform_table(
            "therapies", read(therapies).assign(drug="unspecified", sequence=1)
        )
    return tables


def study(**response) -> Study:
    return Study.model_validate(
        {
            "study": "courses",
            "tables": {"patients": "p", "follow_up": "f"},
            "response": response,
            "analysis": {"group_by": [], "covariates": []},
        }
    )


ONE = "patient_id,period,first_cycle\nA,1,2020-01-10\n"


def test_each_period_has_its_own_baseline_and_scans():
    lesions = """patient_id,assessment_date,lesion_id,longest_mm
A,2020-01-01,T1,50
A,2020-04-01,T1,30
A,2021-01-01,T1,40
A,2021-04-01,T1,28
"""
    periods = "patient_id,period,first_cycle\nA,1,2020-01-10\nA,2,2021-01-10\n"
    out = run(build(lesions, periods), study())
    table = out["responses"]
    assert table["period"].tolist() == [1, 1, 2]
    assert table["overall_response"].astype(str).tolist() == ["PR", "PD", "PR"]
    assert table["baseline_sum"].tolist() == [50, 50, 40]
    assert len(out["best_responses"]) == 4
    assert out["response_rates"]["total"].eq(1).all()


READERS = """patient_id,assessment_date,lesion_id,reader,longest_mm
A,2020-01-01,T1,r1,50
A,2020-04-01,T1,r1,30
A,2020-01-01,T1,r2,50
A,2020-04-01,T1,r2,50
A,2020-01-01,T1,judge,50
A,2020-04-01,T1,judge,60
B,2020-01-01,T1,r1,50
B,2020-04-01,T1,r1,30
B,2020-01-01,T1,r2,50
B,2020-04-01,T1,r2,30
"""
TWO = "patient_id,period,first_cycle\nA,1,2020-01-10\nB,1,2020-01-10\n"


def test_an_adjudicator_replaces_the_primary_reader_where_he_read():
    out = run(build(READERS, TWO), study(reader="r1", adjudicator="judge"))
    best = out["best_responses"]
    best = best[(best["reader"] == "adjudicated") & ~best["confirmed"]]
    assert best["best_response"].astype(str).tolist() == ["PD", "PR"]
    assert sorted(out["responses"]["reader"].unique()) == ["adjudicated", "judge", "r1", "r2"]
    rates = out["response_rates"]
    assert rates.loc[(rates["category"] == "objective") & ~rates["confirmed"], "n"].tolist() == [1]
    assert find_primary_reader(["r1", "r2"], ResponseSettings(adjudicator="judge")) == "adjudicated"


def test_readers_are_compared_where_both_read():
    out = run(build(READERS, TWO), study(reader="r1"))
    pairs = out["response_concordance"].query("comparison == 'readers'")
    first = pairs.query("criterion_a == 'r1' and criterion_b == 'r2'")
    assert first["n"].sum() == first["n_pairs"].iloc[0] == 2
    assert first["agreement"].iloc[0] == 0.5
    against = pairs.query("criterion_a == 'judge' and criterion_b == 'r1'")
    assert against["n_pairs"].iloc[0] == 1
    differ = out["response_disagreements"].query("comparison == 'readers'")
    assert differ["patient_id"].tolist() == ["A", "A", "A"]


def test_without_a_named_reader_the_stage_says_whom_it_took():
    out = run(build(READERS, TWO), study())
    assert out["stages"].loc[0, "status"] == "partial"
    assert "judge was taken" in out["stages"].loc[0, "reason"]


def test_reported_responses_stand_beside_derived_ones():
    lesions = "patient_id,assessment_date,lesion_id,longest_mm\nA,2020-01-01,T1,50\nA,2020-04-01,T1,30\n"
    said = "patient_id,assessment_date,reader,reported_response\nA,2020-04-01,local,SD\n"
    out = run(build(lesions, ONE, said), study())
    row = out["response_disagreements"].iloc[0]
    assert (row["comparison"], row["response_a"], row["response_b"]) == ("reported", "PR", "SD")
    assert out["best_responses"]["basis"].eq("derived").all()


def test_a_criterion_written_in_the_study_runs_like_a_named_one():
    own = {"name": "half", "measure": "diameter", "partial_fall": 0.5, "progression_rise": 0.5}
    lesions = """patient_id,assessment_date,lesion_id,longest_mm
A,2020-01-01,T1,100
A,2020-04-01,T1,50.1
A,2020-07-01,T1,50
A,2020-10-01,T1,75
"""
    out = run(build(lesions, ONE), study(criteria=[own, "recist_1_1"]))
    table = out["responses"]
    of_own = table.loc[table["criterion"] == "half", "overall_response"].astype(str)
    assert of_own.tolist() == ["SD", "PR", "PD"]
    assert out["response_rates"]["criterion"].unique().tolist() == ["half", "recist_1_1"]
    settings = study(criteria=[own, "recist_1_1"]).response
    assert settings.criteria == ("half", "recist_1_1")
    assert ResponseSettings.model_validate(settings.model_dump()) == settings


@pytest.mark.parametrize(
    "criteria", [["recist_1_2"], ["swog", "swog"], [{"name": "swog", "measure": "diameter"}], []]
)
def test_criteria_that_cannot_be_are_refused(criteria):
    with pytest.raises(ValueError, match=r"criteria|Field required"):
        ResponseSettings.model_validate({"criteria": criteria})


def test_depth_times_and_growth():
    lesions = """patient_id,assessment_date,lesion_id,longest_mm
A,2019-12-01,T1,40
A,2020-01-01,T1,50
A,2020-04-01,T1,30
A,2020-08-01,T1,20
A,2020-12-01,T1,40
"""
    row = run(build(lesions, ONE), study())["response_depth"].iloc[0]
    assert row["best_change"] == pytest.approx(-0.6)
    assert row["best_change_date"] == pd.Timestamp("2020-08-01")
    assert row["time_to_response_days"] == 82
    assert (row["duration_days"], row["duration_event"]) == (244, True)
    assert row["growth_before_days"] == 31
    assert row["growth_before_percent_month"] == pytest.approx(((50 / 40) ** (3 * 30.4375 / 31) - 1) * 100)
    assert row["growth_under_percent_month"] == pytest.approx(((30 / 50) ** (3 * 30.4375 / 91) - 1) * 100)


def test_what_a_radiologist_should_look_at_is_listed():
    lesions = "patient_id,assessment_date,lesion_id,organ,longest_mm\n" + "".join(
        f"A,2020-01-01,T{k},liver,{8 if k == 1 else 30}\n" for k in range(1, 7)
    )
    out = run(build(lesions + "A,2020-04-01,T1,liver,-3\n", ONE), study())
    problems = out["response_warnings"].set_index("problem")["severity"].astype(str).to_dict()
    assert problems == {
        "more than 5 targets": "warning",
        "more than 2 targets in one organ": "warning",
        "target T1 is under the size for a target": "warning",
        "T1 has a negative diameter": "not_evaluable",
    }
    assert out["attrition"].set_index("reason").loc["no assessment could be evaluated", "n_lost"] == 1


def test_reasons_are_those_of_a_radiologist():
    lesions = """patient_id,assessment_date,lesion_id,longest_mm
A,2014-01-01,T1,60
A,2014-03-02,T1,50
A,2014-06-01,T1,62
"""
    out = run(build(lesions, "patient_id,period,first_cycle\nA,1,2014-01-10\n"), study())
    assert out["responses"]["reason"].tolist() == [
        "SD: sum 50 mm is -16.6 % from baseline 60 mm of 2014-01-01",
        "PD: sum 62 mm is +24 % and +12 mm over nadir 50 mm of 2014-03-02",
    ]
    best = out["best_responses"]["reason"]
    assert (
        best[0]
        == "SD: seen late enough (2014-03-02 SD: sum 50 mm is -16.6 % from baseline 60 mm of 2014-01-01)"
    )


def test_the_course_of_one_patient_holds_thresholds_and_words():
    lesions = "patient_id,assessment_date,lesion_id,longest_mm\nA,2020-01-01,T1,50\nA,2020-04-01,T1,30\n"
    tables = build(lesions, ONE, therapies="patient_id,start_date,kind\nA,2020-06,surgery\n")
    course = summarise_patient_course(tables | run(tables, study()), "A")
    total = course[course["item"] == "sum"].iloc[0]
    assert (total["response_threshold"], total["progression_threshold"]) == (35, 60)
    assert total["words"].startswith("PR: sum 30 mm")
    assert course["item"].astype(str).tolist() == ["lesion", "lesion", "sum", "best", "best", "therapy"]
    assert course["time_days"].tolist() == [-9, 82, 82, 82, 82, 143]
    with pytest.raises(KeyError):
        summarise_patient_course(tables | run(tables, study()), "nobody")


def test_nothing_after_the_cut_off_is_known():
    lesions = "patient_id,assessment_date,lesion_id,longest_mm\nA,2020-01-01,T1,50\nA,2020-04-01,T1,30\n"
    early = study().model_copy(update={"data_cutoff": pd.Timestamp("2020-03-01").date()})
    out = run(build(lesions, ONE), early)
    assert out["responses"].empty
    assert out["attrition"].set_index("reason").loc["after the data cut-off", "n_lost"] == 1
