"""Differences of numbers and what each step adds to them."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.compare.numbers import CAUSES, PLACE, attribute_differences, count_movers, list_values
from prrt_outcomes.tables.frames import conform_table


def values(**cells):
    rows = [
        (f"km.pfs.all.{name}", "km", "pfs", "all", "all", "number", value) for name, value in cells.items()
    ]
    return pd.DataFrame(rows, columns=[*PLACE, "value"])


def attribute(chain, *causes):
    return attribute_differences(chain, causes).set_index("name")


def test_each_step_adds_what_it_changes_and_they_add_up():
    chain = [values(median=20.0), values(median=23.5), values(median=22.0), values(median=22.25)]
    row = attribute(chain, "corrected_data", "longer_follow_up", "new_patients").loc["km.pfs.all.median"]
    assert row["difference"] == 2.25
    assert row[["corrected_data", "longer_follow_up", "new_patients"]].tolist() == [3.5, -1.5, 0.25]
    assert row[list(CAUSES)].sum() == row["difference"]
    assert row["status"] == "ok"


def test_two_runs_without_a_step_between_them_have_no_cause():
    row = attribute([values(median=20.0), values(median=20.0)]).loc["km.pfs.all.median"]
    assert (row["difference"], row["status"]) == (0.0, "ok")
    assert row[list(CAUSES)].eq(0).all()


def test_code_at_both_ends_is_one_cause():
    chain = [values(n=1.0), values(n=2.0), values(n=7.0), values(n=5.0)]
    row = attribute(chain, "changed_code", "new_patients", "changed_code").iloc[0]
    assert (row["changed_code"], row["new_patients"], row["difference"]) == (-1, 5, 4)


@pytest.mark.parametrize(
    ("chain", "status"),
    [
        ((20.0, np.nan, 22.0), "not_estimable"),
        ((np.nan, 20.0, 22.0), "new"),
        ((20.0, 21.0, np.nan), "gone"),
        ((np.nan, 21.0, np.nan), "without"),
    ],
)
def test_nothing_is_attributed_where_a_step_has_no_estimate(chain, status):
    row = attribute([values(median=v) for v in chain], "corrected_data", "new_patients").iloc[0]
    assert row["status"] == status
    assert row[list(CAUSES)].isna().all()
    assert pd.isna(row["difference"]) == (status != "not_estimable")


def test_a_number_of_one_run_only_is_there():
    found = attribute([values(n=1.0), values(n=1.0, events=3.0)], "new_patients")
    assert found["status"].to_dict() == {"km.pfs.all.n": "ok", "km.pfs.all.events": "new"}


def test_patients_count_in_their_scope_and_group_before_or_after():
    numbers = pd.DataFrame(
        [("pfs", "all", "all"), ("os", "all", "all"), ("pfs", "sex", "female"), ("pfs", "sex", "male"),
         ("pfs", "centre_id", "C1"), ("all", "all", "all")],
        columns=["scope", "group_by", "group"],
    )  # fmt: skip
    changes = pd.DataFrame(
        [("A", "pfs"), ("A", "pfs"), ("B", "os"), ("C", "all")], columns=["patient_id", "scope"]
    )
    old = pd.DataFrame({"patient_id": ["A", "B"], "sex": ["male", "male"]})
    new = pd.DataFrame({"patient_id": ["A", "B", "C"], "sex": ["female", "male", "female"]})
    found = count_movers(numbers, changes, old, new)
    assert found.fillna(-1).tolist() == [2, 2, 2, 1, -1, 3]


def test_without_a_change_no_patient_enters_a_number():
    numbers = pd.DataFrame(
        [("pfs", "all", "all"), ("pfs", "sex", "unknown")], columns=["scope", "group_by", "group"]
    )
    changes = pd.DataFrame({"patient_id": [], "scope": []}, dtype=object)
    group = pd.DataFrame({"patient_id": ["A"], "sex": pd.Series([None], dtype="category")})
    assert count_movers(numbers, changes, group, group).tolist() == [0, 0]
    assert count_movers(numbers, changes, group.head(0), group.head(0)).tolist() == [0, 0]


def test_the_names_are_those_of_templates_and_rows_are_chosen():
    cox = pd.DataFrame(
        {"endpoint": "pfs", "model": ["univariable", "multivariable_imputed"], "term": "grade", "level": "G2",
         "n": 10, "events": 5, "hazard_ratio": [1.5, 1.6]}
    )  # fmt: skip
    found = list_values({"cox": conform_table("cox", cox)}).set_index("name")["value"]
    assert found.to_dict() == {
        "cox.pfs.univariable.grade.G2.n": 10,
        "cox.pfs.univariable.grade.G2.events": 5,
        "cox.pfs.univariable.grade.G2.ratio": 1.5,
    }
