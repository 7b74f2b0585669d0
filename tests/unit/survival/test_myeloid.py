"""Myelodysplastic syndrome and leukaemia: which terms and dates count, and classes of activity at a landmark."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from prrt_outcomes.appraisal.claims import tabulate_claims
from prrt_outcomes.endpoints.derivation import derive_study_dates, derive_study_endpoints
from prrt_outcomes.endpoints.patient_dates import derive_observation
from prrt_outcomes.safety.stage import run
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.survival.myeloid import (
    MONTHS,
    WORDS,
    derive_activity_class,
    derive_neoplasm_rows,
    summarise_myeloid_neoplasms,
    tabulate_incidence,
)
from prrt_outcomes.tables.frames import conform_table, empty_table

FILES = {"patients": "p.csv", "follow_up": "f.csv"}
STUDY = Study(study="small", tables=FILES, endpoints=["tmn"])
VOCABULARY = Path(__file__).parents[3] / "data_schema" / "vocabulary.yaml"
START = pd.Timestamp("2010-01-01")


def date(day):
    return str((START + pd.Timedelta(day, "D")).date())


def make_tables(cycles, events, ends, deaths=()):
    """Tables of patients who start on one day; days count from it.

    cycles : patient, day, product, GBq; events : patient, day, term; ends : patient to day of last contact
    """
    ids = list(ends)
    typed = {
        "patients": pd.DataFrame({"patient_id": ids, "age_years": 60.0}),
        "cycles": pd.DataFrame(
            [(p, date(d), product, gbq) for p, d, product, gbq in cycles],
            columns=["patient_id", "cycle_date", "radiopharmaceutical", "activity_gbq"],
        ),
        "adverse_events": pd.DataFrame(
            [
                (p, date(d), term, "myeloid_neoplasm" if term != "nausea" else "gastrointestinal")
                for p, d, term in events
            ],
            columns=["patient_id", "onset_date", "term", "term_group"],
        ).assign(sequence=1, onset_date_precision="day"),
        "follow_up": pd.DataFrame(
            {
                "patient_id": ids,
                "vital_status": ["dead" if p in deaths else "alive" for p in ids],
                "last_contact_date": [date(end) for end in ends.values()],
                "death_date": [date(ends[p]) if p in deaths else None for p in ids],
            }
        ),
        "treatment_periods": pd.DataFrame(
            {
                "patient_id": ids,
                "period": 1,
                "first_cycle": date(0),
                "last_cycle": date(0),
                "radionuclide": "177Lu",
            }
        ),
        "analysis_set": pd.DataFrame({"patient_id": ids, "first_cycle": date(0), "radionuclide": "177Lu"}),
    }
    for name in ("last_contact_date", "death_date"):
        typed["follow_up"][f"{name}_precision"] = "day"
    tables = {name: conform_table(name, frame, {"term_group": "string"}) for name, frame in typed.items()}
    names = ("assessments", "labs", "therapies", "responses", "best_responses", "reported_outcomes")
    return tables | {name: empty_table(name) for name in names}


def derive_rows(tables):
    return derive_neoplasm_rows(derive_observation(tables, STUDY), tables["analysis_set"], STUDY)


ENDS = {"before": 900, "same_day": 900, "event": 900, "dead": 500, "alive": 900, "after_contact": 300}
EVENTS = [
    ("before", -1, "MDS"),
    ("same_day", 0, "myelodysplastic syndrome"),
    ("event", 400, "MDS"),
    ("event", 700, "acute leukaemia"),
    ("dead", 500, "acute myeloid leukaemia"),
    ("alive", 90, "nausea"),
    ("after_contact", 310, "t-MN"),
]


@pytest.fixture
def tables():
    cycles = [(p, 0, "177Lu-DOTATATE", 7.4) for p in ENDS]
    return make_tables(cycles, EVENTS, ENDS, deaths=("dead",))


def test_a_time_of_each_kind(tables):
    rows = derive_rows(tables)
    days = {
        kind: dict(
            zip(
                r.frame["patient_id"],
                zip((r.time_months * 30.4375).round(1), r.event, strict=True),
                strict=True,
            )
        )
        for kind, r in rows.items()
    }
    assert days["tmn"] == {
        "same_day": (0.5, 1),
        "event": (400, 1),
        "dead": (500, 1),  # an event on the day of death comes before it
        "alive": (900, 0),
        "after_contact": (310, 1),
    }
    assert days["mds"] == days["tmn"] | {"dead": (500, 2), "after_contact": (300, 0)}
    assert days["leukaemia"]["event"] == (700, 1)
    assert days["leukaemia"]["before"] == (900, 0)  # myelodysplastic syndrome before is no leukaemia before


def test_the_times_are_those_of_the_preset(tables):
    found = derive_study_endpoints(tables, STUDY, derive_study_dates(tables, STUDY))
    own = derive_rows(tables)["tmn"]
    times = found.endpoints.set_index("patient_id").loc[own.frame["patient_id"]]
    assert np.allclose(times["time_days"] / 30.4375, own.time_months)
    assert times["event"].tolist() == own.event.tolist()
    excluded = found.exclusions.set_index("patient_id")["reason"]
    assert excluded.to_dict() == {"before": "event_before_origin"}


def test_the_safety_stage_counts_a_neoplasm_before_treatment(tables):
    made = run(tables, STUDY)
    lost = made["attrition"].set_index("step").loc["safety: myeloid neoplasms"]
    assert (lost["n_before"], lost["n_lost"]) == (6, 1)
    own = made["myeloid_neoplasms"]
    assert set(own["neoplasm"]) == {"tmn", "mds", "leukaemia"}
    assert own.loc[own["group_by"].eq("all"), "n"].isin([5, 6]).all()


def test_words_of_the_vocabulary_are_of_one_kind():
    words = yaml.safe_load(VOCABULARY.read_text("utf-8"))["term_group"]["names"]
    terms = pd.Series(words["myeloid_neoplasm"])
    kinds = pd.DataFrame({kind: terms.str.contains(words, case=False) for kind, words in WORDS.items()})
    assert kinds["tmn"].all()
    assert not (kinds["mds"] & kinds["leukaemia"]).any()
    neither = terms[~kinds["mds"] & ~kinds["leukaemia"]]
    assert neither.tolist() == ["therapy-related myeloid neoplasm", "t-MN", "tMN"]


def rows_of(times, events):
    frame = pd.DataFrame({"patient_id": [str(i) for i in range(len(times))]})
    return EndpointRows("tmn", np.array(times, float), np.array(events), None, frame)


def test_without_censoring_the_incidence_is_the_share():
    table = tabulate_incidence(
        rows_of([6, 12, 12, 30, 40], [1, 2, 1, 1, 2]), [0, 11.9, 12, 60], STUDY.analysis
    )
    assert table["cumulative_incidence"].tolist() == pytest.approx([0, 0.2, 0.4, 0.6])
    assert table["events"].tolist() == [0, 1, 2, 3]
    assert table["competing_events"].tolist() == [0, 0, 1, 2]
    assert table["n_at_risk"].tolist() == [5, 4, 4, 0]
    assert table["status"].tolist() == ["no_events", "ok", "ok", "ok"]  # known: everybody had an event


def test_nothing_is_known_where_nobody_is_followed():
    table = tabulate_incidence(rows_of([6, 24, 24], [1, 0, 0]), [24, 24.1], STUDY.analysis)
    assert table["status"].tolist() == ["ok", "too_few"]
    assert table["cumulative_incidence"].isna().tolist() == [False, True]


BOUNDS = {"177Lu": (26.6, 32.6)}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([(0, "177Lu-DOTATATE", 26.6)], "177Lu: up to 26.6 GBq"),
        ([(0, "177Lu-DOTATATE", 26.61)], "177Lu: 26.6 to 32.6 GBq"),
        ([(0, "177Lu-DOTATATE", 25.2), (100, "177Lu-DOTATOC", 7.4)], "177Lu: 26.6 to 32.6 GBq"),
        ([(0, "177Lu-DOTATATE", 25.2), (100, "177Lu-DOTATOC", 7.5)], "177Lu: more than 32.6 GBq"),
        ([(0, "177Lu-DOTATATE", 20.0), (365, "177Lu-DOTATATE", 20.0)], "177Lu: more than 32.6 GBq"),
        ([(0, "177Lu-DOTATATE", 20.0), (366, "177Lu-DOTATATE", 20.0)], "177Lu: up to 26.6 GBq"),
        ([(0, "177Lu-DOTATATE", 7.4), (60, "177Lu-DOTATATE", None)], "unknown"),
        ([(0, "177Lu-DOTATATE", 7.4), (60, "90Y-DOTATOC", 3.0)], "Several radionuclides"),
        ([(0, "90Y-DOTATOC", 3.0)], "90Y: up to 3.0 GBq"),
    ],
)
def test_activity_until_the_landmark(given, found):
    settings = Study(study="small", tables=FILES, safety={"activity_bounds_gbq": BOUNDS}).safety
    tables = make_tables([("a", *row) for row in given], [], {"a": 900})
    group = derive_activity_class(tables["analysis_set"], tables["cycles"], settings)
    assert group.tolist() == [found]


def test_by_activity_patients_count_from_the_landmark_on():
    ends = {"short": 365, "long": 366, "event": 300, "late_event": 500}
    cycles = [(p, 0, "177Lu-DOTATATE", 7.4) for p in ends]
    tables = make_tables(cycles, [("event", 300, "MDS"), ("late_event", 500, "MDS")], ends)
    rows = derive_rows(tables)
    table = pd.concat(summarise_myeloid_neoplasms(rows, tables["cycles"], STUDY))
    later = table[table["group_by"].eq("cumulative_activity") & table["neoplasm"].eq("tmn")]
    assert set(later["n"]) == {2}
    assert later["time_months"].min() == later["landmark_months"].max() == 12
    assert later["events"].tolist()[0] == 0
    assert set(MONTHS) - {12} < set(later["time_months"])
    whole = table[table["group_by"].eq("all") & table["neoplasm"].eq("tmn")]
    assert set(whole["n"]) == {4}
    assert set(whole["landmark_months"]) == {0}


def test_a_claim_is_held_against_the_incidence_at_its_month():
    ids = [f"p{i}" for i in range(20)]
    cycles = [(p, 0, "177Lu-DOTATATE", 7.4) for p in ids]
    tables = make_tables(cycles, [("p0", 700, "MDS"), ("p1", 740, "MDS")], dict.fromkeys(ids, 900))
    tables["analysis_set"] = tables["analysis_set"].assign(best_response="SD", response_group="stable")
    wanted = [("mds", 23), ("mds", 24.4), ("leukaemia", 24), ("mds", 60)]
    entries = [
        {"id": f"c{i}", "quantity": f"{kind}_incidence", "months": months, "published": 0.05}
        for i, (kind, months) in enumerate(wanted)
    ]
    table = tabulate_claims(tables, Study(study="small", tables=FILES, claims=entries))
    assert table["observed"].tolist() == pytest.approx([0.05, 0.1, 0.0, np.nan], nan_ok=True)
    assert table["verdict"].tolist() == ["compatible", "compatible", "compatible", "not_estimable"]
    assert table["status"].tolist() == ["ok", "ok", "no_events", "too_few"]
    assert table["note"].iloc[0] == "at 23 months from the first cycle, death competing: 1 events until then"


def test_without_events_the_upper_limit_is_that_of_those_at_risk():
    """None of 100, of whom 60 are followed for two years: 1 - 0.025^(1/60) is 6.0 %, and 3.6 % of all 100."""
    rows = rows_of([12.0] * 40 + [30.0] * 60, [0] * 70 + [2] * 30)
    table = tabulate_incidence(rows, [0, 6, 24, 60], STUDY.analysis)
    assert table["status"].tolist() == ["no_events", "no_events", "no_events", "too_few"]
    assert table["low"].tolist() == pytest.approx([np.nan, 0, 0, np.nan], nan_ok=True)
    highest = [np.nan, 1 - 0.025 ** (1 / 100), 1 - 0.025 ** (1 / 60), np.nan]
    assert table["high"].tolist() == pytest.approx(highest, nan_ok=True)


def test_a_claim_of_a_radionuclide_is_held_against_its_patients():
    """40 of each nuclide; 8 of 90Y have MDS, so that 10 % under 177Lu is too high and 10 % of all is not."""
    ids = [f"p{i}" for i in range(80)]
    cycles = [(p, 0, "177Lu-DOTATATE", 7.4) for p in ids]
    tables = make_tables(cycles, [(p, 200, "MDS") for p in ids[40:48]], dict.fromkeys(ids, 900))
    tables["analysis_set"] = tables["analysis_set"].assign(
        radionuclide=["177Lu"] * 40 + ["90Y"] * 40, best_response="SD", response_group="stable"
    )
    entries = [
        {
            "id": f"c{group.lower()}",
            "quantity": "mds_incidence",
            "months": 24,
            "published": 0.1,
            "group": group,
        }
        for group in ("177Lu", "90Y", "all", "225Ac")
    ]
    table = tabulate_claims(tables, Study(study="small", tables=FILES, claims=entries))
    assert table["n"].tolist() == [40, 40, 80, 0]
    assert table["group"].tolist() == ["177Lu", "90Y", "all", "225Ac"]
    assert table["observed"].tolist() == pytest.approx([0, 0.2, 0.1, np.nan], nan_ok=True)
    assert table["verdict"].tolist() == ["lower", "compatible", "compatible", "not_estimable"]
