# The study, its settings and the fingerprints of the code. The only rule file that holds Python.
import json
import os
import shlex
import sys
from pathlib import Path

from prrt_outcomes.cli.problems import format_problems
from prrt_outcomes.cohort.settings import load_checked_study
from prrt_outcomes.errors import InputError, PrrtError
from prrt_outcomes.provenance import (
    fingerprint_code,
    has_module,
    list_data_files,
    list_run_modules,
    read_declaration,
)
from prrt_outcomes.study.load import find_study_file
from prrt_outcomes.tables.schema import list_tables
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
    raise WorkflowError(format_problems(error.problems))
except PrrtError as error:
    raise WorkflowError(str(error))

RESULTS = os.path.realpath(
    workflow.overwrite_workdir or Path(workflow.workdir_init) / "results" / STUDY.study
)


def relative(path):
    """A path as seen from the results folder, so that moving the whole project reruns nothing."""
    return os.path.relpath(
        os.path.join(os.path.realpath(path.parent), path.name), RESULTS
    )


FIGURE_SETTINGS = (
    "title",
    "synthetic",
    "figures",
    "endpoints",
    "analysis",
    "response",
    "disclosure",
)
ALL_SETTINGS = tuple(type(STUDY).model_fields)
STUDY_PATH = relative(STUDY_FILE)
DATA_FILES = [relative(path) for path in list_data_files(STUDY, STUDY_FILE)]


def settings(*keys):
    """Settings that a step uses, as sorted JSON; a function, since braces of a plain text would be wildcards."""
    text = json.dumps(STUDY.model_dump(mode="json", include=set(keys)), sort_keys=True)
    return lambda wildcards: text


def stage_settings(stage):
    """Settings that a stage declares; one that is not built uses none."""
    entry = f"prrt_outcomes.{stage}.stage"
    return settings(*read_declaration(entry, "SETTINGS") if has_module(entry) else ())


def stage_code(stage):
    """Fingerprint of a stage: what it imports, and the schemas of its tables."""
    entry = f"prrt_outcomes.{stage}.stage"
    if not has_module(entry):
        return fingerprint_code(["prrt_outcomes.steps"])
    tables = [*read_declaration(entry, "INPUTS"), *read_declaration(entry, "OUTPUTS")]
    return fingerprint_code(["prrt_outcomes.steps", entry], tables)


def cohort_code():
    """Fingerprint of reading and checking; the contract of all input tables belongs to it."""
    return fingerprint_code(
        ["prrt_outcomes.steps", "prrt_outcomes.cohort.stage"], list_tables("input")
    )


def chapter_code(chapter):
    """Fingerprint of drawing, with the schemas of the tables that the chapter draws."""
    return fingerprint_code(["prrt_outcomes.steps", "prrt_outcomes.figures.chapters"])


def accounts_code():
    """Fingerprint of the closing step; it describes all code."""
    return fingerprint_code(list_run_modules())


def report_code():
    """Fingerprint of the page."""
    return fingerprint_code(["prrt_outcomes.steps", "prrt_outcomes.report.write"])
