"""A foreign file read as one of our tables."""

import datetime as dt

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

PATIENTS = "patient_id,sex\nP1,male\nP2,female\n"
FOLLOW_UP = "patient_id,last_contact_date,vital_status\nP1,2015-01-01,alive\nP2,2015-01-01,alive\n"
WIDE = "id,gender,OS,OS.time,PFS,PFS.time,arm\nA,M,1,12,1,6,x\nB,F,0,24,.,.,y\nC,M,0.0,0,1,3.5,x\n"


def wide_study(read_study, write, **outcome):
    write("wide.csv", WIDE)
    ids = {"patient_id": "id"}
    return read_study(
        {},
        extra_columns={"arm": "category"},
        sources={
            "patients": {
                "file": "wide.csv",
                "columns": {**ids, "sex": "gender"},
                "values": {"sex": {"M": "male", "F": "female"}},
            },
            "reported_outcomes": [
                {
                    "file": "wide.csv",
                    "columns": {**ids, "time": f"{name}.time", "event": name},
                    "constants": {"endpoint": name.lower()},
                    "missing": ["", "."],
                    **outcome,
                }
                for name in ("OS", "PFS")
            ],
        },
    )


@pytest.fixture
def write(tmp_path):
    def write_file(name, text, encoding="utf-8"):
        (tmp_path / name).write_bytes(text.encode(encoding))

    return write_file


def test_a_wide_file_is_stacked_by_a_list_of_mappings(read_study, write):
    result = wide_study(read_study, write, time_unit="months")
    assert result.problems == ()
    assert result.tables["patients"][["patient_id", "sex", "arm"]].to_numpy().tolist() == [
        ["A", "male", "x"],
        ["B", "female", "y"],
        ["C", "male", "x"],
    ]
    outcomes = result.tables["reported_outcomes"]
    assert outcomes[["patient_id", "endpoint", "time", "event"]].to_numpy().tolist() == [
        ["A", "os", 12 * 30.4375, 1],
        ["B", "os", 24 * 30.4375, 0],
        ["C", "os", 0.0, 0],
        ["A", "pfs", 6 * 30.4375, 1],
        ["C", "pfs", 3.5 * 30.4375, 1],
    ]


def test_a_row_without_time_and_event_is_left_out_and_counted(read_study, write):
    attrition = wide_study(read_study, write).attrition
    row = attrition[attrition["step"] == "cohort: empty rows"].iloc[0]
    assert row[["table", "reason", "n_before", "n_lost", "n_after"]].tolist() == [
        "reported_outcomes",
        "nothing but keys",
        6,
        1,
        5,
    ]


def test_a_time_without_an_event_is_an_error(read_study):
    result = read_study(
        {"patients": PATIENTS, "reported_outcomes": "patient_id,endpoint,time,event\nP1,os,5,\nP2,os,,1\n"}
    )
    assert [(p.row, p.column, p.problem) for p in result.problems] == [
        (2, "event", "empty"),
        (3, "time", "empty"),
    ]


@pytest.mark.parametrize(("unit", "months"), [(None, 24), ("years", 288), ("days", 24 / 30.4375)])
def test_times_of_curves_become_months(read_study, write, unit, months):
    write("curve.csv", "time_months,survival\n0,1\n24,0.5\n")
    source = {
        "file": "curve.csv",
        "constants": {"control": "k", "arm": "a", "endpoint": "os"},
        "time_unit": unit,
    }
    tables = {"patients": PATIENTS, "reported_outcomes": "patient_id,endpoint,time,event\nP1,os,5,1\n"}
    result = read_study(tables, sources={"control_curves": source})
    assert result.tables["control_curves"]["time_months"].tolist() == pytest.approx([0, months])
    assert result.tables["reported_outcomes"]["time"].tolist() == [5]


def test_the_filter_chooses_rows_and_counts_the_others(read_study, write):
    write("trial.csv", "time,event,arm\n1,1,a\n2,0,b\n3,1,a\n")
    ids = {"patient_id": None}
    outcome = {"file": "trial.csv", "columns": ids, "constants": {"endpoint": "pfs"}, "time_unit": "weeks"}
    result = read_study(
        {},
        sources={
            "patients": {"file": "trial.csv", "columns": ids, "filter": {"arm": ["a"]}},
            "reported_outcomes": {**outcome, "filter": {"arm": ["a"]}},
            "control_patients": {
                "file": "trial.csv",
                "columns": ids,
                "constants": {"source": "b"},
                "filter": {"arm": ["b"]},
            },
            "control_outcomes": {**outcome, "filter": {"arm": ["b"]}},
        },
    )
    assert result.problems == ()
    assert result.tables["patients"]["patient_id"].tolist() == ["trial-000001", "trial-000003"]
    assert result.tables["reported_outcomes"]["time"].tolist() == [7.0, 21.0]
    assert result.tables["control_patients"][["patient_id", "source"]].to_numpy().tolist() == [
        ["trial-000002", "b"]
    ]
    assert result.tables["control_outcomes"]["patient_id"].tolist() == ["trial-000002"]
    lost = result.attrition.set_index("table")["n_lost"].to_dict()
    assert lost == {"patients": 1, "reported_outcomes": 1, "control_patients": 2, "control_outcomes": 2}


def test_rows_of_another_file_get_other_numbers(read_study, write):
    write("pfs.csv", "time,event\n1,1\n")
    write("os.csv", "time,event\n1,1\n")
    ids = {"patient_id": None}
    outcome = {"columns": ids, "constants": {"endpoint": "os"}}
    result = read_study(
        {},
        sources={
            "patients": {"file": "pfs.csv", "columns": ids},
            "reported_outcomes": {"file": "os.csv", **outcome},
        },
    )
    assert [(p.column, p.value, p.problem) for p in result.problems if p.severity == "error"] == [
        ("patient_id", "os-000001", "unknown patient")
    ]


def test_the_first_column_that_is_not_empty(read_study, write):
    write("f.csv", "patient_id,death,seen\nP1,2015-02-01,\nP2,,2015-03-01\n")
    source = {
        "file": "f.csv",
        "columns": {"last_contact_date": ["death", "seen"], "death_date": "death", "vital_status": "death"},
        "values": {"vital_status": {"2015-02-01": "dead"}},
    }
    problems = read_study({"patients": PATIENTS}, sources={"follow_up": source}).problems
    assert [(p.row, p.column, p.value, p.problem) for p in problems] == [(3, "vital_status", "", "empty")]
    source |= {"columns": {**source["columns"], "vital_status": ["death", "seen"]}}
    source |= {"values": {"vital_status": {"2015-02-01": "dead", "2015-03-01": "alive"}}}
    result = read_study({"patients": PATIENTS}, sources={"follow_up": source})
    assert result.problems == ()
    assert result.tables["follow_up"]["last_contact_date"].tolist() == ["2015-02-01", "2015-03-01"]


def test_values_may_become_missing_and_numbers_keep_the_decimal_mark(read_study, write):
    write("p.csv", "patient_id;ki67_percent;sex\nP1;<2;?\nP2;3,5;male\n")
    source = {
        "file": "p.csv",
        "decimal": ",",
        "values": {"ki67_percent": {"<2": 1.5}, "sex": {"?": None}},
    }
    result = read_study({"follow_up": FOLLOW_UP}, sources={"patients": source})
    assert result.problems == ()
    assert result.tables["patients"]["ki67_percent"].tolist() == [1.5, 3.5]
    assert result.tables["patients"]["sex"].isna().tolist() == [True, False]


def test_encoding_and_delimiter(read_study, write):
    write("p.csv", "patient_id#centre_id\nP1#Zürich\nP2#Genève\n", "latin-1")
    source = {"file": "p.csv", "encoding": "latin-1", "delimiter": "#"}
    result = read_study({"follow_up": FOLLOW_UP}, sources={"patients": source})
    assert result.problems == ()
    assert result.tables["patients"]["centre_id"].tolist() == ["Zürich", "Genève"]


@pytest.mark.parametrize(
    ("mapping", "place", "problem", "hint"),
    [
        ({"columns": {"sxe": "sex"}}, "tables.patients.columns.sxe", "not a column of the table", "sex?"),
        ({"constants": {"ages": 5}}, "tables.patients.constants.ages", "not a column of the table", "age_"),
        ({"values": {"Sex": {}}}, "tables.patients.values.Sex", "not a column of the table", "sex?"),
        ({"time_unit": "months"}, "tables.patients.time_unit", "no such unit here", "reported_outcomes"),
        ({"filter": {"sex": ["Male"]}}, "tables.patients.filter", "the filter leaves no row", "as written"),
        ({"encoding": "klingon"}, "tables.patients.encoding", "unknown", "latin-1"),
        ({"encoding": "rot13"}, "tables.patients.encoding", "unknown", "latin-1"),
        (
            {"date_format": ["%d.%m.%Y", "%d.%m.%y"]},
            "tables.patients.date_format",
            "a two-digit year without pivot_year",
            "pivot_year: 30",
        ),
        (
            {"date_format": "%d.%m.%Y", "pivot_year": 30},
            "tables.patients.pivot_year",
            "no format has a two-digit year",
            "%y",
        ),
        (
            {"date_format": {"birth_date": "%m/%Y"}},
            "tables.patients.date_format.birth_date",
            "not a whole date",
            "day, month",
        ),
        ({"date_format": "dd.mm.yyyy"}, "tables.patients.date_format", "not a whole date", "%d.%m.%Y"),
        ({"date_format": "%"}, "tables.patients.date_format", "not a whole date", "%d.%m.%Y"),
        (
            {"date_format": {"diagnosis_date": "%d.%m"}},
            "tables.patients.date_format.diagnosis_date",
            "not a whole date",
            "day, month and year",
        ),
        (
            {"date_format": {"diagnosis": "excel"}},
            "tables.patients.date_format.diagnosis",
            "not a date of the table",
            "diagnosis_date?",
        ),
        (
            {"columns": {"sex": "sex"}, "constants": {"sex": "male"}},
            "tables.patients.constants.sex",
            "the column is given twice",
            "not both",
        ),
        ({"columns": {"sex": "gender"}}, "gender", "the file has no such column (for sex)", "The file has"),
        ({"filter": {"sax": ["male"]}}, "sax", "the file has no such column (for filter)", "sex?"),
    ],
)
def test_faults_of_a_mapping(read_study, write, mapping, place, problem, hint):
    write("p.csv", PATIENTS)
    result = read_study({"follow_up": FOLLOW_UP}, sources={"patients": {"file": "p.csv", **mapping}})
    (told,) = (p for p in result.problems if p.problem == problem)
    assert told.column == place
    assert hint in told.expected
    assert told.severity == "error"


def test_a_date_format_for_one_column(read_study, write):
    write("f.csv", "patient_id,seen,vital_status,died\nP1,43831,dead,31.12.2019\nP2,43832,alive,\n")
    columns = {"last_contact_date": "seen", "death_date": "died"}
    formats = {"last_contact_date": "excel", "death_date": "%d.%m.%Y"}
    source = {"file": "f.csv", "columns": columns, "date_format": formats}
    result = read_study({"patients": PATIENTS}, sources={"follow_up": source})
    assert not [
        p for p in result.problems if p.problem in ("not a date", "probably a serial number of Excel")
    ]
    follow_up = result.tables["follow_up"]
    assert follow_up["last_contact_date"].astype("string").tolist() == ["2020-01-01", "2020-01-02"]
    assert follow_up["death_date"].fillna("").tolist() == ["2019-12-31", ""]


def test_serial_numbers_by_the_calendar_of_the_workbook(read_study, tmp_path):
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    rows = [
        ["patient_id", "last_contact_date", "vital_status"],
        ["P1", dt.datetime(2020, 1, 1), "alive"],
        ["P2", 42369, "alive"],
    ]
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "f.xlsx")
    (told,) = read_study({"patients": PATIENTS}, sources={"follow_up": {"file": "f.xlsx"}}).problems
    assert (told.row, told.value, told.problem) == (3, "42369", "probably a serial number of Excel")
    assert "it would be 2020-01-01" in told.expected
    source = {"file": "f.xlsx", "date_format": "excel"}
    result = read_study({"patients": PATIENTS}, sources={"follow_up": source})
    days = result.tables["follow_up"]["last_contact_date"]
    assert days.astype("string").tolist() == ["2020-01-01"] * 2


def test_typed_dates_of_a_workbook_beside_texts_and_serial_numbers(read_study, tmp_path):
    book = openpyxl.Workbook()
    rows = [
        ["patient_id", "last_contact_date", "vital_status"],
        ["P1", dt.datetime(2020, 1, 1), "alive"],
        ["P2", "01.01.2020", "alive"],
        ["P3", "01.01.20", "alive"],
        ["P4", 43831, "alive"],
    ]
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "f.xlsx")
    source = {"file": "f.xlsx", "date_format": ["%d.%m.%Y", "%d.%m.%y", "excel"], "pivot_year": 30}
    patients = "patient_id\n" + "".join(f"P{i}\n" for i in range(1, 5))
    result = read_study({"patients": patients}, sources={"follow_up": source})
    assert not [p for p in result.problems if p.severity == "error"]
    assert result.tables["follow_up"]["last_contact_date"].tolist() == ["2020-01-01"] * 4


def test_unknown_columns_are_left_out_with_a_warning_once_for_each_file(read_study, write):
    write(
        "wide.csv",
        WIDE.replace("id,", "id,colour,")
        .replace("\nA", "\nA,red")
        .replace("\nB", "\nB,")
        .replace("\nC", "\nC,"),
    )
    outcome = {"columns": {"patient_id": "id", "time": "OS.time", "event": "OS"}}
    result = read_study(
        {},
        sources={
            "patients": {"file": "wide.csv", "columns": {"patient_id": "id"}},
            "reported_outcomes": {"file": "wide.csv", "constants": {"endpoint": "os"}, **outcome},
        },
    )
    (told,) = result.problems
    assert (told.row, told.column, told.value) == (1, "", "PFS, PFS.time, arm, colour, gender")
    assert (told.problem, told.severity) == ("5 columns that nothing uses, left out", "warning")
    assert "colour" not in result.tables["patients"]


def test_a_misspelt_column_names_the_nearest(read_study):
    result = read_study({"patients": "patient_id,tumor_type\nP1,lung\nP2,lung\n", "follow_up": FOLLOW_UP})
    (told,) = result.problems
    assert (told.value, told.problem, told.row) == ("tumor_type", "1 column that nothing uses, left out", 1)
    assert told.expected.startswith("did you mean tumour_type for tumor_type?")
    mapped = {"file": "patients.csv", "columns": {"tumour_type": "site"}}
    files = {"patients": "patient_id,site,tumor_type\nP1,lung,x\nP2,lung,y\n", "follow_up": FOLLOW_UP}
    (told,) = read_study(files, sources={"patients": mapped}).problems
    assert "did you mean" not in told.expected, "tumour_type is read from another column"


def test_a_column_that_is_there_twice_stops_nothing_unless_it_is_used(read_study):
    text = "patient_id,stage,stage,sex\nP1,1,2,male\nP2,1,2,male\n"
    (told,) = read_study({"patients": text, "follow_up": FOLLOW_UP}).problems
    assert (told.value, told.severity) == ("stage", "warning")
    result = read_study({"patients": text, "follow_up": FOLLOW_UP}, extra_columns={"stage": "category"})
    assert [p.problem for p in result.problems if p.severity == "error"] == ["the column is there twice"]


def test_an_implausible_time_is_told_in_the_unit_of_the_file(read_study, write):
    write("o.csv", "patient_id,endpoint,time,event\nP1,os,700,1\nP2,os,2000,0\nP1,pfs,x,0\n")
    outcomes = {"file": "o.csv", "time_unit": "months"}
    problems = read_study({"patients": PATIENTS}, sources={"reported_outcomes": outcomes}).problems
    unread = "a finite number with the decimal mark . (months), or nothing where it is missing"
    assert [(p.value, p.problem, p.expected) for p in problems] == [
        ("700", "implausible", "0 to 657.1 months"),
        ("2000", "out of range", "0 to 1314.2 months"),
        ("x", "not a number", unread),
    ]


def test_extra_columns_are_typed_and_must_be_there(read_study):
    patients = "patient_id,arm,visits,noted\nP1,x,3,2015-01-01\nP2,y,,\n"
    extra = {"arm": "category", "visits": "integer", "noted": "date"}
    result = read_study({"patients": patients, "follow_up": FOLLOW_UP}, extra_columns=extra)
    assert result.problems == ()
    assert [str(result.tables["patients"][c].dtype) for c in extra] == ["category", "Int64", "datetime64[ns]"]
    result = read_study({"patients": patients, "follow_up": FOLLOW_UP}, extra_columns={"arms": "category"})
    (error,) = (p for p in result.problems if p.severity == "error")
    assert (error.table, error.column, error.problem) == (
        "patients",
        "arms",
        "a declared extra column is missing",
    )
    assert "did you mean arm?" in error.expected
