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
        "km_summary": frame.assign(n=9, events=5, median_months=8.0, median_low=5.0, median_high=None),
    }
    names = draw_chapter("survival", tables, make_study())
    assert sorted(names) == [
        "kaplan_meier_os_all",
        "kaplan_meier_os_sex",
        "kaplan_meier_pfs_all",
        "kaplan_meier_pfs_sex",
    ]


def test_groups_of_few_patients_or_events_are_not_drawn_and_the_caption_says_so():
    sizes = {"lung": (9, 7), "gep": (40, 20), "other": (4, 4), "neuroectodermal": (30, 4)}
    rows = pd.DataFrame(
        [{"endpoint": "pfs", "group_by": "tumour_group", "group": g, "n": n, "events": e}
         for g, (n, e) in sizes.items()]
    )  # fmt: skip
    curve = pd.concat([rows.assign(time_months=t, survival=1 - t / 40) for t in (0.0, 10.0)])
    curve = curve.assign(n_censored=0, survival_low=0.4, survival_high=0.9)
    tables = {
        "km_curve": curve.sort_values("group", kind="stable"),
        "km_at_risk": pd.concat([rows.assign(time_months=t, n_at_risk=9) for t in (0.0, 12.0)]),
        "km_summary": rows.assign(median_months=8.0, median_low=5.0, median_high=None),
    }
    (figure,) = draw_chapter("survival", tables, make_study()).values()
    steps = next(layer._data for layer in figure.plot.layers if type(layer.geom).__name__ == "geom_step")
    assert set(steps["group"]) == {"lung", "gep"}
    assert "Other" in figure.caption.rpartition("neither tested nor drawn: ")[2]
    assert "Neuroectodermal" in figure.caption
    tables["km_summary"] = tables["km_summary"].assign(events=4)
    assert draw_chapter("survival", tables, make_study()) == {}


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


def test_each_model_has_a_forest_and_the_multivariable_one_leads():
    row = {"endpoint": "pfs", "term": "age_years", "level": None, "reference": None, "n": 9, "events": 5}
    row |= {
        "n_reference": np.nan,
        "events_reference": np.nan,
        "n_model": 9,
        "events_model": 5,
        "hazard_ratio": 1.1,
        "hazard_ratio_low": 0.9,
        "hazard_ratio_high": 1.4,
        "p_value": 0.3,
        "status": "ok",
    }
    cox = pd.DataFrame(
        [row | {"model": m} for m in ("univariable", "multivariable_imputed", "multivariable")]
    )
    figures = draw_chapter("survival", {"cox": cox.assign(term_p_value=0.31)}, make_study())
    assert {name: f.leading for name, f in figures.items()} == {
        "forest_pfs": True,
        "forest_pfs_univariable": False,
    }
    sheet = figures["forest_pfs"].plot.draw()
    texts = {text.get_text().strip() for text in sheet.findobj(Text)}
    plt.close(sheet)
    assert {"Hazard ratio\nlower hazard | higher hazard", "5/9", "0.31", "1.10 (0.90\u20131.40)"} <= texts
