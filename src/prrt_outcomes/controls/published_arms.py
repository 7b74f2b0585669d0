"""Arms of the library beside each other and the cohort: their medians, pooled, and how often like arms differ."""

import itertools
import math
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri, stdtrit

from prrt_outcomes.controls.control_results import comparison_row
from prrt_outcomes.controls.library import PublishedArm, convert_arm_to_control, load_library
from prrt_outcomes.controls.observed_expected import compare_with_curve, derive_reference_curves
from prrt_outcomes.controls.two_samples import COHORT, CONTROL
from prrt_outcomes.statistics.curve_summaries import compute_quantile
from prrt_outcomes.statistics.kaplan_meier import compute_normal_quantile
from prrt_outcomes.study.controls import LibraryControl, PublishedControl
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.curves import fit_curve
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_endpoint_rows

SERIES = "prrt"
WHOLE = "all"
PUBLISHED_LEVEL = 0.95
FEWEST_TO_PREDICT = 5
FEWEST_PAIRS = 10
LARGEST_SPREAD = 3.0


def fit_random_effects(estimates: ArrayLike, std_errors: ArrayLike, confidence: float = 0.95) -> dict:
    """Pool estimates with a variance between studies by the method of moments.

    Returns k (studies), estimate, std_error, tau_squared, i_squared, predict_low and predict_high: where a new study
    lies, nan with fewer than 5 studies, where it says nothing.
    Raises ValueError without a study, or for standard errors of 0 or less. Source: DerSimonian and Laird 1986,
    Controlled Clinical Trials 7:177; prediction interval: Higgins 2009, JRSS A 172:137 (t, k - 2 degrees of freedom).
    """
    y, se = np.asarray(estimates, dtype=float), np.asarray(std_errors, dtype=float)
    if not len(y) or not (np.isfinite(y).all() and np.isfinite(se).all() and (se > 0).all()):
        raise ValueError("expected at least one study, finite estimates and standard errors above 0")
    w = 1 / se**2
    k = len(y)
    q = float(w @ (y - w @ y / w.sum()) ** 2)
    spread = w.sum() - (w @ w) / w.sum()
    tau = max(0.0, (q - (k - 1)) / spread) if k > 1 else 0.0
    w = 1 / (se**2 + tau)
    pooled, error = float(w @ y / w.sum()), float(1 / np.sqrt(w.sum()))
    share = max(0.0, (q - (k - 1)) / q) if k > 1 and q > 0 else 0.0
    low = high = math.nan
    if k >= FEWEST_TO_PREDICT:
        half = float(stdtrit(k - 2, 0.5 + confidence / 2)) * math.sqrt(tau + error**2)
        low, high = pooled - half, pooled + half
    numbers = {"estimate": pooled, "std_error": error, "tau_squared": tau, "i_squared": share}
    return {"k": k} | numbers | {"predict_low": low, "predict_high": high}


def compute_log_error(arm: PublishedArm) -> tuple[float, str]:
    """Standard error of the log median, and where it comes from; nan where nothing tells it."""
    low, high, n = arm.median_low, arm.median_high, arm.n
    if low and high and high > low:
        return float(np.log(high / low) / (2 * ndtri(0.5 + PUBLISHED_LEVEL / 2))), "published interval"
    if arm.events:
        return 1 / math.sqrt(arm.events), "published events, exponential"
    if n:
        return 1 / math.sqrt(n / 2), "half of the patients as events, exponential"
    return math.nan, ""


def list_medians(study: Study, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Rows of `control_medians`: every library arm with the study's endpoints, our cohort whole and by tumour group.

    Of arms whose source populations overlap, the largest with a median stands in the summary; `in_summary` and `note`
    say so. Tables: endpoints, analysis_set.
    """
    endpoints = [d.name for d in study.endpoints]
    rows = [_arm_row(arm) for arm in load_library() if arm.endpoint in endpoints]
    _choose_series(rows, ("endpoint", "role"), "in_summary")
    _choose_series(rows, ("endpoint", "role", "tumour_group"), "in_group_summary")
    ours = [row for name in endpoints for row in _cohort_rows(study, tables, name)]
    covered = {row["endpoint"] for row in ours}
    return pd.DataFrame([*ours, *(row for row in rows if row["endpoint"] in covered)])


def _arm_row(arm: PublishedArm) -> dict:
    known = arm.median_months is not None
    error, basis = compute_log_error(arm) if known else (math.nan, "")
    absent = "not_reached" if arm.median_status == "not_reached" else "not_estimable"
    names = ("endpoint", "role", "arm", "study", "treatment", "citation", "source_population", "n")
    note = "" if known else "not in a summary: no median, which makes the summary too short"
    row = {name: getattr(arm, name) for name in names} | {"in_summary": False, "in_group_summary": False}
    row["series"] = SERIES if arm.role == "prrt" else CONTROL
    row["tumour_group"] = arm.tumour_group or "unknown"
    row |= {"median_months": arm.median_months, "low": arm.median_low, "high": arm.median_high}
    return row | {"log_std_error": error, "basis": basis, "status": "ok" if known else absent, "note": note}


def name_populations(text: str) -> frozenset[str]:
    """Populations that a source covers: its own name and those it says it holds."""
    return frozenset(re.findall(r"[a-z0-9_]+", text.lower())) - {"may", "include", "and"}


def _choose_series(rows: list[dict], keys: tuple[str, ...], flag: str) -> None:
    """Flag, largest first, the arms of a group whose populations do not overlap with one that is flagged."""
    taken: dict[tuple, set[str]] = {}
    for row in sorted(rows, key=lambda r: (-(r["n"] or 0), r["arm"])):
        if not np.isfinite(row["log_std_error"]):
            continue
        place = taken.setdefault(tuple(row[key] for key in keys), set())
        populations = name_populations(row["source_population"])
        if overlap := populations & place:
            row["note"] = f"shares its source with a larger series ({', '.join(sorted(overlap))})"
        else:
            place |= populations
            row[flag] = True


def _cohort_rows(study: Study, tables: dict[str, pd.DataFrame], endpoint: str) -> list[dict]:
    rows = select_endpoint_rows(tables["endpoints"], tables["analysis_set"], endpoint)
    if rows is None:
        return []
    group = rows.frame["tumour_group"].astype("string").fillna("unknown").to_numpy(dtype=object)
    shared: dict = {"endpoint": endpoint, "treatment": "this cohort", "basis": "Kaplan-Meier"}
    shared |= dict.fromkeys(("series", "role"), COHORT)
    shared |= dict.fromkeys(("arm", "study", "source_population"), study.study)
    shared |= {"citation": "", "note": "", "in_summary": False, "in_group_summary": False}
    found = []
    for name in (WHOLE, *sorted(set(group) - {"unknown"})):
        inside = (group == name) | (name == WHOLE)
        median = compute_quantile(fit_curve(rows.select(inside), study.analysis), 0.5)
        numbers = {"median_months": median.time, "low": median.lower, "high": median.upper}
        own = {"tumour_group": name, "n": int(inside.sum()), "status": median.status}
        found.append(shared | own | numbers)
    return found


def summarise_medians(medians: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Pool the medians of each role, all together and by tumour group, and place our cohort among them.

    Rows of `control_meta`, one an endpoint, role and tumour group with at least two series in the summary.
    `cohort_percentile` is the share of these arms with a smaller median than ours of the same tumour group (of all
    for `all`); empty where ours is not reached.
    """
    found = []
    ours = medians[medians["series"] == COHORT].set_index(["endpoint", "tumour_group"])["median_months"]
    arms = medians[medians["series"] != COHORT]
    for (endpoint, role), rows in arms.groupby(["endpoint", "role"], sort=False):
        for group in (WHOLE, *dict.fromkeys(rows["tumour_group"])):
            own = rows if group == WHOLE else rows[rows["tumour_group"] == group]
            flag = "in_summary" if group == WHOLE else "in_group_summary"
            part = own[own[flag].astype(bool)]
            if len(part) < 2:
                continue
            cohort = float(ours.get((endpoint, group), math.nan))
            key = {"endpoint": endpoint, "role": role, "tumour_group": group}
            silent = int((own["status"] == "not_reached").sum())
            found.append(key | {"n_not_reached": silent} | _pool(part, cohort, confidence))
    return pd.DataFrame(found)


def _pool(part: pd.DataFrame, cohort: float, confidence: float) -> dict:
    """Columns of `control_meta` from the arms of a summary and the median of our cohort."""
    medians = part["median_months"].astype(float)
    pooled = fit_random_effects(np.log(medians), part["log_std_error"], confidence)
    centre, half = pooled.pop("estimate"), compute_normal_quantile(confidence) * pooled.pop("std_error")
    logs = {"median_months": centre, "low": centre - half, "high": centre + half}
    logs |= {name: pooled[name] for name in ("predict_low", "predict_high")}
    return (
        pooled
        | {name: math.exp(value) for name, value in logs.items()}
        | {
            "n": int(part["n"].sum()),
            "cohort_median_months": cohort,
            "cohort_percentile": float((medians < cohort).mean()) if np.isfinite(cohort) else math.nan,
            "status": "ok",
        }
    )


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
        found = compare_with_curve(_lay_patients(own), reference, PUBLISHED_LEVEL, n_control=control.n)[1]
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
