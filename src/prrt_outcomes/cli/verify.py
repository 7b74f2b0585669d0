"""Command `verify`: a study is run again, and each file held against that of its results."""

import argparse
import csv
import json
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

from prrt_outcomes.cli.run import Progress, build_command, follow, lock_results
from prrt_outcomes.errors import StepError, UsageError
from prrt_outcomes.provenance import STUDY_PLACE, hash_file, list_made
from prrt_outcomes.study.load import find_study_file, load_study

DESCRIPTION = "provenance.json"


def main(arguments: argparse.Namespace) -> int:
    """Run the study of a results folder again, elsewhere, and print what differs; 0 where all is equal, else 1.

    Files are tables, figures, pages and, where there are any, the documents of the manuscript. What changed since the
    run (study, data, code, versions), so that equality cannot be expected, is named first.
    Raises StepError where the folder holds no finished run, or the new run fails; UsageError where the study is not
    where it was.
    """
    results = arguments.results
    if not (results / DESCRIPTION).is_file():
        raise StepError(f"{results} holds no finished run: {DESCRIPTION} is not there")
    noted = results / STUDY_PLACE
    if arguments.study is None and not noted.is_file():
        raise UsageError(f"{results} does not say where its study is: name it with --study")
    place = arguments.study or (results / json.loads(noted.read_text(encoding="utf-8"))).resolve()
    if arguments.study is None and not place.exists():
        words = "the study of {} is not where it was when the run was made, {}: name it with --study"
        raise UsageError(words.format(results, place))
    study_file = find_study_file(place)
    with TemporaryDirectory() as temporary:
        again, progress = Path(temporary).resolve() / "results", Progress()
        with lock_results(again) as lock:
            if follow(build_command(study_file, again, arguments.cores, "local"), again, lock, progress) != 0:
                raise StepError(f"the new run failed, {', '.join(progress.failed)}: {progress.last_words}")
        names = {*list_made(results), *list_made(again)} - {DESCRIPTION}
        if (results / "manuscript.docx").is_file():
            from prrt_outcomes.manuscript.documents import write_manuscript

            documents = write_manuscript(again, load_study(study_file))
            names |= {path.relative_to(again).as_posix() for path in documents}
        changed = list(_list_changes(results, again))
        compared = {name: _compare(results / name, again / name) for name in sorted(names)}
    differing = [f"{name}: {words}" for name, words in compared.items() if words]
    total = f"{len(differing)} of {len(names)} files differ" if differing else f"{len(names)} files are equal"
    expected = "; they could not be expected to be equal" if differing and changed else ""
    print("\n".join([*changed, *differing, total + expected]))
    return 1 if differing else 0


def _list_changes(results: Path, again: Path) -> Iterator[str]:
    """What of study, data, code and versions is another than when the results were made."""
    old, new = (json.loads((folder / DESCRIPTION).read_text(encoding="utf-8")) for folder in (results, again))
    for what in sorted(old.keys() - {"outputs"}):
        before, now = old[what], new[what]
        if isinstance(before, dict):
            names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
            yield from [f"changed since the run, {what}: {', '.join(names)}"] * bool(names)
        elif before != now:
            yield f"changed since the run, {what}: {before}, now {now}"


def _compare(old: Path, new: Path) -> str:
    """In words how two files differ; of a csv its first cell; empty where they are equal."""
    if not old.is_file() or not new.is_file():
        return "only in the new run" if new.is_file() else "not in the new run"
    if hash_file(old) == hash_file(new):
        return ""
    if old.suffix == ".csv":
        one, other = (list(csv.reader(path.read_text("utf-8").splitlines(True))) for path in (old, new))
        names = max(one[:1] + other[:1], key=len, default=[])
        for row, (before, now) in enumerate(zip_longest(one, other, fillvalue=[]), 1):  # type: ignore[var-annotated]
            for column, x, y in zip_longest(names, before, now, fillvalue=""):
                if x != y:
                    return f"row {row}, column {column}: {x}, in the new run {y}"
    return "other bytes"
