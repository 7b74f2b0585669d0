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
from prrt_outcomes.statistics.weights import refit_in_blocks

CERTAIN = 1e-8
MAX_ITERATIONS = 40
NEAREST_KEPT = 400
STEP_TOLERANCE = 1e-6


@dataclass(frozen=True)
class PropensityResult:
    """A fitted propensity model.

    Attributes
    ----------
    status : ``ok``; ``not_estimable`` (constant or collinear columns were left out, scores are there);
        ``separation`` (covariates tell cohort from control without error: no overlap, scores empty);
        ``one_group`` (cohort or control is empty, scores empty)
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
    ValueError : group labels other than 0/1, or lengths that differ
    """
    design = derive_design_matrix(covariates, references=references)
    group = _check_group(in_cohort, len(design.complete))
    y = group[design.complete]
    score = np.full(len(group), np.nan)
    full = np.full((2, len(design.columns)), np.nan)

    def result(status: str, reason: str, statuses: np.ndarray, intercept: float = np.nan) -> PropensityResult:
        table = format_coefficient_table(
            design, y, full[0], full[1], statuses, confidence, ratio="odds_ratio"
        )
        return PropensityResult(status, reason, score, table, intercept, design.n_missing)

    if not (y.any() and (~y).any()):
        statuses = np.full(len(design.columns), "one_group", dtype=object)
        return result("one_group", "cohort and control must both have complete rows", statuses)
    matrix, centre, scale, used = _standardise(design)
    statuses = np.where(used, "ok", "not_estimable").astype(object)
    fit = _fit_logit(y, matrix[:, used])
    if fit is None:
        statuses[used] = "separation"
        reason = "the covariates tell cohort from control without error: there is no overlap"
        return result("separation", reason, statuses)
    score[design.complete] = fit[2]
    full[:, used] = np.vstack([fit[0][1:], fit[1][1:]]) / scale[used]
    names = [c.name for c, u in zip(design.columns, used, strict=True) if not u]
    reason = f"constant or collinear: {', '.join(names)}" if names else ""
    intercept = float(fit[0][0] - np.nansum(full[0] * centre))
    return result("not_estimable" if names else "ok", reason, statuses, intercept)


def bootstrap_propensity(
    in_cohort, covariates: pd.DataFrame, weights_matrix: np.ndarray
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
    Columns that are constant or collinear in the whole data are left out of all replicates.
    """
    design = derive_design_matrix(covariates)
    y = _check_group(in_cohort, len(design.complete))[design.complete].astype(float)
    matrix, _, _, used = _standardise(design)
    exog = np.column_stack([np.ones(len(y)), matrix[:, used]])
    return refit_in_blocks(weights_matrix, design.complete, lambda weights: _fit_block(weights, exog, y))


def _check_group(in_cohort, n: int) -> np.ndarray:
    """Boolean group labels of the right length."""
    values = np.asarray(in_cohort)
    if len(values) != n:
        raise ValueError(f"in_cohort has {len(values)} values for {n} rows")
    if pd.isna(values).any() or not np.isin(values.astype(float), (0.0, 1.0)).all():
        raise ValueError("in_cohort must hold 0 and 1 only, without missing values")
    return values.astype(float) == 1


def _standardise(design: Design) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Standardised columns, their centre and scale, and which of them are estimable."""
    centre, scale = compute_centre_and_scale(design.matrix)
    matrix = (design.matrix - centre) / scale
    return matrix, centre, scale, find_estimable_columns(matrix.T @ matrix, float(len(matrix)))


def _fit_logit(y: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Coefficients and errors, the intercept's first, and probabilities; None under separation."""
    import statsmodels.api as sm
    from statsmodels.tools.sm_exceptions import PerfectSeparationError

    exog = np.column_stack([np.ones(len(y)), matrix])
    with warnings.catch_warnings():
        # Separation and lack of convergence are read off the result below.
        warnings.simplefilter("ignore")
        try:
            fit = sm.Logit(y.astype(float), exog).fit(method="newton", maxiter=100, tol=1e-12, disp=0)
        except (PerfectSeparationError, np.linalg.LinAlgError):
            return None
    probabilities = expit(exog @ fit.params)
    certain = np.minimum(probabilities, 1 - probabilities) < CERTAIN
    separated = certain.all() or (certain.any() and not fit.mle_retvals["converged"])
    if separated or not np.isfinite(fit.params).all() or not np.isfinite(fit.bse).all():
        return None
    if np.abs(fit.params[1:]).max(initial=0.0) > -np.log(CERTAIN):
        return None
    return fit.params, fit.bse, probabilities


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


@dataclass(frozen=True)
class MatchingResult:
    """Matched sets.

    Attributes
    ----------
    status : ``ok`` or ``no_matches``
    pairs : one row a pair: set (0, 1, ... one a matched cohort row), cohort_row, control_row (positions),
        distance (on the scale of the logit, as `caliper`)
    weights : (n,) 1 for a matched cohort row, 1 / (controls in the set) for a matched control, else 0
    matched_set : (n,) set of each row, -1 where unmatched; the cluster of a robust variance
    n_unmatched : cohort rows without a control
    """

    status: str
    pairs: pd.DataFrame
    weights: np.ndarray
    matched_set: np.ndarray
    caliper: float
    n_unmatched: int


def fit_matching(
    score: np.ndarray, in_cohort: np.ndarray, *, n_controls: int = 1, caliper_sd: float = 0.2
) -> MatchingResult:
    """Match each cohort row to up to `n_controls` control rows, none used twice.

    Parameters
    ----------
    score : (n,) propensity scores; rows without one, or with 0 or 1, are not matched
    n_controls : k of 1:k; first controls are shared out before second ones
    caliper_sd : largest distance, in pooled standard deviations of the logit

    Raises
    ------
    ValueError : lengths that differ, k below 1 or a caliper of 0 or less

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
    if not len(cohort) or not len(control) or np.isnan(caliper):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
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
    own = np.arange(len(cohort))
    row = np.repeat(own, size)
    column = np.repeat(low, size) + np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    distance = np.abs(cohort[row] - ordered[column])
    # A stand-in that each row may take, dearer than all distances together, leaves as few unmatched as
    # possible; the 1 keeps a distance of 0 from being read as no edge.
    unmatched = 2.0 + (len(cohort) + 1) * reach
    cost = np.concatenate([distance + 1.0, np.full(len(cohort), unmatched + 1.0)])
    places = np.concatenate([row, own]), np.concatenate([column, len(control) + own])
    shape = (len(cohort), len(control) + len(cohort))
    rows, columns = min_weight_full_bipartite_matching(csr_array((cost, places), shape=shape))
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
    matched_set[cohort_row] = matched_set[control_row] = of_pair
    columns = {"set": of_pair, "cohort_row": cohort_row, "control_row": control_row}
    frame = pd.DataFrame(columns | {"distance": np.abs(scale[cohort_row] - scale[control_row])})
    status = "ok" if len(frame) else "no_matches"
    return MatchingResult(status, frame, weights, matched_set, caliper, n_cohort - len(matched))
