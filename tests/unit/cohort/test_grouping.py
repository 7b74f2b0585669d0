"""Groups keep schema order, and what is not known is a level of its own."""

import pandas as pd
import pytest

from prrt_outcomes.cohort.grouping import compute_group


def test_levels_stand_in_schema_order_and_unknown_last():
    grade = pd.Categorical(
        ["G3", None, "G1", "unknown"], categories=["G1", "G2", "G3", "unknown"], ordered=True
    )
    group = compute_group(pd.DataFrame({"grade": grade}, index=[7, 8, 9, 10]), "grade")
    assert group.tolist() == ["G3", "unknown", "G1", "unknown"]
    assert group.cat.categories.tolist() == ["G1", "G3", "unknown"]
    assert group.index.tolist() == [7, 8, 9, 10]


def test_text_and_booleans_are_sorted():
    frame = pd.DataFrame({"centre_id": ["b", "a", None], "functioning": [True, None, False]})
    frame = frame.astype({"centre_id": "string", "functioning": "boolean"})
    assert compute_group(frame, "centre_id").cat.categories.tolist() == ["a", "b", "unknown"]
    assert compute_group(frame, "functioning").tolist() == ["true", "unknown", "false"]


def test_the_whole_cohort_is_one_group():
    assert compute_group(pd.DataFrame({"x": [1, 2]}), "all").tolist() == ["all", "all"]


def test_a_column_that_is_not_there_is_an_error():
    with pytest.raises(KeyError):
        compute_group(pd.DataFrame({"x": [1]}), "y")
