"""The stage from typed frames to tables: a handful of patients written out here, and tables that say nothing."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.response.stage import INPUTS, OUTPUTS, run
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table

DAY = pd.Timestamp("2020-01-10")
LESIONS = """patient_id,assessment_date,lesion_id,role,longest_mm,perpendicular_mm,state
A,2020-01-01,T1,target,30,20,measured
A,2020-01-01,T2,target,20,20,measured
A,2020-04-01,T1,target,20,20,measured
A,2020-04-01,T2,target,15,20,measured
A,2020-08-01,T1,target,30,20,measured
A,2020-08-01,T2,target,15,20,measured
B,2020-01-01,T1,target,30,20,measured
B,2020-04-01,T1,target,30,20,measured
B,2020-08-01,T1,target,,,not_evaluated
B,2020-10-01,N1,new,12,,measured
C,2020-01-01,T1,target,30,20,measured
C,2020-04-01,T1,target,0,,absent
C,2020-08-01,T1,target,,,too_small
X,2020-01-01,T1,target,30,20,measured
"""


@pytest.fixture
def study():
    return Study.model_validate(
        {
            "study": "small",
            "tables": {"patients": "p.csv", "follow_up": "f.csv"},
            "response": {"criteria": ["recist_1_1", "swog_mr", "who"]},
            "analysis": {"group_by": ["tumour_group", "radionuclide"]},
        }
    )


@pytest.fixture
def tables():
    frames = {name: empty_table(name) for name in INPUTS}
    lesions = pd.read_csv(io.StringIO(LESIONS)).assign(reader="local")
    frames["lesions"] = conform_table("lesions", lesions)
    kinds = ["gep_pancreas", "lung", "gep_other", None, "lung"]
    patients = pd.DataFrame({"patient_id": list("ABCDX"), "tumour_type": kinds})
    frames["patients"] = conform_table("patients", patients)
    periods = pd.DataFrame({"patient_id": list("ABCD"), "period": 1, "first_cycle": DAY, "last_cycle": DAY})
    frames["treatment_periods"] = conform_table("treatment_periods", periods.assign(radionuclide="177Lu"))
    return frames


def test_every_output_is_there_and_has_its_rows(tables, study):
    out = run(tables, study)
    assert set(OUTPUTS) | {"attrition", "stages"} == set(out)
    assert len(out["responses"]) == 3 * 7
    assert len(out["best_responses"]) == 4 * 3 * 2
    assert out["stages"].loc[0, "status"] == "done"


def test_each_criterion_reads_the_same_lesions_its_own_way(tables, study):
    responses = run(tables, study)["responses"]
    of_a = responses[responses["patient_id"] == "A"].groupby("criterion")["overall_response"].agg(list)
    assert of_a.to_dict() == {"recist_1_1": ["PR", "PD"], "swog_mr": ["MR", "SD"], "who": ["SD", "PD"]}


def test_a_patient_without_scans_stays_in_the_denominator(tables, study):
    out = run(tables, study)
    best = out["best_responses"]
    assert best.loc[best["patient_id"] == "D", "best_response"].eq("NE").all()
    assert best.loc[best["patient_id"] == "D", "reason"].eq("NE: not assessed").all()
    rates = out["response_rates"]
    whole = rates[(rates["group_by"] == "all") & (rates["criterion"] == "recist_1_1") & ~rates["confirmed"]]
    assert whole.set_index("category")["n"].to_dict()["objective"] == 2
    assert whole["total"].eq(4).all()
    assert whole.loc[whole["category"] != "objective_with_mr", "n"].iloc[:7].sum() == 4


def test_groupings_hold_one_level_unknown(tables, study):
    rates = run(tables, study)["response_rates"]
    groups = rates[(rates["group_by"] == "tumour_group")]["group"].unique()
    assert list(groups) == ["gep", "lung", "unknown"]


def test_losses_are_counted(tables, study):
    attrition = run(tables, study)["attrition"].set_index("reason")
    assert attrition.loc["the patient has no cycle of treatment", "n_lost"] == 1
    assert attrition.loc["no assessment after the first cycle", "n_lost"] == 1


def test_without_cycles_the_stage_is_skipped(tables, study):
    out = run(tables | {"treatment_periods": empty_table("treatment_periods")}, study)
    assert out["stages"].loc[0, "status"] == "skipped"
    assert all(out[name].empty for name in OUTPUTS)


def test_inputs_are_left_as_they_were(tables, study):
    before = {name: frame.copy() for name, frame in tables.items()}
    run(tables, study)
    for name, frame in before.items():
        pd.testing.assert_frame_equal(frame, tables[name])


def test_dates_that_later_stages_read_are_written_once(tables, study):
    tables["therapies"] = conform_table(
        "therapies",
        pd.DataFrame({"patient_id": ["A"], "kind": "chemotherapy", "start_date": "2020-07-15", "drug": "x"}),
    )
    day = pd.Timestamp("2020-04-01")
    lesions = tables["lesions"]
    later = lesions[(lesions["patient_id"] == "A") & (lesions["assessment_date"] == day)]
    tables["lesions"] = pd.concat([lesions, later.assign(assessment_date=pd.Timestamp("2020-05-20"))])
    out = run(tables, study)
    best = (
        out["best_responses"].query("patient_id == 'A' and criterion == 'recist_1_1'").set_index("confirmed")
    )
    columns = ["first_response_date", "first_confirmation_date", "progression_date", "new_therapy_date"]
    dates = best[columns].astype("string")
    assert best["primary_reader"].all()
    assert dates.loc[False].fillna("").tolist() == ["2020-04-01", "", "2020-08-01", "2020-07-15"]
    assert dates.loc[True].tolist() == ["2020-04-01", "2020-05-20", "2020-08-01", "2020-07-15"]
    scans = out["responses"].query("patient_id == 'A' and criterion == 'recist_1_1'")
    assert scans["confirmation_date"].astype("string").fillna("").tolist() == ["2020-05-20", "", ""]
    assert scans["counted"].tolist() == [True, True, False]


STUDY_OF_NOTHING = Study.model_validate(
    {
        "study": "nothing",
        "tables": {"patients": "p", "follow_up": "f"},
        "response": {"criteria": ["recist_1_1", "who", "chromogranin_a"], "adjudicator": "judge"},
        "analysis": {"group_by": ["sex", "unheard_of"], "covariates": ["age_years", "sex"]},
    }
)


def build_nothing(**changes) -> dict[str, pd.DataFrame]:
    row = {"patient_id": "A", "lesion_id": "T1", "reader": "local", "role": "target", "state": "measured"}
    lesions = pd.DataFrame([row | {"assessment_date": day} for day in (DAY, DAY + pd.Timedelta(90, "D"))])
    tables = {name: empty_table(name) for name in INPUTS}
    tables["lesions"] = conform_table("lesions", lesions.assign(longest_mm=20.0, **changes))
    tables["patients"] = conform_table("patients", pd.DataFrame({"patient_id": ["A", "B"]}))
    periods = pd.DataFrame({"patient_id": ["A", "B"], "period": 1, "first_cycle": DAY, "last_cycle": DAY})
    tables["treatment_periods"] = conform_table("treatment_periods", periods)
    return tables


@pytest.mark.parametrize(
    "changes",
    [
        {"patient_id": "foreign"},
        {"assessment_date": pd.NaT},
        {"lesion_id": pd.NA},
        {"role": pd.NA},
        {"state": pd.NA},
        {"longest_mm": np.nan},
        {"state": "not_evaluated", "longest_mm": np.nan},
        {"reader": pd.NA},
    ],
    ids=lambda changes: " ".join(f"{k}={v}" for k, v in changes.items()),
)
def test_everybody_is_not_evaluable_and_counted(changes):
    changes = dict(changes)
    size = changes.pop("longest_mm", 20.0)
    tables = build_nothing(**changes)
    tables["lesions"]["longest_mm"] = size
    out = run(tables, STUDY_OF_NOTHING)
    assert out["best_responses"]["best_response"].eq("NE").all()
    readers = {"recist_1_1": "adjudicated", "who": "adjudicated", "chromogranin_a": "laboratory"}
    best = out["best_responses"]
    for criterion, reader in readers.items():
        assert len(best[(best["criterion"] == criterion) & (best["reader"] == reader)]) == 2 * 2
    patients = out["attrition"].query("table == 'best_responses'")
    assert patients["n_lost"].sum() == 2
    assert patients["n_after"].iloc[-1] == 0
    assert out["response_model"]["odds_ratio"].isna().all()


def test_scans_after_a_new_therapy_only_are_said_so():
    tables = build_nothing()
    therapy = {"patient_id": "A", "start_date": "2020-02", "kind": "chemotherapy", "drug": "x", "sequence": 1}
    tables["therapies"] = conform_table("therapies", pd.DataFrame([therapy]))
    best = run(tables, STUDY_OF_NOTHING)["best_responses"]
    chosen = best[(best["patient_id"] == "A") & (best["reader"] == "local") & ~best["confirmed"]]
    assert set(chosen["reason"]) == {"NE: every assessment came after a new anticancer therapy"}
