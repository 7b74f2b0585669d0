"""The day on which a patient becomes a responder, and the rows that follow from it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.responders.states import (
    BINARY,
    compute_state_at,
    derive_binary_history,
    derive_group_history,
    derive_onset_history,
    derive_scans,
    derive_state_rows,
)
from prrt_outcomes.response.best import find_confirmations, find_counted
from prrt_outcomes.response.codes import RESPONSES
from prrt_outcomes.study.response import ResponseSettings
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.units import DAYS_PER_MONTH

HERE = Path(__file__).parent
FIRST = pd.Timestamp("2010-01-01")


def read_cases(name):
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.split("|")] for line in lines if line and not line.startswith("#")]


def split_cell(cell):
    return [] if cell == "-" else [part.strip() for part in cell.split(";")]


def read_scans(scans, settings, patients=("a",)):
    """The scans of patient a as table `responses` holds them, then as the responder stage reads them."""
    day = np.array([day for day, _ in scans])
    dates = FIRST + pd.to_timedelta(day, unit="D")
    codes = [RESPONSES.index(code) for _, code in scans]
    table = pd.DataFrame({"course": 0, "date": dates.astype("datetime64[ns]"), "overall_response": codes})
    counted = find_counted(table, pd.Series([pd.NaT]))
    confirmed = find_confirmations(table[counted], settings).reindex(table.index)
    responses = pd.DataFrame(
        {
            "patient_id": pd.Series(["a"] * len(day), dtype="string"),
            "criterion": "recist_1_1",
            "period": 1,
            "assessment_date": table["date"],
            "overall_response": [code for _, code in scans],
            "counted": counted,
            "primary_reader": np.ones(len(day), dtype=bool),
            "confirmation_date": confirmed,
            "change_from_baseline": np.nan,
        }
    )
    return derive_scans(responses, "recist_1_1", pd.Series({"a": FIRST}), pd.Index(patients), settings)


@pytest.mark.parametrize("case", read_cases("state_rows.txt"), ids=lambda case: case[0])
def test_state_rows(case):
    _, entry, end, event, changes, rows = case
    months = np.array([float(change) for change in split_cell(changes)])
    every = pd.DataFrame({"patient": np.zeros(len(months), dtype=int), "month": months}).assign(state=1)
    times = (np.array([float(value)]) for value in (end, entry))
    patient = EndpointRows("os", next(times), np.array([int(event)]), next(times), pd.DataFrame())
    found = derive_state_rows(every, patient)
    parts = zip(found["start"], found["stop"], found["state"], found["event"], strict=True)
    assert [f"{a:g}-{b:g} {BINARY[s]} {e}" for a, b, s, e in parts] == split_cell(rows)


@pytest.mark.parametrize("case", read_cases("group_states.txt"), ids=lambda case: case[0])
def test_group_states(case):
    _, primary, scans, changes, onset = case
    settings = ResponseSettings(primary_rate=primary)
    pairs = [scan.split() for scan in split_cell(scans)]
    counted = read_scans([(int(day), code) for day, code in pairs], settings)
    history = derive_group_history(counted, 1, settings.groups)
    days = (history.changes["month"] * DAYS_PER_MONTH).round().astype(int)
    states = history.changes["state"]
    found = [f"{day} {history.states[state]}" for day, state in zip(days, states, strict=True)]
    assert found == split_cell(changes)
    binary = derive_binary_history(counted, 1, settings.groups["responder"])
    begins = (binary.changes["month"] * DAYS_PER_MONTH).round().astype(int).tolist()
    assert begins == ([] if onset == "-" else [int(onset)])


def test_a_response_on_the_landmark_day_counts():
    history = derive_onset_history(np.array([3.0, 3.1, np.inf]))
    assert compute_state_at(history, 3.0).tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("scans", "group"),
    [
        ([(60, "SD"), (120, "PR"), (240, "PD")], "responder"),
        ([(60, "PR"), (120, "SD")], "responder"),
        ([(60, "SD"), (120, "PD")], "stable"),
        ([(60, "PD")], "progressive"),
        ([(60, "NE")], "unclassified"),
    ],
)
def test_the_naive_group_is_that_of_the_best_response_of_all(scans, group):
    settings = ResponseSettings()
    history = derive_group_history(read_scans(scans, settings, ["z", "a"]), 2, settings.groups)
    assert [history.states[state] for state in history.final] == ["unclassified", group]
