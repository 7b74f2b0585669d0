# The study, its settings and the fingerprints of the code. The only rule file that holds Python.
import json
import os
import shlex
import sys
import threading
from pathlib import Path

from prrt_outcomes.cli.problems import PROBLEMS_FILE, format_problems, write_problems
from prrt_outcomes.cli.check import load_checked_study
from prrt_outcomes.errors import InputError, PrrtError
from prrt_outcomes.fingerprint import (
    BOOK,
    Code,
    list_run_modules,
    read_declaration,
)
from prrt_outcomes.provenance import (
    describe_inputs,
    forget_others,
    list_data_files,
    note_study,
    write_inputs,
    write_readmes,
)
from prrt_outcomes.steps import (
    CHAPTERS,
    FIGURE_SETTINGS,
    NOTED,
    STAGES,
    fingerprint_step,
    table_path,
)
from prrt_outcomes.study.load import find_study_file
from prrt_outcomes.tables.schema import list_tables, load_schema
from snakemake.exceptions import WorkflowError

# Without it a step is not found from a shell in which the environment is not activated.
if not workflow.deployment_settings.deployment_method:
    shell.prefix(
        f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"; '
    )

if "study" not in config:
    raise WorkflowError("name a study: --config study=studies/example")
try:
    STUDY_FILE = find_study_file(Path(workflow.workdir_init) / str(config["study"]))
    STUDY = load_checked_study(STUDY_FILE)
except InputError as error:
    if workflow.overwrite_workdir:
        write_problems(Path(workflow.overwrite_workdir) / PROBLEMS_FILE, error.problems)
    raise WorkflowError(format_problems(error.problems))
except PrrtError as error:
    raise WorkflowError(str(error))

RESULTS = Path(
    workflow.overwrite_workdir or Path(workflow.workdir_init) / "results" / STUDY.study
).resolve()
CODE = Code(RESULTS / BOOK)
ALL_CODE = CODE.fingerprint(list_run_modules())
CODE.write_book()
CATEGORIES = {
    "cohort": "Data",
    "accounts": "Data",
    "endpoints": "Patients and endpoints",
    "controls": "Historical controls",
}
ALL_SETTINGS = tuple(type(STUDY).model_fields)
# Which of the steps that wait goes first: stages before figures, those that take long before the others, so that what
# runs last is short.
FIRST_TO_LAST = (
    "treatment",
    "response",
    "endpoints",
    "responders",
    "survival",
    "radionuclides",
    "controls",
    "safety",
    "quality_of_life",
    "appraisal",
    "accounts",
    "figures_controls",
    "figures_survival",
    "figures_response",
    "figures_responders",
    "figures_endpoints",
    "figures_safety",
    "figures_radionuclides",
    "figures_quality_of_life",
)


def relative(path):
    """A path as seen from the results folder, so that moving the whole project reruns nothing."""
    return os.path.relpath(path.parent.resolve() / path.name, RESULTS)


STUDY_PATH = relative(STUDY_FILE)
# A file that is absent is reported by the cohort, with all other problems.
DATA_FILES = [path for path in list_data_files(STUDY, STUDY_FILE) if path.is_file()]
# What the tables hold is compared by checksums: a file that was unpacked or restored may be older than the results.
INPUTS = describe_inputs(STUDY_FILE, DATA_FILES)
DATA = {path: INPUTS[path] for path in sorted(INPUTS) if path != STUDY_FILE.name}
DATA_FILES = [relative(path) for path in DATA_FILES]
if workflow.is_main_process and not workflow.dryrun:
    write_inputs(RESULTS, INPUTS)
    note_study(RESULTS, STUDY_FILE)
    forget_others(RESULTS, NOTED)
    write_readmes(RESULTS)


def data_checksums():
    """Checksums of the files of the tables; a function, since braces of a plain text would be wildcards."""
    text = json.dumps(DATA)
    return lambda wildcards: text


def settings(*keys):
    """Settings that a step uses, as sorted JSON; a function, since braces of a plain text would be wildcards."""
    sections = {
        key.partition(".")[0]: {key.partition(".")[2]} if "." in key else True
        for key in keys
    }
    text = json.dumps(STUDY.model_dump(mode="json", include=sections), sort_keys=True)
    return lambda wildcards: text


def code(*entries, tables=()):
    """Fingerprint of what a step imports, of the schemas of its tables, and of the rules and words of data_schema/."""
    return fingerprint_step(CODE, *entries, tables=tables)


def stage_settings(stage):
    """Settings that a stage declares."""
    return settings(*read_declaration(f"prrt_outcomes.{stage}.stage", "SETTINGS"))


def stage_code(stage):
    """Fingerprint of a stage."""
    entry = f"prrt_outcomes.{stage}.stage"
    tables = [*read_declaration(entry, "INPUTS"), *read_declaration(entry, "OUTPUTS")]
    return code(f"{stage}.stage", tables=tables)


def table_paths(names):
    """Paths of tables, by name."""
    return {name: table_path(name).as_posix() for name in names}


def stage_inputs(stage):
    """Tables that a stage declares to read."""
    return table_paths(read_declaration(f"prrt_outcomes.{stage}.stage", "INPUTS"))


def chapter_title(name):
    """Chapter of the report of Snakemake that shows the figures and tables of a stage."""
    return CATEGORIES.get(name, name.replace("_", " ").capitalize())


def shown_tables(names, chapter):
    """Paths of tables, by name; those of groups enter the report of Snakemake under their titles."""
    paths = table_paths(names)
    for table, path in paths.items():
        if path.startswith("tables/"):
            paths[table] = report(
                path,
                caption="../captions/tables.rst",
                category=chapter_title(chapter),
                subcategory="Tables",
                labels={"Table": load_schema(table).title},
            )
    return paths


def figure_labels(wildcards, output):
    """What a figure shows, as the report says it."""
    figures = json.loads((Path(output[0]) / "figures.json").read_text("utf-8"))
    told = {figure["name"]: figure["alternative_text"] for figure in figures}
    return {"Figure": told[wildcards.name].removeprefix("Figure: ")}


def stage_outputs(stage):
    """Tables that a stage declares to write, its losses and its status."""
    made = read_declaration(f"prrt_outcomes.{stage}.stage", "OUTPUTS")
    return shown_tables(made, stage) | {
        "attrition": f"derived/attrition/{stage}.csv",
        "status": f"derived/stages/{stage}.csv",
    }


def rank(step):
    """Priority of a step; above 0, since the scheduler starts none below 0 beside another."""
    return len(FIRST_TO_LAST) - FIRST_TO_LAST.index(step)


def chapter_inputs(chapter):
    """Tables that the figures of a chapter are drawn from."""
    entry = f"prrt_outcomes.figures.{chapter}_figures"
    return table_paths(read_declaration(entry, f"{chapter.upper()}_INPUTS"))


onsuccess:
    # The timer of job rates would keep the process for up to a second after the last step.
    for waiting in threading.enumerate():
        if isinstance(waiting, threading.Timer):
            waiting.cancel()
