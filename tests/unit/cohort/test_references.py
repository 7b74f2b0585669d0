"""A covariate has one reference level in a study, and a level that a model cannot hold is named."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.cohort.grouping import (
    add_absent_levels,
    derive_covariates,
    fix_references,
    list_levels,
    select_comparable,
)
from prrt_outcomes.study.model import Study

GRADES = pd.CategoricalDtype(["G1", "G2", "G3", "unknown"], ordered=True)


def make_study(**analysis):
    plain = {"study": "s", "tables": {"patients": "p.csv", "follow_up": "f.csv"}, "analysis": analysis}
    return Study.model_validate(plain)


def make_patients(sex, grade):
    frame = pd.DataFrame({"sex": pd.array(sex, dtype="string"), "grade": pd.Series(grade, dtype=GRADES)})
    return frame.assign(age_years=np.arange(50.0, 50 + len(frame)))


def fix(patients, **analysis):
    covariates = {"covariates": ["age_years", "sex", "grade"], "group_by": ["grade", "tumour_type"]}
    return fix_references(make_study(**covariates, **analysis), patients).analysis.reference


def test_the_reference_is_the_most_frequent_level_of_all_patients():
    patients = make_patients(["male"] * 3 + ["female"] * 2, ["G2", "G2", "G1", "G1", None])
    assert fix(patients) == {"sex": "male", "grade": "G1"}, "ties in schema order, numbers have none"
    assert fix(patients, reference={"grade": "G2"})["grade"] == "G2"
    assert fix(patients, reference={"grade": "G3"})["grade"] == "G1"


def test_unknown_is_no_reference():
    assert "grade" not in fix(make_patients(["male"] * 2, ["unknown", None]))


@pytest.fixture
def covariates():
    """Ki-67 is known in men only; nobody of them is G1."""
    sex, grade = ["female"] * 3 + ["male"] * 4, ["G1", "G1", "G1", "G2", "G2", "G3", "G3"]
    patients = make_patients(sex, grade).assign(ki67_percent=[np.nan] * 3 + [2.0, 5.0, 8.0, 30.0])
    return derive_covariates(patients, ("sex", "grade", "ki67_percent"))


def test_what_cannot_be_held_against_its_reference_is_left_out(covariates):
    kept, references = select_comparable(covariates, {"sex": "female", "grade": "G1"})
    assert (list(kept), references) == (["ki67_percent"], {})
    assert kept["ki67_percent"].notna().tolist() == [False] * 3 + [True] * 4
    kept, references = select_comparable(covariates, {"sex": "female", "grade": "G2"})
    assert (list(kept), references) == (["grade", "ki67_percent"], {"grade": "G2"})


def test_levels_without_a_coefficient_are_rows_that_say_so(covariates):
    asked = list_levels(covariates, {"sex": "male", "grade": "G2"}, [1, 0, 1, 1, 0, 1, 1])
    fitted = pd.DataFrame({"term": ["grade", "ki67_percent"], "level": ["G3", ""], "status": "ok"})
    table = add_absent_levels(fitted, asked)
    columns = ["term", "level", "reference", "status", "n", "events", "n_reference", "events_reference"]
    assert table[columns].fillna(-1).to_numpy().tolist() == [
        ["sex", "female", "male", "not_estimable", 0, 0, 4, 3],
        ["grade", "G1", "G2", "not_estimable", 0, 0, 2, 1],
        ["grade", "G3", "G2", "ok", 2, 2, 2, 1],
        ["ki67_percent", "", "", "ok", 4, 3, -1, -1],
    ]
    assert table[["n_model", "events_model"]].drop_duplicates().to_numpy().tolist() == [[4, 3]]
