"""Survival rows: checks, codes and tolerance of ties."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.risk_rows import check_rows, compute_codes, compute_event_codes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"time": [], "event": []}, "no rows"),
        ({"time": [1, 2], "event": [1]}, "event has 1 rows"),
        ({"time": [1, np.nan], "event": [1, 1]}, "time is missing or infinite in 1 of 2"),
        ({"time": [1, np.inf], "event": [1, 1]}, "time is missing or infinite"),
        ({"time": [1, -2], "event": [1, 1]}, "time is negative in 1 of 2"),
        ({"time": [1, 2], "event": [1, np.nan]}, "found nan in 1 rows"),
        ({"time": [1, 2], "event": [1, -1]}, "event must be 0"),
        ({"time": [1, 2], "event": [1, 0.5]}, "found 0.5"),
        ({"time": [1, 2], "event": [1, 1], "entry": [0, 2]}, r"not before the end in 1 of 2 rows .*: 1\)"),
        ({"time": [1, 2], "event": [1, 1], "entry": [0]}, "entry has 1 rows"),
        ({"time": [1, 2], "event": [1, 1], "weights": [1, -1]}, "weights must be 0 or more"),
        ({"time": [1, 2], "event": [1, 1], "weights": [0, 0]}, "at least one above 0"),
        ({"time": [[1, 2]], "event": [1, 1]}, "one dimension"),
    ],
)
def test_wrong_rows_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        check_rows(**arguments)


def test_near_times_are_one_time():
    rows = check_rows([1.0, 1.0 + 1e-9, 2.0, 2.0 + 1e-6], [1, 1, 1, 1])
    assert rows.distinct.tolist() == [1.0, 2.0, 2.0 + 1e-6]
    assert rows.exit_index.tolist() == [0, 0, 1, 2]


def test_tolerance_is_relative_to_large_times():
    rows = check_rows([1e6, 1e6 + 0.01, 2e6], [1, 1, 1])
    assert len(rows.distinct) == 2
    assert len(check_rows([1e6, 1e6 + 0.01, 2e6], [1, 1, 1], tolerance=0).distinct) == 3


def test_an_entry_near_the_end_is_no_time_at_risk():
    with pytest.raises(ValueError, match="entry is not before the end"):
        check_rows([5.0, 6.0], [1, 1], entry=[5.0 - 1e-10, 0.0])


def test_pandas_types_are_read():
    rows = check_rows(pd.Series([1, 2], dtype="Int64"), pd.Series([True, False], dtype="boolean"))
    assert rows.event.tolist() == [1, 0]
    with pytest.raises(ValueError, match="missing"):
        check_rows(pd.Series([1, pd.NA], dtype="Int64"), [1, 0])
    with pytest.raises(ValueError, match="event must be"):
        compute_event_codes(pd.Series([True, pd.NA], dtype="boolean"))


def test_codes_keep_the_order_of_a_category_and_drop_unused_levels():
    ordered = pd.Categorical(["late", "early"], categories=["early", "never", "late"], ordered=True)
    codes = compute_codes(ordered, 2, "group")
    assert codes.labels == ("early", "late")
    assert codes.code.tolist() == [1, 0]
    assert compute_codes(["b", "a", "b"], 3, "group").labels == ("a", "b")
    assert compute_codes(None, 2, "group").labels == ("all",)


def test_a_missing_label_is_refused():
    with pytest.raises(ValueError, match="group is missing in 1 of 2 rows"):
        compute_codes(["a", None], 2, "group")
