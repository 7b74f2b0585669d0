"""Commands `simulate`, `patient`, `manuscript`, and the hidden command `step` that rules of the workflow call."""

from __future__ import annotations

import argparse
import gc
from pathlib import Path
from typing import TYPE_CHECKING

from prrt_outcomes import provenance, steps
from prrt_outcomes.cli.problems import PROBLEMS_FILE, WARNINGS_FILE, write_problems
from prrt_outcomes.cli.run import PAGE, choose_results, lock_results
from prrt_outcomes.errors import InputError, StepError, UsageError
from prrt_outcomes.study.load import find_study_file, load_study

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study

RARELY = (100_000, 50, 100)  # garbage collection at the usual rate takes a twentieth of a step


def run_step(arguments: argparse.Namespace) -> int:
    """Run one step in a results folder, with the inputs that the run began with.

    Raises InputError after its problems were written to `problems.csv` in the results folder; UsageError when no
    step or chapter has that name.
    """
    usual = gc.get_threshold()
    gc.set_threshold(*RARELY)
    try:
        step, results, study_file = arguments.step, arguments.results, find_study_file(arguments.study)
        with provenance.hold_inputs(results, study_file):
            study = load_study(study_file)
        files = provenance.list_data_files(study, study_file) if step in ("cohort", "accounts") else ()
        with provenance.hold_inputs(results, study_file, files):
            _carry_out(step, arguments.chapter, study, study_file, results)
    except InputError as error:
        write_problems(arguments.results / PROBLEMS_FILE, error.problems)
        raise
    finally:
        gc.set_threshold(*usual)
    return 0


def _carry_out(step: str, chapter: str | None, study: Study, study_file: Path, results: Path) -> None:
    if step == "cohort":
        write_problems(results / WARNINGS_FILE, steps.run_cohort(study, study_file, results))
        provenance.note_made(results, "warnings", [results / WARNINGS_FILE])
    elif step in steps.STAGES:
        steps.run_stage(step, study, results)
    elif step == "figures" and chapter in steps.CHAPTERS:
        steps.draw_figures(chapter, study, results)
    elif step == "figures":
        raise UsageError(f"--chapter is one of {', '.join(steps.CHAPTERS)}")
    elif step == "accounts":
        steps.check_written_cohort(study, study_file, results)
        steps.join_accounts(results)
        description = provenance.describe_run(study, study_file, results)
        provenance.write_provenance(results / "provenance.json", description)
        provenance.note_made(results, "provenance", [results / "provenance.json"])
    elif step == "report":
        from prrt_outcomes.report.write import write_report
        from prrt_outcomes.run_crate import CRATE, write_crate

        own = {"report.html", "supplement.html", CRATE}
        provenance.hold_made(results, provenance.list_made(results).keys() - own)
        pages = write_report(results, study)
        provenance.note_made(results, "report", pages)  # for the crate
        provenance.note_made(results, "report", [*pages, write_crate(results, study, study_file)])
    elif step == "manuscript":
        from prrt_outcomes.manuscript.documents import write_manuscript

        write_manuscript(results, study)
    else:
        known = ", ".join((*steps.STAGES, "figures", "accounts", "report", "manuscript"))
        raise UsageError(f"no step {step}; steps are {known}")


def write_patient(arguments: argparse.Namespace) -> int:
    """Write the page of a patient from the tables of a run.

    Raises UsageError when the page would lie in the results folder of a run, by whatever link, since such a folder is
    shared, or when the patient has no treatment; StepError when the run has not made the tables.
    """
    study_file = find_study_file(arguments.study)
    results = choose_results(study_file, arguments.results)
    out = arguments.out.resolve()
    runs = [folder for folder in out.parents if (folder / provenance.INPUTS_FILE).is_file()]
    if runs or out.is_relative_to(results.resolve()):
        raise UsageError(
            f"{arguments.out} is inside the results folder of a run, which may be shared; "
            "choose another place for the page of a patient"
        )
    steps.write_patient(load_study(study_file), results, arguments.patient, out)
    print(f"page of patient {arguments.patient}: {arguments.out}")
    return 0


def write_manuscript(arguments: argparse.Namespace) -> int:
    """Write the manuscript of a finished run; raises StepError when there is none."""
    from prrt_outcomes.manuscript.documents import write_manuscript

    study_file = find_study_file(arguments.study)
    results = choose_results(study_file, arguments.out)
    if not (results / PAGE).is_file():
        raise StepError(f"{results} holds no finished run; first: prrt-outcomes run {arguments.study}")
    with lock_results(results):
        provenance.hold_made(results, provenance.list_made(results))
        word, pdf, *others = write_manuscript(results, load_study(study_file), arguments.template)
    print(f"manuscript: {word}, {pdf}, and {len(others)} files in {others[0].parent}")
    return 0


def simulate(arguments: argparse.Namespace) -> int:
    """Write a synthetic study.

    Raises UsageError when the folder is a file or holds a study already.
    """
    from prrt_outcomes.simulate.registry import write_simulated_study
    from prrt_outcomes.simulate.settings import SimulationSettings, apply_overrides

    folder, later = arguments.out, arguments.later
    drawn = {"patients": arguments.patients, "seed": arguments.seed, "later_cutoff": later}
    write_simulated_study(folder, **drawn, settings=apply_overrides(SimulationSettings(), arguments.set))
    print(f"{folder}: {arguments.patients} synthetic patients; their truth is in {folder / 'truth'}")
    print(f"next: prrt-outcomes run {folder}" + (f"_{later.year}, the same as of {later}" if later else ""))
    return 0
