"""Sentences on quality of life from the numbers of its tables."""

from prrt_outcomes.report.quality_of_life_chapter import write_quality_of_life


def test_what_was_completed_and_what_became_worse_for_good(study, tables, plain):
    returned = {"instrument": "QLQ-C30", "status": "ok", "proportion": 0.5, "group_by": "all", "group": "all"}
    worse = {
        "instrument": "QLQ-C30",
        "scale": "Pain",
        "time_months": 12.0,
        "n": 40,
        "status": "ok",
        "group_by": "all",
        "group": "all",
    }
    worse |= {"probability": 0.25, "low": 0.13, "high": 0.4, "median_status": "ok"}
    paragraphs, shown = write_quality_of_life(
        tables(
            questionnaire_compliance=[
                returned | {"visit": "baseline", "n": 40, "total": 60},
                returned | {"visit": "month 3", "n": 30, "total": 50},
                returned | {"visit": "month 24", "n": 0, "total": 0},
            ],
            deterioration=[
                worse | {"definition": "definitive", "death": "competing"},
                worse | {"definition": "definitive", "death": "competing", "time_months": 24.0},
                worse | {"definition": "first", "death": "competing", "probability": 0.5},
            ],
        ),
        study,
    )
    assert [plain(p) for p in paragraphs] == [
        "QLQ-C30, completed of those expected: 40 of 60 at baseline and 30 of 50 at month 3.",
        "Pain was definitively worse by 10 points or more in 25% (95% CI 13\u201340%) by 12 months, death competing "
        "(40 patients).",
    ]
    assert [table.source for table in shown] == ["questionnaire_compliance", "deterioration"]


def test_a_scale_has_one_paragraph_with_both_radionuclides(study, tables, plain):
    groups = (
        ("all", "all", 40),
        ("radionuclide", "177Lu", 25),
        ("radionuclide", "90Y", 15),
        ("sex", "male", 20),
    )
    named = [
        {"instrument": "QLQ-C30", "scale": "Fatigue", "group_by": b, "group": g, "n": n} for b, g, n in groups
    ]
    worse = {
        "definition": "definitive",
        "death": "competing",
        "time_months": 12.0,
        "status": "ok",
        "median_status": "ok",
    }
    worse |= {"probability": 0.25, "low": 0.13, "high": 0.4}
    change = {
        "visit": "month 24",
        "planned_months": 24.0,
        "mean_change": -2.0,
        "low": -4.0,
        "high": 0.5,
        "status": "ok",
    }
    early = change | {"visit": "month 3", "planned_months": 3.0}
    paragraphs, shown = write_quality_of_life(
        tables(
            questionnaire_change=[row | c for row in named for c in (early, change)],
            deterioration=[row | worse for row in named],
        ),
        study,
    )
    assert [plain(p) for p in paragraphs] == [
        "Fatigue was definitively worse by 10 points or more in 25% (95% CI 13\u201340%) by 12 months, death competing "
        "(40 patients): 25% (95% CI 13\u201340%) after \u00b9\u2077\u2077Lu and 25% (95% CI 13\u201340%) after "
        "\u2079\u2070Y. Its mean change at month 24 was \u22122.0 (95% CI \u22124.0 to 0.5) points, of 40 patients who "
        "answered: \u22122.0 (95% CI \u22124.0 to 0.5) after \u00b9\u2077\u2077Lu and \u22122.0 (95% CI "
        "\u22124.0 to 0.5) after \u2079\u2070Y."
    ]
    assert [len(table.rows) for table in shown] == [6, 3]


def test_nothing_is_said_without_questionnaires(study, tables):
    assert write_quality_of_life(tables(), study) == ([], [])
