"""A plan as a study folder: `study.yaml` with the evidence as comments, and the files as they were given."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan, say
from prrt_outcomes.errors import STUDY_FILE, UsageError
from prrt_outcomes.whole_file import replace_when_whole, write_whole

COMMENT_COLUMN = 56
IN_LINES = ("columns", "values", "constants", "units", "first_of", "default")


def write_study(plan: StudyPlan, folder: Path, confirm: bool, *, again: bool = False) -> Path:
    """Write the study and return the path of its `study.yaml`.

    again : whether a study that this plan has written is replaced
    Raises UsageError when the folder holds a study already; nothing is overwritten.
    """
    study_file = folder / STUDY_FILE
    if study_file.exists() and not again:
        raise UsageError(f"{study_file} is already there; nothing is overwritten, name another folder")
    places = _name_copies(plan.files())
    for given, copy in places.items():
        target = folder / copy
        if target.exists() and not again and (plan.database or not target.samefile(given)):
            raise UsageError(f"{target} is already there; nothing is overwritten, name another folder")
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if plan.database:
            rows = plan.database.extract(given)
            with (
                replace_when_whole(target) as unfinished,
                pq.ParquetWriter(unfinished, rows.schema, compression="zstd") as writer,
            ):
                for batch in rows:
                    writer.write_batch(batch)
        else:
            shutil.copyfile(given, target)
    if plan.database:
        plan.database.close()
    write_whole(study_file, format_study(plan, folder, places, confirm))
    return study_file


def _name_copies(files: list[Path]) -> dict[Path, str]:
    """Path of each file inside the study; a second file of the same name has a number."""
    taken: dict[str, int] = {}
    places = {}
    for file in files:
        number = taken[file.name] = taken.get(file.name, 0) + 1
        name = file.name if number == 1 else f"{file.name.split('.')[0]}_{number}{''.join(file.suffixes)}"
        places[file] = f"data/{name}"
    return places


def format_study(plan: StudyPlan, folder: Path, places: Mapping[Path, str], confirm: bool) -> str:
    """Text of the study file."""
    name = re.sub(r"[^a-z0-9]+", "_", folder.absolute().name.lower()).strip("_")
    copies = "an extract of the database" if plan.database else "copies as they were given"
    lines = [say("header", folder=folder, copies=copies)]
    lines += [f"study: {name if re.match('[a-z]', name) else f'study_{name}'}", f"title: {_flow(plan.title)}"]
    if plan.doubts:
        lines += ["", say("confirm"), f"confirmed: {'true' if confirm else 'false'}", "doubts:"]
        lines += [f"  - {_flow(doubt)}" for doubt in plan.doubts]
    lines += ["", "tables:"]
    for table, sources in plan.tables.items():
        lines.append(f"  {table}:")
        for source in sources:
            lines += _format_source(source, places)
    for key, value in plan.settings.items():
        lines += ["", f"{key}: {_flow(value)}"]
    if plan.notes:
        lines += ["", *(f"# {note}" for note in plan.notes)]
    if plan.unplaced:
        lines += ["", "# Left out, since no column of ours was recognised in them:"]
        lines += [f"#   {column}" for column in plan.unplaced]
    return "\n".join(lines) + "\n"


def _format_source(source: SourcePlan, places: Mapping[Path, str]) -> list[str]:
    lines = [f"    - file: {_flow(places[source.file])}"]
    for key, value in source.settings.items():
        if key == "join":
            value = [{**joined, "file": places[joined["file"]]} for joined in value]
        if key in IN_LINES and isinstance(value, dict):
            lines.append(f"      {key}:")
            lines += [
                _with_comment(f"        {_flow(name)}: {_flow(inner)}", source.evidence.get(f"{key}.{name}"))
                for name, inner in value.items()
            ]
        else:
            lines.append(_with_comment(f"      {key}: {_flow(value)}", source.evidence.get(key)))
    return lines


def _with_comment(line: str, comment: str | None) -> str:
    return f"{line.ljust(COMMENT_COLUMN)}  # {' '.join(comment.split())}" if comment else line


def _flow(value: Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=float("inf")
    )
    return text.removesuffix("\n").removesuffix("\n...").strip()
