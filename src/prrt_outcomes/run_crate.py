"""A run as a Process Run Crate (profile 0.5, RO-Crate 1.1): its steps, and the files that each read and left."""

from __future__ import annotations

import base64
import csv
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from prrt_outcomes.fingerprint import (
    BOOK,
    DISTRIBUTIONS,
    Code,
    list_run_modules,
    read_declaration,
    read_version,
)
from prrt_outcomes.provenance import MADE_FOLDER, RESULT_FOLDERS, describe_inputs, list_data_files, list_made
from prrt_outcomes.steps import CHAPTERS, FIGURE_SETTINGS, STAGES, fingerprint_step, table_path
from prrt_outcomes.tables.schema import list_tables
from prrt_outcomes.whole_file import write_whole

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study

CRATE = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"  # has sha256
UNDATED = "1970-01-01"
DESCRIPTION = (
    "Results of a run of prrt-outcomes. No time of the run is recorded: datePublished is the data cutoff of the study, "
    f"{UNDATED} where it has none."
)
LICENCE = {
    "@type": "CreativeWork",
    "name": "No licence",
    "description": "Made from data of patients: who holds the data decides on their use. README.md has the rules.",
}
KINDS = {
    ".csv": "text/csv", ".parquet": "application/vnd.apache.parquet", ".json": "application/json",
    ".html": "text/html", ".svg": "image/svg+xml", ".png": "image/png", ".pdf": "application/pdf",
}  # fmt: skip
FIGURES = {f"figures_{chapter}": chapter for chapter in CHAPTERS}
PARTS = {"warnings": "cohort", "provenance": "accounts"}  # notes of what a step left beside its tables
EVERY = "all of study.yaml"


def write_crate(results: Path, study: Study, study_file: Path) -> Path:
    """Write `ro-crate-metadata.json` of a run all of whose other files are made, and return its path.

    A step is a CreateAction: its instrument is the program with its version and the fingerprint of its code, its
    object the files that it read, its result those that it left. Files have their SHA-256, tables their number of
    rows too, none its contents. Inputs, which are no part of the results folder, are named by checksum (RFC 6920) and
    by their place as seen from the study.
    """
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(CONTEXT)
    crate.name, crate.description = study.title or study.study, DESCRIPTION
    crate.datePublished = str(study.data_cutoff or UNDATED)
    crate.license = crate.add_jsonld({"@id": "#licence", **LICENCE})
    profile = {"@type": "CreativeWork", "name": "Process Run Crate", "version": PROFILE.rpartition("/")[2]}
    crate.root_dataset["conformsTo"] = crate.add_jsonld({"@id": PROFILE, **profile})

    def add_program(name: str, version: str, place: str = "", **more: Any) -> Any:
        words = {"@type": "SoftwareApplication", "name": name, "softwareVersion": version, **more}
        words |= {"url": place} if place else {}
        return crate.add_jsonld({"@id": place or f"#{name.replace(' ', '-')}", **words})

    version = metadata.version("prrt-outcomes")
    needed = {name: read_version(name) for name in DISTRIBUTIONS}
    libraries = [add_program("python", platform.python_version(), "https://www.python.org/")]
    for name, own in needed.items():
        libraries += [add_program(name, own, f"https://pypi.org/project/{name}/{own}/")] if own else []
    whole = add_program("prrt-outcomes", version, softwareRequirements=libraries)
    read_first = describe_inputs(study_file, list_data_files(study, study_file))
    inputs = [
        crate.add_jsonld({"@id": _name_input(name, own), "@type": "File", "name": name, "sha256": own})
        for name, own in read_first.items()
    ]
    crate.root_dataset.append_to("hasPart", inputs)
    made = {
        name: crate.add_file(dest_path=name, properties=_describe_file(results / name, name, checksum))
        for name, (checksum, *_) in sorted(list_made(results).items())
        if name != CRATE
    }
    code, makers = Code(results / BOOK), _list_makers(results)
    for step in (*STAGES, *FIGURES, "accounts", "report"):
        reads, sections, fingerprint = _declare(step, code)
        more = {"isPartOf": whole, "identifier": f"code {fingerprint}"}
        program = add_program(f"prrt-outcomes {step}", version, **more)
        read = [file for name, file in made.items() if name.startswith(reads) and makers[name] != step]
        action = crate.add_action(
            program,
            f"#{step}",
            object=inputs if step == "cohort" else [inputs[0], *read],
            result=[file for name, file in made.items() if makers[name] == step],
            properties={"name": step, "description": f"settings: {', '.join(sections)}"},
        )
        crate.root_dataset.append_to("mentions", action)
    text = json.dumps(crate.metadata.generate(), indent=1, sort_keys=True, ensure_ascii=False)
    write_whole(results / CRATE, f"{text}\n")
    return results / CRATE


def _declare(step: str, code: Code) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """How the paths of the files begin that a step reads, the sections of the study file that it uses, and its code."""
    if step == "accounts":
        return tuple(f"{name}/" for name in RESULT_FOLDERS), (EVERY,), code.fingerprint(list_run_modules())
    if step == "report":
        return ("tables/", "figures/"), (EVERY,), fingerprint_step(code, "report.write")
    if chapter := FIGURES.get(step):
        tables = read_declaration(f"prrt_outcomes.figures.{chapter}_figures", f"{chapter.upper()}_INPUTS")
        sections, fingerprint = FIGURE_SETTINGS, fingerprint_step(code, "figures.chapters")
    else:
        module = f"prrt_outcomes.{step}.stage"
        tables, sections = (read_declaration(module, name) for name in ("INPUTS", "SETTINGS"))  # type: ignore[assignment]
        names = ("input", "RESULTS") if step == "cohort" else ("", "OUTPUTS")
        written = (*(list_tables(names[0]) if names[0] else ()), *read_declaration(module, names[1]))
        fingerprint = fingerprint_step(code, f"{step}.stage", tables=(*tables, *written))
    return tuple(table_path(name).as_posix() for name in tables), sections, fingerprint


def _list_makers(results: Path) -> dict[str, str]:
    """For each file of a results folder the step that left it."""
    return {
        name: PARTS.get(path.stem, path.stem)
        for path in (results / MADE_FOLDER).glob("*.json")
        for name in json.loads(path.read_text(encoding="utf-8"))
    }


def _name_input(name: str, checksum: str) -> str:
    digest = base64.urlsafe_b64encode(bytes.fromhex(checksum)).decode().rstrip("=")
    return f"ni:///sha-256;{digest}?file={quote(name)}"


def _describe_file(path: Path, name: str, checksum: str) -> dict[str, str]:
    """Name, kind, checksum and bytes of a file, and the number of rows of a table."""
    words = {"name": name, "sha256": checksum, "contentSize": str(path.stat().st_size)}
    if kind := KINDS.get(path.suffix):
        words["encodingFormat"] = kind
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        words["size"] = f"{pq.read_metadata(path).num_rows} rows"
    elif path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            words["size"] = f"{sum(1 for _ in csv.reader(file)) - 1} rows"
    return words
