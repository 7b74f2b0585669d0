from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.model_rows import (
    compute_risk_set_sums,
    compute_sums_over_time_at_risk,
    derive_design_matrix,
    derive_indicator_matrix,
    derive_model_rows,
)


def described(design):
    return [(c.term, c.level, c.reference) for c in design.columns]


def test_reference_is_the_most_frequent_level():
    design = derive_design_matrix(pd.DataFrame({"grade": ["G2", "G1", "G2", "G3"]}))
    assert described(design) == [("grade", "G1", "G2"), ("grade", "G3", "G2")]
    assert design.matrix.tolist() == [[0, 0], [1, 0], [0, 0], [0, 1]]


def test_ties_are_broken_in_schema_order():
    grade = pd.Categorical(["G3", "G1"], ["G3", "G2", "G1"])
    assert described(derive_design_matrix(pd.DataFrame({"grade": grade}))) == [("grade", "G1", "G3")]


def test_frequency_is_counted_among_complete_rows():
    frame = pd.DataFrame({"sex": ["f", "f", "f", "m", "m"], "age": [np.nan, np.nan, 50.0, 60.0, 70.0]})
    design = derive_design_matrix(frame)
    assert described(design)[0] == ("sex", "f", "m")
    assert design.complete.tolist() == [False, False, True, True, True]


def test_named_reference_nullable_types_and_booleans():
    frame = pd.DataFrame(
        {
            "sex": pd.array(["f", "m", "f"], dtype="string"),
            "cycles": pd.array([4, 3, 4], dtype="Int64"),
            "liver": pd.array([True, False, True], dtype="boolean"),
        }
    )
    design = derive_design_matrix(frame, references={"sex": "m", "liver": False})
    assert described(design) == [("sex", "f", "m"), ("cycles", "", ""), ("liver", "True", "False")]
    assert design.matrix.tolist() == [[1, 4, 1], [0, 3, 0], [1, 4, 1]]
    assert [c.name for c in design.columns] == ["sex=f", "cycles", "liver=True"]
    assert design.terms == ("sex", "cycles", "liver")


@pytest.mark.parametrize(
    ("frame", "references", "message"),
    [
        (pd.DataFrame({"a": ["x", "y"]}), {"b": "x"}, "no such covariate"),
        (pd.DataFrame({"a": ["x", "y"]}), {"a": "z"}, "not among its levels"),
        (pd.DataFrame({"a": [1.0, 2.0]}), {"a": 1}, "is a number"),
        (pd.DataFrame({"a": [1.0, np.inf]}), {}, "infinite"),
        (pd.DataFrame(index=[0, 1]), {}, "at least one covariate"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), {}, "named twice"),
    ],
)
def test_faults_are_named(frame, references, message):
    with pytest.raises(ValueError, match=message):
        derive_design_matrix(frame, references=references)


def test_indicators_keep_every_level_and_mark_missing():
    matrix, columns = derive_indicator_matrix(pd.DataFrame({"g": ["b", None, "a"], "x": [1.0, np.nan, 3.0]}))
    assert [c.name for c in columns] == ["g=a", "g=b", "x"]
    np.testing.assert_array_equal(matrix, [[0, 1, 1], [np.nan, np.nan, np.nan], [1, 0, 3]])


def test_at_risk_from_after_entry_up_to_and_including_the_end():
    # Event times 2, 5, 7. The second row enters at 2: not at risk then. The third leaves at 5: still at
    # risk then.
    rows = derive_model_rows(SurvivalData([2, 7, 5, 5], [1, 1, 0, 1], entry=[0, 2, 1, 4]))
    assert rows.cell_time.tolist() == [2, 5, 7]
    assert compute_risk_set_sums(np.array([1.0, 10, 100, 1000]), rows).tolist() == [101, 1110, 10]
    assert compute_sums_over_time_at_risk(np.array([1.0, 2, 4]), rows).tolist() == [1, 6, 3, 2]


def test_strata_have_their_own_risk_sets():
    rows = derive_model_rows(SurvivalData([3, 4, 3, 9], [1, 0, 1, 1], strata=["b", "b", "a", "a"]))
    assert rows.cell_time.tolist() == [3, 9, 3]
    assert compute_risk_set_sums(np.array([1.0, 10, 100, 1000]), rows).tolist() == [1100, 1000, 11]


@pytest.mark.parametrize("seed", range(8))
def test_sums_over_risk_sets_against_a_table_of_who_is_at_risk(seed):
    """Strata, late entries, and values of which the smallest are lost in a difference of sums."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 40))
    entry = np.where(rng.random(n) < 0.5, 0, rng.integers(0, 9, n))
    data = SurvivalData(
        entry + rng.integers(1, 9, n), rng.integers(0, 2, n), entry=entry, strata=rng.integers(0, 3, n)
    )
    rows = derive_model_rows(data)
    cells = np.arange(rows.n_cells)
    at_risk = (rows.first[:, None] <= cells) & (cells < rows.last[:, None])
    values = np.exp(rng.uniform(-60, 60, (n, 2)))
    np.testing.assert_allclose(compute_risk_set_sums(values, rows), at_risk.T @ values, rtol=1e-12)
    hazard = np.exp(rng.uniform(-60, 60, rows.n_cells))
    np.testing.assert_allclose(compute_sums_over_time_at_risk(hazard, rows), at_risk @ hazard, rtol=1e-12)


def test_near_ties_are_ties():
    rows = derive_model_rows(SurvivalData([0.1 + 0.2, 0.3, 1.0], [1, 1, 1]))
    assert rows.cell_time.tolist() == [0.3, 1.0]


def test_rows_of_weight_zero_and_rows_not_kept_are_left_out():
    rows = derive_model_rows(
        SurvivalData([1, 2, 3, 4], [1, 1, 1, 1], weights=[1, 0, 2, 1]), keep=[True, True, True, False]
    )
    assert rows.time.tolist() == [1, 3]
    assert rows.kept.tolist() == [True, False, True, False]


def test_a_model_refuses_other_events_than_0_and_1():
    with pytest.raises(ValueError, match="expects 0 or 1"):
        derive_model_rows(SurvivalData([1, 2], [1, 2]))
