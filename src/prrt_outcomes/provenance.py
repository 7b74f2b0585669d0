"""What went in and what came out of a run, with which settings and versions."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from prrt_outcomes.fingerprint import BOOK, DISTRIBUTIONS, Code, list_run_modules, read_version
from prrt_outcomes.whole_file import replace_when_whole

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study

RESULT_FOLDERS = ("cohort", "derived", "tables")


def list_data_files(study: Study, study_file: Path) -> list[Path]:
    """Files of the tables of a study, each once, sorted."""
    sources = {part.file for table in study.tables.values() for source in table for part in source.files}
    return sorted(study_file.parent / file for file in sources)


def describe_run(study: Study, study_file: Path, results: Path) -> dict:
    """Describe a run: settings, versions, and the checksum of each file that went in and came out.

    Settings left at their default are written too; the `cohort`, `derived` and `tables` of the results are listed.
    There are no times and no absolute paths, so that the same run describes itself the same anywhere.
    """
    produced = [
        path
        for folder in RESULT_FOLDERS
        for path in sorted((results / folder).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    ]
    inputs = list_data_files(study, study_file)
    return {
        "study": study.model_dump(mode="json"),
        "prrt_outcomes": metadata.version("prrt-outcomes"),
        "code": Code(results / BOOK).fingerprint(list_run_modules()),
        "python": platform.python_version(),
        "libraries": {name: version for name in DISTRIBUTIONS if (version := read_version(name))},
        "inputs": {os.path.relpath(path, study_file.parent): _checksum(path) for path in inputs},
        "outputs": {path.relative_to(results).as_posix(): _checksum(path) for path in produced},
    }


def write_provenance(path: Path, description: dict) -> None:
    """Write the description of a run as JSON; the file appears whole or not at all."""
    with replace_when_whole(path) as unfinished:
        unfinished.write_text(json.dumps(description, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
