"""The propensity score: the probability of being in the cohort and not in the control, by logistic regression."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from prrt_outcomes.statistics.cox_result import format_coefficient_table
from prrt_outcomes.statistics.design import Design, compute_centre_and_scale, derive_design_matrix
from prrt_outcomes.statistics.separation import find_estimable_columns

CERTAIN = 1e-8
BLOCK_ELEMENTS = 1 << 16
MAX_ITERATIONS = 40
STEP_TOLERANCE = 1e-6


@dataclass(frozen=True)
class PropensityResult:
    """A fitted propensity model.

    Attributes
    ----------
    status : ``ok``; ``not_estimable`` (constant or collinear columns were left out, scores are there);
        ``separation`` (covariates tell cohort from control without error: no overlap, scores empty);
        ``one_group`` (cohort or control is empty, scores empty)
    reason : the status in words
    score : (n,) probability of the cohort; nan where a covariate is missing
    table : one row a coefficient, with odds_ratio
    intercept : of the covariates as given
    n_missing : rows without a score because a covariate is missing
    """

    status: str
    reason: str
    score: np.ndarray
    table: pd.DataFrame
    intercept: float
    n_missing: int


def fit_propensity(
    in_cohort,
    covariates: pd.DataFrame,
    *,
    references: Mapping[str, object] | None = None,
    confidence: float = 0.95,
) -> PropensityResult:
    """Fit the probability of being in the cohort (statsmodels, maximum likelihood).

    Parameters
    ----------
    in_cohort : (n,) True or 1 for the cohort, False or 0 for the control
    covariates, references : as `derive_design_matrix`

    Returns
    -------
    PropensityResult

    Raises
    ------
    ValueError
        for group labels other than 0/1, or lengths that differ.
    """
    design = derive_design_matrix(covariates, references=references)
    group = _check_group(in_cohort, len(design.complete))
    y = group[design.complete]
    score = np.full(len(group), np.nan)
    p = len(design.columns)
    statuses = np.full(p, "one_group", dtype=object)
    empty = np.full(p, np.nan)
    if not (y.any() and (~y).any()):
        table = format_coefficient_table(design, y, empty, empty, statuses, confidence, ratio="odds_ratio")
        reason = "cohort and control must both have complete rows"
        return PropensityResult("one_group", reason, score, table, np.nan, design.n_missing)
    centre, scale = compute_centre_and_scale(design.matrix)
    matrix = (design.matrix - centre) / scale
    used = find_estimable_columns(matrix.T @ matrix, float(len(matrix)))
    statuses = np.where(used, "ok", "not_estimable").astype(object)
    beta, errors, intercept, probabilities = _fit_logit(y, matrix[:, used])
    if probabilities is None:
        statuses[used] = "separation"
        table = format_coefficient_table(design, y, empty, empty, statuses, confidence, ratio="odds_ratio")
        reason = "the covariates tell cohort from control without error: there is no overlap"
        return PropensityResult("separation", reason, score, table, np.nan, design.n_missing)
    score[design.complete] = probabilities
    full = np.full((2, p), np.nan)
    full[:, used] = np.vstack([beta, errors]) / scale[used]
    table = format_coefficient_table(design, y, full[0], full[1], statuses, confidence, ratio="odds_ratio")
    names = [c.name for c, u in zip(design.columns, used, strict=True) if not u]
    reason = f"constant or collinear: {', '.join(names)}" if names else ""
    return PropensityResult(
        "not_estimable" if names else "ok",
        reason,
        score,
        table,
        float(intercept - np.nansum(full[0] * centre)),
        design.n_missing,
    )


def bootstrap_propensity(
    in_cohort,
    covariates: pd.DataFrame,
    weights_matrix: np.ndarray,
    *,
    references: Mapping[str, object] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Refit the propensity model under each row of a matrix of weights.

    Parameters
    ----------
    weights_matrix : (R, n) counts or case weights, 0 or more

    Returns
    -------
    score : (R, n); nan rows where the replicate has no fit, nan columns where a covariate is missing
    status : (R,) ``ok``, ``separation`` or ``one_group``

    Notes
    -----
    Newton's method on blocks of replicates. Columns that are constant or collinear in the whole data are
    left out of all replicates.
    """
    design = derive_design_matrix(covariates, references=references)
    group = _check_group(in_cohort, len(design.complete))
    weights_matrix = np.asarray(weights_matrix)
    if weights_matrix.ndim != 2 or weights_matrix.shape[1] != len(group):
        raise ValueError(
            f"weights_matrix has shape {weights_matrix.shape}; expected (replicates, {len(group)})"
        )
    matrix = _with_intercept(design)
    y = group[design.complete].astype(float)
    score = np.full(weights_matrix.shape, np.nan)
    status = np.empty(len(weights_matrix), dtype=object)
    size = max(1, BLOCK_ELEMENTS // max(len(y), 1))
    for begin in range(0, len(weights_matrix), size):
        block = slice(begin, begin + size)
        weights = weights_matrix[block][:, design.complete].astype(float)
        fitted, status[block] = _fit_block(weights, matrix, y)
        part = np.full((len(weights), len(group)), np.nan)
        part[:, design.complete] = fitted
        score[block] = part
    return score, status.astype(str)


def _check_group(in_cohort, n: int) -> np.ndarray:
    """Boolean group labels of the right length."""
    values = np.asarray(in_cohort)
    if len(values) != n:
        raise ValueError(f"in_cohort has {len(values)} values for {n} rows")
    if pd.isna(values).any() or not np.isin(values.astype(float), (0.0, 1.0)).all():
        raise ValueError("in_cohort must hold 0 and 1 only, without missing values")
    return values.astype(float) == 1


def _with_intercept(design: Design) -> np.ndarray:
    """Standardised estimable columns after a column of ones."""
    centre, scale = compute_centre_and_scale(design.matrix)
    matrix = (design.matrix - centre) / scale
    used = find_estimable_columns(matrix.T @ matrix, float(len(matrix)))
    return np.column_stack([np.ones(len(matrix)), matrix[:, used]])


def _fit_logit(y: np.ndarray, matrix: np.ndarray):
    """Coefficients, errors, intercept and probabilities; probabilities None under separation."""
    import statsmodels.api as sm
    from statsmodels.tools.sm_exceptions import PerfectSeparationError

    exog = np.column_stack([np.ones(len(y)), matrix])
    with warnings.catch_warnings():
        # Separation and lack of convergence are read off the result below.
        warnings.simplefilter("ignore")
        try:
            fit = sm.Logit(y.astype(float), exog).fit(method="newton", maxiter=100, tol=1e-12, disp=0)
        except (PerfectSeparationError, np.linalg.LinAlgError):
            return None, None, np.nan, None
    probabilities = expit(exog @ fit.params)
    certain = np.minimum(probabilities, 1 - probabilities) < CERTAIN
    if (
        not np.isfinite(fit.params).all()
        or certain.all()
        or (certain.any() and not fit.mle_retvals["converged"])
    ):
        return None, None, np.nan, None
    if np.abs(fit.params[1:]).max(initial=0.0) > -np.log(CERTAIN) or not np.isfinite(fit.bse).all():
        return None, None, np.nan, None
    return fit.params[1:], fit.bse[1:], float(fit.params[0]), probabilities


def _fit_block(weights: np.ndarray, matrix: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Newton's method on a block of replicates: probabilities (B, n) and status (B,)."""
    q = matrix.shape[1]
    i, j = np.triu_indices(q)
    products = matrix[:, i] * matrix[:, j]
    beta = np.zeros((len(weights), q))
    status = np.full(len(weights), "separation", dtype=object)
    in_cohort, in_control = weights @ y, weights @ (1 - y)
    alone = (in_cohort <= 0) | (in_control <= 0)
    status[alone] = "one_group"
    active = np.flatnonzero(~alone)
    for _ in range(MAX_ITERATIONS):
        if not len(active):
            break
        w = weights[active]
        mean = expit(beta[active] @ matrix.T)
        gradient = (w * (y - mean)) @ matrix
        second = (w * mean * (1 - mean)) @ products
        information = np.empty((len(active), q, q))
        information[:, i, j] = information[:, j, i] = second
        # A diagonal that has melted away marks a replicate without overlap.
        flat = np.einsum("bii->bi", information).min(axis=1) < CERTAIN * w.sum(axis=1)
        flat |= ~(np.linalg.cond(information) < 1e14)
        step = np.zeros_like(gradient)
        step[~flat] = np.linalg.solve(information[~flat], gradient[~flat][..., None])[..., 0]
        largest = np.abs(step).max(axis=1)
        beta[active] += step * np.minimum(1.0, 4.0 / np.maximum(largest, 1e-300))[:, None]
        done = (largest < STEP_TOLERANCE) & ~flat
        status[active[done]] = "ok"
        active = active[~done & ~flat]
    fitted = expit(beta @ matrix.T)
    fitted[status != "ok"] = np.nan
    return fitted, status
