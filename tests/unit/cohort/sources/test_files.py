"""Workbooks and parquet files become the text that a csv of the same table would hold."""

import datetime as dt

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prrt_outcomes.cohort.sources.files import read_source
from prrt_outcomes.cohort.sources.text import read_records
from prrt_outcomes.study.base import TableSource


def cells(result):
    assert result.problems == ()
    return {name: values.to_pylist() for name, values in result.raw.columns.items()}


def write_book(path, rows, sheet="Sheet"):
    book = openpyxl.Workbook()
    book.active.title = "notes"
    page = book.create_sheet(sheet)
    for row in rows:
        page.append(row)
    book.save(path)


def test_workbook(tmp_path):
    rows = [
        [None, None],
        ["patient_id", "born", "n", "x", "flag", "when", None],
        ["P1", dt.date(1950, 2, 3), 3, 1.5, True, dt.datetime(2014, 5, 7), None],
        [],
        ["P2", None, 4.0, None, False, dt.datetime(2014, 5, 7, 10, 30), None],
    ]
    write_book(tmp_path / "t.xlsx", rows, "data")
    result = read_source(tmp_path, "patients", TableSource(file="t.xlsx", sheet="data"))
    assert cells(result) == {
        "patient_id": ["P1", "P2"],
        "born": ["1950-02-03", ""],
        "n": ["3", "4"],
        "x": ["1.5", ""],
        "flag": ["true", "false"],
        "when": ["2014-05-07", "2014-05-07 10:30:00"],
    }
    assert result.raw.lines.tolist() == [3, 5]


def test_a_workbook_has_the_decimal_mark_of_the_study_and_iso_dates(tmp_path):
    write_book(tmp_path / "t.xlsx", [["x", "d"], [1.5, dt.datetime(2014, 5, 7)], ["2,5", "08.05.2014"]])
    source = TableSource(file="t.xlsx", sheet="Sheet", decimal=",", date_format="%d.%m.%Y")
    assert cells(read_source(tmp_path, "t", source)) == {
        "x": ["1,5", "2,5"],
        "d": ["2014-05-07", "08.05.2014"],
    }


def test_a_title_above_the_header_is_called_one(tmp_path):
    """One problem, and not one for each row below."""
    write_book(tmp_path / "t.xlsx", [["Registry, exported 2019"], ["a", "b"], [1, 2], [3, 4]])
    result = read_source(tmp_path, "t", TableSource(file="t.xlsx", sheet="Sheet"))
    (told,) = result.problems
    assert (told.row, told.value) == (1, "Registry, exported 2019")
    assert "a title" in told.problem
    assert "the names of the 2 columns" in told.expected
    write_book(tmp_path / "one.xlsx", [["a"], [1], [2]])
    assert read_source(tmp_path, "t", TableSource(file="one.xlsx", sheet="Sheet")).problems == ()


def test_workbook_with_cells_beyond_the_header_or_a_wrong_sheet(tmp_path):
    rows = [["a", "b"], [1, 2], [1, 2, 3, None, "x"], [4], [None, None, "legend"]]
    write_book(tmp_path / "t.xlsx", rows)
    result = read_source(tmp_path, "t", TableSource(file="t.xlsx", sheet="Sheet"))
    problem = "the row has cells beyond the header"
    told = [(p.row, p.value, p.problem, p.severity) for p in result.problems]
    assert told == [(3, "C, E", problem, "warning"), (5, "C", problem, "warning")]
    assert result.raw.columns["b"].to_pylist() == ["2", "2", ""]
    (told,) = read_source(tmp_path, "t", TableSource(file="t.xlsx", sheet="Sheat")).problems
    assert told.problem == "the workbook has no such sheet"
    assert told.expected.startswith("did you mean Sheet?")
    (told,) = read_source(tmp_path, "t", TableSource(file="t.xlsx")).problems
    assert told.problem == "the sheet is empty"


def test_a_formula_that_was_never_computed_is_no_missing_value(tmp_path):
    write_book(tmp_path / "t.xlsx", [["a", "b"], [1, "=A2*2"], [2, "x"]])
    result = read_source(tmp_path, "t", TableSource(file="t.xlsx", sheet="Sheet"))
    assert [(p.row, p.column, p.value, p.problem) for p in result.problems] == [
        (2, "B", "=A2*2", "a formula without its value")
    ]


def test_parquet(tmp_path):
    frame = pd.DataFrame(
        {
            "text": ["a", None],
            "kind": pd.Categorical(["u", "v"]),
            "whole": pd.array([1, None], dtype="Int64"),
            "number": [0.1, np.nan],
            "infinite": [np.inf, 1e-7],
            "flag": pd.array([True, None], dtype="boolean"),
            "day": [dt.date(2014, 5, 7), None],
            "moment": pd.to_datetime(["2014-05-07 00:00", "2014-05-07 10:30"]),
        }
    )
    frame.to_parquet(tmp_path / "t.parquet", index=False)
    result = read_source(tmp_path, "t", TableSource(file="t.parquet"))
    assert cells(result) == {
        "text": ["a", ""],
        "kind": ["u", "v"],
        "whole": ["1", ""],
        "number": ["0.1", ""],
        "infinite": ["inf", "1e-7"],
        "flag": ["true", ""],
        "day": ["2014-05-07", ""],
        "moment": ["2014-05-07", "2014-05-07 10:30:00"],
    }
    assert result.raw.lines.tolist() == [2, 3]


def test_days_beyond_those_of_pandas_and_moments_of_another_zone(tmp_path):
    days = [dt.date(9999, 12, 31), dt.date(1, 1, 1), None]
    utc = dt.UTC
    moments = [dt.datetime(2014, 5, 7, tzinfo=utc), dt.datetime(2014, 5, 7, 10, 30, 1, 5, tzinfo=utc), None]
    pq.write_table(pa.table({"day": days, "moment": moments}), tmp_path / "t.parquet")
    assert cells(read_source(tmp_path, "t", TableSource(file="t.parquet"))) == {
        "day": ["9999-12-31", "0001-01-01", ""],
        "moment": ["2014-05-07", "2014-05-07 10:30:01", ""],
    }


def test_parquet_with_nested_values(tmp_path):
    pq.write_table(pa.table({"a": [[1], [2]], "b": ["x", "y"]}), tmp_path / "t.parquet")
    result = read_source(tmp_path, "t", TableSource(file="t.parquet"))
    assert [(p.column, p.problem) for p in result.problems] == [("a", "a column of nested values")]
    assert list(result.raw.columns) == ["b"]


def test_the_suffix_in_capitals(tmp_path):
    (tmp_path / "T.CSV").write_text("a\n1\n")
    assert cells(read_source(tmp_path, "t", TableSource(file="T.CSV"))) == {"a": ["1"]}


@pytest.mark.parametrize(
    ("text", "lines", "n_fields"),
    [
        (b"a,b\n1,2\n3,4\n", [1, 2, 3], [2, 2, 2]),
        (b"a,b\r\n\r\n1,2\r\n3,4", [1, 3, 4], [2, 2, 2]),
        (b'a,b\n"x\ny",2\n3,4\n', [1, 2, 4], [2, 2, 2]),
        (b'a,b\n"x,""y""",2\n3,4,5\n6\n', [1, 2, 3, 4], [2, 2, 3, 1]),
        (b"a\n", [1], [1]),
    ],
)
def test_lines_of_records(text, lines, n_fields):
    records, passed = read_records(text.splitlines(keepends=True), 0, ",", "t", TableSource(file="t.csv"))
    assert [line for line, _ in records] == lines
    assert [len(cells) for _, cells in records] == n_fields
    assert passed == {n for n in range(1, text.count(b"\n") + 1) if n == 2 and b"\r\n\r\n" in text}
