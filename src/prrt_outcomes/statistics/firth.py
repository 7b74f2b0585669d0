"""Firth's penalised Cox regression with profile-likelihood intervals."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, chdtri

from prrt_outcomes.statistics.cox import derive_model
from prrt_outcomes.statistics.cox_result import compute_ratio, format_coefficient_table
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.model_rows import (
    Design,
    ModelRows,
    compute_centre_and_scale,
    compute_risk_set_sums,
)
from prrt_outcomes.statistics.partial_likelihood import (
    SMALLEST,
    compute_partial_likelihood,
    compute_shifted_predictor,
    derive_tied_events,
)
from prrt_outcomes.statistics.separation import find_estimable_columns

MAX_ITERATIONS = 60
STEP_LIMIT = 2.0
STEP_TOLERANCE = 1e-9
GRADIENT_TOLERANCE = 1e-6


@dataclass(frozen=True)
class PenalisedFit:
    """Maximum of the penalised likelihood; errors from the information of the unpenalised one, as coxphf.

    `log_likelihood` and `log_likelihood_null` are penalised, at the maximum and at 0.
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

    p = matrix.shape[1]
    free = np.arange(p) != column
    best = fit.coefficients[column]
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


@dataclass(frozen=True)
class FirthResult:
    """A penalised Cox model.

    status : ``ok``; ``no_events``; ``not_estimable`` (constant or collinear columns are empty);
        ``not_converged`` (all empty); ``no_bound`` (a profile-likelihood bound was not found and is empty)
    table : one row a coefficient, as `CoxResult.table`; lower and upper are profile-likelihood bounds,
        p_value is that of the penalised likelihood-ratio test, z is coefficient / std_error
    log_likelihood, log_likelihood_null : penalised
    """

    status: str
    table: pd.DataFrame
    log_likelihood: float
    log_likelihood_null: float


def fit_firth_cox(
    data: SurvivalData,
    covariates: pd.DataFrame | pd.Series | np.ndarray,
    *,
    references: Mapping[str, object] | None = None,
    confidence: float = 0.95,
) -> FirthResult:
    """Fit a Cox model with Firth's penalty; arguments as `fit_cox`.

    The log partial likelihood (Breslow ties, as coxphf) plus half the log determinant of its information;
    estimates exist also under separation. One unweighted row a patient without strata or delayed entry is
    fitted by firthmodels; anything else by the same penalty on our likelihood. Source: Heinze and Schemper
    2001, Biometrics 57:114.
    """
    design, rows = derive_model(data, covariates, references)
    return fit_firth_rows(design, rows, confidence=confidence)


def fit_firth_rows(
    design: Design, rows: ModelRows, *, confidence: float = 0.95, engine: str | None = None
) -> FirthResult:
    """Penalised fit of checked rows; `engine` (``firthmodels`` or ``newton``) overrides the choice of route."""
    p = len(design.columns)
    numbers = np.full((5, p), np.nan)  # coefficient, error, two bounds, p-value
    if rows.n_events == 0:
        return _gather(design, rows, np.full(p, "no_events", dtype=object), None, numbers, confidence)
    centre, scale = compute_centre_and_scale(design.matrix)
    matrix = (design.matrix - centre) / scale
    tied = derive_tied_events(rows, "breslow")
    used = find_estimable_columns(
        compute_partial_likelihood(matrix, rows, tied, np.zeros(p)).information,
        rows.weights[rows.event].sum(),
    )
    statuses = np.where(used, "ok", "not_estimable").astype(object)
    if not used.any():
        return _gather(design, rows, statuses, None, numbers, confidence)
    simple = rows.one_row_per_patient and not rows.delayed_entry and not rows.stratum.any()
    simple = simple and bool((rows.weights == 1).all())
    if engine not in (None, "firthmodels", "newton"):
        raise ValueError(f"engine {engine!r}: expected 'firthmodels' or 'newton'")
    if engine == "firthmodels" and not simple:
        raise ValueError("firthmodels fits one unweighted row a patient without strata or delayed entry")
    by_library = simple and engine != "newton"
    fit, bounds, p_values = (_by_firthmodels if by_library else _by_newton)(matrix[:, used], rows, confidence)
    if fit is None:
        statuses[used] = "not_converged"
        return _gather(design, rows, statuses, None, numbers, confidence)
    missing = ~np.isfinite(bounds).all(axis=1)
    statuses[np.flatnonzero(used)[missing]] = "no_bound"
    numbers[:4, used] = np.vstack([fit.coefficients, fit.std_errors, *bounds.T]) / scale[used]
    numbers[4, used] = p_values
    return _gather(design, rows, statuses, fit, numbers, confidence)


def _by_firthmodels(matrix: np.ndarray, rows: ModelRows, confidence: float):
    """Fit, bounds and p-values from the library; its warnings are read off the result instead."""
    from firthmodels import FirthCoxPH

    model = FirthCoxPH(backend="numpy", max_iter=200, gtol=1e-8, xtol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(matrix, (rows.event, rows.time))
            if not model.converged_:
                return _by_newton(matrix, rows, confidence)
            bounds = model.conf_int(alpha=1 - confidence, method="pl", max_iter=200, tol=1e-8)
            p_values = model.lrt().lrt_pvalues_
        except np.linalg.LinAlgError:
            return _by_newton(matrix, rows, confidence)
    if not (np.isfinite(bounds).all() and np.isfinite(p_values).all()):
        return _by_newton(matrix, rows, confidence)
    null = fit_penalised(matrix, rows, free=np.zeros(matrix.shape[1], dtype=bool)).log_likelihood
    return PenalisedFit(model.coef_, model.bse_, float(model.loglik_), null, True), bounds, p_values


def _by_newton(matrix: np.ndarray, rows: ModelRows, confidence: float):
    """Fit, bounds and p-values on our own likelihood."""
    p = matrix.shape[1]
    fit = fit_penalised(matrix, rows)
    if not fit.converged:
        return None, None, None
    drop = float(chdtri(1, 1 - confidence)) / 2
    bounds = np.array(
        [[find_profile_bound(matrix, rows, fit, j, side, drop) for side in (-1, 1)] for j in range(p)]
    )
    p_values = np.empty(p)
    for j in range(p):
        without = fit_penalised(matrix, rows, free=np.arange(p) != j)
        p_values[j] = chdtrc(1, max(2 * (fit.log_likelihood - without.log_likelihood), 0.0))
    return fit, bounds, p_values


def _gather(design, rows, statuses, fit, numbers, confidence) -> FirthResult:
    """Result with a table of the common form."""
    table = format_coefficient_table(design, rows.event, numbers[0], numbers[1], statuses, confidence)
    table["lower"], table["upper"] = compute_ratio(numbers[2:4])
    table["p_value"] = numbers[4]
    order = ("no_events", "not_converged", "not_estimable", "no_bound")
    status = next((s for s in order if (statuses == s).any()), "ok")
    return FirthResult(
        status,
        table,
        fit.log_likelihood if fit else np.nan,
        fit.log_likelihood_null if fit else np.nan,
    )
