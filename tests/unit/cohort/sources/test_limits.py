"""Files that would fill the memory are refused; what a workbook takes from elsewhere is told."""

import gzip
import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest

from prrt_outcomes.adopt.grid import read_grids
from prrt_outcomes.cohort.sources import raw_table, statistical
from prrt_outcomes.cohort.sources.files import read_source
from prrt_outcomes.errors import InputError
from prrt_outcomes.study.base import TableSource

STUDIES = Path(__file__).parents[4] / "studies"
TOO_MUCH = "the file is larger in memory than the limit"


def problems_of(tmp_path, file, **settings):
    return read_source(tmp_path, "patients", TableSource(file=file, **settings)).problems


def told(tmp_path, file, **settings):
    return [p.problem for p in problems_of(tmp_path, file, **settings)]


def adopted(path):
    with pytest.raises(InputError) as raised:
        read_grids(path)
    return [problem.problem for problem in raised.value.problems]


@pytest.fixture
def small_limits(monkeypatch):
    monkeypatch.setattr(raw_table, "MODEST_GB", 0.001)


@pytest.mark.usefixtures("small_limits")
def test_a_gzip_file_that_unpacks_to_far_more_than_its_size(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 5_000_000, 9))
    tracemalloc.start()
    problems = told(tmp_path, "t.csv.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert problems == [TOO_MUCH]
    assert peak < 16 << 20


def test_gzip_files_of_several_members_or_cut_off(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n") + gzip.compress(b"1,2\n"))
    assert told(tmp_path, "t.csv.gz") == []
    whole = gzip.compress(np.random.default_rng(1).bytes(4000).hex().encode())
    (tmp_path / "t.csv.gz").write_bytes(whole[:1000])
    assert told(tmp_path, "t.csv.gz") == ["the file cannot be read"]
    (tmp_path / "t.csv.gz").write_bytes(whole[:-8] + b"\0" * 8)
    assert told(tmp_path, "t.csv.gz") == ["the file cannot be read"]


def write_book(path):
    book = openpyxl.Workbook()
    for row in (["patient_id", "sex"], ["P1", "male"]):
        book.active.append(row)
    book.save(path)


@pytest.mark.usefixtures("small_limits")
def test_a_workbook_that_unpacks_to_far_more_than_its_size(tmp_path):
    write_book(tmp_path / "t.xlsx")
    assert told(tmp_path, "t.xlsx") == []
    with zipfile.ZipFile(tmp_path / "t.xlsx", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/picture.png", b"\0" * (8 << 20))
    [problem] = problems_of(tmp_path, "t.xlsx")
    assert problem.problem == TOO_MUCH
    assert "largest_gb: 1 for this file in study.yaml" in problem.expected
    assert told(tmp_path, "t.xlsx", largest_gb=1) == []


def test_entities_of_a_workbook_are_not_expanded(tmp_path):
    write_book(tmp_path / "t.xlsx")
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10 if i else "lol" * 10}">' for i in range(10))
    sheet = (
        f'<?xml version="1.0"?><!DOCTYPE w [{entities}]><worksheet><sheetData>&a9;</sheetData></worksheet>'
    )
    with zipfile.ZipFile(tmp_path / "t.xlsx") as old, zipfile.ZipFile(tmp_path / "bomb.xlsx", "w") as new:
        for part in old.infolist():
            is_sheet = part.filename == "xl/worksheets/sheet1.xml"
            new.writestr(part.filename, sheet if is_sheet else old.read(part))
    assert told(tmp_path, "bomb.xlsx") != []


def test_a_cell_far_from_the_others_is_no_table(tmp_path):
    book = openpyxl.Workbook()
    for row in (["patient_id", "sex"], ["P1", "male"]):
        book.active.append(row)
    book.active["XFD1048576"] = "x"
    book.save(tmp_path / "t.xlsx")
    assert told(tmp_path, "t.xlsx") == ["the row has cells beyond the header"]


@pytest.mark.usefixtures("small_limits")
def test_a_sheet_that_is_far_wider_than_what_it_holds(tmp_path):
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet()
    for _ in range(300):
        page.append([None] * 16_383 + ["x"])
    book.save(tmp_path / "t.xlsx")
    assert told(tmp_path, "t.xlsx") == [TOO_MUCH]


@pytest.mark.usefixtures("small_limits")
def test_a_parquet_file_that_declares_more_cells_than_it_can_hold(tmp_path):
    pq.write_table(pa.table({"patient_id": pa.repeat("P1", 10_000_000)}), tmp_path / "t.parquet")
    assert told(tmp_path, "t.parquet") == [TOO_MUCH]


@pytest.mark.usefixtures("small_limits")
def test_a_parquet_file_that_holds_a_long_text_once_and_shows_it_in_many_rows(tmp_path):
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(5_000, np.int32)), ["x" * 50_000])
    pq.write_table(pa.table({"patient_id": column}), tmp_path / "t.parquet")
    assert told(tmp_path, "t.parquet") == [TOO_MUCH]
    assert told(tmp_path, "t.parquet", largest_gb=0.3) == []


@pytest.mark.usefixtures("small_limits")
def test_a_gzip_file_of_short_rows_takes_more_than_its_bytes(tmp_path):
    """A row of two bytes takes some sixty: 100 kB of gzip took 6 GB."""
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a\n" + b"1\n" * 100_000))
    [problem] = problems_of(tmp_path, "t.csv.gz")
    assert problem.value == "100001 rows of 1 columns, 0.00721 GB in memory"
    assert told(tmp_path, "t.csv.gz", largest_gb=0.01) == []


def test_a_line_of_more_columns_than_a_table_has(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"," * 1_000_000 + b"\n")
    assert told(tmp_path, "t.csv") == [TOO_MUCH]


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.xlsx", "t.parquet", "t.sav", "t.json"])
def test_every_kind_of_file_has_a_largest_size_that_the_study_can_set(tmp_path, name):
    (tmp_path / name).write_bytes(b"x" * 2_001)
    [problem] = problems_of(tmp_path, name, largest_gb=2e-6)
    assert (problem.problem, problem.value) == (TOO_MUCH, "2e-06 GB")
    assert "largest_gb in study.yaml" in problem.expected
    assert TOO_MUCH not in told(tmp_path, name)


def test_legitimate_tables_are_far_below_the_bounds(tmp_path):
    """Ten times fewer bytes unpacked than the bound of a packed table of lesions."""
    lesions = (STUDIES / "example" / "data" / "lesions.csv").read_bytes()
    packed = gzip.compress(lesions, 9)
    assert len(lesions) < raw_table.MOST_RATIO * len(packed) / 8


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"a,b\n1,2\n" + b"x" * (9 << 20) + b",2\n3,4\n", 3),
        (b'a,b\n1,2\n\n"' + b"x,y\n" * (2 << 20) + b'",2\n3,4\n', 4),
        (b"a," + b"b" * (9 << 20) + b"\n1,2\n", 1),
    ],
    ids=["one line", "a quoted text of many lines", "the names"],
)
def test_a_row_that_is_longer_than_a_block_is_told_with_its_line(tmp_path, text, line):
    (tmp_path / "t.csv").write_bytes(text)
    [problem] = problems_of(tmp_path, "t.csv")
    assert (problem.problem, problem.row) == ("the row is too long", line)
    assert "rows of at most 4194304 bytes" in problem.expected


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        ("xl/externalLinks/externalLink1.xml", "the workbook is linked to other files"),
        ("xl/vbaProject.bin", "the workbook holds macros"),
    ],
)
def test_a_workbook_with_links_or_macros_is_refused_by_check_and_adopt(tmp_path, part, problem):
    write_book(tmp_path / "t.xlsm")
    with zipfile.ZipFile(tmp_path / "t.xlsm", "a") as archive:
        archive.writestr(part, "<x/>")
    assert told(tmp_path, "t.xlsm") == [problem]
    assert adopted(tmp_path / "t.xlsm") == [problem]


def test_adopt_refuses_what_would_fill_the_memory(tmp_path):
    book = openpyxl.Workbook()
    book.active["XFD1048576"] = "x"
    book.save(tmp_path / "far.xlsx")
    write_book(tmp_path / "t.xlsx")
    ranges = b'</sheetData><mergeCells><mergeCell ref="A3:XFD1048576"/></mergeCells>'
    with zipfile.ZipFile(tmp_path / "t.xlsx") as old, zipfile.ZipFile(tmp_path / "merged.xlsx", "w") as new:
        for part in old.infolist():
            new.writestr(part.filename, old.read(part).replace(b"</sheetData>", ranges))
    for name in ("far.xlsx", "merged.xlsx"):
        assert adopted(tmp_path / name) == [TOO_MUCH]


def test_adopt_unpacks_gzip_in_proportion(tmp_path, small_limits):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert read_grids(tmp_path / "t.csv.gz")[0].rows == [["a", "b"], ["1", "2"]]
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 5_000_000, 9))
    assert adopted(tmp_path / "t.csv.gz") == [TOO_MUCH]


@pytest.mark.parametrize("outside", ["../t.csv", "sub/../../t.csv", "/etc/hostname", "{}/../t.csv"])
def test_a_path_outside_the_study_is_refused(tmp_path, outside):
    (tmp_path / "t.csv").write_text("patient_id\nP1\n")
    folder = tmp_path / "study"
    folder.mkdir()
    assert told(folder, outside.format(folder)) == ["the file lies outside the study folder"]
    (folder / "t.csv").symlink_to(tmp_path / "t.csv")
    [note] = problems_of(folder, "t.csv")
    assert (note.problem, note.severity) == ("a link leads out of the study folder", "note")
    assert note.value == f"t.csv -> {tmp_path / 't.csv'}"


def test_a_link_within_the_study_and_one_that_leads_nowhere(tmp_path):
    (tmp_path / "t.csv").write_text("patient_id\nP1\n")
    (tmp_path / "same.csv").symlink_to("t.csv")
    (tmp_path / "gone.csv").symlink_to("nowhere.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    assert told(tmp_path, "same.csv") == []
    assert told(tmp_path, "gone.csv") == told(tmp_path, "loop.csv") == ["the link leads to no file"]


@pytest.mark.parametrize("name", ["t.csv", "t.xlsx", "t.parquet", "t.rds"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    (tmp_path / f"null.{name}").symlink_to(os.devnull)
    for file in (name, f"null.{name}"):
        assert told(tmp_path, file) == ["this is a pipe or a device, not a file"]
        assert adopted(tmp_path / file) == ["this is a pipe or a device, not a file"]


def test_adopt_reads_the_notes_of_sound_files_alone(tmp_path, monkeypatch):
    """The notes are read in this process, which a damaged file can end."""
    pyreadstat.write_sav(pd.DataFrame({"x": [1.0] * 100}), tmp_path / "t.sav")
    (tmp_path / "t.sav").write_bytes((tmp_path / "t.sav").read_bytes()[:200])
    monkeypatch.setattr(statistical, "read_notes", lambda path: pytest.fail("notes of a damaged file"))
    assert adopted(tmp_path / "t.sav") == ["the file cannot be read as one of SPSS"]


@pytest.mark.parametrize("name", ["t.xls", "t.ods", "t.pdf"])
def test_adopt_reads_no_other_kind_of_file_as_text(tmp_path, name):
    (tmp_path / name).write_bytes(b"patient_id,sex\nP1,male\n")
    assert adopted(tmp_path / name) == ["unknown kind of file"]


@pytest.mark.parametrize("text", ["patient_id,sex", "patient_id,sex\r", "patient_id,sex\n"])
def test_names_alone_are_a_table_without_rows(tmp_path, text):
    (tmp_path / "t.csv").write_bytes(text.encode())
    result = read_source(tmp_path, "patients", TableSource(file="t.csv"))
    assert result.problems == ()
    assert (list(result.raw.columns), result.raw.n_rows) == (["patient_id", "sex"], 0)
