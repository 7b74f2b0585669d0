"""Command `release`: the results of a run as they may leave the registry."""

import argparse

from prrt_outcomes.cli.run import lock_results


def main(arguments: argparse.Namespace) -> int:
    """Write the release of a finished run; raises StepError when there is none, UsageError for a place that is none."""
    from prrt_outcomes.release.write import write_release

    if not arguments.results.is_dir():
        from prrt_outcomes.errors import UsageError

        raise UsageError(f"{arguments.results} is no results folder")
    with lock_results(arguments.results.absolute()):
        folder, is_shown = write_release(arguments.results, arguments.out)
    if not is_shown:
        print("the cohort is too small: no result can be shown, and the release says so")
    print(f"release: {folder}; what was suppressed and why: {folder / 'released.csv'}")
    return 0
