"""The sources that a manuscript cites, as items of CSL JSON."""

import json
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


class Bibliography(dict[str, dict]):
    """Sources by their key, in the order in which they are first cited."""

    def cite(self, item: dict) -> Markup:
        """Note a source and return the mark of its citation."""
        self.setdefault(item["id"], {name: item[name] for name in item if name != "cited"})
        return Markup('<span class="cite" data-key="{}"></span>').format(item["id"])

    def cite_control(self, control: str, source: str) -> Markup:
        """Cite the source of a control: in full where it is among the references, else as it stands."""
        raw = {"id": f"control_{control}", "type": "document", "title": source}
        return self.cite(next((item for item in REFERENCES if item["cited"] == source), raw))

    def mark(self, text: object) -> Markup:
        """Put marks in a text for the sources that it names, in the order of the text."""
        marked = str(escape(text))
        named = [(str(escape(item["cited"])), item) for item in REFERENCES]
        for words, item in sorted((n for n in named if n[0] in marked), key=lambda n: marked.index(n[0])):
            mark = self.cite(item)
            marked = marked.replace(f"({words})", mark).replace(words, mark)
        return Markup(marked)
