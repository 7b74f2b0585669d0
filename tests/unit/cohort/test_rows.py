"""Which rows of a file are read, what an empty cell means, and what is said of keys that can never match."""

import pytest

PATIENTS = "patient_id,sex\nP1,male\nP2,female\n"
FOLLOW_UP = "patient_id,last_contact_date,vital_status\nP1,2015-01-01,alive\nP2,2015-01-01,alive\n"
IMPORT = (
    "record_id,sex,vital,seen,arm,form\n"
    "1,male,,2015-01-01,a,base\n"
    "2,female,lost,2015-01-01,b,base\n"
    "3,,NA,2015-01-01,a,base\n"
    "4,male,,,a,base\n"
    "5,male,,2015-01-01,test,base\n"
    "6,male,,2015-01-01,a,scan\n"
)


@pytest.fixture
def write(tmp_path):
    def write_file(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")

    return write_file


def lost(result, table):
    rows = result.attrition[result.attrition["table"] == table]
    return list(rows[["step", "n_before", "n_lost", "n_after"]].itertuples(index=False, name=None))


def read_import(read_study, write, patients=None, **follow_up):
    write("import.csv", IMPORT)
    ids = {"patient_id": "record_id"}
    status = {"last_contact_date": "seen", "vital_status": "vital"}
    unused = {"ignore": ["vital", "seen", "sex"]}
    return read_study(
        {},
        sources={
            "patients": {"file": "import.csv", "columns": ids, **unused, **(patients or {})},
            "follow_up": {"file": "import.csv", "columns": ids | status, "missing": ["NA"], **follow_up},
        },
    )


def test_rows_are_chosen_by_filter_exclude_and_not_empty_and_counted_once(read_study, write):
    result = read_import(
        read_study,
        write,
        filter={"form": ["base"]},
        exclude={"arm": ["test"]},
        not_empty=["seen", "vital"],
        default={"vital_status": "alive"},
    )
    assert result.tables["follow_up"]["patient_id"].tolist() == ["2"]
    assert lost(result, "follow_up") == [
        ("cohort: filter", 6, 1, 5),
        ("cohort: exclude", 5, 1, 4),
        ("cohort: not_empty", 4, 3, 1),
    ]


def test_an_empty_cell_has_its_default_and_a_text_for_missing_stays_missing(read_study, write):
    rows = {"exclude": {"form": ["scan"]}, "not_empty": ["seen"]}
    result = read_import(read_study, write, default={"vital_status": "alive"}, **rows)
    assert [(p.row, p.column, p.value, p.problem) for p in result.problems if p.severity == "error"] == [
        (4, "vital_status", "NA", "empty")
    ]
    status = result.tables["follow_up"].set_index("patient_id")["vital_status"].astype("string").fillna("")
    assert status.to_dict() == {"1": "alive", "2": "lost", "3": "", "5": "alive"}


def test_numbers_get_leading_zeros_in_every_table_that_says_so(read_study, write):
    result = read_import(read_study, write, {"pad": {"patient_id": 4}}, not_empty=["vital", "seen"])
    assert result.tables["patients"]["patient_id"].tolist() == [f"000{i}" for i in range(1, 7)]
    (orphan,) = (p for p in result.problems if p.problem == "unknown patient")
    assert orphan.expected.startswith("did you mean 0002?")


@pytest.mark.parametrize(
    ("table", "text", "n_lost"),
    [
        (
            "labs",
            "patient_id,sample_date,analyte,value,unit\nP1,2015-01-01,alt,,U/L\nP1,2015-01-02,alt,20,U/L\n",
            1,
        ),
        (
            "cycles",
            "patient_id,cycle_date,radiopharmaceutical,activity_gbq\nP1,,,\nP2,2014-01-01,other,\n",
            1,
        ),
        ("therapies", "patient_id,start_date,kind,drug,sequence\nP1,,,,1\nP2,2014,other,x,1\n", 1),
        ("assessments", "patient_id,assessment_date,reader\nP1,,local\nP2,2014-05-01,local\n", 1),
        ("adverse_events", "patient_id,onset_date,term,grade\nP1,,,\nP2,2014,pain,1\n", 1),
        (
            "lesions",
            "patient_id,assessment_date,lesion_id,role,longest_mm,state\n"
            "P1,2014-05-01,L1,,,\nP1,2014-05-01,L2,target,20,measured\n",
            1,
        ),
    ],
)
def test_rows_that_hold_nothing_but_keys_are_left_out_and_counted(read_study, table, text, n_lost):
    tables = {"patients": PATIENTS, "follow_up": FOLLOW_UP, table: text}
    if table == "lesions":
        tables["assessments"] = "patient_id,assessment_date\nP1,2014-05-01\n"
    result = read_study(tables)
    assert not [p for p in result.problems if p.severity == "error"]
    assert len(result.tables[table]) == 1
    assert lost(result, table)[1] == ("cohort: empty rows", 2, n_lost, 1)


def test_a_cycle_with_an_activity_and_no_date_is_an_error(read_study):
    cycles = "patient_id,cycle_date,radiopharmaceutical,activity_gbq\nP1,,,7.4\n"
    problems = read_study({"patients": PATIENTS, "follow_up": FOLLOW_UP, "cycles": cycles}).problems
    assert ("cycle_date", "empty") in [(p.column, p.problem) for p in problems if p.severity == "error"]


def test_rows_of_patients_and_follow_up_are_never_left_out_as_empty(read_study):
    follow_up = FOLLOW_UP.replace("P2,2015-01-01,alive", "P2,,")
    problems = read_study({"patients": "patient_id,sex\nP1,male\nP2,\n", "follow_up": follow_up}).problems
    assert [(p.row, p.column) for p in problems if p.severity == "error"] == [
        (3, "last_contact_date"),
        (3, "vital_status"),
    ]


def test_ignored_columns_are_not_told_and_must_be_there(read_study, write):
    write("p.csv", "patient_id,sex,note,tel\nP1,male,x,1\nP2,female,,2\n")
    patients = {"file": "p.csv", "ignore": ["note", "tel"]}
    assert read_study({"follow_up": FOLLOW_UP}, sources={"patients": patients}).problems == ()
    patients["ignore"] = ["note", "tle"]
    told = {
        p.problem: p for p in read_study({"follow_up": FOLLOW_UP}, sources={"patients": patients}).problems
    }
    assert set(told) == {"the file has no such column (for ignore)", "1 column that nothing uses, left out"}
    assert told["the file has no such column (for ignore)"].expected.startswith("did you mean tel?")


def test_a_column_read_for_another_of_ours_is_not_taken_for_its_name(read_study, write):
    write("p.csv", "patient_id,grade,age_years\nP1,61,x\nP2,70,y\n")
    patients = {"file": "p.csv", "columns": {"age_years": "grade"}, "ignore": ["age_years"]}
    result = read_study({"follow_up": FOLLOW_UP}, sources={"patients": patients})
    assert [(p.column, p.severity, p.problem) for p in result.problems] == [
        ("grade", "note", "the column is read for age_years, and not for grade")
    ]
    assert result.tables["patients"]["grade"].isna().all()
    assert result.tables["patients"]["age_years"].tolist() == [61, 70]


@pytest.mark.parametrize(
    ("mapping", "place", "value", "severity", "problem", "hint"),
    [
        ({"values": {"sex": {"M": "male"}}}, "values.sex", "M", "warning", "no cell of the file has", "m, w"),
        (
            {"values": {"sex": {"?": None}}, "missing": ["?"]},
            "values.sex",
            "?",
            "error",
            "among missing",
            "not both",
        ),
        (
            {"values": {"sex": {"m": "male", " m": "male"}}},
            "values.sex",
            "m",
            "error",
            "occurs twice",
            "each once",
        ),
        ({"filter": {"sex": ["m", "M"]}}, "filter.sex", "M", "warning", "no cell of the file has", "m, w"),
        ({"filter": {"sex": ["m", "m "]}}, "filter.sex", "m", "error", "occurs twice", "each once"),
        ({"exclude": {"sex": ["x", "y"]}}, "exclude.sex", "x, y", "warning", "no cell has", "m, w"),
        ({"exclude": {"sxe": ["x"]}}, "sxe", "", "error", "(for exclude)", "did you mean sex?"),
        ({"not_empty": ["sxe"]}, "sxe", "", "error", "(for not_empty)", "did you mean sex?"),
        ({"default": {"ecog": 0}}, "default.ecog", "ecog", "error", "no column is read", "constants"),
        ({"default": {"sec": "male"}}, "default.sec", "sec", "error", "not a column", "did you mean sex?"),
        ({"pad": {"sex": 4}}, "pad.sex", "sex", "error", "not a text", "patient_id"),
    ],
)  # fmt: skip
def test_keys_that_mean_nothing(read_study, write, mapping, place, value, severity, problem, hint):
    write("p.csv", "patient_id,sex\nP1,m\nP2,w\n")
    base = {"file": "p.csv", "values": {"sex": {"m": "male", "w": "female"}}}
    values = base["values"]["sex"] | mapping.get("values", {}).get("sex", {})
    source = base | mapping | {"values": {"sex": values}}
    result = read_study({"follow_up": FOLLOW_UP}, sources={"patients": source})
    (told,) = (p for p in result.problems if problem in p.problem)
    assert told.column.endswith(place)
    assert (told.value, told.severity) == (value, severity)
    assert hint in told.expected


def test_columns_get_other_names_where_those_of_the_file_stand_twice(read_study, write):
    write("labels.csv", "Record,Date,Vital,Date\nP1,2015-01-01,alive,x\nP2,2016-01-01,alive,y\n")
    names = ["patient_id", "last_contact_date", "vital_status", "note"]
    source = {"file": "labels.csv", "names": names, "ignore": ["note"]}
    result = read_study({"patients": PATIENTS}, sources={"follow_up": source})
    assert result.problems == ()
    assert result.tables["follow_up"]["last_contact_date"].tolist() == ["2015-01-01", "2016-01-01"]
    result = read_study({"patients": PATIENTS}, sources={"follow_up": source | {"names": names[:3]}})
    assert [(p.column, p.expected) for p in result.problems if p.severity == "error"] == [
        ("tables.follow_up.names", "4 names, one for each column of the file")
    ]


def test_days_are_added_to_a_date(read_study, write):
    write("late.csv", "patient_id,sample_date,value\nP1,2015-01-01,0.9\n")
    source = {
        "file": "late.csv",
        "constants": {"analyte": "creatinine", "unit": "mg/dL"},
        "add_days": {"sample_date": 91},
    }
    tables = {"patients": PATIENTS, "follow_up": FOLLOW_UP}
    result = read_study(tables, sources={"labs": source})
    assert str(result.tables["labs"]["sample_date"][0].date()) == "2015-04-02"
    result = read_study(tables, sources={"labs": source | {"add_days": {"value": 1}}})
    assert "tables.labs.add_days.value" in [p.column for p in result.problems]
