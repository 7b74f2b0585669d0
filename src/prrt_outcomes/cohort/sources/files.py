"""Files of a study, found, distinguished by their suffix and read as text."""

from collections.abc import Callable
from dataclasses import replace
from os.path import normpath
from pathlib import Path
from typing import Any

import yaml

from prrt_outcomes.cohort.sources.layout import fill_down
from prrt_outcomes.cohort.sources.raw_table import GB, Bound, RefusedError, SourceResult, refuse
from prrt_outcomes.errors import nearest_name, tell, tell_setting
from prrt_outcomes.study.base import FileSource

FILES: dict = yaml.safe_load(Path(__file__).with_name("files.yaml").read_text("utf-8"))
KINDS: dict[str, dict[str, Any]] = FILES["kinds"]
"""For each kind of file how the names of its files end, the settings of `FileSource` that not every kind has, and
whether it has typed dates (it does where that is not said), which are read as ISO dates."""


def find_kind(source: FileSource) -> str | None:
    """Kind of a file by the end of its name; None where it is unknown."""
    name = source.file.lower()
    return next((kind for kind, own in KINDS.items() if name.endswith(tuple(own["suffixes"]))), None)


def is_typed(source: FileSource) -> bool:
    """Whether a file holds typed dates, which are read as ISO dates."""
    kind = find_kind(source)
    return kind is not None and KINDS[kind].get("is_typed", True)


def read_source(folder: Path, table: str, source: FileSource) -> SourceResult:
    """Read one file of a study, in its folder, as text; what is wrong with it stands in the result, never raised."""
    path = folder / source.file
    try:
        kind = check_file(folder, table, source)
        _check_settings(table, source, kind)
        result = _find_reader(kind)(path, table, source)
        target = path.resolve()
        if not target.is_relative_to(folder.resolve()):
            told = tell("linked_outside", table, None, "", f"{source.file} -> {target}")
            result = replace(result, problems=(*result.problems, told))
        if result.raw is None or not source.fill_down:
            return result
        return replace(result, raw=fill_down(table, result.raw, source.fill_down))
    except RefusedError as refused:
        return SourceResult(None, refused.args)


def _find_reader(kind: str) -> Callable[[Path, str, FileSource], SourceResult]:
    """What reads a kind of file, imported where a study needs it."""
    if kind == "workbook":
        from prrt_outcomes.cohort.sources.workbook import read_excel_table as read
    elif kind == "parquet":
        from prrt_outcomes.cohort.sources.typed_columns import read_parquet_table as read
    elif kind in ("sas", "labelled"):
        from prrt_outcomes.cohort.sources.statistical import read_statistical_table as read
    elif kind == "json":
        from prrt_outcomes.cohort.sources.typed_columns import read_dataset_json as read
    elif kind == "rds":
        from prrt_outcomes.cohort.sources.r_data import read_rds_table as read
    else:
        from prrt_outcomes.cohort.sources.text import read_text_table as read
    return read


def _check_settings(table: str, source: FileSource, kind: str) -> None:
    ends: dict[str, list[str]] = {}  # of the names of the files that have a setting
    for own in KINDS.values():
        for setting in own.get("settings", ()):
            ends.setdefault(setting, []).extend(own["suffixes"])
    foreign = source.model_fields_set.difference(KINDS[kind].get("settings", ()))
    odd = {setting: ", ".join(sorted(suffixes)) for setting, suffixes in ends.items() if setting in foreign}
    if odd:
        told = (("no_setting_of_kind", f"tables.{table}.{s}", getattr(source, s), e) for s, e in odd.items())
        raise RefusedError(*(tell_setting(*found, ends=end) for *found, end in told))


def check_file(folder: Path, table: str, source: FileSource) -> str:
    """Refuse what lies outside the study, what is no file, an empty file, and a file of unknown kind."""
    path = folder / source.file
    try:
        if not Path(normpath(path)).is_relative_to(normpath(folder)):
            raise refuse("outside_study", table, source.file)
        if path.is_dir():
            raise refuse("folder", table, source.file)
        if path.is_symlink() and not path.exists():
            raise refuse("broken_link", table, f"{source.file} -> {path.readlink()}")
        if not path.exists():
            siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            near = nearest_name(path.name, siblings)
            hint = f"did you mean {Path(source.file).with_name(near).as_posix()}? " if near else ""
            raise refuse("no_file", table, source.file, hint=hint)
        if not path.is_file():
            raise refuse("no_regular_file", table, source.file)
        size = path.stat().st_size
        if size == 0:
            raise refuse("empty_file", table, source.file)
        Bound(table, path, source).check(size, f"{size / GB:.3g} GB")
    except OSError as error:
        raise refuse("unreadable_file", table, source.file, error=error.strerror) from None
    kind = find_kind(source)
    if kind is None:
        known = ", ".join(end for own in KINDS.values() for end in own["suffixes"])
        expected = FILES["others"].get(path.suffix.lower(), f"a file whose name ends in one of {known}")
        raise refuse("unknown_kind", table, source.file, expected=expected)
    return kind
