"""Fine and Gray's regression of the cumulative incidence, with the variance of R's cmprsk::crr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.statistics.cox import EVENTS_PER_PARAMETER, STATUS_ORDER
from prrt_outcomes.statistics.cox_result import (
    ChiSquaredTest,
    compute_quadratic_test,
    format_coefficient_table,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.model_rows import (
    compute_centre_and_scale,
    derive_design_matrix,
    derive_model_rows,
)
from prrt_outcomes.statistics.partial_likelihood import fit_newton
from prrt_outcomes.statistics.separation import find_estimable_columns, find_separated_columns


@dataclass(frozen=True)
class FineGrayResult:
    """A fitted subdistribution-hazard model.

    status : ``ok``, ``few_events``, ``separation``, ``not_estimable`` or ``no_events``, as `CoxResult.status`
    table : one row a coefficient, as `format_coefficient_table`, ratio ``subdistribution_hazard_ratio``
    covariance : (p, p), with the estimation of the censoring distribution taken into account
    log_likelihood, log_likelihood_null : pseudo log likelihoods
    wald : test of all coefficients
    """

    status: str
    table: pd.DataFrame
    covariance: np.ndarray
    n_rows: int
    n_events: int
    n_competing: int
    n_missing: int
    log_likelihood: float
    log_likelihood_null: float
    wald: ChiSquaredTest


@dataclass(frozen=True)
class _Rows:
    """Rows in order of time, with the censoring curve before each time.

    `cell` is the number of event times up to and including the row's time; `before` those before it.
    """

    time: np.ndarray
    event: np.ndarray
    competing: np.ndarray
    censored: np.ndarray
    matrix: np.ndarray
    censoring: np.ndarray
    cell: np.ndarray
    before: np.ndarray
    cell_time: np.ndarray
    cell_events: np.ndarray
    cell_censoring: np.ndarray


@dataclass(frozen=True)
class _LikelihoodAt:
    """Pseudo likelihood at one coefficient vector, with what its variance needs."""

    log_likelihood: float
    score: np.ndarray
    information: np.ndarray
    relative: np.ndarray
    mean: np.ndarray
    hazard: np.ndarray


def fit_fine_gray(
    data: SurvivalData,
    covariates: pd.DataFrame | pd.Series | np.ndarray,
    *,
    references: Mapping[str, object] | None = None,
    cause: int = 1,
    confidence: float = 0.95,
) -> FineGrayResult:
    """Fit the subdistribution hazard of one cause (event code); every other code above 0 competes.

    `covariates`, `references` and `confidence` as `fit_cox`. ValueError for entry, weights, strata or
    clusters, for which the model is not defined here.

    Those with a competing event at s stay at risk with weight G(t-)/G(s-), G the Kaplan-Meier curve of
    censoring of all rows, with events at t still at risk at t; Breslow ties. The cause-specific hazard is
    plain `fit_cox` with the event of interest. Sources: Fine and Gray 1999, JASA 94:496; cmprsk 2.2 crr.

    >>> fit = fit_fine_gray(SurvivalData([1, 2, 3, 4, 5, 6], [1, 2, 1, 0, 1, 2]), [[0], [1], [1], [0], [1], [0]])
    >>> fit.status, fit.n_competing
    ('few_events', 2)
    """
    design = derive_design_matrix(covariates, references=references)
    data.refuse("entry", "weights", "strata", "cluster", method="the Fine-Gray model")
    event = data.event == cause
    checked = derive_model_rows(SurvivalData(data.time, event), design.complete)
    is_censored = (data.event == 0)[checked.kept]
    centre, scale = compute_centre_and_scale(design.matrix)
    rows = _arrange(checked.time, checked.event, is_censored, (design.matrix - centre) / scale)
    p = len(design.columns)
    statuses = np.full(p, "no_events", dtype=object)
    beta, covariance = np.full(p, np.nan), np.full((p, p), np.nan)
    log_likelihoods = (np.nan, np.nan)
    if checked.n_events:
        beta, covariance, statuses, log_likelihoods = _maximise(rows, checked.n_events)
    finite = np.isfinite(beta)
    table = format_coefficient_table(
        design,
        event[checked.kept],
        beta / scale,
        np.sqrt(np.diag(covariance)) / scale,
        statuses,
        confidence,
        ratio="subdistribution_hazard_ratio",
    )
    return FineGrayResult(
        status=next((s for s in STATUS_ORDER if (statuses == s).any()), "ok"),
        table=table,
        covariance=covariance / np.outer(scale, scale),
        n_rows=checked.n,
        n_events=checked.n_events,
        n_competing=int((~checked.event & ~is_censored).sum()),
        n_missing=design.n_missing,
        log_likelihood=log_likelihoods[0],
        log_likelihood_null=log_likelihoods[1],
        wald=compute_quadratic_test(beta[finite], covariance[np.ix_(finite, finite)]),
    )


def _maximise(rows: _Rows, n_events: int):
    """Coefficients, covariance, statuses and log likelihoods; empty where separated or not estimable."""
    p = rows.matrix.shape[1]
    beta, covariance = np.full(p, np.nan), np.full((p, p), np.nan)
    null = _evaluate(rows, rows.matrix, np.zeros(p))
    used = find_estimable_columns(null.information, float(n_events))
    statuses = np.where(used, "ok", "not_estimable").astype(object)
    if not used.any():
        return beta, covariance, statuses, (null.log_likelihood, null.log_likelihood)
    inner = rows.matrix[:, used]
    fit = fit_newton(lambda b: _evaluate(rows, inner, b), np.zeros(int(used.sum())))
    separated, _ = find_separated_columns(fit, null.information[np.ix_(used, used)])
    finite = np.flatnonzero(used)[~separated]
    statuses[np.flatnonzero(used)[separated]] = "separation"
    statuses[finite] = "few_events" if n_events < EVENTS_PER_PARAMETER * used.sum() else "ok"
    beta[finite] = fit.coefficients[~separated]
    covariance[np.ix_(finite, finite)] = _compute_covariance(rows, inner, fit.at, ~separated)
    return beta, covariance, statuses, (fit.at.log_likelihood, null.log_likelihood)


def _arrange(time, event, censored, matrix) -> _Rows:
    """Sort by time and compute the censoring curve before each time."""
    order = np.argsort(time, kind="stable")
    time, event, censored, matrix = time[order], event[order], censored[order], matrix[order]
    distinct, position = np.unique(time, return_inverse=True)
    at_risk = len(time) - np.searchsorted(time, distinct, side="left")
    factor = 1 - np.bincount(position, weights=censored) / at_risk
    before = np.concatenate([[1.0], np.cumprod(factor)])[:-1]
    cell_time, events = np.unique(time[event], return_counts=True)
    return _Rows(
        time,
        event,
        ~event & ~censored,
        censored,
        matrix,
        before[position],
        np.searchsorted(cell_time, time, side="right"),
        np.searchsorted(cell_time, time, side="left"),
        cell_time,
        events,
        before[np.searchsorted(distinct, cell_time)],
    )


def _evaluate(rows: _Rows, matrix: np.ndarray, beta: np.ndarray) -> _LikelihoodAt:
    """Pseudo log likelihood, score and information."""
    eta = matrix @ beta
    shift = eta.max()
    relative = np.exp(eta - shift)
    values = np.column_stack([relative, matrix * relative[:, None]])
    kept = np.where(rows.competing, 1 / rows.censoring, 0.0)[:, None] * values
    # Present until their time; after a competing event with the share of the censoring curve that is left.
    sums = _suffix_sums(values)[np.searchsorted(rows.time, rows.cell_time, side="left")]
    sums += rows.cell_censoring[:, None] * _prefix_sums(kept)[np.searchsorted(rows.time, rows.cell_time)]
    mean = sums[:, 1:] / sums[:, :1]
    hazard = rows.cell_events / sums[:, 0]
    value = float((eta[rows.event] - shift).sum() - rows.cell_events @ np.log(sums[:, 0]))
    score = matrix[rows.event].sum(axis=0) - rows.cell_events @ mean
    lived = relative * _lived(rows, hazard)
    information = (matrix * lived[:, None]).T @ matrix - (mean * rows.cell_events[:, None]).T @ mean
    return _LikelihoodAt(value, score, information, relative, mean, hazard)


def _lived(rows: _Rows, cell_values: np.ndarray) -> np.ndarray:
    """Sum of cell values over the time at risk of each row, weighted after a competing event."""
    present = _prefix_sums(cell_values)[rows.cell]
    weighted = _prefix_sums(cell_values * _as_column(rows.cell_censoring, cell_values))
    later = (weighted[-1] - weighted[rows.cell]) / _as_column(rows.censoring, weighted)
    return present + np.where(_as_column(rows.competing, weighted), later, 0.0)


def _compute_covariance(rows: _Rows, matrix: np.ndarray, at: _LikelihoodAt, keep: np.ndarray) -> np.ndarray:
    """Sandwich with the influence of the estimated censoring distribution (Fine and Gray 1999, section 4)."""
    relative = at.relative[:, None]
    hazard_mean = at.hazard[:, None] * at.mean
    influence = -relative * (matrix * _lived(rows, at.hazard)[:, None] - _lived(rows, hazard_mean))
    event_cell = rows.cell[rows.event] - 1
    influence[rows.event] += matrix[rows.event] - at.mean[event_cell]
    # q(u): what those who already had a competing event before u add to the score after u.
    kept = np.where(rows.competing, 1 / rows.censoring, 0.0)[:, None] * relative
    begin = np.searchsorted(rows.time, rows.time, side="left")
    earlier, earlier_x = _prefix_sums(kept)[begin], _prefix_sums(kept * matrix)[begin]
    weighted = _prefix_sums(at.hazard * rows.cell_censoring)
    weighted_mean = _prefix_sums(hazard_mean * rows.cell_censoring[:, None])
    q = earlier_x * (weighted[-1] - weighted[rows.before])[:, None]
    q = q - earlier * (weighted_mean[-1] - weighted_mean[rows.before])
    at_risk = (len(rows.time) - begin)[:, None]
    own = np.where(rows.censored[:, None], q / at_risk, 0.0)
    compensator = _prefix_sums(own / at_risk)
    influence += own - compensator[np.searchsorted(rows.time, rows.time, side="right")]
    inverse = np.linalg.inv(at.information[np.ix_(keep, keep)])
    return inverse @ (influence[:, keep].T @ influence[:, keep]) @ inverse


def _as_column(vector: np.ndarray, like: np.ndarray) -> np.ndarray:
    return vector if like.ndim == 1 else vector[:, None]


def _prefix_sums(values: np.ndarray) -> np.ndarray:
    """Sums before each position, and of all: one row more than given."""
    return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])


def _suffix_sums(values: np.ndarray) -> np.ndarray:
    """Sums from each position to the end."""
    return np.cumsum(values[::-1], axis=0)[::-1]
