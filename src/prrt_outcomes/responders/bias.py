"""Guarantee-time bias, how often each test rejects where response has no effect, and landmarks, which avoid it."""

from dataclasses import replace

import numpy as np
import pandas as pd

from prrt_outcomes.responders.comparisons import STATE, Comparison
from prrt_outcomes.responders.states import (
    StateHistory,
    compute_landmark_limit,
    compute_state_at,
    convert_state_rows,
    derive_state_rows,
    start_at_landmark,
)
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.cox_bootstrap import bootstrap_cox_log_hazard_ratio
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.statistics.logrank import compute_logrank, compute_mantel_byar
from prrt_outcomes.statistics.propensity import fit_propensity
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.statistics.weights import compute_balance, compute_effective_sample_size
from prrt_outcomes.survival.cox_models import format_ratio
from prrt_outcomes.survival.endpoint_rows import EndpointRows

BIAS = ("bias", "bias_low", "bias_high")
LEVEL = 0.05
NULL_SIMULATIONS = 200
MINIMUM_EVENTS = 10
MINIMUM_GROUP = 5


def compute_guarantee_time_bias(
    rows: EndpointRows, history: StateHistory, weights: np.ndarray | None, confidence: float
) -> dict:
    """Measure the bias of the naive comparison on the study's own patients.

    Returns columns of result table `responder_bias`; the interval is nan without replicates, `status` is that of the
    fit that failed.
    """
    split = derive_state_rows(history.changes, rows)
    fixed = (rows.cause_specific, history.final.astype(float))
    moving = (convert_state_rows(split), split["state"].to_numpy(dtype=float))
    empty = dict.fromkeys(("naive_log_hazard_ratio", "time_dependent_log_hazard_ratio", *BIAS), np.nan)
    found: dict = empty | {"replicates": 0, "status": "too_few"}
    if min(len(np.unique(history.final)), split["state"].nunique()) < 2:
        return found
    fits = [fit_cox(*part) for part in (fixed, moving)]
    naive, dependent = (float(fit.coefficients[0]) for fit in fits)
    found |= {"naive_log_hazard_ratio": naive, "time_dependent_log_hazard_ratio": dependent}
    failed = next((fit.status for fit in fits if not np.isfinite(fit.coefficients[0])), None)
    if failed is not None:
        return found | {"status": failed}
    found |= {"bias": naive - dependent, "status": "ok"}
    if weights is None or not len(weights):
        return found
    resampled = bootstrap_cox_log_hazard_ratio(*fixed, weights)[:, 0]
    resampled_dependent = bootstrap_cox_log_hazard_ratio(*moving, weights[:, split["patient"]])
    difference = resampled - resampled_dependent[:, 0]
    known = difference[np.isfinite(difference)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail]) if len(known) else (np.nan, np.nan)
    return found | {"bias_low": float(low), "bias_high": float(high), "replicates": len(known)}


def simulate_null_claims(rows: EndpointRows, history: StateHistory, *, simulations: int, seed: int) -> dict:
    """Simulate the comparisons on the times of this study where response has no effect.

    Returns the columns null_* of result table `responder_bias`, with 0 simulations where nobody responds or nobody
    has the event.
    Pairs of end and event are drawn with replacement from all patients, responders or not. Response times are drawn
    independently of them, from the Kaplan-Meier distribution of the time to response in which the end of
    observation censors; who has not responded when observation ends never does. So response and outcome are
    independent.
    """
    onset = history.onset
    observed = onset < rows.time_months
    names = ("null_naive_hazard_ratio", "null_naive_rejected", "null_mantel_byar_rejected")
    nothing = dict.fromkeys(names, np.nan) | {"null_simulations": 0}
    if not observed.any() or not (rows.event == 1).any():
        return nothing
    # Times to response and their probabilities; the last, infinite, is never.
    ends = np.maximum(np.minimum(onset, rows.time_months), 1e-9)
    curve = fit_kaplan_meier(SurvivalData(ends, observed))
    survival = np.concatenate(([1.0], curve.survival))
    times, mass = np.append(curve.time, np.inf), np.append(-np.diff(survival), survival[-1])
    mass = mass / mass.sum()
    generator = np.random.default_rng(seed)
    n = len(rows.time_months)
    naive, dependent, ratios = [], [], []
    for _ in range(simulations):
        drawn = generator.integers(0, n, n)
        time, event = rows.time_months[drawn], (rows.event[drawn] == 1).astype(float)
        response = generator.choice(times, size=n, p=mass)
        responds = response < time
        if not 0 < responds.sum() < n or not event.any():
            continue
        test = compute_logrank(compute_risk_table(SurvivalData(time, event), group=responds.astype(int)))
        naive.append(test.p_value < LEVEL)
        if test.status == "ok" and (test.observed > 0).all():
            # Peto's log hazard ratio: observed over expected of responders and others.
            others, responders = np.log(test.observed / test.expected)
            ratios.append(float(responders - others))
        # Counting-process rows of two states: who responds before the end has a second row.
        later = np.flatnonzero(responds)
        start = np.concatenate([np.zeros(n), response[later]])
        stop = np.concatenate([np.where(responds, response, time), time[later]])
        happened = np.concatenate([np.where(responds, 0.0, event), event[later]])
        data = SurvivalData(stop, happened, entry=start, id=np.append(np.arange(n), later))
        state = np.repeat([0, 1], [n, len(later)])
        dependent.append(compute_mantel_byar(data, state).p_value < LEVEL)
    if not naive:
        return nothing
    return {
        "null_simulations": len(naive),
        "null_naive_hazard_ratio": float(np.exp(np.mean(ratios))) if ratios else np.nan,
        "null_naive_rejected": float(np.mean(naive)),
        "null_mantel_byar_rejected": float(np.mean(dependent)),
    }


def summarise_landmark_curve(comparison: Comparison) -> pd.DataFrame | None:
    """Hazard ratio of responders at every whole month at which it can be had.

    Returns result table `responder_landmarks` but for endpoint and criterion, from the month of the first response on,
    as long as 10 events follow and both groups have 5 patients. None where no month does.
    """
    onset, rows = comparison.history.onset, comparison.rows
    if not np.isfinite(onset).any():
        return None
    written = []
    for month in range(max(int(np.ceil(onset.min())), 1), int(rows.time_months.max())):
        state = compute_state_at(comparison.history, float(month))
        chosen = comparison.find_at_risk(state, float(month))
        part = start_at_landmark(rows, chosen, float(month))
        inside = state[chosen] == comparison.positions[1]
        events = int((part.event == 1).sum())
        if events < MINIMUM_EVENTS:
            break
        if min(inside.sum(), (~inside).sum()) < MINIMUM_GROUP:
            continue
        state_of = pd.DataFrame({STATE: inside.astype(float)})
        fit = fit_cox(part.cause_specific, state_of, confidence=comparison.confidence)
        counts = {"n": len(inside), "excluded": int((~chosen).sum()), "n_state": int(inside.sum())}
        row = {"landmark_months": float(month), "comparison": comparison.name, "events": events}
        written.append(row | counts | format_ratio(fit.table.iloc[0]))
    return pd.DataFrame(written) if written else None


def compare_weighted_landmark(comparison: Comparison, month: float) -> tuple[dict, pd.DataFrame] | None:
    """Compare those who reach the landmark, weighted by one over their probability of reaching it.

    Returns a row of `responders`, hazard ratio with robust variance, and rows of `responder_balance`: those who reach
    the landmark against all patients, before and after weighting. None without a covariate that varies, or where
    nobody or everybody reaches the landmark. The weights adjust for baseline covariates only. Robins and Finkelstein
    2000, Biometrics 56:779.
    """
    if comparison.covariates is None:
        return None
    rows = comparison.rows
    complete = comparison.covariates.notna().all(axis=1).to_numpy()
    state = compute_state_at(comparison.history, month)
    reaches = rows.time_months > compute_landmark_limit(month)
    inside = reaches[complete]
    covariates = comparison.covariates.loc[complete].reset_index(drop=True)
    varying = covariates.loc[:, covariates.nunique() > 1]
    if not 0 < inside.sum() < len(inside) or not len(varying.columns):
        return None
    score, _ = fit_propensity(inside, varying)
    if not np.isfinite(score).all():
        return None
    weights = np.full(len(reaches), np.nan)
    weights[complete] = 1 / score
    used = comparison.find_at_risk(state, month) & complete
    in_state = state[used] == comparison.positions[1]
    row = comparison.describe("landmark", int(used.sum()), int((rows.event[used] == 1).sum()), month)
    row |= {"weighted": True, "ess": compute_effective_sample_size(weights[used])}
    if 0 < in_state.sum() < len(in_state):
        model = fit_cox(
            replace(start_at_landmark(rows, used, month).cause_specific, weights=weights[used]),
            pd.DataFrame({STATE: in_state.astype(float)}),
            confidence=comparison.confidence,
        ).table.iloc[0]
        row |= {"statistic": model["z"] ** 2} | format_ratio(model)
    return row, _balance(varying, inside, weights[complete]).assign(landmark_months=month)


def _balance(covariates: pd.DataFrame, reaches: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """Those who reach the landmark against all patients: the latter are stacked once more as the target."""
    stacked = pd.concat([covariates.loc[reaches], covariates], ignore_index=True)
    group = np.arange(len(stacked)) < reaches.sum()
    found = compute_balance(group, stacked, np.concatenate([weights[reaches], np.ones(len(covariates))]))
    names = {"mean_control": "mean_all", "mean_cohort": "mean_reaching"}
    names["mean_cohort_weighted"] = "mean_weighted"
    return found.rename(columns=names).drop(columns="mean_control_weighted")
