"""The steps of a run: each reads its tables, calls its stage and writes what comes back; only here they meet disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from prrt_outcomes.errors import InputError, Problem, StepError, UsageError, has_errors
from prrt_outcomes.provenance import hold_made, note_made
from prrt_outcomes.tables.schema import list_tables, load_schema, schema_path
from prrt_outcomes.whole_file import write_whole

if TYPE_CHECKING:
    import pandas as pd

    from prrt_outcomes.cohort.read import CohortResult
    from prrt_outcomes.fingerprint import Code
    from prrt_outcomes.study.model import Study

STAGES = (
    "cohort", "treatment", "response", "radionuclides", "endpoints", "survival", "responders", "controls", "safety",
    "quality_of_life", "appraisal",
)  # fmt: skip
CHAPTERS = tuple(stage for stage in STAGES if stage not in ("cohort", "treatment", "appraisal"))
# Steps that note the files they leave in a results folder.
NOTED = (*STAGES, *(f"figures_{name}" for name in CHAPTERS), "warnings", "accounts", "provenance", "report")
# Sections of the study file that figures use.
FIGURE_SETTINGS = (
    "title", "synthetic", "figures", "endpoints", "analysis", "response", "controls", "disclosure",
)  # fmt: skip
FOLDERS = {"input": ("cohort", "parquet"), "derived": ("derived", "parquet"), "results": ("tables", "csv")}
PER_PATIENT = ("per_patient", "csv")  # result tables that name patients stand apart


def table_path(name: str) -> Path:
    """Path of a table inside a results folder; its kind, and whether it names patients, decide folder and format."""
    schema = load_schema(name)
    names_patients = schema.kind == "results" and "patient_id" in schema.names
    folder, suffix = PER_PATIENT if names_patients else FOLDERS[schema.kind]
    return Path(folder) / f"{name}.{suffix}"


def fingerprint_step(code: Code, *entries: str, tables: Iterable[str] = ()) -> str:
    """Fingerprint of what a step imports, of the schemas of its tables, and of the rules and words of data_schema/."""
    rules = schema_path("patients").parents[1].glob("*.yaml")
    modules = [f"prrt_outcomes.{entry}" for entry in ("steps", *entries)]
    return code.fingerprint(modules, [*rules, *map(schema_path, tables)])


def read_tables(names: Sequence[str], results: Path) -> dict[str, pd.DataFrame]:
    """Read tables of a results folder by name; StepError names those not there, or not as their step left them."""
    from prrt_outcomes.tables.files import read_table

    absent = [str(table_path(name)) for name in names if not (results / table_path(name)).is_file()]
    if absent:
        raise StepError(f"{', '.join(absent)} must be made first, by the steps before this one")
    hold_made(results, (table_path(name).as_posix() for name in names))
    return {name: read_table(results / table_path(name), name) for name in names}


def run_cohort(study: Study, study_file: Path, results: Path) -> tuple[Problem, ...]:
    """Read, check and write all input tables by their keys, empty where the study has none; give what was doubtful.

    Raises InputError with every fault of the data; nothing is written then.
    """
    from prrt_outcomes.attrition import stage_frame
    from prrt_outcomes.cohort.data_quality import summarise_data_quality, summarise_ranges
    from prrt_outcomes.cohort.problem_places import summarise_warnings
    from prrt_outcomes.cohort.read import read_cohort
    from prrt_outcomes.cohort.settings import add_lines
    from prrt_outcomes.cohort.stage import RESULTS
    from prrt_outcomes.tables.frames import sort_by_key

    cohort = read_cohort(study, study_file.parent)
    problems = add_lines((*cohort.problems, *check_with_data(study, cohort)), study_file)
    if has_errors(problems):
        raise InputError(problems)
    accounts = {"attrition": cohort.attrition, "stages": stage_frame("cohort", "done")}
    described = {
        "data_quality": summarise_data_quality(cohort),
        "data_ranges": summarise_ranges(cohort),
        "data_warnings": summarise_warnings(problems, study.dead_without_date),
    }
    outputs = (*list_tables("input"), *RESULTS)
    tables = {name: sort_by_key(name, table) for name, table in cohort.tables.items()}
    _write_produced("cohort", outputs, {**tables, **described, **accounts}, study, results)
    return problems


def check_with_data(study: Study, cohort: CohortResult) -> Sequence[Problem]:
    """Settings that name what the tables do not have, and problems of controls.

    What a table at fault would say is not held against the settings.
    """
    from prrt_outcomes.cohort.names import check_names
    from prrt_outcomes.treatment.periods import summarise_cycle_days

    fit = cohort.fit
    if "patients" in fit and "cycles" in fit:
        cycles = fit["cycles"]
        first_day = cycles.groupby("patient_id", observed=True)["cycle_date"].transform("min")
        first = summarise_cycle_days(cycles[cycles["cycle_date"] == first_day]).set_index("patient_id")
        radionuclide = fit["patients"]["patient_id"].map(first["radionuclide"])
        fit["patients"] = fit["patients"].assign(radionuclide=radionuclide)
    found: list[Problem] = list(check_names(study, fit))
    if study.controls and not has_errors(cohort.problems):
        from prrt_outcomes.controls.checks import check_control_data

        found += check_control_data(study, cohort.tables, cohort.lines)
    return found


def check_written_cohort(study: Study, study_file: Path, results: Path) -> None:
    """Hold the settings against the tables that the cohort wrote: where they alone were edited, it does not run again.

    Raises InputError with every setting that names what the tables do not have.
    """
    from prrt_outcomes.cohort.read import CohortResult
    from prrt_outcomes.cohort.settings import add_lines
    from prrt_outcomes.tables.frames import empty_table

    cohort = CohortResult(read_tables(list_tables("input"), results), (), empty_table("attrition"))
    problems = add_lines(tuple(check_with_data(study, cohort)), study_file)
    if has_errors(problems):
        raise InputError(problems)


def run_stage(stage: str, study: Study, results: Path) -> None:
    """Run one stage after the cohort: read its inputs, call it, write its outputs, losses and status.

    Raises StepError when an input is not there, or the stage gives back other tables than it declares.
    """
    module = import_module(f"prrt_outcomes.{stage}.stage")
    produced = module.run(read_tables(module.INPUTS, results), study)
    _write_produced(stage, module.OUTPUTS, produced, study, results)


def draw_figures(chapter: str, study: Study, results: Path) -> None:
    """Draw the figures of a chapter and save each in all formats of the study.

    The folder of the chapter appears whole or not at all; it is empty where there is nothing to draw.
    """
    from prrt_outcomes.figures.chapters import CHAPTER_INPUTS, draw_chapter
    from prrt_outcomes.figures.save import save_figures

    folder = results / "figures" / chapter
    unfinished = results / "figures" / f".{chapter}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    if chapter in CHAPTER_INPUTS:
        figures = draw_chapter(chapter, read_tables(CHAPTER_INPUTS[chapter], results), study)
        one_by_one = (figures.pop(name) for name in list(figures))  # what is drawn leaves the memory
        save_figures(one_by_one, unfinished, study.figures.formats, study.figures.dpi, study.figures.style)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(unfinished, folder)
    note_made(results, f"figures_{chapter}", folder.iterdir())


def write_patient(study: Study, results: Path, patient: str, out: Path) -> None:
    """Write the page of one patient: a chart a criterion, and every scan with its reason.

    UsageError when the patient has no treatment period.
    """
    from prrt_outcomes.figures.patient_chart import draw_patient_charts
    from prrt_outcomes.report.patient_page import render_patient_page
    from prrt_outcomes.response.patient_course import SHOWN, summarise_patient_course

    try:
        course = summarise_patient_course(read_tables(SHOWN, results), patient, study.response)
    except KeyError as error:
        raise UsageError(str(error.args[0])) from None
    page = render_patient_page(course, draw_patient_charts(course, study), study)
    write_whole(out, page)


def join_accounts(results: Path) -> None:
    """Join losses and statuses of all stages to `tables/attrition.csv` and `tables/stages.csv`."""
    import pandas as pd

    from prrt_outcomes.tables.files import read_table, write_table

    made = [results / table_path(account) for account in ("attrition", "stages")]
    for account in ("attrition", "stages"):
        hold_made(results, (_account_path(account, stage, Path()).as_posix() for stage in STAGES))
        parts = [read_table(_account_path(account, stage, results), account) for stage in STAGES]
        joined = pd.concat(parts, ignore_index=True)
        if account == "attrition":
            check_balance(joined)
        write_table(results / table_path(account), account, joined)
    note_made(results, "accounts", made)


def check_balance(attrition: pd.DataFrame) -> None:
    """Hold each count of `attrition` against in = out + lost; StepError names every row that does not add up."""
    counts = attrition[["n_before", "n_lost", "n_after"]]
    is_odd = counts.isna().any(axis=1) | counts.lt(0).any(axis=1)
    wrong = (is_odd | (counts["n_before"] != counts["n_after"] + counts["n_lost"])).fillna(True)
    if wrong.any():
        faults = attrition.loc[wrong].astype(str).agg(", ".join, axis=1)
        raise StepError("in is not out plus lost: " + "; ".join(faults))


def _account_path(account: str, stage: str, results: Path) -> Path:
    return results / "derived" / account / f"{stage}.csv"


def _write_produced(
    stage: str, outputs: Sequence[str], produced: Mapping[str, pd.DataFrame], study: Study, results: Path
) -> None:
    """Write the tables of a stage, its losses and its status; they are what it declares, or nothing is written."""
    from prrt_outcomes.tables.files import write_table

    odd = set(produced) ^ {*outputs, "attrition", "stages"}
    if odd:
        raise StepError(f"{stage}: tables made and tables declared differ: {', '.join(sorted(odd))}")
    paths = {name: results / table_path(name) for name in outputs}
    paths |= {account: _account_path(account, stage, results) for account in ("attrition", "stages")}
    for name, path in paths.items():
        write_table(path, name, produced[name], study.extra_columns)
        if path.parent.name == PER_PATIENT[0]:  # where it stood before tables of patients were set apart
            (results / "tables" / path.name).unlink(missing_ok=True)
    note_made(results, stage, paths.values())
