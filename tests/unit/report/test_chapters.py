"""Words of the chapters from hand-made tables: the number of the table is the number of the sentence."""

import re

import pandas as pd
import pytest

from prrt_outcomes.report.controls_chapter import write_controls
from prrt_outcomes.report.headline import build_headline
from prrt_outcomes.report.patients_chapters import write_safety, write_treatment
from prrt_outcomes.report.response_chapters import write_responders, write_response
from prrt_outcomes.report.survival_chapter import describe_median
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table
from prrt_outcomes.tables.schema import list_tables


def plain(markup) -> str:
    return re.sub(r"<[^>]+>", "", str(markup))


@pytest.fixture
def study() -> Study:
    control = {"kind": "published", "n": 97, "median_months": 4.0}
    return Study.model_validate(
        {
            "study": "s",
            "tables": {"patients": "p.csv", "cycles": "c.csv", "follow_up": "f.csv"},
            "controls": [{"id": "first"} | control, {"id": "second", "primary": True} | control],
        }
    )


@pytest.fixture
def tables():
    def fill(**given):
        frames = {name: conform_table(name, pd.DataFrame(rows)) for name, rows in given.items()}
        return {name: empty_table(name) for name in list_tables("results")} | frames

    return fill


RATE = {"criterion": "recist_1_1", "group_by": "all", "group": "all", "total": 400, "status": "ok"}


def make_rates():
    shares = {
        "objective": (104, 0.26, 0.22, 0.31),
        "disease_control": (316, 0.79, 0.75, 0.83),
        "PD": (64, 0.16, 0.13, 0.2),
    }
    return [
        RATE
        | {"confirmed": confirmed, "category": code, "n": n, "proportion": p / (2 if confirmed else 1)}
        | {"proportion_low": low, "proportion_high": high}
        for confirmed in (False, True)
        for code, (n, p, low, high) in shares.items()
    ]


def test_response_quotes_the_rate_that_the_study_names(study, tables):
    paragraphs, shown = write_response(tables(response_rates=make_rates()), study)
    assert plain(paragraphs[0]) == (
        "By RECIST 1.1, 26% of 400 treated patients had an objective response (95% CI 22\u201331%); progression 16%; "
        "disease control 79%."
    )
    confirmed = study.model_copy(
        update={"response": study.response.model_copy(update={"primary_rate": "confirmed"})}
    )
    paragraphs, _ = write_response(tables(response_rates=make_rates()), confirmed)
    assert plain(paragraphs[0]).startswith("By RECIST 1.1, 13% of 400")
    assert len(shown[0].rows) == 6


def test_the_headline_answers_in_order_and_leaves_out_what_is_not_known(study, tables):
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
    given = tables(km_summary=[km], safety_rates=[rate], response_rates=make_rates())
    tiles = build_headline(given, study)
    assert [t.title for t in tiles] == [
        "Patients",
        "Objective response",
        "Progression-free survival",
        "Renal toxicity",
    ]
    assert [plain(t.number.__html__()) for t in tiles] == ["400", "26%", "28.9 months", "1%"]


def test_a_median_that_is_not_reached_is_said_so():
    row = {
        "endpoint": "os",
        "group_by": "all",
        "group": "all",
        "n": 10,
        "events": 2,
        "median_months": float("nan"),
    }
    row |= {"median_status": "not_reached", "follow_up_months": 31.26}
    assert plain(describe_median(row, {"os": "Overall survival"}, "95%")) == (
        "Median overall survival: not reached; 2 events in 10 patients. Median follow-up was 31.3 months."
    )


def make_ratio(method, ratio, adjusted=False):
    return {
        "endpoint": "pfs",
        "criterion": "recist_1_1",
        "adjusted": adjusted,
        "method": method,
        "comparison": "responder:non_responder",
        "hazard_ratio": ratio,
        "hazard_ratio_low": ratio / 2,
        "hazard_ratio_high": ratio * 2,
        "status": "ok",
    }


def test_the_naive_ratio_is_told_only_beside_the_time_dependent_one(study, tables):
    both = [make_ratio("naive", 0.4), make_ratio("time_dependent_cox", 0.8)]
    paragraphs, _ = write_responders(tables(responders=both), study)
    text = " ".join(map(plain, paragraphs))
    assert "is 0.80 (0.40\u20131.60) with response counted from the day it was seen, and 0.40" in text
    paragraphs, shown = write_responders(tables(responders=both[:1]), study)
    assert shown == []
    assert not re.search(r"0\.40|hazard ratio is", " ".join(map(plain, paragraphs)))


def test_guarantee_time_is_explained_in_three_sentences(study, tables):
    paragraphs, _ = write_responders(tables(responders=[make_ratio("time_dependent_cox", 0.8)]), study)
    assert len(re.findall(r"[.!?](?:\s|$)", plain(paragraphs[0]))) == 3


def test_history_names_the_primary_comparison_and_the_doubt(study, tables):
    row = {
        "endpoint": "pfs",
        "method": "rate_ratio",
        "weights": "none",
        "estimate": "hazard_ratio",
        "status": "ok",
    }
    rows = [
        row | {"control": c, "value": v, "low": v / 2, "high": v * 2}
        for c, v in (("first", 0.5), ("second", 0.25))
    ]
    given = tables(controls=rows)
    paragraphs, _ = write_controls(given, study)
    text = [plain(p) for p in paragraphs]
    assert text[0].startswith("First (exploratory): 0.50 hazard ratio against First")
    assert text[1].startswith("Second (primary comparison): 0.25")
    assert plain(build_headline(given, study)[0].number.__html__()) == "0.25"
    only = tables(controls=rows[:1])
    assert "the primary comparison has no estimate" in plain(build_headline(only, study)[0].words)


def test_treatment_and_safety_in_words(study, tables):
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
        "analyte": "any_haematological",
        "phase": "any",
        "group_by": "all",
        "group": "all",
        "n": 0,
        "total": 20,
    }
    rate |= {"grade_at_least": 3, "proportion": 0.0, "proportion_low": 0.0, "proportion_high": 0.168}
    paragraphs, _ = write_safety(tables(safety_rates=[rate]), study)
    assert (
        plain(paragraphs[0])
        == "Grade 3 or worse haematological toxicity: 0% (0\u201317%) of 20 patients (95% CI)."
    )


def test_doubt_stands_in_the_chapters(study, tables):
    from prrt_outcomes.report.patients_chapters import write_endpoints
    from prrt_outcomes.report.survival_chapter import write_survival

    row = {"endpoint": "pfs", "group_by": "all", "group": "all", "n": 40, "events": 9, "median_months": 21.0}
    row |= {"median_low": 12.0, "status": "ok"}
    subgroup = {
        "endpoint": "pfs",
        "subgroup": "sex",
        "subgroup_level": "male",
        "term": "radionuclide",
        "level": "90Y",
    }
    subgroup |= {"reference": "177Lu", "n": 20, "events": 5, "hazard_ratio": 0.7, "interaction_p_value": 0.04}
    subgroup |= {"hazard_ratio_low": 0.3, "hazard_ratio_high": 1.6, "status": "ok"}
    given = tables(
        sensitivity=[row | {"analysis": "worst_case", "n_changed": 3}],
        subgroups=[subgroup],
        estimands=[{"endpoint": "pfs", "variant": None, "sentence": "In all patients ..."}],
        estimand_comparison=[row | {"variant": "pfs_fda"}],
    )
    _, survival = write_survival(given, study)
    assert [t.title for t in survival] == ["Subgroups", "Sensitivity analyses"]
    assert survival[0].rows[0][1][1:] == [
        "Sex", "Male", "\u2079\u2070Y", "\u00b9\u2077\u2077Lu", "5/20", "0.70 (0.30\u20131.60)", "0.040"
    ]  # fmt: skip
    assert survival[1].rows[0][1][1:] == [
        "Worst case",
        "3",
        "All patients",
        "40",
        "9",
        "21.0 (12.0\u2013NR)",
        "",
    ]
    _, endpoints = write_endpoints(given, study)
    assert [t.source for t in endpoints] == ["estimands", "estimand_comparison"]
