"""Patients with adverse events and first events per 100 patient-years, held to numbers worked out by hand."""

import pandas as pd
import pytest

from prrt_outcomes.cohort.vocabulary import derive_term_group, extend_vocabulary
from prrt_outcomes.endpoints.patient_dates import derive_observation
from prrt_outcomes.safety.stage import run
from prrt_outcomes.statistics.curve_summaries import compute_poisson_interval
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table

STUDY = Study(study="small", tables={"patients": "p.csv", "follow_up": "f.csv"}, data_cutoff="2020-12-31")
YEAR = 365.25


def make_tables(events, study=STUDY):
    """Tables of three patients.

    a: cycles in January and March 2010, again in January 2015, last contact on the first of 2016; b: one cycle in
    January 2011, dead in July 2011; c: never treated.
    """
    patients = conform_table("patients", pd.DataFrame({"patient_id": ["a", "b", "c"]}))
    periods = pd.DataFrame(
        [
            ("a", 1, "2010-01-01", "2010-03-02", "177Lu", "initial"),
            ("a", 2, "2015-01-01", "2015-01-01", "177Lu", "retreatment"),
            ("b", 1, "2011-01-01", "2011-01-01", "90Y", "initial"),
        ],
        columns=["patient_id", "period", "first_cycle", "last_cycle", "radionuclide", "kind"],
    )
    follow_up = pd.DataFrame(
        {
            "patient_id": ["a", "b", "c"],
            "last_contact_date": ["2016-01-01", "2011-07-01", "2012-01-01"],
            "vital_status": ["alive", "dead", "alive"],
            "death_date": [None, "2011-07-01", None],
        }
    )
    columns = ["patient_id", "onset_date", "term", "grade", "related"]
    rows = conform_table("adverse_events", pd.DataFrame(events, columns=columns).assign(sequence=1))
    return {
        "patients": patients,
        "cycles": empty_table("cycles"),
        "assessments": empty_table("assessments"),
        "labs": empty_table("labs"),
        "adverse_events": derive_term_group(rows, extend_vocabulary(study.vocabulary)),
        "follow_up": conform_table("follow_up", follow_up),
        "treatment_periods": conform_table("treatment_periods", periods),
        "analysis_set": conform_table("analysis_set", patients).assign(radionuclide=["177Lu", "90Y", None]),
    }


EVENTS = [
    ("a", "2009-12-01", "nausea", 2, True),  # before the first cycle
    ("a", "2010-01-11", "Nausea", 1, None),
    ("a", "2010-02-10", "nausea", 3, True),
    ("a", "2012-01-01", "MDS", 4, True),
    ("a", "2015-01-11", "nausea", None, True),
    ("b", "2011-06-30", "vomiting", 2, False),
    ("c", "2011-06-30", "vomiting", 2, False),
    ("b", "2021-06-30", "vomiting", 2, False),  # after the cut-off
]


def pick(rates, **cells):
    rows = rates
    for column, value in cells.items():
        rows = rows[rows[column].eq(value)]
    assert len(rows) == 1, cells
    return rows.iloc[0]


def test_a_patient_counts_once_and_the_time_at_risk_ends_at_the_first_event():
    rates = run(make_tables(EVENTS), STUDY)["adverse_event_rates"]
    whole = {"group_by": "all", "period": "any"}
    first = pick(rates, **whole, term="Nausea", grade_at_least=1, related="any")
    assert (first["n"], first["total"], first["proportion"]) == (1, 2, 0.5)
    assert first["years"] == pytest.approx((10 + 181) / YEAR)  # ten days of a, all of b
    related = pick(rates, **whole, term="Nausea", grade_at_least=1, related="yes")
    assert related["years"] == pytest.approx(
        (40 + 181) / YEAR
    )  # the relation of the event before is not known
    severe = pick(rates, **whole, term="Nausea", grade_at_least=3, related="any")
    assert severe["years"] == pytest.approx((40 + 181) / YEAR)
    group = pick(rates, **whole, term="gastrointestinal", grade_at_least=1, related="any")
    assert (group["n"], group["total"]) == (2, 2)
    assert group["years"] == pytest.approx((10 + 180) / YEAR)
    assert group["rate_per_100_years"] == pytest.approx(200 / (190 / YEAR))
    low, high = compute_poisson_interval(2)
    assert group["rate_low"] == pytest.approx(100 * low / group["years"])
    assert group["rate_high"] == pytest.approx(100 * high / group["years"])


def test_phases_and_retreatment_have_their_own_time_at_risk():
    rates = run(make_tables(EVENTS), STUDY)["adverse_event_rates"]
    late = pick(
        rates, group_by="all", period="late", term="myeloid_neoplasm", grade_at_least=1, related="any"
    )
    assert (late["n"], late["total"]) == (1, 2)
    # a: 90 days after 2 March 2010 the late phase begins; b: 90 of 181 days are treatment
    until = (pd.Timestamp("2012-01-01") - pd.Timestamp("2010-05-31")).days
    assert late["years"] == pytest.approx((until + 91) / YEAR)
    again = pick(
        rates,
        group_by="kind",
        group="retreatment",
        period="any",
        term="Nausea",
        grade_at_least=1,
        related="yes",
    )
    assert (again["n"], again["total"]) == (1, 1)
    assert again["years"] == pytest.approx(10 / YEAR)
    no_grade = pick(
        rates,
        group_by="kind",
        group="retreatment",
        period="any",
        term="Nausea",
        grade_at_least=3,
        related="any",
    )
    assert no_grade["n"] == 0
    assert no_grade["years"] == pytest.approx(365 / YEAR)
    mine = pick(
        rates, group_by="radionuclide", group="90Y", period="treatment", term="vomiting", grade_at_least=1,
        related="any",
    )  # fmt: skip
    assert (mine["n"], mine["total"]) == (0, 1)


def test_the_treatment_phase_is_the_cycles_and_the_time_soon_after_them():
    """a: 60 days to the last cycle and 90 after it, then none and 90; b: none, and 90 with the vomiting of day 60."""
    events = [*EVENTS, ("b", "2011-03-02", "vomiting", 2, True), ("a", "2010-03-02", "fatigue", 1, True)]
    rates = run(make_tables(events), STUDY)["adverse_event_rates"]
    place = {"group_by": "all", "grade_at_least": 1, "related": "any"}
    found = {
        (period, term): pick(rates, **place, period=period, term=term)
        for period in ("treatment", "during_cycles", "after_last_cycle")
        for term in ("vomiting", "fatigue", "myeloid_neoplasm")
    }
    counts = {place: (row["n"], row["total"]) for place, row in found.items()}
    assert counts["during_cycles", "vomiting"] == counts["after_last_cycle", "fatigue"] == (0, 2)
    assert counts["after_last_cycle", "vomiting"] == counts["during_cycles", "fatigue"] == (1, 2)
    assert counts["treatment", "vomiting"] == counts["treatment", "fatigue"] == (1, 2)
    days = {period: found[period, "myeloid_neoplasm"]["years"] * YEAR for period, _ in found}
    assert days == pytest.approx({"treatment": 330, "during_cycles": 60, "after_last_cycle": 270})


def test_every_event_that_does_not_count_is_counted():
    attrition = run(make_tables(EVENTS), STUDY)["attrition"].set_index("reason")["n_lost"]
    assert attrition["after the data cut-off"] == 1
    assert attrition["patient without a cycle"] == 1
    assert attrition["before the first cycle"] == 1
    assert attrition["no grade"] == 1
    assert attrition["relation not known"] == 1


def test_a_partial_onset_whose_month_or_year_holds_the_first_cycle_follows_it():
    """First cycles on 1 January 2010 (a) and 2011 (b); the stated rule would put the first two before them."""
    tables = make_tables(
        [
            ("a", "2010-03", "nausea", 1, True),
            ("b", "2011-03", "nausea", 1, True),
            ("a", "2009-12", "vomiting", 1, True),
            ("b", "2011", "MDS", 4, True),
            ("b", "2010", "MDS", 4, True),
        ]
    )
    for name, column in (("treatment_periods", "first_cycle"), ("treatment_periods", "last_cycle")):
        dates = tables[name][column]
        tables[name][column] = dates.mask(dates.dt.year < 2015, dates + pd.Timedelta(80, "D"))
    study = STUDY.model_copy(update={"partial_dates": "first"})
    events = derive_observation(tables, study).adverse_events
    found = set(zip(events["patient_id"], events["onset_date"].dt.strftime("%Y-%m-%d"), strict=True))
    assert found == {
        ("a", "2010-03-22"), ("b", "2011-03-22"), ("a", "2009-12-01"), ("b", "2010-01-01"),
    }  # fmt: skip
    lost = run(tables, study)["attrition"].set_index("reason")["n_lost"]
    assert lost["before the first cycle"] == 2


def test_a_study_adds_terms_and_groups_of_its_own():
    own = STUDY.model_copy(
        update={
            "vocabulary": STUDY.vocabulary.model_validate(
                {"term_group": {"names": {"endocrine": ["hot flushes"], "skin": ["nausea"]}}}
            )
        }
    )
    tables = make_tables(
        [("a", "2010-02-01", "Hot flushes", 1, True), ("a", "2010-02-01", "nausea", 1, True)], own
    )
    assert tables["adverse_events"]["term_group"].tolist() == ["endocrine", "skin"]
    other = make_tables([("a", "2010-02-01", "hiccups", 1, True)])
    assert other["adverse_events"]["term_group"].tolist() == ["other"]


def test_without_events_the_stage_says_so():
    tables = make_tables(EVENTS[:0])
    assert run(tables, STUDY)["stages"]["status"].tolist() == ["skipped"]
    part = run(make_tables(EVENTS), STUDY)["stages"]
    assert part[["status", "reason"]].to_numpy().tolist() == [["partial", "there are no laboratory values"]]


def test_an_event_after_the_last_contact_is_late_and_has_its_time():
    rates = run(make_tables([("b", "2012-01-01", "MDS", 4, True)]), STUDY)["adverse_event_rates"]
    place = {"group_by": "all", "term": "myeloid_neoplasm", "grade_at_least": 1, "related": "any"}
    assert pick(rates, **place, period="treatment")["n"] == 0
    late = pick(rates, **place, period="late")
    assert late["n"] == 1
    assert late["years"] > (365 - 90) / YEAR


def test_a_term_with_the_name_of_another_group_keeps_its_row():
    rates = run(
        make_tables([("a", "2010-02-01", "skin", 1, True), ("b", "2011-02-01", "rash", 1, True)]), STUDY
    )
    rates = rates["adverse_event_rates"]
    place = {"group_by": "all", "period": "any", "grade_at_least": 1, "related": "any", "term": "skin"}
    assert pick(rates, **place, term_group="other")["n"] == 1
    assert pick(rates, **place, term_group="skin")["n"] == 1


def test_no_event_from_the_first_cycle_on_is_none_of_all_patients():
    rates = run(make_tables([("a", "2009-02-01", "nausea", 1, True)]), STUDY)["adverse_event_rates"]
    row = pick(rates, group_by="all", period="any", grade_at_least=1, related="any")
    assert (row["term"], row["n"], row["total"], row["rate_per_100_years"]) == ("any", 0, 2, 0)
