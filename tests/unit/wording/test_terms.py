"""Words for codes: those of the schema, those of statistics, and names as they stand."""

import pytest

from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording import terms as words


@pytest.mark.parametrize(
    ("column", "code", "label"),
    [
        ("tumour_type", "gep_small_intestine", "Small intestine"),
        ("tumour_group", "lung", "Lung"),
        ("grade", "G2", "Grade 2"),
        ("grade", "unknown", "Unknown"),
        ("tumour_type", "all", "All patients"),
        ("arm", "Everolimus_10mg", "Everolimus_10mg"),
        ("liver_metastases", "True", "Yes"),
        ("radionuclide", "177Lu", "\u00b9\u2077\u2077Lu"),
    ],
)
def test_levels(column, code, label):
    assert words.name_code(column, code) == label


def test_inside_a_sentence_values_of_the_data_stay_as_they_are():
    inside = [words.name_code("centre_id", c, inside=True) for c in ("Basel", "basel", "all", "unknown")]
    assert inside == ["Basel", "basel", "all patients", "unknown"]
    assert words.name_code("tumour_group", "lung", inside=True) == "lung"


def test_controls_and_claims_are_never_named_by_their_ids():
    files = {"patients": "p.csv", "reported_outcomes": "r.csv"}
    library = {"kind": "library", "arm": "promid_placebo"}
    controls = [
        library | {"id": "promid", "endpoint": "os"},
        library | {"id": "own", "endpoint": "os", "title": "placebo of 2009"},
        {"id": "k", "kind": "curve", "arm": "a", "endpoint": "os"},
        {"id": "p", "kind": "patients", "endpoint": "os"},
        {"id": "q", "kind": "patients", "endpoint": "pfs"},
    ]
    claims = [
        {"id": "median_pfs", "quantity": "median_pfs_months", "published": 24, "group": "responder"},
        {"id": "x", "quantity": "complete", "published": 0.1},
        {"id": "y", "quantity": "complete", "published": 0.1, "title": "cured"},
    ]
    study = Study(study="s", tables=files, endpoints=["os", "pfs"], controls=controls, claims=claims)
    assert list(words.control_titles(study).values()) == [
        "PROMID: placebo (88% crossed over)",
        "placebo of 2009",
        "Published curve",
        "Control patients (Overall survival)",
        "Control patients (Progression-free survival)",
    ]
    assert list(words.claim_titles(study).values()) == [
        "Median progression-free survival, months: responders",
        "Complete response",
        "cured",
    ]
    endpoints = [{"name": "pfs_swog_mr", "preset": "pfs"}, {"name": "skin_event", "progression": "event"}]
    titles = words.endpoint_titles(Study(study="s", tables=files, endpoints=endpoints))
    assert list(titles.values()) == ["Progression-free survival (PFS SWOG MR)", "Skin event"]


def test_steps_of_the_attrition_are_told_with_the_titles_of_the_study():
    control = {"id": "netter1", "kind": "library", "arm": "netter1_octreotide", "endpoint": "pfs"}
    endpoints = ["os", {"name": "pfs", "title": "Time without growth"}]
    files = {"patients": "p.csv", "reported_outcomes": "r.csv"}
    study = Study(study="s", tables=files, endpoints=endpoints, controls=[control])
    told = {
        "survival: pfs by tumour_group": "Survival: time without growth by tumour group",
        "survival: os, multivariable model": "Survival: overall survival, multivariable model",
        "responders: pfs, swog_mr, landmark 6 months": "Responders: time without growth, SWOG with minor response, "
        "landmark 6 months",
        "controls: netter1, att": "Controls: NETTER-1: octreotide LAR 60 mg, weighted to the cohort (ATT)",
        "safety: eGFR": "Safety: eGFR",
        "keys": "keys",
    }
    assert [words.name_step(step, study) for step in told] == list(told.values())


def test_values_of_the_data_keep_their_letters():
    assert words.name_codes("source is not registry_1995") == "source is not registry_1995"
    assert words.name_codes("tumour_type is not lung or gep_stomach_duodenum").startswith(
        "tumour type is not lung or s"
    )
    assert (
        words.name_codes("no pfs in control_outcomes") == "no progression-free survival in control outcomes"
    )


def test_columns_of_the_schema_have_titles_and_others_their_name():
    assert words.name_column("tumour_type") == "Tumour type"
    assert words.name_column("arm_of_trial") == "Arm of trial"


def test_terms():
    assert words.name_term("time_dependent_cox") == "Time-dependent Cox"
    assert words.name_term("recist_1_1_as_reported") == "RECIST 1.1 as reported"
    assert words.name_term("some_new_method") == "Some new method"
    assert words.name_term(None) == ""


@pytest.mark.parametrize(
    ("label", "inside"),
    [
        ("Overall survival", "overall survival"),
        ("RECIST 1.1", "RECIST 1.1"),
        ("G2", "G2"),
        ("177Lu", "177Lu"),
    ],
)
def test_inside_a_sentence_only_words_become_small(label, inside):
    assert words.inside_sentence(label) == inside


def test_the_interval_of_a_turnbull_median_is_not_called_a_confidence_interval():
    assert words.name_term("interval_censored").endswith("no CI")


@pytest.mark.parametrize("column", ["method", "weights"])
def test_methods_and_weights_have_the_name_of_the_schema(column):
    field = load_schema("controls").field(column)
    assert [words.name_term(code) for code in field.codes] == list(field.labels)
