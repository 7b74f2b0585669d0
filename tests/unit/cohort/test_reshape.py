"""Columns that become rows, rows that become columns, columns of other files; problems name the cell of the file."""

import pytest

from prrt_outcomes.study.base import TableSource

PATIENTS = "patient_id\nP1\nP2\nP3\n"
FOLLOW_UP = "patient_id,last_contact_date,vital_status\n" + "".join(
    f"P{i},2021-01-01,alive\n" for i in (1, 2, 3)
)
WIDE = (
    "patient_id,Nuklid,1. PRRT,GBq 1,2. PRRT,GBq 2,3. PRRT,note\n"
    "P1,177Lu-DOTATATE,2015-01-10,7.4,2015-03-20,7.3,,x\n"
    "P2,90Y-DOTATOC,2016-02-01,,-,,,y\n"
    "P3,177Lu-DOTATATE,2017-02-30,7.1,2017-05-01,950,2017-07-01,z\n"
)
CYCLES = {
    "file": "wide.csv",
    "columns": {"radiopharmaceutical": "Nuklid"},
    "missing": ["-"],
    "ignore": ["note"],
    "unpivot": {"columns": {"cycle_date": "{n}. PRRT", "activity_gbq": "GBq {n}"}},
}


@pytest.fixture
def read(tmp_path, read_study):
    """Read patients and follow-up with further files and tables."""

    def read_tables(files, **tables):
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        return read_study({"patients": PATIENTS, "follow_up": FOLLOW_UP}, sources=tables)

    return read_tables


def errors(result):
    return [(p.row, p.column, p.value, p.problem) for p in result.problems if p.severity == "error"]


def test_cycles_in_columns_become_rows_and_empty_ones_are_counted(read):
    result = read({"wide.csv": WIDE.replace("2017-02-30", "2017-02-20").replace("950", "6.9")}, cycles=CYCLES)
    assert result.problems == ()
    cycles = result.tables["cycles"].astype({"cycle_date": "string"})
    columns = ["patient_id", "cycle_date", "radiopharmaceutical", "activity_gbq"]
    assert cycles[columns].astype(object).fillna("").to_numpy().tolist() == [
        ["P1", "2015-01-10", "177Lu-DOTATATE", 7.4],
        ["P1", "2015-03-20", "177Lu-DOTATATE", 7.3],
        ["P2", "2016-02-01", "90Y-DOTATOC", ""],
        ["P3", "2017-02-20", "177Lu-DOTATATE", 7.1],
        ["P3", "2017-05-01", "177Lu-DOTATATE", 6.9],
        ["P3", "2017-07-01", "177Lu-DOTATATE", ""],
    ]
    losses = result.attrition[result.attrition["table"] == "cycles"]
    assert losses[["step", "n_before", "n_lost"]].to_numpy().tolist() == [
        ["cohort: unpivot", 9, 3],
        ["cohort: filter", 6, 0],
    ]


def test_a_new_column_that_nothing_reads_is_a_warning(read):
    unpivot = {"columns": {"cycle_date": "{n}. PRRT", "activity": "GBq {n}"}}
    text = WIDE.replace("2017-02-30", "2017-02-20")
    (told,) = read({"wide.csv": text}, cycles=CYCLES | {"unpivot": unpivot}).problems
    assert (told.column, told.value, told.severity) == ("tables.cycles.unpivot", "activity", "warning")
    assert told.expected.startswith("in study.yaml columns: {activity_gbq: activity}")


def test_lines_that_are_no_rows_are_counted_before_columns_become_rows(read):
    text = WIDE.replace("2017-02-30", "2017-02-20").replace("950", "6.9") + "Sum,,,14.5,,14.2,,\n"
    result = read({"wide.csv": text}, cycles=CYCLES | {"skip_rows": [5]})
    losses = result.attrition[result.attrition["table"] == "cycles"]
    assert losses[["step", "n_before", "n_lost", "n_after"]].to_numpy().tolist() == [
        ["cohort: skip_rows", 4, 1, 3],
        ["cohort: unpivot", 9, 3, 6],
        ["cohort: filter", 6, 0, 6],
    ]


def test_problems_after_it_name_line_and_column_of_the_file(read):
    assert errors(read({"wide.csv": WIDE}, cycles=CYCLES)) == [
        (4, "1. PRRT", "2017-02-30", "a date that does not exist"),
        (4, "GBq 2", "950", "out of range"),
    ]


def test_the_number_of_a_repetition_and_new_columns_choose_rows(read):
    source = CYCLES | {"filter": {"n": ["1"]}, "not_empty": ["activity_gbq"]}
    result = read({"wide.csv": WIDE.replace("2017-02-30", "2017-02-20")}, cycles=source)
    assert result.tables["cycles"]["patient_id"].tolist() == ["P1", "P3"]


def test_named_columns_give_their_names_to_a_column(read):
    text = "patient_id,day,Hb,Thrombozyten\nP1,2015-01-01,12.1,210\nP2,2015-01-01,,180\n"
    labs = {
        "file": "labs.csv",
        "columns": {"sample_date": "day", "unit": "analyte"},
        "unpivot": {"names_to": "analyte", "columns": {"value": ["Hb", "Thrombozyten"]}},
        "values": {
            "analyte": {"Hb": "haemoglobin"},
            "unit": {"Hb": "g/dL", "Thrombozyten": "10^9/L"},
        },
    }
    labs["columns"]["analyte"] = "analyte"
    result = read({"labs.csv": text}, labs=labs)
    assert errors(result) == [
        (2, "Thrombozyten", "Thrombozyten", "not in the list of codes"),
        (3, "Thrombozyten", "Thrombozyten", "not in the list of codes"),
    ]
    labs["values"]["analyte"]["Thrombozyten"] = "platelets"
    found = read({"labs.csv": text}, labs=labs).tables["labs"]
    assert found[["patient_id", "analyte", "value", "unit"]].astype(object).to_numpy().tolist() == [
        ["P1", "haemoglobin", 12.1, "g/dL"],
        ["P1", "platelets", 210.0, "10^9/L"],
        ["P2", "platelets", 180.0, "10^9/L"],
    ]


def test_a_pattern_with_fewer_placeholders_is_repeated(read):
    text = (
        "patient_id,Datum 1,Hb 1,Leuko 1,Datum 2,Hb 2\nP1,2015-01-01,12,4,2015-02-01,11\nP2,2015-03-01,,5,,\n"
    )
    labs = {
        "file": "labs.csv",
        "columns": {"analyte": "test"},
        "unpivot": {"columns": {"sample_date": "Datum {n}", "value": "{test} {n}"}},
        "values": {"analyte": {"Hb": "haemoglobin", "Leuko": "leukocytes"}},
        "constants": {"unit": "g/dL"},
    }
    found = read({"labs.csv": text}, labs=labs).tables["labs"].astype({"sample_date": "string"})
    assert found[["patient_id", "sample_date", "analyte", "value"]].astype(object).to_numpy().tolist() == [
        ["P1", "2015-01-01", "haemoglobin", 12.0],
        ["P1", "2015-01-01", "leukocytes", 4.0],
        ["P1", "2015-02-01", "haemoglobin", 11.0],
        ["P2", "2015-03-01", "leukocytes", 5.0],
    ]


def test_rows_of_one_line_of_the_file_keep_its_number(read):
    text = "start,1. PRRT,2. PRRT\n2014,2015-01-01,2015-03-01\n2014,2016-01-01,2016-03-01\n"
    ids = {"patient_id": None}
    source = {
        "file": "nameless.csv",
        "columns": ids,
        "constants": {"radiopharmaceutical": "other"},
        "unpivot": {"columns": {"cycle_date": "{n}. PRRT"}},
    }
    cycles = read({"nameless.csv": text}, cycles=source).tables["cycles"]
    assert cycles["patient_id"].tolist() == ["nameless-000001"] * 2 + ["nameless-000002"] * 2


@pytest.mark.parametrize(
    ("unpivot", "value", "hint"),
    [
        ({"columns": {"cycle_date": "{n}.PRRT"}}, "{n}.PRRT", "the nearest is 3. PRRT. The file has"),
        ({"columns": {"cycle_date": ["1. PRRT", "4. PRRT"]}}, "4. PRRT", "the nearest is"),
        ({"columns": {"note": "{n}. PRRT"}}, "note", "another name"),
        ({"columns": {"day": "{note}. PRRT"}}, "note", "another name"),
    ],
)
def test_patterns_that_fit_no_column_or_a_name_that_is_taken(read, unpivot, value, hint):
    result = read({"wide.csv": WIDE}, cycles=CYCLES | {"unpivot": unpivot})
    (told,) = (p for p in result.problems if p.severity == "error")
    assert (told.column, told.value) == ("tables.cycles.unpivot", value)
    assert hint in told.expected


@pytest.mark.parametrize(
    ("unpivot", "words"),
    [
        ({"columns": {}}, "at least 1"),
        ({"columns": {"a": "{n}", "b": ["x"]}}, "one or the other"),
        ({"columns": {"a": ["x", "y"], "b": ["x"]}}, "different length"),
        ({"columns": {"a": "{n}"}, "names_to": "m"}, "names_to with lists"),
        ({"columns": {"a": "GBq 1"}}, "no placeholder for a"),
        ({"columns": {"a": "{n} {what}", "b": "{k}"}}, "k is not in the longest pattern"),
        ({"columns": {"n": "{n}. PRRT"}}, "made twice; n once only"),
    ],
)
def test_an_unpivot_that_contradicts_itself(unpivot, words):
    with pytest.raises(ValueError, match=words):
        TableSource(file="x.csv", unpivot=unpivot)


TR = (
    "patient_id,day,lesion,group,code,number,text,unit\n"
    "P1,2015-01-01,T1,TARGET,LDIAM,21,21,mm\n"
    "P1,2015-01-01,T1,TARGET,LPERP,12,12,mm\n"
    "P1,2015-01-01,T1,,TUMSTATE,,PRESENT,\n"
    "P2,2015-01-01,T1,TARGET,LDIAM,30,30,mm\n"
    "P2,2015-01-01,N1,NON-TARGET,TUMSTATE,,ABSENT,\n"
)
LESIONS = {
    "file": "tr.csv",
    "pivot": {"by": "code", "value": ["number", "text"], "keys": ["patient_id", "day", "lesion"]},
    "columns": {
        "assessment_date": "day",
        "lesion_id": "lesion",
        "role": "group",
        "longest_mm": "LDIAM",
        "perpendicular_mm": "LPERP",
        "state": "TUMSTATE",
    },
    "values": {
        "role": {"TARGET": "target", "NON-TARGET": "non_target"},
        "state": {"PRESENT": "measured", "ABSENT": "absent"},
    },
    "default": {"state": "measured"},
    "ignore": ["unit"],
}
LESION_SCANS = {
    "file": "tr.csv",
    "columns": {"assessment_date": "day"},
    "filter": {"code": ["LDIAM"]},
    "ignore": ["lesion", "group", "number", "text", "unit"],
}


def test_measurements_in_rows_become_columns(read):
    result = read({"tr.csv": TR}, lesions=LESIONS, assessments=LESION_SCANS)
    assert errors(result) == []
    columns = ["patient_id", "lesion_id", "role", "longest_mm", "perpendicular_mm", "state"]
    assert result.tables["lesions"][columns].astype(object).fillna("").to_numpy().tolist() == [
        ["P1", "T1", "target", 21.0, 12.0, "measured"],
        ["P2", "T1", "target", 30.0, "", "measured"],
        ["P2", "N1", "non_target", "", "", "absent"],
    ]
    assert result.lines["lesions"].tolist() == [2, 5, 6]


def test_a_fault_of_a_pivoted_cell_is_told_in_its_line_and_column(read):
    text = TR.replace("LPERP,12,12", "LPERP,x,x").replace("PRESENT", "THERE")
    assert errors(read({"tr.csv": text}, lesions=LESIONS, assessments=LESION_SCANS)) == [
        (3, "number", "x", "not a number"),
        (4, "text", "THERE", "not in the list of codes"),
    ]


def test_two_values_of_one_code_are_an_error_with_both_lines(read):
    text = TR + "P1,2015-01-01,T1,TARGET,LDIAM,22,22,mm\nP1,2015-01-01,T1,TARGET,LPERP,12,12,mm\n"
    result = read({"tr.csv": text}, lesions=LESIONS, assessments=LESION_SCANS | {"not_empty": ["code"]})
    (error,) = (p for p in result.problems if p.severity == "error" and p.table == "lesions")
    assert (error.row, error.column, error.value) == (7, "number", "22")
    assert error.expected == "one value; row 2 has 21"


@pytest.mark.parametrize(
    ("text", "change", "column", "problem"),
    [
        (TR, {"pivot": LESIONS["pivot"] | {"by": "cod"}}, "cod", "no such column (for pivot)"),
        (TR, {"columns": LESIONS["columns"] | {"organ": "unit"}}, None, None),
        (
            TR.replace("12,12,mm", "12,12,cm"),
            {"columns": LESIONS["columns"] | {"organ": "unit"}},
            "unit",
            "differs",
        ),
        (TR.replace("TUMSTATE,,PRESENT", ",,PRESENT"), {}, "code", "a value without a code"),
        (TR.replace("LPERP", "group"), {}, "tables.lesions.pivot", "the name of a column"),
        (TR.replace("LPERP", "PERP"), {}, "LPERP", "no such column (for perpendicular_mm)"),
    ],
)
def test_faults_of_a_pivot(read, text, change, column, problem):
    source = LESIONS | {"ignore": []} | change
    result = read({"tr.csv": text}, lesions=source, assessments=LESION_SCANS)
    found = [p for p in result.problems if p.severity == "error" and p.table != "assessments"]
    if column is None:
        assert found == []
    else:
        assert column in [p.column for p in found if problem in p.problem]
