"""Files that would fill the memory are refused; what a workbook takes from elsewhere is told."""

import gzip
import tracemalloc
import zipfile

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prrt_outcomes.cohort.sources import limits
from prrt_outcomes.cohort.sources.files import read_source
from prrt_outcomes.study.base import TableSource


def told(tmp_path, file):
    return [p.problem for p in read_source(tmp_path, "patients", TableSource(file=file)).problems]


@pytest.fixture
def small_limits(monkeypatch):
    monkeypatch.setattr(limits, "MODEST_BYTES", 1 << 20)
    monkeypatch.setattr(limits, "MODEST_CELLS", 100_000)


@pytest.mark.usefixtures("small_limits")
def test_a_gzip_file_that_unpacks_to_far_more_than_its_size(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 5_000_000, 9))
    tracemalloc.start()
    problems = told(tmp_path, "t.csv.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert problems == ["the file unpacks to far more than its size"]
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
    assert told(tmp_path, "t.xlsx") == ["the workbook unpacks to far more than its size"]


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
    assert told(tmp_path, "t.xlsx") == ["the sheet is far wider than what it holds"]


@pytest.mark.usefixtures("small_limits")
def test_a_parquet_file_that_declares_more_cells_than_it_can_hold(tmp_path):
    pq.write_table(pa.table({"patient_id": pa.repeat("P1", 10_000_000)}), tmp_path / "t.parquet")
    assert told(tmp_path, "t.parquet") == ["the file declares more cells than it can hold"]


def test_a_workbook_that_takes_values_from_another_one(tmp_path):
    write_book(tmp_path / "t.xlsx")
    with zipfile.ZipFile(tmp_path / "t.xlsx", "a") as archive:
        archive.writestr("xl/externalLinks/externalLink1.xml", "<externalLink/>")
    result = read_source(tmp_path, "patients", TableSource(file="t.xlsx"))
    (problem,) = result.problems
    assert (problem.severity, problem.problem) == ("warning", "the workbook is linked to other files")
    assert result.raw.columns["sex"].to_pylist() == ["male"]
