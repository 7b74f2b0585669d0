"""Chapters: which figures are drawn from which tables."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from prrt_outcomes.figures.chapters import CHAPTER_INPUTS, draw_chapter
from prrt_outcomes.figures.response_figures import derive_courses, list_thresholds
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import empty_table
from prrt_outcomes.tables.schema import list_tables


def make_study(**more) -> Study:
    return Study.model_validate(
        {"study": "s", "tables": {"patients": "p.csv", "reported_outcomes": "o.csv"}} | more
    )


@pytest.mark.parametrize("chapter", CHAPTER_INPUTS)
def test_inputs_are_tables_of_the_schema(chapter):
    known = set(list_tables("input")) | set(list_tables("derived")) | set(list_tables("results"))
    assert set(CHAPTER_INPUTS[chapter]) <= known


@pytest.mark.parametrize("chapter", CHAPTER_INPUTS)
def test_a_skipped_stage_has_no_figures(chapter):
    tables = {name: empty_table(name) for name in CHAPTER_INPUTS[chapter]}
    assert draw_chapter(chapter, tables, make_study()) == {}


def test_every_endpoint_and_grouping_has_a_curve():
    rows = [
        (e, g, level)
        for e in ("pfs", "os")
        for g, level in (("all", "all"), ("sex", "male"), ("sex", "female"))
    ]
    frame = pd.DataFrame(rows, columns=["endpoint", "group_by", "group"])
    curve = pd.concat([frame.assign(time_months=t, survival=1 - t / 40) for t in (0.0, 10.0)])
    curve = curve.assign(n_censored=0, survival_low=0.4, survival_high=0.9)
    tables = {
        "km_curve": curve.sort_values(["endpoint", "group_by", "group"]),
        "km_at_risk": pd.concat([frame.assign(time_months=t, n_at_risk=9) for t in (0.0, 12.0)]),
        "km_summary": frame.assign(n=9, events=3, median_months=8.0, median_low=5.0, median_high=None),
    }
    names = draw_chapter("survival", tables, make_study())
    assert sorted(names) == [
        "kaplan_meier_os_all",
        "kaplan_meier_os_sex",
        "kaplan_meier_pfs_all",
        "kaplan_meier_pfs_sex",
    ]


def test_thresholds_come_from_the_criterion():
    from prrt_outcomes.response.criteria import NAMED

    assert list_thresholds(NAMED["recist_mr"]) == {"PR": -0.30, "PD": 0.20, "MR": -0.13}
    assert list_thresholds(NAMED["swog"]) == {"PR": -0.50, "PD": 0.50}
    assert list_thresholds(None) == {}


def test_courses_are_the_rows_of_the_derived_tables():
    day = pd.Timestamp
    tables = {
        "treatment_periods": pd.DataFrame(
            {"patient_id": ["a", "b", "a"], "period": [1, 1, 2]}
            | {"first_cycle": [day("2010-01-01"), day("2010-01-01"), day("2012-01-01")]}
        ),
        "endpoints": pd.DataFrame(
            {"patient_id": ["a", "b"], "endpoint": "os", "time_days": [1461.0, 304.375], "event": [0, 1]}
        ),
        "best_responses": pd.DataFrame(
            {"patient_id": ["a", "b"], "period": 1, "criterion": "recist_1_1", "reader": "local"}
            | {"confirmed": False, "best_response": ["PR", "PD"], "primary_reader": True}
            | {"first_response_date": [day("2010-04-01"), pd.NaT]}
            | {"progression_date": [pd.NaT, day("2010-04-02")]}
        ),
    }
    courses, marks = derive_courses(tables, make_study())
    assert courses["end_months"].tolist() == [48.0, 10.0]
    assert courses["best_response"].tolist() == ["PR", "PD"]
    found = {(r.patient_id, r.mark): round(r.time_months * 30.4375) for r in marks.itertuples()}
    assert found == {
        ("a", "response"): 90,
        ("a", "retreatment"): 730,
        ("a", "alive"): 1461,
        ("b", "progression"): 91,
        ("b", "death"): 304,
    }


def test_a_forest_holds_the_models_that_are_read_side_by_side():
    row = {"endpoint": "pfs", "term": "age_years", "level": None, "reference": None, "n": 9, "events": 5}
    row |= {
        "n_reference": np.nan,
        "n_model": 9,
        "events_model": 5,
        "hazard_ratio": 1.1,
        "hazard_ratio_low": 0.9,
        "hazard_ratio_high": 1.4,
        "p_value": 0.3,
        "status": "ok",
    }
    cox = pd.DataFrame([row | {"model": m} for m in ("univariable", "multivariable_imputed")])
    (figure,) = draw_chapter("survival", {"cox": cox}, make_study()).values()
    assert set(figure.plot.data["series"]) == {"univariable"}
    sheet = figure.plot.draw()
    texts = {text.get_text() for text in sheet.findobj(Text)}
    plt.close(sheet)
    assert "Univariable (5/9)\nlower hazard | higher hazard" in texts
    assert not any("imputed" in text for text in texts)
