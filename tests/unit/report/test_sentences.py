"""Words of doubt: what a comparison is worth, how large a bias is, which hazards change."""

import math
import re

import pandas as pd
import pytest

from prrt_outcomes.report.controls_chapter import describe_worth
from prrt_outcomes.report.headline import build_headline
from prrt_outcomes.report.patients_chapters import name_criteria, write_endpoints
from prrt_outcomes.report.response_chapters import write_responders
from prrt_outcomes.report.survival_chapter import describe_periods
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table
from prrt_outcomes.tables.schema import list_tables


def plain(markup) -> str:
    return re.sub(r"<[^>]+>", "", str(markup))


@pytest.fixture
def study() -> Study:
    control = {"kind": "published", "n": 97, "median_months": 4.0}
    return Study.model_validate(
        {"study": "s", "tables": {"patients": "p.csv", "cycles": "c.csv", "follow_up": "f.csv"}}
        | {"controls": [{"id": "first"} | control, {"id": "second", "primary": True} | control]}
    )


@pytest.fixture
def tables():
    def fill(**given):
        frames = {name: conform_table(name, pd.DataFrame(rows)) for name, rows in given.items()}
        return {name: empty_table(name) for name in list_tables("results")} | frames

    return fill


def test_the_worth_of_a_comparison_stands_beside_it(tables):
    cards = [{"control": "second", "item": i, "verdict": v} for i, v in
             (("origin", "different"), ("era", "same"), ("grade", "unknown"), ("line", "different"))]  # fmt: skip
    verdict = {
        "control": "second",
        "endpoint": "pfs",
        "weights": "none",
        "verdict": "poor",
        "words": "weak evidence: x",
    }
    filled = tables(control_comparability=cards, control_verdicts=[verdict])
    row = {"control": "second", "endpoint": "pfs", "weights": "none"}
    assert plain(describe_worth(filled, row)) == (
        "; comparability: 2 of 4 items differ, 1 not known; weak evidence: x"
    )
    assert plain(describe_worth(tables(), row)) == ""


def test_haematological_toxicity_says_how_much_of_it_is_lymphocytes(tables, study):
    rate = {
        "phase": "any",
        "group_by": "all",
        "group": "all",
        "grade_at_least": 3,
        "total": 399,
        "status": "ok",
    }
    rows = [rate | {"analyte": a, "n": n, "proportion": n / 399, "proportion_low": 0.0, "proportion_high": 0.3}
            for a, n in (("any_haematological", 89), ("lymphocytes", 86), ("platelets", 6))]  # fmt: skip
    (tile,) = build_headline(tables(safety_rates=rows), study)
    words = plain(tile.words)
    assert tile.title == "Haematological toxicity"
    assert "86 of these 89 by lymphocytes" in words
    assert "platelets 2%" in words


def test_the_size_of_the_bias_is_told_with_its_interval(tables, study):
    bias = {"endpoint": "pfs", "criterion": "recist_1_1", "comparison": "responder:non_responder"}
    bias |= {"bias": math.log(0.8), "bias_low": math.log(0.7), "bias_high": math.log(0.9)}
    bias |= {"null_simulations": 200, "null_naive_rejected": 0.71, "null_mantel_byar_rejected": 0.05}
    row = {
        "endpoint": "pfs",
        "criterion": "recist_1_1",
        "comparison": "responder:non_responder",
        "status": "ok",
    }
    row |= {"adjusted": False, "n": 400, "hazard_ratio_low": 0.3, "hazard_ratio_high": 0.9}
    methods = [
        row | {"method": m, "hazard_ratio": h} for m, h in (("naive", 0.48), ("time_dependent_cox", 0.6))
    ]
    paragraphs, _ = write_responders(tables(responders=methods, responder_bias=[bias]), study)
    last = plain(paragraphs[-1])
    assert "multiplies the hazard ratio by 0.80 (95% CI 0.70\u20130.90)" in last
    assert "in 71% of 200 simulated cohorts" in last


def test_the_code_of_a_criterion_becomes_its_title():
    sentence = "progression by recist_1_1 or death; then own_rule, not recist_1_1b"
    assert name_criteria(sentence, {"own_rule": "Our rule"}) == (
        "progression by RECIST 1.1 or death; then Our rule, not recist_1_1b"
    )


def test_estimands_are_folded(tables, study):
    row = {"endpoint": "pfs", "title": "PFS", "sentence": "time to progression by recist_1_1", "n": 4}
    _, (table,) = write_endpoints(tables(estimands=[row]), study)
    assert not table.open
    assert table.rows[0][1][1] == "time to progression by RECIST 1.1"


def test_the_patients_at_baseline_stand_before_the_estimands(tables, study):
    row = {"endpoint": "pfs", "title": "PFS", "sentence": "time to progression by recist_1_1", "n": 4}
    term = {
        "term": "sex",
        "level": "male",
        "group_by": "all",
        "group": "all",
        "n": 3,
        "total": 4,
        "proportion": 0.75,
    }
    _, shown = write_endpoints(tables(estimands=[row], baseline=[term]), study)
    assert [table.source for table in shown] == ["baseline", "estimands"]
    assert shown[0].rows[0][1] == ["Sex", "Male", "3 (75%)"]


def test_unequal_scans_are_told(tables, study):
    estimand = {"endpoint": "pfs", "title": "PFS", "sentence": "x", "n": 4}
    test = {"group_by": "tumour_group", "p_value": 0.004, "difference_days": 43.4, "verdict": "differ"}
    filled = tables(
        estimands=[estimand], scan_interval_test=[test, test | {"group_by": "sex", "verdict": "similar"}]
    )
    (words,), _ = write_endpoints(filled, study)
    assert "by tumour group: medians differ by up to 43 days (Kruskal-Wallis p = 0.004)" in plain(words)


def test_hazards_that_change_are_told(tables):
    row = {"endpoint": "os", "group_by": "sex", "level": "male", "reference": "female", "start_months": 0.0}
    row |= {"equality_p_value": 0.003, "proportional_p_value": 0.4}
    calm = row | {"endpoint": "pfs", "equality_p_value": 0.3}
    filled = tables(hazard_ratio_periods=[row, calm])
    (words,) = describe_periods(filled["hazard_ratio_periods"], 0.05, {})
    assert plain(words).startswith("Overall survival by sex: the hazards are not proportional")
