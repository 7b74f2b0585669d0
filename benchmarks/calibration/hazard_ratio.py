"""Coverage of 95 % intervals of the log hazard ratio, and level of the tests of a Cox model."""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.calibration.cohorts import HAZARD, SCENARIOS, Scenario, record
from benchmarks.results_page import format_table, write_section
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.cox_bootstrap import bootstrap_cox_log_hazard_ratio
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.firth import fit_firth_cox
from prrt_outcomes.statistics.hazard_ratios import summarise_proportional_hazards

COHORTS = 2_000
REPLICATES = 400
SLOW_COHORTS = 500
LOG_HAZARD_RATIO = np.log(0.6)
METHODS = ("Wald", "robust Wald", "Firth, profile likelihood", "bootstrap, percentile")
TESTS = ("Wald", "likelihood ratio", "score", "proportional hazards")


def simulate(scenario: Scenario, log_hazard_ratio: float, rng: np.random.Generator):
    """Return recorded time, event and two equal groups of exponential times."""
    group = np.arange(scenario.n) % 2
    event_time = record(rng.exponential(1 / (HAZARD * np.exp(log_hazard_ratio * group))), scenario.step)
    censoring = record(rng.uniform(*scenario.limits, scenario.n), scenario.step)
    return np.minimum(event_time, censoring), event_time <= censoring, group.astype(float)


def compute_intervals(
    scenario: Scenario, rng: np.random.Generator, slow: bool
) -> dict[str, tuple[float, float]]:
    """Return the intervals of one cohort; profile likelihood and bootstrap only where `slow`."""
    time, event, group = simulate(scenario, LOG_HAZARD_RATIO, rng)
    intervals = {}
    for name, cluster in (("Wald", None), ("robust Wald", np.arange(scenario.n))):
        row = fit_cox(SurvivalData(time, event, cluster=cluster), group).table.iloc[0]
        intervals[name] = (row["lower"], row["upper"])
    if slow:
        row = fit_firth_cox(SurvivalData(time, event), group).iloc[0]
        intervals["Firth, profile likelihood"] = (row["lower"], row["upper"])
        weights = rng.multinomial(scenario.n, np.full(scenario.n, 1 / scenario.n), size=REPLICATES)
        found = bootstrap_cox_log_hazard_ratio(SurvivalData(time, event), group, weights)[:, 0]
        intervals["bootstrap, percentile"] = tuple(np.exp(np.nanquantile(found, [0.025, 0.975])))
    return intervals


def compute_p_values(scenario: Scenario, rng: np.random.Generator) -> dict[str, float]:
    """Return the p-values of one cohort without any effect."""
    time, event, group = simulate(scenario, 0.0, rng)
    fit = fit_cox(SurvivalData(time, event), group)
    ph = summarise_proportional_hazards(fit)["p_value"].iloc[-1]
    p_values = (fit.wald.p_value, fit.likelihood_ratio.p_value, fit.score.p_value, ph)
    return dict(zip(TESTS, p_values, strict=True))


def describe(share: float, low: float, high: float) -> str:
    """Per cent, marked where it leaves the limits."""
    return f"{100 * share:.1f}" + ("" if low <= share <= high else " *")


def main(cohorts: int = COHORTS) -> None:
    truth = np.exp(LOG_HAZARD_RATIO)
    noise = 1.96 * np.sqrt(0.05 * 0.95 / cohorts)
    coverage, levels = [], []
    for k, scenario in enumerate(SCENARIOS):
        rng = np.random.default_rng([29, k])
        label = [scenario.n, scenario.censoring, scenario.grid]
        slow = SLOW_COHORTS if scenario.n == 50 else 0
        intervals = [compute_intervals(scenario, rng, k < slow) for k in range(cohorts)]
        covered = {m: [i[m][0] <= truth <= i[m][1] for i in intervals if m in i] for m in METHODS}
        shares = [describe(np.mean(covered[m]), 0.935, 0.965) if covered[m] else "" for m in METHODS]
        coverage.append([*label, *shares])
        p_values = [compute_p_values(scenario, rng) for _ in range(cohorts)]
        rejected = [np.mean([p[t] < 0.05 for p in p_values]) for t in TESTS]
        levels.append([*label, *(describe(r, 0.05 - noise, 0.05 + noise) for r in rejected)])
        print(*coverage[-1], "|", *levels[-1][3:], flush=True)
        write_pages(cohorts, coverage, levels)


def write_pages(cohorts: int, coverage: list, levels: list) -> None:
    """Write what is known so far: a run takes long."""
    noise = 1.96 * np.sqrt(0.05 * 0.95 / cohorts)
    head = ["patients", "censoring", "recorded by"]
    words = (
        f"{cohorts:,} cohorts each, two equal groups, hazard ratio {np.exp(LOG_HAZARD_RATIO):.2f}, per cent of 95 % "
        "intervals that cover it; * marks what is outside 93.5 to 96.5. Firth and bootstrap "
        f"({REPLICATES} replicates): {SLOW_COHORTS} cohorts of 50 only, for the time they take."
    )
    table = format_table([*head, *METHODS], coverage)
    write_section("calibration", "Intervals of the log hazard ratio", f"{words}\n\n{table}")
    words = (
        f"{cohorts:,} cohorts each without any effect, per cent rejected at 5 %; * marks what is outside 5 +/- "
        f"{100 * noise:.1f}, the Monte Carlo error."
    )
    table = format_table([*head, *TESTS], levels)
    write_section("calibration", "Level of the tests of a Cox model", f"{words}\n\n{table}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COHORTS)
