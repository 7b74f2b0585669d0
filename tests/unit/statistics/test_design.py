import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.design import derive_design_matrix, derive_indicator_matrix


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
    assert design.n_missing == 2


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
