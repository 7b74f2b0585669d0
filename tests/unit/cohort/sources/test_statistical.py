"""Files of SAS, SPSS and Stata and Dataset-JSON become the text that a csv of the same table would hold."""

import datetime as dt
import json

import pandas as pd
import pyreadstat
import pytest

from prrt_outcomes.cohort.sources import statistical
from prrt_outcomes.cohort.sources.files import read_source
from prrt_outcomes.study.base import TableSource

WRITERS = {"sav": pyreadstat.write_sav, "dta": pyreadstat.write_dta, "xpt": pyreadstat.write_xport}
FRAME = pd.DataFrame(
    {
        "ID": ["P1", "P2", ""],
        "CNSR": [0.0, 1.0, None],
        "AVAL": [0.1, 1234567.25, -3.0],
        "ADT": [dt.date(2014, 5, 7), None, dt.date(1959, 12, 31)],
    }
)
TEXTS = {
    "ID": ["P1", "P2", ""],
    "CNSR": ["0", "1", ""],
    "AVAL": ["0.1", "1234567.25", "-3"],
    "ADT": ["2014-05-07", "", "1959-12-31"],
}


REHEARSAL = statistical.REHEARSAL


@pytest.fixture(autouse=True)
def without_rehearsal(monkeypatch):
    """Most of these tests read files that are sound, and each rehearsal starts a process with its libraries."""
    monkeypatch.setattr(statistical, "REHEARSAL", "")


def read(tmp_path, file, **settings):
    return read_source(tmp_path, "patients", TableSource(file=file, **settings))


def content(result):
    assert result.problems == ()
    return {name: values.to_pylist() for name, values in result.raw.columns.items()}


@pytest.mark.parametrize("kind", WRITERS)
def test_values_dates_and_lines(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(statistical, "REHEARSAL", REHEARSAL)
    WRITERS[kind](FRAME, tmp_path / f"t.{kind}")
    result = read(tmp_path, f"t.{kind}")
    assert content(result) == TEXTS
    assert result.raw.lines.tolist() == [2, 3, 4]


def test_numbers_in_single_precision_are_read_as_they_were_entered(tmp_path):
    frame = pd.DataFrame({"x": pd.Series([5.1, 7.4, None], dtype="float32")})
    frame.to_stata(tmp_path / "t.dta", write_index=False)
    assert content(read(tmp_path, "t.dta")) == {"x": ["5.1", "7.4", ""]}


def test_a_file_that_ends_the_process_which_reads_it_is_refused(tmp_path, monkeypatch):
    WRITERS["sav"](FRAME, tmp_path / "t.sav")
    monkeypatch.setattr(statistical, "REHEARSAL", "import os; os.abort()")
    (problem,) = read(tmp_path, "t.sav").problems
    assert problem.problem == "the file cannot be read as one of SPSS"
    assert "it is damaged" in problem.expected


def test_a_file_that_declares_more_than_it_can_hold(tmp_path, monkeypatch):
    WRITERS["sav"](FRAME, tmp_path / "t.sav")
    monkeypatch.setattr(statistical, "REHEARSAL", "print(2_000_000_000, 3, 10**12)")
    (problem,) = read(tmp_path, "t.sav").problems
    assert problem.problem == "the file is larger in memory than the limit"


def test_a_transport_file_that_was_cut_off(tmp_path):
    WRITERS["xpt"](FRAME, tmp_path / "t.xpt")
    (tmp_path / "cut.xpt").write_bytes((tmp_path / "t.xpt").read_bytes()[:-30])
    (problem,) = read(tmp_path, "cut.xpt").problems
    assert problem.problem == "the file is cut off or was changed on its way"


@pytest.mark.parametrize("kind", ["sav", "dta"])
def test_labels_of_values_where_the_study_asks_for_them(tmp_path, kind):
    labels = {"SEX": {1: "male", 2: "female"}}
    frame = pd.DataFrame({"ID": ["P1", "P2", "P3", "P4"], "SEX": [1.0, 2.0, 9.0, None]})
    WRITERS[kind](frame, tmp_path / f"t.{kind}", variable_value_labels=labels)
    assert content(read(tmp_path, f"t.{kind}"))["SEX"] == ["1", "2", "9", ""]
    assert content(read(tmp_path, f"t.{kind}", labels=True))["SEX"] == ["male", "female", "9", ""]
    WRITERS[kind](frame, tmp_path / f"bare.{kind}")
    (problem,) = read(tmp_path, f"bare.{kind}", labels=True).problems
    assert problem.problem == "no value has a label"


def test_a_setting_of_another_kind_of_file(tmp_path):
    WRITERS["xpt"](FRAME, tmp_path / "t.xpt")
    problems = read(tmp_path, "t.xpt", labels=True, header_row=2, sheet="a").problems
    assert {p.column.rpartition(".")[2] for p in problems} == {"labels", "header_row", "sheet"}
    (labels,) = (p for p in problems if p.column.endswith("labels"))
    assert labels.expected == "only for files that end in .dta, .sav, .zsav"


@pytest.mark.parametrize("kind", ["xpt", "sas7bdat", "sav", "dta", "json", "parquet", "xlsx", "csv.gz"])
def test_a_file_of_another_kind_than_its_name_says(tmp_path, kind):
    (tmp_path / f"t.{kind}").write_bytes(b"\x1f\x8b none of these" * 40)
    (problem,) = read(tmp_path, f"t.{kind}").problems
    assert problem.severity == "error"


@pytest.mark.parametrize("kind", ["xls", "ods", "zip", "pdf"])
def test_a_kind_that_is_not_read_says_what_is(tmp_path, kind):
    (tmp_path / f"t.{kind}").write_bytes(b"x")
    (problem,) = read(tmp_path, f"t.{kind}").problems
    assert problem.problem == "unknown kind of file"
    assert {"xls": ".xlsx", "ods": ".xlsx", "zip": "unpacked", "pdf": ".csv"}[kind] in problem.expected


def write_json(path, rows, changes=None):
    columns = [
        {"itemOID": f"IT.{n}", "name": n, "label": n, "dataType": "string"} for n in ("ID", "AVAL", "ADT")
    ]
    content = {
        "datasetJSONVersion": "1.1.0",
        "records": len(rows),
        "name": "T",
        "columns": columns,
        "rows": rows,
    }
    path.write_text(json.dumps(content | (changes or {})))


def test_dataset_json(tmp_path):
    write_json(tmp_path / "t.json", [["P1", 0, "2014-05-07"], ["P2", 1.5, None], ["P3", None, "2014-05"]])
    result = read(tmp_path, "t.json")
    assert content(result) == {
        "ID": ["P1", "P2", "P3"],
        "AVAL": ["0", "1.5", ""],
        "ADT": ["2014-05-07", "", "2014-05"],
    }
    assert result.raw.lines.tolist() == [2, 3, 4]
    write_json(tmp_path / "mixed.json", [["P1", 0, True], ["P2", "<1", 1], ["P3", {"a": 1}, None]])
    assert content(read(tmp_path, "mixed.json"))["AVAL"] == ["0", "<1", '{"a": 1}']


@pytest.mark.parametrize(
    ("rows", "changes", "problem"),
    [
        ([["P1", 0]], {}, "too many or too few values"),
        ([["P1", 0, ""]], {"records": 2}, "the file does not hold all its rows"),
        ([], {"rows": {}}, "the file is no Dataset-JSON"),
        ([], {"columns": ["ID"]}, "the file is no Dataset-JSON"),
        ([], {"clinicalData": {}}, "the file is Dataset-JSON 1.0"),
        ([[["nested"], 1, 1]], {}, "a column of nested values"),
    ],
)
def test_dataset_json_that_is_not_whole(tmp_path, rows, changes, problem):
    write_json(tmp_path / "t.json", rows, changes)
    assert [p.problem for p in read(tmp_path, "t.json").problems] == [problem]


def test_json_that_is_none(tmp_path):
    for text in ("[" * 100_000, "{", "3", "null", '"a"', "[]"):
        (tmp_path / "t.json").write_text(text)
        assert len(read(tmp_path, "t.json").problems) == 1
