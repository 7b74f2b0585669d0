"""What went in and what came out of a run, with which settings and versions."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from prrt_outcomes.errors import StepError
from prrt_outcomes.fingerprint import BOOK, DISTRIBUTIONS, Code, list_run_modules, read_version
from prrt_outcomes.whole_file import write_whole

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study

RESULT_FOLDERS = ("cohort", "derived", "per_patient", "tables")
README, SIGN = "README.md", "<!-- Written by prrt-outcomes. -->"
INPUTS_FILE = Path(".snakemake") / "inputs.json"  # of a results folder: what its run began with
STUDY_PLACE = (
    Path(".snakemake") / "study.json"
)  # of a results folder: where its study stands as seen from there
MADE_FOLDER = Path(".snakemake") / "made"  # of a results folder: what each of its steps left


def list_data_files(study: Study, study_file: Path) -> list[Path]:
    """Files of the tables of a study, each once, sorted."""
    sources = {part.file for table in study.tables.values() for source in table for part in source.files}
    return sorted(study_file.parent / file for file in sources)


def describe_inputs(study_file: Path, files: Iterable[Path]) -> dict[str, str]:
    """Checksum of a study file and of files of its tables, by path as seen from the study; empty where absent."""
    return {
        os.path.relpath(path, study_file.parent): hash_file(path) if path.is_file() else ""
        for path in (study_file, *files)
    }


def write_inputs(results: Path, inputs: Mapping[str, str]) -> None:
    """Note in a results folder with which inputs a run begins; each of its steps holds against it what it reads."""
    write_whole(results / INPUTS_FILE, json.dumps(inputs), mark=str(os.getpid()))


def note_study(results: Path, study_file: Path) -> None:
    """Note in a results folder where the study file of its run stands."""
    place = json.dumps(os.path.relpath(study_file, results))
    write_whole(results / STUDY_PLACE, place, mark=str(os.getpid()))


def list_removed_inputs(results: Path, study_file: Path) -> list[str]:
    """Inputs that the run in `results` began with and that are no longer there."""
    noted = results / INPUTS_FILE
    begun = _read_json(noted) if noted.is_file() else {}
    return [name for name, checksum in begun.items() if checksum and not (study_file.parent / name).exists()]


@contextmanager
def hold_inputs(results: Path, study_file: Path, files: Sequence[Path] = ()) -> Iterator[None]:
    """Read files of a study, which are before and afterwards those that the run in `results` began with.

    Raises StepError naming the files that are others, or that were touched meanwhile. A step that no run began is not
    held against anything.
    """
    noted = results / INPUTS_FILE
    if not noted.is_file():
        yield
        return
    begun, marks = _read_json(noted), _read_marks((study_file, *files))
    now = describe_inputs(study_file, files)
    _refuse_changed([name for name, checksum in now.items() if begun.get(name, "") != checksum])
    yield
    after = _read_marks((study_file, *files))
    _refuse_changed([os.path.relpath(p, study_file.parent) for p in marks if after.get(p) != marks[p]])


def _refuse_changed(names: Sequence[str]) -> None:
    if names:
        raise StepError(
            f"{', '.join(names)} changed while the run went on, so that its results would be of several inputs; "
            "the same command starts from what is there now"
        )


def note_made(results: Path, step: str, paths: Iterable[Path]) -> None:
    """Note the files that a step left in a results folder, for those that read them."""
    marks = _read_marks(paths)
    made = {path.relative_to(results).as_posix(): (hash_file(path), *marks[path]) for path in marks}
    write_whole(results / MADE_FOLDER / f"{step}.json", json.dumps(made))


def forget_others(results: Path, steps: Sequence[str]) -> None:
    """Remove the notes of steps that are none of `steps`: of an earlier version, whose files nothing makes again."""
    for note in (results / MADE_FOLDER).glob("*.json"):
        if note.stem not in steps:
            note.unlink()


def list_made(results: Path) -> dict[str, list]:
    """What the steps of a run left in its folder: path, checksum and marks of the system."""
    notes = sorted((results / MADE_FOLDER).glob("*.json"))
    return {name: note for path in notes for name, note in _read_json(path).items()}


def hold_made(results: Path, names: Iterable[str]) -> None:
    """Hold files of a results folder against what their steps left; those that no step left are not held.

    Raises StepError naming those that were changed, cut off or removed since, and what makes them anew.
    """
    made = list_made(results)
    chosen = {name: made[name] for name in names if name in made}
    marks = _read_marks(results / name for name in chosen)
    odd = []
    for name, (checksum, *noted) in sorted(chosen.items()):
        mark = marks.get(results / name)
        if mark is None or (list(mark) != noted and hash_file(results / name) != checksum):
            odd.append(name)
    if odd:
        anew = dict.fromkeys(Path(n).parent.as_posix() if n.startswith("figures/") else n for n in odd)
        raise StepError(
            f"{', '.join(odd)} changed since the step that made it ended: delete {', '.join(anew)}, and the same "
            "command makes it again"
        )


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise StepError(f"{path} is damaged: delete it, and the same command continues the run") from None


def _read_marks(paths: Iterable[Path]) -> dict[Path, tuple]:
    """What the system changes with every write to a file, and when another takes its place."""
    found = {path: path.stat() for path in paths if path.is_file()}
    return {path: (one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for path, one in found.items()}


def write_readmes(results: Path) -> None:
    """Write into a results folder and each of its folders what may be done with them; a README of others stays."""
    words = yaml.safe_load(Path(__file__).with_name("readmes.yaml").read_text(encoding="utf-8"))
    listed = [*words["folders"].items(), *words["files"].items()]
    rows = [f"| `{name}` | {' | '.join(own)} |" for name, own in listed]
    texts = {results: "\n".join(["# Results of a run\n\n| place | contents | use |\n|---|---|---|", *rows])}
    texts |= {results / name: "\n\n".join([f"# {name}", *own]) for name, own in words["folders"].items()}
    for folder, text in texts.items():
        path, content = folder / README, f"{SIGN}\n{text}\n"
        before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else SIGN
        if before.startswith(SIGN) and before != content:
            write_whole(path, content)


def describe_run(study: Study, study_file: Path, results: Path) -> dict:
    """Describe a run: settings, versions, and the checksum of each file that went in and came out.

    Settings left at their default are written too; the tables of the results are listed.
    There are no times and no absolute paths, so that the same run describes itself the same anywhere.
    """
    hold_made(results, (name for name in list_made(results) if name.startswith(RESULT_FOLDERS)))
    found = (path for folder in RESULT_FOLDERS for path in sorted((results / folder).rglob("*")))
    shown = (path for path in found if path.is_file() and not path.name.startswith("."))
    produced = [path for path in shown if path.name != README]
    inputs = list_data_files(study, study_file)
    return {
        "study": study.model_dump(mode="json"),
        "prrt_outcomes": metadata.version("prrt-outcomes"),
        "code": Code(results / BOOK).fingerprint(list_run_modules()),
        "python": platform.python_version(),
        "libraries": {name: version for name in DISTRIBUTIONS if (version := read_version(name))},
        "inputs": {os.path.relpath(path, study_file.parent): hash_file(path) for path in inputs},
        "outputs": {path.relative_to(results).as_posix(): hash_file(path) for path in produced},
    }


def write_provenance(path: Path, description: dict) -> None:
    """Write the description of a run as JSON; the file appears whole or not at all."""
    write_whole(path, json.dumps(description, indent=2, sort_keys=True) + "\n")


def hash_file(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
