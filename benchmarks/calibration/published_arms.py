"""Coverage of observed over expected events when a control is known by a few published numbers."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from benchmarks.results_page import format_table, write_section
from prrt_outcomes.controls.observed_expected import compare_with_published
from prrt_outcomes.statistics.curve_summaries import compute_quantile, summarise_milestones
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.study.controls import PublishedControl
from prrt_outcomes.survival.endpoint_rows import EndpointRows

ARMS = 2000
N = 150
MEDIAN = 12.0
RATIO = 0.6
SHAPES = {"exponential": 1.0, "Weibull 0.8": 0.8, "Weibull 1.3": 1.3}
SIZES = (40, 113, 400)
PUBLISHED: dict[str, tuple[float, ...]] = {
    "median": (),
    "median, one milestone": (24.0,),
    "median, three milestones, intervals": (6.0, 24.0, 36.0),
}
READING = (
    "How to read it. The truth is the ratio of the cohort's hazard to that of the arm's population. The one-sample "
    "test takes the published curve as known and covers too rarely where the arm is not much larger than the cohort. "
    "Observed over expected draws the curve within its published intervals (else within the binomial interval of n) "
    "and its course between the published points, and covers as it says."
)


def draw_times(rng: np.random.Generator, n: int, shape: float, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Times and events with a Weibull hazard, `ratio` times that with a median of 12, censored uniformly."""
    times = MEDIAN * (rng.exponential(size=n) / (ratio * np.log(2))) ** (1 / shape)
    limit = rng.uniform(12, 60, n)
    return np.minimum(times, limit), (times <= limit).astype(int)


def publish(
    rng: np.random.Generator, n: int, shape: float, milestones: tuple[float, ...]
) -> PublishedControl | None:
    """What a paper would give of an arm; None where its median is not reached.

    Three milestones come with intervals, as the median beside them does; one comes without. A milestone that no
    patient reached, or by which nobody or everybody had the event, is not printed.
    """
    curve = fit_kaplan_meier(SurvivalData(*draw_times(rng, n, shape, 1.0)), interval="log-log")
    median = compute_quantile(curve)
    if not np.isfinite(median.time):
        return None
    intervals = len(milestones) > 1
    points = []
    for row in summarise_milestones(curve, milestones).itertuples() if milestones else ():
        in_order = (row.time - median.time) * (0.5 - row.survival) > 0
        if row.status == "ok" and in_order:
            ends = {"low": row.lower, "high": row.upper} if intervals else {}
            points.append({"months": row.time, "survival": row.survival} | ends)
    known = {"median_low": median.lower, "median_high": median.upper} if intervals else {}
    known = {name: value for name, value in known.items() if np.isfinite(value)}
    return PublishedControl(
        id="a", kind="published", n=n, median_months=median.time, milestones=points, **known
    )


def cover(
    rng: np.random.Generator, n: int, shape: float, milestones: tuple[float, ...]
) -> list[tuple[bool, float]]:
    """Whether each method's interval holds the truth, and the error of the logarithm; empty without a median."""
    control = publish(rng, n, shape, milestones)
    if control is None:
        return []
    times, events = draw_times(rng, N, shape, RATIO)
    rows = EndpointRows("pfs", times, events, None, pd.DataFrame(index=range(N)))
    return [
        (row["low"] <= RATIO <= row["high"], np.log(row["value"] / RATIO))
        for row in compare_with_published(rows, control, 0.95)[:2]
    ]


def main(arms: int = ARMS) -> None:
    lines = []
    for name, shape in SHAPES.items():
        for n in SIZES:
            for words, milestones in PUBLISHED.items():
                rng = np.random.default_rng([53, round(10 * shape), n, len(milestones)])
                found = [row for row in (cover(rng, n, shape, milestones) for _ in range(arms)) if row]
                shares = 100 * np.array([[hit for hit, _ in row] for row in found]).mean(axis=0)
                bias = np.mean([row[1][1] for row in found])
                mark = "" if 93.5 <= shares[1] <= 96.5 else " *"
                cells = [f"{shares[0]:.1f}", f"{shares[1]:.1f}{mark}", f"{bias:+.3f}"]
                lines.append([name, n, words, *cells])
                print(*lines[-1], flush=True)
    head = ["control", "n", "published", "one-sample test", "observed over expected", "bias of the log"]
    words = (
        f"{arms:,} simulated arms a row, each compared with a cohort of {N} patients whose hazard is {RATIO} times "
        "that of the arm's population. Per cent of 95 % intervals that cover it; * marks what is outside 93.5 to "
        "96.5.\n\n"
        f"{format_table(head, lines)}\n\n{READING}"
    )
    write_section("calibration", "Published arms", words)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ARMS)
