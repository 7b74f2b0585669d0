"""What changed from one set of tables to the next."""

import pandas as pd

from prrt_outcomes.compare.changes import CHANGES, join_changes, list_input_changes, list_row_changes
from prrt_outcomes.tables.frames import conform_table


def lesions(*rows):
    frame = pd.DataFrame(rows, columns=["patient_id", "assessment_date", "lesion_id", "longest_mm"])
    return conform_table("lesions", frame.assign(reader="local", role="target", state="measured"))


def test_each_cell_that_differs_is_one_row_with_its_key():
    old = lesions(
        ("A", "2020-03-01", "T1", 30.0), ("A", "2020-03-01", "T2", 20.0), ("B", "2020-04-01", "T1", 9)
    )
    new = lesions(
        ("A", "2020-03-01", "T1", 33.5), ("B", "2020-04-01", "T1", None), ("B", "2020-05-01", "T1", 9)
    )
    found = (
        list_row_changes("lesions", old, new, old).sort_values(["patient_id", "row"]).reset_index(drop=True)
    )
    assert found[["patient_id", "change", "column", "old", "new"]].to_numpy().tolist() == [
        ["A", "value", "longest_mm", "30", "33.5"],
        ["A", "row_removed", "", "", ""],
        ["B", "value", "longest_mm", "9", ""],
        ["B", "row_added", "", "", ""],
    ]
    assert found["row"][0] == "assessment_date=2020-03-01; lesion_id=T1; reader=local"
    assert set(found["scope"]) == {"lesions"}


def test_codes_truth_values_and_missing_cells_are_compared_as_text():
    def patients(**cells):
        return conform_table("patients", pd.DataFrame({"patient_id": ["A"], **cells}), {"arm": "category"})

    old = patients(grade="G1", functioning=[True], arm="x", age_years=[50.0])
    new = patients(grade="unknown", functioning=[None], arm="y", age_years=[50.0])
    found = list_row_changes("patients", old, new, old).set_index("column")
    assert found[["old", "new"]].T.to_dict("list") == {
        "grade": ["G1", "unknown"],
        "functioning": ["true", ""],
        "arm": ["x", "y"],
    }
    assert list_row_changes("patients", old, old, old).empty


def test_the_scope_of_a_decision_is_its_endpoint():
    def endpoints(*rows):
        return conform_table(
            "endpoints", pd.DataFrame(rows, columns=["patient_id", "endpoint", "time_days", "event"])
        )

    old, new = (
        endpoints(("A", "pfs", 100.0, 0), ("A", "os", 120.0, 0)),
        endpoints(("A", "pfs", 90.0, 1), ("A", "os", 120.0, 0)),
    )
    found = list_row_changes("endpoints", old, new, ("time_days", "event"), "endpoint")
    assert found[["scope", "column", "old", "new"]].to_numpy().tolist() == [
        ["pfs", "time_days", "100", "90"],
        ["pfs", "event", "0", "1"],
    ]


def test_a_corrected_cell_names_the_decisions_that_changed_by_the_same_cause():
    old, new = lesions(("A", "2020-03-01", "T1", 30.0)), lesions(("A", "2020-03-01", "T1", 40.0))
    given = list_input_changes({"lesions": old}, {"lesions": new}).assign(cause="corrected_data")
    decided = pd.DataFrame([("A", "value", "best_responses", "", "best_response", "SD", "PD", "recist_1_1")],
                           columns=[c for c in CHANGES if c not in ("cause", "decisions")])  # fmt: skip
    both = [decided.assign(cause=cause) for cause in ("corrected_data", "longer_follow_up")]
    came = (
        pd.DataFrame([("B", "new_patients", "patient_added")], columns=CHANGES[:3])
        .reindex(columns=CHANGES)
        .fillna("")
    )
    found = join_changes(given, pd.concat(both), came)
    assert found[["patient_id", "cause", "table", "decisions"]].to_numpy().tolist() == [
        ["A", "corrected_data", "lesions", "best_responses recist_1_1: best_response"],
        ["A", "corrected_data", "best_responses", ""],
        ["A", "longer_follow_up", "best_responses", ""],
        ["B", "new_patients", "", ""],
    ]
