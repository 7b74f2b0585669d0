# ruff: noqa: E501
"""All tables of a study together: references, consistency, cut-off, what the stage hands on."""

import datetime as dt

import pytest

from prrt_outcomes.cohort.stage import OUTPUTS
from prrt_outcomes.tables.frames import typed_columns

TABLES = {
    "patients": "patient_id,tumour_type,age_years,birth_year\nP1,lung,61,1953\nP2,paraganglioma,40,\n",
    "cycles": "patient_id,cycle_date,radiopharmaceutical\nP1,2014-01-01,other\nP2,2014-03-01,177Lu-DOTATATE\n"
    "P2,2016-03-01,177Lu-DOTATATE\n",
    "follow_up": "patient_id,last_contact_date,vital_status,death_date\nP1,2017,dead,2017\nP2,2018-01-01,alive,\n",
    "labs": "patient_id,sample_date,analyte,value,unit\nP1,2014-01-01,alt,20,U/L\nP1,2016-01-01,alt,20,U/L\n",
}


def told(result, severity="error"):
    return [(p.table, p.row, p.column, p.problem) for p in result.problems if p.severity == severity]


def test_every_input_table_is_handed_on_typed(read_study):
    tables = {name: TABLES[name] for name in ("patients", "cycles", "follow_up")}
    result = read_study(tables)
    assert result.problems == ()
    assert set(result.tables) == set(OUTPUTS)
    for name, frame in result.tables.items():
        assert list(frame.columns)[: len(typed_columns(name))] == list(typed_columns(name)), name
    assert len(result.tables["lesions"]) == 0


def test_tumour_group_stands_behind_the_columns_of_patients(read_study):
    patients = read_study({n: TABLES[n] for n in ("patients", "follow_up")}).tables["patients"]
    assert patients.columns[-1] == "tumour_group"
    assert patients["tumour_group"].tolist() == ["lung", "neuroectodermal"]
    assert list(patients["tumour_group"].cat.categories) == ["gep", "lung", "neuroectodermal", "other"]


def test_unknown_patients_are_told_in_every_table_with_the_nearest(read_study):
    result = read_study(TABLES | {"labs": TABLES["labs"].replace("P1,2016", "p-01,2016")})
    assert told(result) == [("labs", 3, "patient_id", "unknown patient")]
    (problem,) = (p for p in result.problems if p.problem == "unknown patient")
    assert problem.value == "p-01"
    assert problem.expected == "did you mean P1? a patient_id that stands in patients"


def test_ids_that_a_workbook_shows_with_zeros_are_told(read_study):
    patients = "patient_id,sex\n0001,male\n2,female\n"
    follow_up = "patient_id,last_contact_date,vital_status\n1,2015-01-01,alive\n2,2015-01-01,alive\n"
    result = read_study({"patients": patients, "follow_up": follow_up})
    (problem,) = (p for p in result.problems if p.severity == "error")
    assert problem.expected.startswith(
        "did you mean 0001? a patient_id that stands in patients; the format of a cell"
    )


def test_rows_with_one_key_that_may_both_be_right_can_be_numbered(read_study):
    events = "patient_id,onset_date,term\nP1,2015-01-01,nausea\nP1,2015-01-01,nausea\n"
    tables = {name: TABLES[name] for name in ("patients", "follow_up")}
    (problem,) = (
        p for p in read_study(tables | {"adverse_events": events}).problems if p.severity == "error"
    )
    assert problem.problem == "duplicate key"
    assert "columns: {sequence: null}" in problem.expected
    source = {"file": "adverse_events.csv", "columns": {"sequence": None}}
    result = read_study(tables | {"adverse_events": events}, sources={"adverse_events": source})
    assert told(result, "error") == []


def test_patients_without_outcome_or_cycle_are_a_warning(read_study):
    result = read_study(
        TABLES
        | {"patients": TABLES["patients"] + "P3,,,\n", "labs": "patient_id,sample_date,analyte,value,unit\n"}
    )
    assert told(result) == []
    assert told(result, "warning") == [
        ("labs", None, "", "the table has no rows"),
        ("patients", 4, "patient_id", "no outcome"),
        ("patients", 4, "patient_id", "no cycle of treatment"),
    ]


def test_rows_after_the_cutoff_leave_and_are_counted(read_study):
    result = read_study(TABLES, data_cutoff=dt.date(2015, 6, 1))
    assert told(result) == []
    assert told(result, "warning") == [
        ("follow_up", 2, "last_contact_date", "after the data cut-off"),
        ("follow_up", 2, "death_date", "after the data cut-off"),
        ("follow_up", 3, "last_contact_date", "after the data cut-off"),
        ("cycles", None, "cycle_date", "rows after the data cut-off, left out"),
        ("labs", None, "sample_date", "rows after the data cut-off, left out"),
    ]
    assert len(result.tables["cycles"]) == 2
    assert result.tables["follow_up"]["last_contact_date"].tolist() == ["2017", "2018-01-01"]
    lost = result.attrition[result.attrition["step"] == "cohort: data cut-off"]
    assert lost[["table", "n_before", "n_lost", "n_after"]].to_numpy().tolist() == [
        ["cycles", 3, 1, 2],
        ["labs", 2, 1, 1],
    ]


def test_a_cutoff_before_every_cycle_is_an_error_and_one_in_the_future_a_warning(read_study):
    early = read_study(TABLES, data_cutoff=dt.date(1999, 1, 1))
    assert ("cycles", "cycle_date") in {(p.table, p.column) for p in early.problems if p.severity == "error"}
    late = read_study(TABLES, data_cutoff=dt.date(2100, 12, 31))
    assert [p.column for p in late.problems if "in the future" in p.problem] == ["data_cutoff"]
    assert not told(late)


def test_dates_of_columns_beyond_the_schema_have_the_bounds_of_all_dates(read_study):
    patients = "patient_id,tumour_type,started\nP1,lung,2014-01-01\nP2,lung,1866-10-14\n"
    result = read_study({**TABLES, "patients": patients}, extra_columns={"started": "date"})
    assert told(result) == [("patients", 3, "started", "out of range")]


def test_a_row_on_the_day_of_the_cutoff_stays(read_study):
    assert len(read_study(TABLES, data_cutoff=dt.date(2016, 3, 1)).tables["cycles"]) == 3
    assert len(read_study(TABLES, data_cutoff=dt.date(2016, 2, 29)).tables["cycles"]) == 2


@pytest.mark.parametrize(
    ("follow_up", "column", "problem", "severity"),
    [
        ("P1,2015,alive,2015", "death_date", "a date of death although not dead", "error"),
        ("P1,2015,lost,2015", "death_date", "a date of death although not dead", "error"),
        ("P1,2015,dead,", "death_date", "dead without a date of death", "error"),
    ],
)
def test_vital_status_and_death(read_study, follow_up, column, problem, severity):
    header = "patient_id,last_contact_date,vital_status,death_date\n"
    text = header + follow_up + "\nP2,2018-01-01,alive,\n"
    result = read_study({"patients": TABLES["patients"], "follow_up": text})
    assert told(result, severity) == [("follow_up", 2, column, problem)]


@pytest.mark.parametrize(("rule", "status"), [("last_contact", "dead"), ("censor", "lost")])
def test_the_dead_without_a_date_are_taken_for_what_the_study_says(read_study, rule, status):
    follow_up = "patient_id,last_contact_date,vital_status,death_date\nP1,2015-05,dead,\nP2,2015,dead,2015\n"
    tables = {"patients": TABLES["patients"], "follow_up": follow_up}
    (error,) = (p for p in read_study(tables).problems if p.severity == "error")
    assert f"dead_without_date: {rule} (" in error.expected
    result = read_study(tables, dead_without_date=rule)
    assert told(result, "error") == []
    assert ("follow_up", 2, "death_date", "dead without a date of death") in told(result, "warning")
    assert result.tables["follow_up"]["vital_status"].tolist() == [status, "dead"]
    assert result.tables["follow_up"]["vital_status"].dtype.ordered


@pytest.mark.parametrize(
    ("table", "text", "column", "problem", "severity"),
    [
        ("labs", "patient_id,sample_date,analyte,value,unit,lower_limit,upper_limit\nP1,2014-01-01,alt,1,U/L,9,3\n", "lower_limit", "above the upper limit", "error"),
        ("reported_outcomes", "patient_id,endpoint,time,event,entry_time\nP1,os,10,1,10\n", "entry_time", "entry not before the end of follow-up", "error"),
        ("lesions", "patient_id,assessment_date,lesion_id,role,state,lymph_node\nP1,2014-01-01,1,target,measured,no\n", "longest_mm", "measured, yet without a diameter", "warning"),
        ("lesions", "patient_id,assessment_date,lesion_id,role,state,lymph_node,longest_mm,perpendicular_mm\nP1,2014-01-01,1,target,measured,no,9,10\n", "perpendicular_mm", "longer than the longest diameter", "warning"),
    ],
)  # fmt: skip
def test_columns_of_one_row_that_contradict(read_study, table, text, column, problem, severity):
    tables = {n: TABLES[n] for n in ("patients", "follow_up")}
    found = told(read_study(tables | {table: text}), severity)
    assert [one for one in found if one[1] is not None] == [(table, 2, column, problem)]


def test_an_age_that_does_not_fit_the_year_of_birth(read_study):
    tables = TABLES | {"patients": "patient_id,age_years,birth_year\nP1,61,1953\nP2,40,1980\n"}
    assert told(read_study(tables), "warning") == [("patients", 3, "age_years", "does not fit birth_year")]


def test_a_lesion_without_its_scan(read_study):
    lesions = "patient_id,assessment_date,lesion_id,role,state,lymph_node\nP1,2014-06-01,1,non_target,absent,no\nP1,2014-07-01,1,non_target,absent,no\n"
    scans = "patient_id,assessment_date\nP1,2014-06-01\n"
    result = read_study(TABLES | {"lesions": lesions, "assessments": scans})
    assert told(result, "warning") == [("lesions", 3, "assessment_date", "no assessment on that day")]


def test_a_stack_of_files_names_the_file_of_each_fault(read_study, tmp_path):
    (tmp_path / "a.csv").write_text("patient_id,sex\nP1,Male\n")
    (tmp_path / "b.csv").write_text("patient_id,sex\nP1,male\nP2,x\n")
    result = read_study({"follow_up": TABLES["follow_up"]}, sources={"patients": ["a.csv", "b.csv"]})
    assert told(result) == [
        ("patients (a.csv)", 2, "sex", "not in the list of codes"),
        ("patients (b.csv)", 3, "sex", "not in the list of codes"),
        ("patients (b.csv)", 2, "patient_id", "duplicate key"),
    ]
    assert "the same is in row 2 of patients (a.csv)" in result.problems[2].expected


def test_no_outcome_at_all_is_an_error(read_study):
    result = read_study(
        {"patients": TABLES["patients"], "follow_up": "patient_id,last_contact_date,vital_status\n"}
    )
    assert told(result) == [("follow_up", None, "", "the table has no rows")]


def test_outcomes_of_controls_need_their_patients(read_study):
    tables = {name: TABLES[name] for name in ("patients", "follow_up")}
    outcomes = "patient_id,endpoint,time,event\nC1,pfs,10,1\n"
    result = read_study(tables | {"control_outcomes": outcomes})
    assert told(result) == [("control_outcomes", None, "", "the table control_patients is missing")]


def test_dates_in_the_future_are_a_warning_without_a_cutoff(read_study):
    tables = {
        "patients": "patient_id,diagnosis_date\nP1,2014\nP2,2098-05\n",
        "follow_up": "patient_id,last_contact_date,vital_status\nP1,2097-01-02,alive\nP2,2097-01-01,alive\n",
    }
    found = {p.column: p for p in read_study(tables).problems if "in the future" in p.problem}
    assert {(p.table, p.column, p.value, p.severity) for p in found.values()} == {
        ("patients", "diagnosis_date", "2098-05-01", "warning"),
        ("follow_up", "last_contact_date", "2097-01-01, 2097-01-02", "warning"),
    }
    assert "data_cutoff in study.yaml" in found["diagnosis_date"].expected
    assert all(
        "in the future" not in p.problem for p in read_study(tables, data_cutoff="2020-01-01").problems
    )


def test_lesions_that_do_not_say_whether_they_are_nodes_are_a_warning(read_study):
    lesions = (
        "patient_id,assessment_date,lesion_id,role,state,longest_mm{}\nP1,2014-01-01,1,target,measured,20{}\n"
    )
    scans = "patient_id,assessment_date\nP1,2014-01-01\n"
    tables = {name: TABLES[name] for name in ("patients", "follow_up")} | {"assessments": scans}
    silent, said = (
        read_study(tables | {"lesions": lesions.format(*cells)})
        for cells in (("", ""), (",lymph_node", ",no"))
    )
    assert told(silent, "warning") == [("lesions", None, "lymph_node", "empty in all rows")]
    assert told(said, "warning") == []


def test_a_date_of_birth_gives_age_and_year_and_is_not_kept(read_study):
    patients = "patient_id,birth_date,age_years,birth_year\nP1,1953-07-01,,\nP2,1974-03-01,41,\nP3,1960-01-01,,1960\n"
    follow_up = TABLES["follow_up"] + "P3,2018-01-01,alive,\n"
    result = read_study(TABLES | {"patients": patients, "follow_up": follow_up})
    frame = result.tables["patients"]
    assert "birth_date" not in frame
    assert frame["birth_year"].tolist() == [1953, 1974, 1960]
    assert frame["age_years"].tolist()[:2] == [pytest.approx(60.5, abs=0.01), 41]
    assert frame["age_years"].isna().tolist() == [False, False, True]


def test_contradictions_of_dates_can_be_accepted_by_name(read_study):
    cycles = TABLES["cycles"] + "P1,2017-06-01,other\nP1,2018-06-01,other\n"
    follow_up = TABLES["follow_up"].replace("P1,2017,dead,2017", "P1,2017-07-01,dead,2017-07-01")
    tables = TABLES | {"cycles": cycles, "follow_up": follow_up}
    assert told(read_study(tables)) == [("cycles", 6, "cycle_date", "cycle after death")]
    accepted = read_study(tables, accepted_problems=["cycle after death"])
    assert told(accepted) == []
    assert ("cycles", 6, "cycle_date", "cycle after death") in told(accepted, "warning")


def test_best_responses_of_patients_are_not_used_beside_scans(read_study):
    patients = "patient_id,reported_best_response\nP1,PR\nP2,\n"
    scans = "patient_id,assessment_date,reported_response\nP1,2014-06-01,SD\n"
    assert told(read_study(TABLES | {"patients": patients}), "warning") == []
    both = read_study(TABLES | {"patients": patients, "assessments": scans})
    assert ("patients", None, "reported_best_response", "not used beside scans") in told(both, "warning")
