"""Names in other lines than the first, lines that are no rows, and what is told of them."""

import openpyxl
import pytest

from prrt_outcomes.cohort.sources.files import read_source
from prrt_outcomes.study.base import TableSource

SHEET = [
    ["Patients of the clinic, March 2024"],
    ["yellow: dead"],
    ["id", "creatinine", None, "haemoglobin", None, "note"],
    [None, "before", "after", "before", "after", None],
    [None, "mg/dL", "mg/dL", "g/dL", "g/dL", None],
    ["P1", "1", "2", "3", "4", None],
    [],
    ["P2", "5", "6", "7", "8", "x"],
    ["n = 2"],
    ["sum", "6"],
]
LAYOUT = {"header_row": (3, 4), "skip_rows": (5,), "last_row": 8}
NAMES = ["id", "creatinine before", "creatinine after", "haemoglobin before", "haemoglobin after", "note"]


def read_text(tmp_path, text, **settings):
    (tmp_path / "t.csv").write_bytes(text.encode())
    return read_source(tmp_path, "labs", TableSource(file="t.csv", **settings))


def read_book(tmp_path, rows, merged=(), **settings):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cells in merged:
        book.active.merge_cells(cells)
    book.save(tmp_path / "t.xlsx")
    return read_source(tmp_path, "labs", TableSource(file="t.xlsx", **settings))


def as_text(rows, width=6):
    lines = [[*(cell or "" for cell in row), *[""] * (width - len(row))] if row else [] for row in rows]
    return "".join(";".join(line) + "\n" for line in lines)


def content(result):
    assert result.problems == ()
    return {name: values.to_pylist() for name, values in result.raw.columns.items()}


def told(result):
    return [(p.column, p.row, p.value, p.problem) for p in result.problems]


@pytest.mark.parametrize("kind", ["text", "book"])
def test_a_sheet_with_titles_two_lines_of_names_units_and_a_sum(tmp_path, kind):
    if kind == "text":
        result = read_text(tmp_path, as_text(SHEET), **LAYOUT)
    else:
        result = read_book(tmp_path, SHEET, ["B3:C3", "D3:E3", "A1:F1"], **LAYOUT)
    columns = content(result)
    assert list(columns) == NAMES
    assert columns["id"] == ["P1", "P2"]
    assert columns["haemoglobin after"] == ["4", "8"]
    assert result.raw.lines.tolist() == [6, 8]
    assert result.raw.lost == {"skip_rows": 1, "last_row": 2}


def test_a_cell_beside_a_name_goes_on_in_a_workbook_only_where_it_is_merged(tmp_path):
    columns = content(read_book(tmp_path, SHEET, ["B3:C3"], **LAYOUT))
    assert list(columns) == [
        "id",
        "creatinine before",
        "creatinine after",
        "haemoglobin before",
        "after",
        "note",
    ]


def test_comments_are_no_rows_and_no_loss(tmp_path):
    text = '#a\tb\n#"one quote\nid\tx\n#again\nP1\t"line\n#inside"\n#"\nP2\t2\n#end'
    result = read_text(tmp_path, text, comment="#")
    assert content(result) == {"id": ["P1", "P2"], "x": ["line\n#inside", "2"]}
    assert result.raw.lines.tolist() == [5, 8]
    assert not any(result.raw.lost.values())
    rows = [["# exported"], ["id", "x"], ["P1", 1], ["#", "none"], ["P2", 2]]
    result = read_book(tmp_path, rows, comment="#")
    assert content(result) == {"id": ["P1", "P2"], "x": ["1", "2"]}
    assert result.raw.lines.tolist() == [3, 5]


def test_a_first_line_with_the_mark_of_a_comment_is_not_guessed_to_be_one(tmp_path):
    text = "\n#id,x\nP1,2\n"
    (problem,) = read_text(tmp_path, text).problems
    assert (problem.row, problem.value) == (2, "#id,x")
    assert 'comment: "#"' in problem.expected
    assert "header_row: 2" in problem.expected
    assert content(read_text(tmp_path, text, header_row=2)) == {"#id": ["P1"], "x": ["2"]}


@pytest.mark.parametrize("title", ["Registry", "Registry, exported 2019"])
def test_a_title_above_the_names_of_a_text(tmp_path, title):
    rows = "".join(f"P{i};{i};a\n" for i in range(9))
    (problem,) = read_text(tmp_path, f"{title}\n\nid;x;y\n{rows}").problems
    assert problem.row == 1
    assert "header_row" in problem.expected
    if "," not in title:
        assert "header_row: 3" in problem.expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"header_row": 9}, ("tables.labs.header_row", "9", "no such line, or a blank one")),
        ({"header_row": 2}, ("tables.labs.header_row", "2", "no such line, or a blank one")),
        ({"header_row": (3, 1)}, ("tables.labs.header_row", "3, 1", "not in the order of the file")),
        ({"skip_rows": (2,)}, ("tables.labs.skip_rows", "2", "no row begins at this line")),
        ({"skip_rows": (7,)}, ("tables.labs.skip_rows", "7", "no row begins at this line")),
        ({"skip_rows": (1,)}, ("tables.labs.skip_rows", "1", "not below the names of the columns")),
        ({"last_row": 1}, ("tables.labs.last_row", "1", "not below the names of the columns")),
    ],
)
@pytest.mark.parametrize("kind", ["text", "book"])
def test_lines_that_the_file_does_not_have(tmp_path, settings, expected, kind):
    rows = [["id", "x"], [], ["P1", "1"], ["P2", "2"]]
    if kind == "text":
        result = read_text(tmp_path, as_text(rows, 2), **settings)
    else:
        result = read_book(tmp_path, rows, **settings)
    assert [(p.column, p.value, p.problem) for p in result.problems] == [expected]


def test_a_quoted_name_may_go_on_in_the_next_line(tmp_path):
    result = read_text(tmp_path, 'id,"height\r\n(cm)",5" x\r\nP1,180,1\r\nP2,170,5" y\r\n')
    assert content(result) == {"id": ["P1", "P2"], "height (cm)": ["180", "170"], '5" x': ["1", '5" y']}
    assert result.raw.lines.tolist() == [3, 4]


def test_a_text_of_blanks_and_comments_alone(tmp_path):
    for text in ("\t\n#a\n", " \n\n#", "#\n#\n"):
        result = read_text(tmp_path, text, comment="#", delimiter="\t")
        assert result.problems or not result.raw.n_rows


def test_a_line_inside_a_quoted_field_is_no_row(tmp_path):
    text = 'id,x\nP1,"a\nb"\nP2,c\n'
    result = read_text(tmp_path, text, skip_rows=(3,))
    assert [p.problem for p in result.problems] == ["no row begins at this line"]
    assert result.raw.columns["x"].to_pylist() == ["a\nb", "c"]


def test_a_formula_below_the_last_row_is_not_read(tmp_path):
    rows = [["id", "x"], ["P1", 1], ["mean", "=AVERAGE(B2)"]]
    assert content(read_book(tmp_path, rows, last_row=2)) == {"id": ["P1"], "x": ["1"]}
    assert content(read_book(tmp_path, rows, skip_rows=(3,))) == {"id": ["P1"], "x": ["1"]}
    assert [p.problem for p in read_book(tmp_path, rows).problems] == ["a formula without its value"]


def test_cells_merged_over_several_rows(tmp_path):
    rows = [["id", "cycle", "note"], ["P1", 1, "x"], [None, 2, None], [None, 3, "y"], ["P2", 1, None]]
    columns = content(read_book(tmp_path, rows, ["A2:A4"], fill_down=("id",)))
    assert columns == {
        "id": ["P1", "P1", "P1", "P2"],
        "cycle": ["1", "2", "3", "1"],
        "note": ["x", "", "y", ""],
    }
    assert content(read_text(tmp_path, "id,x\n,1\nP1,2\n  ,3\n", fill_down=("id",)))["id"] == ["", "P1", "P1"]
    (problem,) = read_text(tmp_path, "id,x\nP1,2\n", fill_down=("Id",)).problems
    assert (problem.column, problem.value) == ("tables.labs.fill_down", "Id")
    assert problem.expected.startswith("did you mean id?")


def test_what_a_study_leaves_out_is_counted(read_study, tmp_path):
    (tmp_path / "p.csv").write_text("Clinic\npatient_id,sex\n,code\nP1,male\nP2,female\nsum,2\n")
    source = {"file": "p.csv", "header_row": 2, "skip_rows": [3], "last_row": 5}
    follow_up = "patient_id,last_contact_date,vital_status\nP1,2015-01-01,alive\nP2,2015-01-01,alive\n"
    result = read_study({"follow_up": follow_up}, sources={"patients": source})
    assert not [p for p in result.problems if p.severity == "error"]
    lost = result.attrition.query("table == 'patients'").set_index("step")
    assert lost["n_before"].to_dict() == {"cohort: last_row": 4, "cohort: skip_rows": 3, "cohort: filter": 2}
    assert lost["n_lost"].to_dict() == {"cohort: last_row": 1, "cohort: skip_rows": 1, "cohort: filter": 0}
