"""The estimand of each comparison follows from settings and rows, never from a text of its own."""

import pandas as pd
import pytest

from prrt_outcomes.appraisal.estimands import tabulate_estimands

DAY0 = "2015-01-01"
STATED = {"endpoint": "pfs", "variant": None, "n": 4, "population": "all", "treatment": "PRRT as given"}
STATED |= {"variable": "time from the first cycle to progression or death from any cause"}


def row(patient, end, event, reason, **dates):
    base = {"patient_id": patient, "endpoint": "pfs", "origin_date": DAY0, "end_date": end, "event": event}
    base |= {"reason": reason, "status": "ok"} | dates
    start, therapy = pd.Timestamp(base["origin_date"]), dates.get("new_therapy_date")
    base["time_days"] = 1.0 if end is None else float((pd.Timestamp(end) - start).days)
    if therapy is not None and not (event and therapy > end):
        base["new_therapy_days"] = (pd.Timestamp(therapy) - start).days
    return base


ENDPOINTS = [
    row(
        "a",
        "2015-10-01",
        1,
        "progression",
        new_therapy_date="2015-05-01",
        previous_assessment_date="2015-04-01",
    ),
    row("b", "2015-06-01", 1, "death", new_therapy_date="2015-08-01"),
    row("c", "2018-01-01", 1, "death", previous_assessment_date="2016-01-01"),
    row("d", "2019-01-01", 0, "last_adequate_assessment", new_therapy_date="2018-01-01"),
]
PERIODS = [{"patient_id": "d", "period": 2, "first_cycle": "2018-06-01"}]


@pytest.fixture
def estimands(make_study, tables, controls, registry):
    def tabulate(**settings):
        given = registry | {
            "estimands": [STATED],
            "endpoints": ENDPOINTS,
            "treatment_periods": PERIODS,
            "controls": controls,
        }
        found = tabulate_estimands(tables(**given | settings.pop("tables", {})), make_study(**settings))
        return found.set_index(["comparison", "attribute"])

    return tabulate


def test_intercurrent_events_are_counted_by_the_end_of_the_time_and_within_the_published_window(estimands):
    found = estimands(assessment_interval_days=90)
    events = ["new_therapy", "retreatment", "missed_assessments", "death"]
    assert found.loc["old"].loc[events, "n"].tolist() == [2, 1, 1, 2]
    assert found.loc["arm"].loc[events, "n"].tolist() == [1, 0, 0, 1]  # to month 20
    assert (found.loc["old"].loc[events, "total"] == 4).all()


def test_missed_scans_are_not_counted_without_a_planned_interval(estimands):
    assert estimands()["n"].isna()["old", "missed_assessments"]


@pytest.mark.parametrize(
    ("rules", "strategies"),
    [
        ({}, ["treatment_policy", "treatment_policy", "treatment_policy", "composite"]),
        (
            {"new_therapy": "censor", "missed_assessments": "event", "death": "competing"},
            ["hypothetical", "hypothetical", "composite", "while_alive"],
        ),
        ({"new_therapy": "event", "retreatment": "ignore"}, ["composite", "treatment_policy"]),
        ({"progression": "ignore"}, ["treatment_policy", "treatment_policy", "not_applicable", "composite"]),
    ],
)
def test_strategies_follow_the_settings(estimands, rules, strategies):
    definition = {"name": "pfs", "preset": "pfs"} | rules
    found = estimands(endpoints=[definition], assessment_interval_days=90).loc["arm"]
    events = ["new_therapy", "retreatment", "missed_assessments", "death"]
    assert found.loc[events, "strategy"].tolist()[: len(strategies)] == strategies


def test_population_and_summary_are_those_of_the_quoted_estimate(estimands):
    found = estimands()["words"]
    assert found["arm", "population"] == "our patients who fit the arm"
    assert found["old", "population"] == "patients who could be in either group (overlap)"
    assert found["arm", "variable"].endswith("up to month 20")
    assert found["arm", "summary"] == "observed over expected events"
    assert found["old", "summary"] == "hazard ratio, Cox model, Overlap weights"
    assert "in the control: not stated" in found["arm", "new_therapy"]
    assert "midgut, progressive" in found["arm", "comparator"]


def test_a_source_that_reports_times_does_not_state_its_strategies(estimands):
    reported = [row("a", None, 1, "reported"), row("b", None, 0, "reported")]
    found = estimands(tables={"endpoints": reported}).loc["old"]
    assert set(found["strategy"].dropna()) == {"not_stated"}


def test_responders_are_described_at_the_landmark_and_by_their_state(estimands):
    same = {
        "endpoint": "pfs",
        "criterion": "recist_1_1",
        "comparison": "responder:non_responder",
        "status": "ok",
    }
    same |= {"adjusted": False, "weighted": False, "hazard_ratio": 0.7}
    rows = [
        same | {"method": "naive", "n": 4, "excluded": 0},
        same | {"method": "landmark", "landmark_months": 6.0, "n": 3, "excluded": 1},
        same | {"method": "time_dependent_cox", "n": 4, "excluded": 0},
    ]
    found = estimands(tables={"responders": rows}).loc["responder:non_responder"]
    assert set(found["method"]) == {"landmark", "time_dependent_cox"}
    landmark = found[found["method"] == "landmark"]
    assert landmark.loc["population", ["n", "total"]].tolist() == [3, 4]
    assert landmark.loc["variable", "words"].endswith("counted from month 6 on")
    assert "not a causal effect of response" in landmark.loc["summary", "words"]


EVENTS = ["new_therapy", "retreatment", "missed_assessments", "death"]


def test_only_those_who_are_compared_are_counted(estimands, make_study, registry):
    people = registry["analysis_set"]
    people[0] = people[0] | {"tumour_type": "lung"}
    people[1] = people[1] | {"grade": None}
    arm, old = (control.model_dump() for control in make_study().controls)
    chosen = [arm | {"tumour_types": "midgut"}, old]
    found = estimands(controls=chosen, tables={"analysis_set": people}, assessment_interval_days=90)
    assert found.loc["arm"].loc[EVENTS, "total"].tolist() == [3] * 4  # without the lung tumour
    assert found.loc["arm"].loc[EVENTS, "n"].tolist() == [0, 0, 0, 1]
    assert found.loc["old"].loc[EVENTS, "total"].tolist() == [3] * 4  # complete cases
    assert found.loc["old"].loc[EVENTS, "n"].tolist() == [2, 1, 1, 1]


def test_what_comes_after_the_end_of_a_censored_time_does_not_count(estimands):
    late = row("d", "2016-01-01", 0, "last_adequate_assessment", new_therapy_date="2018-01-01")
    found = estimands(tables={"endpoints": [late]}).loc["old"]
    assert found.loc[["new_therapy", "retreatment"], "n"].tolist() == [0, 0]


def test_a_therapy_that_censored_at_the_scan_before_it_counts(estimands):
    stopped = row("d", "2016-01-01", 0, "new_therapy", new_therapy_date="2016-02-01")
    found = estimands(tables={"endpoints": [stopped]}).loc["old"]
    assert found.loc[["new_therapy", "retreatment"], "n"].tolist() == [1, 0]


def test_a_time_that_starts_at_retreatment_counts_only_later_retreatment(estimands):
    periods = [
        {"patient_id": "d", "period": number, "first_cycle": f"201{4 + number}-01-01"} for number in (1, 2)
    ]
    rows = [row("d", "2018-01-01", 1, "progression", origin_date="2016-01-01")]
    given = {"endpoints": rows, "treatment_periods": periods}
    assert estimands(tables=given)["n"]["old", "retreatment"] == 0
    third = [*periods, {"patient_id": "d", "period": 3, "first_cycle": "2017-01-01"}]
    assert estimands(tables=given | {"treatment_periods": third})["n"]["old", "retreatment"] == 1


def test_scans_are_due_from_entry_on(estimands):
    late = row("a", "2015-04-01", 1, "progression", origin_date="2010-01-01", entry_days=1826.0)
    found = estimands(tables={"endpoints": [late]}, assessment_interval_days=90)
    assert found["n"]["old", "missed_assessments"] == 0


def test_after_a_landmark_only_what_comes_after_it_counts(estimands):
    rows = [
        row("a", "2018-01-01", 1, "death", new_therapy_date="2015-05-01"),
        row("b", "2018-01-01", 1, "death", new_therapy_date="2016-05-01"),
    ]
    shared = {"endpoint": "pfs", "criterion": "recist_1_1", "comparison": "responder:non_responder"}
    shared |= {
        "adjusted": False,
        "weighted": False,
        "hazard_ratio": 0.7,
        "status": "ok",
        "n": 2,
        "excluded": 0,
    }
    compared = [shared | {"method": "landmark", "landmark_months": 6.0}]
    found = estimands(tables={"endpoints": rows, "responders": compared}).loc["responder:non_responder"]
    assert found.loc["new_therapy", ["n", "total"]].tolist() == [1, 2]


def test_reported_times_and_a_registry_without_therapies_are_not_counted(estimands):
    mixed = [*ENDPOINTS[:2], row("c", None, 1, "reported", origin_date=None)]
    found = estimands(tables={"endpoints": mixed}).loc["old"]
    assert found.loc[["new_therapy", "death"], ["n", "total"]].to_numpy().tolist() == [[1, 2], [1, 2]]
    assert estimands(tables={"therapies": []})["n"].isna()["old", "new_therapy"]
