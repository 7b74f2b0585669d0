"""Questionnaires of six patients whose numbers can be counted by hand."""

import pandas as pd
import pytest

from prrt_outcomes.quality_of_life.scores import derive_deterioration, derive_scores, fold, load_scales
from prrt_outcomes.quality_of_life.stage import INPUTS, OUTPUTS
from prrt_outcomes.quality_of_life.stage import run as run_stage
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table

START = pd.Timestamp("2015-01-01")
GLOBAL = {
    # days since the first cycle, and scores of global health status (high is better)
    "a": [(-90, 95), (-10, 70), (91, 65), (182, 55), (365, 68)],
    "b": [(0, 60), (91, 40), (182, 45)],
    "c": [(-5, 50), (91, 50)],
    "d": [(-5, 80)],
    "e": [(91, 50)],
}
LAST = {"a": 800, "b": 500, "c": 150, "d": 400, "e": 200, "f": 100}
DEAD = ("c", "d")


def day(days):
    return START + pd.Timedelta(days, "D")


def score(patient, days, value, scale="QL2", instrument="EORTC QLQ-C30", **more):
    row = {"patient_id": patient, "visit_date": day(days), "instrument": instrument, "scale": scale}
    return row | {"score": value} | more


def make_tables(rows):
    given = {
        "patients": [{"patient_id": p} for p in LAST],
        "cycles": [{"patient_id": p, "cycle_date": START, "radiopharmaceutical": "177Lu-DOTATATE"} for p in LAST],
        "treatment_periods": [{"patient_id": p, "period": 1, "first_cycle": START, "last_cycle": START} for p in LAST],
        "follow_up": [
            {"patient_id": p, "last_contact_date": str(day(n).date()), "vital_status": "dead" if p in DEAD else "alive",
             "death_date": str(day(n).date()) if p in DEAD else None}
            for p, n in LAST.items()
        ],
        "questionnaires": rows,
    }  # fmt: skip
    made = {name: empty_table(name) for name in INPUTS}
    return made | {name: conform_table(name, pd.DataFrame(rows)) for name, rows in given.items() if rows}


def make_study(**settings):
    files = {"patients": "p.csv", "cycles": "c.csv", "follow_up": "f.csv", "questionnaires": "q.csv"}
    analysis = {"milestones_months": [5, 6, 12]}
    base = {"study": "s", "tables": files, "data_cutoff": "2018-01-01", "analysis": analysis}
    return Study.model_validate(base | settings)


ROWS = [score(p, days, value) for p, own in GLOBAL.items() for days, value in own]


def run(tables, study):
    """Rows of the whole cohort."""
    found = run_stage(tables, study)
    return {name: t[t["group_by"].eq("all")] if "group_by" in t else t for name, t in found.items()}


@pytest.fixture(scope="module")
def found():
    return run(make_tables(ROWS), make_study())


def test_expected_are_those_alive_and_under_observation(found):
    table = found["questionnaire_compliance"].set_index("visit")
    assert table.loc["baseline", ["n", "total"]].tolist() == [4, 6]
    assert table.loc["month 3", ["n", "total"]].tolist() == [4, 6]
    assert table.loc["month 6", ["n", "total"]].tolist() == [2, 4]  # c died, f is not followed so long
    assert table.loc["month 12", ["n", "total"]].tolist() == [1, 3]
    exact = [0.2227780955, 0.9567281317]  # R 4.2.2: binom.test(4, 6)$conf.int
    assert table.loc["month 3", ["low", "high"]].tolist() == pytest.approx(exact, abs=1e-9)
    assert set(table["instrument"]) == {"QLQ-C30"}


def test_a_change_is_from_the_last_score_before_treatment(found):
    row = found["questionnaire_change"].set_index("visit").loc["month 3"]
    assert row[["scale", "better", "n", "status"]].tolist() == ["Global health status", "high", 3, "ok"]
    assert row["mean_baseline"] == 60.0
    assert row["mean_change"] == pytest.approx(-25 / 3)
    half = (
        4.302652729911275 * (325 / 9) ** 0.5
    )  # t of 2 degrees; changes -5, -20, 0: variance of the mean 325/9
    assert [row["low"], row["high"]] == pytest.approx([-25 / 3 - half, -25 / 3 + half])
    assert row[["n_worse", "n_better"]].tolist() == [1, 0]
    single = found["questionnaire_change"].set_index("visit").loc["month 12"]
    assert single[["n", "status"]].tolist() == [1, "too_few"]
    assert pd.isna(single["low"])


def test_deterioration_with_death_competing_and_as_an_event(found):
    # first: b 91 and a 182 days; c dies at 150, 59 days after its last score; d is followed 182 days after its baseline
    table = found["deterioration"].set_index(["definition", "death", "time_months"])
    assert table["n"].eq(4).all()
    assert table.loc[("first", "competing", 5), "probability"] == pytest.approx(1 / 4)
    assert table.loc[("first", "competing", 5), ["events", "competing_events"]].tolist() == [1, 1]
    assert table.loc[("first", "event", 5), "probability"] == pytest.approx(1 / 2)
    assert table.loc[("first", "event", 5), "events"] == 2
    assert (
        table.loc[("first", "competing", 6), "status"] == "too_few"
    )  # d leaves at day 182, 6 months are 182.6
    # at 91, 150 and 182 days survival is 3/4, 1/2 and 1/4: the median is between the last two, as R gives it
    assert table.loc[("first", "event", 5), "median_months"] == pytest.approx(166 / 30.4375)
    # a recovers at day 365 and is followed to day 547: no definitive deterioration
    assert table.loc[("definitive", "competing", 12), "probability"] == pytest.approx(1 / 4)
    assert table.loc[("definitive", "competing", 12), "status"] == "ok"


def test_groups_are_those_of_the_study_and_the_radionuclide():
    tables = make_tables(ROWS)
    people = {
        "patient_id": list(LAST),
        "sex": ["female", "male"] * 3,
        "radionuclide": ["177Lu"] * 2 + ["90Y"] * 4,
    }
    tables["analysis_set"] = conform_table("analysis_set", pd.DataFrame(people))
    study = make_study(analysis={"milestones_months": [5, 6, 12], "group_by": ["sex"]})
    found = run_stage(tables, study)
    returned = found["questionnaire_compliance"].set_index(["visit", "group"])
    assert returned.loc["month 3", ["n", "total"]].to_numpy().tolist() == [
        [4, 6],
        [3, 3],
        [1, 3],
        [2, 2],
        [2, 4],
    ]
    changes = found["questionnaire_change"].set_index(["visit", "group"])
    assert changes.loc[("month 3", "177Lu"), ["n", "mean_change"]].tolist() == [2, -12.5]
    assert changes.loc[("month 3", "90Y"), ["n", "mean_change"]].tolist() == [1, 0.0]
    worse = found["deterioration"].set_index(["definition", "death", "group", "time_months"])
    assert worse.loc[("first", "competing", "177Lu", 5), ["n", "events"]].tolist() == [2, 1]
    assert worse.loc[("first", "competing", "90Y", 5), ["n", "events", "competing_events"]].tolist() == [
        2,
        0,
        1,
    ]


def test_the_curve_of_a_scale_that_is_shown_begins_at_the_start_and_has_each_deterioration():
    def months(scales):
        study = make_study(questionnaires={"scales": scales, "visits_months": [3, 6, 24]})
        rows = [*ROWS, score("a", -1, 20, "FA"), score("a", 91, 20, "FA")]
        table = run(make_tables(rows), study)["deterioration"]
        own = table[table["definition"].eq("definitive") & table["death"].eq("competing")]
        return {scale: sorted(part["time_months"]) for scale, part in own.groupby("scale")}

    found = months(["Global health status"])
    assert found["Fatigue"] == [5, 6, 12]
    assert found["Global health status"] == pytest.approx([0, 91 / 30.4375, 3, 5, 6, 12, 24])
    assert run(make_tables(ROWS), make_study(questionnaires={"scales": ["Mood"]}))["stages"].iloc[0].tolist()[
        1:
    ] == [
        "partial",
        "no score of Mood",
    ]
    assert months(["Mood"])["Fatigue"] == [0, 3, 5, 6, 12, 24]  # a scale that is not there: the first ones


def test_the_living_and_the_dead_are_followed_alike():
    """Four patients without deterioration, last asked at day 91: the end does not depend on who will die later."""
    study, both = make_study(), [(-1, 50), (91, 50)]
    rows = [score(p, days, value) for p in "abcd" for days, value in both]
    tables, ends = make_tables(rows), {"a": 800, "b": 200, "c": 150, "d": 400}
    known = pd.DataFrame({"patient_id": list(ends), "first_cycle": START}).set_index("patient_id")
    last = pd.Series(ends)
    known = known.assign(last_day=last.astype(float), death_day=last.where(last.index.isin(DEAD)))
    made = derive_scores(tables["questionnaires"], known, study.questionnaires)
    for _, times in derive_deterioration(made, known, study.questionnaires):
        days = dict(zip(times.frame["patient_id"], times.time_months * 30.4375, strict=True))
        assert days == pytest.approx({"a": 273, "b": 200, "c": 150, "d": 273})
        assert times.event.tolist() == [0, 0, 2, 0]


def test_a_label_of_baseline_after_the_first_cycle_is_none():
    rows = [score("a", 1, 70, visit="baseline"), score("b", -1, 50, visit="Baseline"), score("b", 91, 50),
            score("c", -1, 50), score("c", 90, 40, visit="BASELINE")]  # fmt: skip
    found = run(make_tables(rows), make_study())
    table = found["questionnaire_compliance"].set_index("visit")
    assert table["n"].to_dict() == {
        "baseline": 2,
        "month 3": 2,
        "month 6": 0,
        "month 12": 0,
        "month 18": 0,
        "month 24": 0,
    }


def test_visits_are_those_of_the_labels_whatever_their_case():
    labels = {42: ("week 6", "Week 6"), 91: ("Month 3", "month 3 ")}
    rows = [score(p, -1, 50) for p in "ab"]
    rows += [score(p, day, 45, visit=labels[day][k]) for day in labels for k, p in enumerate("ab")]
    table = run(make_tables(rows), make_study())["questionnaire_compliance"].set_index("visit")
    assert table["n"].to_dict() == {"baseline": 2, "week 6": 2, "month 3": 2}
    rows.append(score("a", 180, 45))
    table = run(make_tables(rows), make_study())["questionnaire_compliance"].set_index("visit")
    assert table["n"].to_dict() == {"baseline": 2, "week 6": 2, "month 3": 2, "month 6": 1}


def test_a_symptom_is_worse_when_it_rises_and_what_is_not_known_is_counted(found):
    rows = [
        score("a", -1, 20, "Fatigue"), score("a", 91, 33.3, "FA"),
        score("b", -1, 20, "mood", "own form"), score("b", 91, 5, "mood", "own form"),
        score("b", -1, 20, "pain", "own form"), score("x", -1, 20, "FA"),
    ]  # fmt: skip
    result = run(make_tables(rows), make_study(questionnaires={"better": {"mood": "low"}}))
    table = result["questionnaire_change"].set_index("scale")
    assert table[["n_worse", "n_better"]].to_dict("index") == {
        "Fatigue": {"n_worse": 1, "n_better": 0},
        "mood": {"n_worse": 0, "n_better": 1},
    }
    lost = result["attrition"].set_index("reason")["n_lost"].to_dict()
    assert lost == {"patient without a cycle": 1, "not known which scores of the scale are better": 1}
    early = found["attrition"].set_index("reason")["n_lost"].to_dict()
    assert early == {"before the days of the baseline": 1}


def test_a_label_is_the_visit_and_its_day_the_median():
    rows = [score(p, -1, 50) for p in "ab"] + [score(p, d, 45, visit="C2") for p, d in (("a", 50), ("b", 60))]
    table = run(make_tables(rows), make_study())["questionnaire_compliance"].set_index("visit")
    assert table.loc["C2", "planned_months"] == pytest.approx(55 / 30.4375)
    assert table.loc["C2", ["n", "total"]].tolist() == [2, 6]


def test_without_questionnaires_the_stage_is_skipped_and_says_so():
    found = run(make_tables([]), make_study())
    assert set(found) == {*OUTPUTS, "attrition", "stages"}
    assert found["stages"]["status"].tolist() == ["skipped"]
    assert found["stages"]["reason"].tolist() == ["there are no questionnaires"]


def test_questionnaires_of_nobody_treated_are_counted():
    tables = make_tables(ROWS) | {name: empty_table(name) for name in ("cycles", "treatment_periods")}
    found = run(tables, make_study())
    assert found["stages"]["status"].tolist() == ["skipped"]
    assert all(found[name].empty for name in OUTPUTS)
    assert found["attrition"]["n_lost"].tolist() == [len(ROWS)]


def test_baseline_scores_alone_have_no_change():
    found = run(make_tables([score("a", -1, 50)]), make_study())
    assert found["questionnaire_change"].empty
    assert set(found["deterioration"]["status"]) == {"no_events", "too_few"}


def test_scales_are_known_by_name_and_code():
    scales = load_scales()
    assert len(scales) == 2 * 24 + 1  # weight gain has no code
    assert scales[fold("EORTC QLQ-C30"), fold("PF2")] == ["QLQ-C30", "Physical functioning", "high"]
    assert sum(words == ["GI.NET21", "Endocrine symptoms", "low"] for words in scales.values()) == 2
