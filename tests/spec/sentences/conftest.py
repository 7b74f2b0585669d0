"""The sentences of a report: what a reader sees of paragraphs, captions, lists and cells."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from prrt_outcomes import steps
from prrt_outcomes.figures.chapters import CHAPTER_INPUTS, draw_chapter
from prrt_outcomes.report.write import ReportTables, render_report
from prrt_outcomes.study.load import load_study

BLOCKS = {"h1", "h2", "dt", "dd", "p", "figcaption", "li", "summary", "th", "td"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-sentences",
        action="store_true",
        default=False,
        help="write the texts of tests/spec/sentences",
    )


@pytest.fixture
def sentences_of():
    """Blocks of the pages of a run, as (tag, text), from its study and results folders."""
    return lambda study, results: Sentences(render_page(results, load_study(study))).found


def render_page(results: Path, study) -> str:
    """The pages of a run with the words of its figures; pictures are left out."""
    figures = {}
    for chapter in steps.CHAPTERS:
        drawn = draw_chapter(chapter, steps.read_tables(CHAPTER_INPUTS[chapter], results), study)
        figures[chapter] = [
            f.describe() | {"image": "data:,", "file": "figure.svg", "size": ()} for f in drawn.values()
        ]
    return "".join(render_report(ReportTables(results), figures, study).values())


class Sentences(HTMLParser):
    """Collects the text of blocks as (tag, text), without links to files and counts of rows.

    A paragraph of what is folded (methods, notes under tables) has the tag ``note``.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._open, self._text, self._skipped, self._depth = "", "", "", 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        """Open a block; what describes an image is a block of its own."""
        attributes = dict(attrs)
        if tag == "img":
            self.found.append(("alt", attributes["alt"]))
        self._depth += tag == "details"
        if tag in BLOCKS:
            self._open, self._text = tag, ""
        source = tag == "span" and attributes.get("class") in ("source", "count")
        link = tag == "a" and attributes.get("class") != "number" and self._open == "p"
        if (source or link) and not self._skipped:
            self._skipped = tag

    def handle_data(self, data):
        """Add to the open block."""
        if not self._skipped:
            self._text += data

    def handle_endtag(self, tag):
        """Close a block or what is skipped."""
        if tag == self._skipped:
            self._skipped = ""
        self._depth -= tag == "details"
        if tag == self._open:
            kind = "note" if self._depth and tag == "p" else tag
            self.found.append((kind, self._text.strip()))
            self._open = ""
