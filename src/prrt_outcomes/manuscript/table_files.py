"""A table of the manuscript as a csv file and as a workbook."""

import csv
import re
from pathlib import Path

from prrt_outcomes.csv_cells import NEEDS_MARK, mark_text
from prrt_outcomes.manuscript.content import as_words
from prrt_outcomes.report.content import PageTable

PLAIN = re.compile(r"\d+(?:\.(\d+))?")


def write_csv(path: Path, table: PageTable) -> None:
    """One line of headings and a line a row, as shown; an indented row is led by its heading (`Sex: Female`)."""
    heads = {row.name: as_words(row.cells[0]) for row in table.rows if not row.indent}
    titles = [": ".join(filter(None, (column.spanner, column.title))) for column in table.columns]
    lines = [titles]
    for row in table.rows:
        words = [as_words(cell) for cell in row.cells]
        above = heads.get(row.name.partition(".")[0]) if row.indent else None
        lines.append([f"{above}: {words[0]}" if above else words[0], *words[1:]])
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows(
            [mark_text(text) for text in line] for line in lines
        )


def write_workbook(path: Path, name: str, table: PageTable, widths: list[float]) -> None:
    """Title, headings that stay in view, rows and note, as shown; no cell is a formula.

    name : of the sheet
    widths : of the columns in per cent
    """
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Border, Font, Side

    book = Workbook()
    sheet = book.active
    sheet.title = name
    last, line = len(table.columns), Side(style="thin")

    def write(row: int, column: int, text: str, **alignment) -> None:
        cell = sheet.cell(row, column)
        if found := PLAIN.fullmatch(text) if row > top else None:
            cell.value = float(text) if found[1] else int(text)
            cell.number_format = f"0.{'0' * len(found[1])}" if found[1] else "0"
        elif text:
            cell.value, cell.data_type, cell.quotePrefix = text, "s", bool(NEEDS_MARK.match(text))
        cell.alignment = Alignment(wrap_text=True, vertical="top", **alignment)
        cell.font = Font(bold=row <= top)

    top = 3 if table.spanners else 2
    write(1, 1, table.title)
    column = 1
    for words, n in table.spanners:
        if words:
            write(2, column, words, horizontal="center")
            sheet.merge_cells(start_row=2, start_column=column, end_row=2, end_column=column + n - 1)
        column += n
    sides = ["right" if column.numeric else "left" for column in table.columns]
    for i, shown in enumerate(table.columns, 1):
        write(top, i, shown.title, horizontal=sides[i - 1])
        sheet.cell(top, i).border = Border(bottom=line)
        sheet.column_dimensions[sheet.cell(top, i).column_letter].width = max(8, 1.3 * widths[i - 1])
    for y, row in enumerate(table.rows, top + 1):
        for x, cell in enumerate(row.cells, 1):
            write(y, x, as_words(cell), horizontal=sides[x - 1], indent=row.indent if x == 1 else 0)
    end = top + len(table.rows) + 1
    if table.note:
        write(end, 1, table.note)
    for y in {1, end}:
        sheet.merge_cells(start_row=y, start_column=1, end_row=y, end_column=last)
    sheet.row_dimensions[end].height = 15 * (1 + len(table.note) // 110)
    sheet.freeze_panes = sheet.cell(top + 1, 2)
    sheet.print_title_rows = f"{2}:{top}"
    sheet.page_setup.orientation, sheet.page_setup.fitToHeight = "landscape", 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    book.save(path)
