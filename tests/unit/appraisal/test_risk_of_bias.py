"""Risk of bias: no judgement is better than what is known of the comparison."""

import pytest

from prrt_outcomes.appraisal.risk_of_bias import JUDGEMENTS, judge_bias, load_domains
from prrt_outcomes.controls.comparability import SIZES
from prrt_outcomes.tables.schema import load_schema

TRIAL = {"left_truncation": 0, "missing_covariates": 4}


def ours(*rows):
    """Rows of `endpoints` from event, reason and new therapy, of a, b, c and d."""
    same = {"endpoint": "pfs", "origin_date": "2015-01-01", "end_date": "2016-01-01", "time_days": 365.0}
    names = ("event", "reason", "new_therapy_days")
    return [
        same | {"patient_id": p} | dict(zip(names, r, strict=False))
        for p, r in zip("abcd", rows, strict=False)
    ]


OURS = ours(*[(1, "death")] * 4)


@pytest.fixture
def judge(make_study, tables, controls, registry):
    """Judgements by control and domain; all items alike and a sound comparison but for what is given."""

    def make(items=None, verdict="sound", negative=(0.9, 1.2), tables_=None, arm=None, **trial):
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
        given = registry | {
            "controls": controls,
            "control_comparability": cards,
            "control_target_trial": rows,
        }
        given |= {"control_verdicts": verdicts, "control_sensitivity": doubts, "endpoints": OURS}
        published, old = (control.model_dump() for control in make_study().controls)
        study = make_study(controls=[published | (arm or {}), old])
        return judge_bias(tables(**given | (tables_ or {})), study).set_index(["control", "domain"])

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
    assert rules["confounding"].startswith(
        "compared with a randomised trial: critical if patients differ; serious if"
    )
    assert rules["selection"] == (
        "compared with a randomised trial: serious if origin or eligibility differ; moderate if late entry differs; "
        "if none differs and one is not known, no information; otherwise low"
    )


OTHERS = [(1, "death")] * 3
CENSORED = (0, "last_adequate_assessment")


def test_a_fact_that_differs_counts_before_one_that_is_not_known(judge):
    switched = {"endpoints": ours((1, "progression", 120), *OTHERS)}
    found = judge(items={"crossover": "unknown"}, tables_=switched)
    assert found.loc[("old", "deviations"), ["judgement", "table"]].tolist() == ["moderate", "endpoints"]
    found = judge(items={"crossover": "unknown"})
    assert found.loc[("old", "deviations"), "judgement"] == "no_information"


@pytest.mark.parametrize(
    ("given", "domain", "judgement"),
    [
        # d is marked as lost and has no event, whatever ends the time of the endpoint
        ({"endpoints": ours(*OTHERS, CENSORED)}, "missing_data", "serious"),
        ({"follow_up": [{"patient_id": "a", "vital_status": "alive"}]}, "missing_data", "no_information"),
        ({"therapies": []}, "deviations", "no_information"),
        ({"endpoints": ours(*[(1, "reported")] * 4)}, "deviations", "no_information"),
        ({"endpoints": ours((1, "death"), *[(1, "reported")] * 3)}, "deviations", "no_information"),
        ({"endpoints": ours((0, "last_contact", 731), *OTHERS)}, "deviations", "low"),
        ({"endpoints": ours((1, "new_therapy", 365), *OTHERS)}, "deviations", "low"),
    ],
)
def test_shares_are_of_those_compared_and_unknown_where_nothing_tells(judge, given, domain, judgement):
    assert judge(tables_=given).loc[("old", domain), "judgement"] == judgement


def test_a_share_is_of_those_who_fit_the_arm(judge, registry):
    people = registry["analysis_set"]
    people[0] = people[0] | {"tumour_type": "lung"}
    given = {"analysis_set": people, "endpoints": ours((1, "death", 120), *OTHERS)}
    found = judge(tables_=given, arm={"tumour_types": "midgut"})["judgement"]
    assert (found["arm", "deviations"], found["old", "deviations"]) == ("low", "moderate")


@pytest.mark.parametrize(
    ("origin", "judgement"),
    [
        ("randomisation", "low"),
        ("date of randomization", "low"),
        ("first dose, not randomised", "no_information"),
        ("first dose (non-randomised)", "no_information"),
    ],
)
def test_only_a_randomised_arm_has_no_wait_for_treatment(judge, origin, judgement):
    assert judge(arm={"origin": origin}).loc[("arm", "classification"), "judgement"] == judgement


def test_who_is_lost_after_the_published_window_is_not_lost_to_the_comparison(judge):
    found = judge(tables_={"endpoints": [row | {"time_days": 700.0} for row in ours(*OTHERS, CENSORED)]})
    assert found["answer"]["arm", "missing_data"].endswith("0% lost to follow-up (limit 10%)")  # to month 20
    assert found["answer"]["old", "missing_data"].endswith("25% lost to follow-up (limit 10%)")
