"""Cox models and their bootstrap against loops over lifelines and R's coxph, same data; MAIC and propensity refits."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.results_page import format_table, write_section
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.cox_bootstrap import bootstrap_cox_log_hazard_ratio
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.maic import MaicTarget, bootstrap_maic
from prrt_outcomes.statistics.propensity import bootstrap_propensity

HERE = Path(__file__).parent
SIZES = (1_000, 10_000, 100_000, 1_000_000)
PATIENTS, REPLICATES = 1_000, 2_000
LIFELINES_FITS, R_FITS = 60, 400


def simulate(n: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return time in whole days, event, and covariates: treatment first, then numbers and categories by turns."""
    rng = np.random.default_rng(n + columns)
    x = np.column_stack([rng.integers(0, 2, n) if j % 2 == 0 else rng.normal(size=n) for j in range(columns)])
    event_time = np.ceil(rng.exponential(600 * np.exp(-0.4 * x[:, 0])))
    censoring = np.ceil(rng.uniform(100, 2500, n))
    return np.minimum(event_time, censoring), (event_time <= censoring).astype(float), x.astype(float)


def measure(task: Callable[[], object], repeats: int) -> float:
    """Return the best of several timings, in seconds."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        best = min(best, time.perf_counter() - start)
    return best


def run_lifelines(data, rows=None) -> float:
    """Fit lifelines and return the first coefficient."""
    from lifelines import CoxPHFitter

    frame = pd.DataFrame(data[2], columns=[f"x{j}" for j in range(data[2].shape[1])])
    frame = frame.assign(time=data[0], event=data[1])
    frame = frame if rows is None else frame.iloc[rows]
    return CoxPHFitter().fit(frame, "time", "event").params_["x0"]


def run_r(data, repeats: int, replicates: int) -> tuple[float, float, float, str]:
    """Return R's seconds for one fit and for one bootstrap fit, its first coefficient, and versions."""
    with tempfile.TemporaryDirectory() as folder:
        columns = {"time": data[0], "event": data[1], **{f"x{j}": v for j, v in enumerate(data[2].T)}}
        for name, values in columns.items():
            np.ascontiguousarray(values, dtype=float).tofile(Path(folder) / name)
        command = ["Rscript", HERE / "cox.R", folder, len(data[0]), data[2].shape[1], repeats, replicates]
        out = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=True).stdout
    one, loop, coefficient, r, survival = out.strip().split(";")
    return float(one), float("nan" if loop == "NA" else loop), float(coefficient), f"{r}, survival {survival}"


def compare_bootstrap(has_r: bool) -> str:
    """Bootstrap of a hazard ratio: ours once, the loops on fewer fits and scaled up."""
    rows, versions = [], "R absent"
    for columns in (1, 4):
        data = simulate(PATIENTS, columns)
        rng = np.random.default_rng(1)
        weights = rng.multinomial(PATIENTS, np.full(PATIENTS, 1 / PATIENTS), size=REPLICATES)
        ours = measure(
            lambda d=data, w=weights: bootstrap_cox_log_hazard_ratio(SurvivalData(d[0], d[1]), d[2], w), 3
        )
        result = bootstrap_cox_log_hazard_ratio(SurvivalData(data[0], data[1]), data[2], weights)
        drawn = [rng.integers(0, PATIENTS, PATIENTS) for _ in range(LIFELINES_FITS)]
        loop = (
            measure(lambda d=data, r=drawn: [run_lifelines(d, k) for k in r], 1) / LIFELINES_FITS * REPLICATES
        )
        r_loop = np.nan
        if has_r:
            _, r_fit, _, versions = run_r(data, 1, R_FITS)
            r_loop = r_fit * REPLICATES
        rows.append(
            [
                columns,
                f"{ours:.3f}",
                f"{loop:.1f}",
                f"{loop / ours:.0f}",
                f"{r_loop:.2f}",
                f"{r_loop / ours:.1f}",
                int(np.isnan(result[:, 0]).sum()),
            ]
        )
        print(*rows[-1], flush=True)
    header = [
        "covariates",
        "ours, s",
        "lifelines, s",
        "lifelines / ours",
        "R, s",
        "R / ours",
        "failed replicates",
    ]
    words = (
        f"{REPLICATES:,} replicates of the log hazard ratio, {PATIENTS:,} patients, whole days. The loops ran "
        f"{LIFELINES_FITS} (lifelines) and {R_FITS} (R) fits and are scaled to {REPLICATES:,}. {versions}."
    )
    return f"{words}\n\n{format_table(header, rows)}"


def compare_fits(has_r: bool) -> str:
    """One Cox model of three covariates, by size."""
    rows = []
    for n in SIZES:
        data, repeats = simulate(n, 3), 3 if n < 1_000_000 else 1
        ours = measure(lambda d=data: fit_cox(SurvivalData(d[0], d[1]), d[2]), repeats)
        theirs = measure(lambda d=data: run_lifelines(d), repeats)
        coefficients = [fit_cox(SurvivalData(data[0], data[1]), data[2]).coefficients[0], run_lifelines(data)]
        r_seconds = np.nan
        if has_r:
            r_seconds, _, coefficient, _ = run_r(data, repeats, 0)
            coefficients.append(coefficient)
        assert np.ptp(coefficients) < 1e-5 * abs(coefficients[0]), f"they disagree: {coefficients}"
        rows.append(
            [
                f"{n:,}",
                f"{ours:.3f}",
                f"{1e6 * ours / n:.1f}",
                f"{theirs:.3f}",
                f"{ours / theirs:.2f}",
                f"{r_seconds:.3f}",
                f"{ours / r_seconds:.2f}",
            ]
        )
        print(*rows[-1], flush=True)
    header = [
        "patients",
        "ours, s",
        "microseconds a patient",
        "lifelines, s",
        "ours / lifelines",
        "R, s",
        "ours / R",
    ]
    words = "Three covariates, whole days, all three agree on the coefficient."
    return f"{words}\n\n{format_table(header, rows)}"


def time_refits() -> str:
    """Refits of weights for the bootstrap of a weighted comparison."""
    rng = np.random.default_rng(2)
    counts = rng.multinomial(PATIENTS, np.full(PATIENTS, 1 / PATIENTS), size=REPLICATES)
    x = pd.DataFrame(rng.normal(size=(PATIENTS, 4)), columns=list("abcd"))
    x["grade"] = rng.choice(["G1", "G2", "G3"], PATIENTS)
    cohort = rng.random(PATIENTS) < 1 / (1 + np.exp(-x["a"]))
    targets = [MaicTarget(name, "mean", 0.2) for name in "abcd"]
    targets += [MaicTarget("a", "standard_deviation", 0.9), MaicTarget("grade", "share", 0.5, "G2")]
    rows = [
        ["MAIC, 6 targets", f"{measure(lambda: bootstrap_maic(x, targets, counts), 1):.2f}"],
        [
            "propensity score, 6 coefficients",
            f"{measure(lambda: bootstrap_propensity(cohort, x, counts), 1):.2f}",
        ],
    ]
    for row in rows:
        print(*row, flush=True)
    return f"{REPLICATES:,} refits of {PATIENTS:,} patients.\n\n{format_table(['refit', 'seconds'], rows)}"


def main() -> None:
    has_r = shutil.which("Rscript") is not None
    write_section("speed", "Bootstrap of a hazard ratio", compare_bootstrap(has_r))
    write_section("speed", "Cox models", compare_fits(has_r))
    write_section("speed", "Refits of weights", time_refits())


if __name__ == "__main__":
    main()
