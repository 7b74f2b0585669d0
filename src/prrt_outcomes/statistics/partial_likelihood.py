"""Cox's partial likelihood, its derivatives and residuals, for any mix of strata, late entry, weights, ties.

Sums over risk sets are cumulative sums over event times, and the information needs no sum of squares per
event time: the sum over event times of hazard times the risk set's sum of x x' is the sum over rows of x x'
times the row's expected events. So one evaluation costs a few passes over the rows.

Efron's correction with case weights follows R (`survival` 3, coxfit6.c): with d events of total weight W tied
at t, each of the d terms has weight W/d and leaves k/d of the events' risk out of the risk set, k = 0 .. d-1.

Below it: columns that cannot be estimated, and the fit in the limit of a monotone likelihood.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from prrt_outcomes.statistics.model_rows import (
    ModelRows,
    compute_risk_set_sums,
    compute_sums_over_time_at_risk,
    rank_nearly_equal,
    replace_strata,
)

MAX_ITERATIONS = 30
# A step below this is the last: by quadratic convergence what is left is of the order of its square.
STEP_TOLERANCE = 1e-6
LOG_LIKELIHOOD_TOLERANCE = 1e-12
SMALLEST = 1e-300
MELTED = 1e-8
COLLINEAR = 1e-10
FLAT = 1e-7
LOADING = 1e-3
SAME_POSITION = 1e-4


@dataclass(frozen=True)
class TiedEvents:
    """One entry per term of the likelihood: each event, with the share of its tie that is left out."""

    cell: np.ndarray  # (D,) cell of the term
    left_out: np.ndarray  # (D,) share k/d
    weight: np.ndarray  # (D,) mean weight of the tied events
    n_events: np.ndarray  # (G,) number of tied events d


@dataclass(frozen=True)
class LikelihoodAt:
    """Everything about the partial likelihood at one coefficient vector."""

    log_likelihood: float
    score: np.ndarray  # (p,)
    information: np.ndarray  # (p, p)
    risk: np.ndarray  # (n,) weight times exp(linear predictor), up to one factor a stratum
    term_mean: np.ndarray  # (D, p) mean covariate over the risk set of each term
    term_hazard: np.ndarray  # (D,) hazard increment of each term, on the scale of `risk`


@dataclass(frozen=True)
class NewtonFit:
    """Where Newton's method came to rest: the likelihood there, and whether its steps became negligible."""

    coefficients: np.ndarray
    at: Any
    converged: bool


def derive_tied_events(rows: ModelRows) -> TiedEvents:
    """Number the tied events of every cell."""
    n_events = np.bincount(rows.event_cell, minlength=rows.n_cells)
    cell = np.repeat(np.arange(rows.n_cells), n_events)
    start = np.cumsum(n_events) - n_events
    order = np.arange(len(cell)) - start[cell]
    weight = np.bincount(rows.event_cell, weights=rows.weights[rows.event], minlength=rows.n_cells)
    return TiedEvents(cell, order / n_events[cell], (weight / np.maximum(n_events, 1))[cell], n_events)


def compute_partial_likelihood(
    matrix: np.ndarray,
    rows: ModelRows,
    tied: TiedEvents,
    coefficients: np.ndarray,
    *,
    cell_weight: np.ndarray | None = None,
) -> LikelihoodAt:
    """Log likelihood, score and information at `coefficients`.

    matrix : (n, p); columns centred near 0 keep the information accurate
    cell_weight : (G,) factor by which each event time counts, for tests that weigh it by a function of time
    """
    eta = compute_shifted_predictor(matrix @ coefficients, rows)
    risk = rows.weights * np.exp(eta)
    risks = np.column_stack([risk, matrix * risk[:, None]])
    of_events = _sum_by_cell(risks[rows.event], rows.event_cell, rows)
    at_risk = compute_risk_set_sums(risks, rows)
    # Differences of cumulative sums may lose what is tiny beside the rest; the events are always there.
    at_risk[:, 0] = np.maximum(at_risk[:, 0], np.maximum(of_events[:, 0], SMALLEST))
    sums = at_risk[tied.cell]
    if tied.left_out.any():
        sums = sums - tied.left_out[:, None] * of_events[tied.cell]
        sums[:, 0] = np.maximum(sums[:, 0], SMALLEST)
    weight, event_weight = tied.weight, rows.weights[rows.event]
    if cell_weight is not None:
        weight, event_weight = weight * cell_weight[tied.cell], event_weight * cell_weight[rows.event_cell]
    with np.errstate(over="ignore"):
        # A mean lies within its column, whatever rounding has left of the sums.
        mean = np.clip(sums[:, 1:] / sums[:, :1], matrix.min(axis=0), matrix.max(axis=0))
    hazard = weight / sums[:, 0]
    log_likelihood = event_weight @ eta[rows.event] - weight @ np.log(sums[:, 0])
    score = event_weight @ matrix[rows.event] - weight @ mean
    # Hazard that each row lived through, with Efron's share for tied events.
    lived = compute_sums_over_time_at_risk(_sum_by_cell(hazard, tied.cell, rows), rows)
    if tied.left_out.any():
        lived[rows.event] -= _sum_by_cell(hazard * tied.left_out, tied.cell, rows)[rows.event_cell]
    expected = risk * lived
    information = (matrix * expected[:, None]).T @ matrix - (mean * weight[:, None]).T @ mean
    return LikelihoodAt(float(log_likelihood), score, information, risk, mean, hazard)


def compute_shifted_predictor(eta: np.ndarray, rows: ModelRows) -> np.ndarray:
    """Linear predictor with the largest of each stratum at 0: its exponential cannot overflow.

    The partial likelihood does not change, since risk sets are formed within strata.
    """
    if not rows.stratum.any():
        return eta - eta.max()
    largest = np.full(int(rows.stratum.max()) + 1, -np.inf)
    np.maximum.at(largest, rows.stratum, eta)
    return eta - largest[rows.stratum]


def fit_newton(
    evaluate: Callable[[np.ndarray], Any], start: np.ndarray, *, null_information: np.ndarray | None = None
) -> NewtonFit:
    """Maximise a log likelihood by Newton's method with step halving.

    `evaluate` gives log_likelihood, score (p,) and information (p, p) at coefficients, as `LikelihoodAt` does.
    Covariates should be of comparable scale; the step tolerance is absolute on the coefficients. Not
    converged means that some direction still moved after the last step: the mark of a monotone
    likelihood.
    """
    from scipy.linalg import eigh

    beta = np.array(start, dtype=float)
    at = evaluate(beta)
    for _ in range(MAX_ITERATIONS):
        step = _newton_step(at)
        if step is None:
            break
        shares = [1.0]
        if null_information is not None and len(at.information):
            shares = eigh(at.information, null_information, eigvals_only=True)  # type: ignore[assignment]
        if (
            shares[0] < MELTED
        ):  # a direction has lost its information: more steps would only add rounding errors
            break
        if np.abs(step).max(initial=0.0) < STEP_TOLERANCE:
            return NewtonFit(beta + step, evaluate(beta + step), True)
        following = evaluate(beta + step)
        slack = LOG_LIKELIHOOD_TOLERANCE * (1.0 + abs(at.log_likelihood))
        halvings = 0
        while not following.log_likelihood >= at.log_likelihood - slack and halvings < 20:
            step = step / 2
            following = evaluate(beta + step)
            halvings += 1
        beta, at = beta + step, following
    return NewtonFit(beta, at, False)


def compute_score_residuals(
    matrix: np.ndarray, rows: ModelRows, tied: TiedEvents, at: LikelihoodAt
) -> np.ndarray:
    """Score residuals (n, p), unweighted, under Efron's ties as R's `residuals(fit, "score")`.

    Every tied event of d is at risk with 1 - k/d in term k, and its own covariate is held against the mean
    of the d terms' means (Therneau and Grambsch 2000, section 4.2; survival coxscore2.c, agscore3.c).
    """
    relative = at.risk / rows.weights
    hazard = _sum_by_cell(at.term_hazard, tied.cell, rows)
    hazard_mean = _sum_by_cell(at.term_hazard[:, None] * at.term_mean, tied.cell, rows)
    lived = compute_sums_over_time_at_risk(hazard, rows)[:, None]
    out = -relative[:, None] * (matrix * lived - compute_sums_over_time_at_risk(hazard_mean, rows))
    events = matrix[rows.event]
    if tied.left_out.any():
        spared = tied.left_out * at.term_hazard
        spared_hazard = _sum_by_cell(spared, tied.cell, rows)[rows.event_cell]
        spared_mean = _sum_by_cell(spared[:, None] * at.term_mean, tied.cell, rows)[rows.event_cell]
        out[rows.event] += relative[rows.event][:, None] * (events * spared_hazard[:, None] - spared_mean)
    mean_of_means = _sum_by_cell(at.term_mean, tied.cell, rows) / np.maximum(tied.n_events, 1)[:, None]
    out[rows.event] += events - mean_of_means[rows.event_cell]
    return out


def _sum_by_cell(values: np.ndarray, cell: np.ndarray, rows: ModelRows) -> np.ndarray:
    """Sum (D,) or (D, p) over the entries of each cell: (G,) or (G, p)."""
    if values.ndim == 1:
        return np.bincount(cell, weights=values, minlength=rows.n_cells)
    return np.column_stack([np.bincount(cell, weights=v, minlength=rows.n_cells) for v in values.T])


def _newton_step(at: Any) -> np.ndarray | None:
    """Newton's step, or None where the information can no longer be inverted."""
    scale = np.sqrt(np.clip(np.diag(at.information), 0, None))
    if not np.isfinite(at.log_likelihood) or (scale <= 0).any():
        return None
    try:
        return np.linalg.solve(at.information / np.outer(scale, scale), at.score / scale) / scale
    except np.linalg.LinAlgError:
        return None


def find_estimable_columns(information: np.ndarray, total: float) -> np.ndarray:
    """Flag the columns that carry information beyond the columns before them: (p,).

    `information` is that at coefficients 0 of columns of unit variance, `total` its order of magnitude (the
    weight of the events). A column that is constant within every risk set has none; of collinear columns
    the later ones have none left (R gives these NA).
    """
    keep = np.zeros(len(information), dtype=bool)
    for j, own in enumerate(np.diag(information)):
        if own > COLLINEAR * total:
            earlier = np.flatnonzero(keep)
            cross = information[earlier, j]
            explained = cross @ np.linalg.solve(information[np.ix_(earlier, earlier)], cross)
            keep[j] = own - explained > COLLINEAR * own
    return keep


def find_separated_columns(fit: NewtonFit, null_information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flag the columns whose coefficient runs to infinity: (p,), with the directions in which it does: (p, k).

    Along a direction in which the likelihood is monotone, Newton's method never rests and the information
    melts away; compared with the information at 0, its generalised eigenvalue there tends to 0. A fit that
    converged with its information intact has no such direction.
    """
    from scipy.linalg import eigh

    shares, directions = eigh(fit.at.information, null_information)
    if fit.converged and shares[0] > FLAT:
        return np.zeros(len(shares), dtype=bool), np.empty((len(shares), 0))
    flat = directions[:, shares <= max(FLAT, shares[0] * 1.001)]
    loading = np.abs(flat).max(axis=1)
    separated = loading > LOADING * loading.max()
    return separated, np.where(separated[:, None], flat, 0.0)


def fit_monotone_limit(
    matrix: np.ndarray, rows: ModelRows, directions: np.ndarray, separated: np.ndarray
) -> tuple[NewtonFit, ModelRows, np.ndarray, np.ndarray]:
    """Fit what stays finite of a monotone likelihood.

    As coefficients run to infinity along a direction, an event is compared only with those in its risk set
    that lie as far along it. So the limit is the likelihood of rows stratified by their position along the
    direction. It may be monotone again in another direction; then the same is done again.

    matrix : (n, p) standardised estimable columns
    directions, separated : (p, k) along which the likelihood is monotone, and (p,) columns that take part
    Returns the fit; the rows, stratified so that their likelihood is the limit; positions of the columns fitted, of
    which separated ones are contrasts that stay finite; (p,) flags of all columns that run to infinity.
    """
    separated = separated.copy()
    for _ in range(matrix.shape[1] + 1):
        # The same rows with strata crossed by position, rounding apart.
        strata = {"stratum": rows.stratum} | {
            f"direction {k}": rank_nearly_equal(along, SAME_POSITION * np.ptp(along))
            for k, along in enumerate((matrix @ directions).T)
        }
        rows = replace_strata(rows, pd.DataFrame(strata).groupby(list(strata)).ngroup().to_numpy())
        tied = derive_tied_events(rows)
        # The separated columns come last, so that what is left of them cannot displace another column.
        order = np.concatenate([np.flatnonzero(~separated), np.flatnonzero(separated)])
        null = compute_partial_likelihood(matrix[:, order], rows, tied, np.zeros(len(order)))
        estimable = find_estimable_columns(null.information, rows.weights[rows.event].sum())
        columns = order[estimable]
        information = null.information[np.ix_(estimable, estimable)]
        evaluate = partial(compute_partial_likelihood, matrix[:, columns], rows, tied)
        fit = fit_newton(evaluate, np.zeros(len(columns)), null_information=information)
        if not len(columns):
            break
        again, further = find_separated_columns(fit, information)
        if not again.any():
            break
        separated[columns[again]] = True
        directions = np.zeros((matrix.shape[1], further.shape[1]))
        directions[columns] = further
    return fit, rows, columns, separated
