"""From `study.yaml` to a `Study`, or to all faults of the file at once, each with its line and key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prrt_outcomes.errors import STUDY_FILE, InputError, UsageError

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study


def find_study_file(place: str | Path) -> Path:
    """Return the absolute path of the study file that a folder or a path of a file names.

    Raises UsageError when there is neither.
    """
    path = Path(place).absolute()
    if path.is_dir():
        path = path / STUDY_FILE
    if not path.is_file():
        raise UsageError(f"no study file at {path}: name a study folder or its study.yaml")
    return path


def load_study(place: str | Path) -> Study:
    """Read and check a study file.

    place : a study folder, or its `study.yaml`
    Returns typed and frozen; presets of endpoints are resolved.
    Raises InputError with every fault of the file: line, dotted key, value, expectation, nearest known key.
    """
    from pydantic import ValidationError

    from prrt_outcomes.study.faults import describe_faults
    from prrt_outcomes.study.model import Study
    from prrt_outcomes.study.yaml_file import read_yaml

    path = find_study_file(place)
    data, lines = read_yaml(path)
    try:
        return Study.model_validate(data)
    except ValidationError as error:
        raise InputError(describe_faults(error, Study, lines)) from None
