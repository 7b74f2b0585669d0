"""The page of data quality holds what its tables hold, and no value that names a patient or a day."""

import re

import pandas as pd
import pytest

from prrt_outcomes.cohort.problem_places import summarise_problems
from prrt_outcomes.errors import Problem
from prrt_outcomes.report import quality_page as page
from prrt_outcomes.tables.frames import conform_table, empty_table

PROBLEMS = [
    Problem("patients", 3, "sex", "femle", "not in the list of codes", "did you mean female?"),
    Problem("patients", 9, "patient_id", "MILLER", "duplicate key", "the same is in row 4, MILLER"),
    Problem("cycles", 7, "cycle_date", "2014-05-07", "cycle after death", "a date not after 2014-05-01"),
    Problem(
        "patients", 5, "age_years", "7", "does not fit birth_year", "as birth_year implies it", "warning"
    ),
    Problem("study.yaml", 2, "titel", "x", "unknown key", "did you mean title?"),
]


def row(table, column, n, missing, doubtful=0, centre="all", year="all", note=""):
    return {
        "table": table,
        "column": column,
        "centre_id": centre,
        "n": n,
        "n_missing": missing,
        "n_doubtful": doubtful,
        "note": note,
        "year": year,
    }


QUALITY = [
    row("patients", "all", 1200, None, 3),
    row("patients", "sex", 1200, 300, 1),
    row("patients", "ecog", 1200, 1, 0),
    row("patients", "grade", 1200, 1200, note="not in the files"),
    row("patients", "all", 800, None, 3, centre="A"),
    row("patients", "sex", 800, 0, 1, centre="A"),
    row("patients", "ecog", 800, 1, 0, centre="A"),
    row("patients", "all", 400, None, 0, centre="unknown"),
    row("patients", "sex", 400, 300, 0, centre="unknown"),
    row("patients", "ecog", 400, 0, 0, centre="unknown"),
]
RANGE = {
    "table": "patients",
    "column": "age_years",
    "level": "all",
    "unit": "years",
    "n": 1100,
    "minimum": 17.25,
    "median": 61,
    "maximum": 97,
    "plausible_low": 10,
    "plausible_high": 95,
    "n_beyond": 4,
}
LOSS = {
    "table": "labs",
    "unit": "rows",
    "step": "cohort: x",
    "reason": "dated after the cut-off",
    "n_before": 90,
    "n_lost": 13,
    "n_after": 77,
}


@pytest.fixture
def tables():
    return {
        "data_quality": conform_table("data_quality", pd.DataFrame(QUALITY)),
        "data_ranges": conform_table("data_ranges", pd.DataFrame([RANGE])),
        "attrition": conform_table("attrition", pd.DataFrame([LOSS])),
    }


@pytest.fixture
def html(tables, study):
    return page.render_quality_page(tables, summarise_problems(PROBLEMS), study, "folder", is_whole=True)


def cells(html, name):
    """Texts of the cells of the rows that begin with a name."""
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", text) for text in re.findall(r"<tr.*?</tr>", html)]
    return [found for found in rows if found and found[0] == name]


def test_cells_of_the_heat_table_are_the_counts_of_data_quality(html):
    assert cells(html, "Rows") == [["Rows", "1\u2009200", "3", "800", "400"]]
    assert cells(html, "Sex") == [["Sex", "75", "1", "100", "25"]]
    assert 'class="middle" title="900 of 1200"' in html
    assert 'class="least" title="100 of 400"' in html


def test_nearly_all_is_not_all(html):
    assert cells(html, "ECOG performance status")[0][1] == "&gt;99"
    assert 'class="high" title="1199 of 1200"' in html


def test_a_column_that_no_file_has_is_named_and_no_row(html):
    assert "Not in the files: grade." in html
    assert cells(html, "Grade") == []


def test_ranges_losses_and_overview_are_those_of_the_tables(html):
    assert cells(html, "Age") == [
        ["Age", "years", "1\u2009100", "17.25", "61", "97", "10\u201395", "4"],
    ]
    assert cells(html, "Laboratory values") == [
        ["Laboratory values", "Dated after the cut-off", "90", "13", "77"]
    ]
    assert cells(html, "Patients")[0] == ["Patients", "1\u2009200", "3", "2", "1"]


def test_faults_stand_under_their_heading_with_lines(html):
    for heading, problem in (
        ("dates", "Cycle after death"),
        ("duplicates", "Duplicate key"),
        ("others", "Not in the list of codes"),
    ):
        section = html.partition(f'<section id="{heading}">')[2].partition("</section>")[0]
        assert problem in section
    assert "Does not fit year of birth" in html
    assert "No unit is in doubt." in html


def test_nothing_names_a_patient_or_a_day(html):
    assert "MILLER" not in html
    assert "2014-05" not in html
    assert "femle" in html


def test_the_headline_counts_by_severity(html):
    found = dict(re.findall(r"<dt>(.*?)</dt><dd><span class=\"big\">(.*?)</span>", html))
    assert found == {
        "Rows of patients": "1\u2009200",
        "Rows of all tables": "1\u2009200",
        "Errors": "4",
        "Warnings": "1",
    }
    assert "cannot be run before the errors are corrected" in html


def test_a_study_that_cannot_be_read_has_a_page_too():
    empty = {name: empty_table(name) for name in ("data_quality", "data_ranges", "attrition")}
    html = page.render_quality_page(empty, summarise_problems(PROBLEMS[-1:]), None, "folder", is_whole=False)
    assert "<h1>folder</h1>" in html
    assert "Unknown key" in html
    assert "only errors are listed" in html
    assert "No table could be read." in html


def test_the_page_needs_no_other_file(html):
    assert not re.search(r"<(script|link)[^>]*(src|href)=\"(?!data:)", html)
    assert "http" not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    assert "--accent" in html
