"""How often arms of the library that were given the same treatment for the same tumours are called different."""

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.special import ndtr

from prrt_outcomes.controls.control_results import comparison_row
from prrt_outcomes.controls.library import PublishedArm, convert_arm_to_control, load_library
from prrt_outcomes.controls.medians import name_populations
from prrt_outcomes.controls.observed_expected import compare_with_curve, derive_reference_curves
from prrt_outcomes.statistics.kaplan_meier import compute_normal_quantile
from prrt_outcomes.study.controls import LibraryControl, PublishedControl
from prrt_outcomes.survival.endpoint_rows import EndpointRows

LEVEL = 0.95
FEWEST_PAIRS = 10
LARGEST_SPREAD = 3.0


@dataclass(frozen=True)
class Agreement:
    """Comparisons of arms that were given the same treatment for the same tumours.

    `share_different` of the `pairs` have an interval without 1; `spread` is the standard deviation of the true log
    ratios, which would be 0 if history were a fair control.
    """

    words: str
    arms: int
    pairs: int
    share_different: float
    spread: float


@lru_cache
def compare_arms(endpoint: str, role: str = "") -> pd.DataFrame:
    """Compare every arm with every other arm of the same endpoint, role and tumour group, of one role or of all.

    The patients of the first arm are laid along its published curve, without censoring before its last published
    point, and compared with the second as a cohort is. Arms whose source populations overlap are not compared. One
    row an ordered pair: role, tumour_group, arm, control, value, low, high, log_ratio, std_error, different.
    """
    roles = {role} if role else {arm.role for arm in load_library()} - {"other"}
    wanted = [arm for arm in load_library() if arm.endpoint == endpoint and arm.role in roles]
    known = [(arm, control) for arm in wanted if (control := _as_control(arm)) is not None]
    rows = []
    for (first, own), (second, control) in itertools.permutations(known, 2):
        shared = name_populations(first.source_population) & name_populations(second.source_population)
        if (first.role, first.tumour_group) != (second.role, second.tumour_group) or shared:
            continue
        reference = derive_reference_curves(control)[0]
        found = compare_with_curve(_lay_patients(own), reference, LEVEL, n_control=control.n)[1]
        if found["status"] == "ok":
            numbers = (found[name] for name in ("value", "low", "high", "std_error"))
            rows.append((first.role, first.tumour_group, first.arm, second.arm, *numbers))
    if not rows:
        return pd.DataFrame()
    columns = ["role", "tumour_group", "arm", "control", "value", "low", "high", "std_error"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(log_ratio=np.log(table["value"]), different=(table["low"] > 1) | (table["high"] < 1))


def _as_control(arm: PublishedArm) -> PublishedControl | None:
    named = LibraryControl(id="library", kind="library", arm=arm.arm, endpoint=arm.endpoint)
    return convert_arm_to_control(named, arm)


def _lay_patients(control: PublishedControl) -> EndpointRows:
    """Patients with the times that a published curve gives, followed to its last published point."""
    reference = derive_reference_curves(control)[0]
    survival = 1 - (np.arange(control.n) + 0.5) / control.n
    edges = reference.edges
    hazard = np.append(0.0, np.cumsum(np.array(reference.curve.hazards) * np.diff(edges)))
    rising = np.append(True, np.diff(hazard) > 0)
    time = np.interp(-np.log(survival), hazard[rising], edges[rising])
    event = (-np.log(survival) < hazard[-1]).astype(int)
    return EndpointRows(control.endpoint, time, event, None, pd.DataFrame(index=range(control.n)))


def summarise_agreement(pairs: pd.DataFrame, words: str) -> Agreement:
    """How often pairs are called different, and the spread of their true log ratios (maximum likelihood).

    The log ratios are normal around 0 with variance spread^2 + std_error^2: which arm is the control is arbitrary, so
    there is no direction to estimate. Source: Schuemie 2014, Statistics in Medicine 33:209 (empirical calibration).
    """
    from scipy.optimize import minimize_scalar

    y, se = pairs["log_ratio"].to_numpy(), pairs["std_error"].to_numpy()

    def negative_log_likelihood(spread: float) -> float:
        variance = spread**2 + se**2
        return float(np.sum(np.log(variance) + y**2 / variance))

    best = minimize_scalar(negative_log_likelihood, bounds=(0, LARGEST_SPREAD), method="bounded")
    spread = 0.0 if negative_log_likelihood(0.0) <= best.fun else float(best.x)
    arms = len(set(pairs["arm"]) | set(pairs["control"]))
    return Agreement(words, arms, len(pairs), float(pairs["different"].mean()), spread)


def find_agreement(endpoint: str, role: str = "") -> Agreement | None:
    """Agreement of the arms of a role; of all arms of the endpoint where the role has fewer than 10 comparisons."""
    if role:
        own = compare_arms(endpoint, role)
        if len(own) >= FEWEST_PAIRS:
            return summarise_agreement(own, f"{name_role(role)} arms of the library")
    every = compare_arms(endpoint)
    return summarise_agreement(every, "arms of the library") if len(every) >= FEWEST_PAIRS else None


def name_role(role: str) -> str:
    """A role in words."""
    return {"ssa": "somatostatin-analogue", "prrt": "PRRT"}.get(role, role)


def calibrate(row: dict, agreement: Agreement, confidence: float) -> dict:
    """Row of `controls` with the estimate of `row`, its interval widened by the spread between published arms."""
    error = float(np.hypot(row["std_error"], agreement.spread))
    centre, half = np.log(row["value"]), compute_normal_quantile(confidence) * error
    kept = ("value", "population", "n", "n_control", "observed", "expected", "horizon_months", "assumption")
    low, high, statistic = float(np.exp(centre - half)), float(np.exp(centre + half)), float(centre / error)
    numbers = {name: row[name] for name in kept} | {"low": low, "high": high, "std_error": error}
    numbers |= {"statistic": statistic, "p_value": float(2 * ndtr(-abs(statistic)))}
    note = (
        f"{agreement.words} with the same treatment and tumours differ by this method in "
        f"{agreement.share_different:.0%} of {agreement.pairs} comparisons; their ratios spread by a factor of "
        f"{np.exp(agreement.spread):.2g}"
    )
    return comparison_row("calibrated", "smr", note=note, **numbers)
