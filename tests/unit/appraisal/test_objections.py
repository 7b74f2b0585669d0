"""Twenty objections, each answered with a number of a table, or said not to be answered."""

import pytest

from prrt_outcomes.appraisal.objections import NOT_ANSWERED, OBJECTIONS, TESTS, answer_objections
from prrt_outcomes.appraisal.stage import INPUTS
from prrt_outcomes.tables.frames import conform_table, empty_table

MEDIAN = {"endpoint": "pfs", "group_by": "all", "group": "all", "n": 400, "events": 322, "status": "ok"}
COLUMNS = ["answer", "value", "table", "row", "sentence"]


@pytest.fixture
def study(make_study):
    """A study whose second control is the primary one."""
    control = {"kind": "published", "n": 97, "median_months": 4.0}
    return make_study(controls=[{"id": "first"} | control, {"id": "second", "primary": True} | control])


def answers(tables, study):
    tables = {"multiplicity": empty_table("multiplicity")} | tables
    found = conform_table("objections", answer_objections(tables, study))
    return found.set_index("objection")


def test_without_results_nothing_is_answered_by_a_number(study, tables):
    found = answers(tables(), study)
    assert found["number"].tolist() == list(range(1, 21))
    silent = found.index.isin(["Competing death", "Reconstruction"])
    assert set(found.loc[~silent, "sentence"]) == {f"{NOT_ANSWERED.capitalize()}."}
    assert found["answer"].eq("not_answered").tolist() == (~silent).tolist()
    assert found[["value", "table"]].isna().all(axis=None)


def test_the_median_stands_under_each_rule_with_the_patients_that_it_changes(study, tables):
    rows = [
        MEDIAN | {"analysis": "primary", "median_months": 28.94, "n_changed": 0},
        MEDIAN | {"analysis": "new_therapy_censored", "median_months": 30.1, "n_changed": 12},
        MEDIAN | {"analysis": "new_therapy_event", "median_months": 24.0, "n_changed": 31},
    ]
    found = answers(tables(sensitivity=rows), study)
    answer, value, table, row, sentence = found.loc["New therapy", COLUMNS]
    assert sentence == (
        "The median is 28.9 months as defined, 30.1 months (censored at new therapy; 12 patients change) and "
        "24.0 months (new therapy counted as an event; 31 patients change)."
    )
    assert (answer, value, table) == ("partly", 28.94, "sensitivity")
    assert row == "endpoint = pfs, analysis = primary, group_by = all, group = all"
    assert found.loc["Missed scans", "answer"] == "not_answered"


def test_immortal_time_shows_both_ratios(study, tables):
    row = {
        "endpoint": "pfs",
        "criterion": "recist_1_1",
        "comparison": "responder:non_responder",
        "status": "ok",
    }
    row |= {"naive_log_hazard_ratio": -0.7254, "time_dependent_log_hazard_ratio": -0.4849}
    found = answers(tables(responder_bias=[row]), study).loc["Immortal time"]
    assert found["sentence"].startswith("The hazard ratio of responders is 0.48 as usually computed and 0.62")
    assert found["value"] == pytest.approx(0.61576, abs=1e-5)
    assert found["answer"] == "answered"


@pytest.mark.parametrize(
    ("verdicts", "answer", "differ"),
    [(("unknown", "unknown"), "not_answered", float("nan")), (("same", "unknown"), "partly", 0),
     (("same", "different"), "answered", 1)],
)  # fmt: skip
def test_what_is_not_known_of_the_control_is_said(study, tables, verdicts, answer, differ):
    controls = [
        {"control": "second", "endpoint": "pfs", "method": "rate_ratio", "estimate": "smr", "weights": "none",
         "value": 0.5, "low": 0.3, "high": 0.9, "status": "ok"}
    ]  # fmt: skip
    cards = [
        {"control": "second", "item": item, "verdict": verdict}
        for item, verdict in zip(("grade", "line"), verdicts, strict=True)
    ]
    found = answers(tables(controls=controls, control_comparability=cards), study).loc["Selection"]
    assert found["sentence"].endswith(f"and line {verdicts[1]}.")
    assert found["answer"] == answer
    assert found["value"] == pytest.approx(differ, nan_ok=True)


def test_new_therapy_and_stopped_scans_are_counted(study, tables):
    counts = {
        "endpoint": "pfs",
        "group_by": "all",
        "group": "all",
        "n": 400,
        "n_switched": 13,
        "status": "ok",
    }
    found = answers(tables(scan_follow_up=[counts | {"n_stopped": 75}]), study)
    assert found.loc["New therapy", "sentence"] == "13 of 400 patients began a new therapy before the event."
    assert found.loc["Missed scans", COLUMNS[:3]].tolist() == ["partly", 75, "scan_follow_up"]
    found = answers(tables(scan_follow_up=[counts | {"n_stopped": None}]), study)
    assert found.loc["Missed scans", "answer"] == "not_answered"


def test_who_was_excluded_counts_response_and_time(study, tables):
    rate = {
        "criterion": "recist_1_1",
        "confirmed": False,
        "group_by": "all",
        "group": "all",
        "category": "NE",
    }
    rate |= {"n": 2, "total": 9, "proportion": 2 / 9, "status": "ok"}
    time = MEDIAN | {"median_months": 9.0, "n": 8, "median_status": "ok"}
    own = [{"patient_id": name} for name in "abcdefghi"]
    found = answers(tables(response_rates=[rate], km_summary=[time], analysis_set=own), study)
    assert found.loc["Who was excluded", "sentence"] == (
        "Response could not be assessed in 2 of 9 patients; 1 of 9 have no time to progression-free survival."
    )


def test_every_p_value_that_is_counted_is_read():
    assert set(TESTS) <= set(INPUTS)
    assert len(OBJECTIONS) == 20
