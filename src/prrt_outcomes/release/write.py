"""Writes a release of a finished run: tables, figures and pages drawn from them, and what was left out."""

import hashlib
import json
import os
import shutil
import warnings
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from prrt_outcomes.errors import StepError, UsageError
from prrt_outcomes.figures.chapters import CHAPTERS, draw_chapter
from prrt_outcomes.figures.save import save_figures
from prrt_outcomes.manuscript.documents import DOCX, NEEDED, write_manuscript
from prrt_outcomes.provenance import hold_made, list_made
from prrt_outcomes.release.rules import RULES
from prrt_outcomes.release.tables import RELEASED, Release, release_tables
from prrt_outcomes.report.write import ReportTables, write_report
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.files import write_table

LIST, README, PROVENANCE = "released.csv", "README.md", "provenance.json"
# What a run leaves that is of single patients, or says where and when it ran.
LEFT_OUT = {
    "single_patients": ("cohort", "derived", "per_patient", "logs", "benchmarks", "problems.csv", ".snakemake",
                        "figures/response/swimmer", "figures/response/waterfall"),
    "steps": ("figures/endpoints/interval_censored",),
    "free_text": ("provenance.json: inputs, outputs, paths, filters",),
}  # fmt: skip


def write_release(results: Path, out: Path) -> tuple[Path, bool]:
    """Write the release of the run in `results` to `out`, whole or not at all; an earlier release there is replaced.

    Returns the folder, and whether any row of results could be shown. Raises UsageError where `out` is no place for a
    release; StepError where `results` holds no finished run, or one that was changed since.
    """
    if not (results / PROVENANCE).is_file() or not (results / "report.html").is_file():
        raise StepError(f"{results} holds no finished run; first: prrt-outcomes run STUDY")
    _check_place(results, out)
    hold_made(results, list_made(results))
    described = json.loads((results / PROVENANCE).read_text(encoding="utf-8"))
    study = Study.model_validate(described["study"])
    minimum = study.disclosure.minimum_count
    tables, release = release_tables(ReportTables(results), minimum, study.analysis.confidence.level)
    name = f"{study.title or study.study}: release, counts under {minimum} suppressed"
    shown = study.model_copy(update={"title": name})
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=".release") as made:
        folder = Path(made) / "release"
        _write_results(folder, tables, shown, release, with_manuscript=(results / DOCX).is_file())
        _write_account(folder, release, described, study)
        shutil.rmtree(out, ignore_errors=True)
        os.replace(folder, out)
    return out, bool(release.sizes.get(("all", "all"), 0) >= 2 * minimum)


def _check_place(results: Path, out: Path) -> None:
    """A release lies outside the results of the run, and takes the place of nothing but an earlier release."""
    place, run = out.resolve(), results.resolve()
    if place.is_relative_to(run) or run.is_relative_to(place):
        raise UsageError(
            f"{out} and the results folder lie in each other; choose another place for the release"
        )
    if out.exists() and not (out / LIST).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists and is no release; choose another place, or remove it")


def _write_results(
    folder: Path, tables: dict[str, pd.DataFrame], study: Study, release: Release, *, with_manuscript: bool
) -> None:
    """Tables, figures, pages and manuscript, each made from the tables of the release alone."""
    (folder / "tables").mkdir(parents=True)
    for name, table in tables.items():
        write_table(folder / "tables" / f"{name}.csv", name, table)
    read = ReportTables(folder)
    formats, dpi = study.figures.formats, study.figures.dpi
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Removed [0-9]+ rows")  # what is suppressed is not drawn
        for chapter, (inputs, _) in CHAPTERS.items():
            figures = draw_chapter(chapter, {name: read[name] for name in inputs if name in tables}, study)
            place = folder / "figures" / chapter
            skipped: list[str] = []
            save_figures(iter(figures.values()), place, formats, dpi, study.figures.style, skipped=skipped)
            for figure in skipped:
                release.add(f"figures/{chapter}/{figure}", "", "all", "", "removed", pd.NA, "empty_figure")
    write_report(folder, study)
    if with_manuscript and all(find_spec(library) for library in NEEDED):
        write_manuscript(folder, study)


def _write_account(folder: Path, release: Release, described: dict, study: Study) -> None:
    """What was done, in `released.csv` and in words, and the part of the provenance that names nobody."""
    for rule, places in LEFT_OUT.items():
        for place in places:
            release.add(place, "", "all", "", "removed", pd.NA, rule)
    done = pd.DataFrame(release.done, columns=RELEASED)
    done.to_csv(folder / LIST, index=False, lineterminator="\n")
    outputs = {
        f"tables/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "tables").iterdir())
    }
    kept = {name: described["study"][name] for name in RULES["sections"]}
    versions = {name: described[name] for name in ("prrt_outcomes", "python", "libraries", "code")}
    text = json.dumps({**versions, "settings": kept, "outputs": outputs}, indent=2, sort_keys=True)
    (folder / PROVENANCE).write_text(text + "\n", encoding="utf-8")
    least = study.disclosure.minimum_count
    lines = [
        line.format(minimum=least, hidden=least + (least - 1) // 2, twice=2 * least)
        for line in RULES["readme"]
    ]
    lines += [f"- `{name}`: {words}" for name, words in RULES["rules"].items()]
    if release.sizes.get(("all", "all"), 0) < 2 * least:
        lines.append(f"\nThis cohort has fewer than {2 * least} patients: no result of it can be shown.")
    (folder / README).write_text("\n".join(lines) + "\n", encoding="utf-8")
