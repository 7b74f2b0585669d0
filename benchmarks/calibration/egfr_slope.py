"""Coverage of the intervals of the slope of eGFR, with values that end at random, after low values or by slope."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from benchmarks.results_page import format_table, write_section
from prrt_outcomes.safety.kidney import flag_ended_early, summarise_slopes
from prrt_outcomes.study.model import SafetySettings
from prrt_outcomes.units import DAYS_PER_MONTH, DAYS_PER_YEAR

COHORTS = 1_000
PATIENTS, VALUES, YEARS = 60, 6, 3.0
LEVEL, SLOPE, NOISE = (85.0, 16.0), (-3.0, 2.0), 5.0  # mean and spread between patients; spread of a value
KNOT, ACUTE = 0.5, -5.0
SCHEDULE_ENDED, CUTOFF = "schedule over before the cut-off, ended at random", 8.0
SETTINGS = (
    "complete",
    "ended at random",
    "ended after a low value",
    "ended with a steep slope",
    "bent",
    SCHEDULE_ENDED,
)
ASKED = (93.0, 97.0)


def draw(setting: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values and patients of one cohort."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(PATIENTS), VALUES)
    years = np.tile(np.linspace(0, YEARS, VALUES), PATIENTS) + rng.uniform(0, 0.2, len(patient))
    slope = rng.normal(*SLOPE, PATIENTS)
    line = rng.normal(*LEVEL, PATIENTS)[patient] + slope[patient] * years
    if setting == "bent":
        line = line + (ACUTE - SLOPE[0]) * np.minimum(years, KNOT)
    egfr = line + rng.normal(0, NOISE, len(patient))
    leave = np.zeros(len(patient))
    if setting in ("ended at random", SCHEDULE_ENDED):
        leave = np.full(len(patient), 0.15)
    if setting == "ended after a low value":
        leave = np.where(egfr < 70, 0.4, 0.05)
    if setting == "ended with a steep slope":
        leave = np.where(slope < SLOPE[0], 0.3, 0.05)[patient]
    left = (
        pd.Series(rng.random(len(patient)) < leave)
        .groupby(patient)
        .cumsum()
        .groupby(patient)
        .shift(fill_value=0)
    )
    course = pd.DataFrame({"patient_id": patient, "years": years, "egfr": egfr})[left.to_numpy() == 0]
    ended = course.groupby("patient_id").size() < VALUES
    if setting == SCHEDULE_ENDED:
        last = course.groupby("patient_id")["years"].max() * DAYS_PER_YEAR
        days = pd.DataFrame({"death_days": np.nan, "seen_days": CUTOFF * DAYS_PER_YEAR}, index=last.index)
        ended = flag_ended_early(last, days, None)
    return course, pd.DataFrame({"ended_early": ended, "kidney_dose_gy": np.nan})


def estimate(setting: str, seed: int) -> pd.DataFrame:
    """Slopes of one cohort by analysis and phase."""
    course, groups = draw(setting, seed)
    settings = SafetySettings(egfr_acute_months=KNOT * DAYS_PER_YEAR / DAYS_PER_MONTH)
    return summarise_slopes(course, groups, ["all"], settings, 0.95).set_index(["analysis", "phase"])


def main(cohorts: int = COHORTS, first: int = 0) -> None:
    """Settings from `first` on; the page is written where all are run."""
    rows = []
    for number, setting in list(enumerate(SETTINGS))[first:]:
        found = [estimate(setting, 10_000 * number + seed) for seed in range(cohorts)]
        asked = [("mixed", "all", SLOPE[0]), ("pattern_mixture", "all", SLOPE[0])]
        if setting == "bent":
            asked = [("mixed", "acute", ACUTE), ("mixed", "chronic", SLOPE[0])]
        for analysis, phase, truth in asked:
            own = pd.DataFrame(
                [table.loc[(analysis, phase)] for table in found if (analysis, phase) in table.index]
            )
            own = own[own["status"] == "ok"]
            if own.empty:  # nobody ended early: there are no patterns
                continue
            covered = 100 * ((own["low"] <= truth) & (own["high"] >= truth)).mean()
            mark = "" if ASKED[0] <= covered <= ASKED[1] else " *"
            bias, spread = own["slope_per_year"].mean() - truth, own["slope_per_year"].std()
            error = own["std_error"].mean()
            row = [setting, analysis.replace("_", " "), phase, f"{truth:g}", f"{bias:+.3f}", f"{spread:.3f}"]
            rows.append([*row, f"{error:.3f}", f"{covered:.1f}{mark}", len(own)])
            print(*rows[-1], flush=True)
    if first:
        return
    words = (
        f"{cohorts:,} cohorts a row of {PATIENTS} patients with {VALUES} values of eGFR over {YEARS:g} years; levels "
        f"{LEVEL[0]:g} and slopes {SLOPE[0]:g} mL/min/1.73 m2 a year, with spreads of {LEVEL[1]:g} and {SLOPE[1]:g} "
        f"between patients and {NOISE:g} between values. Per cent of 95 % intervals that cover the truth; * marks what "
        f"is outside {ASKED[0]:g} to {ASKED[1]:g}. Where the schedule is over, the cut-off lies at {CUTOFF:g} years "
        "and those who ended early are found by the rule of the package."
    )
    header = [
        "values",
        "analysis",
        "phase",
        "truth",
        "bias",
        "spread",
        "mean std. error",
        "covered",
        "cohorts",
    ]
    notes = (
        "How to read it. Values that end at random or after a low value leave the mixed model right: it rests on what "
        "was seen. Where the slope itself decides who is lost, those lost weigh too little in the mixed model; the "
        "mean over patterns of follow-up weighs them by their number and is nearer. Where a low value decides, that "
        "mean is too steep, since the last value of those who end is low by chance. It is a check beside the mixed "
        "model, not a better estimate: where both differ, dropout matters and the reason for it must be looked at."
    )
    write_section("calibration", "Slope of eGFR", f"{words}\n\n{format_table(header, rows)}\n\n{notes}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
