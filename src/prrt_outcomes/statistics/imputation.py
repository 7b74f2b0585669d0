"""Multiple imputation by chained equations, and Rubin's rules to pool what is estimated from it."""

from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax, stdtr, stdtrit

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.model_rows import compute_centre_and_scale
from prrt_outcomes.statistics.risk_table import compute_risk_table

DONORS = 5
RIDGE = 1e-3
ITERATIONS = 5
NEWTON_STEPS, LONGEST_STEP, SMALL_STEP = 50, 2.0, 1e-8


def impute_chained(
    covariates: pd.DataFrame, auxiliary: ArrayLike, *, sets: int, seed: int
) -> list[pd.DataFrame]:
    """Fill missing covariates several times, each time as uncertain as they are: `sets` completed frames.

    `covariates` are numbers (float64) and categories, at least two observed values a column; `auxiliary` (n,
    q) are complete predictors that are not imputed: the outcome as event indicator and cumulative hazard.

    Numbers: predictive mean matching with 5 donors from a linear model; categories: draws from a multinomial
    logistic model with a small ridge. Each model is fitted to a bootstrap of the rows in which the column is
    observed, so that its own uncertainty enters. White, Royston and Wood 2011, Statistics in Medicine 30:377;
    White and Royston 2009, Statistics in Medicine 28:1982 (event and cumulative hazard as predictors).
    """
    generator = np.random.default_rng(seed)
    outcome = _standardise(np.asarray(auxiliary, dtype=float).reshape(len(covariates), -1))
    incomplete = [name for name in covariates.columns if covariates[name].isna().any()]
    order = sorted(incomplete, key=lambda name: int(covariates[name].isna().sum()))
    completed = []
    for _ in range(sets):
        frame = covariates.copy()
        for name in order:
            missing = frame[name].isna().to_numpy()
            drawn = generator.choice(np.flatnonzero(~missing), int(missing.sum()))
            frame.loc[missing, name] = frame[name].to_numpy()[drawn]
        for _ in range(ITERATIONS if len(order) > 1 else 1):
            for name in order:
                others = _predictors(frame.drop(columns=name), outcome)
                missing = covariates[name].isna().to_numpy()
                frame[name] = _impute_column(frame[name], missing, others, generator)
        completed.append(frame)
    return completed


def _standardise(matrix: NDArray) -> NDArray:
    centre, scale = compute_centre_and_scale(matrix)
    return (matrix - centre) / scale


def _predictors(frame: pd.DataFrame, outcome: NDArray) -> NDArray:
    """Intercept, outcome, numbers and level indicators (all but the first), standardised."""
    parts = [outcome]
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            codes = frame[name].cat.codes.to_numpy()
            parts.append((codes[:, None] == np.arange(1, len(frame[name].cat.categories))).astype(float))
        else:
            parts.append(frame[name].to_numpy(dtype=float)[:, None])
    return np.column_stack([np.ones(len(frame)), _standardise(np.column_stack(parts))])


def _impute_column(column: pd.Series, missing: NDArray, predictors: NDArray, generator) -> pd.Series:
    observed = np.flatnonzero(~missing)
    drawn = generator.choice(observed, len(observed))
    filled = column.copy()
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        coefficients = _fit_multinomial(predictors[drawn], codes[drawn], len(column.cat.categories))
        probability = softmax(predictors[missing] @ coefficients, axis=1)
        picked = (generator.random((len(probability), 1)) > probability.cumsum(axis=1)[:, :-1]).sum(axis=1)
        filled.loc[missing] = column.cat.categories.to_numpy()[picked]
        return filled
    values = column.to_numpy(dtype=float)
    matrix = predictors[drawn]
    ridge = RIDGE * len(matrix) * np.eye(matrix.shape[1])
    coefficients = np.linalg.solve(matrix.T @ matrix + ridge, matrix.T @ values[drawn])
    ours, theirs = predictors[missing] @ coefficients, predictors[observed] @ coefficients
    donors = min(DONORS, len(observed))
    nearest = np.argpartition(np.abs(ours[:, None] - theirs[None, :]), donors - 1, axis=1)[:, :donors]
    chosen = nearest[np.arange(len(ours)), generator.integers(0, donors, len(ours))]
    filled.loc[missing] = values[observed[chosen]]
    return filled


def _fit_multinomial(matrix: NDArray, codes: NDArray, levels: int) -> NDArray:
    """Coefficients (p, levels) of a multinomial logistic model by Newton's method; the first level's are 0."""
    n, p = matrix.shape
    indicator = (codes[:, None] == np.arange(levels))[:, 1:]
    penalty = np.full((levels - 1, p), RIDGE * n)
    penalty[:, 0] = RIDGE
    inner = np.zeros((levels - 1, p))
    for _ in range(NEWTON_STEPS):
        chance = softmax(np.column_stack([np.zeros(n), matrix @ inner.T]), axis=1)[:, 1:]
        gradient = (chance - indicator).T @ matrix + penalty * inner
        hessian = np.empty((levels - 1, p, levels - 1, p))
        for j, k in product(range(levels - 1), repeat=2):
            hessian[j, :, k] = matrix.T @ ((chance[:, j] * ((j == k) - chance[:, k]))[:, None] * matrix)
        flat = hessian.reshape(inner.size, inner.size) + np.diag(penalty.ravel())
        step = np.linalg.solve(flat, gradient.ravel()).reshape(inner.shape)
        largest = np.abs(step).max(initial=0.0)
        inner -= step * min(1.0, LONGEST_STEP / max(largest, LONGEST_STEP))
        if largest < SMALL_STEP:
            break
    return np.column_stack([np.zeros(p), inner.T])


def compute_cumulative_hazard(data: SurvivalData) -> NDArray:
    """Nelson-Aalen cumulative hazard of each patient while at risk: from a late entry on, to the end."""
    table = compute_risk_table(data)
    at_risk, events = table.counts.at_risk[:, 0], table.counts.events[:, 0]
    steps = np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
    hazard = np.concatenate(([0.0], np.cumsum(steps)))
    end = hazard[np.searchsorted(table.time, data.time * (1 + 1e-9), side="right")]
    if data.entry is None:
        return end
    return end - hazard[np.searchsorted(table.time, data.entry * (1 + 1e-9), side="right")]


def pool_estimates(
    estimates: ArrayLike,
    variances: ArrayLike,
    *,
    complete_degrees_of_freedom: float,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Pool estimates of several imputed sets, (m, p), by Rubin's rules: one row a coefficient.

    Columns: estimate, mean over the sets; std_error, root of within plus (1 + 1/m) between variance;
    degrees_of_freedom, Barnard and Rubin's; lower, upper, p_value, from the t distribution with these.

    `complete_degrees_of_freedom`: what a complete data set would have had (events minus coefficients).
    ValueError for fewer than two sets or shapes that differ. Source: Rubin 1987, chapter 3; Barnard and Rubin
    1999, Biometrika 86:948.
    """
    values, within_each = np.asarray(estimates, dtype=float), np.asarray(variances, dtype=float)
    if values.ndim != 2 or values.shape != within_each.shape or len(values) < 2:
        raise ValueError("expected estimates and variances of at least two sets, (m, p) each")
    m = len(values)
    estimate, within = values.mean(axis=0), within_each.mean(axis=0)
    between = values.var(axis=0, ddof=1)
    total = within + (1 + 1 / m) * between
    share = np.divide((1 + 1 / m) * between, total, out=np.zeros_like(total), where=total > 0)
    with np.errstate(divide="ignore"):
        rubin = (m - 1) / share**2
    complete = max(complete_degrees_of_freedom, 1.0)
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    freedom = 1 / (1 / rubin + 1 / observed)
    error = np.sqrt(total)
    half = stdtrit(freedom, 0.5 + confidence / 2) * error
    statistic = np.divide(estimate, error, out=np.full_like(error, np.nan), where=error > 0)
    table = pd.DataFrame({"estimate": estimate, "std_error": error, "degrees_of_freedom": freedom})
    p_value = 2 * stdtr(freedom, -np.abs(statistic))
    return table.assign(lower=estimate - half, upper=estimate + half, p_value=p_value)
