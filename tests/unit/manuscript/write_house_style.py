"""Writes `house.docx`, the styles of the manuscript: those of pandoc with the page, letters and rules of a journal.

python tests/unit/manuscript/write_house_style.py
"""

import subprocess
from pathlib import Path

import docx
import pypandoc
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Cm, Pt, RGBColor

from prrt_outcomes.manuscript.documents import settle

TARGET = Path(__file__).parents[3] / "src" / "prrt_outcomes" / "manuscript" / "house.docx"
SIZES = {
    "Normal": 10,
    "Body Text": 10,
    "Title": 18,
    "Heading 1": 14,
    "Heading 2": 11,
    "Compact": 7.5,
    "Table Caption": 9,
    "Image Caption": 9,
    "Table Note": 8,
    "Bibliography": 9,
}


def write_house_style(path: Path) -> None:
    call = [pypandoc.get_pandoc_path(), "--print-default-data-file", "reference.docx"]
    path.write_bytes(subprocess.run(call, capture_output=True, check=True).stdout)
    house = docx.Document(str(path))
    house.styles.add_style("Table Note", WD_STYLE_TYPE.PARAGRAPH).base_style = house.styles["Body Text"]
    for style in house.styles:
        if style.type != WD_STYLE_TYPE.PARAGRAPH:
            continue
        style.font.name, style.font.color.rgb = "Arial", RGBColor(0, 0, 0)
        fonts = style.element.rPr.find(qn("w:rFonts"))
        for theme in [name for name in fonts.attrib if "Theme" in name]:
            del fonts.attrib[theme]
        if style.name in SIZES:
            style.font.size = Pt(SIZES[style.name])
    compact = house.styles["Compact"].paragraph_format
    compact.space_before = compact.space_after = Pt(1)
    house.styles["Table Caption"].paragraph_format.keep_with_next = True
    edges = "".join(f'<w:{edge} w:val="single" w:sz="8"/>' for edge in ("top", "bottom"))
    sides = "".join(f'<w:{side} w:w="50" w:type="dxa"/>' for side in ("left", "right"))
    rules = house.styles["Table"].element.find(qn("w:tblPr"))
    rules.insert(0, parse_xml(f"<w:tblBorders {nsdecls('w')}>{edges}</w:tblBorders>"))
    margins = rules.find(qn("w:tblCellMar"))
    if margins is not None:
        rules.remove(margins)
    rules.append(parse_xml(f"<w:tblCellMar {nsdecls('w')}>{sides}</w:tblCellMar>"))
    # Words of tables are parted where a column is narrow; those of the text are not.
    house.settings.element.find(qn("w:defaultTabStop")).addnext(OxmlElement("w:autoHyphenation"))
    for name in ("Body Text", "First Paragraph", "Bibliography"):
        house.styles[name].element.get_or_add_pPr().insert(0, OxmlElement("w:suppressAutoHyphens"))
    for section in house.sections:
        foot = section.footer.paragraphs[0]
        foot.alignment = WD_ALIGN_PARAGRAPH.CENTER
        foot._p.append(
            parse_xml(f"<w:fldSimple {nsdecls('w')} w:instr='PAGE'><w:r><w:t>1</w:t></w:r></w:fldSimple>")
        )
        section.page_width, section.page_height = Cm(21), Cm(29.7)
        section.left_margin = section.right_margin = Cm(2.2)
    house.save(str(path))
    settle(path)


if __name__ == "__main__":
    write_house_style(TARGET)
