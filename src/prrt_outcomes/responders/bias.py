"""Guarantee-time bias: naive minus time-dependent, and how often each test rejects where response has no effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.responders.comparisons import STATE
from prrt_outcomes.responders.states import NON_RESPONDER, RESPONDER, derive_state_rows
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.cox_bootstrap import bootstrap_cox_log_hazard_ratio
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.logrank import compute_logrank
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.statistics.time_dependent import compute_mantel_byar

if TYPE_CHECKING:
    from prrt_outcomes.responders.states import StateHistory
    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

LEVEL = 0.05
NULL_SIMULATIONS = 200


@dataclass(frozen=True)
class GuaranteeTimeBias:
    """Difference of the naive and the time-dependent log hazard ratio.

    naive, time_dependent : log hazard ratios of responders
    bias : naive minus time-dependent; below 0 where the naive comparison favours responders
    low, high : percentile interval of the bootstrap of patients; nan without replicates
    n_replicates : replicates in which both could be estimated
    status : ``ok``, or the status of the fit that failed
    """

    naive: float
    time_dependent: float
    bias: float
    low: float
    high: float
    n_replicates: int
    status: str


@dataclass(frozen=True)
class NullClaims:
    """How often each test rejects when response has no effect.

    n_simulations : simulated cohorts
    naive_rejected, mantel_byar_rejected : share of cohorts with p below 0.05
    naive_hazard_ratio : geometric mean of the naive hazard ratio
    responders : mean number of responders
    """

    n_simulations: int
    naive_rejected: float
    mantel_byar_rejected: float
    naive_hazard_ratio: float
    responders: float


def summarise_bias(
    rows: EndpointRows, history: StateHistory, weights: np.ndarray | None, settings: AnalysisSettings
) -> pd.DataFrame:
    """The one row of result table `responder_bias` but for endpoint and criterion."""
    bias = compute_guarantee_time_bias(rows, history, weights, settings.confidence.level)
    claims = simulate_null_claims(rows, history, simulations=NULL_SIMULATIONS, seed=settings.bootstrap.seed)
    return pd.DataFrame(
        [
            {
                "comparison": f"{RESPONDER}:{NON_RESPONDER}",
                "naive_log_hazard_ratio": bias.naive,
                "time_dependent_log_hazard_ratio": bias.time_dependent,
                "bias": bias.bias,
                "bias_low": bias.low,
                "bias_high": bias.high,
                "replicates": bias.n_replicates,
                "null_simulations": 0 if claims is None else claims.n_simulations,
                "null_naive_hazard_ratio": np.nan if claims is None else claims.naive_hazard_ratio,
                "null_naive_rejected": np.nan if claims is None else claims.naive_rejected,
                "null_mantel_byar_rejected": np.nan if claims is None else claims.mantel_byar_rejected,
                "status": bias.status,
            }
        ]
    )


def compute_guarantee_time_bias(
    rows: EndpointRows, history: StateHistory, weights: np.ndarray | None, confidence: float
) -> GuaranteeTimeBias:
    """Measure the bias of the naive comparison on the study's own patients."""
    state_rows = derive_state_rows(history, rows.time_months, rows.event, rows.entry_months)
    fixed = (rows.cause_specific, _frame(history.final))
    moving = (
        SurvivalData(state_rows.stop, state_rows.event == 1, state_rows.start),
        _frame(state_rows.state),
    )
    nothing = float("nan")
    if min(len(np.unique(history.final)), len(np.unique(state_rows.state))) < 2:
        return GuaranteeTimeBias(nothing, nothing, nothing, nothing, nothing, 0, "too_few")
    fits = [fit_cox(*part) for part in (fixed, moving)]
    naive_value, dependent_value = (float(fit.coefficients[0]) for fit in fits)
    failed = next((fit.status for fit in fits if not np.isfinite(fit.coefficients[0])), None)
    if failed is not None:
        return GuaranteeTimeBias(naive_value, dependent_value, nothing, nothing, nothing, 0, failed)
    bias = naive_value - dependent_value
    if weights is None or not len(weights):
        return GuaranteeTimeBias(naive_value, dependent_value, bias, nothing, nothing, 0, "ok")
    naive = bootstrap_cox_log_hazard_ratio(*fixed, weights)
    dependent = bootstrap_cox_log_hazard_ratio(*moving, weights[:, state_rows.patient])
    difference = naive.coefficients[:, 0] - dependent.coefficients[:, 0]
    known = difference[np.isfinite(difference)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail]) if len(known) else (nothing, nothing)
    return GuaranteeTimeBias(naive_value, dependent_value, bias, float(low), float(high), len(known), "ok")


def _frame(state: np.ndarray):
    return pd.DataFrame({STATE: state.astype(float)})


def simulate_null_claims(
    rows: EndpointRows, history: StateHistory, *, simulations: int, seed: int
) -> NullClaims | None:
    """Simulate the comparisons on the times of this study where response has no effect.

    Returns NullClaims, or None where nobody responds or nobody has the event.
    Pairs of end and event are drawn with replacement from all patients, responders or not. Response times are drawn
    independently of them, from the Kaplan-Meier distribution of the time to response in which the end of
    observation censors; who has not responded when observation ends never does. So response and outcome are
    independent.
    """
    onset = np.full(len(rows.time_months), np.inf)
    onset[history.patient] = history.month
    observed = onset < rows.time_months
    if not observed.any() or not (rows.event == 1).any():
        return None
    times, mass = _response_distribution(np.minimum(onset, rows.time_months), observed)
    generator = np.random.default_rng(seed)
    n = len(rows.time_months)
    naive, dependent, ratios, counts = [], [], [], []
    for _ in range(simulations):
        drawn = generator.integers(0, n, n)
        time, event = rows.time_months[drawn], (rows.event[drawn] == 1).astype(float)
        response = generator.choice(times, size=n, p=mass)
        responds = response < time
        counts.append(int(responds.sum()))
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
        return None
    return NullClaims(
        n_simulations=len(naive),
        naive_rejected=float(np.mean(naive)),
        mantel_byar_rejected=float(np.mean(dependent)),
        naive_hazard_ratio=float(np.exp(np.mean(ratios))) if ratios else float("nan"),
        responders=float(np.mean(counts)),
    )


def _response_distribution(time: np.ndarray, responded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times to response and their probabilities; the last entry, inf, is never."""
    from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier

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
