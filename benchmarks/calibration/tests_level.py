"""Level of tests: how often each rejects at 5 % when there is no difference."""

from __future__ import annotations

import sys
from collections import defaultdict

import numpy as np

from benchmarks.calibration.cohorts import HAZARD, SCENARIOS, Scenario, simulate, simulate_competing
from benchmarks.results_page import format_table, write_section
from prrt_outcomes.statistics.cumulative_incidence import compute_gray_test
from prrt_outcomes.statistics.curve_summaries import (
    PiecewiseExponential,
    compute_milestone_difference,
    compute_one_sample_logrank,
    compute_rmst_difference,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier_by_group
from prrt_outcomes.statistics.logrank import compute_logrank, compute_mantel_byar, compute_maxcombo
from prrt_outcomes.statistics.risk_table import compute_risk_table

COHORTS = 2_000
FH = "fleming_harrington"


def compute_p_values(scenario: Scenario, rng: np.random.Generator) -> dict[str, float]:
    """Return the p-values of all tests on one cohort without any effect."""
    time, event = simulate(scenario, rng)
    two, three = rng.permutation(np.arange(scenario.n) % 2), rng.permutation(np.arange(scenario.n) % 3)
    table = compute_risk_table(SurvivalData(time, event), group=two)
    p = {w: compute_logrank(table, w).p_value for w in ("logrank", "gehan", "tarone_ware", "peto")}
    p["FH(0,1)"] = compute_logrank(table, FH, gamma=1).p_value
    p["MaxCombo"] = compute_maxcombo(table).p_value
    strata = rng.integers(0, 3, scenario.n)
    p["stratified"] = compute_logrank(
        compute_risk_table(SurvivalData(time, event, strata=strata), group=two)
    ).p_value
    by_three = compute_risk_table(SurvivalData(time, event), group=three)
    p["three groups"] = compute_logrank(by_three).p_value
    curves = list(fit_kaplan_meier_by_group(SurvivalData(time, event), two).values())
    p["milestone difference"] = compute_milestone_difference(*curves, 480.0).p_value
    p["RMST difference"] = compute_rmst_difference(*curves, 480.0).p_value
    time_c, status = simulate_competing(scenario, rng)
    p["Gray"] = compute_gray_test(compute_risk_table(SurvivalData(time_c, status), group=two)).p_value
    p |= compute_one_sample(scenario, time, event)
    p["Mantel-Byar"] = compute_mantel_byar_p(time, event, rng, scenario.step)
    return p


def compute_one_sample(scenario: Scenario, time, event) -> dict[str, float]:
    """Return the one-sample tests against the true curve of the recorded times (a step on the grid)."""
    jump = 1.0 - np.exp(-HAZARD * scenario.step)
    reference = PiecewiseExponential((0.0,), (jump / scenario.step,))
    test = compute_one_sample_logrank(SurvivalData(time, event), reference)
    return {"one-sample": test.p_value, "one-sample Wu": test.p_value_wu}


def compute_mantel_byar_p(time, event, rng: np.random.Generator, step: float) -> float:
    """Let patients respond at random times without effect, and test response by its state."""
    response = np.ceil(rng.exponential(400.0, len(time)) / step) * step
    responds = response < time
    ids = np.arange(len(time))
    start = np.concatenate((np.zeros(len(time)), response[responds]))
    stop = np.concatenate((np.where(responds, response, time), time[responds]))
    events = np.concatenate((np.where(responds, 0, event), event[responds]))
    state = np.concatenate((np.zeros(len(time)), np.ones(responds.sum())))
    return compute_mantel_byar(
        SurvivalData(stop, events, entry=start, id=np.concatenate((ids, ids[responds]))), state
    ).p_value


def write_page(cohorts: int, names: list[str], rows: list[list[object]]) -> None:
    """Write the section with the scenarios measured so far."""
    limit = 196 * np.sqrt(0.05 * 0.95 / cohorts)
    body = (
        f"Rejections in per cent at the 5 % level over {cohorts:,} cohorts without any effect (n in all, two or three "
        f"groups), {len(rows)} of {len(SCENARIOS)} scenarios; `*` lies outside 5 +/- {limit:.2f}, the Monte Carlo "
        "error (one cell in twenty by chance). `none`: the test could not be had. Milestone and RMST differences at "
        "480 days. With 25 patients a group the normal test of a milestone difference rejects slightly too often.\n\n"
    )
    write_section(
        "calibration", "Level of tests", body + format_table(["n", "censoring", "grid", *names], rows)
    )


def main(cohorts: int = COHORTS) -> None:
    limit = 1.96 * np.sqrt(0.05 * 0.95 / cohorts)
    rows: list[list[object]] = []
    for k, scenario in enumerate(SCENARIOS):
        rng = np.random.default_rng([19, k])
        found = defaultdict(list)
        for _ in range(cohorts):
            for name, p in compute_p_values(scenario, rng).items():
                found[name].append(p)
        cells = []
        for p_values in found.values():
            known = np.array(p_values)[~np.isnan(p_values)]
            level = float(np.mean(known < 0.05))
            mark = "" if abs(level - 0.05) <= limit else " *"
            lost = cohorts - len(known)
            cells.append(f"{100 * level:.1f}{mark}" + (f" ({lost} none)" if lost else ""))
        rows.append([scenario.n, scenario.censoring, scenario.grid, *cells])
        print(*rows[-1], flush=True)
        write_page(cohorts, list(found), rows)


if __name__ == "__main__":
    main(*[int(a) for a in sys.argv[1:]])
