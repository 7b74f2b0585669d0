"""Every threshold of the CTCAE terms we grade: at it, just past it, and with what is missing."""

from pathlib import Path

import pandas as pd
import pytest

from prrt_outcomes.safety.grading import compute_grades


def read_cases():
    lines = (Path(__file__).parent / "grades.txt").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")] for line in lines if line and not line.startswith("#")]
    names = ["analyte", "value_si", "lower_si", "upper_si", "baseline_si", "grade", "why"]
    return pd.DataFrame(rows, columns=names).replace("-", None)


CASES = read_cases()


@pytest.mark.parametrize("row", CASES.index, ids=lambda i: " ".join(map(str, CASES.loc[i].iloc[:5])))
def test_grade(row):
    case = CASES.loc[[row]]
    numbers = case[["value_si", "lower_si", "upper_si", "baseline_si"]].astype("float64")
    grade = compute_grades(numbers.assign(analyte=case["analyte"])).iloc[0]
    expected = case["grade"].iloc[0]
    assert (None if pd.isna(grade) else str(grade)) == expected


def test_all_cases_at_once_give_the_same_grades():
    numbers = CASES[["value_si", "lower_si", "upper_si", "baseline_si"]].astype("float64")
    grades = compute_grades(numbers.assign(analyte=CASES["analyte"]))
    assert grades.tolist() == pd.to_numeric(CASES["grade"]).astype("Int64").tolist()
