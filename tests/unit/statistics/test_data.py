"""Survival rows: checks, codes and tolerance of ties."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.data import SurvivalData, compute_codes, compute_event_codes, merge_near_times


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
        ({"time": [1, 2], "event": [1, 0], "strata": ["a", None]}, "strata is missing in 1 of 2"),
        ({"time": [1, 2], "event": [1, 0], "cluster": ["a"]}, "cluster has 1 rows"),
        ({"time": [5, 6], "event": [0, 1], "entry": [0, 4], "id": [1, 1]}, "overlap in time: 1"),
        ({"time": [5, 8], "event": [0, 1], "id": [1, 1]}, "id repeats but there is no entry"),
    ],
)
def test_wrong_rows_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        SurvivalData(**arguments)


def test_near_times_are_one_time():
    placed = SurvivalData([1.0, 1.0 + 1e-9, 2.0, 2.0 + 1e-6], [1, 1, 1, 1]).placement
    assert placed.distinct.tolist() == [1.0, 2.0, 2.0 + 1e-6]
    assert placed.exits.tolist() == [0, 0, 1, 2]


def test_tolerance_is_relative_to_large_times():
    times = np.array([1e6, 1e6 + 0.01, 2e6])
    assert len(merge_near_times(times)[0]) == 2
    assert len(merge_near_times(times + np.array([0, 0.1, 0]))[0]) == 3


def test_an_entry_near_the_end_is_no_time_at_risk():
    with pytest.raises(ValueError, match="entry is not before the end"):
        SurvivalData([5.0, 6.0], [1, 1], entry=[5.0 - 1e-10, 0.0])


def test_pandas_types_are_read():
    rows = SurvivalData(pd.Series([1, 2], dtype="Int64"), pd.Series([True, False], dtype="boolean"))
    assert rows.event.tolist() == [1, 0]
    with pytest.raises(ValueError, match="missing"):
        SurvivalData(pd.Series([1, pd.NA], dtype="Int64"), [1, 0])
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


def test_columns_of_strata_are_crossed():
    frame = pd.DataFrame({"site": ["a", "a", "b", "b"], "sex": ["f", "m", "f", "f"]})
    data = SurvivalData([1, 2, 3, 4], [1, 1, 1, 0], strata=frame)
    assert data.strata.code.tolist() == [0, 1, 2, 2]


def test_a_selection_keeps_what_belongs_to_its_rows():
    data = SurvivalData([3, 4, 5], [1, 0, 2], [0, 1, 2], [1.0, 2.0, 0.5], ["x", "y", "y"], id=["p", "q", "r"])
    part = data.select(np.array([False, True, True]))
    assert (part.time.tolist(), part.event.tolist(), part.entry.tolist()) == ([4, 5], [0, 2], [1, 2])
    assert part.strata.labels == ("y",)
    assert part.id.labels == ("q", "r")


def test_what_a_method_would_pass_over_is_refused():
    data = SurvivalData([1, 2], [1, 0], weights=[1, 2])
    data.refuse("entry", "strata", method="this test")
    with pytest.raises(ValueError, match="this test takes no weights"):
        data.refuse("entry", "weights", method="this test")
