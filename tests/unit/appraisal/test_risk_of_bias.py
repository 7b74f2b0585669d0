"""Risk of bias: no judgement is better than what is known of the comparison."""

import pytest

from prrt_outcomes.appraisal.risk_of_bias import JUDGEMENTS, judge_bias, load_domains
from prrt_outcomes.controls.comparability import SIZES
from prrt_outcomes.tables.schema import load_schema

TRIAL = {"left_truncation": 0, "missing_covariates": 4}


@pytest.fixture
def judge(make_study, tables, controls):
    """Judgements by control and domain; all items alike and a sound comparison but for what is given."""

    def make(items=None, verdict="sound", negative=(0.9, 1.2), **trial):
        cards = [
            {"control": control, "item": item, "verdict": (items or {}).get(item, "same")}
            for control in ("arm", "old")
            for item in SIZES
        ]
        rows = [{"control": "old", "element": name, "n": n, "n_control": n, "note": None}
                for name, n in (TRIAL | trial).items()]  # fmt: skip
        verdicts = [{"control": c, "endpoint": "pfs", "weights": w, "verdict": verdict, "words": verdict}
                    for c, w in (("arm", "none"), ("old", "overlap"))]  # fmt: skip
        doubt = {"endpoint": "pfs", "kind": "negative_control", "item": "x", "status": "ok"}
        low, high = negative
        doubts = [doubt | {"control": "old", "value": 1.0, "low": low, "high": high}]
        ours = [
            {"patient_id": "a", "endpoint": "pfs", "end_date": "2016-01-01", "event": 1, "reason": "death"}
        ]
        given = {"controls": controls, "control_comparability": cards, "control_target_trial": rows}
        given |= {"control_verdicts": verdicts, "control_sensitivity": doubts, "endpoints": ours}
        return judge_bias(tables(**given), make_study()).set_index(["control", "domain"])

    return make


def test_a_weighted_comparison_with_all_facts_is_no_better_than_moderate(judge):
    found = judge()["judgement"]["old"]
    assert found["confounding"] == "moderate"
    assert found["measurement"] == "moderate"
    assert found["missing_data"] == "low"
    assert found["classification"] == "no_information"  # the wait for treatment is not stated
    assert found["overall"] == "no_information"


@pytest.mark.parametrize(
    ("given", "domain", "judgement"),
    [
        ({"verdict": "poor"}, "confounding", "serious"),
        ({"negative": (1.1, 1.9)}, "confounding", "serious"),
        ({"negative": (0.5, 1.2)}, "confounding", "no_information"),  # holds the quoted ratio of 0.6
        ({"items": {"era": "unknown"}}, "confounding", "no_information"),
        ({"items": {"line": "different"}}, "confounding", "serious"),
        ({"items": {"grade": "different"}}, "confounding", "moderate"),
        ({"items": {"origin": "different"}}, "selection", "serious"),
        ({"items": {"origin": "unknown"}}, "selection", "no_information"),
        ({"items": {"crossover": "different"}}, "deviations", "serious"),
        ({"items": {"criterion": "different"}}, "measurement", "serious"),
        ({"missing_covariates": 60}, "missing_data", "serious"),
    ],
)
def test_what_falls_short_decides_its_domain(judge, given, domain, judgement):
    found = judge(**given)
    assert found.loc[("old", domain), "judgement"] == judgement
    rank = JUDGEMENTS.index
    assert rank(found.loc[("old", "overall"), "judgement"]) >= rank(judgement)


def test_a_published_arm_whose_patients_differ_is_critical(judge):
    assert judge(items={"grade": "different"}).loc[("arm", "confounding"), "judgement"] == "critical"
    assert judge().loc[("arm", "missing_data"), "judgement"] == "no_information"


def test_only_the_primary_comparison_was_chosen_before_its_result(judge):
    found = judge()["judgement"]
    assert (found["arm", "reported_result"], found["old", "reported_result"]) == ("serious", "moderate")


def test_domains_and_judgements_are_those_of_the_schema(judge):
    schema = load_schema("risk_of_bias")
    assert [*load_domains(), "overall"] == list(schema.field("domain").codes)
    assert set(JUDGEMENTS) == set(schema.field("judgement").codes)
    rules = judge()["rule"]["old"]
    assert rules["overall"] == "the worst of the domains"
    assert rules["selection"] == (
        "compared with a randomised trial: serious if origin or eligibility differ; moderate if late entry differs; "
        "no information if one is not known; otherwise low"
    )
