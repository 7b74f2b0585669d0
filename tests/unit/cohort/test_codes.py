"""Codes that probably mean something else, and levels that look alike."""

import json

import pytest

PATIENTS = "patient_id,sex\nP1,male\nP2,female\n"
FOLLOW_UP = "patient_id,last_contact_date,vital_status\nP1,2015-01-01,alive\nP2,2015-01-01,alive\n"


@pytest.fixture
def write(tmp_path):
    def write_file(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")

    return write_file


OUTCOMES = "id,os_days,status,cnsr\nP1,10,1,0\nP2,20,2,1\nP3,30,2,1\n"


def read_events(read_study, write, event, text=OUTCOMES, **source):
    write("o.csv", text)
    ids = {"patient_id": "id"}
    outcome = {"columns": ids | {"time": "os_days", "event": event}, "constants": {"endpoint": "os"}}
    patients = {"file": "o.csv", "columns": ids}
    return read_study(
        {}, sources={"patients": patients, "reported_outcomes": {"file": "o.csv"} | outcome | source}
    )


@pytest.mark.parametrize(
    ("event", "line"),
    [("status", 'values: {event: {"1": 0, "2": 1}}'), ("cnsr", 'values: {event: {"0": 1, "1": 0}}')],
)
def test_events_that_are_coded_otherwise_are_an_error_with_the_line_to_write(read_study, write, event, line):
    (problem,) = (p for p in read_events(read_study, write, event).problems if p.severity == "error")
    assert (problem.table, problem.row, problem.column, problem.value) == (
        "reported_outcomes",
        1,
        "event",
        event,
    )
    assert line in problem.expected


@pytest.mark.parametrize(
    ("event", "values", "events"),
    [
        ("status", {"1": 0, "2": 1}, [0, 1, 1]),
        ("status", {"1": 1, "2": 2}, [1, 2, 2]),
        ("cnsr", {"0": 1, "1": 0}, [1, 0, 0]),
    ],
)
def test_values_that_name_every_code_are_consent(read_study, write, event, values, events):
    result = read_events(read_study, write, event, values={"event": values})
    assert [p for p in result.problems if p.severity == "error"] == []
    assert result.tables["reported_outcomes"]["event"].tolist() == events


def test_values_that_name_some_of_the_codes_are_no_consent(read_study, write):
    problems = read_events(read_study, write, "cnsr", values={"event": {"2": 1}}).problems
    assert [p.problem for p in problems if p.severity == "error"] == [
        "a column of this name usually holds 1 for censored"
    ]


def test_codes_1_and_2_of_one_endpoint_are_told_beside_another_that_has_0(read_study):
    outcomes = "patient_id,endpoint,time,event\nP1,os,10,1\nP2,os,20,2\nP1,pfs,5,0\nP2,pfs,6,1\n"
    problems = read_study({"patients": PATIENTS, "reported_outcomes": outcomes}).problems
    assert any("1 and 2 without 0" in p.problem for p in problems)


@pytest.mark.parametrize("codes", ["0,1,2", "0,1,1", "1,1,1", "0,0,0", "0,2,2"])
def test_other_events_are_taken_as_they_are(read_study, write, codes):
    rows = zip(("P1", "P2", "P3"), codes.split(","), strict=True)
    text = "id,os_days,status\n" + "".join(f"{name},10,{code}\n" for name, code in rows)
    assert read_events(read_study, write, "status", text).problems == ()


def test_words_for_events_get_the_line_to_write(read_study, write):
    text = "id,os_days,status\nP1,10,1:DECEASED\nP2,20,0:LIVING\nP3,30,not dead\n"
    first, *_ = read_events(read_study, write, "status", text).problems
    line = 'values: {event: {"0:LIVING": 0, "1:DECEASED": 1, "not dead": ...}}'
    assert line in first.expected


def test_an_empty_cell_can_mean_a_code(read_study):
    follow_up = "patient_id,last_contact_date,death,death_date\nP1,2015-01-01,Y,2015-01-01\nP2,2015-01-01,,\n"
    source = {"file": "follow_up.csv", "columns": {"vital_status": "death"}}
    result = read_study({"patients": PATIENTS, "follow_up": follow_up}, sources={"follow_up": source})
    told = {p.problem: p.expected for p in result.problems}
    assert 'values: {vital_status: {"": ...}} in study.yaml' in told["empty"]
    assert 'values: {vital_status: {"Y": ...}}' in told["not in the list of codes"]
    source["values"] = {"vital_status": {"Y": "dead", "": "alive"}}
    result = read_study({"patients": PATIENTS, "follow_up": follow_up}, sources={"follow_up": source})
    assert result.problems == ()
    assert result.tables["follow_up"]["vital_status"].tolist() == ["dead", "alive"]


def test_levels_are_one_whatever_their_blanks_and_unicode_form(read_study):
    texts = ["A", "A ", "a", "B", "B\u00a0", "\u00c4", "A\u0308", "C  D", "C D", "\u200bC D"]
    patients = "patient_id,sex,centre_id,arm\n" + "".join(
        f"P{i},male\u00a0,C{i % 2}{' ' * (i % 3)},{text}\n" for i, text in enumerate(texts)
    )
    follow_up = "patient_id,last_contact_date,vital_status\n" + "".join(
        f"P{i} ,2015-01-01,alive\n" for i in range(len(texts))
    )
    result = read_study({"patients": patients, "follow_up": follow_up}, extra_columns={"arm": "category"})
    assert sorted(result.tables["patients"]["arm"].cat.categories) == ["A", "B", "C D", "a", "\u00c4"]
    assert sorted(result.tables["patients"]["centre_id"].unique()) == ["C0", "C1"]
    notes = {p.column: p for p in result.problems if p.severity == "note" and p.table == "patients"}
    assert set(notes) == {"sex", "centre_id", "arm"}
    assert notes["arm"].problem == "5 texts with blanks or another Unicode form"
    assert json.dumps("B\u00a0") in notes["arm"].value
    (warning,) = (p for p in result.problems if p.severity == "warning")
    assert (warning.column, warning.value) == ("arm", "A, a")
    assert 'values: {arm: {"a": A}}' in warning.expected


def test_texts_of_the_study_file_fit_the_cleaned_ones(read_study, write):
    write("p.csv", "patient_id,sex\nP1,M\u00a0\nP2,n. a. \nP3,F\n")
    source = {"file": "p.csv", "filter": {"sex": ["M", "n. a."]}, "missing": ["n. a."]}
    source |= {"values": {"sex": {"M ": "male"}}}
    result = read_study({"follow_up": FOLLOW_UP}, sources={"patients": source})
    assert [p for p in result.problems if p.severity == "error"] == []
    assert result.tables["patients"]["sex"].astype("string").fillna("").tolist() == ["male", ""]


def test_names_of_columns_are_one_whatever_their_blanks(read_study, write):
    write("p.csv", 'patient_id ,"sex\u00a0","Year  of birth",A\u0308rm\nP1,male,1950,x\nP2,female,1960,y\n')
    columns = {"birth_year": "Year of birth ", "arm": "\u00c4rm"}
    source = {"file": "p.csv", "columns": columns, "filter": {"A\u0308rm": ["x", "y"]}}
    result = read_study(
        {"follow_up": FOLLOW_UP}, sources={"patients": source}, extra_columns={"arm": "string"}
    )
    assert result.problems == ()
    patients = result.tables["patients"]
    assert patients[["sex", "birth_year", "arm"]].astype(str).to_numpy().tolist() == [
        ["male", "1950", "x"],
        ["female", "1960", "y"],
    ]
