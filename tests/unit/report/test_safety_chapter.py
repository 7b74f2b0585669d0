"""Words and tables on safety: treatment-emergent grades, lymphopenia apart, both rules of creatinine."""

from prrt_outcomes.report.safety_chapter import write_safety

RATE = {
    "phase": "any",
    "group_by": "all",
    "group": "all",
    "total": 399,
    "status": "ok",
    "emergent_status": "ok",
}


def rate(analyte, floor, n, emergent, total=399):
    share = {"proportion": n / total, "proportion_low": 0.0, "proportion_high": 0.5}
    own = {f"emergent_{name}": value for name, value in share.items()} | {"emergent_n": emergent}
    where = {"analyte": analyte, "grade_at_least": floor, "n": n, "total": total}
    return RATE | share | own | where | {"emergent_total": total - 9}


def test_marrow_toxicity_is_given_without_lymphocytes_and_lymphopenia_apart(tables, study, plain):
    rows = [
        rate("any_haematological_without_lymphocytes", 3, 22, 21),
        rate("any_haematological", 3, 89, 85),
        rate("lymphocytes", 3, 86, 81),
    ]
    paragraphs, _ = write_safety(tables(safety_rates=rows), study)
    without, with_them, lymphopenia = map(plain, paragraphs)
    assert without == (
        "Grade 3 or worse haematological toxicity without lymphocytes: 6% (95% CI 0\u201350%) of 399 patients; above "
        "the grade at baseline in 21 of 390."
    )
    assert with_them.startswith("Grade 3 or worse haematological toxicity with lymphocytes: 22%")
    assert lymphopenia.startswith("Grade 3 or worse lymphopenia: 22%")
    assert "by itself not a reason to modify treatment (Lutathera" in lymphopenia


def test_creatinine_by_both_rules_and_by_the_higher(tables, study, plain):
    rows = [
        rate("creatinine_over_limit", 2, 12, 11),
        rate("creatinine_over_baseline", 2, 20, 20, 386),
        rate("creatinine", 2, 21, 20),
    ]
    paragraphs, (table,) = write_safety(tables(safety_rates=rows), study)
    assert plain(paragraphs[0]) == (
        "Patients with creatinine of grade 2 or worse: 12 of 399 over the upper limit alone, 20 of 386 over the "
        "baseline alone and 21 of 399 by the higher of both, which is the CTCAE grade."
    )
    assert [cells[0] for _, cells, *_ in table.rows] == [
        "Creatinine, over the upper limit alone",
        "Creatinine, over the baseline alone",
        "Creatinine",
    ]


def test_tables_of_course_shift_and_nadir(tables, study):
    value = {"median": 150.0, "lower_quartile": 120.0, "upper_quartile": 190.0, "unit": "10^9/L"}
    course = {"analyte": "platelets", "moment": "worst", "n": 3, "total": 4, "n_grade_1": 3} | value
    shift = {"analyte": "platelets", "phase": "any", "baseline": "all", "worst_1": 3, "total": 3}
    nadir = {
        "analyte": "platelets",
        "cycle": 2,
        "n": 3,
        "total": 4,
        "n_to_recover": 2,
        "n_recovered": 1,
    } | value
    nadir |= {"recovery_days": 41.0, "recovery_days_low": 30.5, "status": "ok"}
    given = tables(
        safety_rates=[rate("platelets", 3, 1, 1)], lab_course=[course], lab_shifts=[shift], lab_nadirs=[nadir]
    )
    _, shown = write_safety(given, study)
    rows = {table.source: table.rows[0][1] for table in shown}
    assert rows["lab_course"][1:4] == ["Worst", "3/4", "150.0 (120.0\u2013190.0) 10⁹/L"]
    assert rows["lab_shifts"][2:] == ["All", "", "3", "", "", "", "", "3"]
    assert rows["lab_nadirs"][-2:] == ["1/2", "41 (30.5\u2013NR)"]


def test_severe_events_and_neoplasms_by_radionuclide_and_retreatment_and_crises(tables, study, plain):
    numbers = {"total": 4, "proportion": 0.25, "low": 0.1, "high": 0.5, "years": 9.0, "status": "ok"}
    numbers |= {
        "rate_per_100_years": 2.0,
        "rate_low": 1.0,
        "rate_high": 4.0,
        "period": "any",
        "related": "any",
    }
    groups = [("all", "all"), ("radionuclide", "177Lu"), ("kind", "retreatment")]
    rows = [
        {"term": term, "term_group": term, "grade_at_least": grade, "group_by": by, "group": group, "n": n} | numbers
        for term, n in (("any", 3), ("myeloid_neoplasm", 2), ("carcinoid_crisis", 1))
        for grade in (1, 3)
        for by, group in groups
    ]  # fmt: skip
    rows += [row | {"period": "late", "related": related} for row in rows for related in ("any", "yes")]
    rows += [row | {"related": "yes"} for row in rows if (row["period"], row["related"]) == ("any", "any")]
    paragraphs, shown = write_safety(tables(adverse_event_rates=rows), study)
    crisis = [words for words in map(plain, paragraphs) if "crisis" in words]
    assert [words[:44] for words in crisis] == ["1 of 4 patients had a carcinoid crisis from "]
    table = next(table for table in shown if "radionuclide" in table.title)
    assert [list(cells[:3]) for _, cells, *_ in table.rows] == [
        ["Any adverse event, grade 3 or worse", "¹⁷⁷Lu", "3/4"],
        ["Any adverse event, grade 3 or worse", "Retreatment", "3/4"],
        ["Myeloid neoplasm", "¹⁷⁷Lu", "2/4"],
        ["Myeloid neoplasm", "Retreatment", "2/4"],
    ]
