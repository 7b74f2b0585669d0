"""Reads the tables and figures of a results folder and writes `report.html` and `supplement.html`."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path

import pandas as pd
import yaml

from prrt_outcomes.figures.figure import INDEX
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.appraisal_chapter import write_appraisal, write_objections
from prrt_outcomes.report.content import Chapter, PageTable, drop_columns, page_table
from prrt_outcomes.report.controls_chapter import write_controls
from prrt_outcomes.report.curves import list_curves
from prrt_outcomes.report.headline import build_headline, describe_limits
from prrt_outcomes.report.methods import describe_methods
from prrt_outcomes.report.patients_chapters import write_endpoints
from prrt_outcomes.report.quality_of_life_chapter import write_quality_of_life
from prrt_outcomes.report.radionuclides_chapter import has_alpha, write_radionuclides
from prrt_outcomes.report.response_chapters import write_responders, write_response
from prrt_outcomes.report.safety_chapter import write_safety
from prrt_outcomes.report.summary_tables import PUBLICATION_TABLES, list_publication_tables
from prrt_outcomes.report.survival_chapter import write_survival
from prrt_outcomes.report.treatment_chapter import write_treatment
from prrt_outcomes.report.warnings_chapter import write_warnings
from prrt_outcomes.tables.files import read_table
from prrt_outcomes.tables.frames import empty_table
from prrt_outcomes.whole_file import write_whole
from prrt_outcomes.wording.numbers import format_date
from prrt_outcomes.wording.terms import name_codes, name_step, spell_name

LARGEST_SVG = 700_000
IDLE = re.compile(r' id="(?:figure|axes|patch|text|line2d|matplotlib|[A-Z][a-zA-Z]*Collection)_[\w.]+"')
NUMBER = re.compile(r"(?<![\w.#])-?\d+\.\d{3,}")
VIEW_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
REPORT_CHAPTERS: dict[str, tuple[str, Callable]] = {
    "warnings": ("What to look at", write_warnings),
    "treatment": ("Treatment", write_treatment),
    "response": ("Response", write_response),
    "radionuclides": ("Radionuclides and size of lesions", write_radionuclides),
    "endpoints": ("Patients and endpoints", write_endpoints),
    "survival": ("Survival", write_survival),
    "responders": ("Responders", write_responders),
    "controls": ("Historical controls", write_controls),
    "safety": ("Safety", write_safety),
    "quality_of_life": ("Quality of life", write_quality_of_life),
    "objections": ("Objections and answers", write_objections),
    "appraisal": ("Estimands and risk of bias", write_appraisal),
}
STAGE_WORDS = {"done": "done", "partial": "in part", "skipped": "skipped"}


def write_report(results_folder: Path | str, study) -> list[Path]:
    """Write two self-contained pages from what a run left on disk; each appears whole or not at all.

    `report.html` answers what is asked first, as `contents.yaml` lists; `supplement.html` holds all.
    """
    results = Path(results_folder)
    pages = render_report(ReportTables(results), read_figures(results / "figures"), study)
    for name, page in pages.items():
        write_whole(results / name, page)
    return [results / name for name in pages]


def render_report(tables: dict[str, pd.DataFrame], figures: dict[str, list[dict]], study) -> dict[str, str]:
    """The two pages by file name; the same input gives the same pages."""
    chapters = {name: build_chapter(name, tables, figures.get(name, []), study) for name in REPORT_CHAPTERS}
    contents = yaml.safe_load((files("prrt_outcomes.report") / "contents.yaml").read_text(encoding="utf-8"))
    chosen = [
        select_for_report(chapters[c["name"]], c, tables, study)
        for c in contents["chapters"]
        if not chapters[c["name"]].skipped  # the section on what is not in the data names it
    ]
    chosen = [c for c in chosen if c.paragraphs or c.figures or c.tables or c.remark]
    return {
        "report.html": explain_abbreviations(render_page(tables, chosen, study, whole=False)),
        "supplement.html": render_page(tables, list(chapters.values()), study, whole=True),
    }


class ReportTables(dict[str, pd.DataFrame]):
    """Result tables of a run by name, read when a chapter asks for them; empty where one is absent."""

    def __init__(self, results: Path) -> None:
        super().__init__()
        self.folder = results / "tables"

    def __missing__(self, name: str) -> pd.DataFrame:
        path = self.folder / f"{name}.csv"
        frame = read_table(path, name) if path.is_file() else empty_table(name)
        counts = frame.select_dtypes("Int64")  # a count that is not known compares as false, as a number does
        self[name] = frame.astype({c: "float64" for c in counts if counts[c].isna().any()})
        return self[name]


def read_figures(folder: Path) -> dict[str, list[dict]]:
    """Read the index of the figures of every chapter, with ``file``, the path from the results folder.

    ``image`` is empty where the figure is only linked or was drawn as pdf alone.
    """
    chapters: dict[str, list[dict]] = {}
    for chapter in REPORT_CHAPTERS:
        index = folder / chapter / INDEX
        chapters[chapter] = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else []
        for entry in chapters[chapter]:
            image, file, size = inline_figure(folder / chapter, entry["name"])
            entry |= {
                "image": image if entry["leading"] else "",
                "file": f"figures/{chapter}/{file}",
                "size": size,
            }
    return chapters


def select_for_report(
    chapter: Chapter, chosen: Mapping, tables: Mapping[str, pd.DataFrame], study
) -> Chapter:
    """What `report.html` shows of a chapter: an entry of `contents.yaml`, and the table made for that page."""
    names = {
        "group": next(iter(study.analysis.group_by), "all"),
        "endpoint": study.endpoints[0].name,
        "criterion": study.response.primary_criterion,
    }
    figures = []
    for pattern in chosen.get("figures", ()):
        wanted = pattern.format(**names)
        found = [f for f in chapter.figures if f["image"] and fnmatchcase(f["name"], wanted)]
        figures += found[:1]
    shown, edits = [], study.report_tables
    for name in sorted(chosen.get("tables", ()), key=lambda n: edits[n].place if n in edits else 0):
        made = [t for t in chapter.tables if t.source == name][:1]
        if name in PUBLICATION_TABLES:
            made = list_publication_tables(name, tables, study)
        gone = chosen.get("left_out", {}).get(name, ())
        shown += [replace(drop_columns(table, gone), open=True) for table in made]
    return replace(
        chapter,
        title=chosen.get("title", chapter.title),
        paragraphs=chapter.paragraphs[: chosen.get("paragraphs", 0)],
        figures=tuple(figures),
        tables=tuple(shown),
        methods=(),
    )


def render_page(tables: Mapping[str, pd.DataFrame], chapters: list[Chapter], study, *, whole: bool) -> str:
    """A page of chapters behind the summary."""
    return fill_template(
        "report.html.j2",
        study=study,
        title=study.title or study.study,
        cutoff=format_date(study.data_cutoff),
        headline=build_headline(tables, study),
        curves=[] if whole else list_curves(tables, study),
        limits="" if whole else describe_limits(tables["objections"], study),
        chapters=chapters,
        losses=attrition_table(tables["attrition"], study),
        stages=stage_table(tables["stages"] if whole else _list_missing(tables["stages"])),
        whole=whole,
    )


def explain_abbreviations(page: str) -> str:
    """A page with a line above its foot on the abbreviations of `abbreviations.yaml` that its text holds."""
    words = yaml.safe_load((files("prrt_outcomes.report") / "abbreviations.yaml").read_text("utf-8"))
    text = re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)
    found = [f"{key}, {meant}" for key, meant in words.items() if re.search(rf"\b{re.escape(key)}\b", text)]
    line = f'<p class="hint">Abbreviations: {"; ".join(found)}.</p>\n' if found else ""
    return page.replace("</main>", f"{line}</main>")


def make_sandbox():
    """Environment for templates of others, which reach nothing but the values that they are given."""
    from jinja2.sandbox import SandboxedEnvironment

    return SandboxedEnvironment(autoescape=True)


def fill_template(name: str, **values: object) -> str:
    """Text of a template with the style of all pages; every value it names must be there."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = files("prrt_outcomes.report") / "templates"
    environment = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    return environment.get_template(name).render(style=style, script=script, **values)


def build_chapter(name: str, tables: Mapping[str, pd.DataFrame], figures: list[dict], study) -> Chapter:
    """Put paragraphs, figures, tables and methods of a chapter together, or say why it is empty."""
    title, write = REPORT_CHAPTERS[name]
    paragraphs, shown = write(tables, study)
    if not paragraphs and not shown and not figures:
        reason = find_reason(tables["stages"], name, "skipped") or "the tables of this chapter have no rows"
        return Chapter(name, title, skipped=reason)
    skipped = find_reason(tables["stages"], name, "skipped")
    remark = skipped or find_reason(tables["stages"], name, "partial")
    more = "radionuclides_alpha" if name == "radionuclides" and has_alpha(tables) else ""
    methods = () if skipped else describe_methods(name, study, more)
    return Chapter(name, title, tuple(paragraphs), tuple(figures), tuple(shown), methods, remark=remark)


def find_reason(stages: pd.DataFrame, stage: str, status: str) -> str:
    """Why a stage has a status; empty where it has another or is not in the table."""
    for row in stages.to_dict("records"):
        if str(row["stage"]) == stage and str(row["status"]) == status:
            known = "no data" if status == "skipped" else ""
            return known if pd.isna(row["reason"]) else name_codes(str(row["reason"]))
    return ""


def attrition_table(attrition: pd.DataFrame, study) -> PageTable:
    """Every loss with its reason; steps that lost nobody are in the file only."""
    lost = attrition[attrition["n_lost"].fillna(0).gt(0)]
    columns = [
        *col.texts({"Step": "step"}, lambda step: name_step(step, study)),
        *col.texts({"Reason": "reason"}, name_codes),
        *col.texts({"Table": "table"}, spell_name),
        *col.texts({"Unit": "unit"}),
        *col.counts({"Before": "n_before", "Lost": "n_lost", "After": "n_after"}),
    ]
    note = "Steps that lost nothing are left out here; they are in the file."
    return page_table("Losses", "attrition", lost, columns, note)


def stage_table(stages: pd.DataFrame) -> PageTable:
    """How far each stage came."""
    columns = [
        *col.texts({"Stage": "stage"}, spell_name),
        *col.texts({"Status": "status"}, lambda status: STAGE_WORDS.get(status, status)),
        *col.texts({"Reason": "reason"}, name_codes),
    ]
    return page_table("Stages of the run", "stages", stages, columns)


def _list_missing(stages: pd.DataFrame) -> pd.DataFrame:
    """Stages that had not all their data."""
    return stages[~stages["status"].astype("string").eq("done")]


def inline_figure(folder: Path, name: str) -> tuple[str, str, tuple[int, ...]]:
    """Data address of a figure, the name of the file that the page links to, and width and height of an svg in points.

    The svg where it is not too large, else the png; empty where only a pdf was drawn.
    """
    svg, png, pdf = (folder / f"{name}.{kind}" for kind in ("svg", "png", "pdf"))
    best = pdf if pdf.is_file() else svg if svg.is_file() else png
    if svg.is_file():
        text = shorten_svg(svg.read_text(encoding="utf-8"))
        if len(text) <= LARGEST_SVG or not png.is_file():
            box = VIEW_BOX.search(text)
            size = tuple(round(float(part)) for part in box.groups()) if box else ()
            return _data_address("image/svg+xml", text.encode()), best.name, size
    if png.is_file():
        return _data_address("image/png", png.read_bytes()), best.name, ()
    return "", best.name, ()


def shorten_svg(text: str) -> str:
    """Round coordinates, not numbers of the text, to a hundredth of a point and drop comments and idle names."""
    text = text[text.index("<svg") :] if "<svg" in text else text
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = IDLE.sub("", text)
    text = re.sub(r"<[^>]*>", lambda tag: NUMBER.sub(_round_coordinate, tag.group()), text)
    return re.sub(r"\s*\n\s*", "\n", text)


def _round_coordinate(found: re.Match) -> str:
    """Two decimals."""
    return f"{float(found.group()):.2f}".rstrip("0").rstrip(".")


def _data_address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
