"""Settings that name what is not there are found before a table is read, with line and nearest name."""

from dataclasses import replace

import pandas as pd
import pytest

from prrt_outcomes.cohort.names import check_names
from prrt_outcomes.cohort.settings import (
    add_lines,
    check_complete_patients,
    check_glyphs,
    check_level_counts,
    check_settings,
)
from prrt_outcomes.errors import Problem
from prrt_outcomes.study.load import load_study
from prrt_outcomes.study.model import Study

HEAD = """study: s
tables: {patients: p.csv, follow_up: f.csv}
extra_columns: {arm: category, started: date, weight_kg: number}
"""


def check(tmp_path, text):
    """Problems of a study as (line, key, value, expectation)."""
    (tmp_path / "study.yaml").write_text(HEAD + text)
    problems = add_lines(check_settings(load_study(tmp_path)), tmp_path / "study.yaml")
    return [(p.row, p.column, p.value, p.expected) for p in problems]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "analysis: {group_by: [arm, tumour_group, radionuclide, functioning, ecog, centre_id]}",
        "analysis: {covariates: [age_years, weight_kg, arm, krenning_score]}",
        "analysis: {strata: [centre_id, arm], reference: {tumour_group: gep, arm: placebo, sex: female}}",
        "endpoints: [{name: mine, origin: {column: started}}]",
        "endpoints: [{name: mine, origin: {column: diagnosis_date}}]",
        "response: {criteria: [recist_1_1, swog]}\nendpoints: [{name: pfs_swog, preset: pfs, criterion: swog}]",
        "controls:\n- {id: a, kind: library, arm: x, within: {tumour_type: [lung], arm: [new]}}",
        "controls:\n- {id: a, kind: patients, covariates: [age_years, arm], weights: [att]}",
        "claims:\n- {id: a, quantity: objective, group: responder, published: 0.2}",
    ],
)
def test_settings_that_name_what_is_there(tmp_path, text):
    assert check(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "line", "key", "value", "hint"),
    [
        ("analysis:\n  group_by: [arn]", 5, "analysis.group_by.0", "arn", "did you mean arm?"),
        ("analysis:\n  group_by: [age_years]", 5, "analysis.group_by.0", "age_years", "columns: "),
        ("analysis:\n  group_by: [patient_id]", 5, "analysis.group_by.0", "patient_id", "columns: "),
        ("analysis:\n  covariates: [age]", 5, "analysis.covariates.0", "age", "age_years"),
        ("analysis:\n  covariates: [started]", 5, "analysis.covariates.0", "started", "columns: "),
        ("analysis:\n  strata: [centre]", 5, "analysis.strata.0", "centre", "did you mean centre_id?"),
        (
            "analysis:\n  reference:\n    sexx: male",
            6,
            "analysis.reference.sexx",
            "sexx",
            "did you mean sex?",
        ),
        (
            "analysis:\n  reference: {grade: unknown}",
            5,
            "analysis.reference.grade",
            "unknown",
            "levels: G1, G2, G3",
        ),
        ("analysis:\n  reference:\n    sex: mal", 6, "analysis.reference.sex", "mal", "did you mean male?"),
        (
            "endpoints:\n- {name: mine, origin: {column: start}}",
            5,
            "endpoints.0.origin.column",
            "start",
            "did you mean started?",
        ),
        (
            "endpoints:\n- {name: mine, preset: pfs, criterion: swog}",
            5,
            "endpoints.0.criterion",
            "swog",
            "response.criteria: recist_1_1",
        ),
        (
            "controls:\n- {id: a, kind: library, arm: x, within: {tumor_type: [lung]}}",
            5,
            "controls.0.within.tumor_type",
            "tumor_type",
            "did you mean tumour_type?",
        ),
        (
            "controls:\n- {id: a, kind: library, arm: x, within: {tumour_type: [lungs]}}",
            5,
            "controls.0.within.tumour_type.0",
            "lungs",
            "did you mean lung?",
        ),
        (
            "controls:\n- {id: a, kind: patients, covariates: [agee]}",
            5,
            "controls.0.covariates.0",
            "agee",
            "age_years",
        ),
        (
            "claims:\n- {id: a, quantity: objective, group: respond, published: 0.2}",
            5,
            "claims.0.group",
            "respond",
            "did you mean responder?",
        ),
        (
            "accepted_problems: [cycle after death, cycle after deth]",
            4,
            "accepted_problems.1",
            "cycle after deth",
            "did you mean cycle after death?",
        ),
        (
            "analysis:\n  subgroups: {effect: radionuclid, within: [sex]}",
            5,
            "analysis.subgroups.effect",
            "radionuclid",
            "did you mean radionuclide?",
        ),
        (
            "endpoints:\n- {name: mine, events: [{filter: {terms: [nausea]}}]}",
            5,
            "endpoints.0.events.0.filter.terms",
            "terms",
            "did you mean term?",
        ),
    ],
)
def test_a_setting_that_names_what_is_not_there(tmp_path, text, line, key, value, hint):
    found = check(tmp_path, text)
    assert [problem[:3] for problem in found] == [(line, key, value)]
    assert hint in found[0][3]


def test_all_faults_come_at_once_in_the_order_of_the_file(tmp_path):
    text = "analysis:\n  covariates: [agee]\n  group_by: [arn, arm]\n  strata: [x]\n"
    assert [row for row, *_ in check(tmp_path, text)] == [5, 6, 7]


@pytest.mark.parametrize(
    ("n_centres", "found"), [(30, []), (31, ["analysis.covariates.0", "analysis.group_by.0"])]
)
def test_more_levels_than_can_be_compared(tmp_path, n_centres, found):
    """Each pair of groups is tested and each level is a coefficient; a number is one, and strata are not compared."""
    text = "analysis: {covariates: [centre_id, age_years], group_by: [centre_id], strata: [centre_id]}"
    (tmp_path / "study.yaml").write_text(HEAD + text)
    centres = [f"C{i:02}" for i in range(n_centres)] * 2
    patients = pd.DataFrame(
        {"centre_id": pd.array(centres, dtype="string"), "age_years": 50.0 + pd.RangeIndex(2 * n_centres)}
    )
    problems = add_lines(check_level_counts(load_study(tmp_path), patients), tmp_path / "study.yaml")
    assert [p.column for p in problems] == found
    assert all(p.row == 4 and p.problem == "31 levels" and p.severity == "error" for p in problems)


def test_an_endpoint_that_nobody_reports_is_an_error():
    settings = {
        "study": "s",
        "tables": {"patients": "p", "reported_outcomes": "r"},
        "endpoints": ["dss", "pfss"],
    }
    outcomes = pd.DataFrame({"endpoint": ["dss", "dfs"]})
    (problem,) = check_names(Study.model_validate(settings), {"reported_outcomes": outcomes})
    assert (problem.column, problem.value) == ("endpoints.1.name", "pfss")
    assert problem.expected.startswith("did you mean pfs?")
    assert problem.expected.endswith(", dfs, dss")


def test_a_reference_that_no_patient_has(tmp_path):
    (tmp_path / "study.yaml").write_text(HEAD + "analysis: {reference: {arm: old, sex: male, grade: G3}}")
    patients = pd.DataFrame({"arm": ["new", "olde"], "sex": ["male", None], "centre_id": ["a", "b"]})
    problems = check_names(load_study(tmp_path), {"patients": patients})
    assert [(p.column, p.value, p.problem) for p in problems] == [
        ("analysis.reference.arm", "old", "no patient has this level")
    ]
    assert problems[0].expected == "did you mean olde? levels: new, olde"
    assert problems[0].severity == "error"


def test_letters_that_the_font_of_the_figures_lacks(tmp_path):
    """Chinese, Japanese, Korean and Thai are told with the line to write; Latin, Greek and Cyrillic are drawn."""
    text = HEAD + 'title: "结果"\nanalysis: {group_by: [arm, centre_id]}\n'
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    patients = pd.DataFrame({"arm": ["新規", "αβγ", "Ärm"], "centre_id": ["서울", "กรุงเทพ", "Москва"]})
    title, arm, centre = check_glyphs(load_study(tmp_path), patients)
    assert {p.severity for p in (title, arm, centre)} == {"warning"}
    assert [(p.table, p.column) for p in (title, arm)] == [("study.yaml", "title"), ("patients", "arm")]
    assert (arm.value, centre.value) == ("新規", "서울, กรุงเทพ")
    assert arm.problem == "the font of the figures lacks these letters: an empty box stands for each"
    assert 'values: {arm: {"新規": Latin name}}' in arm.expected


@pytest.mark.parametrize(
    ("reference", "place"), [("reference: {arm: old}", "analysis.reference.arm"), ("", "analysis.covariates")]
)
def test_a_reference_that_no_complete_patient_has(tmp_path, reference, place):
    """The age of those who had the old arm is not known, so that the model of complete patients has no reference."""
    text = f"analysis: {{covariates: [arm, age_years, ki67_percent], {reference}}}"
    (tmp_path / "study.yaml").write_text(HEAD + text)
    patients = pd.DataFrame({"arm": ["old", "old", "old", "new", "newer"]})
    known = patients.assign(age_years=[60.0, 61, 62, 63, 64], ki67_percent=[None] * 5)
    lacking = known.assign(age_years=[None, None, None, 63.0, 64.0])
    study = load_study(tmp_path)
    assert check_complete_patients(study, known) == []
    (problem,) = check_complete_patients(study, lacking)
    assert (problem.column, problem.value, problem.severity) == (place, "old", "warning")
    assert problem.problem == (
        "none of the 2 patients with all covariates known has this reference of arm: "
        "the multivariable model leaves it out"
    )
    assert problem.expected == "one of their levels, new, newer, or covariates that more patients have"
    (problem,) = check_complete_patients(study, lacking.assign(arm=["new", "old", "newer", "old", "old"]))
    assert (problem.column, problem.value, problem.severity) == ("analysis.covariates", "arm", "warning")
    assert "the 2 patients with all covariates known have one value of arm" in problem.problem


def test_lines_are_given_to_settings_and_tables_keep_theirs(tmp_path):
    (tmp_path / "study.yaml").write_text(HEAD)
    table = Problem("patients", 7, "sex", "x", "p", "e")
    setting = Problem("study.yaml", None, "extra_columns.arm", "arm", "p", "e")
    assert [p.row for p in add_lines((table, setting), tmp_path / "study.yaml")] == [3, 7]


def test_a_table_that_is_a_path_alone_is_told_where_its_settings_go(tmp_path):
    """Once a table, with the keys that its problems recommend; a mapping, and advice of no setting, need none."""
    text = "study: s\ntables:\n  patients: p.csv\n  follow_up: {file: f.csv}\n  cycles: [a.csv, b.csv]\n"
    (tmp_path / "study.yaml").write_text(text)

    def notes(*problems):
        found = add_lines(problems, tmp_path / "study.yaml")
        return [(p.row, p.column, p.value, p.expected) for p in found if p.severity == "note"]

    advice = (
        'or in study.yaml the form, such as date_format: {diagnosis_date: "%d.%m.%Y"}',
        "one of G1, G2; or in study.yaml: values: {grade: {x: G1}}; list NA under missing in study.yaml",
    )
    problems = [Problem("patients", 2, "grade", "x", "p", text) for text in advice]
    beside = "patients: {file: p.csv, date_format: ..., values: ..., missing: ...}"
    expected = f"where a setting is recommended: {beside}"
    assert notes(*problems) == [(3, "tables.patients", "p.csv", expected)]
    assert notes(*(replace(p, table="follow_up") for p in problems)) == []
    assert notes(Problem("patients", 2, "sex", "", "empty", "the 22 columns: where they stand")) == []
    told = notes(
        Problem("cycles (a.csv)", 1, "", "", "p", "set encoding: utf-16 for this table in study.yaml")
    )
    beside = "where a setting is recommended: cycles: {file: a.csv, encoding: ...}"
    assert told == [(5, "tables.cycles", "a.csv", beside)]


def test_letters_that_figures_cannot_draw_are_a_warning(read_study):
    tables = {
        "patients": "patient_id,centre_id,sex\nP1,\u4e2d\u592e,male\nP2,B\u00e2le,female\n",
        "reported_outcomes": "patient_id,endpoint,time,event\nP1,os,5,1\nP2,os,6,0\n",
    }
    endpoints = [{"name": "os", "preset": "os", "title": "\uc804\uccb4 \uc0dd\uc874"}]
    result = read_study(
        tables, endpoints=endpoints, analysis={"group_by": ["centre_id", "sex"], "covariates": []}
    )
    found = [(p.table, p.column, p.value, p.severity) for p in result.problems if "font" in p.problem]
    assert found == [
        ("study.yaml", "endpoints.0.title", "\uc804\uccb4 \uc0dd\uc874", "warning"),
        ("patients", "centre_id", "\u4e2d\u592e", "warning"),
    ]
