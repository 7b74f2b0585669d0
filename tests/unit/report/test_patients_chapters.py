"""Words on treatment, safety and endpoints: the number of the table is the number of the sentence."""

import pytest

from prrt_outcomes.report.methods import describe_methods
from prrt_outcomes.report.patients_chapters import name_criteria, write_endpoints
from prrt_outcomes.report.radionuclides_chapter import has_alpha, write_radionuclides
from prrt_outcomes.report.safety_chapter import write_safety
from prrt_outcomes.report.treatment_chapter import write_treatment
from prrt_outcomes.study.model import TreatmentSettings

ESTIMAND = {"endpoint": "pfs", "title": "PFS", "sentence": "time to progression by recist_1_1", "n": 4}


def test_treatment_and_safety_in_words(study, tables, plain):
    item = {"group_by": "all", "group": "all", "n": 400, "total": 400, "status": "ok"}
    delivery = [
        item | {"item": "cycles_per_patient", "value": 4.0, "low": 3.0, "high": 4.0},
        item | {"item": "cumulative_activity_gbq", "value": 29.62, "low": 22.2, "high": 29.7},
    ]
    paragraphs, _ = write_treatment(tables(treatment_delivery=delivery), study)
    assert [plain(paragraph) for paragraph in paragraphs] == [
        "The median number of cycles was 4 (3\u20134).",
        "The median cumulative activity of the initial treatment was 29.6 (22.2\u201329.7) GBq.",
    ]
    rate = {
        "analyte": "any_haematological_without_lymphocytes",
        "phase": "any",
        "group_by": "all",
        "group": "all",
        "n": 0,
        "total": 20,
        "emergent_n": 0,
        "emergent_total": 18,
    }
    rate |= {"grade_at_least": 3, "proportion": 0.0, "proportion_low": 0.0, "proportion_high": 0.168}
    paragraphs, _ = write_safety(tables(safety_rates=[rate]), study)
    assert plain(paragraphs[0]) == (
        "Grade 3 or worse haematological toxicity without lymphocytes: 0% (95% CI 0\u201317%) of 20 patients; above "
        "the grade at baseline in 0 of 18."
    )


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        (
            (-0.104, -0.122, -0.086),
            "the larger the lesion, the more it shrank after ⁹⁰Y compared with ¹⁷⁷Lu.",
        ),
        ((0.05, 0.02, 0.08), "the larger the lesion, the less it shrank after ⁹⁰Y compared with ¹⁷⁷Lu."),
        ((0.01, -0.02, 0.04), "no dependence on size is shown; one within the interval is not excluded."),
    ],
)
def test_the_interaction_of_size_in_words(study, tables, plain, ends, words):
    row = {
        "term": "interaction",
        "model": "adjusted",
        "radionuclide": "90Y",
        "reference": "177Lu",
        "status": "ok",
    }
    row |= dict(zip(("estimate", "low", "high"), ends, strict=True)) | {"p_value": 0.04}
    paragraphs, _ = write_radionuclides(tables(lesion_change_test=[row]), study)
    said = plain(paragraphs[-1])
    assert said.startswith(
        "For each doubling of the diameter at baseline, the difference in change between ⁹⁰Y and"
    )
    assert said.endswith(words)


def test_the_code_of_a_criterion_becomes_its_title():
    sentence = "progression by recist_1_1 or death; then own_rule, not recist_1_1b"
    assert name_criteria(sentence, {"own_rule": "Our rule"}) == (
        "progression by RECIST 1.1 or death; then Our rule, not recist_1_1b"
    )


def test_estimands_are_folded(tables, study):
    _, (table,) = write_endpoints(tables(estimands=[ESTIMAND]), study)
    assert not table.open
    assert table.rows[0][1][1] == "time to progression by RECIST 1.1"


def test_the_patients_at_baseline_stand_before_the_estimands(tables, study):
    term = {
        "term": "sex",
        "level": "male",
        "group_by": "all",
        "group": "all",
        "n": 3,
        "total": 4,
        "proportion": 0.75,
    }
    _, shown = write_endpoints(tables(estimands=[ESTIMAND], baseline=[term]), study)
    assert [table.source for table in shown] == ["baseline", "estimands"]
    assert shown[0].rows[0][1] == ["Sex, male", "3 (75%)"]


def test_unequal_scans_are_told(tables, study, plain):
    estimand = {"endpoint": "pfs", "title": "PFS", "sentence": "x", "n": 4}
    test = {"group_by": "tumour_group", "p_value": 0.004, "difference_days": 43.4, "verdict": "differ"}
    filled = tables(
        estimands=[estimand], scan_interval_test=[test, test | {"group_by": "sex", "verdict": "similar"}]
    )
    (words,), _ = write_endpoints(filled, study)
    assert "by tumour group: medians differ by up to 43 days (Kruskal-Wallis p = 0.004)" in plain(words)


def test_without_scans_patients_are_censored_at_the_last_contact(study):
    """The study of the fixture has cycles and follow-up, but neither assessments nor lesions."""
    _, pfs, *_ = describe_methods("endpoints", study)
    assert pfs.startswith("Progression-free survival: from the first cycle")
    assert pfs.endswith("censored at the last contact.")


def test_a_first_restaging_later_than_planned_stands_out(study, tables, plain):
    delivery = {
        "item": "cycles_per_patient",
        "group_by": "all",
        "group": "all",
        "n": 9,
        "total": 9,
        "value": 4.0,
    }
    scan = {
        "group_by": "all",
        "group": "all",
        "scan": "1",
        "n": 9,
        "median_days": 282.0,
        "planned_days": 90.0,
    }
    scan |= {"lower_quartile_days": 264.0, "upper_quartile_days": 299.0}
    for share, stands_out in ((0.5, False), (0.51, True), (None, False)):
        rows = {"treatment_delivery": [delivery], "scan_intervals": [scan | {"share_late": share}]}
        words = write_treatment(tables(**rows), study)[0][0]
        assert "282 (264\u2013299) days after the first cycle" in plain(words)
        assert ("<strong>" in words) == stands_out
        assert ("in 51% of patients later than the planned 90 days" in plain(words)) == stands_out


def test_the_set_of_conditions_and_what_was_measured_in_words(study, tables, plain):
    delivery = {
        "item": "cycles_per_patient",
        "group_by": "all",
        "group": "all",
        "n": 9,
        "total": 9,
        "value": 4.0,
    }
    share = {
        "cycle": "all",
        "n": 3,
        "total": 30,
        "proportion": 0.1,
        "low": 0.02,
        "high": 0.27,
        "status": "ok",
        "n_unknown": 4,
    }
    measured = [
        share | {"item": "alt"},
        share | {"item": "ast", "proportion": 0.2},
        share | {"item": "complete"},
    ]
    rows = {"treatment_delivery": [delivery], "cycle_eligibility": [share | {"item": "eligible"}]}
    for name, words in (
        ("guidance_2013", "were not checked against the source; its successor is the EANM and SNMMI"),
        (
            "lutia",
            "LUTIA trial, study protocol. Their values were read in the source. A condition was not met before "
            "at least 3 of 30 cycles (10%); for 4 it is not known.",
        ),
    ):
        settings = TreatmentSettings(eligibility=name)
        own = study.model_copy(update={"treatment": settings})
        paragraphs, shown = write_treatment(tables(**rows, monitoring=measured), own)
        assert words in plain(paragraphs[-2])
        assert plain(paragraphs[-1]).endswith(
            "10% of 30 cycles; the least often measured was alanine aminotransferase (10%)."
        )
        assert [table.open for table in shown] == [False, False, False]


@pytest.mark.parametrize(("group", "found"), [("225Ac", True), ("177Lu+225Ac", True), ("177Lu", False)])
def test_alpha_particles_are_described_where_the_cohort_was_given_them(tables, study, group, found):
    given = [{"item": "activity_per_cycle_gbq", "group_by": "radionuclide", "group": group}]
    assert has_alpha(tables(treatment_delivery=given)) is found
    more = "radionuclides_alpha" if found else ""
    assert any("Alpha" in text for text in describe_methods("radionuclides", study, more)) is found
