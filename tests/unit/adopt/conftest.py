"""Small files as people write them."""

import datetime as dt

import openpyxl
import pytest


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
