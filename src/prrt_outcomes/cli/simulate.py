"""Command `simulate`: a synthetic study that runs, with its truth beside it."""

from __future__ import annotations

import argparse


def main(arguments: argparse.Namespace) -> int:
    """Write a synthetic study.

    Raises
    ------
    UsageError
        when the folder is a file or holds a study already.
    """
    from prrt_outcomes.simulate.overrides import apply_overrides
    from prrt_outcomes.simulate.settings import SimulationSettings
    from prrt_outcomes.simulate.study_folder import write_simulated_study

    folder = arguments.out
    settings = apply_overrides(SimulationSettings(), arguments.set)
    write_simulated_study(folder, patients=arguments.patients, seed=arguments.seed, settings=settings)
    print(f"{folder}: {arguments.patients} synthetic patients; their truth is in {folder / 'truth'}")
    print(f"next: prrt-outcomes run {folder}")
    return 0
