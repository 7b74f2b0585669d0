"""Reads the tables and figures of a results folder and writes `report.html`."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from prrt_outcomes.report.account import attrition_table, stage_table
from prrt_outcomes.report.chapters import REPORT_CHAPTERS, build_chapter
from prrt_outcomes.report.content import PageFigure
from prrt_outcomes.report.headline import build_headline
from prrt_outcomes.report.images import inline_figure, list_figures
from prrt_outcomes.wording.numbers import format_date

if TYPE_CHECKING:
    import pandas as pd

REPORT_INPUTS = (
    "stages",
    "attrition",
    "response_rates",
    "response_concordance",
    "response_differences",
    "baseline",
    "estimands",
    "estimand_comparison",
    "subgroups",
    "sensitivity",
    "scan_interval_test",
    "hazard_ratio_periods",
    "km_summary",
    "milestones",
    "logrank",
    "rmst_difference",
    "cox",
    "cox_diagnostics",
    "competing_risks",
    "competing_tests",
    "responders",
    "responder_bias",
    "controls",
    "control_balance",
    "control_comparability",
    "control_verdicts",
    "reconstruction_quality",
    "claims",
    "safety_grades",
    "safety_rates",
    "treatment_delivery",
)


def write_report(results_folder: Path | str, study) -> Path:
    """Write one self-contained page from what a run left on disk.

    Parameters
    ----------
    results_folder : holds `tables/*.csv` and `figures/<chapter>/*`; a missing table counts as empty
    study : settings and titles

    Returns
    -------
    Path
        of `report.html`; it appears whole or not at all.
    """
    results = Path(results_folder)
    tables = read_report_tables(results)
    page = render_report(tables, read_figures(results / "figures"), study)
    path = results / "report.html"
    unfinished = results / ".report.html.unfinished"
    unfinished.write_text(page, encoding="utf-8")
    os.replace(unfinished, path)
    return path


def read_report_tables(results: Path) -> dict[str, pd.DataFrame]:
    """Read every table of `REPORT_INPUTS`, empty where it is absent."""
    from prrt_outcomes.tables.files import read_table
    from prrt_outcomes.tables.frames import empty_table

    tables = {}
    for name in REPORT_INPUTS:
        path = results / "tables" / f"{name}.csv"
        tables[name] = read_table(path, name) if path.is_file() else empty_table(name)
    return tables


def read_figures(folder: Path) -> dict[str, list[PageFigure]]:
    """Read the figures of every chapter for the page."""
    chapters = {}
    for chapter in REPORT_CHAPTERS:
        figures = []
        for entry in list_figures(folder / chapter):
            image, file = inline_figure(folder / chapter, entry["name"])
            figures.append(
                PageFigure(
                    entry["name"],
                    entry["caption"],
                    entry["alternative_text"],
                    image if entry["leading"] else "",
                    f"figures/{chapter}/{file}",
                    tuple(entry["tables"]),
                    entry["leading"],
                )
            )
        chapters[chapter] = figures
    return chapters


def render_report(tables: dict[str, pd.DataFrame], figures: dict[str, list[PageFigure]], study) -> str:
    """Fill the template; the same input gives the same page."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = files("prrt_outcomes.report") / "templates"
    environment = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        study=study,
        title=study.title or study.study,
        cutoff=format_date(study.data_cutoff),
        headline=build_headline(tables, study),
        chapters=[build_chapter(name, tables, figures.get(name, []), study) for name in REPORT_CHAPTERS],
        losses=attrition_table(tables["attrition"]),
        stages=stage_table(tables["stages"]),
        style=(folder / "report.css").read_text(encoding="utf-8"),
    )
