"""Overall and best response of a large registry under three criteria: time and peak memory.

``python benchmarks/speed/response.py [--patients 1000000]``: 20 lesion rows a patient (4 targets, 5 scans).
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd

from prrt_outcomes.response.criteria import resolve_criteria
from prrt_outcomes.response.criterion_run import derive_best_table, derive_responses_table, run_criterion
from prrt_outcomes.response.scans import derive_registry
from prrt_outcomes.response.stage import INPUTS
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table

CRITERIA = ("recist_1_1", "swog_mr", "who")
LESIONS, SCANS = 4, 5
LIMIT_SECONDS, LIMIT_GIGABYTES = 60.0, 8.0


def draw_tables(n_patients: int, seed: int = 20151122) -> dict[str, pd.DataFrame]:
    """Draw a registry: every patient a baseline and four follow-up scans of four targets, some values missing."""
    rng = np.random.default_rng(seed)
    patients = pd.array([f"P{k:07d}" for k in range(n_patients)], dtype=pd.StringDtype("python"))
    n = n_patients * LESIONS * SCANS
    shape = (n_patients, SCANS, LESIONS)
    trend = rng.normal(-0.1, 0.25, (n_patients, 1, 1)) * np.arange(SCANS)[None, :, None]
    longest = np.round(rng.uniform(12, 60, (n_patients, 1, LESIONS)) * np.exp(trend), 1).ravel()
    longest = np.minimum(longest, 400)
    missing = rng.random(n) < 0.01
    day = np.datetime64("2010-01-01", "D") + rng.integers(0, 3000, n_patients)
    scan_day = (day[:, None] + np.arange(SCANS)[None, :] * 90).astype("datetime64[ns]")
    names = np.array([f"T{k + 1}" for k in range(LESIONS)], dtype=object)
    state = pd.Categorical.from_codes(
        np.where(missing, 3, 0), ["measured", "absent", "too_small", "not_evaluated"], ordered=True
    )
    lesions = pd.DataFrame(
        {
            "patient_id": patients.repeat(LESIONS * SCANS),
            "assessment_date": np.broadcast_to(scan_day[:, :, None], shape).ravel(),
            "lesion_id": pd.array(np.tile(names, n_patients * SCANS), dtype=pd.StringDtype("python")),
            "reader": pd.array(np.full(n, "local", dtype=object), dtype=pd.StringDtype("python")),
            "role": pd.Categorical.from_codes(
                np.zeros(n, int), ["target", "non_target", "new"], ordered=True
            ),
            "organ": pd.array(np.full(n, "liver", dtype=object), dtype=pd.StringDtype("python")),
            "lymph_node": pd.array(np.zeros(n, dtype=bool), dtype="boolean"),
            "longest_mm": np.where(missing, np.nan, longest),
            "perpendicular_mm": np.where(missing, np.nan, longest * 0.8),
            "state": state,
        }
    )
    first = (day + 7).astype("datetime64[ns]")
    periods = pd.DataFrame({"patient_id": patients, "period": 1, "first_cycle": first, "last_cycle": first})
    tables = {name: empty_table(name) for name in INPUTS}
    return tables | {"lesions": lesions, "treatment_periods": conform_table("treatment_periods", periods)}


def main() -> None:
    """Print rows, seconds and peak memory; fail where a limit is passed at full size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=1_000_000)
    n_patients = parser.parse_known_args()[0].patients
    tables = draw_tables(n_patients)
    study = Study.model_validate(
        {"study": "large", "tables": {"patients": "p", "follow_up": "f"}, "response": {"criteria": CRITERIA}}
    )
    drawn = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"registry drawn: {drawn:.1f} GB")
    start, start_cpu = time.perf_counter(), time.process_time()
    registry = derive_registry(tables, study)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"registry: {time.perf_counter() - start:.1f} s, {peak:.1f} GB")
    n_responses = n_best = 0
    for criterion in resolve_criteria(study.response):
        run = run_criterion(registry, criterion, study.response)
        print(f"{criterion.name} classified: {time.perf_counter() - start:.1f} s")
        n_responses += len(derive_responses_table(run))
        for confirmed in (False, True):
            n_best += len(derive_best_table(run, confirmed=confirmed))
        del run
        print(f"{criterion.name} written in words: {time.perf_counter() - start:.1f} s")
    seconds = time.perf_counter() - start
    cpu = time.process_time() - start_cpu
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    made = f"{len(tables['lesions']):,} lesion rows, {n_responses:,} responses, {n_best:,} best"
    print(f"{made}: {seconds:.1f} s ({cpu:.1f} s of CPU), {gigabytes:.1f} GB")
    if n_patients >= 1_000_000 and (seconds > LIMIT_SECONDS or gigabytes > LIMIT_GIGABYTES):
        raise SystemExit("over the limit of 60 s and 8 GB")


if __name__ == "__main__":
    main()
