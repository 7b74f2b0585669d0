"""The sources that a manuscript cites, as items of CSL JSON."""

import json
import re
from pathlib import Path

from markupsafe import Markup, escape

from prrt_outcomes.report.methods import CITATIONS

REFERENCES: list[dict] = json.loads(Path(__file__).with_name("references.json").read_text("utf-8"))
"""Sources of the methods, with `cited`, the words by which a text names them."""
PLAIN = {source: key for key, source in CITATIONS.items()}.items() - {
    (r["cited"], r["id"]) for r in REFERENCES
}
REFERENCES += [
    {"id": key, "cited": source, "type": "document", "title": source} for source, key in sorted(PLAIN)
]

PUBLICATION = re.compile(
    r"(?P<family>\D+?),? (?P<year>\d{4}),? (?P<journal>[A-Za-z][A-Za-z ]*?)"
    r"(?: (?P<volume>\d+)(?:\((?P<issue>\d+)\))?(?::(?P<page>\w+))?)?(?: \(.*\))?"
)
JOURNALS = {
    "CCR": "Clin Cancer Res",
    "EJC": "Eur J Cancer",
    "EJE": "Eur J Endocrinol",
    "EJNMMI": "Eur J Nucl Med Mol Imaging",
    "JCO": "J Clin Oncol",
    "NEJM": "N Engl J Med",
}


def read_citation(words: str, key: str, doi: str = "") -> dict:
    """The reference that a citation such as `Pavel 2011, Lancet 378:2005` means, else an item of its parts.

    A citation in other words is a document with them as title. What the citation does not tell stays away.
    """
    found = PUBLICATION.fullmatch(words)
    if not found:
        parts: dict[str, object] = {"type": "document", "title": words}
    else:
        parts = {
            "type": "article-journal",
            "author": [{"family": found["family"]}, {"literal": "et al"}],
            "container-title": JOURNALS.get(found["journal"], found["journal"]),
            "issued": {"date-parts": [[int(found["year"])]]},
            **{name: found[name] for name in ("volume", "issue", "page")},
        }
    item = {name: part for name, part in {"id": key, **parts, "DOI": doi}.items() if part}
    same = (known for known in REFERENCES if "page" in item and _place(known) == _place(item))
    return next(same, item)


def _place(item: dict) -> tuple:
    """Where a publication stands: first author, year, journal, volume and first page."""
    author, page = item.get("author", [{}])[0].get("family"), item.get("page", "").partition("-")[0]
    return author, item.get("issued"), item.get("container-title"), item.get("volume"), page


class Bibliography(dict[str, dict]):
    """Sources by their key, in the order in which they are first cited."""

    def cite(self, item: dict) -> Markup:
        """Note a source and return the mark of its citation."""
        self.setdefault(item["id"], {name: item[name] for name in item if name != "cited"})
        return Markup('<span class="cite" data-key="{}"></span>').format(item["id"])

    def cite_control(self, control: str, source: str, doi: str = "") -> Markup:
        """Cite the source of a control by its citation."""
        return self.cite(read_citation(source, f"control_{control}", doi))

    def mark(self, text: object) -> Markup:
        """Put marks in a text for the sources that it names, in the order of the text."""
        marked = str(escape(text))
        named = [(str(escape(item["cited"])), item) for item in REFERENCES]
        for words, item in sorted((n for n in named if n[0] in marked), key=lambda n: marked.index(n[0])):
            mark = self.cite(item)
            marked = marked.replace(f"({words})", mark).replace(words, mark)
        return Markup(marked)
