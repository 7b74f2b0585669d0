"""Words for codes: those of the schema, those of statistics, and names as they stand."""

import pytest

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
