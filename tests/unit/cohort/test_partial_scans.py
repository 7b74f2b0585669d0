"""The date of a scan may lack its day: it gets the one of the study's rule, the same in every table, and is counted."""

import pytest

PATIENTS = "patient_id\nP1\n"
FOLLOW_UP = "patient_id,last_contact_date,vital_status\nP1,2020-01-01,alive\n"
CYCLES = "patient_id,cycle_date,radiopharmaceutical\nP1,2014-01-10,177Lu-DOTATATE\n"
SCANS = "patient_id,assessment_date,reported_response\nP1,2014-05,SD\nP1,2015,PD\nP1,2014-09-03,SD\n"
LESIONS = "patient_id,assessment_date,lesion_id,role,state,longest_mm\nP1,2014-05,T1,target,measured,20\n"
TABLES = {"patients": PATIENTS, "follow_up": FOLLOW_UP, "cycles": CYCLES}


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("first", ["2014-05-01", "2015-01-01"]),
        ("middle", ["2014-05-15", "2015-07-01"]),
        ("last", ["2014-05-31", "2015-12-31"]),
    ],
)
def test_a_scan_without_a_day_gets_one_by_the_rule_and_is_counted(read_study, rule, days):
    result = read_study(TABLES | {"assessments": SCANS, "lesions": LESIONS}, partial_dates=rule)
    scans = result.tables["assessments"]["assessment_date"].dt.strftime("%Y-%m-%d").tolist()
    assert scans == [*days, "2014-09-03"]
    assert result.tables["lesions"]["assessment_date"].dt.strftime("%Y-%m-%d").tolist() == days[:1]
    told = {p.table: p for p in result.problems if "without a day" in p.problem}
    assert told["assessments"].problem == f"2 dates without a day: the {rule} day that each can mean is taken"
    assert told["lesions"].problem.startswith("1 date without")
    assert {p.severity for p in told.values()} == {"warning"}
    assert [p for p in result.problems if p.severity == "error"] == []


def test_months_in_the_format_of_the_file_are_read_too(read_study):
    scans = "patient_id,assessment_date\nP1,05/2014\nP1,03.09.2014\n"
    own = {"file": "assessments.csv", "date_format": ["%d.%m.%Y", "%m/%Y"]}
    result = read_study(TABLES | {"assessments": scans}, sources={"assessments": own})
    found = result.tables["assessments"]["assessment_date"].dt.strftime("%Y-%m-%d").tolist()
    assert found == ["2014-05-15", "2014-09-03"]


def test_a_cycle_still_needs_its_day(read_study):
    result = read_study(TABLES | {"cycles": CYCLES.replace("2014-01-10", "2014-01")})
    assert [(p.table, p.column) for p in result.problems if p.severity == "error"] == [
        ("cycles", "cycle_date")
    ]


@pytest.mark.parametrize(
    ("follow_up", "cutoff", "days"),
    [
        ("2014-05-07,dead,2014-05-07", None, ["2014-05-07", "2015-01-01", "2014-09-03"]),
        ("2014-05,dead,2014-05", None, ["2014-05-31", "2015-01-01", "2014-09-03"]),
        ("2015-03-04,alive,", None, ["2014-05-31", "2015-03-04", "2014-09-03"]),
        ("2020-01-01,alive,", "2015-06-30", ["2014-05-31", "2015-06-30", "2014-09-03"]),
    ],
)
def test_the_day_does_not_pass_death_last_contact_and_data_cutoff(read_study, follow_up, cutoff, days):
    tables = TABLES | {"follow_up": f"patient_id,last_contact_date,vital_status,death_date\nP1,{follow_up}\n"}
    settings = {"partial_dates": "last", "data_cutoff": cutoff}
    result = read_study(tables | {"assessments": SCANS, "lesions": LESIONS}, **settings)
    assert result.tables["assessments"]["assessment_date"].dt.strftime("%Y-%m-%d").tolist() == days
    assert result.tables["lesions"]["assessment_date"].dt.strftime("%Y-%m-%d").tolist() == days[:1]
    assert "cohort: data cut-off" not in result.attrition["step"].tolist()
