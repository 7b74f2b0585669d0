"""Writes the manuscript of a finished run: Word and PDF, each table and figure alone, legends and bibliography."""

import json
import os
import re
import shutil
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from prrt_outcomes.errors import StepError, UsageError
from prrt_outcomes.manuscript.content import compose
from prrt_outcomes.manuscript.names import fill_word_template
from prrt_outcomes.manuscript.table_files import write_csv, write_workbook
from prrt_outcomes.report.write import ReportTables, fill_template

NEEDED = {"pypandoc": "pypandoc_binary", "typst": "typst", "docxtpl": "docxtpl"}
EPOCH = 1577836800  # 2020-01-01: the same tables give the same bytes
ROW = re.compile(rb"<w:tr>(?!\s*<w:trPr)")
SECTION = re.compile(rb"<w:sectPr>(<w:pgSz [^>]*/>)</w:sectPr>")  # of crossrefs.lua: page size alone
SIZE, LYING = re.compile(rb"<w:pgSz [^>]*>"), b'<w:pgSz w:w="16838" w:h="11906" w:orient="landscape"/>'
SHARED = re.compile(rb"<w:(?:footerReference|pgMar) [^>]*/>")  # what the last section has beside it
DATE = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
DOCX, PDF, FOLDER = "manuscript.docx", "manuscript.pdf", "manuscript"


def write_manuscript(results: Path, study, template: Path | None = None) -> list[Path]:
    """Write `manuscript.docx`, `manuscript.pdf` and the folder `manuscript` into a results folder.

    template : a Word file with names such as `{{ km.pfs.all.median }}`; the filled file lies in the folder, too
    Raises UsageError where libraries are not installed or the template is none; StepError where a program fails;
    InputError when the template has an unknown name.
    """
    if missing := " ".join(library for name, library in NEEDED.items() if find_spec(name) is None):
        raise UsageError(f"a manuscript needs more libraries: pip install {missing}, or `make manuscript`")
    values = compose(results, study)
    with TemporaryDirectory(dir=results, prefix=f".{FOLDER}") as made:
        folder, own = Path(made), Path(made) / FOLDER
        own.mkdir()
        if template:
            fill_word_template(template, own / template.name, ReportTables(results))
        _write_sources(folder, values)
        _write_documents(folder, [e for e in values["exhibits"] if e["table"]])
        turned = {e["id"] for e in values["exhibits"] if e["table"] and len(e["table"].columns) > 9}
        for path in (folder / DOCX, *own.glob("*.docx"), *own.glob("*.xlsx")):
            settle(path, whole_rows=not template or path.name != template.name, turned=path.stem in turned)
        shutil.rmtree(results / FOLDER, ignore_errors=True)
        for name in (DOCX, PDF, FOLDER):
            os.replace(folder / name, results / name)
    return [results / DOCX, results / PDF, *sorted((results / FOLDER).iterdir())]


def _write_sources(folder: Path, values: dict) -> None:
    """What pandoc and typst read: text, pictures, sources, styles."""
    code = shutil.ignore_patterns("*.py", "__pycache__")
    shutil.copytree(Path(__file__).parent, folder, ignore=code, dirs_exist_ok=True)
    pages: dict[str, dict] = {FOLDER: {}, "legends": {"legends": True}}
    for e in values["exhibits"]:
        if e["table"]:
            pages[e["id"]] = {"single": e}
        for file in e["figure"]["files"] if e["figure"] else ():
            for place in (folder, folder / FOLDER):
                shutil.copyfile(file, place / f"{e['id']}{file.suffix}")
    for name, own in pages.items():
        page = fill_template("manuscript.html.j2", **values | own)
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    entries = json.dumps(list(values["bibliography"].values()), ensure_ascii=False, indent=1)
    (folder / FOLDER / "references.json").write_text(entries, encoding="utf-8")


def _write_documents(folder: Path, tables: list[dict]) -> None:
    """All documents; those of pandoc beside each other."""
    import pypandoc
    import typst

    program, sources = pypandoc.get_pandoc_path(), f"{FOLDER}/references.json"
    word = ("-t", "docx", "--reference-doc=house.docx", "--lua-filter=crossrefs.lua")
    cited = (f"--bibliography={sources}", "--csl=numbered.csl")
    latex = (
        "-t",
        "latex",
        "-s",
        "-V",
        "geometry:margin=2cm",
        "-V",
        "fontsize=10pt",
        "--lua-filter=crossrefs.lua",
    )
    typeset = ("-t", "typst-citations", "-s", "--lua-filter=crossrefs.lua", "-H", "head.typ", *cited)
    jobs = [
        ("manuscript.html", DOCX, *word, *cited),
        ("manuscript.html", "manuscript.typ", *typeset),
        ("legends.html", f"{FOLDER}/legends.docx", *word),
        (sources, f"{FOLDER}/references.bib", "-f", "csljson", "-t", "bibtex"),
        *((f"{e['id']}.html", f"{FOLDER}/{e['id']}.docx", *word) for e in tables),
        *((f"{e['id']}.html", f"{FOLDER}/{e['id']}.tex", *latex) for e in tables),
    ]

    environment = os.environ | {"SOURCE_DATE_EPOCH": str(EPOCH)}

    def run(job: tuple[str, ...]) -> None:
        call = [program, job[0], "-o", *job[1:]]
        subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, check=True)

    letters = str(distribution("matplotlib").locate_file("matplotlib/mpl-data/fonts/ttf"))  # of the figures
    for e in tables:
        write_csv(folder / FOLDER / f"{e['id']}.csv", e["table"])
        write_workbook(folder / FOLDER / f"{e['id']}.xlsx", e["id"], e["table"], e["measures"])
        shutil.copyfile(folder / f"{e['id']}.html", folder / FOLDER / f"{e['id']}.html")
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(run, jobs))
        listed, entries = folder / FOLDER / "references.bib", (folder / sources).read_text("utf-8")
        listed.write_text(complete_bibtex(listed.read_text("utf-8"), json.loads(entries)), encoding="utf-8")
        paths = (str(folder / "manuscript.typ"), str(folder / PDF))
        set_pdf = partial(typst.compile, *paths, font_paths=[letters], timestamp=EPOCH)
        try:
            set_pdf(pdf_standards=["ua-1"])
        except typst.TypstError:  # a letter that no font of this machine has: set, but not accessible
            set_pdf()
    except (subprocess.CalledProcessError, typst.TypstError) as error:
        raise StepError(f"the manuscript cannot be set: {getattr(error, 'stderr', '') or error}") from error


def complete_bibtex(text: str, items: list[dict]) -> str:
    """A bibliography as pandoc writes it, with the doi of its items, and `others` for authors not named."""
    for item in (item for item in items if "DOI" in item):
        head = f"{{{item['id']},\n"
        text = text.replace(head, f"{head}  doi = {{{item['DOI']}}},\n")
    return text.replace("{et al}", "others")


def settle(path: Path, *, whole_rows: bool = False, turned: bool = False) -> None:
    """Write a Word or Excel file anew without its time, so that no row of a table runs over a page, or lying."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in parts.items():
            same = ROW.sub(b"<w:tr><w:trPr><w:cantSplit/></w:trPr>", content) if whole_rows else content
            footer, margins = [*SHARED.findall(same), b"", b""][:2]
            same = SECTION.sub(rb"<w:sectPr>" + footer + rb"\g<1>" + margins + rb"</w:sectPr>", same)
            same = SIZE.sub(LYING, same) if turned else same
            same = DATE.sub(rb"\g<1>2020-01-01T00:00:00Z", same) if name.endswith("core.xml") else same
            new.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), same, zipfile.ZIP_DEFLATED)
