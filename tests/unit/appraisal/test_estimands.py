"""The estimand of each comparison follows from settings and rows, never from a text of its own."""

import pytest

from prrt_outcomes.appraisal.estimands import tabulate_estimands

DAY0 = "2015-01-01"
STATED = {"endpoint": "pfs", "variant": None, "n": 4, "population": "all", "treatment": "PRRT as given"}
STATED |= {"variable": "time from the first cycle to progression or death from any cause"}


def row(patient, end, event, reason, **dates):
    base = {"patient_id": patient, "endpoint": "pfs", "origin_date": DAY0, "end_date": end, "event": event}
    return base | {"reason": reason, "time_days": 1.0, "status": "ok"} | dates


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
def estimands(make_study, tables, controls):
    def tabulate(**settings):
        given = {
            "estimands": [STATED],
            "endpoints": ENDPOINTS,
            "treatment_periods": PERIODS,
            "controls": controls,
        }
        found = tabulate_estimands(tables(**given | settings.pop("tables", {})), make_study(**settings))
        return found.set_index(["comparison", "attribute"])

    return tabulate


def test_intercurrent_events_are_counted_before_the_event_and_within_the_published_window(estimands):
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
