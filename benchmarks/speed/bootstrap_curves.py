"""2,000 bootstrap replicates of median and RMST against loops over lifelines and over R's survfit."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.results_page import format_table, write_section
from prrt_outcomes.statistics.resampling import fit_bootstrap
from prrt_outcomes.statistics.risk.replicates import (
    compute_replicate_quantiles,
    compute_replicate_rmst,
    compute_replicate_rows,
)

HERE = Path(__file__).parent
REPLICATES, HORIZON = 2_000, 720.0
LOOP = 100


def simulate(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return time and event of n patients."""
    rng = np.random.default_rng(n)
    event_time, censoring = rng.exponential(800, n), rng.uniform(100, 2500, n)
    return np.ceil(np.minimum(event_time, censoring)), (event_time <= censoring).astype(float)


def run_ours(days: np.ndarray, event: np.ndarray) -> None:
    """Resample median and RMST together."""
    rows = compute_replicate_rows(days, event)

    def both(weights: np.ndarray) -> np.ndarray:
        medians = compute_replicate_quantiles(rows, weights)
        return np.stack([medians, compute_replicate_rmst(rows, weights, HORIZON)], axis=1)

    fit_bootstrap(both, len(days), seed=1, replicates=REPLICATES, undefined="high")


def run_lifelines(days: np.ndarray, event: np.ndarray) -> None:
    """Loop over lifelines, `LOOP` replicates."""
    from lifelines import KaplanMeierFitter
    from lifelines.utils import restricted_mean_survival_time

    rng = np.random.default_rng(1)
    for _ in range(LOOP):
        drawn = rng.integers(0, len(days), len(days))
        fitted = KaplanMeierFitter().fit(days[drawn], event[drawn])
        assert fitted.median_survival_time_ > 0
        restricted_mean_survival_time(fitted, t=HORIZON)


def run_r(days: np.ndarray, event: np.ndarray) -> tuple[float, str]:
    """Return seconds of `LOOP` replicates in R, and its version."""
    with tempfile.TemporaryDirectory() as folder:
        for name, values in (("time", days), ("event", event)):
            np.asarray(values, dtype="<f8").tofile(Path(folder) / name)
        command = [
            "Rscript",
            str(HERE / "bootstrap_curves.R"),
            folder,
            str(len(days)),
            str(LOOP),
            str(HORIZON),
        ]
        parts = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split(";")
    return float(parts[0]), f"{parts[1]}, survival {parts[2]}"


def _seconds(task, *arguments) -> float:
    start = time.perf_counter()
    task(*arguments)
    return time.perf_counter() - start


def main() -> None:
    rows, versions = [], "R absent"
    for n in (200, 1_000, 5_000):
        data = simulate(n)
        ours = min(_seconds(run_ours, *data) for _ in range(3))
        lifelines_ = _seconds(run_lifelines, *data) * REPLICATES / LOOP
        r_seconds = np.nan
        if shutil.which("Rscript"):
            r_seconds, versions = run_r(*data)
            r_seconds *= REPLICATES / LOOP
        rows.append([f"{n:,}", f"{ours:.2f}", f"{lifelines_:.1f}", f"{lifelines_ / ours:.0f}"])
        rows[-1] += [f"{r_seconds:.1f}", f"{r_seconds / ours:.0f}"]
        print(*rows[-1], flush=True)
    body = (
        f"{REPLICATES:,} replicates of median and RMST together, whole days. The loops ran {LOOP} replicates and are "
        f"scaled up. {versions}.\n\n"
    )
    header = ["patients", "ours, s", "lifelines loop, s", "lifelines / ours", "R loop, s", "R / ours"]
    write_section("speed", "Bootstrap of median and RMST", body + format_table(header, rows))


if __name__ == "__main__":
    main()
