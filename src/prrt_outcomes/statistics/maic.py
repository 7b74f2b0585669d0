"""Matching-adjusted indirect comparison: weights that give our patients the baseline of a published arm."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logsumexp, softmax

from prrt_outcomes.statistics.weights import fit_newton_in_blocks, refit_in_blocks

STATISTICS = ("mean", "standard_deviation", "median", "share")


@dataclass(frozen=True)
class MaicTarget:
    """One number of the published baseline table.

    statistic : ``mean``, ``standard_deviation`` (needs a mean of the same covariate), ``median``, ``share``
    value : what was published; a share between 0 and 1
    level : category whose share it is; empty for a 0/1 column
    """

    covariate: str
    statistic: str
    value: float
    level: str = ""

    @property
    def name(self) -> str:
        """The target in words."""
        level = f" = {self.level}" if self.level else ""
        return f"{self.statistic.replace('_', ' ')} of {self.covariate}{level}"


@dataclass(frozen=True)
class MaicResult:
    """Weights and what they achieve.

    weights : (n,) exp(X b), X centred on the targets; nan where a covariate is missing
    balance : one row a target: covariate, statistic, level, target, before, after (for a median: the share
        above it, target 0.5)
    """

    weights: np.ndarray
    balance: pd.DataFrame


def fit_maic(covariates: pd.DataFrame, targets: Sequence[MaicTarget]) -> MaicResult:
    """Weigh rows so that their summaries equal the targets (method of moments).

    ValueError that names every target which is malformed, unknown or outside the range of the data, or says that
    the targets are jointly out of reach although each alone is not.

    Minimises sum exp(X b), convex, whose gradient is the imbalance (Signorovitch 2010, Pharmacoeconomics
    28:935; Phillippo 2016, NICE DSU TSD 18). A standard deviation s with mean m becomes the mean of x^2,
    m^2 + s^2; a median becomes a share of one half above it.
    """
    matrix, complete = _centred_on_targets(covariates, targets)
    inner = matrix[complete]
    weights = np.full(len(matrix), np.nan)
    weights[complete] = _fit_block(np.ones((1, len(inner))), inner, _find_start(inner))[0]
    if np.isnan(weights[complete]).any():
        names = ", ".join(t.name for t in targets)
        raise ValueError(
            f"no weights meet the targets together, although each alone is within the data: {names}"
        )
    inside, used = covariates[complete], weights[complete]
    columns = ["covariate", "statistic", "level"]
    balance = pd.DataFrame([[getattr(t, name) for name in columns] for t in targets], columns=columns)
    balance["target"] = [0.5 if t.statistic == "median" else float(t.value) for t in targets]
    balance["before"] = _summaries(inside, targets, np.ones(len(used)))
    return MaicResult(weights, balance.assign(after=_summaries(inside, targets, used)))


def bootstrap_maic(
    covariates: pd.DataFrame, targets: Sequence[MaicTarget], weights_matrix: np.ndarray
) -> np.ndarray:
    """Refit the weights under each row of a matrix of counts.

    weights_matrix : (R, n) counts or case weights, 0 or more
    Returns weights (R, n), exp(X b), to be multiplied by the counts; nan rows where the replicate has no
    solution, nan columns where a covariate is missing.
    """
    matrix, complete = _centred_on_targets(covariates, targets)
    inner = matrix[complete]
    start = _find_start(inner)
    return refit_in_blocks(weights_matrix, complete, lambda counts: _fit_block(counts, inner, start))


def _centred_on_targets(
    covariates: pd.DataFrame, targets: Sequence[MaicTarget]
) -> tuple[np.ndarray, np.ndarray]:
    """Columns minus targets (n, k), and which rows are complete; all faults of the targets at once."""
    if not len(targets):
        raise ValueError("no targets: expected at least one published summary")
    means = {t.covariate: t.value for t in targets if t.statistic == "mean"}
    faults, columns = [], []
    for target in targets:
        fault = _fault(target, covariates, means)
        if fault:
            faults.append(fault)
            continue
        x = _values(covariates, target)
        if target.statistic == "standard_deviation":
            centred = x**2 - (target.value**2 + means[target.covariate] ** 2)
        elif target.statistic == "median":
            centred = np.where(np.isnan(x), np.nan, (x > target.value) - 0.5)
        else:
            centred = x - target.value
        columns.append(centred)
        if not (np.nanmin(centred) < 0 < np.nanmax(centred)):
            reach = f"{np.nanmin(x):g} to {np.nanmax(x):g}"
            faults.append(f"{target.name} {target.value:g} is outside the data ({reach}): no solution")
    if faults:
        raise ValueError("; ".join(faults))
    matrix = np.column_stack(columns)
    return matrix, np.asarray(np.isfinite(matrix).all(axis=1))


def _fault(target: MaicTarget, covariates: pd.DataFrame, means: dict) -> str:
    """What is wrong with a target before any number is compared; empty where nothing is."""
    if target.covariate not in covariates.columns:
        return f"{target.name}: there is no column {target.covariate}"
    if target.statistic not in STATISTICS:
        return f"{target.name}: statistic must be one of {', '.join(STATISTICS)}"
    if not np.isfinite(target.value):
        return f"{target.name}: the value is missing"
    column = covariates[target.covariate].dropna()
    if not len(column):
        return f"{target.name}: {target.covariate} is missing in all rows"
    if target.level:
        if target.statistic != "share":
            return f"{target.name}: a level has a share only"
        levels = sorted(set(column.astype(str)))
        found = target.level in levels
        return "" if found else f"{target.name}: the data have {', '.join(levels)} only: no solution"
    if not pd.api.types.is_numeric_dtype(column):
        return f"{target.name}: {target.covariate} is a category; give the share of a level"
    if target.statistic == "share" and not column.astype(float).isin([0.0, 1.0]).all():
        return f"{target.name}: {target.covariate} is not 0/1; give a level or another statistic"
    if target.statistic == "standard_deviation" and target.covariate not in means:
        return f"{target.name}: needs the mean of {target.covariate} too"
    return ""


def _values(covariates: pd.DataFrame, target: MaicTarget) -> np.ndarray:
    """The covariate as numbers; 0/1 for a level; nan where missing."""
    column = covariates[target.covariate]
    if target.level:
        return np.where(column.isna(), np.nan, (column.astype(str) == target.level).astype(float))
    return column.to_numpy(dtype=float, na_value=np.nan)


def _find_start(matrix: np.ndarray) -> np.ndarray:
    """b near the balance, by scipy's trust region on log sum exp(X b): from there Newton's method takes whole steps."""
    from scipy.optimize import minimize

    scale = matrix.std(axis=0)
    scaled = matrix / scale
    if np.linalg.matrix_rank(scaled - scaled.mean(axis=0), tol=1e-8 * np.sqrt(len(scaled))) < scaled.shape[1]:
        raise ValueError(
            "targets repeat each other (all levels of a category, or one number twice): leave one out"
        )

    def hessian(b: np.ndarray) -> np.ndarray:
        share = softmax(scaled @ b)
        mean = share @ scaled
        return (scaled * share[:, None]).T @ scaled - np.outer(mean, mean)

    fit = minimize(  # type: ignore[call-overload]
        lambda b: logsumexp(scaled @ b),
        np.zeros(scaled.shape[1]),
        jac=lambda b: softmax(scaled @ b) @ scaled,
        hess=hessian,
        method="trust-exact",
    )
    return fit.x / scale


def _fit_block(counts: np.ndarray, matrix: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Newton's method on log sum counts exp(X b): weights (B, n), nan where a replicate has no solution."""
    scale = matrix.std(axis=0)
    scaled = matrix / scale
    k = scaled.shape[1]
    i, j = np.triu_indices(k)
    products = scaled[:, i] * scaled[:, j]

    def evaluate(active: np.ndarray, beta: np.ndarray):
        eta = beta @ scaled.T
        share = counts[active] * np.exp(eta - eta.max(axis=1, keepdims=True))
        share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
        mean = share @ scaled
        hessian = np.empty((len(active), k, k))
        hessian[:, i, j] = hessian[:, j, i] = share @ products - mean[:, i] * mean[:, j]
        return -mean, hessian, ~(np.linalg.cond(hessian) < 1e13)

    active = np.flatnonzero(counts.sum(axis=1) > 0)
    begin = np.tile(start * scale, (len(counts), 1))
    beta = fit_newton_in_blocks(evaluate, begin, active, limit=3.0, tolerance=1e-6, iterations=60)
    with np.errstate(over="ignore"):
        weights = np.exp((beta / scale) @ matrix.T)
    weights[~np.isfinite(weights).all(axis=1)] = np.nan
    return weights


def _summaries(covariates: pd.DataFrame, targets: Sequence[MaicTarget], weights: np.ndarray) -> list[float]:
    """Weighted summaries, one a target, of complete rows."""
    share = weights / weights.sum()
    out = []
    for target in targets:
        x = _values(covariates, target)
        if target.statistic == "standard_deviation":
            out.append(float(np.sqrt(max(share @ x**2 - (share @ x) ** 2, 0.0))))
        else:
            out.append(float(share @ (x > target.value if target.statistic == "median" else x)))
    return out
