"""Typed frames: columns, order and types of the schema; what does not fit is refused."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.tables.frames import conform_table, empty_table, typed_columns
from prrt_outcomes.tables.schema import KINDS, list_tables

EXTRA = {"arm": "category", "visits": "integer", "note": "string"}


@pytest.mark.parametrize("table", [t for kind in KINDS for t in list_tables(kind)])
def test_an_empty_table_is_typed_and_conforms_to_itself(table):
    empty = empty_table(table)
    assert list(empty.columns) == list(typed_columns(table))
    pd.testing.assert_frame_equal(conform_table(table, empty), empty)
    pd.testing.assert_frame_equal(conform_table(table, pd.DataFrame()), empty)


def test_types_of_an_input_table():
    types = {name: str(dtype) for name, dtype in empty_table("follow_up").dtypes.items()}
    assert types == {
        "patient_id": "string",
        "last_contact_date": "string",
        "last_contact_date_precision": "category",
        "vital_status": "category",
        "death_date": "string",
        "death_date_precision": "category",
        "death_cause": "string",
        "progression_date": "string",
        "progression_date_precision": "category",
        "progression_basis": "category",
    }
    cycles = {name: str(dtype) for name, dtype in empty_table("cycles").dtypes.items()}
    assert cycles["cycle_date"] == "datetime64[ns]"
    assert cycles["activity_gbq"] == "float64"
    assert cycles["amino_acids"] == "boolean"
    assert str(empty_table("labs")["sequence"].dtype) == "Int64"


def test_codes_are_ordered_as_the_schema_orders_them():
    frame = conform_table("patients", pd.DataFrame({"patient_id": ["a", "b"], "grade": ["G3", "G1"]}))
    assert frame["grade"].cat.ordered
    assert list(frame["grade"].cat.categories) == ["G1", "G2", "G3", "unknown"]
    assert frame["grade"].max() == "G3"


def test_missing_columns_are_added_and_other_columns_follow():
    given = pd.DataFrame({"mine": [1.5], "event": [1], "endpoint": ["pfs"], "patient_id": ["a"]}, index=[9])
    frame = conform_table("endpoints", given)
    assert list(frame.columns)[-1] == "mine"
    assert frame.loc[0, "event"] == 1
    assert frame["time_days"].isna().all()
    assert list(given.columns) == ["mine", "event", "endpoint", "patient_id"]


def test_the_precision_follows_from_the_text():
    frame = conform_table("follow_up", pd.DataFrame({"death_date": ["2014", "2014-05", "2014-05-07", None]}))
    assert frame["death_date_precision"].astype(object).fillna("").tolist() == ["year", "month", "day", ""]
    assert frame["death_date_precision"].cat.ordered
    assert list(frame["death_date_precision"].cat.categories) == ["year", "month", "day"]


def test_extra_columns_are_typed_where_the_table_allows_them():
    given = pd.DataFrame({"patient_id": ["a"], "arm": ["x"], "visits": ["3"], "note": ["n"]})
    frame = conform_table("patients", given, EXTRA)
    assert [str(frame[c].dtype) for c in EXTRA] == ["category", "Int64", "string"]
    assert "arm" not in empty_table("cycles", EXTRA).columns
    assert list(empty_table("patients", EXTRA).columns)[-3:] == list(EXTRA)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("grade", "G4", "patients.grade: not a code of the column: G4"),
        ("age_years", np.inf, "patients.age_years: infinite"),
        ("age_years", "old", "patients.age_years"),
        ("ecog", 1.5, "patients.ecog"),
        ("functioning", "perhaps", "patients.functioning"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(column, value, message):
    with pytest.raises(ValueError, match=message):
        conform_table("patients", pd.DataFrame({"patient_id": ["a"], column: [value]}))
