"""The new data as far as the old cut could have held them."""

from datetime import date

import pandas as pd

from prrt_outcomes.compare.cuts import correct_tables, find_horizon, restrict_patients
from prrt_outcomes.tables.frames import conform_table, empty_table

CUTOFF = date(2020, 12, 31)


def build(follow_up, lesions=(), therapies=(), outcomes=()):
    frames = {
        "patients": pd.DataFrame({"patient_id": [row[0] for row in follow_up], "grade": "G1"}),
        "follow_up": pd.DataFrame(
            follow_up,
            columns=["patient_id", "last_contact_date", "vital_status", "death_date", "progression_date"],
        ),
        "lesions": pd.DataFrame(lesions, columns=["patient_id", "assessment_date", "longest_mm"]).assign(
            lesion_id="T1", reader="local", role="target", state="measured"
        ),
        "therapies": pd.DataFrame(therapies, columns=["patient_id", "start_date", "end_date"]).assign(
            kind="chemotherapy", drug="x", sequence=1
        ),
        "reported_outcomes": pd.DataFrame(outcomes, columns=["patient_id", "time", "event"]).assign(
            endpoint="injury"
        ),
    }
    return {
        name: conform_table(name, frame) if len(frame) else empty_table(name)
        for name, frame in frames.items()
    }


def cut(old, new):
    return correct_tables(old, new, find_horizon(old, CUTOFF))


def test_rows_after_the_last_contact_wait_and_late_entries_before_it_are_corrections():
    old = build([("A", "2020-10-01", "alive", None, None)], [("A", "2020-03-01", 30.0)])
    new = build(
        [("A", "2021-11-01", "alive", None, None)],
        [("A", "2020-03-01", 33.0), ("A", "2020-06-01", 31.0), ("A", "2020-11-01", 50.0)],
    )
    found = cut(old, new)
    assert found["lesions"]["longest_mm"].tolist() == [33.0, 31.0]
    assert found["follow_up"]["last_contact_date"].tolist() == ["2020-10-01"]


def test_a_row_that_was_there_stays_whatever_its_day():
    old = build([("A", "2020-10-01", "alive", None, None)], [("A", "2020-12-01", 30.0)])
    new = build([("A", "2020-10-01", "alive", None, None)], [("A", "2020-12-01", 36.0)])
    assert cut(old, new)["lesions"]["longest_mm"].tolist() == [36.0]


def test_a_death_after_the_last_contact_is_follow_up_and_a_corrected_one_is_not():
    old = build([("A", "2020-10-01", "alive", None, None), ("B", "2020-05-01", "dead", "2020-05-01", None)])
    new = build(
        [
            ("A", "2021-02-01", "dead", "2021-02-01", "2020-09-01"),
            ("B", "2020-06-01", "dead", "2020-06-01", None),
        ]
    )
    found = cut(old, new)["follow_up"]
    assert found["vital_status"].tolist() == ["alive", "dead"]
    assert found["death_date"].isna().tolist() == [True, False]
    assert found["death_date"].tolist()[1] == "2020-06-01"
    assert found["progression_date"].tolist()[0] == "2020-09-01"
    assert found["progression_date_precision"].tolist()[0] == "day"


def test_a_death_after_the_last_contact_is_follow_up_though_no_contact_was_added():
    old = build([(name, "2020-10-01", "alive", None, None) for name in "AB"])
    found = [("A", "dead", "2020-11-15"), ("B", "dead", "2020-09-15")]
    new = build([(name, "2020-10-01", status, death, None) for name, status, death in found])
    found = cut(old, new)["follow_up"]
    assert found["vital_status"].tolist() == ["alive", "dead"]
    assert found["death_date"].fillna("").tolist() == ["", "2020-09-15"]


def test_ends_and_reported_times_that_go_further_are_follow_up():
    follow_up = [("A", "2020-10-01", "alive", None, None)]
    old = build(follow_up, therapies=[("A", "2020-02", None)], outcomes=[("A", 100.0, 0)])
    new = build(follow_up, therapies=[("A", "2020-02", "2021-03-01")], outcomes=[("A", 400.0, 1)])
    found = cut(old, new)
    assert found["therapies"]["end_date"].isna().all()
    assert found["reported_outcomes"][["time", "event"]].to_numpy().tolist() == [[100.0, 0]]
    sooner = build(follow_up, therapies=[("A", "2020-02", "2020-03-01")], outcomes=[("A", 60.0, 1)])
    found = cut(old, sooner)
    assert found["therapies"]["end_date"].tolist() == ["2020-03-01"]
    assert found["reported_outcomes"][["time", "event"]].to_numpy().tolist() == [[60.0, 1]]


def test_nothing_corrected_gives_back_the_old_tables():
    old = build([("A", "2020-10-01", "alive", None, None)], [("A", "2020-03-01", 30.0)])
    new = build(
        [("A", "2021-10-01", "lost", None, "2021-08-01"), ("B", "2021-10-01", "alive", None, None)],
        [("A", "2020-03-01", 30.0), ("A", "2021-03-01", 44.0), ("B", "2020-03-01", 12.0)],
    )
    found = cut(old, restrict_patients(new, pd.Index(["A"])))
    for name, table in old.items():
        pd.testing.assert_frame_equal(found[name], table)


def test_controls_are_whole():
    controls = conform_table("control_patients", pd.DataFrame({"patient_id": ["H1"], "source": "registry"}))
    assert len(restrict_patients({"control_patients": controls}, pd.Index(["A"]))["control_patients"]) == 1
