"""Level of the test that a hazard ratio is the same in all periods, with few and with enough expected events."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.results_page import format_table, write_section
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.survival.group_tests import summarise_periods

COHORTS = 1_000
SETTINGS = AnalysisSettings(milestones_months=(12, 24, 36))
MEDIAN_MONTHS = 24
CENSORED_MONTHS = (12, 96)


@dataclass(frozen=True)
class Scenario:
    """Patients and shares of the groups, all with the same hazard."""

    n: int
    shares: tuple[float, ...]

    @property
    def groups(self) -> str:
        return " / ".join(f"{100 * share:.0f} %" for share in self.shares)


GROUPS = ((0.5, 0.5), (0.6, 0.3, 0.1), (0.4, 0.25, 0.15, 0.1, 0.07, 0.03))
SCENARIOS = tuple(Scenario(n, shares) for shares in GROUPS for n in (60, 120, 250, 500, 1000))
HEADER = ["n", "groups", "no test", "rejected", "enough expected events", "rejected of these"]


def simulate(scenario: Scenario, rng: np.random.Generator) -> EndpointRows:
    """Exponential times that no group changes, censored at a uniform time."""
    times = rng.exponential(MEDIAN_MONTHS / np.log(2), scenario.n)
    censored = rng.uniform(*CENSORED_MONTHS, scenario.n)
    sizes = np.diff(np.round(np.cumsum((0.0, *scenario.shares)) * scenario.n).astype(int))
    names = np.repeat([f"group {k}" for k in range(len(sizes))], sizes)
    frame = pd.DataFrame({"group": pd.Categorical(rng.permutation(names))})
    return EndpointRows("os", np.minimum(times, censored), (times <= censored).astype(int), None, frame)


def test_equality(scenario: Scenario, rng: np.random.Generator) -> tuple[float, str]:
    """p-value and status of the test in one cohort."""
    found = summarise_periods(simulate(scenario, rng), ["group"], SETTINGS)
    return (
        (np.nan, "too_few")
        if found is None
        else tuple(found[["equality_p_value", "equality_status"]].iloc[0])
    )


def describe_level(p_values: np.ndarray) -> str:
    """Rejections in per cent at the 5 % level; `*` lies outside the Monte Carlo error."""
    if not len(p_values):
        return "-"
    level, limit = float(np.mean(p_values < 0.05)), 1.96 * np.sqrt(0.05 * 0.95 / len(p_values))
    return f"{100 * level:.1f}" + ("" if abs(level - 0.05) <= limit else " *")


def main(cohorts: int = COHORTS) -> None:
    rows: list[list[object]] = []
    for k, scenario in enumerate(SCENARIOS):
        rng = np.random.default_rng([23, k])
        tests = pd.DataFrame([test_equality(scenario, rng) for _ in range(cohorts)], columns=["p", "status"])
        known, enough = tests["p"].notna(), tests["status"].eq("ok")
        rows.append([
            scenario.n,
            scenario.groups,
            int((~known).sum()),
            describe_level(tests.loc[known, "p"].to_numpy()),
            f"{100 * enough.mean():.1f} %",
            describe_level(tests.loc[enough, "p"].to_numpy()),
        ])  # fmt: skip
        print(*rows[-1], flush=True)
    months = ", ".join(f"{m:g}" for m in SETTINGS.milestones_months)
    body = (
        f"Likelihood-ratio test of `hazard_ratio_periods` in {cohorts:,} cohorts a row without any effect: exponential "
        f"times with a median of {MEDIAN_MONTHS} months, censored uniformly from {CENSORED_MONTHS[0]} to "
        f"{CENSORED_MONTHS[1]} months, periods cut at {months} months. Rejections in per cent at the 5 % level; `*` "
        "lies outside 5 by more than the Monte Carlo error (1.96 standard errors). Enough expected events: by group "
        "and period at least 1, and at least 5 in four of five (Cochran 1954); without them the test has the status "
        "`few_events`, and no report prints it.\n\n"
    )
    write_section("calibration", "Equality of hazard ratios over periods", body + format_table(HEADER, rows))


if __name__ == "__main__":
    main(*[int(a) for a in sys.argv[1:]])
