"""The library of published arms against the collected facts that it was made from."""

from __future__ import annotations

import pandas as pd
import pytest

from prrt_outcomes.controls.library import convert_arm_to_control, find_arm, load_library
from prrt_outcomes.study.controls import LibraryControl

RENAMED = {"netter1_octreotide60": "netter1_octreotide", "netter2_octreotide60": "netter2_octreotide"}
ADDED = {("netter_r_lu", "pfs"), ("netter_r_lu", "os")}
NUMBERS = {
    "n": "n",
    "events": "events",
    "median_months": "median_months",
    "median_low": "median_low",
    "median_high": "median_high",
    "scan_interval_weeks": "scan_interval_weeks",
    "enrolment_start_year": "enrolment_start_year",
    "enrolment_end_year": "enrolment_end_year",
}


@pytest.fixture(scope="module")
def collected(shared_data):
    table = pd.read_csv(shared_data / "control_arms.csv")
    return table.assign(arm_id=table["arm_id"].replace(RENAMED))


def load_collected():
    return [arm for arm in load_library() if (arm.arm, arm.endpoint) not in ADDED]


def test_what_was_seen_is_there_and_what_was_remembered_is_not(collected):
    ours = {(arm.arm, arm.endpoint) for arm in load_library()}
    seen = collected[collected["evidence"] != "memory"]
    assert ours == set(zip(seen["arm_id"], seen["endpoint"], strict=True)) | ADDED
    remembered = collected[collected["evidence"] == "memory"]
    assert len(remembered)
    assert not ours & set(zip(remembered["arm_id"], remembered["endpoint"], strict=True))
    assert {arm.evidence for arm in load_library()} <= {"abstract_seen", "secondary_seen"}


@pytest.mark.parametrize("field", NUMBERS)
def test_every_number_is_the_collected_one(collected, field):
    rows = collected.set_index(["arm_id", "endpoint"])[NUMBERS[field]]
    for arm in load_collected():
        ours, theirs = getattr(arm, field), rows.loc[(arm.arm, arm.endpoint)]
        assert (ours is None) == pd.isna(theirs), (arm.arm, arm.endpoint)
        assert ours is None or ours == theirs, (arm.arm, arm.endpoint)


def test_doubts_and_citations_come_along(collected):
    rows = collected.set_index(["arm_id", "endpoint"])
    for arm in load_collected():
        row = rows.loc[(arm.arm, arm.endpoint)]
        assert arm.citation == row["citation"]
        assert arm.source_population == row["source_population"]
        if "crossover" in str(row["note"]).lower():
            assert "crossover" in arm.note.lower()


def test_at_least_thirty_arms_of_every_kind_asked_for():
    library = load_library()
    assert len({arm.arm for arm in library}) >= 30
    assert {"placebo", "ssa", "everolimus", "sunitinib", "prrt"} <= {arm.role for arm in library}


def test_an_arm_without_a_point_of_a_curve_is_no_control():
    for arm in load_library():
        control = convert_arm_to_control(
            LibraryControl(id="a", kind="library", arm=arm.arm, endpoint=arm.endpoint), arm
        )
        has_point = arm.n is not None and (arm.median_months is not None or bool(arm.milestones))
        assert (control is not None) == has_point
    assert find_arm("netter1_lu", "pfs").median_status == "not_reached"
