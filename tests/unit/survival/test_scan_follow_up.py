"""New therapy before progression and scans that stop, on visits that can be counted by hand."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.cohort.grouping import fix_references
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.endpoint_rows import select_endpoint_rows
from prrt_outcomes.survival.scan_follow_up import (
    censor_at_stops,
    derive_visits,
    fill_missing,
    select_scans,
    weigh_visits,
)
from prrt_outcomes.survival.sensitivity import summarise_sensitivity_tables
from prrt_outcomes.tables.frames import conform_table, empty_table

START, CUTOFF, LATE = (pd.Timestamp(f"{year}-01-01") for year in (2015, 2016, 2020))


def make_study(**changes) -> Study:
    plain = {
        "study": "s",
        "tables": {"patients": "p.csv", "follow_up": "f.csv"},
        "endpoints": ["pfs"],
        "analysis": {"group_by": ["arm"], "covariates": ["arm", "sex"], "milestones_months": [6]},
        "extra_columns": {"arm": "category"},
        "assessment_interval_days": 90,
    }
    return Study.model_validate(plain | changes)


def day(number):
    return START + pd.to_timedelta(number, unit="D")


def make_rows(rows):
    """Rows of (patient, days, event, reason, day of new therapy, day of progression)."""
    columns = ["patient_id", "time_days", "event", "reason", "therapy", "progression"]
    frame = pd.DataFrame(rows, columns=columns)
    return conform_table(
        "endpoints",
        frame.assign(
            endpoint="pfs",
            origin_date=START,
            entry_days=0.0,
            status="ok",
            end_date=day(frame["time_days"]),
            new_therapy_date=day(frame["therapy"]),
            new_therapy_days=frame["therapy"].where(~(day(frame["progression"]) <= day(frame["therapy"]))),
            progression_date=day(frame["progression"]),
            last_adequate_date=day(frame["time_days"]),
            last_contact_date=day(frame["time_days"]),
        ).drop(columns=["therapy", "progression"]),
    )


def make_responses(scans):
    """Scans of each patient: (day, response)."""
    rows = [(patient, day(at), code) for patient, own in scans.items() for at, code in own]
    frame = pd.DataFrame(rows, columns=["patient_id", "assessment_date", "overall_response"])
    frame = frame.assign(period=1, reader="local", criterion="recist_1_1", primary_reader=True)
    return conform_table("responses", frame)


def test_scans_stop_before_the_first_planned_scan_that_does_not_take_place():
    # A scan is planned 90 days after another, the first 180 days after the start; its window ends 14 days later.
    made = [
        # patient, days, event, reason, therapy, progression, scans; last known alive, stop after, days and event then
        (("late", 194, 1, "progression", None, 194), [90], 194, None, 194, 1),
        (("gap", 195, 1, "progression", None, 195), [90], 195, 90, 179.5, 0),
        (("resumed", 350, 0, "last_adequate_assessment", None, None), [90, 300, 350], 360, 90, 179.5, 0),
        (("before", 179, 1, "death", None, None), [90], 179, None, 179, 1),
        (("on the day", 180, 1, "death", None, None), [90], 180, 90, 179.5, 0),
        (("stopped", 171, 0, "last_adequate_assessment", None, None), [81, 171], 300, 171, 260.5, 0),
        (("lost", 171, 0, "last_adequate_assessment", None, None), [81, 171], 200, 171, 200, 0),
        (("recent", 262, 0, "last_adequate_assessment", None, None), [90, 172, 262], 365, None, 351.5, 0),
        (("died recently", 360, 1, "death", None, None), [90, 172, 265], 360, 265, 354.5, 0),
        (("never", 0.5, 0, "no_adequate_assessment", None, None), [], 365, 0, 179.5, 0),
        (("therapy", 90, 0, "new_therapy", 100, None), [90], 365, None, 90, 0),
    ]
    plain, seen, alive, stopped, days, events = zip(*made, strict=True)
    rows = make_rows(plain).assign(last_contact_date=day(list(alive)))
    scans = {
        row[0]: [(at, "SD") for at in own] + ([(row[1], "PD")] if row[3] == "progression" else [])
        for row, own in zip(plain, seen, strict=True)
    }
    scans["gap"].append((150, "NE"))
    study = make_study()
    visits = derive_visits(rows, select_scans(make_responses(scans), study, adequate=True), CUTOFF, study)
    names = rows["patient_id"].to_numpy()[visits["patient"]]
    stops = dict(zip(names[visits["stopped"]], visits.loc[visits["stopped"], "time_days"], strict=True))
    expected = {row[0]: at for row, at in zip(plain, stopped, strict=True) if at is not None}
    assert stops == expected
    unknown = set(zip(names[~visits["known"]], visits.loc[~visits["known"], "time_days"], strict=True))
    assert unknown == {
        ("before", 90), ("on the day", 90), ("recent", 262), ("died recently", 265), ("therapy", 90),
    }  # fmt: skip
    own = visits[names == "late"]
    assert own[["time_days", "end_days"]].to_numpy().tolist() == [[0, 179.5], [90, 179.5]]
    assert visits.loc[names == "gap", "response"].tolist() == ["not scanned", "SD"]
    changed = censor_at_stops(rows, visits)
    assert changed["time_days"].tolist() == list(days)
    assert changed["event"].tolist() == list(events)


def test_a_weight_counts_from_the_day_of_the_planned_scan():
    # Two of four men are not scanned again after day 90, one of four women; 3/8 of all.
    rows, scans, sexes = [], {}, []
    for number in range(8):
        stops, name = number in (0, 1, 4), f"p{number}"
        scans[name] = [(90, "SD")] if stops else [(90, "SD"), (180, "PD")]
        rows.append((name, 90, 0, "x", None, None) if stops else (name, 180, 1, "progression", None, 180))
        sexes.append("male" if number < 4 else "female")
    rows, study = make_rows(rows).assign(last_contact_date=LATE), make_study()
    visits = derive_visits(rows, select_scans(make_responses(scans), study, adequate=True), LATE, study)
    patients = pd.DataFrame({"patient_id": rows["patient_id"], "first_cycle": START})
    censored = select_endpoint_rows(censor_at_stops(rows, visits), patients, "pfs")
    weighted = weigh_visits(censored, visits, pd.DataFrame({"sex": sexes}))
    split = weighted.frame.assign(
        start=weighted.entry_months, stop=weighted.time_months, weight=weighted.weights
    )
    one = split[split["patient_id"] == "p2"][["start", "stop", "weight"]].to_numpy()
    month = 179.5 / 30.4375
    assert one == pytest.approx(np.array([[0, month, 1], [month, 180 / 30.4375, 1.25]]), abs=1e-6)
    assert split[split["patient_id"] == "p7"]["weight"].tolist() == pytest.approx([1, 5 / 6], abs=1e-6)
    assert split[split["patient_id"] == "p0"][["stop", "weight"]].to_numpy() == pytest.approx(
        np.array([[month, 1]])
    )
    assert weighted.event.sum() == 5


def make_cohort(n=60):
    """Two arms with scans every 90 days; in arm b every third patient is not scanned after day 90."""
    rows, scans, arms = [], {}, {}
    for number in range(n):
        name, arm = f"p{number}", "ab"[number % 2]
        arms[name] = arm
        stops = number % 6 == 1 or number % 10 == 0
        progression = 180 + 90 * (number % 3)
        seen = [(90, "PR" if number % 4 else "SD")]
        if not stops:
            seen += [(at, "SD") for at in range(180, progression, 90)] + [(progression, "PD")]
        scans[name] = seen
        end = (90, 0, "last_adequate_assessment") if stops else (progression, 1, "progression")
        therapy = 200 if number % 12 == 2 else None
        rows.append((name, *end, therapy, None if stops else progression))
    frame = pd.DataFrame({"patient_id": list(arms), "arm": list(arms.values()), "first_cycle": START})
    frame["sex"] = ["female", "male", None, "male"] * (n // 4)
    return make_rows(rows), make_responses(scans), conform_table("analysis_set", frame, {"arm": "category"})


def run(study, rows, scans, patients, cutoff=LATE):
    estimands = pd.DataFrame({"endpoint": ["pfs"], "variant": [""], "data_cutoff": [cutoff]})
    tables = {
        "endpoints": rows,
        "endpoint_variants": empty_table("endpoint_variants"),
        "analysis_set": patients,
        "estimands": estimands,
        "responses": scans,
    }
    return summarise_sensitivity_tables(tables, fix_references(study, patients))


def test_weighted_rows_stand_beside_the_variants():
    rows, scans, patients = make_cohort()
    made = run(make_study(), rows, scans, patients)
    table = made["sensitivity"]
    whole = table[table["group_by"] == "all"].set_index("analysis")
    assert whole.loc["scan_stop_censored", ["n", "events", "n_changed", "n_eligible"]].tolist() == [
        60,
        44,
        0,
        16,
    ]
    assert whole.loc["scan_stop_weighted", ["n", "events", "n_eligible"]].tolist() == [60, 44, 16]
    ratio = table[(table["analysis"] == "scan_stop_weighted") & (table["group"] == "b")].iloc[0]
    assert ratio["hazard_ratio_low"] < ratio["hazard_ratio"] < ratio["hazard_ratio_high"]
    counts = made["scan_follow_up"].set_index("group")
    assert counts.loc[["all", "a", "b"], "n_stopped"].tolist() == [16, 6, 10]
    assert counts.loc["all", "effective_n"] < 60
    assert counts.loc["all", "largest_weight"] > 1
    milestones = made["scan_stop_milestones"].set_index(["analysis", "group"])["survival"]
    # Of the 44 with events a third each on days 180, 270, 360; month 6 is day 182.6.
    censored = rows[rows["event"] == 1]["time_days"]
    assert milestones["scan_stop_censored", "all"] == pytest.approx((censored > 182.6).mean())
    assert milestones["scan_stop_weighted", "all"] != milestones["scan_stop_censored", "all"]


def test_nobody_whose_scans_stop_is_one_line():
    rows, scans, patients = make_cohort()
    made = run(make_study(), rows, scans, patients, cutoff=day(190))
    assert (made["sensitivity"]["analysis"] == "scan_stop_censored").sum() == 1
    assert not (made["sensitivity"]["analysis"] == "scan_stop_weighted").any()
    assert made["scan_stop_milestones"].empty
    assert set(made["scan_follow_up"]["status"]) == {"no_events"}


def test_missed_scans_that_already_censor_are_undone_first():
    rows, scans, patients = make_cohort()
    fda = rows.assign(time_days=90.0, event=0, reason="missed_assessments")
    variants = conform_table("endpoint_variants", rows.assign(variant="missed_scans_ignored"))
    study = make_study(endpoints=[{"name": "pfs", "preset": "pfs_fda"}])
    estimands = pd.DataFrame({"endpoint": ["pfs"], "variant": [""], "data_cutoff": [LATE]})
    tables = {
        "endpoints": fda,
        "endpoint_variants": variants,
        "analysis_set": patients,
        "estimands": estimands,
    }
    made = summarise_sensitivity_tables(tables | {"responses": scans}, fix_references(study, patients))
    assert made["scan_follow_up"].set_index("group").loc["all", "n_stopped"] == 16


def test_new_therapy_is_counted_before_progression_only():
    rows = make_rows(
        [
            ("a", 180, 1, "progression", 100, 180),
            ("b", 180, 1, "progression", 180, 180),
            ("c", 180, 1, "progression", 200, 180),
            ("d", 90, 0, "last_adequate_assessment", 120, None),
            ("e", 180, 0, "last_adequate_assessment", 120, None),
            ("f", 180, 0, "last_adequate_assessment", None, None),
        ]
    )
    scans = make_responses({name: [(90, "SD"), (180, "SD")] for name in "abcef"})
    patients = make_cohort(8)[2].assign(patient_id=[*"abcdefgh"])
    row = run(make_study(assessment_interval_days=None), rows, scans, patients)["scan_follow_up"]
    row = row.set_index("group").loc["all"]
    assert row[["n", "n_switched", "n_scanned_after_switch", "n_progressed_after_switch"]].tolist() == [
        6,
        3,
        2,
        1,
    ]
    assert pd.isna(row["n_stopped"])
    assert row["status"] == "no_interval"


def test_missing_covariates_are_a_level():
    filled = fill_missing(pd.DataFrame({"age": [50.0, np.nan, 70], "sex": pd.Categorical(["f", None, "m"])}))
    assert filled["age"].tolist() == [50, 60, 70]
    assert filled["age unknown"].tolist() == [0, 1, 0]
    assert filled["sex"].tolist() == ["f", "unknown", "m"]
