"""Cumulative incidence with competing events (Aalen-Johansen), Gray's test, and the regression of Fine and Gray."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prrt_outcomes.statistics.cox import EVENTS_PER_PARAMETER, format_coefficient_table
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import IntervalType, compute_interval, compute_survival
from prrt_outcomes.statistics.logrank import GroupTest, compute_group_test
from prrt_outcomes.statistics.model_rows import (
    compute_centre_and_scale,
    derive_design_matrix,
    derive_model_rows,
)
from prrt_outcomes.statistics.partial_likelihood import (
    LikelihoodAt,
    find_estimable_columns,
    find_separated_columns,
    fit_newton,
)
from prrt_outcomes.statistics.risk_table import Flows, RiskTable, compute_risk_table


@dataclass(frozen=True, eq=False)
class CumulativeIncidence:
    """The probability of the event by t, other events competing.

    time : distinct times at which somebody leaves; the other arrays have one element a time
    incidence, event_free : F(t); S(t) of any event
    std_error, lower, upper : of F(t); lower and upper nan where F is 0 or 1
    """

    time: NDArray[np.float64]
    incidence: NDArray[np.float64]
    event_free: NDArray[np.float64]
    std_error: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


def fit_cumulative_incidence(
    data: SurvivalData, *, cause: int = 1, interval: IntervalType = "log-log", confidence: float = 0.95
) -> CumulativeIncidence:
    """Fit the cumulative incidence of `cause`; any other code above 0 competes.

    `interval` and `confidence` as `compute_interval`, on F. ValueError for strata, weights and clusters.

    Source: Aalen and Johansen 1978; variance as ``cmprsk::cuminc`` (Aalen 1978, Annals of Statistics 6:534,
    with the correction for ties).
    """
    data.refuse("strata", "weights", "cluster", method="cumulative incidence")
    table = compute_risk_table(data, cause=cause)
    flows = table.counts
    keep = (flows.left[:, 0] > 0) & (flows.at_risk[:, 0] > 0)
    n, d1, d2 = (values[keep, 0] for values in (flows.at_risk, flows.events, flows.competing))
    event_free = compute_survival(n, d1 + d2)
    before = np.concatenate(([1.0], event_free[:-1]))
    incidence = np.cumsum(before * d1 / n)
    std_error = np.sqrt(_aalen_variance(n, d1, d2, before, event_free, incidence))
    lower, upper = compute_interval(incidence, std_error, interval, confidence)
    known = (incidence > 0) & (incidence < 1)
    lower, upper = np.where(known, lower, np.nan), np.where(known, upper, np.nan)
    return CumulativeIncidence(table.time[keep], incidence, event_free, std_error, lower, upper)


def _aalen_variance(n, d1, d2, before, after, incidence) -> NDArray[np.float64]:
    """Return the variance of F(t): a quadratic in F(t) whose three coefficients are running sums."""
    inverse = np.divide(1.0, after, out=np.zeros_like(after), where=after > 0)

    def step(d: NDArray) -> NDArray:
        ties = np.divide(n - d, n - 1.0, out=np.ones_like(n), where=(d > 1) & (n > 1))
        return before**2 * ties * d / n**2

    own, other = step(d1), np.where(after > 0, step(d2), 0.0)
    keep_own, keep_other = 1.0 + inverse * incidence, inverse * incidence
    constant = np.cumsum(keep_own**2 * own + keep_other**2 * other)
    linear = np.cumsum(inverse * keep_own * own + inverse * keep_other * other)
    square = np.cumsum(inverse**2 * (own + other))
    return np.maximum(constant - 2.0 * incidence * linear + incidence**2 * square, 0.0)


def compute_gray_test(table: RiskTable) -> GroupTest:
    """Test whether the cumulative incidence of the cause is the same in all groups.

    ValueError for one group, and for strata, weights or late entry, for which the test is not defined here.
    Source: Gray 1988, Annals of Statistics 16:1141, with rho = 0; the numbers are those of
    ``cmprsk::cuminc``.
    """
    if len(table.groups) < 2:
        raise ValueError("Gray's test compares two or more groups, found 1")
    if table.delayed_entry or table.weighted is not table.counts or len(table.strata) > 1:
        raise ValueError("Gray's test is not defined for strata, weighted rows or late entry")
    if table.counts.events.sum() == 0:
        return GroupTest(np.nan, 0, np.nan, "no_events")
    score, variance = _compute_score(table.counts)
    return compute_group_test(score, variance, np.ones(len(score), dtype=bool))


def _compute_score(flows: Flows) -> tuple[NDArray, NDArray]:
    """Return score and covariance of all groups; arrays are (n_times, n_groups)."""
    happens = (flows.events + flows.competing).sum(axis=1) > 0
    n, own, other = flows.at_risk[happens], flows.events[happens], flows.competing[happens]
    size = n.shape[1]
    share = np.divide(own + other, n, out=np.zeros_like(n), where=n > 0)
    after = np.cumprod(1.0 - share, axis=0)
    before = np.vstack([np.ones((1, size)), after[:-1]])
    gained = before * np.divide(own, n, out=np.zeros_like(n), where=n > 0)
    incidence_before = np.cumsum(gained, axis=0) - gained
    adjusted = np.where(n > 0, n / np.where(n > 0, before, 1.0), 0.0)
    at_risk_sub = adjusted * (1.0 - incidence_before)
    total, total_sub, d1 = adjusted.sum(axis=1), at_risk_sub.sum(axis=1), own.sum(axis=1)
    step = d1 / total
    pooled = np.cumsum(step)
    pooled_before = pooled - step
    score = np.sum(own - (d1 / total_sub)[:, None] * at_risk_sub, axis=0)
    share = adjusted / total[:, None]
    slope = adjusted[:, :, None] * (np.eye(size) - share[:, None, :])
    path = np.cumsum(slope * (step / (1.0 - pooled_before))[:, None, None], axis=0)
    ratio = np.divide((1.0 - pooled)[:, None], after, out=np.zeros_like(after), where=after > 0)
    return score, _covariance(n, other, before, after, slope, path, ratio, d1[:, None], total[:, None])


def _covariance(n, d2, before, after, slope, path, ratio, d1, total) -> NDArray:
    """Return the covariance: events of the cause and competing events add a quadratic form a group each.

    The influence of an event at t in group k on score i is slope - kept * path(t) + kept * path(end) for
    events of the cause, with kept = 1 - ratio, and ratio * path(t) - ratio * path(end) for competing ones.
    """
    end = path[-1][None]
    kept = np.where(after > 0, 1.0 - ratio, 1.0)
    spread = total * before - 1.0
    several = (d1 > 1) & (n > 0) & (spread > 0)
    ties = np.where(several, 1.0 - (d1 - 1.0) / np.where(spread > 0, spread, 1.0), 1.0)
    safe_n = np.where(n > 0, n, 1.0)
    own = np.where(n > 0, ties * before * (d1 / total) / safe_n, 0.0)
    influence = slope + kept[:, None, :] * (end - path)
    covariance = np.einsum("tik,tjk,tk->ij", influence, influence, own, optimize=True)
    tied = np.where(d2 > 1, 1.0 - (d2 - 1.0) / np.where(safe_n > 1, safe_n - 1.0, 1.0), 1.0)
    other = np.where(after > 0, tied * before**2 * d2 / safe_n**2, 0.0)
    influence = ratio[:, None, :] * (end - path)
    return covariance + np.einsum("tik,tjk,tk->ij", influence, influence, other, optimize=True)


@dataclass(frozen=True)
class _Rows:
    """Rows in order of time.

    `share` is 1 over the censoring curve before the row's time after a competing event, 0 otherwise; `cell` the
    number of event times up to and including the row's time; `cell_censoring` the curve before the event time.
    """

    time: np.ndarray
    event: np.ndarray
    censored: np.ndarray
    matrix: np.ndarray
    share: np.ndarray
    cell: np.ndarray
    cell_time: np.ndarray
    cell_events: np.ndarray
    cell_censoring: np.ndarray


def fit_fine_gray(
    data: SurvivalData,
    covariates: pd.DataFrame | pd.Series | np.ndarray,
    *,
    references: Mapping[str, object] | None = None,
    cause: int = 1,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Fit the subdistribution hazard of one cause (event code); every other code above 0 competes.

    `covariates`, `references` and `confidence` as `fit_cox`. ValueError for entry, weights, strata or
    clusters, for which the model is not defined here.

    Returns one row a coefficient, as `format_coefficient_table`; hazard_ratio is of the subdistribution; status as
    `CoxResult.status`.

    Those with a competing event at s stay at risk with weight G(t-)/G(s-), G the Kaplan-Meier curve of
    censoring of all rows, with events at t still at risk at t; Breslow ties. The cause-specific hazard is
    plain `fit_cox` with the event of interest. Sources: Fine and Gray 1999, JASA 94:496; cmprsk 2.2 crr.

    >>> fit = fit_fine_gray(SurvivalData([1, 2, 3, 4, 5, 6], [1, 2, 1, 0, 1, 2]), [[0], [1], [1], [0], [1], [0]])
    >>> fit["status"].tolist()
    ['few_events']
    """
    design = derive_design_matrix(covariates, references=references)
    data.refuse("entry", "weights", "strata", "cluster", method="the Fine-Gray model")
    event = data.event == cause
    checked = derive_model_rows(SurvivalData(data.time, event), design.complete)
    p = len(design.columns)
    statuses, scale = np.full(p, "no_events", dtype=object), np.ones(p)
    beta, errors = np.full(p, np.nan), np.full(p, np.nan)
    if checked.n_events:
        centre, scale = compute_centre_and_scale(design.matrix)
        is_censored = (data.event == 0)[checked.kept]
        rows = _arrange(checked.time, checked.event, is_censored, (design.matrix - centre) / scale)
        null = _evaluate(rows, rows.matrix, np.zeros(p))
        used = find_estimable_columns(null.information, float(checked.n_events))
        statuses[:] = "not_estimable"
        if used.any():
            inner = rows.matrix[:, used]
            fit = fit_newton(lambda b: _evaluate(rows, inner, b), np.zeros(inner.shape[1]))
            separated, _ = find_separated_columns(fit, null.information[np.ix_(used, used)])
            finite = np.flatnonzero(used)[~separated]
            few = checked.n_events < EVENTS_PER_PARAMETER * used.sum()
            statuses[used] = np.where(separated, "separation", "few_events" if few else "ok")
            beta[finite] = fit.coefficients[~separated]
            errors[finite] = np.sqrt(np.diag(_compute_covariance(rows, inner, fit.at, ~separated)))
    return format_coefficient_table(
        design, event[checked.kept], beta / scale, errors / scale, statuses, confidence
    )


def _arrange(time, event, censored, matrix) -> _Rows:
    """Sort by time and compute the censoring curve before each time."""
    order = np.argsort(time, kind="stable")
    time, event, censored = time[order], event[order], censored[order]
    distinct, position = np.unique(time, return_inverse=True)
    at_risk = len(time) - np.searchsorted(time, distinct, side="left")
    factor = 1 - np.bincount(position, weights=censored) / at_risk
    before = np.concatenate([[1.0], np.cumprod(factor)])[:-1]
    cell_time, events = np.unique(time[event], return_counts=True)
    return _Rows(
        time=time,
        event=event,
        censored=censored,
        matrix=matrix[order],
        share=np.where(event | censored, 0.0, 1 / before[position]),
        cell=np.searchsorted(cell_time, time, side="right"),
        cell_time=cell_time,
        cell_events=events,
        cell_censoring=before[np.searchsorted(distinct, cell_time)],
    )


def _evaluate(rows: _Rows, matrix: np.ndarray, beta: np.ndarray) -> LikelihoodAt:
    """Pseudo log likelihood, score and information."""
    eta = matrix @ beta
    shift = eta.max()
    relative = np.exp(eta - shift)
    values = np.column_stack([relative, matrix * relative[:, None]])
    # Present until their time; after a competing event with the share of the censoring curve that is left.
    begin = np.searchsorted(rows.time, rows.cell_time, side="left")
    sums = np.cumsum(values[::-1], axis=0)[::-1][begin]
    sums += rows.cell_censoring[:, None] * _prefix_sums(rows.share[:, None] * values)[begin]
    mean = sums[:, 1:] / sums[:, :1]
    hazard = rows.cell_events / sums[:, 0]
    value = float((eta[rows.event] - shift).sum() - rows.cell_events @ np.log(sums[:, 0]))
    score = matrix[rows.event].sum(axis=0) - rows.cell_events @ mean
    lived = relative * _lived(rows, hazard[:, None])[:, 0]
    information = (matrix * lived[:, None]).T @ matrix - (mean * rows.cell_events[:, None]).T @ mean
    return LikelihoodAt(value, score, information, relative, mean, hazard)


def _lived(rows: _Rows, cell_values: np.ndarray) -> np.ndarray:
    """Sum of cell values (G, q) over the time at risk of each row, weighted after a competing event: (n, q)."""
    weighted = _prefix_sums(cell_values * rows.cell_censoring[:, None])
    later = (weighted[-1] - weighted[rows.cell]) * rows.share[:, None]
    return _prefix_sums(cell_values)[rows.cell] + later


def _compute_covariance(rows: _Rows, matrix: np.ndarray, at: LikelihoodAt, keep: np.ndarray) -> np.ndarray:
    """Sandwich with the influence of the estimated censoring distribution (Fine and Gray 1999, section 4)."""
    relative = at.risk[:, None]
    hazards = np.column_stack([at.term_hazard, at.term_hazard[:, None] * at.term_mean])
    lived = _lived(rows, hazards)
    influence = -relative * (matrix * lived[:, :1] - lived[:, 1:])
    influence[rows.event] += matrix[rows.event] - at.term_mean[rows.cell[rows.event] - 1]
    # q(u): what those who already had a competing event before u add to the score after u.
    begin = np.searchsorted(rows.time, rows.time, side="left")
    kept = rows.share[:, None] * relative
    earlier, earlier_x = _prefix_sums(kept)[begin], _prefix_sums(kept * matrix)[begin]
    weighted = _prefix_sums(hazards * rows.cell_censoring[:, None])
    left = weighted[-1] - weighted[np.searchsorted(rows.cell_time, rows.time, side="left")]
    q = earlier_x * left[:, :1] - earlier * left[:, 1:]
    at_risk = (len(rows.time) - begin)[:, None]
    own = np.where(rows.censored[:, None], q / at_risk, 0.0)
    compensator = _prefix_sums(own / at_risk)
    influence += own - compensator[np.searchsorted(rows.time, rows.time, side="right")]
    inverse = np.linalg.inv(at.information[np.ix_(keep, keep)])
    return inverse @ (influence[:, keep].T @ influence[:, keep]) @ inverse


def _prefix_sums(values: np.ndarray) -> np.ndarray:
    """Sums before each position, and of all: one row more than given."""
    return np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
