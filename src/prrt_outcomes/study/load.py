"""From `study.yaml` to a `Study`, or to all faults of the file at once, each with its line and key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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


READING = ("tables", "extra_columns", "data_cutoff", "dead_without_date")


def load_readable_tables(place: str | Path) -> Study | None:
    """Read what a study file at fault says of its tables, without what is wrong in it, so that they can be checked.

    Returns a study with default settings, or None where not even patients and an outcome can be read.
    Raises InputError where the file is no YAML.
    """
    from pydantic import ValidationError

    from prrt_outcomes.study.model import Study
    from prrt_outcomes.study.yaml_file import read_yaml

    written = read_yaml(find_study_file(place))[0]
    data: dict[str, Any] = {"study": "study"} | {key: written[key] for key in READING if key in written}
    while True:
        try:
            return Study.model_validate(data)
        except ValidationError as error:
            if not _drop(data, error.errors()[0]["loc"]):
                return None


def _drop(data: dict[str, Any], location: tuple[int | str, ...]) -> bool:
    """Leave out what stands at a place of a fault; tell whether anything but the whole of the tables does."""
    node: Any = data
    found: list[tuple[Any, int | str]] = []
    for part in location:
        known = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        if part in known:
            found.append((node, part))
            node = node[part]
    if not found or (found[-1][0] is data and found[-1][1] == "tables"):
        return False
    holder, key = found[-1]
    del holder[key]
    return True
