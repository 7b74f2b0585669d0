"""The tiles at the head of the report: their order, and what stands beside a number."""

from prrt_outcomes.report.headline import build_headline


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


def test_haematological_toxicity_says_how_much_of_it_is_lymphocytes(tables, study, plain):
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
