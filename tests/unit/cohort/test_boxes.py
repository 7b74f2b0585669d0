"""Boxes of an export that become one code."""

import pytest

FOLLOW_UP = "patient_id,last_contact_date,vital_status\n" + "".join(
    f"{i},2021-01-01,alive\n" for i in (1, 2, 3, 4)
)
EXPORT = "record,site___1,site___2,site___9\n1,1,0,0\n2,0,1,0\n3,0,0,0\n4,0,1,1\n"
SOURCE = {
    "file": "export.csv",
    "columns": {"patient_id": "record"},
    "first_of": {"tumour_type": {"site___1": "gep_pancreas", "site___2": "lung", "site___9": "other"}},
}


@pytest.fixture
def read(tmp_path, read_study):
    def read_export(text=EXPORT, **changes):
        (tmp_path / "export.csv").write_text(text, encoding="utf-8")
        return read_study({"follow_up": FOLLOW_UP}, sources={"patients": SOURCE | changes})

    return read_export


def sites(result):
    return result.tables["patients"]["tumour_type"].astype(object).fillna("").tolist()


def test_the_first_box_that_is_checked_gives_the_code(read):
    result = read()
    assert sites(result) == ["gep_pancreas", "lung", "", "lung"]
    (told,) = result.problems
    assert (told.row, told.column, told.severity) == (5, "tumour_type", "warning")
    assert told.value == "site___2 (lung), site___9 (other)"
    assert told.expected.startswith("lung is taken")


def test_words_for_a_checked_box(read):
    text = "record,site___1,site___2,site___9\n1,Checked,Unchecked,\n2,no,X,No\n3,False,0,TRUE\n4,,Lung,\n"
    assert sites(read(text)) == ["gep_pancreas", "lung", "other", "lung"]


def test_no_box_checked_can_have_a_default(read):
    assert sites(read(default={"tumour_type": "other"}))[2] == "other"


def test_boxes_of_one_code_are_no_contradiction(read):
    codes = {"site___1": "gep_pancreas", "site___2": "lung", "site___9": "lung"}
    assert read(first_of={"tumour_type": codes}).problems == ()


def test_another_text_is_an_error(read):
    result = read(EXPORT.replace("3,0,0,0", "3,0,maybe,0"))
    (error,) = (p for p in result.problems if p.severity == "error")
    assert (error.row, error.column, error.value) == (4, "site___2", "maybe")


def test_a_value_that_is_no_code_is_told_at_its_box(read):
    codes = {"site___1": "pancreas", "site___2": "lung", "site___9": "other"}
    result = read(first_of={"tumour_type": codes})
    (error,) = (p for p in result.problems if p.severity == "error")
    assert (error.row, error.column, error.value) == (2, "site___1", "pancreas")


@pytest.mark.parametrize(
    ("changes", "place", "problem"),
    [
        ({"first_of": {"tumour_type": {"site___3": "lung"}}}, "site___3", "(for tumour_type)"),
        (
            {"first_of": {"tumor_type": {"site___2": "lung"}}},
            "tables.patients.first_of.tumor_type",
            "not a column",
        ),
        ({"constants": {"tumour_type": "lung"}}, "tables.patients.constants.tumour_type", "given twice"),
    ],
)
def test_faults_of_boxes(read, changes, place, problem):
    error = next(p for p in read(**changes).problems if p.severity == "error")
    assert error.column == place
    assert problem in error.problem
