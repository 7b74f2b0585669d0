"""Command `patient`: the page of one patient, on request, outside of every shared output."""

from __future__ import annotations

import argparse

from prrt_outcomes import steps
from prrt_outcomes.cli.run import choose_results
from prrt_outcomes.errors import UsageError
from prrt_outcomes.study.load import find_study_file, load_study


def main(arguments: argparse.Namespace) -> int:
    """Write the page of a patient from the tables of a run.

    Raises
    ------
    UsageError
        when the page would lie in the results folder, which is shared, or when the patient has no treatment.
    StepError
        when the run has not made the tables.
    """
    study_file = find_study_file(arguments.study)
    results = choose_results(study_file, arguments.results)
    out = arguments.out.resolve()
    if out.is_relative_to(results):
        raise UsageError(
            f"{arguments.out} lies in the results folder, which is shared; a patient's page goes elsewhere"
        )
    steps.write_patient(load_study(study_file), results, arguments.patient, out)
    print(f"page of patient {arguments.patient}: {arguments.out}")
    return 0
