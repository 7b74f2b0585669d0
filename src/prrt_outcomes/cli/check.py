"""Command `check`: every problem of a study and its tables, at once."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from prrt_outcomes.cli.problems import PROBLEMS_FILE, format_problems, write_problems
from prrt_outcomes.cohort.settings import add_lines, check_settings
from prrt_outcomes.controls.library import check_library_controls
from prrt_outcomes.errors import InputError, Problem, has_errors
from prrt_outcomes.steps import check_with_data
from prrt_outcomes.study.load import find_study_file, load_readable_tables, load_study

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study


def check_study(study: Study) -> tuple[Problem, ...]:
    """Find settings that name what is not there, each with the nearest known name."""
    return (*check_settings(study), *check_library_controls(study))


def load_checked_study(place: str | Path) -> Study:
    """Read a study file and hold its settings against what they name; no table is read.

    place : a study folder, or its `study.yaml`
    Raises InputError with every fault of the file, or every setting that names what is not there.
    """
    study_file = find_study_file(place)
    study = load_study(study_file)
    problems = add_lines(check_study(study), study_file)
    if has_errors(problems):
        raise InputError(problems)
    return study


def main(arguments: argparse.Namespace) -> int:
    """Print the problems of a study; with `--out` also write them.

    Returns 1 where a problem stops a run, else 0; warnings stop none.
    """
    problems, sizes = list_study_problems(find_study_file(arguments.study))
    if arguments.out is not None:
        write_problems(arguments.out / PROBLEMS_FILE, problems)
        return _tell(problems, sizes, f"all are in {arguments.out / PROBLEMS_FILE}")
    return _tell(problems, sizes, f"all are in {PROBLEMS_FILE} with --out DIR")


def list_study_problems(study_file: Path) -> tuple[tuple[Problem, ...], dict[str, int]]:
    """Find every problem of a study and its tables, and the rows of each table that was read."""
    from prrt_outcomes.cohort.read import read_cohort

    try:
        study = load_study(study_file)
    except InputError as error:
        return (*error.problems, *_check_readable_tables(study_file)), {}
    cohort = read_cohort(study, study_file.parent)
    found = (*check_study(study), *cohort.problems, *check_with_data(study, cohort))
    sizes = {name: len(table) for name, table in cohort.tables.items() if len(table)}
    return add_lines(found, study_file), sizes


def _check_readable_tables(study_file: Path) -> tuple[Problem, ...]:
    """Problems of the tables of a study file that is at fault itself; of those that its faults leave readable."""
    from prrt_outcomes.cohort.read import read_cohort

    try:
        study = load_readable_tables(study_file)
    except InputError:
        return ()
    found = read_cohort(study, study_file.parent).problems if study else ()
    return add_lines([problem for problem in found if problem.severity == "error"], study_file)


def _tell(problems: tuple[Problem, ...], sizes: dict[str, int], where_all: str) -> int:
    """Print problems, or what was found to be sound."""
    if problems:
        print(format_problems(problems, where_all))
    if has_errors(problems):
        return 1
    rows = ", ".join(f"{name} {size}" for name, size in sizes.items())
    print(f"no problems that stop a run; rows: {rows}")
    return 0
