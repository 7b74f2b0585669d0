"""Kaplan-Meier and log-rank of two groups against R's survfit and survdiff and against lifelines, same data."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.results_page import format_table, write_section
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import compute_kaplan_meier
from prrt_outcomes.statistics.logrank import compute_logrank
from prrt_outcomes.statistics.risk_table import compute_risk_table

HERE = Path(__file__).parent
SIZES = (1_000, 10_000, 100_000, 1_000_000)


def simulate(n: int, by_day: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return time, event and group of n patients, continuous or rounded up to whole days."""
    rng = np.random.default_rng(n)
    group = rng.integers(0, 2, n).astype(float)
    event_time, censoring = rng.exponential(800 + 200 * group), rng.uniform(100, 2500, n)
    observed = np.minimum(event_time, censoring)
    return np.ceil(observed) if by_day else observed, (event_time <= censoring).astype(float), group


def measure(task: Callable[[], object], repeats: int) -> float:
    """Return the best of several timings, in seconds."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        best = min(best, time.perf_counter() - start)
    return best


def run_ours(data: tuple[np.ndarray, ...]) -> float:
    """Compute both curves with intervals and the log-rank test; return chi-square."""
    table = compute_risk_table(SurvivalData(data[0], data[1]), group=data[2])
    for code in range(len(table.groups)):
        compute_kaplan_meier(table.select_groups([code]))
    return compute_logrank(table).statistic


def run_lifelines(data: tuple[np.ndarray, ...]) -> float:
    """Do the same with lifelines."""
    from lifelines import KaplanMeierFitter
    from lifelines.statistics import logrank_test

    parts = [(data[0][data[2] == k], data[1][data[2] == k]) for k in (0, 1)]
    for part in parts:
        KaplanMeierFitter().fit(*part)
    (t0, e0), (t1, e1) = parts
    return logrank_test(t0, t1, e0, e1).test_statistic


def run_r(data: tuple[np.ndarray, ...], repeats: int) -> tuple[float, float, str]:
    """Return seconds, chi-square and version of R's survfit plus survdiff."""
    with tempfile.TemporaryDirectory() as folder:
        for name, values in zip(("time", "event", "group"), data, strict=True):
            np.asarray(values, dtype="<f8").tofile(Path(folder) / name)
        command = ["Rscript", str(HERE / "curves_and_tests.R"), folder, str(len(data[0])), str(repeats)]
        parts = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split(";")
    return float(parts[0]) + float(parts[1]), float(parts[2]), f"{parts[3]}, survival {parts[4]}"


def main() -> None:
    rows, versions = [], "R absent"
    has_r = shutil.which("Rscript") is not None
    for by_day in (False, True):
        for n in SIZES:
            data, repeats = simulate(n, by_day), 3 if n == 1_000_000 else 5
            ours, lifelines_ = (
                measure(lambda d=data: run_ours(d), repeats),
                measure(lambda d=data: run_lifelines(d), 2),
            )
            chi_square = [run_ours(data), run_lifelines(data)]
            r_seconds = np.nan
            if has_r:
                r_seconds, r_chi_square, versions = run_r(data, repeats)
                chi_square.append(r_chi_square)
            assert np.ptp(chi_square) < 1e-6 * chi_square[0], f"they disagree: {chi_square}"
            row = ["whole days" if by_day else "continuous", f"{n:,}", f"{ours:.4f}", f"{1e6 * ours / n:.2f}"]
            row += [
                f"{r_seconds:.4f}",
                f"{r_seconds / ours:.1f}",
                f"{lifelines_:.4f}",
                f"{lifelines_ / ours:.1f}",
            ]
            rows.append(row)
            print(*row, flush=True)
    header = [
        "times",
        "patients",
        "ours, s",
        "microseconds a patient",
        "R, s",
        "R / ours",
        "lifelines, s",
        "lifelines / ours",
    ]
    body = f"Two curves with intervals and the log-rank test, all three agree on chi-square. {versions}.\n\n"
    write_section("speed", "Kaplan-Meier and log-rank of two groups", body + format_table(header, rows))


if __name__ == "__main__":
    main()
