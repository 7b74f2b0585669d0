"""Propensity score, its bootstrap, and matching on it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from prrt_outcomes.statistics.cox_result import format_coefficient_table
from prrt_outcomes.statistics.model_rows import Design, compute_centre_and_scale, derive_design_matrix
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


NEAREST_KEPT = 400


@dataclass(frozen=True)
class MatchingResult:
    """Matched sets.

    Attributes
    ----------
    status : ``ok`` or ``no_matches``
    pairs : one row a pair: set (0, 1, ... one a matched cohort row), cohort_row, control_row (positions),
        distance (on the scale of the logit)
    weights : (n,) 1 for a matched cohort row, 1 / (controls in the set) for a matched control, 0 for the
        others
    matched_set : (n,) set of each row, -1 where unmatched; the cluster of a robust variance
    caliper : largest distance allowed, on the scale of the logit
    n_unmatched : cohort rows without a control
    """

    status: str
    pairs: pd.DataFrame
    weights: np.ndarray
    matched_set: np.ndarray
    caliper: float
    n_unmatched: int


def fit_matching(
    score: np.ndarray,
    in_cohort: np.ndarray,
    *,
    n_controls: int = 1,
    caliper_sd: float = 0.2,
) -> MatchingResult:
    """Match each cohort row to up to `n_controls` control rows, none used twice.

    Parameters
    ----------
    score : (n,) propensity scores; rows without one, or with 0 or 1, are not matched
    in_cohort : (n,) True for the cohort
    n_controls : k of 1:k; first controls are shared out before second ones
    caliper_sd : largest distance, in pooled standard deviations of the logit

    Raises
    ------
    ValueError
        for lengths that differ, k below 1 or a caliper of 0 or less.

    Notes
    -----
    As many pairs as possible, then the smallest sum of distances (minimum-weight bipartite matching,
    scipy), among the 400 nearest controls of a row. Caliper: Austin 2011, Pharm Stat 10:150. Optimal
    matching: Rosenbaum 1989, JASA 84:1024.
    """
    score = np.asarray(score, dtype=float)
    in_cohort = np.asarray(in_cohort, dtype=bool)
    if len(score) != len(in_cohort):
        raise ValueError(f"{len(score)} scores for {len(in_cohort)} rows")
    if n_controls < 1 or int(n_controls) != n_controls:
        raise ValueError(f"n_controls {n_controls}: expected a whole number of 1 or more")
    if not caliper_sd > 0:
        raise ValueError(f"caliper_sd {caliper_sd}: expected a number above 0")
    usable = np.isfinite(score) & (score > 0) & (score < 1)
    scale = np.full(len(score), np.nan)
    scale[usable] = logit(score[usable])
    cohort, control = np.flatnonzero(usable & in_cohort), np.flatnonzero(usable & ~in_cohort)
    caliper = _caliper(scale, cohort, control, caliper_sd)
    found, free = [], np.ones(len(control), dtype=bool)
    hopeful = np.arange(len(cohort))
    for _ in range(int(n_controls)):
        rows, columns = _match_once(scale[cohort[hopeful]], scale[control[free]], caliper)
        chosen = np.flatnonzero(free)[columns]
        found.append(np.column_stack([hopeful[rows], chosen]))
        free[chosen] = False
        hopeful = hopeful[np.sort(rows)]
    pairs = np.concatenate(found)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    return _gather(pairs, cohort, control, scale, caliper, int(in_cohort.sum()))


def _caliper(scale, cohort, control, caliper_sd: float) -> float:
    """Caliper on the scale of the logit; nan where a group is too small to have a deviation."""
    if len(cohort) < 2 or len(control) < 2:
        return np.nan
    pooled = np.sqrt((scale[cohort].var(ddof=1) + scale[control].var(ddof=1)) / 2)
    return float(caliper_sd * pooled)


def _match_once(cohort: np.ndarray, control: np.ndarray, caliper: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions of matched cohort and control rows, one to one."""
    nothing = np.empty(0, dtype=np.int64)
    if not len(cohort) or not len(control) or np.isnan(caliper):
        return nothing, nothing
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    order = np.argsort(control, kind="stable")
    ordered = control[order]
    # Rounding must not shut out a control at exactly the caliper, nor an equal score under a caliper of 0.
    reach = caliper * (1 + 1e-9) + 1e-12
    low = np.searchsorted(ordered, cohort - reach, side="left")
    high = np.searchsorted(ordered, cohort + reach, side="right")
    middle = np.searchsorted(ordered, cohort)
    low = np.maximum(low, middle - NEAREST_KEPT // 2)
    high = np.maximum(np.minimum(high, middle + NEAREST_KEPT // 2), low)
    size = high - low
    row = np.repeat(np.arange(len(cohort)), size)
    column = np.repeat(low, size) + np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    distance = np.abs(cohort[row] - ordered[column])
    # A stand-in that each row may take, dearer than all distances together, leaves as few unmatched as
    # possible; the 1 keeps a distance of 0 from being read as no edge.
    unmatched = 2.0 + (len(cohort) + 1) * reach
    own = np.arange(len(cohort))
    cost = np.concatenate([distance + 1.0, np.full(len(cohort), unmatched + 1.0)])
    edges = csr_array(
        (cost, (np.concatenate([row, own]), np.concatenate([column, len(control) + own]))),
        shape=(len(cohort), len(control) + len(cohort)),
    )
    rows, columns = min_weight_full_bipartite_matching(edges)
    real = columns < len(control)
    return rows[real], order[columns[real]]


def _gather(pairs, cohort, control, scale, caliper: float, n_cohort: int) -> MatchingResult:
    """Result from pairs of positions within cohort and control."""
    matched, of_pair, n_controls = np.unique(pairs[:, 0], return_inverse=True, return_counts=True)
    cohort_row, control_row = cohort[pairs[:, 0]], control[pairs[:, 1]]
    weights = np.zeros(len(scale))
    matched_set = np.full(len(scale), -1)
    weights[cohort_row] = 1.0
    weights[control_row] = 1 / n_controls[of_pair]
    matched_set[cohort_row] = of_pair
    matched_set[control_row] = of_pair
    frame = pd.DataFrame(
        {
            "set": of_pair,
            "cohort_row": cohort_row,
            "control_row": control_row,
            "distance": np.abs(scale[cohort_row] - scale[control_row]),
        }
    )
    status = "ok" if len(frame) else "no_matches"
    return MatchingResult(status, frame, weights, matched_set, caliper, n_cohort - len(matched))
