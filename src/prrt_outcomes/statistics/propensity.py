"""Propensity score, its bootstrap, matching on it, and weights for observation that can stop after each visit."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from prrt_outcomes.statistics.model_rows import compute_centre_and_scale, derive_design_matrix
from prrt_outcomes.statistics.partial_likelihood import find_estimable_columns
from prrt_outcomes.statistics.weights import fit_newton_in_blocks, refit_in_blocks

MELTED = 1e-8
NEAREST_KEPT = 400


def fit_propensity(in_cohort, covariates: pd.DataFrame) -> tuple[np.ndarray, str]:
    """Fit the probability of being in the cohort by logistic regression (maximum likelihood).

    in_cohort : (n,) True or 1 for the cohort, False or 0 for the control
    Returns the score, (n,) probability of the cohort, nan where a covariate is missing and everywhere where a
    group has no complete row or there is no overlap; and the reason why there are no scores, or which constant
    or collinear columns were left out, empty otherwise.
    ValueError for group labels other than 0/1, or lengths that differ.
    """
    model = _derive_model(in_cohort, covariates)
    score = _refit(model, np.ones((1, len(model.complete))))[0]
    reason = f"constant or collinear: {', '.join(model.left_out)}" if model.left_out else ""
    if len(np.unique(model.group)) < 2:
        reason = "cohort and control must both have complete rows"
    elif np.isnan(score).all():
        reason = "the covariates separate cohort and control completely: there is no overlap"
    return score, reason


def bootstrap_propensity(in_cohort, covariates: pd.DataFrame, weights_matrix: np.ndarray) -> np.ndarray:
    """Refit the propensity model under each row of a matrix of weights.

    weights_matrix : (R, n) counts or case weights, 0 or more
    Returns the score (R, n), nan rows where the replicate has no fit, nan columns where a covariate is missing.

    Columns that are constant or collinear in the whole data are left out of all replicates.
    """
    return _refit(_derive_model(in_cohort, covariates), weights_matrix)


class _Model(NamedTuple):
    """Group and regressors (an intercept and standardised columns) of complete rows, and columns left out."""

    group: np.ndarray
    regressors: np.ndarray
    complete: np.ndarray
    left_out: list[str]


def _derive_model(in_cohort, covariates: pd.DataFrame) -> _Model:
    design = derive_design_matrix(covariates)
    group = np.asarray(in_cohort)
    if len(group) != len(design.complete):
        raise ValueError(f"in_cohort has {len(group)} values for {len(design.complete)} rows")
    if pd.isna(group).any() or not np.isin(group.astype(float), (0.0, 1.0)).all():
        raise ValueError("in_cohort must hold 0 and 1 only, without missing values")
    centre, scale = compute_centre_and_scale(design.matrix)
    matrix = (design.matrix - centre) / scale
    used = find_estimable_columns(matrix.T @ matrix, float(len(matrix)))
    regressors = np.column_stack([np.ones(len(matrix)), matrix[:, used]])
    left_out = [column.name for column, kept in zip(design.columns, used, strict=True) if not kept]
    return _Model(group.astype(float)[design.complete], regressors, design.complete, left_out)


def _refit(model: _Model, weights_matrix: np.ndarray) -> np.ndarray:
    return refit_in_blocks(
        weights_matrix, model.complete, lambda weights: _fit_block(weights, model.regressors, model.group)
    )


def _fit_block(weights: np.ndarray, matrix: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Probabilities (B, n) of a block of replicates, nan where there is no fit."""
    q = matrix.shape[1]
    i, j = np.triu_indices(q)
    products = matrix[:, i] * matrix[:, j]

    def evaluate(active: np.ndarray, beta: np.ndarray):
        w, mean = weights[active], expit(beta @ matrix.T)
        information = np.empty((len(active), q, q))
        information[:, i, j] = information[:, j, i] = (w * mean * (1 - mean)) @ products
        # A diagonal that has melted away marks a replicate without overlap.
        flat = np.einsum("bii->bi", information).min(axis=1) < MELTED * w.sum(axis=1)
        flat |= ~(np.linalg.cond(information) < 1e14)
        return (w * (y - mean)) @ matrix, information, flat

    active = np.flatnonzero((weights @ y > 0) & (weights @ (1 - y) > 0))
    start = np.zeros((len(weights), q))
    beta = fit_newton_in_blocks(evaluate, start, active, limit=4.0, tolerance=1e-6, iterations=40)
    return expit(beta @ matrix.T)


def fit_matching(
    score: np.ndarray, in_cohort: np.ndarray, *, n_controls: int = 1, caliper_sd: float = 0.2
) -> tuple[np.ndarray, np.ndarray]:
    """Match each cohort row to up to `n_controls` control rows, none used twice.

    score : (n,) propensity scores; rows without one, or with 0 or 1, are not matched
    n_controls : k of 1:k; first controls are shared out before second ones
    caliper_sd : largest distance, in pooled standard deviations of the logit
    Returns weights (n,), 1 for a matched cohort row, 1 / (controls in the set) for a matched control, else 0;
    and the set of each row (n,), 0, 1, ..., -1 where unmatched: the cluster of a robust variance.
    ValueError for lengths that differ, k below 1 or a caliper of 0 or less.

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
    # Pairings with the same sum of distances are many; the last digits of a score must not choose among them.
    scale[usable] = logit(score[usable]).round(9)
    cohort, control = np.flatnonzero(usable & in_cohort), np.flatnonzero(usable & ~in_cohort)
    caliper = np.nan  # a group of one has no deviation
    if len(cohort) > 1 and len(control) > 1:
        caliper = caliper_sd * np.sqrt((scale[cohort].var(ddof=1) + scale[control].var(ddof=1)) / 2)
    found, free = [], np.ones(len(control), dtype=bool)
    hopeful = np.arange(len(cohort))
    for _ in range(int(n_controls)):
        rows, columns = _match_once(scale[cohort[hopeful]], scale[control[free]], caliper)
        chosen = np.flatnonzero(free)[columns]
        found.append(np.column_stack([hopeful[rows], chosen]))
        free[chosen] = False
        hopeful = hopeful[np.sort(rows)]
    partner, chosen = np.concatenate(found).T
    _, of_pair, size = np.unique(partner, return_inverse=True, return_counts=True)
    weights, matched_set = np.zeros(len(score)), np.full(len(score), -1)
    weights[cohort[partner]] = 1.0
    weights[control[chosen]] = 1 / size[of_pair]
    matched_set[cohort[partner]] = matched_set[control[chosen]] = of_pair
    return weights, matched_set


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


def fit_stopping_weights(
    visits: pd.DataFrame, timing: pd.DataFrame, covariates: pd.DataFrame
) -> np.ndarray | None:
    """Fit stabilised weights of the time after each visit by pooled logistic regression.

    visits : one row a visit, by patient and time: patient; stopped, whether observation ends with it; known, whether
        that can be told of it (the models are fitted to these visits)
    timing : functions of time of the same rows, all that the numerator knows
    covariates : baseline and time-varying covariates of the same rows, as known at the visit; complete
    Returns the weight (v,) of the patient from each visit to the next: the product over the visits so far of the
    probability of going on given `timing` over that given `timing` and `covariates`; a visit after which observation
    stops leaves it as it was. None where the covariates tell without error after which visits observation stops.
    Without a stop, all weights are 1. A level in which nobody or everybody stops is taken together with the reference
    level. The weights are not truncated.
    ValueError for a missing covariate.

    Robins and Finkelstein 2000, Biometrics 56:779; Hernan, Brumback and Robins 2000, Epidemiology 11:561.
    """
    if timing.isna().to_numpy().any() or covariates.isna().to_numpy().any():
        raise ValueError("a covariate of a visit is missing; expected a value at every visit")
    stopped, known = visits["stopped"].to_numpy(dtype=bool), visits["known"].to_numpy(dtype=bool)
    if not (stopped & known).any():
        return np.ones(len(visits))
    marginal, conditional = (
        _fit_probability(parts, stopped, known) for parts in ([timing], [timing, covariates])
    )
    if np.isnan(conditional).any() or np.isnan(marginal).any():
        return None
    factor = pd.Series(np.where(stopped, 1.0, (1 - marginal) / (1 - conditional)))
    return factor.groupby(visits["patient"].to_numpy()).cumprod().to_numpy()


def _fit_probability(parts: list[pd.DataFrame], stopped: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Probability of stopping at every visit, from a model of the known ones; nan without a maximum."""
    matrix = np.column_stack([derive_design_matrix(part).matrix for part in parts])
    seen, outcome = matrix[known], stopped[known]
    low, high = seen == seen.min(axis=0), seen == seen.max(axis=0)
    both = np.array([(part & outcome[:, None]).any(axis=0) & (part & ~outcome[:, None]).any(axis=0)
                     for part in (low, high)]).all(axis=0)  # fmt: skip
    kept = (low != high).any(axis=0) & (both | ~(low | high).all(axis=0))
    if not kept.any():
        return np.full(len(matrix), outcome.mean())
    return bootstrap_propensity(stopped, pd.DataFrame(matrix[:, kept]), known[None, :].astype(float))[0]
