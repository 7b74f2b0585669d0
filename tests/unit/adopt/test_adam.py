"""ADaM: parameters of ADTTE become endpoints with the censoring turned; units are found or doubted."""

from pathlib import Path

import pandas as pd
import pytest

from prrt_outcomes.adopt.adam import plan_adam
from prrt_outcomes.errors import InputError

REAL = Path(__file__).resolve().parents[4] / "shared" / "cases" / "real" / "adtte_cdisc" / "data"
ADTTE = """\
STUDYID,USUBJID,AGE,SEX,TRTA,PARAMCD,PARAM,AVAL,AVALU,CNSR,STARTDT,ADT
S,P1,61,F,Lu,OS,Overall survival,300,DAYS,1,2019-01-01,2019-10-28
S,P2,54,M,LAR,OS,Overall survival,200,DAYS,0,2019-01-01,2019-07-20
S,P1,61,F,Lu,PFSINV,Progression-free survival (Months),4.5,,0,2019-01-01,2019-05-15
S,P2,54,M,LAR,PFSINV,Progression-free survival (Months),3,,2,2019-01-01,2019-04-01
S,P1,61,F,Lu,TTDE,Time to event,31,,0,2019-01-01,2019-01-31
S,P2,54,M,LAR,TTDE,Time to event,10,,1,2019-01-01,2019-01-10
S,P1,61,F,Lu,TTX,Time to another event,7,,0,,
"""


def test_each_parameter_is_an_endpoint(write_text, read_plan):
    plan = plan_adam([write_text(ADTTE, "adtte.csv")])
    assert plan.settings["endpoints"] == [
        "os",
        {"name": "pfsinv", "title": "Progression-free survival (Months)"},
        {"name": "ttde", "title": "Time to event"},
        {"name": "ttx", "title": "Time to another event"},
    ]
    units = [source.settings["time_unit"] for source in plan.tables["reported_outcomes"]]
    assert units == ["days", "months", "days", "days"]
    doubt = "reported_outcomes: the times of TTX are in days: neither AVALU nor PARAM says the unit"
    assert plan.doubts == [doubt]
    tables, problems = read_plan(plan)
    assert not [problem for problem in problems if problem.severity == "error"]
    assert tables["patients"]["arm"].tolist() == ["Lu", "LAR"]
    outcomes = tables["reported_outcomes"]
    assert outcomes["event"].tolist() == [0, 1, 1, 0, 1, 0, 1]
    assert outcomes["time"].tolist()[2:4] == pytest.approx([4.5 * 30.4375, 3 * 30.4375])


def test_subjects_with_follow_up_and_responses(tmp_path, read_plan):
    adsl = (
        "STUDYID,USUBJID,SITEID,AGE,SEX,TRT01A,TRTSDT,LSTALVDT,DTHDT,DTHFL\n"
        "S,P1,1,61,F,Lutathera,2019-01-02,2021-01-01,,\nS,P2,1,54,M,Lutathera,2019-02-02,2020-01-01,2020-02-01,Y\n"
    )
    adrs = (
        "USUBJID,PARAMCD,PARAM,PARCAT1,AVALC,ADT\n"
        "P1,OVRLRESP,Overall Response,RECIST 1.1,PR,2019-06-01\nP1,BOR,Best Response,RECIST 1.1,PR,2019-06-01\n"
    )
    (tmp_path / "adsl.csv").write_text(adsl)
    (tmp_path / "adrs_onco.csv").write_text(adrs)
    plan = plan_adam([tmp_path / "adsl.csv", tmp_path / "adrs_onco.csv"])
    tables, problems = read_plan(plan)
    assert not [problem for problem in problems if problem.severity == "error"]
    assert tables["cycles"]["radiopharmaceutical"].astype(str).tolist() == ["177Lu-DOTATATE"] * 2
    assert tables["follow_up"]["last_contact_date"].tolist() == ["2021-01-01", "2020-02-01"]
    assert tables["assessments"]["reported_response"].astype(str).tolist() == ["PR"]
    assert plan.doubts == [
        "cycles: the first day of treatment (TRTSDT) is read as the only cycle of a patient"
    ]


def test_without_subjects_and_times_there_is_no_study(tmp_path):
    with pytest.raises(InputError) as caught:
        plan_adam([tmp_path])
    assert caught.value.problems[0].problem == "no data set ADTTE was found"


def test_a_public_trial_as_a_transport_file(read_plan):
    if not REAL.exists():
        pytest.skip("adtte_cdisc is not there: data of others, beside the checkout in shared/cases")
    plan = plan_adam([REAL])
    assert plan.doubts == []
    assert plan.notes == ["files left out: adtte.csv"]
    tables, problems = read_plan(plan)
    assert not [problem for problem in problems if problem.severity == "error"]
    outcomes = tables["reported_outcomes"].merge(tables["patients"], on="patient_id")
    assert (len(outcomes), outcomes["event"].sum()) == (254, 152)
    events = pd.Series(outcomes.groupby("arm", observed=True)["event"].sum()).to_dict()
    assert events == {"Placebo": 29, "Xanomeline High Dose": 61, "Xanomeline Low Dose": 62}
