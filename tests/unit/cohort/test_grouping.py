"""Groups keep schema order, and what is not known is a level of its own."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.cohort.grouping import COLUMNS, compute_group, summarise_baseline
from prrt_outcomes.tables.frames import conform_table

SET = pd.DataFrame(
    {
        "patient_id": list("abcde"),
        "age_years": [50.0, 60.0, 70.0, np.nan, 80.0],
        "sex": pd.Categorical(["male", "female", "male", None, "male"], ["female", "male"], ordered=True),
        "tumour_group": pd.Categorical(["gep", "gep", "lung", "gep", "lung"], ["gep", "lung"], ordered=True),
        "ki67_percent": [np.nan] * 5,
    }
)


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


def pick(table, **values):
    for column, value in values.items():
        table = table[table[column].eq(value)]
    return table


def test_levels_are_counted_and_empty_cells_are_unknown():
    rows = pick(summarise_baseline(SET)["baseline"], term="sex", group_by="all")
    assert list(zip(rows["level"], rows["n"], rows["total"], rows["proportion"], strict=True)) == [
        ("female", 1, 5, 0.2),
        ("male", 3, 5, 0.6),
        ("unknown", 1, 5, 0.2),
    ]


def test_a_group_has_a_row_for_a_level_that_none_of_it_has():
    rows = pick(summarise_baseline(SET)["baseline"], term="sex", group="lung")
    assert rows.set_index("level")["n"].to_dict() == {"female": 0, "male": 2, "unknown": 0}


def test_numbers_have_median_and_quartiles_of_those_who_have_them():
    table = summarise_baseline(SET)["baseline"]
    (row,) = pick(table, term="age_years", level="value", group_by="all").to_dict("records")
    assert (row["n"], row["total"]) == (4, 5)
    assert (row["median"], row["lower_quartile"], row["upper_quartile"]) == (65.0, 57.5, 72.5)
    (row,) = pick(table, term="age_years", level="unknown", group="gep").to_dict("records")
    assert (row["n"], row["total"]) == (1, 3)


def test_a_term_that_nobody_has_is_left_out():
    assert set(summarise_baseline(SET)["baseline"]["term"]) == {"age_years", "sex", "tumour_group"}


def test_counts_add_up_to_the_patients_of_the_group():
    table = summarise_baseline(SET)["baseline"]
    sums = table.groupby(["term", "group_by", "group"])["n"].sum()
    assert sums.eq(table.groupby(["term", "group_by", "group"])["total"].first()).all()


def test_the_table_is_that_of_the_schema():
    table = conform_table("baseline", summarise_baseline(SET)["baseline"])
    assert list(table.columns) == list(COLUMNS)
    assert len(conform_table("baseline", summarise_baseline(SET.iloc[:0])["baseline"])) == 0


def test_the_two_largest_groups_of_the_first_grouping_are_compared_in_each_other_term():
    more = SET.assign(arm=["new", "new", "old", "old", "old"], marker=[1.0, 2.0, 3.0, 4.0, 5.0])
    tables = summarise_baseline(more, ("arm", "tumour_group"), ("marker",))
    table = conform_table("baseline_differences", tables["baseline_differences"]).set_index("term")
    assert list(table.index) == ["age_years", "sex", "tumour_group", "marker"]
    assert set(zip(table["group"], table["reference"], strict=True)) == {("old", "new")}
    assert table.loc["marker", "smd"] == pytest.approx(2.5 / 0.75**0.5)
    assert set(tables["baseline"]["group_by"]) == {"all", "arm", "tumour_group"}
    assert set(pick(tables["baseline"], term="marker")["level"]) == {"value"}


def test_one_group_is_compared_with_none():
    tables = summarise_baseline(SET.assign(arm="only"), "arm")
    assert len(conform_table("baseline_differences", tables["baseline_differences"])) == 0
