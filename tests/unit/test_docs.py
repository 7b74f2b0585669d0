"""The documents name files that exist, and each page is reached from the first."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TOP = ("src/", "docs/", "tests/", "data_schema/", "workflow/", "notebooks/", "requirements/")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_paths_lead_somewhere(page):
    text = page.read_text("utf-8")
    links = {
        page.parent / target
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
        if "://" not in target
    }
    paths = {ROOT / path for path in re.findall(r"`([\w./]+)`", text) if path.startswith(TOP)}
    assert [str(path) for path in links | paths if not path.exists()] == []


def test_every_page_is_reached_from_the_index():
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    pages = [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "index.md"]
    assert [name for name in pages if f"({name})" not in index] == []
    listed = set(re.findall(r"^(?:.* <)?(\w+)>?$", "".join(index.split("```{toctree}")[1:]), re.M))
    assert [name for name in pages if name.removesuffix(".md") not in listed] == []
