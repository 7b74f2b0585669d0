"""The manuscript of a small run: documents read back, numbers held against their tables, names of a template."""

import html
import json
import re
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from prrt_outcomes.manuscript import citations, content, names
from prrt_outcomes.manuscript.documents import complete_bibtex
from prrt_outcomes.report.methods import CITATIONS
from prrt_outcomes.report.write import ReportTables, fill_template
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.files import write_table
from prrt_outcomes.tables.frames import describe_cells
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording import numbers

LIBRARIES = ("pypandoc", "typst", "docxtpl")
missing = [name for name in LIBRARIES if find_spec(name) is None]
with_libraries = pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")
FIELD = re.compile(r"w:instrText[^>]*> (\w+) (\S+)")
KEY = {"group_by": "all", "group": "all"}
CURVE = {
    "n": 40,
    "events": 30,
    "median_low": 20.5,
    "median_high": 33.25,
    "follow_up_months": 60.0,
    "status": "ok",
}
RATE = {"criterion": "recist_1_1", "confirmed": False, "total": 40, "status": "ok"}
TABLES = {
    "km_summary": [
        {"endpoint": "pfs", "median_months": 28.94, "median_status": "ok", **KEY, **CURVE},
        {"endpoint": "os", "median_months": None, "median_status": "not_reached", **KEY, **CURVE},
    ],
    "milestones": [
        {
            "endpoint": "pfs",
            "time_months": 12.0,
            "survival": 0.81,
            "survival_low": 0.7,
            "survival_high": 0.9,
            **KEY,
        }
    ],
    "response_rates": [
        {
            "category": code,
            "n": n,
            "proportion": n / 40,
            "proportion_low": 0.1,
            "proportion_high": 0.9,
            **KEY,
            **RATE,
        }
        for code, n in (("objective", 10), ("disease_control", 31), ("PD", 6), ("SD", 21), ("NE", 3))
    ],
    "baseline": [
        {"term": "sex", "level": level, "n": 20, "total": 40, "proportion": 0.5, **KEY}
        for level in ("female", "male")
    ],
    "reporting_items": [
        {"guideline": "STROBE", "item": "14a", "topic": "t", "asks": "Characteristics", "answered": True}
        | {"chapter": "Patients", "table": "baseline"},
        {"guideline": "RECORD", "item": "1.1", "topic": "t", "asks": "Type of data", "answered": False},
    ],
}


@pytest.fixture
def study() -> Study:
    tables = {name: f"{name}.csv" for name in ("patients", "cycles", "assessments", "lesions", "follow_up")}
    control = {
        "id": "arm",
        "kind": "published",
        "n": 97,
        "median_months": 4.0,
        "citation": "Lee 2011, Lancet 378:2005",
    }
    return Study.model_validate(
        {"study": "s", "title": "PRRT & others <2020 \u65e5\u672c", "tables": tables, "controls": [control]}
    )


@pytest.fixture
def results(tmp_path) -> Path:
    """Tables and one figure of a run."""
    from PIL import Image

    for name, rows in TABLES.items():
        write_table(tmp_path / "tables" / f"{name}.csv", name, pd.DataFrame(rows))
    figures = tmp_path / "figures" / "survival"
    figures.mkdir(parents=True)
    Image.new("RGB", (600, 300), "white").save(figures / "kaplan_meier_pfs_tumour_group.png")
    entry = {
        "name": "kaplan_meier_pfs_tumour_group",
        "caption": "Survival.",
        "alternative_text": "Figure: A curve.",
    }
    text = json.dumps([entry | {"tables": ["km_curve"], "leading": True}])
    (figures / "figures.json").write_text(text, encoding="utf-8")
    return tmp_path


def list_numbers(page: str) -> list[tuple[str, str, str]]:
    """Table, place and words of every number of a page that names its row."""
    return re.findall(
        r'<a class="number" href="tables/(\w+)\.csv" title="tables/\w+\.csv: ([^"]+)">([^<]+)</a>', page
    )


def write_every_way(row: dict) -> set[str]:
    """What a number of a row may look like; a change in per cent stands as its amount."""
    forms = (numbers.format_number, numbers.format_percent, numbers.format_ratio, numbers.format_count)
    forms = (*forms, numbers.format_p_value, lambda cell: numbers.format_percent(cell, 1))
    cells = [cell for cell in row.values() if isinstance(cell, int | float) and not numbers.is_missing(cell)]
    ways = {form(cell) for form in forms for cell in cells} | {f"{cell:.3g}" for cell in cells}
    return ways | {numbers.format_number(abs(100 * cell)) for cell in cells}


def test_every_number_is_that_of_its_table(results, study):
    values, tables = content.compose(results, study), ReportTables(results)
    found = list_numbers(fill_template("manuscript.html.j2", **values))
    assert len(found) > 8
    for table, place, words in found:
        key = load_schema(table).key
        rows = [row for row in tables[table].to_dict("records") if describe_cells(row, key) == place]
        assert len(rows) == 1 or place.count(" = ") < len(key), place
        shown = re.findall(r"[<>]?\d[\d.\u2009]*%?", html.unescape(words).replace("p < ", "<"))
        assert all(set(shown) & write_every_way(row) for row in rows if shown), (place, words)


def test_sources_of_the_methods_are_complete_and_each_has_its_words():
    cited = {item["cited"] for item in citations.REFERENCES}
    assert set(CITATIONS.values()) <= cited
    assert len({item["id"] for item in citations.REFERENCES}) == len(cited)


def test_a_source_is_cited_where_it_is_named_and_numbered_in_the_order_of_the_text():
    bibliography = citations.Bibliography()
    text = bibliography.mark(f"By Cox ({CITATIONS['cox']}) & by Kaplan-Meier: {CITATIONS['kaplan_meier']}.")
    assert list(bibliography) == ["cox", "kaplan_meier"]
    assert str(text).count('class="cite"') == 2
    assert "1972" not in text
    assert "&amp;" in text


def test_a_library_arm_is_cited_in_full_where_its_reference_is_known():
    sources = citations.Bibliography()
    sources.cite_control("a", "Strosberg 2017 NEJM 376:125")
    sources.cite_control("b", "Someone 2001")
    assert sources["netter1"]["page"] == "125-135"
    assert sources["control_b"]["title"] == "Someone 2001"


def test_a_citation_is_read_into_its_parts_and_one_in_other_words_stays_as_it_is():
    read = citations.read_citation
    assert read("Pavel 2011, Lancet 378:2005", "x")["id"] == "radiant2"
    assert read("Pusceddu 2022 JAMA Netw Open 5:e220290", "x", "10.1/2") == {
        "id": "x",
        "type": "article-journal",
        "author": [{"family": "Pusceddu"}, {"literal": "et al"}],
        "container-title": "JAMA Netw Open",
        "issued": {"date-parts": [[2022]]},
        "volume": "5",
        "page": "e220290",
        "DOI": "10.1/2",
    }
    assert read("van der Zwan 2019 EJNMMI 46(3)", "x")["container-title"] == "Eur J Nucl Med Mol Imaging"
    words = "Sansovini 2013, pages 347-354 (June 2013)"
    assert read(words, "x") == {"id": "x", "type": "document", "title": words}


def test_a_bibliography_has_identifiers_and_others_for_authors_not_named():
    text = "@article{a,\n  author = {Yao, J. C. and {et al}},\n}\n@misc{b,\n}\n"
    made = complete_bibtex(text, [{"id": "a", "DOI": "10.1/2"}, {"id": "b"}])
    assert made == "@article{a,\n  doi = {10.1/2},\n  author = {Yao, J. C. and others},\n}\n@misc{b,\n}\n"


def test_names_are_those_of_tables_of_results():
    for alias in names.ALIASES.values():
        columns = {field.name for field in load_schema(alias["table"]).fields}
        assert set(alias["key"]) <= columns
        for form, *wanted in alias["values"].values():
            assert hasattr(numbers, f"format_{form}")
            assert set(wanted) <= columns


def test_a_number_has_a_name_and_a_place(results):
    found = names.list_numbers("km", ReportTables(results))
    assert found["km.pfs.all.median"].text == "28.9"
    assert found["km.pfs.all.ci"].text == "20.5\u201333.3"
    assert (
        found["km.pfs.all.median"].place
        == "tables/km_summary.csv: endpoint = pfs, group_by = all, group = all"
    )
    assert found["km.os.all.median"].text == "not reached"
    rates = names.list_numbers("response", ReportTables(results))
    assert rates["response.recist_1_1.not_confirmed.all.objective.share"].text == "25%"


@with_libraries
def test_the_word_file_has_live_captions_references_heading_rows_and_words_for_pictures(results, study):
    import docx

    from prrt_outcomes.manuscript.documents import write_manuscript

    made = {path.name for path in write_manuscript(results, study)}
    assert {"manuscript.docx", "manuscript.pdf", "Table1.docx", "Table1.xlsx", "Figure1.png"} <= made
    assert {"legends.docx", "references.bib", "references.json"} <= made
    document = docx.Document(str(results / "manuscript.docx"))
    xml = document.element.xml
    fields = FIELD.findall(xml)
    assert ("SEQ", "Table") in fields
    assert ("SEQ", "Figure") in fields
    assert ("SEQ", "Table_S") in fields
    marks = set(re.findall(r'w:bookmarkStart [^>]*w:name="(ref_\w+)"', xml))
    assert {target for kind, target in fields if kind == "REF"} <= marks
    assert {"ref_Table1", "ref_Figure1"} <= {target for kind, target in fields if kind == "REF"}
    assert document.tables[0].rows[0].cells[0].text == "Characteristic"
    assert all("w:tblHeader" in table.rows[0]._tr.xml for table in document.tables)
    assert 'descr="A curve."' in xml
    assert str(results) not in xml
    words = "\n".join(paragraph.text for paragraph in document.paragraphs)
    assert "PRRT & others <2020 \u65e5\u672c" in words  # letters that a machine may have no font for
    assert "28.9" in words
    assert "Lee, et al. Lancet 2011;378:2005." in words
    second = docx.Document(str(results / "manuscript" / "Table2.docx"))
    assert r"SEQ Table \* ARABIC \r 2 " in second.element.xml  # a table alone keeps its number
    items = next(table for table in document.tables if table.rows[0].cells[0].text == "Guideline")
    assert "Table 1" in re.sub(r"<w:instrText.*?</w:instrText>", "", items._tbl.xml).replace("<w:t>", "")
    sheet = pd.read_excel(results / "manuscript" / "Table1.xlsx", header=None, dtype=str)
    assert sheet.iloc[0, 0] == "Patients at baseline"
    assert sheet.iloc[1, 0] == "Characteristic"


@with_libraries
def test_no_cell_of_a_workbook_is_a_formula(tmp_path):
    import openpyxl

    from prrt_outcomes.manuscript.table_files import write_csv, write_workbook
    from prrt_outcomes.report.content import Column, PageTable, Row

    hostile = ["=1+1", "=cmd|'/C calc'!A", "+1+", "@SUM(1)", "-2+3", "\t=1", "'"]
    columns = tuple(Column(str(i), str, spanner="Two" if i in (1, 2) else "") for i in range(7))
    rows = (Row("", hostile, "a"), Row("", ["1", "0.50", "<0.001", *[""] * 4], "a.b", 1))
    table = PageTable("=Title", "cox", columns, rows, "=Note")
    write_workbook(tmp_path / "t.xlsx", "Table1", table, [10.0] * 7)
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx")["Table1"]
    assert [cell.value for cell in sheet[4]] == hostile
    assert {cell.data_type for cell in sheet[4]} == {"s"}
    assert all(cell.quotePrefix for cell in (*sheet[4], sheet["A1"], sheet["A6"]))
    assert [(cell.value, cell.number_format) for cell in sheet[5]][:2] == [(1, "0"), (0.5, "0.00")]
    assert sheet["A5"].alignment.indent == 1
    assert (sheet.freeze_panes, sheet.print_title_rows) == ("B4", "$2:$3")
    assert {str(cells) for cells in sheet.merged_cells.ranges} == {"A1:G1", "B2:C2", "A6:G6"}
    write_csv(tmp_path / "t.csv", table)
    first, one, other = (tmp_path / "t.csv").read_text("utf-8-sig").splitlines()
    assert first == "0,Two: 1,Two: 2,3,4,5,6"
    assert one.startswith("'=1+1,'=cmd|'/C calc'!A,'+1+,")
    assert other == "'=1+1: 1,0.50,<0.001,,,,"


@with_libraries
def test_the_same_run_gives_the_same_bytes(results, study):
    from prrt_outcomes.manuscript.documents import write_manuscript

    first = {path: path.read_bytes() for path in write_manuscript(results, study)}
    again = {path: path.read_bytes() for path in write_manuscript(results, study)}
    assert [path.name for path in first if first[path] != again.get(path)] == []
    assert not [path.name for path in results.iterdir() if path.name.startswith(".")]


@with_libraries
def test_a_template_is_filled_and_every_unknown_name_is_told(results, study, tmp_path, capsys):
    import docx

    from prrt_outcomes.errors import InputError, UsageError
    from prrt_outcomes.manuscript.documents import write_manuscript

    def write_template(text):
        document = docx.Document()
        document.add_paragraph(text)
        document.save(str(tmp_path / "own.docx"))
        return tmp_path / "own.docx"

    write_manuscript(results, study, write_template("Median {{ km.pfs.all.median }} ({{km.pfs.all.ci}})"))
    filled = docx.Document(str(results / "manuscript" / "own.docx"))
    assert filled.paragraphs[0].text == "Median 28.9 (20.5\u201333.3)"
    with pytest.raises(InputError) as refused:
        write_manuscript(results, study, write_template("{{ km.pfs.all.mediann }} {{ coxx.pfs }}"))
    told = [(p.column, p.expected) for p in refused.value.problems]
    assert told == [
        ("km.pfs.all.mediann", "did you mean km.pfs.all.median?"),
        ("coxx.pfs", "did you mean cox?"),
    ]
    assert refused.value.exit_status == 1
    with pytest.raises(UsageError, match="cannot be filled"):
        write_manuscript(results, study, write_template("{{ km.pfs.all.median }"))


@with_libraries
@pytest.mark.parametrize(
    "text",
    [
        "{{ cycler.__init__.__globals__.os.system('touch BROKEN') }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{% for x in range(10**9) %}x{% endfor %}",
        "{% include '/etc/hostname' %}",
    ],
    ids=["command", "classes", "loop", "file"],
)
def test_a_template_reaches_nothing_but_numbers(results, study, tmp_path, text):
    import docx

    from prrt_outcomes.errors import UsageError

    document = docx.Document()
    document.add_paragraph(text)
    document.save(str(tmp_path / "own.docx"))
    with pytest.raises(UsageError, match="cannot be filled"):
        names.fill_word_template(tmp_path / "own.docx", tmp_path / "filled.docx", ReportTables(results))
    assert not (tmp_path / "filled.docx").exists()


@with_libraries
def test_a_template_that_unpacks_to_too_much_is_refused(results, tmp_path):
    import docx

    from prrt_outcomes.errors import UsageError

    docx.Document().save(str(tmp_path / "own.docx"))
    with zipfile.ZipFile(tmp_path / "own.docx", "a", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("word/media/image1.png", b"\0" * (names.LARGEST + 1))
    assert (tmp_path / "own.docx").stat().st_size < 1_000_000
    with pytest.raises(UsageError, match="it unpacks to more than 100 MB"):
        names.fill_word_template(tmp_path / "own.docx", tmp_path / "filled.docx", ReportTables(results))


def test_missing_libraries_are_named_with_the_command_that_installs_them(results, study, monkeypatch):
    from prrt_outcomes.errors import UsageError
    from prrt_outcomes.manuscript import documents

    monkeypatch.setattr(documents, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install pypandoc_binary typst docxtpl"):
        documents.write_manuscript(results, study)
