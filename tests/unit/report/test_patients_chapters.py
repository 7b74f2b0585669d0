"""Words on treatment, safety and endpoints: the number of the table is the number of the sentence."""

from prrt_outcomes.report.methods import methods_endpoints
from prrt_outcomes.report.patients_chapters import name_criteria, write_endpoints, write_treatment
from prrt_outcomes.report.safety_chapter import write_safety

ESTIMAND = {"endpoint": "pfs", "title": "PFS", "sentence": "time to progression by recist_1_1", "n": 4}


def test_treatment_and_safety_in_words(study, tables, plain):
    item = {"group_by": "all", "group": "all", "n": 400, "total": 400, "status": "ok"}
    delivery = [
        item | {"item": "cycles_per_patient", "value": 4.0, "low": 3.0, "high": 4.0},
        item | {"item": "cumulative_activity_gbq", "value": 29.62, "low": 22.2, "high": 29.7},
    ]
    paragraphs, _ = write_treatment(tables(treatment_delivery=delivery), study)
    assert plain(paragraphs[0]) == (
        "Patients had a median of 4 cycles (quartiles 3\u20134) with a cumulative activity of 29.6 GBq "
        "(22.2\u201329.7)."
    )
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
    assert shown[0].rows[0][1] == ["Sex", "Male", "3 (75%)"]


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
    _, pfs, *_ = methods_endpoints(study)
    assert pfs.startswith("Progression-free survival: from the first cycle")
    assert pfs.endswith("censored at the last contact.")
