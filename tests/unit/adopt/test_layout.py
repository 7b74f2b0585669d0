"""Names, patients and what stands around them are found in sheets made by hand."""

import datetime as dt

from prrt_outcomes.adopt.grid import fold, read_grids
from prrt_outcomes.adopt.layout import find_layout
from prrt_outcomes.tables.parse_dates import find_date_formats

DAY = dt.datetime(2019, 3, 28)
HEADER = ["PatNr", "Geb.", "m/w", "1. PRRT"]
PATIENTS = [
    ["001", "1.2.1950", "m", DAY],
    ["002", "3.4.1951", "w", "14.06.2019"],
    ["003", "5.6.1949", "w", DAY],
]


def layout_of(path, place=0):
    return find_layout(read_grids(path)[place])


def test_titles_above_and_sums_below_are_no_patients(write_workbook):
    title, legend = ["PRRT Liste, Stand 03/2024"], ["gelb = verstorben"]
    path = write_workbook(
        {"A": [title, legend, HEADER, *PATIENTS, [], ["n = 3", None, None, "=COUNTA(D4:D6)"]]},
        {"A": ["A1:D1"]},
    )
    layout = layout_of(path)
    assert layout.header_rows == (3,)
    assert layout.last_row == 6
    assert list(layout.columns) == HEADER
    assert [c.cells[0] for c in layout.columns.values()] == ["001", "1.2.1950", "m", DAY]
    assert layout.settings == {"sheet": "A", "header_row": 3, "last_row": 6}


def test_a_plain_table_needs_no_setting(write_text):
    layout = layout_of(write_text("id,sex\n1,m\n2,f\n"))
    assert layout.settings == {}
    assert layout.columns["sex"].cells == ["m", "f"]


def test_two_lines_of_names_are_joined(write_workbook):
    rows = [
        ["PatNr", "Krea", None, "Hb", None],
        [None, "vor 1.", "3 Mo", "vor 1.", "3 Mo"],
        [1, "0,9", "1,1", 12.1, 11.8],
        [2, "1,0", "1,2", 13, 12],
    ]
    layout = layout_of(write_workbook({"Labor": rows}, {"Labor": ["B1:C1", "D1:E1"]}))
    assert layout.header_rows == (1, 2)
    assert list(layout.columns) == ["PatNr", "Krea vor 1.", "Krea 3 Mo", "Hb vor 1.", "Hb 3 Mo"]
    assert layout.has_decimal_comma


def test_a_line_of_units_belongs_to_the_names(write_workbook):
    rows = [["ID", "Aktivität", "Krea"], [None, "GBq", "mg/dl"], [1, 7.4, 0.9], [2, 7.2, 1.1]]
    assert list(layout_of(write_workbook({"A": rows})).columns) == ["ID", "Aktivität GBq", "Krea mg/dl"]


def test_a_semicolon_and_an_old_encoding(write_text):
    layout = layout_of(
        write_text("PatNr;Geschlecht;Größe\n1;männlich;1,80\n2;weiblich;1,65\n", encoding="cp1252")
    )
    assert layout.settings == {"encoding": "cp1252", "delimiter": ";"}
    assert list(layout.columns) == ["PatNr", "Geschlecht", "Größe"]


def test_a_sheet_of_notes_is_no_table(write_workbook):
    path = write_workbook({"Notizen": [["Dies ist eine Notiz"], ["und noch eine"]], "A": [HEADER, *PATIENTS]})
    assert [find_layout(grid) is not None for grid in read_grids(path)] == [False, True]


def test_formats_of_dates():
    assert find_date_formats("28.03.2019", "days") == ("%d.%m.%Y",)
    assert find_date_formats("13/02/2019", "days") == ("%d/%m/%Y",)
    assert find_date_formats("02/03/2019", "days") == ("%d/%m/%Y", "%m/%d/%Y")
    assert find_date_formats("2019-02-30", "days") == ()
    assert find_date_formats("Mai 2015", "days") == ()


def test_headings_are_compared_without_accents_and_marks():
    assert fold("Größe (cm)") == "grosse cm"
    assert fold("Date de décès") == "date de deces"
