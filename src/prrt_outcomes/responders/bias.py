"""Guarantee-time bias: naive minus time-dependent, and how often each test rejects where response has no effect."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.responders.states import (
    NON_RESPONDER,
    RESPONDER,
    StateHistory,
    convert_state_rows,
    derive_state_rows,
)
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.cox_bootstrap import bootstrap_cox_log_hazard_ratio
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.statistics.logrank import compute_logrank, compute_mantel_byar
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.survival.endpoint_rows import EndpointRows

BIAS = ("bias", "bias_low", "bias_high")
LEVEL = 0.05
NULL_SIMULATIONS = 200


def summarise_bias(
    rows: EndpointRows, history: StateHistory, weights: np.ndarray | None, settings: AnalysisSettings
) -> pd.DataFrame:
    """The one row of result table `responder_bias` but for endpoint and criterion."""
    bias = compute_guarantee_time_bias(rows, history, weights, settings.confidence.level)
    claims = simulate_null_claims(rows, history, simulations=NULL_SIMULATIONS, seed=settings.bootstrap.seed)
    return pd.DataFrame([{"comparison": f"{RESPONDER}:{NON_RESPONDER}"} | bias | claims])


def compute_guarantee_time_bias(
    rows: EndpointRows, history: StateHistory, weights: np.ndarray | None, confidence: float
) -> dict:
    """Measure the bias of the naive comparison on the study's own patients.

    Returns naive_log_hazard_ratio and time_dependent_log_hazard_ratio of responders; bias, naive minus
    time-dependent, below 0 where the naive comparison favours responders; bias_low and bias_high, percentile
    interval of the bootstrap of patients, nan without replicates; replicates in which both could be estimated;
    status, ``ok`` or that of the fit that failed.
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

    Returns null_simulations, simulated cohorts (0 where nobody responds or nobody has the event);
    null_naive_rejected and null_mantel_byar_rejected, shares of cohorts with p below 0.05;
    null_naive_hazard_ratio, geometric mean of the naive hazard ratio.
    Pairs of end and event are drawn with replacement from all patients, responders or not. Response times are drawn
    independently of them, from the Kaplan-Meier distribution of the time to response in which the end of
    observation censors; who has not responded when observation ends never does. So response and outcome are
    independent.
    """
    onset = history.onset
    observed = onset < rows.time_months
    nothing = dict.fromkeys(
        ("null_naive_hazard_ratio", "null_naive_rejected", "null_mantel_byar_rejected"), np.nan
    ) | {"null_simulations": 0}
    if not observed.any() or not (rows.event == 1).any():
        return nothing
    times, mass = _response_distribution(np.minimum(onset, rows.time_months), observed)
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
            ratios.append(_log_ratio(test))
        start, stop, happened, state, patient = _split(time, event, response)
        dependent.append(
            compute_mantel_byar(SurvivalData(stop, happened, entry=start, id=patient), state).p_value < LEVEL
        )
    if not naive:
        return nothing
    return {
        "null_simulations": len(naive),
        "null_naive_hazard_ratio": float(np.exp(np.mean(ratios))) if ratios else np.nan,
        "null_naive_rejected": float(np.mean(naive)),
        "null_mantel_byar_rejected": float(np.mean(dependent)),
    }


def _response_distribution(time: np.ndarray, responded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times to response and their probabilities; the last entry, inf, is never."""
    curve = fit_kaplan_meier(SurvivalData(np.maximum(time, 1e-9), responded))
    survival = np.concatenate(([1.0], curve.survival))
    mass = np.append(-np.diff(survival), survival[-1])
    return np.append(curve.time, np.inf), mass / mass.sum()


def _log_ratio(test) -> float:
    """Log hazard ratio from a log-rank test: observed over expected of responders and others (Peto)."""
    observed, expected = test.observed, test.expected
    return float(np.log(observed[1] / expected[1]) - np.log(observed[0] / expected[0]))


def _split(time: np.ndarray, event: np.ndarray, response: np.ndarray):
    """Counting-process rows of two states for patients who respond before they end."""
    responds = response < time
    patient = np.arange(len(time))
    start = np.concatenate([np.zeros(len(time)), response[responds]])
    stop = np.concatenate([np.where(responds, response, time), time[responds]])
    happened = np.concatenate([np.where(responds, 0.0, event), event[responds]])
    state = np.concatenate([np.zeros(len(time), dtype=int), np.ones(int(responds.sum()), dtype=int)])
    return start, stop, happened, state, np.concatenate([patient, patient[responds]])
