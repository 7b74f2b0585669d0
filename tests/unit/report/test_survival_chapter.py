"""Words and tables of survival: medians, hazards that change, subgroups and sensitivity analyses."""

import pandas as pd

from prrt_outcomes.report.patients_chapters import write_endpoints
from prrt_outcomes.report.survival_chapter import (
    describe_median,
    describe_periods,
    describe_stops,
    describe_switches,
    survival_table,
    write_survival,
)


def test_a_median_that_is_not_reached_is_said_so(plain):
    row = {
        "endpoint": "os",
        "group_by": "all",
        "group": "all",
        "n": 10,
        "events": 2,
        "median_months": float("nan"),
    }
    row |= {"median_status": "not_reached", "follow_up_months": 31.26}
    assert plain(describe_median(row, {"os": "Overall survival"}, "95%")) == (
        "Median overall survival was not reached, with 2 events in 10 patients. Median follow-up was 31.3 months."
    )


def test_hazards_that_change_are_told(tables, plain):
    row = {"endpoint": "os", "group_by": "sex", "level": "male", "reference": "female", "start_months": 0.0}
    row |= {"equality_p_adjusted": 0.003, "proportional_p_value": 0.4}
    calm = row | {"endpoint": "pfs", "equality_p_adjusted": 0.3}
    filled = tables(hazard_ratio_periods=[row, calm])
    (words,) = describe_periods(filled["hazard_ratio_periods"], 0.05, {})
    assert plain(words).startswith("Overall survival by sex: the hazards do not look proportional")


def test_doubt_stands_in_the_chapters(study, tables):
    row = {"endpoint": "pfs", "group_by": "all", "group": "all", "n": 40, "events": 9, "median_months": 21.0}
    row |= {"median_low": 12.0, "status": "ok"}
    subgroup = {
        "endpoint": "pfs",
        "subgroup": "sex",
        "subgroup_level": "male",
        "term": "radionuclide",
        "level": "90Y",
    }
    subgroup |= {"reference": "177Lu", "n": 20, "events": 5, "hazard_ratio": 0.7, "interaction_p_value": 0.04}
    subgroup |= {"hazard_ratio_low": 0.3, "hazard_ratio_high": 1.6, "status": "ok"}
    given = tables(
        sensitivity=[row | {"analysis": "worst_case", "n_changed": 3}],
        subgroups=[subgroup],
        estimands=[{"endpoint": "pfs", "variant": None, "sentence": "In all patients ..."}],
        estimand_comparison=[row | {"variant": "pfs_fda"}],
    )
    _, survival = write_survival(given, study)
    assert [t.title for t in survival] == ["Subgroups", "Sensitivity analyses"]
    assert survival[0].rows[0][1][1:] == [
        "Sex", "Male", "\u2079\u2070Y", "\u00b9\u2077\u2077Lu", "5/20", "0.70 (0.30\u20131.60)", "0.040"
    ]  # fmt: skip
    assert survival[1].rows[0][1][1:] == [
        "Worst case",
        "3",
        "All patients",
        "40",
        "9",
        "21.0 (12.0\u2013NR)",
        "",
    ]
    _, endpoints = write_endpoints(given, study)
    assert [t.source for t in endpoints] == ["estimands", "estimand_comparison"]


def test_a_competing_endpoint_is_told_by_its_cumulative_incidence(study, tables, plain):
    row = {"endpoint": "ttp", "group_by": "all", "group": "all", "n": 40, "events": 9, "median_months": 21.0}
    risk = {"endpoint": "ttp", "group_by": "all", "group": "all", "cause": "progression", "status": "ok"}
    times = [(0.0, 0.0), (11.0, 0.2), (30.0, 0.3)]
    rows = [
        risk | {"time_months": t, "cumulative_incidence": p, "low": p / 2, "high": p * 2} for t, p in times
    ]
    given = tables(km_summary=[row | {"status": "competing_censored"}], competing_risks=rows)
    paragraphs, _ = write_survival(given, study)
    words = plain(paragraphs[0])
    assert "median" not in words.lower()
    assert words.startswith(
        "Time to progression: cumulative incidence of progression, given the competing event, was 20"
    )
    assert "at 12 months" in words
    assert "at 24 months" in words
    assert "at 60" not in words
    assert words.endswith("with 9 events in 40 patients.")


def test_new_therapy_and_stopped_scans_are_counted(study, tables, plain):
    counts = {
        "endpoint": "pfs",
        "group_by": "all",
        "group": "all",
        "n": 400,
        "n_switched": 13,
        "status": "ok",
    }
    counts |= {"n_scanned_after_switch": 7, "n_progressed_after_switch": 3, "n_stopped": 75}
    counts |= {"effective_n": 391.26, "largest_weight": 1.31}
    median = {"endpoint": "pfs", "group_by": "all", "group": "all", "n": 400, "events": 322, "status": "ok"}
    rows = [
        median | {"analysis": "scan_stop_censored", "median_months": 28.58},
        median | {"analysis": "scan_stop_weighted", "median_months": 28.68},
    ]
    filled = tables(scan_follow_up=[counts], sensitivity=rows)
    assert plain(describe_switches(filled, study)) == (
        "13 of 400 patients began a new therapy before the event, 7 of them were scanned afterwards and 3 "
        "had progression after it"
    )
    stops = plain(describe_stops(filled, study))
    assert stops.startswith("75 of 400 patients had no scan by the end of the window of a planned one")
    assert "the median is 28.6 months, and 28.7 months weighted" in stops
    assert "effective sample size 391.3, largest weight 1.3, none truncated" in stops
    none = tables(scan_follow_up=[counts | {"n_switched": 0, "n_stopped": None}])
    assert plain(describe_switches(none, study)) == "0 of 400 patients began a new therapy before the event"
    assert describe_stops(none, study) is None


def test_a_table_names_competing_events_where_there_are_any():
    row = {"endpoint": "ttp", "group_by": "all", "group": "all", "variant": None, "n": 10, "events": 4}
    row |= {"median_months": 9.0, "median_low": 6.0, "median_high": 12.0, "hazard_ratio": None}
    row |= dict.fromkeys(("hazard_ratio_low", "hazard_ratio_high", "hazard_ratio_status"))
    notes = [
        survival_table("estimand_comparison", pd.DataFrame([row | {"status": status}]), {}, "95%").note
        for status in ("competing_censored", "ok")
    ]
    assert ["competes" in note for note in notes] == [True, False]
