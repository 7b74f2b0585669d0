"""Tables of the manuscript of a real run: alike in every format, and every number is that of its result table."""

import csv
import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from prrt_outcomes.manuscript.content import as_words, compose
from prrt_outcomes.report.summary_tables import PUBLICATION_TABLES
from prrt_outcomes.report.write import ReportTables
from prrt_outcomes.study.load import load_study
from prrt_outcomes.tables.frames import describe_cells
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording import numbers

missing = [name for name in ("pypandoc", "typst", "docxtpl") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")
NUMBER = re.compile(r"[<>]?\d[\d.\u2009]*%?")
FORMS = [numbers.format_number, numbers.format_percent, numbers.format_ratio, numbers.format_count]
FORMS += [
    numbers.format_p_value,
    numbers.format_short,
    numbers.format_rate,
    lambda x: numbers.format_number(x, 2),
]
FORMS += [lambda x: numbers.format_percent(x, 1), lambda x: numbers.format_number(x, 0)]
LABELS = re.compile(r"\(n\s=\s|G3|CI \d|\d+ months|NETTER-1|RADIANT-\d|\d+ mg|1 \(reference\)")
REFERENCE = re.compile(
    r"(?<=[(,])Table\w+(?=[,)])"
)  # in a cell of the reporting items, known once tables have numbers


def write_every_way(row: dict) -> set[str]:
    """What a number of a row of a result table may look like."""
    cells = [cell for cell in row.values() if isinstance(cell, int | float) and not numbers.is_missing(cell)]
    parts = {part for cell in cells for form in FORMS for part in NUMBER.findall(str(form(cell)))}
    return parts | {part.removesuffix("%") for part in parts}  # the lower limit of `22\u201331%`


def find_rows(records, table, row) -> list[dict]:
    """Rows of the result tables that a row can come from: by its name, else by its place."""
    found, parts, place = [], set(row.name.split(".", 1)) - {"value"}, row.place.partition(": ")[2]
    for source in table.sources:
        key = load_schema(source).key
        for one in records[source]:
            if (
                parts <= {str(cell) for cell in one.values()}
                if row.name
                else describe_cells(one, key) == place
            ):
                found.append(one)
    return found


def check_numbers(results: Path, study) -> int:
    """Hold every cell of the publication tables against the rows it can come from; return how many numbers."""
    tables, n = ReportTables(results), 0
    for exhibit in compose(results, study)["exhibits"]:
        table = exhibit["table"]
        if table is None or table.name not in PUBLICATION_TABLES:
            continue
        records = {source: tables[source].to_dict("records") for source in table.sources}
        groups = {str(one.get("group")) for rows in records.values() for one in rows}
        for row in table.rows:
            own = find_rows(records, table, row)
            for column, cell in list(zip(table.columns, row.cells, strict=True))[1:]:
                shown = set(NUMBER.findall(LABELS.sub("", as_words(cell)))) if column.numeric else set()
                of_column = column.name if column.name in groups else None
                rows = [one for one in own if of_column in (None, str(one.get("group")))]
                ways = {way for one in rows for way in write_every_way(one)} if shown else set()
                assert shown <= ways, (
                    table.name,
                    row.name,
                    column.name,
                    as_words(cell),
                    sorted(shown - ways),
                )
                n += len(shown)
    return n


def read_word(path: Path, top: int) -> list[list[str]]:
    """Cells below the head of `top` rows, which every page repeats."""
    import docx

    document = docx.Document(str(path))
    assert all("w:tblHeader" in r._tr.xml for r in document.tables[0].rows[: count_heads(document.tables[0])])
    return [[cell.text for cell in row.cells] for row in document.tables[0].rows][top:]


def count_heads(table) -> int:
    return sum("w:tblHeader" in row._tr.xml for row in table.rows)


def read_html(path: Path, top: int) -> list[list[str]]:
    """Cells of the first table of a page below its head, as pandoc reads them."""
    import pypandoc

    blocks = json.loads(pypandoc.convert_file(str(path), "json", format="html"))["blocks"]
    table = next(block for block in iterate_blocks(blocks) if block["t"] == "Table")
    _, _, _, head, bodies, _ = table["c"]
    rows = [*head[1], *(row for body in bodies for row in body[3])]
    return [[words(cell[4]) for cell in row[1]] for row in rows][top:]


def read_latex(path: Path, _: int) -> list[list[str]]:
    """Cells of the long table of a file, which says where its head ends (pandoc reads numbers in it amiss)."""
    text = path.read_text(encoding="utf-8")
    body = text.partition("\\endlastfoot")[2].partition("\\end{longtable}")[0]
    for sign, plainly in {"\\textless{}": "<", "\\textgreater{}": ">", "\\&": "+and+"}.items():
        body = body.replace(sign, plainly)
    body = re.sub(r"\\(?:quad|noalign|text\w+|[a-z]*rule)\b(?:\{\})?|[{}]", "", body).replace("~", " ")
    rows = [row for row in re.split(r"\\\\\s", body) if row.strip()]
    return [[re.sub(r"\s+", " ", cell).replace("+and+", "&") for cell in row.split("&")] for row in rows]


def iterate_blocks(blocks):
    for block in blocks:
        yield block
        if block["t"] == "Div":
            yield from iterate_blocks(block["c"][1])


def words(node) -> str:
    """Text of a node of pandoc."""
    if isinstance(node, list):
        return "".join(map(words, node))
    if isinstance(node, dict):
        kind, content = node["t"], node.get("c")
        if kind in ("Space", "SoftBreak"):
            return " "
        return content if kind == "Str" else content[1] if kind == "Math" else words(content)
    return ""


def plain(rows: list[list[str]]) -> list[str]:
    """Text of each row without blanks, signs that formats write in their own way, and empty cells."""
    same = str.maketrans(dict.fromkeys("\u2003\u2009\u00a0 $\\{}") | {"\u2212": "-", "\u2013": "-"})
    digits = str.maketrans("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "0123456789")
    return ["".join(row).translate(same).translate(digits).replace("--", "-") for row in rows]


def test_tables_are_alike_in_every_format_and_their_numbers_are_those_of_the_run(project):
    import openpyxl

    results = project.results("small")
    for command in ("run", "manuscript"):
        done = project.call(command, "studies/small")
        assert done.returncode == 0, done.stdout + done.stderr
    study = load_study(project.study("small") / "study.yaml")
    assert check_numbers(results, study) > 200
    folder = results / "manuscript"
    made = [e for e in compose(results, study)["exhibits"] if e["table"]]
    assert {"baseline", "survival", "cox", "response"} <= {e["table"].name for e in made}
    for exhibit in made:
        table, path = exhibit["table"], folder / f"{exhibit['id']}.x"
        expected = plain([[as_words(c) for c in row.cells] for row in table.rows])
        top = 2 if table.spanners else 1
        for suffix, read in (
            (".docx", read_word),
            (".tex", read_latex),
            (".html", read_html),
        ):
            found = [REFERENCE.sub("", row) for row in plain(read(path.with_suffix(suffix), top))]
            same = [(a, b) for a, b in zip(expected, found, strict=True) if not a.endswith(b) and a != b]
            assert same == [], (path.stem, suffix)
        sheet = openpyxl.load_workbook(path.with_suffix(".xlsx")).active
        rows = list(sheet.iter_rows(min_row=top + 2, max_row=top + 1 + len(table.rows)))
        texts = [[write_as_shown(cell) for cell in row] for row in rows]
        assert plain(texts) == expected
        with path.with_suffix(".csv").open(encoding="utf-8-sig", newline="") as file:
            assert len(list(csv.reader(file))) == 1 + len(table.rows)


def write_as_shown(cell) -> str:
    """Text of a cell of a workbook with the digits of its format."""
    if isinstance(cell.value, int | float):
        return f"{cell.value:.{len(cell.number_format.partition('.')[2])}f}"
    return cell.value or ""
