"""Command `check`: every problem of a study and its tables, at once."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from prrt_outcomes.cli.problems import PROBLEMS_FILE, format_problems, write_problems
from prrt_outcomes.cohort.settings import add_lines, check_settings
from prrt_outcomes.controls.library import check_arms_named_twice, check_library_controls
from prrt_outcomes.errors import InputError, Problem, has_errors
from prrt_outcomes.steps import check_with_data
from prrt_outcomes.study.load import find_study_file, load_readable_tables, load_study
from prrt_outcomes.whole_file import write_whole

if TYPE_CHECKING:
    from prrt_outcomes.cohort.read import CohortResult
    from prrt_outcomes.study.model import Study

QUALITY_FILE = "quality.html"


def check_study(study: Study) -> tuple[Problem, ...]:
    """Find settings that name what is not there, each with the nearest known name."""
    return (*check_settings(study), *check_library_controls(study), *check_arms_named_twice(study))


def load_checked_study(place: str | Path) -> Study:
    """Read a study file and hold its settings against what they name; no table is read.

    Raises InputError with every fault of the file, or every setting that names what is not there.
    """
    study_file = find_study_file(place)
    study = load_study(study_file)
    problems = add_lines(check_study(study), study_file)
    if has_errors(problems):
        raise InputError(problems)
    return study


def main(arguments: argparse.Namespace) -> int:
    """Print the problems of a study; with `--out` also write them, and the page of data quality.

    Returns 1 where a problem stops a run, else 0; warnings stop none.
    """
    checked = check_all(find_study_file(arguments.study))
    if arguments.out is None:
        return _tell(checked, f"all are in {PROBLEMS_FILE} with --out DIR")
    write_problems(arguments.out / PROBLEMS_FILE, checked.problems)
    write_quality(arguments.out, checked)
    status = _tell(checked, f"all are in {arguments.out / PROBLEMS_FILE}")
    print(f"completeness, ranges and problems: {arguments.out / QUALITY_FILE}")
    return status


@dataclass(frozen=True)
class CheckedStudy:
    """A study with its problems, of which only the errors are known where its file has faults (``is_whole`` is False).

    ``study`` and ``cohort`` are None where the study file does not let tables be read.
    """

    name: str
    problems: tuple[Problem, ...]
    study: Study | None = None
    cohort: CohortResult | None = None
    is_whole: bool = False

    @property
    def sizes(self) -> dict[str, int]:
        """Rows of each table that was read and has any."""
        tables = {} if self.cohort is None else self.cohort.tables
        return {name: len(table) for name, table in tables.items() if len(table)}


def check_all(study_file: Path) -> CheckedStudy:
    """Read a study and its tables as far as they can be read, and find every problem."""
    from prrt_outcomes.cohort.read import read_cohort

    name = study_file.parent.name
    faults: tuple[Problem, ...] = ()
    study: Study | None
    try:
        study = load_study(study_file)
    except InputError as error:  # the file is at fault itself; its tables are read as far as that lets them
        faults = error.problems
        try:
            study = load_readable_tables(study_file)
        except InputError:
            study = None
    if study is None:
        return CheckedStudy(name, faults)
    cohort = read_cohort(study, study_file.parent)
    if faults:
        errors = tuple(problem for problem in cohort.problems if problem.severity == "error")
        cohort = replace(cohort, problems=errors)
        return CheckedStudy(name, (*faults, *add_lines(errors, study_file)), study, cohort)
    found = (*check_study(study), *cohort.problems, *check_with_data(study, cohort))
    return CheckedStudy(name, add_lines(found, study_file), study, cohort, is_whole=True)


def write_quality(folder: Path, checked: CheckedStudy) -> None:
    """Write the page of data quality and the tables that its numbers stand in."""
    from prrt_outcomes.cohort.data_quality import summarise_data_quality, summarise_ranges
    from prrt_outcomes.cohort.problem_places import summarise_problems
    from prrt_outcomes.report.quality_page import render_quality_page
    from prrt_outcomes.tables.files import write_table
    from prrt_outcomes.tables.frames import empty_table

    cohort, tables = checked.cohort, {n: empty_table(n) for n in ("data_quality", "data_ranges", "attrition")}
    if cohort is not None:
        tables = {"data_quality": summarise_data_quality(cohort), "data_ranges": summarise_ranges(cohort)}
        tables["attrition"] = cohort.attrition
    for name, table in tables.items():
        write_table(folder / f"{name}.csv", name, table)
    faults = summarise_problems(checked.problems)
    page = render_quality_page(tables, faults, checked.study, checked.name, is_whole=checked.is_whole)
    write_whole(folder / QUALITY_FILE, page)


def _tell(checked: CheckedStudy, where_all: str) -> int:
    if checked.problems:
        print(format_problems(checked.problems, where_all))
    if has_errors(checked.problems):
        return 1
    rows = ", ".join(f"{name} {size}" for name, size in checked.sizes.items())
    print(f"no problems that stop a run; rows: {rows}")
    return 0
