"""A study file held against all that it can name: columns and levels of patients, criteria, published arms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prrt_outcomes.cohort.settings import add_lines, check_settings
from prrt_outcomes.controls.library import check_library_controls
from prrt_outcomes.errors import InputError, Problem, has_errors
from prrt_outcomes.study.load import find_study_file, load_study

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study


def check_study(study: Study, study_file: Path) -> tuple[Problem, ...]:
    """Find settings that name what is not there, each with its line and the nearest known name."""
    return add_lines((*check_settings(study), *check_library_controls(study)), study_file)


def load_checked_study(place: str | Path) -> Study:
    """Read a study file and hold its settings against what they name; no table is read.

    Parameters
    ----------
    place : a study folder, or its `study.yaml`

    Raises
    ------
    InputError
        with every fault of the file, or every setting that names what is not there.
    """
    study_file = find_study_file(place)
    study = load_study(study_file)
    problems = check_study(study, study_file)
    if has_errors(problems):
        raise InputError(problems)
    return study
