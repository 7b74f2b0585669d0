"""The comparability table: same, different, unknown, and what the words of a publication mean."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.controls.comparability import (
    EndpointRules,
    Profile,
    compare_descriptions,
    derive_endpoint_rules,
)
from prrt_outcomes.controls.library import (
    convert_arm_to_control,
    find_analogue,
    find_arm,
    load_library,
    name_criterion,
    name_grades,
    name_line,
    name_performance,
    name_tumour_types,
    name_yes,
)
from prrt_outcomes.study.controls import Description, LibraryControl
from prrt_outcomes.study.endpoints import PRESETS, EndpointDefinition
from prrt_outcomes.study.response import ResponseSettings

RULES = EndpointRules("recist_1_1", "first_cycle", True, "yes", "new therapy: ignore, missed scans: ignore")
ITEMS = [
    "progression_before_treatment",
    "analogue_continued",
    "criterion",
    "scan_interval",
    "origin",
    "era",
    "line",
    "tumour_type",
    "grade",
    "first_restaging",
    "performance",
    "central_review",
    "receptor_positive",
    "crossover",
    "censoring_rule",
]


def profile(**changed):
    values = {
        "progressive": 0.95,
        "pretreated": 1.0,
        "analogue": 0.95,
        "types": {"gep_small_intestine": 1.0},
        "grades": {"G1": 0.6, "G2": 0.4},
        "performance": {"0": 0.7, "1": 0.3},
        "scan_interval_weeks": 13.0,
        "first_scan_months": 3.0,
        "years": np.arange(2012, 2018, dtype=float),
    }
    return Profile(**(values | changed))


def card(control, cohort=None, rules=RULES, patients=None):
    rows = compare_descriptions(cohort or profile(), control, rules, patients)
    return {row.item: row for row in pd.DataFrame(rows).itertuples()}


def arm(name, endpoint="pfs"):
    return convert_arm_to_control(LibraryControl(id="a", kind="library", arm=name), find_arm(name, endpoint))


def test_netter1_against_a_cohort_like_it():
    found = card(arm("netter1_octreotide"))
    assert sorted(found) == sorted(ITEMS)
    verdicts = {name: item.verdict for name, item in found.items()}
    assert verdicts.pop("origin") == "different"
    assert {name for name, verdict in verdicts.items() if verdict == "unknown"} == {
        "performance",
        "censoring_rule",
    }
    assert set(verdicts.values()) == {"same", "unknown"}


def test_differences_stand_first_and_what_is_not_known_before_what_is_alike():
    verdicts = [item.verdict for item in card(arm("netter1_octreotide")).values()]
    assert verdicts == sorted(verdicts, key=["different", "unknown", "same"].index)


def test_a_late_first_restaging_favours_the_cohort():
    item = card(arm("netter1_octreotide"), profile(first_scan_months=9.0))["first_restaging"]
    assert (item.cohort, item.control_value) == ("9 months", "median 8.5 months")
    assert (item.verdict, item.bias) == ("different", "favours_cohort")


def test_which_side_a_difference_favours():
    stable = card(arm("clarinet_placebo"))["progression_before_treatment"]
    assert stable.bias == "favours_control"
    rare = card(arm("netter1_octreotide"), profile(scan_interval_weeks=26))["scan_interval"]
    assert rare.bias == "favours_cohort"
    survival = card(Description(crossover="67%"), rules=EndpointRules("", "first_cycle", False))["crossover"]
    assert (survival.verdict, survival.bias) == ("different", "favours_control")


def test_clarinet_is_no_control_for_progressive_patients():
    item = card(arm("clarinet_placebo"))["progression_before_treatment"]
    assert item.verdict == "different"
    assert "no control for progressive patients" in item.consequence
    stable = card(arm("clarinet_placebo"), profile(progressive=0.02))["progression_before_treatment"]
    assert stable.verdict == "same"


def test_what_is_not_said_is_unknown_never_same():
    found = card(Description())
    ended = found.pop("crossover")
    assert (ended.verdict, ended.consequence) == ("same", "the endpoint ends at progression")
    assert {item.verdict for item in found.values()} == {item.bias for item in found.values()} == {"unknown"}
    assert all("not known of the control" in item.consequence for item in found.values())
    nothing = profile(progressive=np.nan, pretreated=np.nan, analogue=np.nan, types={}, grades={})
    found = card(arm("netter1_octreotide"), nothing)
    for name in ("progression_before_treatment", "analogue_continued", "line", "tumour_type", "grade"):
        assert found[name].verdict == "unknown"


def test_differences_say_what_they_do():
    control = Description(
        criterion="WHO", scan_interval_weeks=26, enrolment_start_year=1995, enrolment_end_year=2001, line="first",
        tumour_types="pancreas", grade="G3", progressive_at_entry="no", analogue_continued="no", performance="ECOG 0",
        central_review="no", receptor_positive="no", censoring_rule="new therapy: censor",
    )  # fmt: skip
    found = card(control)
    without = ("origin", "first_restaging", "crossover")
    assert {item.verdict for name, item in found.items() if name not in without} == {"different"}
    assert "the control's patients were scanned more rarely" in found["scan_interval"].consequence
    assert "0% of our patients" in found["tumour_type"].consequence


def test_overall_survival_needs_no_scans():
    found = card(Description(), rules=EndpointRules("recist_1_1", "first_cycle", needs_scans=False))
    assert found["criterion"].verdict == found["scan_interval"].verdict == "same"


def test_patients_of_a_control_speak_before_words():
    theirs = profile(progressive=0.5, types={"lung": 1.0}, pretreated=0.95)
    found = card(Description(progressive_at_entry="yes"), patients=theirs)
    assert found["progression_before_treatment"].verdict == "different"
    assert found["tumour_type"].verdict == "different"
    assert found["line"].verdict == "same"
    assert found["grade"].verdict == "same"


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        ("midgut", {"gep_small_intestine"}),
        ("pancreas", {"gep_pancreas"}),
        ("lung TC AC", {"lung"}),
        ("pheochromocytoma paraganglioma", {"phaeochromocytoma", "paraganglioma"}),
        ("pancreas midgut hindgut unknown",
         {"gep_pancreas", "gep_small_intestine", "gep_large_intestine", "gep_unknown_primary"}),
        ("gep_pancreas lung", {"gep_pancreas", "lung"}),
        ("non-pancreatic GEP",
         {"gep_small_intestine", "gep_large_intestine", "gep_stomach_duodenum", "gep_other"}),
        ("GEP (no lung)", set()),
        ("midgut, pancreas excluded", set()),
        ("", set()),
    ],
)  # fmt: skip
def test_tumour_types_in_words(words, codes):
    assert name_tumour_types(words) == codes


def test_extrapancreatic_is_not_pancreatic():
    assert "gep_pancreas" not in name_tumour_types("extrapancreatic (GI lung thymus unknown)")
    assert "gep_pancreas" in name_tumour_types("pancreas 33 non-pancreatic 41")


@pytest.mark.parametrize(
    ("words", "grades"),
    [("G1-2", {"G1", "G2"}), ("G1-3 well-differentiated", {"G1", "G2", "G3"}), ("well-differentiated", set()),
     ("low-intermediate", {"G1", "G2"}), ("G2 (Ki-67>=10) 65% - G3 35%", {"G2", "G3"}), ("", set()),
     ("G3 excluded", set()), ("WHO grade 1 or 2", {"G1", "G2"}), ("G1 and G3", {"G1", "G3"}),
     ("G1–3", {"G1", "G2", "G3"})],
)  # fmt: skip
def test_grades_in_words(words, grades):
    assert name_grades(words) == grades


@pytest.mark.parametrize(
    ("words", "levels"),
    [("ECOG 0-1", {"0", "1"}), ("Karnofsky 60-100", set()), ("KPS 70", set()), ("ECOG not 2", set())],
)
def test_only_ecog_is_read_as_ecog(words, levels):
    assert name_performance(words) == levels


def test_what_favours_the_cohort_stands_before_what_favours_the_control():
    rows = compare_descriptions(profile(first_scan_months=9.0), arm("netter1_octreotide"), RULES)
    biases = [row["bias"] for row in rows if row["verdict"] == "different"]
    assert len(set(biases)) > 1
    assert biases == sorted(biases, key=["favours_cohort", "either", "favours_control"].index)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("first", "first"),
        ("second or later (after SSA)", "second or later"),
        ("mixed (48% prior SSA)", "mixed"),
        ("", ""),
    ],
)
def test_lines_in_words(words, line):
    assert name_line(words) == line


@pytest.mark.parametrize(
    ("words", "answer"), [("yes", "yes"), ("96 %", "yes"), ("0.05", "no"), ("unknown", ""), ("", "")]
)
def test_yes_in_words(words, answer):
    assert name_yes(words) == answer


@pytest.mark.parametrize(
    ("words", "code"),
    [("RECIST 1.1", "recist_1_1"), ("RECIST 1.0", "recist_1_0"), ("modified RECIST 1.0", ""), ("WHO (trial)", "who"),
     ("SWOG + minor response", "swog_mr"), ("modified SWOG", ""), ("recist_1_1", "recist_1_1"), ("", "")],
)  # fmt: skip
def test_criteria_in_words(words, code):
    assert name_criterion(words) == code


def test_analogues_are_read_off_what_was_given():
    found = {a.arm: find_analogue(a.role, a.treatment) for a in load_library()}
    assert found["netter1_lu"] == found["netter1_octreotide"] == "yes"
    assert found["radiant4_placebo"] == "no"
    assert found["radiant4_everolimus"] == ""


def test_of_reported_times_neither_criterion_nor_origin_is_known():
    """The definition of the endpoint says first cycle and RECIST 1.1; whoever reported the times may not have."""
    endpoints = pd.DataFrame({"endpoint": ["pfs"] * 3, "reason": ["reported", None, "reported"]})
    definition = EndpointDefinition(name="pfs", preset="pfs", **PRESETS["pfs"])
    comparison = SimpleNamespace(
        definition=definition,
        tables={"endpoints": endpoints, "assessments": endpoints, "responses": endpoints},
        study=SimpleNamespace(response=ResponseSettings()),
    )
    rules = derive_endpoint_rules(comparison)
    assert rules == EndpointRules("", "", needs_scans=True)
    found = card(Description(criterion="RECIST 1.1", origin="first cycle"), rules=rules)
    for item in ("criterion", "origin"):
        assert found[item].verdict == "unknown"
    comparison.tables["endpoints"] = endpoints.assign(reason=["reported", "progression", "death"])
    assert derive_endpoint_rules(comparison) == RULES._replace(central="")
    comparison.tables |= {"assessments": endpoints.head(0), "responses": endpoints.head(0)}
    assert derive_endpoint_rules(comparison).criterion == "", (
        "the registry dates progression, nobody says how"
    )
