"""Twenty objections, each answered with a number of a table, or said not to be answered."""

import pytest

from prrt_outcomes.appraisal.objections import NOT_ANSWERED, OBJECTIONS, answer_objections
from prrt_outcomes.appraisal.stage import INPUTS
from prrt_outcomes.tables.frames import conform_table, empty_table
from prrt_outcomes.tables.schema import list_tables, load_schema

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
    silent = found.index.isin(["Competing death", "Reconstruction"])  # answered by the number of rows: none
    assert set(found.loc[~silent, "sentence"]) == {f"{NOT_ANSWERED.capitalize()}."}
    assert found["answer"].eq("not_answered").tolist() == (~silent).tolist()
    assert found.loc[~silent, ["value", "table"]].isna().all(axis=None)
    assert found.loc[silent, "value"].tolist() == [0, 0]
    assert found.loc[silent, "table"].tolist() == ["competing_risks", "reconstruction_quality"]


def test_the_median_stands_under_each_rule_with_the_patients_that_it_changes(study, tables):
    rows = [
        MEDIAN | {"analysis": "primary", "median_months": 28.94, "n_changed": 0},
        MEDIAN | {"analysis": "new_therapy_censored", "median_months": 30.1, "n_changed": 12},
        MEDIAN | {"analysis": "new_therapy_event", "median_months": 24.0, "n_changed": 31},
    ]
    found = answers(tables(sensitivity=rows), study)
    answer, value, table, row, sentence = found.loc["New therapy", COLUMNS]
    assert sentence == (
        "Median progression-free survival is 28.9 months as defined, 30.1 months (censored at new therapy; "
        "12 patients change) and 24.0 months (new therapy counted as an event; 31 patients change)."
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
    assert found["sentence"].startswith(
        "The hazard ratio of responders is 0.48 in the naive analysis and 0.62"
    )
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
        "Response could not be assessed in 2 of 9 patients; 1 of 9 have no time for progression-free survival."
    )


def test_every_column_of_p_values_is_counted_once_a_value(study, tables):
    given = {
        "logrank": [{"endpoint": "pfs", "p_value": p} for p in (0.1, 0.2, 0.2)],
        "kidney_events": [{"group_by": "sex", "gray_p_value": 0.3}, {"group_by": "sex", "gray_p_value": 0.3}],
        "responder_depth": [{"p_value": 0.4, "p_value_nonlinear": 0.5}],
        "multiplicity": [{"test": "logrank", "p_value": 0.1}],
    }
    found = answers(tables(**given), study).loc["Multiplicity"]
    assert found[["value", "table"]].tolist() == [5, "logrank"]
    assert found["sentence"].startswith("5 different p-values stand in the tables")


def test_every_table_with_p_values_is_an_input():
    named = {name for name in list_tables("results") if any("p_value" in c for c in load_schema(name).names)}
    assert named - {"multiplicity"} <= set(INPUTS)  # `multiplicity` repeats those of others
    assert len(OBJECTIONS) == 20


def test_a_median_that_is_nowhere_reached_is_said_and_no_answer(study, tables):
    rows = [MEDIAN | {"analysis": a, "status": "not_reached"} for a in ("primary", "fda")]
    found = answers(tables(sensitivity=rows), study).loc["Censoring rule"]
    assert found["sentence"].startswith("Median progression-free survival is not reached as defined")
    assert found["answer"] == "not_answered"


def test_crossing_hazards_are_answered_within_the_cohort_and_against_the_control(study, tables):
    own = {"endpoint": "pfs", "model": "multivariable", "term": "global", "p_value": 0.4, "status": "ok"}
    quoted = {"control": "second", "endpoint": "pfs", "method": "rate_ratio", "estimate": "smr", "weights": "none",
              "value": 0.5, "low": 0.3, "high": 0.9, "status": "ok"}  # fmt: skip
    found = answers(tables(cox_diagnostics=[own], controls=[quoted]), study).loc["Crossing hazards"]
    assert found["answer"] == "partly"
    assert "within the cohort (multivariable model): p = 0.4" in found["sentence"]
    assert found["sentence"].endswith("they are not tested.")
    borrowed = {
        "control": "second",
        "endpoint": "pfs",
        "weights": "none",
        "discount": 0.5,
        "conflict_p_value": 0.02,
    }
    given = tables(cox_diagnostics=[own], controls=[quoted], control_borrowing=[borrowed])
    found = answers(given, study).loc["Crossing hazards"]
    assert found["answer"] == "answered"
    assert "one hazard ratio in all periods against" in found["sentence"]
    assert found["sentence"].endswith("p = 0.020.")
