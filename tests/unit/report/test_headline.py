"""The tiles at the head of the report: their order, and what stands beside a number."""

from prrt_outcomes.report.headline import build_headline
from prrt_outcomes.report.survival_chapter import describe_median


def test_the_headline_answers_in_order_and_leaves_out_what_is_not_known(study, tables, plain, rates):
    km = {
        "endpoint": "pfs",
        "group_by": "all",
        "group": "all",
        "n": 400,
        "events": 322,
        "median_months": 28.94,
    }
    km |= {"median_low": 25.6, "median_high": 33.0, "median_status": "ok", "status": "ok"}
    rate = {"phase": "any", "group_by": "all", "group": "all", "grade_at_least": 3, "n": 2, "total": 399}
    rate |= {
        "analyte": "any_renal",
        "proportion": 2 / 399,
        "proportion_low": 0.0006,
        "proportion_high": 0.018,
    }
    given = tables(km_summary=[km], safety_rates=[rate], response_rates=rates)
    tiles = build_headline(given, study)
    assert [t.title for t in tiles] == [
        "Patients",
        "Objective response",
        "Progression-free survival",
        "Renal toxicity",
    ]
    assert [plain(t.number.__html__()) for t in tiles] == ["400", "26%", "28.9 months", "1%"]


def test_a_curve_that_begins_late_says_so_and_its_patients_are_not_all(tables, study, plain):
    """Two of eight patients died before enough were under observation."""
    km = {"endpoint": "pfs", "group_by": "all", "group": "all", "n": 6, "events": 4, "status": "ok"}
    km |= {"median_months": 45.0, "median_low": 30.0, "median_high": None, "follow_up_months": None}
    km |= {"median_status": "ok", "conditional_from_months": 24.0}
    estimand = {"endpoint": "pfs", "variant": None, "sentence": "In all patients ...", "n": 8}
    patients, survival = build_headline(tables(km_summary=[km], estimands=[estimand]), study)
    assert plain(patients.number.__html__()) == "8"
    assert "conditional on no event in the first 24 months" in plain(survival.words)
    words = plain(describe_median(km, {}, "95%"))
    assert words.endswith(
        "with 4 events in 6 patients. Survival is conditional on no event in the first 24 months, when too few "
        "patients were under observation."
    )


def test_haematological_toxicity_is_counted_without_lymphocytes_and_says_so(tables, study, plain):
    rate = {
        "phase": "any",
        "group_by": "all",
        "group": "all",
        "grade_at_least": 3,
        "total": 399,
        "status": "ok",
    }
    rows = [rate | {"analyte": a, "n": n, "proportion": n / 399, "proportion_low": 0.0, "proportion_high": 0.3}
            for a, n in (("any_haematological", 89), ("any_haematological_without_lymphocytes", 22),
                         ("lymphocytes", 86), ("platelets", 6))]  # fmt: skip
    (tile,) = build_headline(tables(safety_rates=rows), study)
    words = plain(tile.words)
    assert tile.title == "Haematological toxicity"
    assert plain(tile.number.__html__()) == "6%"
    assert words.startswith("grade 3 or worse, lymphocytes not counted (22 of 399 patients")
    assert "lymphocytes 22%, expected under PRRT" in words
    assert "platelets 2%" in words
