"""Columns in units of the file: converted, checked and reported in them, and hints where one was meant."""

import subprocess
import sys

import pytest

PATIENTS = "patient_id,ki67_percent\nP1,2\nP2,10\n"
FOLLOW_UP = "patient_id,last_contact_date,vital_status\nP1,2021-01-01,alive\nP2,2021-01-01,alive\n"
CYCLES = (
    "patient_id,cycle_date,radiopharmaceutical,activity_gbq,UNIT,kidney_dose_gy\n"
    "P1,2015-01-01,other,7400,MBq,450\n"
    "P1,2015-03-01,other,200,mCi,\n"
    "P2,2015-01-01,other,7.1,GBq,500\n"
)


@pytest.fixture
def read(tmp_path, read_study):
    def read_cycles(text=CYCLES, patients=None, **mapping):
        (tmp_path / "c.csv").write_text(text, encoding="utf-8")
        (tmp_path / "p.csv").write_text(PATIENTS, encoding="utf-8")
        sources = {"cycles": {"file": "c.csv", "ignore": ["UNIT"], **mapping}}
        return read_study({"follow_up": FOLLOW_UP}, sources=sources | {"patients": patients or "p.csv"})

    return read_cycles


def told(result, severity="error"):
    return [(p.row, p.column, p.value, p.problem) for p in result.problems if p.severity == severity]


BY_ROW = {"units": {"activity_gbq": {"column": "UNIT"}, "kidney_dose_gy": "cGy"}, "ignore": []}


def test_units_of_a_column_and_of_each_row(read):
    result = read(**BY_ROW)
    assert told(result) == []
    cycles = result.tables["cycles"]
    assert cycles["activity_gbq"].tolist() == pytest.approx([7.4, 7.4, 7.1])
    assert cycles["kidney_dose_gy"].fillna(0).tolist() == [4.5, 0, 5]


def test_faults_are_reported_in_the_unit_of_the_file(read):
    text = CYCLES.replace("450", "45000").replace("200,mCi", "4000,mCi").replace("7400", "400000")
    found = {(p.row, p.value): p.expected for p in read(text, **BY_ROW).problems if p.severity == "error"}
    assert found == {
        (2, "400000"): "0 to 100000 MBq",
        (2, "45000"): "0 to 20000 cGy",
        (3, "4000"): "0 to 2702.7 mCi",
    }


def test_a_unit_that_is_not_known_or_not_there(read):
    text = CYCLES.replace("200,mCi", "200,mSv").replace("7.1,GBq", "7.1,")
    assert told(read(text, **BY_ROW)) == [
        (3, "activity_gbq", "mSv", "a unit that is not known for this column"),
        (4, "activity_gbq", "7.1", "a value without its unit"),
    ]


def test_a_value_that_is_empty_needs_no_unit(read):
    assert told(read(CYCLES.replace("200,mCi", ","), **BY_ROW)) == []


def test_the_unit_that_would_bring_most_values_into_range_is_named(read):
    text = CYCLES.replace("200,mCi", "7300,").replace("7.1,", "7100,")
    result = read(text)
    hints = {p.expected.split("?")[0] for p in result.problems if p.column == "activity_gbq"}
    assert hints == {"did you mean units: {activity_gbq: MBq}"}
    text = CYCLES.replace("7400", "200").replace("7.1,", "190,")
    hints = {p.expected.split("?")[0] for p in read(text).problems if p.column == "activity_gbq"}
    assert hints == {"did you mean units: {activity_gbq: mCi}"}
    text = CYCLES.replace("200,mCi", "50000,").replace("7.1,", "0.0001,")
    hints = {p.expected for p in read(text).problems if p.column == "activity_gbq" and p.severity == "error"}
    assert hints == {"0 to 100 GBq"}, "no unit brings most of them into range"


def test_a_fraction_becomes_percent(read):
    patients = {
        "file": "p.csv",
        "units": {"ki67_percent": "fraction"},
        "values": {"ki67_percent": {"10": 0.1}},
    }
    result = read(**BY_ROW, patients=patients)
    assert result.tables["patients"]["ki67_percent"].dropna().tolist() == [10]


@pytest.mark.parametrize(
    ("units", "place", "problem", "hint"),
    [
        ({"activity_gbq": "cm"}, "units.activity_gbq", "no unit of this column", "such as mCi, MBq"),
        ({"activity_gbq": "Zoll"}, "units.activity_gbq", "no unit of this column", "such as mCi"),
        ({"amino_acids": "g"}, "units.amino_acids", "the column has no such unit", "activity_gbq"),
        ({"activity": "MBq"}, "units.activity", "not a column of the table", "activity_gbq?"),
        ({"marrow_dose_gy": "cGy"}, "units.marrow_dose_gy", "no column is read for it", "constants"),
        ({"activity_gbq": {"column": "UNTI"}}, "UNTI", "the file has no such column (for units)", "UNIT?"),
    ],
)
def test_faults_of_units(read, units, place, problem, hint):
    errors = [p for p in read(units=units, ignore=[]).problems if p.severity == "error"]
    (error,) = (p for p in errors if p.problem == problem)
    assert error.column.endswith(place)
    assert hint in error.expected


def test_times_have_one_statement_of_their_unit(read_study, tmp_path):
    (tmp_path / "o.csv").write_text(
        "patient_id,endpoint,time,event\nP1,os,12,1\nP2,os,24,0\n", encoding="utf-8"
    )
    source = {"file": "o.csv", "units": {"time": "months"}}
    result = read_study({"patients": PATIENTS}, sources={"reported_outcomes": source})
    assert result.tables["reported_outcomes"]["time"].tolist() == pytest.approx([365.25, 730.5])
    result = read_study(
        {"patients": PATIENTS}, sources={"reported_outcomes": source | {"time_unit": "months"}}
    )
    assert "the unit is given twice" in [p.problem for p in result.problems]


def test_the_usual_units_of_laboratories_need_no_pint():
    code = (
        "import sys; from prrt_outcomes.laboratory import find_si_factor as f;"
        "f('creatinine', 'mg/dL'); f('platelets', '10^9/L'); f('alt', 'U/L'); print('pint' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


DOSES = (
    "patient_id,cycle_date,radiopharmaceutical,activity_gbq,UNIT,weight_kg\n"
    "P1,2015-01-01,other,118,MBq/kg,62\n"
    "P1,2015-03-01,other,120,MBq / kg,\n"
    "P2,2015-01-01,other,7.1,GBq,\n"
    "P2,2015-03-01,other,7100,MBq/kg,80\n"
    "P2,2015-05-01,other,100,MBq/kg,\n"
)


def test_activities_per_kilogram_by_the_weight_of_the_cycle_or_of_the_patient(read, tmp_path):
    (tmp_path / "w.csv").write_text("patient_id,weight_kg\nP1,61.5\nP2,\n", encoding="utf-8")
    result = read(DOSES, patients="w.csv", units={"activity_gbq": {"column": "UNIT"}})
    assert told(result) == [
        (5, "activity_gbq", "7100", "out of range"),
        (6, "activity_gbq", "100", "an activity per kilogram without a weight"),
    ]
    activity = result.tables["cycles"]["activity_gbq"]
    assert activity.tolist()[:3] == pytest.approx([0.118 * 62, 0.12 * 61.5, 7.1])
    assert activity.isna().tolist() == [False, False, False, True, True]
    all_of_them = DOSES.replace("7.1,GBq", "90,").replace("7100,", "95,")
    found = read(all_of_them, patients="w.csv", units={"activity_gbq": "MBq/kg"}, ignore=["UNIT"])
    assert [row for row, *_ in told(found)] == [4, 6]
    assert found.tables["cycles"]["activity_gbq"][3] == pytest.approx(0.095 * 80)


def test_a_unit_per_kilogram_is_one_of_activities_alone(read):
    result = read(units={"kidney_dose_gy": "mGy/kg", "activity_gbq": "MBq"})
    assert ("units.kidney_dose_gy" in told(result)[0][1], told(result)[0][2]) == (True, "mGy/kg")


def test_a_unit_per_kilogram_of_a_column_that_no_file_has(read):
    text = CYCLES.replace("activity_gbq", "other")
    problems = told(read(text, units={"activity_gbq": "MBq/kg", "kidney_dose_gy": "cGy"}))
    assert [problem for *_, problem in problems] == ["no column is read for it"]
