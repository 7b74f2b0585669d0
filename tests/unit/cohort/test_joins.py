"""Columns of other files by a key, and files of a table that fill each other."""

import pytest

from prrt_outcomes.study.base import Join

PATIENTS = "patient_id\nP1\nP2\nP3\n"
PERIODS = "person,seen,form\n1,2020-05-01,x\n2,2020-06-01,x\n3,2020-07-01,x\n"
DEATHS = "person_id,death_date,cause,form\n1,2020-05-01,NET,x\n9,2019-01-01,,y\n"
JOIN = {"file": "death.csv", "on": {"person": "person_id"}, "columns": ["death_date", "cause"]}
PERIOD = {
    "file": "period.csv",
    "columns": {
        "patient_id": "person",
        "last_contact_date": ["death_date", "seen"],
        "death_date": "death_date",
        "vital_status": "cause",
    },
    "values": {"vital_status": {"NET": "dead"}},
    "default": {"vital_status": "alive"},
    "ignore": ["form"],
    "join": [JOIN],
}
IDS = {"file": "period.csv", "columns": {"patient_id": "person"}, "ignore": ["seen", "form"]}


@pytest.fixture
def read(tmp_path, read_study):
    def read_tables(files=None, **tables):
        for name, text in ({"period.csv": PERIODS, "death.csv": DEATHS} | (files or {})).items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        return read_study({}, sources={"patients": IDS} | tables)

    return read_tables


def told(result, *severities):
    severities = severities or ("error",)
    return [(p.table, p.row, p.column, p.value) for p in result.problems if p.severity in severities]


def test_deaths_of_another_file_are_joined(read):
    result = read(follow_up=PERIOD)
    assert told(result, "error", "warning") == []
    follow_up = result.tables["follow_up"].astype(object).fillna("")
    columns = ["patient_id", "last_contact_date", "vital_status", "death_date"]
    assert follow_up[columns].to_numpy().tolist() == [
        ["1", "2020-05-01", "dead", "2020-05-01"],
        ["2", "2020-06-01", "alive", ""],
        ["3", "2020-07-01", "alive", ""],
    ]
    (note,) = (p for p in result.problems if p.severity == "note")
    assert note.table == "follow_up (death.csv)"
    assert note.problem == "2 of 3 rows have no row in the joined file"


def test_a_problem_of_a_joined_cell_names_its_own_file_and_line(read):
    files = {"death.csv": "person_id,death_date,cause\n9,x,y\n1,2020-02-30,NET\n"}
    found = told(read(files, follow_up=PERIOD))
    assert ("follow_up (death.csv)", 3, "death_date", "2020-02-30") in found
    late = {"period.csv": PERIODS.replace("2020-06-01", "2020-06-31")}
    assert told(read(late, follow_up=PERIOD)) == [("follow_up", 3, "seen", "2020-06-31")]


def test_a_key_that_stands_twice_in_the_joined_file_is_an_error(read):
    files = {"death.csv": DEATHS + "1,2020-05-02,NET,z\n"}
    result = read(files, follow_up=PERIOD)
    (error,) = (p for p in result.problems if p.severity == "error")
    assert (error.table, error.row, error.column, error.value) == (
        "follow_up (death.csv)",
        4,
        "person_id",
        "1",
    )
    assert "the same is in row 2" in error.expected
    chosen = PERIOD | {"join": [JOIN | {"exclude": {"form": ["z"]}}]}
    assert told(read(files, follow_up=chosen)) == []


SCANS = "person_id,day,what\n1,05.03.2020,a\n1,01.02.2020,b\n1,01.02.2020,c\n1,,d\n2,01.01.2019,e\n3,x,f\n"


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"earliest": "day"}, ["b", "e", ""]),
        ({"latest": "day"}, ["a", "e", ""]),
        ({"earliest": "day", "after": "seen"}, ["a", "", ""]),
        ({"latest": "day", "after": ["seen", "form"]}, ["a", "", ""]),
        ({"earliest": "day", "exclude": {"what": ["b"]}}, ["c", "e", ""]),
    ],
)
def test_of_several_rows_the_one_of_a_date_is_joined(read, order, expected):
    files = {
        "scans.csv": SCANS.replace("3,x,f\n", ""),
        "period.csv": PERIODS.replace("2020-05-01", "2020-02-01").replace("x", ""),
    }
    join = {"file": "scans.csv", "on": {"person": "person_id"}, "columns": ["what", "day"], **order}
    source = {
        "file": "period.csv",
        "columns": {
            "patient_id": "person",
            "last_contact_date": "seen",
            "progression_date": "day",
            "death_cause": "what",
        },
        "constants": {"vital_status": "alive"},
        "date_format": {"progression_date": "%d.%m.%Y"},
        "ignore": ["form"],
        "join": [join],
    }
    result = read(files, follow_up=source)
    assert [p for p in told(result) if p[2] == "day"] == []
    assert result.tables["follow_up"]["death_cause"].fillna("").tolist() == expected
    (note,) = (p for p in result.problems if "further rows of the joined file" in p.problem)
    assert note.column == "day"


def test_what_is_no_date_cannot_be_ordered(read):
    join = {"file": "scans.csv", "on": {"person": "person_id"}, "columns": ["what"], "latest": "day"}
    periods = {"file": "period.csv", "date_format": "%d.%m.%Y", "ignore": ["seen", "form"], "join": [join]}
    periods["columns"] = {"patient_id": "person", "death_cause": "what"}
    found = [p for p in told(read({"scans.csv": SCANS}, follow_up=periods)) if p[0] != "follow_up"]
    assert found == [("follow_up (scans.csv)", 7, "day", "x")]


@pytest.mark.parametrize(
    ("order", "words"),
    [({"earliest": "day", "latest": "day"}, "one or the other"), ({"after": "seen"}, "earliest or latest")],
)
def test_an_order_of_dates_that_is_none_is_refused(order, words):
    with pytest.raises(ValueError, match=words):
        Join(file="scans.csv", on="person", columns=("day",), **order)


def test_two_columns_can_be_the_key(read):
    left = "person,visit,seen\n1,a,2020-01-01\n1,b,2020-02-01\n2,a,2020-03-01\n"
    right = "person,visit,size\n1,b,20\n1,a,10\n2,b,30\n,a,40\n"
    patients = IDS | {"columns": {"patient_id": None}, "ignore": ["person", "form", "seen"]}
    result = read(
        {"left.csv": left, "right.csv": right},
        patients=patients,
        follow_up={"file": "period.csv", "columns": {"patient_id": None, "last_contact_date": "seen"}}
        | {"constants": {"vital_status": "alive"}},
        reported_outcomes={
            "file": "left.csv",
            "columns": {"patient_id": None, "time": "s size"},
            "constants": {"event": 1, "endpoint": "os"},
            "join": [{"file": "right.csv", "on": ["person", "visit"], "columns": ["size"], "prefix": "s "}],
        },
    )
    assert result.tables["reported_outcomes"]["time"].tolist() == [10, 20]


@pytest.mark.parametrize(
    ("change", "place", "value", "hint"),
    [
        ({"on": "person"}, "person", "", "did you mean person_id?"),
        ({"on": {"persn": "person_id"}}, "persn", "", "did you mean person?"),
        ({"columns": ["deth_date"]}, "deth_date", "", "did you mean death_date?"),
        ({"columns": ["form"]}, "tables.follow_up.join.0", "form", "prefix"),
        ({"file": "deth.csv"}, "", "deth.csv", "did you mean death.csv?"),
        ({"filter": {"form": ["k"]}}, "tables.follow_up.join.0.filter", "form: k", "as written there"),
    ],
)
def test_faults_of_a_join(read, change, place, value, hint):
    result = read(follow_up=PERIOD | {"join": [JOIN | change]})
    error = next(p for p in result.problems if p.severity == "error")
    assert (error.column, error.value) == (place, value)
    assert hint in error.expected


@pytest.mark.parametrize(("mark", "own"), [(",", {}), (".", {"decimal": "."})])
def test_numbers_of_a_joined_file_have_its_decimal_mark(read, mark, own):
    text = f"person;dose\n1;{mark.join('45')}\n2;{mark.join('56')}\n"
    cycles = {
        "file": "period.csv",
        "columns": {"patient_id": "person", "cycle_date": "seen", "kidney_dose_gy": "dose"},
        "constants": {"radiopharmaceutical": "other"},
        "decimal": ",",
        "ignore": ["form"],
        "join": [{"file": "dose.csv", "on": "person", "columns": ["dose"], **own}],
    }
    result = read({"dose.csv": text}, cycles=cycles, follow_up=PERIOD)
    assert result.tables["cycles"]["kidney_dose_gy"].fillna(0).tolist() == [4.5, 5.6, 0]
    thousands = read({"dose.csv": text.replace(mark, ":" if own else ".")}, cycles=cycles, follow_up=PERIOD)
    assert [p.problem for p in thousands.problems if p.column == "dose"] == ["not a number"] * 2


def test_a_column_that_stands_twice_in_the_joined_file_stops_only_its_use(read):
    files = {"death.csv": "person_id,death_date,cause,form,form\n1,2020-05-01,NET,x,y\n"}
    assert told(read(files, follow_up=PERIOD)) == []
    files["death.csv"] = "person_id,death_date,cause,cause\n1,2020-05-01,NET,NET\n"
    assert [p.problem for p in read(files, follow_up=PERIOD).problems if p.severity == "error"] == [
        "the column is there twice"
    ]


def test_no_row_that_has_a_match_is_a_warning(read):
    result = read({"death.csv": DEATHS.replace("1,2020", "P1,2020")}, follow_up=PERIOD)
    (warning,) = (p for p in result.problems if "no row in the joined file" in p.problem)
    assert (warning.severity, warning.problem[:6]) == ("warning", "3 of 3")


CLINIC = "patient_id,last_contact_date,vital_status\n1,2020-05-01,\n2,,alive\n3,2020-07-01,alive\n"
REGISTER = (
    "patient_id,vital_status,last_contact_date,death_date\n1,dead,2020-05-01,2020-05-01\n2,,2021-01-01,\n"
)


def merged(read, register, clinic=CLINIC):
    files = {"clinic.csv": clinic, "register.csv": register}
    return read(files, follow_up=["clinic.csv", {"file": "register.csv", "merge": True}])


def test_a_second_file_fills_empty_cells(read):
    result = merged(read, REGISTER)
    assert told(result, "error", "warning") == []
    follow_up = result.tables["follow_up"].astype(object).fillna("")
    assert follow_up[
        ["patient_id", "last_contact_date", "vital_status", "death_date"]
    ].to_numpy().tolist() == [
        ["1", "2020-05-01", "dead", "2020-05-01"],
        ["2", "2021-01-01", "alive", ""],
        ["3", "2020-07-01", "alive", ""],
    ]


def test_and_adds_rows_for_keys_that_are_not_there(read):
    clinic = "".join(CLINIC.splitlines(keepends=True)[:3])
    result = merged(read, REGISTER + "3,lost,2020-01-01,\n", clinic)
    assert told(result) == []
    assert result.tables["follow_up"]["patient_id"].tolist() == ["1", "2", "3"]
    assert result.lines["follow_up"].tolist() == [2, 3, 4]


def test_two_values_for_one_cell_are_an_error_that_names_both(read):
    result = merged(read, REGISTER.replace("1,dead,2020-05-01", "1,dead,2020-05-02"))
    error = next(p for p in result.problems if p.severity == "error")
    assert (error.table, error.row, error.column) == ("follow_up (register.csv)", 2, "last_contact_date")
    assert error.value == "2020-05-02"
    assert (
        error.expected
        == "one value: 2020-05-01 stands in follow_up (clinic.csv), row 2, column last_contact_date"
    )


def test_what_no_file_fills_is_told_once_and_where_it_came_from(read):
    result = merged(read, REGISTER.replace("2021-01-01", "2021-01-32"))
    found = [(p.table, p.row, p.column, p.problem) for p in result.problems if p.severity == "error"]
    assert ("follow_up (register.csv)", 3, "last_contact_date", "a date that does not exist") in found
    result = merged(read, REGISTER.replace("1,dead", "1,"))
    (error,) = (p for p in result.problems if p.severity == "error")
    assert (error.table, error.row, error.column, error.problem) == (
        "follow_up (clinic.csv)",
        2,
        "vital_status",
        "empty",
    )


def test_a_required_column_may_stand_in_either_file(read):
    clinic = "patient_id,last_contact_date\n1,2020-05-01\n2,2020-05-01\n3,2020-05-01\n"
    status = "patient_id,vital_status\n1,alive\n2,alive\n3,lost\n"
    assert told(merged(read, status, clinic)) == []
    (error,) = (p for p in merged(read, clinic, clinic).problems if p.severity == "error")
    assert (error.column, error.problem) == ("vital_status", "a required column is missing in all files")


def test_the_first_file_has_nothing_to_merge_with(read):
    files = {"clinic.csv": CLINIC}
    result = read(files, follow_up=[{"file": "clinic.csv", "merge": True}])
    assert "tables.follow_up.merge" in [p.column for p in result.problems if p.severity == "error"]


def test_a_key_that_is_padded_is_padded_in_the_joined_file_too(read):
    deaths = DEATHS.replace("1,2020", "001,2020").replace("9,2019", "009,2019")
    pad = {"pad": {"patient_id": 3}}
    result = read({"death.csv": deaths}, patients=IDS | pad, follow_up=PERIOD | pad)
    assert told(result) == []
    follow_up = result.tables["follow_up"]
    assert follow_up["patient_id"].tolist() == ["001", "002", "003"]
    assert follow_up["vital_status"].tolist() == ["dead", "alive", "alive"]


def test_samples_of_a_day_are_numbered_over_the_files(read):
    lab = "person,day,test,result\n1,2020-01-01,alt,30\n1,2020-01-01,alt,31\n1,2020-01-01,ast,20\n"
    source = {
        "columns": {
            "patient_id": "person",
            "sample_date": "day",
            "analyte": "test",
            "value": "result",
            "sequence": None,
        },
        "constants": {"unit": "U/L"},
    }
    more = "person,day,test,result\n1,2020-01-01,alt,32\n2,2020-01-01,alt,20\n"
    result = read(
        {"lab.csv": lab, "more.csv": more},
        follow_up=PERIOD,
        labs=[{"file": "lab.csv", **source}, {"file": "more.csv", **source}],
    )
    assert told(result) == []
    labs = result.tables["labs"]
    assert labs["sequence"].tolist() == [1, 2, 1, 3, 1]
    assert labs["value"].tolist() == [30, 31, 20, 32, 20]
