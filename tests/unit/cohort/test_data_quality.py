"""Completeness, ranges and kinds of problems: counts made by hand from tables of a few rows."""

from pathlib import Path

import pandas as pd
import pytest

from prrt_outcomes.cohort import problem_places
from prrt_outcomes.cohort.data_quality import (
    MOST_GROUPS,
    OTHER_CENTRES,
    summarise_data_quality,
    summarise_ranges,
)
from prrt_outcomes.cohort.plausibility import load_rules
from prrt_outcomes.cohort.problem_places import KINDS, summarise_problems, summarise_warnings
from prrt_outcomes.errors import Problem, load_faults
from prrt_outcomes.tables.schema import load_schema

PATIENTS = """patient_id,centre_id,sex,age_years,ecog
p1,A,female,60,1
p2,A,,200,
p3,B,femle,97,x
p4,,male,,
p5,B,male,50,0
"""
CYCLES = """patient_id,cycle_date,radiopharmaceutical,activity_gbq
p1,2010-03-01,177Lu-DOTATATE,7.4
p1,2011-05-01,177Lu-DOTATATE,
p2,2011-06-01,177Lu-DOTATATE,20
p3,2011-07-01,177Lu-DOTATATE,7.0
p5,2010-01-01,177Lu-DOTATATE,7.2
p5,2010-01-01,177Lu-DOTATATE,7.2
"""
FOLLOW_UP = """patient_id,last_contact_date,vital_status,death_date
p1,2015-01-01,alive,
p2,2016-01-01,dead,2016-01-01
p3,2009,alive,
p4,2015-03,lost,
p5,2015-05-01,dead,2015-05-01
"""
TABLES = {"patients": PATIENTS, "cycles": CYCLES, "follow_up": FOLLOW_UP}


@pytest.fixture
def cohort(read_study):
    return read_study(TABLES)


def count(quality, table, column, centre="all", year="all"):
    """(n, n_missing, n_doubtful) of one row; None where there is no such row."""
    chosen = quality.query("table == @table and column == @column and centre_id == @centre and year == @year")
    if chosen.empty:
        return None
    return tuple(None if pd.isna(v) else int(v) for v in chosen.iloc[0][["n", "n_missing", "n_doubtful"]])


def test_missing_and_doubtful_cells_of_a_column(cohort):
    quality = summarise_data_quality(cohort)
    assert count(quality, "patients", "sex") == (5, 1, 1)  # femle is in doubt, not missing
    assert count(quality, "patients", "age_years") == (5, 1, 2)  # 200 is an error, 97 implausible
    assert count(quality, "patients", "ecog") == (5, 2, 1)
    assert count(quality, "cycles", "activity_gbq") == (6, 1, 1)
    assert count(quality, "cycles", "cycle_date") == (
        6,
        0,
        2,
    )  # the key that occurs twice; p3 after the last contact
    assert count(quality, "follow_up", "last_contact_date") == (5, 0, 1)  # 2009, before the first cycle
    assert count(quality, "follow_up", "death_date") == (5, 3, 0)


def test_rows_of_a_table_are_in_doubt_once(cohort):
    quality = summarise_data_quality(cohort)
    assert count(quality, "patients", "all") == (5, None, 3)  # p2; p3 with three faults; p4, who has no cycle
    assert count(quality, "cycles", "all") == (6, None, 3)  # both of these, and the activity of p2


def test_by_centre_of_the_patient(cohort):
    quality = summarise_data_quality(cohort)
    assert count(quality, "patients", "sex", centre="A") == (2, 1, 0)
    assert count(quality, "patients", "sex", centre="B") == (2, 0, 1)
    assert count(quality, "patients", "sex", centre="unknown") == (1, 0, 0)
    assert count(quality, "cycles", "activity_gbq", centre="A") == (3, 1, 1)
    assert count(quality, "cycles", "activity_gbq", centre="B") == (3, 0, 0)
    assert count(quality, "cycles", "activity_gbq", centre="unknown") is None


def test_by_year_of_the_row_or_of_the_first_cycle(cohort):
    quality = summarise_data_quality(cohort)
    assert count(quality, "cycles", "activity_gbq", year="2010") == (3, 0, 0)
    assert count(quality, "cycles", "activity_gbq", year="2011") == (3, 1, 1)
    assert count(quality, "patients", "sex", year="2010") == (2, 0, 0)  # p1, p5
    assert count(quality, "patients", "sex", year="2011") == (2, 1, 1)  # p2, p3
    assert count(quality, "patients", "sex", year="unknown") == (1, 0, 0)  # p4


def test_groups_add_up_to_the_whole(cohort):
    quality = summarise_data_quality(cohort)
    for axis, other in (("centre_id", "year"), ("year", "centre_id")):
        parts = quality[quality[axis].ne("all") & quality[other].eq("all")]
        summed = parts.groupby(["table", "column"])[["n", "n_missing", "n_doubtful"]].sum()
        whole = quality.query("centre_id == 'all' and year == 'all'").set_index(["table", "column"])
        expected = whole.loc[summed.index, summed.columns].fillna(0)
        pd.testing.assert_frame_equal(summed, expected, check_dtype=False)


def test_a_note_says_what_is_wrong_and_what_no_file_has(cohort):
    quality = summarise_data_quality(cohort).query("centre_id == 'all' and year == 'all'")
    notes = quality.set_index(["table", "column"])["note"]
    assert notes["patients", "age_years"] == "out of range: 1; implausible: 1"
    assert notes["patients", "grade"] == "not in the files"
    assert pd.isna(notes["patients", "centre_id"]) or notes["patients", "centre_id"] == ""


def test_without_centres_and_dates_there_is_one_row_a_column(read_study):
    quality = summarise_data_quality(
        read_study(
            {
                "patients": "patient_id,sex\np1,female\n",
                "reported_outcomes": "patient_id,endpoint,time,event\np1,os,9,1\n",
            }
        )
    )
    assert set(quality["centre_id"]) == set(quality["year"]) == {"all"}
    assert not quality.duplicated(["table", "column"]).any()


def test_centres_beyond_the_largest_are_one(read_study):
    rows = [f"q{i}a,centre {i:02d}\nq{i}b,centre {i:02d}" for i in range(MOST_GROUPS)]
    rows += ["r1,small 1", "r2,small 2"]
    follow_up = "patient_id,last_contact_date,vital_status\n"
    cohort = read_study(
        {"patients": "patient_id,centre_id\n" + "\n".join(rows) + "\n", "follow_up": follow_up}
    )
    quality = summarise_data_quality(cohort).query("table == 'patients' and column == 'all'")
    sizes = dict(zip(quality["centre_id"], quality["n"], strict=True))
    assert sizes.pop("all") == 2 * MOST_GROUPS + 2
    assert sizes.pop(OTHER_CENTRES) == 2
    assert list(sizes.values()) == [2] * MOST_GROUPS
    assert list(sizes) == sorted(sizes)


def test_cells_that_became_rows_are_found_where_they_stand(read_study, tmp_path):
    wide = (
        "patient_id,1. PRRT,GBq 1,2. PRRT,GBq 2\n"
        "p1,2010-03-01,7.4,2010-05-01,950\n"
        "p2,2011-02-30,7.1,2011-07-01,\n"
    )
    (tmp_path / "wide.csv").write_text(wide)
    mapping = {
        "file": "wide.csv",
        "constants": {"radiopharmaceutical": "177Lu-DOTATATE"},
        "unpivot": {"columns": {"cycle_date": "{n}. PRRT", "activity_gbq": "GBq {n}"}},
    }
    quality = summarise_data_quality(
        read_study({"patients": PATIENTS, "follow_up": FOLLOW_UP}, sources={"cycles": mapping})
    )
    assert count(quality, "cycles", "activity_gbq") == (4, 1, 1)
    assert count(quality, "cycles", "cycle_date") == (4, 0, 1)
    assert count(quality, "cycles", "all") == (4, None, 2)
    assert count(quality, "cycles", "activity_gbq", year="2010") == (2, 0, 1)
    assert count(quality, "cycles", "cycle_date", year="unknown") == (1, 0, 1)


def test_ranges_leave_out_what_is_impossible_and_count_it(cohort):
    ranges = summarise_ranges(cohort).set_index(["table", "column"])
    age = ranges.loc[("patients", "age_years")]
    assert age[["n", "minimum", "median", "maximum", "n_beyond"]].tolist() == [3, 50, 60, 97, 2]
    assert age[["plausible_low", "plausible_high"]].tolist() == [10, 95]
    activity = ranges.loc[("cycles", "activity_gbq")]
    assert activity[["n", "minimum", "median", "maximum", "n_beyond"]].tolist() == [5, 7.0, 7.2, 20, 1]


def test_ranges_of_laboratory_values_are_in_si_units(read_study):
    labs = "patient_id,sample_date,analyte,value,unit\n"
    rows = ["creatinine,1,mg/dL", "haemoglobin,12,g/dL", "haemoglobin,130,g/L", "haemoglobin,9,furlong"]
    labs += "\n".join(f"p1,2011-0{i}-01,{row}" for i, row in enumerate(rows, start=1))
    ranges = summarise_ranges(read_study(TABLES | {"labs": labs})).query("table == 'labs'").set_index("level")
    assert ranges.loc["creatinine", ["n", "median"]].tolist() == [1, pytest.approx(88.42)]
    assert ranges.loc["haemoglobin", ["n", "minimum", "maximum"]].tolist() == [2, 120, 130]
    assert ranges.loc["haemoglobin", "unit"] == "g/L"


def test_the_same_fault_is_counted_with_its_first_lines():
    problems = [
        Problem("labs", line, "sample_date", "", "sample after death", f"{line}") for line in range(9, 1, -1)
    ]
    problems.append(Problem("labs", 4, "unit", "", "an unusual limit in this unit", "", "warning"))
    found = summarise_problems(problems)
    assert found["kind"].tolist() == ["dates", "units"]
    assert found["n"].tolist() == [8, 1]
    assert found["lines"].tolist() == ["2, 3, 4, 5, 6 and 3 more", "4"]


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (Problem("patients", 3, "sex", "mal", "not in the list of codes", ""), "values"),
        (Problem("patients", 3, "patient_id", "p", "duplicate key", ""), "duplicates"),
        (Problem("cycles", 3, "patient_id", "p", "unknown patient", ""), "references"),
        (Problem("cycles", None, "cycle_date", "", "3 dates in the future", "", "warning"), "dates"),
        (Problem("lesions", None, "", "", "without a table assessments", "", "warning"), "references"),
        (Problem("patients", 1, "", "", "2 columns that nothing uses, left out", ""), "files"),
        (Problem("patients", 3, "karnofsky", "10", "does not fit ecog", "", "warning"), "consistency"),
        (Problem("study.yaml", 3, "title", "", "unknown key", ""), "settings"),
    ],
)
def test_the_kind_of_a_problem(problem, kind):
    assert summarise_problems([problem])["kind"].tolist() == [kind]
    assert kind in KINDS


def test_every_warning_has_a_consequence_and_only_warnings_are_counted():
    rules = [rule for rule in load_rules()["rules"] if rule["severity"] == "warning"]
    problems = [
        Problem(rule["tables"][0], row, rule["column"], "", rule["problem"], "", "warning")
        for rule in rules
        for row in (2, 3)
    ]
    others = [Problem("labs", 2, "value", "", "odd", "", severity) for severity in ("error", "note")]
    found = summarise_warnings([*problems, *others], None)
    assert found["n"].sum() == len(problems)
    assert (found["consequence"].str.endswith(".") & found["consequence"].str.len().gt(15)).all()
    assert "odd" not in set(found["problem"])


@pytest.mark.parametrize("words", load_rules()["consequences"])
def test_a_consequence_is_of_a_problem_that_is_told(words):
    sources = [
        path.read_text(encoding="utf-8") for path in Path(problem_places.__file__).parents[1].rglob("*.py")
    ]
    told = "\n".join(
        [*sources, *(rule["problem"] for rule in (*load_rules()["rules"], *load_faults().values()))]
    )
    assert words.strip("^$") in told


@pytest.mark.parametrize(
    ("rule", "consequence"),
    [
        ("last_contact", "Each is taken as dead on the day of the last contact."),
        ("censor", "Each is censored at the last contact."),
    ],
)
def test_a_death_without_a_date_is_told_as_the_study_takes_it(rule, consequence):
    problem = Problem("follow_up", 2, "death_date", "", "dead without a date of death", "", "warning")
    assert summarise_warnings([problem], rule)["consequence"].tolist() == [consequence]


def test_columns_stand_in_the_order_of_the_contract():
    contract = ("table", "column", "centre_id", "n", "n_missing", "n_doubtful", "note")
    assert load_schema("data_quality").names[:7] == contract


def test_what_a_rule_gave_and_what_disagrees_is_counted(read_study):
    patients = "patient_id,tumour_type,grade,ki67_percent\np1,gep_pancreas,,2\np2,gep_pancreas,G1,25\n"
    follow_up = "patient_id,last_contact_date,vital_status\np1,2015-01-01,alive\np2,2016-01-01,alive\n"
    scans = "patient_id,assessment_date\np1,2014-05\np2,2014-06-01\n"
    quality = summarise_data_quality(
        read_study({"patients": patients, "follow_up": follow_up, "assessments": scans})
    )
    notes = quality.query("centre_id == 'all' and year == 'all'").set_index(["table", "column"])["note"]
    assert notes["patients", "grade"] == "1 patient without a grade"
    assert notes["patients", "ki67_percent"] == "does not fit the grade: 1"
    assert notes["assessments", "assessment_date"] == "1 date without a day"
