"""Grades just below, at and just above every threshold of CTCAE v5, in SI and in conventional units."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.safety.grading import GRADE_RULES, compute_grades, derive_si_values

TERMS = Path(__file__).resolve().parents[4] / "shared" / "data" / "ctcae" / "ctcae_v5_lab.json"
STEP = 1e-4  # relative; laboratories write three digits
ROWS = [
    [cell.strip() for cell in line.split("|")]
    for line in (Path(__file__).parent / "thresholds.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
RISING = {rule.analyte for rule in GRADE_RULES if rule.direction == "high"}


def number(text):
    return np.nan if text == "-" else float(text)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row[:5]))
def test_grades_around_each_threshold(row):
    analyte, unit, lower, upper, baseline, thresholds, grades, first = row
    grades = [int(grade) for grade in grades.split()]
    values, expected = [], []
    for place, threshold in enumerate(map(float, thresholds.split())):
        milder, worse = grades[place], grades[place + 1]
        at = worse if first == "included" and place == 0 else milder
        values += [threshold * (1 - STEP), threshold, threshold * (1 + STEP)]
        expected += [milder, at, worse] if analyte in RISING else [worse, at, milder]
    labs = pd.DataFrame({"value": values}).assign(
        analyte=analyte, unit=unit, lower_limit=number(lower), upper_limit=number(upper)
    )
    samples, lost = derive_si_values(labs)
    assert lost[0]["n_lost"] == 0
    graded = compute_grades(samples.assign(baseline_si=number(baseline) * samples["si_factor"]))
    assert graded.tolist() == expected


def test_every_graded_analyte_is_held_in_two_units():
    units = pd.DataFrame(ROWS)[[0, 1]].drop_duplicates().groupby(0).size()
    assert units.ge(2).all()
    assert set(units.index) == {rule.analyte for rule in GRADE_RULES}


@pytest.mark.skipif(not TERMS.exists(), reason="the published list of CTCAE terms is absent")
def test_the_thresholds_are_those_of_the_published_terms():
    """Thresholds of blood counts stand in the text of their term, in both units of haemoglobin."""
    terms = {row["TERM"]: row for row in json.loads(TERMS.read_text(encoding="utf-8"))}
    found = 0
    for rule in GRADE_RULES:
        for printed in (rule.absolute, rule.absolute_mmol_l) if rule.term in terms else ():
            for grade, threshold in enumerate(printed, start=2):
                if threshold is not None:
                    numbers = re.findall(r"<([0-9.]+)", terms[rule.term][f"GRADE_{grade}"].replace(",", ""))
                    assert threshold in map(float, numbers), (rule.term, grade)
                    found += 1
    assert found == 16
