"""Twenty objections, each answered with a number of a table, or said not to be answered."""

import pytest

from prrt_outcomes.report.objections import NOT_ANSWERED, OBJECTIONS, write_objections

MEDIAN = {"endpoint": "pfs", "group_by": "all", "group": "all", "n": 400, "events": 322, "status": "ok"}


def answers(tables, study, plain):
    paragraphs, _ = write_objections(tables, study)
    return dict(plain(p).split(": ", 1) for p in paragraphs)


def test_without_results_nothing_is_answered_by_a_number(study, tables, plain):
    found = answers(tables(), study, plain)
    assert list(found) == list(OBJECTIONS)
    assert len(found) == 20
    silent = {"Competing death", "Reconstruction", "Who was excluded"}
    assert {text for title, text in found.items() if title not in silent} == {f"{NOT_ANSWERED}."}


def test_the_median_stands_under_each_rule_with_the_patients_that_it_changes(study, tables, plain):
    rows = [
        MEDIAN | {"analysis": "primary", "median_months": 28.94, "n_changed": 0},
        MEDIAN | {"analysis": "new_therapy_censored", "median_months": 30.1, "n_changed": 12},
        MEDIAN | {"analysis": "new_therapy_event", "median_months": 24.0, "n_changed": 31},
    ]
    found = answers(tables(sensitivity=rows), study, plain)
    assert found["New therapy"] == (
        "the median is 28.9 months as defined, 30.1 months (censored at new therapy; 12 patients change) and "
        "24.0 months (new therapy counted as an event; 31 patients change)."
    )
    assert found["Missed scans"] == f"{NOT_ANSWERED}."


def test_immortal_time_shows_both_ratios(study, tables, plain):
    row = {
        "endpoint": "pfs",
        "criterion": "recist_1_1",
        "comparison": "responder:non_responder",
        "status": "ok",
    }
    row |= {"naive_log_hazard_ratio": -0.7254, "time_dependent_log_hazard_ratio": -0.4849}
    found = answers(tables(responder_bias=[row]), study, plain)
    assert found["Immortal time"].startswith(
        "the hazard ratio of responders is 0.48 as usually computed and 0.62"
    )


@pytest.mark.parametrize("title", ["Selection", "Era"])
def test_what_is_not_known_of_the_control_is_said(study, tables, plain, title):
    controls = [
        {"control": "second", "endpoint": "pfs", "method": "rate_ratio", "estimate": "smr", "weights": "none",
         "value": 0.5, "low": 0.3, "high": 0.9, "status": "ok"}
    ]  # fmt: skip
    cards = [{"control": "second", "item": item, "verdict": "unknown"} for item in ("era", "line")]
    found = answers(tables(controls=controls, control_comparability=cards), study, plain)
    assert found[title].endswith("unknown.")


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
    rows = [
        MEDIAN | {"analysis": "scan_stop_censored", "median_months": 28.58},
        MEDIAN | {"analysis": "scan_stop_weighted", "median_months": 28.68},
    ]
    found = answers(tables(scan_follow_up=[counts], sensitivity=rows), study, plain)
    assert found["New therapy"] == (
        "13 of 400 patients began a new therapy before progression, 7 of them were scanned afterwards and 3 "
        "had progression after it."
    )
    assert found["Missed scans"].startswith(
        "75 of 400 patients had no scan by the end of the window of a planned one (scans stopped)"
    )
    assert "the median is 28.6 months, and 28.7 months weighted" in found["Missed scans"]
    assert "effective sample size 391.3, largest weight 1.3, none truncated" in found["Missed scans"]
    none = counts | {"n_switched": 0, "n_stopped": None}
    found = answers(tables(scan_follow_up=[none]), study, plain)
    assert found["New therapy"] == "0 of 400 patients began a new therapy before progression."
    assert found["Missed scans"] == f"{NOT_ANSWERED}."
