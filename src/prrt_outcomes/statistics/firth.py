"""Firth's penalised Cox regression with profile-likelihood intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, chdtri

from prrt_outcomes.statistics.cox import compute_ratio, derive_model, format_coefficient_table
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.model_rows import ModelRows, compute_centre_and_scale, compute_risk_set_sums
from prrt_outcomes.statistics.partial_likelihood import (
    SMALLEST,
    compute_shifted_predictor,
    find_estimable_columns,
)

MAX_ITERATIONS = 60
STEP_LIMIT = 2.0
STEP_TOLERANCE = 1e-9
GRADIENT_TOLERANCE = 1e-6


@dataclass(frozen=True)
class PenalisedFit:
    """Maximum of the penalised likelihood; errors from the information of the unpenalised one, as coxphf."""

    coefficients: np.ndarray
    std_errors: np.ndarray
    log_likelihood: float
    converged: bool


def compute_penalised_likelihood(matrix: np.ndarray, rows: ModelRows, beta: np.ndarray):
    """Penalised log likelihood, its score (p,), and the information (p, p).

    The derivative of log |I| is the trace of I^-1 dI; the third moments of the covariates in a risk set are
    contracted with I^-1 first, so that nothing larger than (G, p, p) is kept.
    """
    p = matrix.shape[1]
    eta = compute_shifted_predictor(matrix @ beta, rows)
    risk = rows.weights * np.exp(eta)
    squares = (matrix[:, :, None] * matrix[:, None, :]).reshape(-1, p * p)
    sums = compute_risk_set_sums(
        np.column_stack([risk, matrix * risk[:, None], squares * risk[:, None]]), rows
    )
    # As in the plain likelihood: differences of cumulative sums must not reach 0.
    total = np.maximum(
        sums[:, 0], np.maximum(np.bincount(rows.event_cell, risk[rows.event], rows.n_cells), SMALLEST)
    )
    mean = sums[:, 1 : p + 1] / total[:, None]
    spread = sums[:, p + 1 :].reshape(-1, p, p) / total[:, None, None] - mean[:, :, None] * mean[:, None, :]
    event_weight = rows.weights[rows.event]
    weight = np.bincount(rows.event_cell, weights=event_weight, minlength=rows.n_cells)
    information = np.einsum("g,gij->ij", weight, spread)
    sign, log_determinant = np.linalg.slogdet(information)
    if sign <= 0 or not np.isfinite(log_determinant):
        return -np.inf, np.zeros(p), information
    inverse = np.linalg.inv(information)
    leverage = np.einsum("ij,jk,ik->i", matrix, inverse, matrix)
    contracted = compute_risk_set_sums(
        np.column_stack([risk, matrix * risk[:, None]]) * leverage[:, None], rows
    )
    contracted = contracted / total[:, None]
    trace = contracted[:, 1:] - contracted[:, :1] * mean
    trace = trace - 2 * np.einsum("gij,gj->gi", spread, mean @ inverse)
    score = event_weight @ matrix[rows.event] - weight @ mean + 0.5 * weight @ trace
    value = event_weight @ eta[rows.event] - weight @ np.log(total) + 0.5 * log_determinant
    return float(value), score, information


def fit_penalised(
    matrix: np.ndarray, rows: ModelRows, *, free: np.ndarray | None = None, start: np.ndarray | None = None
) -> PenalisedFit:
    """Maximise over the `free` coefficients (all when absent); the others stay at `start` (0 when absent).

    The columns of `matrix` should be centred and of comparable scale.
    """
    p = matrix.shape[1]
    free = np.ones(p, dtype=bool) if free is None else free
    beta = np.zeros(p) if start is None else np.array(start, dtype=float)
    value, score, information = compute_penalised_likelihood(matrix, rows, beta)
    converged = not free.any()
    inner = np.ix_(free, free)
    for _ in range(0 if converged else MAX_ITERATIONS):
        step = np.zeros(p)
        step[free] = np.linalg.lstsq(information[inner], score[free], rcond=None)[0]
        step *= min(1.0, STEP_LIMIT / max(np.abs(step).max(), 1e-300))
        if np.abs(step).max() < STEP_TOLERANCE:
            converged = True
            break
        trial = compute_penalised_likelihood(matrix, rows, beta + step)
        halvings = 0
        while not trial[0] >= value - 1e-12 * (1 + abs(value)) and halvings < 25:
            step = step / 2
            trial = compute_penalised_likelihood(matrix, rows, beta + step)
            halvings += 1
        beta, (value, score, information) = beta + step, trial
    if not converged:
        beta, converged = _search(matrix, rows, beta, free)
        value, score, information = compute_penalised_likelihood(matrix, rows, beta)
    variance = np.diag(np.linalg.pinv(information))
    return PenalisedFit(beta, np.sqrt(np.clip(variance, 0, None)), value, converged)


def _search(matrix: np.ndarray, rows: ModelRows, beta: np.ndarray, free: np.ndarray):
    """Quasi-Newton search, for data so few that the information is a poor guide to the curvature."""
    from scipy.optimize import minimize

    def loss(inner: np.ndarray) -> tuple[float, np.ndarray]:
        full = beta.copy()
        full[free] = inner
        value, score, _ = compute_penalised_likelihood(matrix, rows, full)
        return (-value, -score[free]) if np.isfinite(value) else (1e10, np.zeros(int(free.sum())))

    fit = minimize(loss, beta[free], jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 500})
    out = beta.copy()
    out[free] = fit.x
    return out, bool(np.abs(fit.jac).max() < GRADIENT_TOLERANCE and fit.fun < 1e10)


def find_profile_bound(
    matrix: np.ndarray, rows: ModelRows, fit: PenalisedFit, column: int, side: int, drop: float
) -> float:
    """Value of one coefficient at which the profile penalised log likelihood lies `drop` below its maximum.

    `side` is -1 for the lower and 1 for the upper bound; nan where none is found within 60 standard errors.
    """
    from scipy.optimize import brentq

    free, best = np.arange(matrix.shape[1]) != column, fit.coefficients[column]
    warm: dict[str, Any] = {"start": fit.coefficients.copy()}

    def above(distance: float) -> float:
        start = warm["start"].copy()
        start[column] = best + side * distance
        profile = fit_penalised(matrix, rows, free=free, start=start)
        warm["start"], warm["converged"] = profile.coefficients, profile.converged
        return profile.log_likelihood - (fit.log_likelihood - drop)

    step = 2.0 * fit.std_errors[column]
    far = step
    while above(far) > 0:
        far *= 1.5
        if far > 30 * step or not np.isfinite(far):
            return np.nan
    warm["start"] = fit.coefficients.copy()
    distance = float(brentq(above, 0.0, far, xtol=1e-10, rtol=1e-12))
    above(distance)
    return best + side * distance if warm["converged"] else np.nan


def fit_firth_cox(
    data: SurvivalData,
    covariates: pd.DataFrame | pd.Series | np.ndarray,
    *,
    references: Mapping[str, object] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Fit a Cox model with Firth's penalty; arguments as `fit_cox`.

    Returns one row a coefficient, as `CoxResult.table`; lower and upper are profile-likelihood bounds, p_value is that
    of the penalised likelihood-ratio test, z is coefficient / std_error. status: ``ok``; ``no_events``;
    ``not_estimable`` (constant or collinear columns are empty); ``not_converged`` (all empty); ``no_bound`` (a
    profile-likelihood bound was not found and is empty).

    The log partial likelihood (Breslow ties, as coxphf) plus half the log determinant of its information;
    estimates exist also under separation. Source: Heinze and Schemper 2001, Biometrics 57:114.
    """
    design, rows = derive_model(data, covariates, references)
    p = len(design.columns)
    statuses, scale = np.full(p, "no_events", dtype=object), np.ones(p)
    (beta, errors, p_values), bounds = np.full((3, p), np.nan), np.full((p, 2), np.nan)
    if rows.n_events:
        centre, scale = compute_centre_and_scale(design.matrix)
        matrix = (design.matrix - centre) / scale
        information = compute_penalised_likelihood(matrix, rows, np.zeros(p))[2]
        used = find_estimable_columns(information, rows.weights[rows.event].sum())
        statuses[:] = np.where(used, "not_converged", "not_estimable")
        fit = fit_penalised(matrix[:, used], rows) if used.any() else None
        if fit is not None and fit.converged:
            beta[used], errors[used] = fit.coefficients, fit.std_errors
            inner, places = matrix[:, used], np.arange(used.sum())
            drop = float(chdtri(1, 1 - confidence)) / 2
            bounds[used] = [
                [find_profile_bound(inner, rows, fit, j, side, drop) for side in (-1, 1)] for j in places
            ]
            without = [fit_penalised(inner, rows, free=places != j).log_likelihood for j in places]
            ratio = 2 * (fit.log_likelihood - np.array(without))
            p_values[used] = chdtrc(1, np.maximum(ratio, 0.0))
            statuses[used] = np.where(np.isfinite(bounds[used]).all(axis=1), "ok", "no_bound")
    table = format_coefficient_table(design, rows.event, beta / scale, errors / scale, statuses, confidence)
    table["lower"], table["upper"] = compute_ratio(bounds.T / scale)
    table["p_value"] = p_values
    return table
