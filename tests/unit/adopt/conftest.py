"""Small files as people write them."""

import datetime as dt

import openpyxl
import pytest

from prrt_outcomes.adopt.write import write_study
from prrt_outcomes.cohort.read import read_cohort
from prrt_outcomes.study.load import load_study


@pytest.fixture
def write_workbook(tmp_path):
    """Write sheets, each a list of rows, with merged cells by sheet; return the path."""

    def write(sheets, merged=None, name="liste.xlsx"):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
            for place in (merged or {}).get(title, ()):
                sheet.merge_cells(place)
        path = tmp_path / name
        book.save(path)
        return path

    return write


@pytest.fixture
def write_text(tmp_path):
    """Write a text file and return its path."""

    def write(text, name="data.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_text(text, encoding=encoding)
        return path

    return write


DAY = dt.datetime(2019, 3, 28)


@pytest.fixture
def read_plan(tmp_path):
    """Write a plan as a study whose doubts are confirmed, read it, and return tables and problems of the cohort."""

    def read(plan):
        study_file = write_study(plan, tmp_path / "study", True)
        cohort = read_cohort(load_study(study_file), study_file.parent)
        return cohort.tables, list(cohort.problems)

    return read
