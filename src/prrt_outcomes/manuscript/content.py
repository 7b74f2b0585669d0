"""What a manuscript says: the sentences, tables and figures of the report in sections, numbered."""

import re
from collections import Counter
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import yaml
from markupsafe import Markup
from PIL import Image

from prrt_outcomes.controls.library import find_arm
from prrt_outcomes.manuscript.citations import Bibliography
from prrt_outcomes.report.content import PageTable
from prrt_outcomes.report.headline import build_headline, describe_limits
from prrt_outcomes.report.write import (
    REPORT_CHAPTERS,
    ReportTables,
    build_chapter,
    read_figures,
    select_for_report,
)
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording import numbers, terms

PAGE_CM = (16.5, 20.0)  # what a figure may fill
CONTENTS: dict = yaml.safe_load(Path(__file__).with_name("contents.yaml").read_text("utf-8"))


def compose(results: Path, study) -> dict:
    """What the template of the manuscript shows of a run, by name, with `exhibits` and `bibliography`.

    A figure is shown where there is a png of it, in the PDF by its svg.
    """
    tables, figures = ReportTables(results), read_figures(results / "figures")
    counts, shown = Counter[str](), list[dict]()
    chapters = {name: build_chapter(name, tables, figures.get(name, []), study) for name in REPORT_CHAPTERS}
    # The sentences on survival have the follow-up of each endpoint.
    tiles = {tile.title: tile for tile in build_headline(tables, study, follow_up=False)}
    parts: dict[str, list] = {"results": [], "supplement": []}
    for part, mark in (("results", ""), ("supplement", "S")):
        for chosen in (c for c in CONTENTS[part] if not chapters[c["name"]].skipped):
            chapter = select_for_report(chapters[chosen["name"]], chosen, tables, study)
            before = {e["caption"] for e in shown}
            for figure in chapter.figures:
                paths = ((results / figure["file"]).with_suffix(kind) for kind in (".png", ".svg"))
                figure["files"] = [path for path in paths if path.is_file()]
            pictures = (f for f in chapter.figures if f["files"] and f["files"][0].suffix == ".png")
            own: tuple = (*(t for t in chapter.tables if t.rows and t.title not in before), *pictures)
            exhibits = [_number(one, mark, counts, shown) for one in own]
            parts[part].append((chapter, exhibits))
            shown += exhibits
    first = {chosen["name"]: chapters[chosen["name"]] for chosen in CONTENTS["results"]}
    return {
        **{"study": study, "version": version("prrt-outcomes"), "numbers": numbers, "terms": terms, **parts},
        **{
            "chapters": first | chapters,
            "summary": CONTENTS["abstract"],
            "find_arm": find_arm,
            "tiles": tiles,
            "exhibits": shown,
        },
        **{
            "limits": describe_limits(tables["objections"], study),
            "counts": counts,
            "bibliography": Bibliography(),
        },
    }


def _number(one: PageTable | dict, mark: str, counts: Counter, shown: list[dict]) -> dict:
    """A table or a figure with its identifier, such as `Table1` or `FigureS2`, and what the template shows of it.

    `measures` are the widths of the columns in per cent, or that of the figure in cm, so that it stays within a page.
    """
    kind = f"{'Figure' if isinstance(one, dict) else 'Table'}{mark}"
    counts[kind] += 1
    exhibit = {"id": f"{kind}{counts[kind]}", "table": None, "figure": None}
    if not isinstance(one, dict):
        cut = _cut(one, shown)
        measures = {"sources": one.sources, "measures": measure_columns(cut)}
        return exhibit | measures | {"caption": one.title, "table": cut}
    with Image.open(one["files"][0]) as picture:
        width = round(min(PAGE_CM[0], PAGE_CM[1] * picture.width / picture.height), 1)
    return exhibit | {"caption": one["caption"], "sources": one["tables"], "figure": one, "measures": [width]}


def _cut(table: PageTable, shown: list[dict]) -> PageTable:
    """A table without columns that are empty; items of reporting with where their table is shown."""
    titles = [c.title for c in table.columns]
    rows = [list(row.cells) for row in table.rows]
    kept = [i for i, t in enumerate(titles) if any(as_words(cells[i]) for cells in rows)]
    if table.source == "reporting_items":
        at, where = titles.index("Table"), dict[object, list[str]]()
        for name, source in ((e["id"], source) for e in shown for source in e["sources"]):
            mark = f'<span class="ref" data-key="{name}"></span>'
            where.setdefault(load_schema(source).title, []).append(mark)
        for cells in rows:
            cells[titles.index("Chapter")] = CONTENTS["items"][str(cells[0]).split()[0]][str(cells[1])]
            cells[at] += Markup(f" ({', '.join(where[cells[at]])})") if cells[at] in where else ""  # type: ignore[operator]
    picked = tuple(r._replace(cells=[own[i] for i in kept]) for r, own in zip(table.rows, rows, strict=True))
    columns = (replace(table.columns[i], title=titles[i].replace("Chapter", "Section")) for i in kept)
    return replace(table, columns=tuple(columns), rows=picked)


def as_words(cell: object) -> str:
    """A cell or a paragraph as the reader sees it."""
    return re.sub(r"<[^>]+>", "", str(getattr(cell, "text", cell)))


def measure_columns(table: PageTable) -> list[float]:
    """Widths of the columns in per cent: room for the longest word, numbers in one line, more for long texts."""
    weights = []
    for i, column in enumerate(table.columns):
        texts = [as_words(row.cells[i]) for row in table.rows]
        words, lengths = (
            [word for text in (column.title, *texts) for word in text.split(" ")],
            [*map(len, texts), 1],
        )
        long = max(2.6 * max(lengths) ** 0.5, sum(lengths) / len(lengths) / 2)
        whole = min(max(lengths), 26 if column.numeric else 20) + 2.5
        most = 34 if len(table.columns) < 10 else 12  # of many columns long headings are parted
        weights.append(max(min(1.25 * max(map(len, words)), most) + 2.5, whole, long))
    return [round(100 * weight / sum(weights), 1) for weight in weights]
