"""The documentation site as `make docs` built it: links and anchors, no request elsewhere, every public name."""

import dataclasses
import importlib
import pkgutil
import re
import typing
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import prrt_outcomes

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build" / "docs"
PAGES = sorted(SITE.rglob("*.html"))
LOADED = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data"}

pytestmark = pytest.mark.skipif(not PAGES, reason="`make docs` builds the site")


class Page(HTMLParser):
    """Anchors of a page, where its links lead, and what it loads."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), set(), set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.add(given["href"])
        if LOADED.get(tag) in given:
            self.loaded.add(given[LOADED[tag]])


@pytest.fixture(scope="module")
def pages():
    return {path: Page(path) for path in PAGES}


def test_every_link_leads_to_a_page_and_every_anchor_to_a_place(pages):
    lost = []
    for path, page in pages.items():
        for link in page.links | page.loaded:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            known = pages[target].anchors | {""} if target in pages else {place}
            if not target.is_file() or place not in known:
                lost.append((path.name, link))
    assert lost == []


def test_nothing_is_loaded_from_another_server(pages):
    assert [link for page in pages.values() for link in page.loaded if urlsplit(link).netloc] == []
    styles = "".join(path.read_text("utf-8") for path in SITE.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^\"')]*", styles) == []


def test_every_page_of_docs_is_in_the_site():
    pages = {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}
    assert pages <= {path.relative_to(SITE).with_suffix("") for path in PAGES}


def list_results(function):
    """Frozen results that a function returns, also within tuples and dictionaries."""
    found = [] if isinstance(function, type) else [typing.get_type_hints(function)["return"]]
    for kind in found:
        found += typing.get_args(kind)
    return {kind for kind in found if dataclasses.is_dataclass(kind)}


def test_every_public_name_and_result_has_its_docstring(pages):
    anchors = set().union(*(page.anchors for path, page in pages.items() if path.parent.name == "api"))
    names = set()
    for entry in pkgutil.iter_modules(prrt_outcomes.__path__, "prrt_outcomes."):
        package = importlib.import_module(entry.name)
        for name in dir(package) if hasattr(package, "__getattr__") else ():
            names.add(f"{entry.name}.{name}")
            if entry.name == "prrt_outcomes.statistics":
                results = list_results(getattr(package, name))
                names |= {f"{kind.__module__}.{kind.__name__}" for kind in results}
    assert len(names) > 80
    assert sorted(names - anchors) == []
