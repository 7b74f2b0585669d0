"""The page of a comparison, from frames."""

from pathlib import Path

import pandas as pd
import pytest

from prrt_outcomes.compare.changes import CHANGES
from prrt_outcomes.compare.numbers import PLACE, attribute_differences
from prrt_outcomes.compare.page import render_comparison
from prrt_outcomes.compare.runs import Comparison, Run
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table
from prrt_outcomes.tables.schema import load_schema


def run(name, cutoff, patients):
    study = Study.model_validate(
        {"study": name, "data_cutoff": cutoff, "endpoints": ["pfs", "ttp"],
         "tables": {"patients": "data/patients.csv", "follow_up": "data/follow_up.csv"}}
    )  # fmt: skip
    curve = pd.DataFrame(
        {"endpoint": "pfs", "group_by": "all", "group": "all", "time_months": [0.0, 10.0], "n_at_risk": [9, 8],
         "n_event": [0, 1], "n_censored": [0, 0], "survival": [1.0, 0.875]}
    )  # fmt: skip
    curves = pd.concat([curve, curve.assign(endpoint="ttp")])
    people = pd.DataFrame({"patient_id": patients})
    provenance = {"prrt_outcomes": "1.0", "code": "abc"}
    return Run(
        Path(name), provenance, study, {"patients": people}, {"km_curve": conform_table("km_curve", curves)}
    )


def compare(chain, changes, *causes):
    frames = [
        pd.DataFrame(
            [("km.pfs.all.median", "km", "pfs", "all", "all", "number", value)], columns=[*PLACE, "value"]
        )
        for value in chain
    ]
    numbers = attribute_differences(frames, causes).assign(n_patients=2)
    patients = pd.DataFrame(changes, columns=CHANGES).fillna("")
    old, new = run("first", "2021-12-31", ["A"]), run("second", "2022-12-31", ["A", "B"])
    settings = pd.DataFrame(columns=["setting", "old", "new"])
    return render_comparison(Comparison(old, new, causes, settings, numbers, patients))


@pytest.fixture(scope="module")
def page():
    changes = [
        ("A", "corrected_data", "value", "lesions", "lesion_id=T1", "longest_mm", "30", "44", "lesions", "x"),
        (
            "A",
            "corrected_data",
            "value",
            "best_responses",
            "",
            "best_response",
            "SD",
            "PD<",
            "recist_1_1",
            "",
        ),
        ("B", "new_patients", "patient_added", "", "", "", "", "", "all", ""),
    ]
    return compare((28.0, 26.5, 27.25), changes, "corrected_data", "new_patients")


def test_the_page_says_what_was_compared_and_that_it_is_not_for_release(page):
    assert "Not for release" in page
    for words in ("31 December 2021", "31 December 2022", "first", "second", "Corrected data"):
        assert words in page


def test_differences_have_their_sign_and_their_cause(page):
    row = page[page.index("Progression-free survival, median (months)") :].split("</tr>")[0]
    cells = [cell.split(">")[-1] for cell in row.split("</td>")]
    assert cells[:6] == [
        "Progression-free survival, median (months)",
        "28.0",
        "27.3",
        "\u22120.8",
        "\u22121.5",
        "+0.8",
    ]


def test_patients_and_their_changes_are_listed_and_escaped(page):
    assert "Patients added and removed" in page
    assert "PD&lt;" in page
    assert load_schema("lesions").field("longest_mm").title in page


def test_a_curve_is_drawn_old_beside_new_where_nothing_competes(page):
    assert 'id="curves-pfs"' in page
    assert "Old, cut-off 31 December 2021" in page
    assert 'id="curves-ttp"' not in page


def test_nothing_changed_is_said():
    page = compare((28.0, 28.0), [])
    assert "Nothing changed" in page
    assert "Changed code" not in page
