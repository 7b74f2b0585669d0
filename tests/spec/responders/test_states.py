"""The day on which a patient becomes a responder, and the rows that follow from it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.responders.sequences import derive_scan_sequences
from prrt_outcomes.responders.states import (
    BINARY,
    StateHistory,
    compute_state_at,
    derive_binary_history,
    derive_group_history,
    derive_state_rows,
)
from prrt_outcomes.study.response import ResponseSettings
from prrt_outcomes.units import DAYS_PER_MONTH

HERE = Path(__file__).parent


def read_cases(name):
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.split("|")] for line in lines if line and not line.startswith("#")]


def split_cell(cell):
    return [] if cell == "-" else [part.strip() for part in cell.split(";")]


@pytest.mark.parametrize("case", read_cases("state_rows.txt"), ids=lambda case: case[0])
def test_state_rows(case):
    _, entry, end, event, changes, rows = case
    months = np.array([float(change) for change in split_cell(changes)])
    patient, state = np.zeros(len(months), dtype=int), np.ones(len(months), dtype=int)
    history = StateHistory(BINARY, patient, months, state, np.array([int(len(months) > 0)]))
    found = derive_state_rows(
        history, np.array([float(end)]), np.array([int(event)]), np.array([float(entry)])
    )
    parts = zip(found.start, found.stop, found.state, found.event, strict=True)
    assert [f"{a:g}-{b:g} {BINARY[s]} {e}" for a, b, s, e in parts] == split_cell(rows)


@pytest.mark.parametrize("case", read_cases("group_states.txt"), ids=lambda case: case[0])
def test_group_states(case):
    _, primary, scans, changes, onset = case
    settings = ResponseSettings(primary_rate=primary)
    first = pd.Timestamp("2010-01-01")
    pairs = [scan.split() for scan in split_cell(scans)]
    responses = pd.DataFrame(
        {
            "patient_id": ["a"] * len(pairs),
            "assessment_date": pd.to_datetime([first + pd.Timedelta(days=int(day)) for day, _ in pairs]),
            "overall_response": [code for _, code in pairs],
        }
    )
    sequences = derive_scan_sequences(responses, pd.Series({"a": first}))
    history = derive_group_history(sequences, ["a"], settings.groups, settings)
    days = (history.month * DAYS_PER_MONTH).round().astype(int)
    found = [f"{day} {history.states[state]}" for day, state in zip(days, history.state, strict=True)]
    assert found == split_cell(changes)
    binary = derive_binary_history(sequences, ["a"], settings.groups["responder"], settings)
    begins = (binary.month * DAYS_PER_MONTH).round().astype(int).tolist()
    assert begins == ([] if onset == "-" else [int(onset)])


def test_a_response_on_the_landmark_day_counts():
    history = StateHistory(
        BINARY, np.array([0, 1]), np.array([3.0, 3.1]), np.array([1, 1]), np.array([1, 1, 0])
    )
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
    settings, first = ResponseSettings(), pd.Timestamp("2010-01-01")
    responses = pd.DataFrame(
        {
            "patient_id": ["a"] * len(scans),
            "assessment_date": [first + pd.Timedelta(days=day) for day, _ in scans],
            "overall_response": [code for _, code in scans],
        }
    )
    sequences = derive_scan_sequences(responses, pd.Series({"a": first}))
    history = derive_group_history(sequences, ["z", "a"], settings.groups, settings)
    assert [history.states[state] for state in history.final] == ["unclassified", group]
