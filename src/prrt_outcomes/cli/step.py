"""Hidden command `step`: one step of the workflow, called by its rules."""

from __future__ import annotations

import argparse
from pathlib import Path

from prrt_outcomes import provenance, steps
from prrt_outcomes.cli.problems import PROBLEMS_FILE, write_problems
from prrt_outcomes.errors import InputError, UsageError
from prrt_outcomes.study.load import find_study_file, load_study

WARNINGS_FILE = Path("cohort") / "warnings.csv"


def main(arguments: argparse.Namespace) -> int:
    """Run one step in a results folder.

    Raises
    ------
    InputError
        after its problems were written to `problems.csv` in the results folder.
    UsageError
        when no step or chapter has that name.
    """
    try:
        _run_step(arguments.step, arguments.chapter, find_study_file(arguments.study), arguments.results)
    except InputError as error:
        write_problems(arguments.results / PROBLEMS_FILE, error.problems)
        raise
    return 0


def _run_step(step: str, chapter: str | None, study_file: Path, results: Path) -> None:
    """Find the step by its name and run it."""
    study = load_study(study_file)
    if step == "cohort":
        write_problems(results / WARNINGS_FILE, steps.run_cohort(study, study_file, results))
    elif step in steps.STAGES:
        steps.run_stage(step, study, results)
    elif step == "figures" and chapter in steps.CHAPTERS:
        steps.draw_figures(chapter, study, results)
    elif step == "figures":
        raise UsageError(f"--chapter is one of {', '.join(steps.CHAPTERS)}")
    elif step == "accounts":
        steps.join_accounts(results)
        description = provenance.describe_run(study, study_file, results)
        provenance.write_provenance(results / "provenance.json", description)
    elif step == "report":
        steps.write_page(study, results)
    else:
        raise UsageError(f"no step {step}; steps are {', '.join(steps.STAGES)}, figures, accounts, report")
