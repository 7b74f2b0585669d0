"""Estimands side by side and sensitivity of the primary endpoint, on numbers that can be counted by hand."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.cohort.grouping import fix_references
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.endpoint_rows import select_endpoint_rows
from prrt_outcomes.survival.estimands import compare_groups, summarise_course, summarise_estimand_tables
from prrt_outcomes.survival.scan_follow_up import select_scans
from prrt_outcomes.survival.sensitivity import (
    derive_event_bounds,
    derive_scan_intervals,
    find_tipping_points,
    list_analyses,
    summarise_scan_intervals,
    summarise_sensitivity_tables,
    summarise_turnbull,
)
from prrt_outcomes.tables.frames import conform_table, empty_table

MONTH = 30.4375
START = pd.Timestamp("2015-01-01")
CUTOFF = pd.Timestamp("2020-01-01")


def make_study(**changes) -> Study:
    plain = {
        "study": "s",
        "tables": {"patients": "p.csv", "follow_up": "f.csv"},
        "endpoints": ["pfs"],
        "analysis": {"group_by": ["arm"], "covariates": []},
        "extra_columns": {"arm": "category"},
        "assessment_interval_days": 90,
    }
    return Study.model_validate(plain | changes)


def make_endpoints(rows, endpoint="pfs"):
    """Rows of (patient, days, event, reason, previous scan in days)."""
    frame = pd.DataFrame(rows, columns=["patient_id", "time_days", "event", "reason", "before"])
    scanned = frame["reason"].isin(["progression", "last_adequate_assessment"])
    frame = frame.assign(
        endpoint=endpoint,
        origin_date=START,
        entry_days=0.0,
        status="ok",
        end_date=START + pd.to_timedelta(frame["time_days"], unit="D"),
        basis=np.where(scanned, "responses.assessment_date", "follow_up.death_date"),
        previous_assessment_date=START + pd.to_timedelta(frame["before"], unit="D"),
        last_adequate_date=START + pd.to_timedelta(frame["before"], unit="D"),
        last_contact_date=START + pd.to_timedelta(frame["time_days"], unit="D"),
    )
    return conform_table("endpoints", frame.drop(columns="before"))


def make_analysis_set(arms):
    frame = pd.DataFrame({"patient_id": list(arms), "arm": list(arms.values()), "first_cycle": START})
    return conform_table("analysis_set", frame, {"arm": "category"})


def test_bounds_lie_between_the_scans():
    rows = make_endpoints(
        [
            ("a", 180, 1, "progression", 90),
            ("b", 180, 1, "progression", None),
            ("c", 200, 1, "death", 90),
            ("d", 90, 0, "last_adequate_assessment", None),
        ]
    )
    left, right = derive_event_bounds(rows, counts_progression=True)
    assert (left * MONTH).round(6).tolist() == [90, 0, 90, 90]
    assert (right * MONTH).round(6).tolist() == [180, 180, 200, np.inf]
    left, right = derive_event_bounds(rows, counts_progression=False)
    assert left[2] == right[2], "where progression does not count, a death is seen on its day"


def test_turnbull_is_kaplan_meier_shifted_when_all_share_the_scans():
    # Four patients on one grid: events in (0, 90], (90, 180], two without event at 180: 1/4, 1/4, 1/2.
    rows = make_endpoints(
        [
            ("a", 90, 1, "progression", None),
            ("b", 180, 1, "progression", 90),
            ("c", 180, 0, "last_adequate_assessment", 90),
            ("d", 180, 0, "last_adequate_assessment", 90),
        ]
    )
    arms = make_analysis_set(dict.fromkeys("abcd", "x"))
    curve, medians = summarise_turnbull(rows, ("all",), arms, counts_progression=True)
    assert curve["survival"].round(6).tolist() == [0.75, 0.5, 0.0]
    assert pd.isna(curve["time_high_months"].iloc[-1])
    assert medians.loc[0, "median_low"] * MONTH == pytest.approx(90)
    assert medians.loc[0, "median_high"] * MONTH == pytest.approx(180)


def test_informative_censoring_turns_the_right_patients():
    rows = make_endpoints(
        [
            ("early", 100, 0, "new_therapy", 90),
            ("silent", 200, 0, "last_adequate_assessment", 90),
            ("recent", 1780, 0, "last_adequate_assessment", 90),
            ("at_cutoff", 1826, 0, "last_adequate_assessment", 90),
            ("event", 300, 1, "progression", 180),
        ]
    )
    analyses = {
        name: (table, n)
        for name, table, n in list_analyses(rows, empty_table("endpoint_variants"), CUTOFF, make_study())
    }
    table, n = analyses["censored_as_events"]
    assert (table["event"].tolist(), n) == ([1, 1, 1, 0, 1], 3)
    table, n = analyses["early_censored_as_events"]
    assert (table["event"].tolist(), n) == ([1, 1, 0, 0, 1], 2)
    table, n = analyses["censored_event_free"]
    assert (table["time_days"].tolist(), n) == ([1826, 1826, 1826, 1826, 300], 3)
    assert table["event"].tolist() == [0, 0, 0, 0, 1]


def test_tipping_point_counts_the_censored_who_would_lose_the_result():
    early = [(f"a{i}", 50 + i, 1, "progression", 20) for i in range(12)]
    late = [(f"b{i}", 300 + i, int(i < 2), "progression", 200) for i in range(12)]
    rows = make_endpoints(early + late)
    arms = make_analysis_set({name: name[0] for name in rows["patient_id"]})
    study = fix_references(make_study(), arms)
    row = find_tipping_points(rows, ("all", "arm"), arms, study.analysis).iloc[0]
    assert (row["group"], row["reference"], row["n_eligible"]) == ("b", "a", 10)
    assert row["status"] == "never", "the late group lives longer whatever the censored did"
    even = [(f"b{i}", 40 + 3 * i, int(i < 2), "progression", 20) for i in range(12)]
    rows = make_endpoints(early + even)
    row = find_tipping_points(rows, ("all", "arm"), arms, study.analysis).iloc[0]
    assert row["status"] == "ok"
    assert 1 <= row["n_changed"] <= row["n_eligible"]
    assert row["p_value"] < 0.05
    same = [(f"b{i}", 50 + i, 1, "progression", 20) for i in range(12)]
    row = find_tipping_points(make_endpoints(early + same), ("arm",), arms, study.analysis).iloc[0]
    assert row["status"] == "not_significant"


def test_scan_intervals_that_differ_are_flagged():
    scans, arms = [], {}
    for number in range(20):
        arm, step = ("rare", 180) if number % 2 else ("often", 90)
        arms[f"p{number}"] = arm
        scans += [
            {"patient_id": f"p{number}", "assessment_date": START + pd.Timedelta(step * k + number % 3, "D")}
            for k in range(1, 4)
        ]
    responses = conform_table(
        "responses",
        pd.DataFrame(scans).assign(period=1, reader="local", criterion="recist_1_1", primary_reader=True),
    )
    endpoint = make_endpoints([(name, 360, 1, "progression", 270) for name in arms])
    study = make_study()
    chosen = select_scans(responses, study, adequate=False)
    intervals = derive_scan_intervals(chosen, endpoint, make_analysis_set(arms))
    table, test = summarise_scan_intervals(intervals, ("all", "arm"), study)
    often = table[(table["group"] == "often") & (table["scan"] == "2")].iloc[0]
    assert (often["n"], often["median_days"], often["share_late"]) == (10, 90, 0)
    rare = table[(table["group"] == "rare") & (table["scan"] == "all")].iloc[0]
    assert rare["median_days"] >= 180
    assert rare["share_late"] == 1
    assert test.loc[0, "verdict"] == "differ"
    assert (table["maximum_days"] <= 182).all(), "scans after the event are left out"


def test_groups_are_compared_with_their_reference():
    rows = make_endpoints([(f"a{i}", 100 + i, 1, "progression", 50) for i in range(5)])
    more = make_endpoints([(f"b{i}", 100 + i, 1, "progression", 50) for i in range(5)])
    arms = make_analysis_set({f"{arm}{i}": arm for arm in "ab" for i in range(5)})
    both = pd.concat([rows, more], ignore_index=True)
    patients = select_endpoint_rows(both, arms, "pfs")
    table = compare_groups(patients, "arm", fix_references(make_study(), arms).analysis).set_index("group")
    assert table["n"].tolist() == [5, 5]
    assert table["median_months"].to_numpy() * MONTH == pytest.approx([102, 102])
    assert table.loc["b", "hazard_ratio"] == pytest.approx(1.0)
    assert pd.isna(table.loc["a", "hazard_ratio"])


def test_the_course_describes_the_same_patients_twice():
    course = conform_table(
        "treatment_course",
        pd.DataFrame(
            {
                "patient_id": ["a", "b", "c"],
                "retreated": [True, True, False],
                "time_to_response_days": [60.875, None, 121.75],
                "treatment_free_days": [304.375, 608.75, None],
                "pfs_first_days": [304.375, 608.75, 60.875],
                "pfs_first_event": [1, 1, 1],
                "pfs_retreatment_days": [152.1875, 182.625, None],
                "pfs_retreatment_event": [1, 0, None],
            }
        ),
    )
    arms = make_analysis_set(dict.fromkeys("abc", "x"))
    table = summarise_course(course, arms, make_study().analysis)
    table = table[table["group_by"] == "all"].set_index("quantity")
    assert table.loc["time_to_response", ["n", "total", "median_months"]].tolist() == [2, 3, 3.0]
    assert table.loc["treatment_free_interval", "median_months"] == pytest.approx(15)
    assert table.loc["pfs_first", ["n", "events", "median_months"]].tolist() == [2, 2, 15.0]
    assert table.loc["pfs_retreatment", ["n", "events", "median_months"]].tolist() == [2, 1, 5.5]
    assert table.loc["duration_of_response", "status"] == "too_few"


def test_empty_tables_give_empty_tables():
    names = ("endpoints", "endpoint_variants", "estimands", "responses", "treatment_course")
    tables = {name: empty_table(name) for name in names} | {"analysis_set": make_analysis_set({"a": "x"})}
    study = make_study()
    made = summarise_sensitivity_tables(tables, study) | summarise_estimand_tables(tables, study)
    assert set(made) >= {"sensitivity", "scan_intervals", "estimand_comparison"}
    assert all(table.empty for table in made.values())
