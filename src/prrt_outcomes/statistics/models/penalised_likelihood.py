"""Cox's partial likelihood with Jeffreys' penalty, half the log determinant of its information (Breslow ties)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prrt_outcomes.statistics.models.model_rows import ModelRows, compute_risk_set_sums
from prrt_outcomes.statistics.models.partial_likelihood import SMALLEST, compute_shifted_predictor

MAX_ITERATIONS = 60
STEP_LIMIT = 2.0
STEP_TOLERANCE = 1e-9
GRADIENT_TOLERANCE = 1e-6


@dataclass(frozen=True)
class PenalisedFit:
    """Maximum of the penalised likelihood.

    Attributes
    ----------
    coefficients, std_errors : (p,); errors from the information of the unpenalised likelihood, as coxphf
    log_likelihood, log_likelihood_null : penalised, at the maximum and at 0
    converged : the steps became negligible
    """

    coefficients: np.ndarray
    std_errors: np.ndarray
    log_likelihood: float
    log_likelihood_null: float
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
    matrix: np.ndarray,
    rows: ModelRows,
    *,
    free: np.ndarray | None = None,
    start: np.ndarray | None = None,
) -> PenalisedFit:
    """Maximise over the `free` coefficients (all when absent); the others stay at `start` (0 when absent).

    The columns of `matrix` should be centred and of comparable scale.
    """
    p = matrix.shape[1]
    free = np.ones(p, dtype=bool) if free is None else free
    beta = np.zeros(p) if start is None else np.array(start, dtype=float)
    null = compute_penalised_likelihood(matrix, rows, np.zeros(p))[0]
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
    return PenalisedFit(beta, np.sqrt(np.clip(variance, 0, None)), value, null, converged)


def _search(
    matrix: np.ndarray, rows: ModelRows, beta: np.ndarray, free: np.ndarray
) -> tuple[np.ndarray, bool]:
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
    at_rest = np.abs(fit.jac).max() < GRADIENT_TOLERANCE and fit.fun < 1e10
    return out, bool(at_rest)


def find_profile_bound(
    matrix: np.ndarray, rows: ModelRows, fit: PenalisedFit, column: int, side: int, drop: float
) -> float:
    """Value of one coefficient at which the profile penalised log likelihood lies `drop` below its maximum.

    `side` is -1 for the lower and 1 for the upper bound; nan where none is found within 60 standard errors.
    """
    from scipy.optimize import brentq

    p = matrix.shape[1]
    free = np.arange(p) != column
    best = fit.coefficients[column]
    warm = {"start": fit.coefficients.copy()}

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
