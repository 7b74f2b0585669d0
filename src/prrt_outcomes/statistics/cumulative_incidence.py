"""Cumulative incidence with competing events (Aalen-Johansen), and Gray's test that groups have the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.influence import compute_influence_rows
from prrt_outcomes.statistics.kaplan_meier import IntervalType, compute_interval, compute_survival
from prrt_outcomes.statistics.logrank import compute_quadratic_form
from prrt_outcomes.statistics.risk_table import RiskTable, compute_risk_table


@dataclass(frozen=True, eq=False)
class CumulativeIncidence:
    """The probability of the event by t, other events competing; one element a time of the curve.

    time : distinct times at which somebody leaves
    at_risk, events, competing, censored : numbers of patients
    incidence, event_free : F(t); S(t) of any event
    std_error, lower, upper : of F(t); lower and upper nan where F is 0 or 1
    n, n_events, n_competing : patients and events
    variance : ``aalen`` (as cmprsk) or ``robust`` (infinitesimal jackknife, as R's survfit)
    status : ``ok``, ``no_events`` or ``too_few`` (one cluster: no variance)
    """

    time: NDArray[np.float64]
    at_risk: NDArray[np.float64]
    events: NDArray[np.float64]
    competing: NDArray[np.float64]
    censored: NDArray[np.float64]
    incidence: NDArray[np.float64]
    event_free: NDArray[np.float64]
    std_error: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    n: int
    n_events: int
    n_competing: int
    variance: str
    status: str


def fit_cumulative_incidence(
    data: SurvivalData,
    *,
    cause: int = 1,
    robust: bool | None = None,
    interval: IntervalType = "log-log",
    confidence: float = 0.95,
) -> CumulativeIncidence:
    """Fit the cumulative incidence of `cause`; any other code above 0 competes.

    `robust` as `fit_kaplan_meier`; `interval` and `confidence` as `compute_interval`, on F; ValueError for
    strata.

    Source: Aalen and Johansen 1978; variance as ``cmprsk::cuminc`` (Aalen 1978, Annals of Statistics 6:534,
    with the correction for ties) or, robust, as R survival's multi-state ``survfit``.
    """
    table = compute_risk_table(data, cause=cause)
    curve = _compute_curve(table, interval, confidence)
    if robust is None:
        robust = data.cluster is not None or not data.whole_weights
    if not robust:
        return curve
    influence = compute_influence_rows(data, cause, curve.time)
    place = np.searchsorted(table.time, curve.time)
    n, d1, d2 = (getattr(table.weighted, name)[place, 0] for name in ("at_risk", "events", "competing"))
    variance = influence.compute_incidence_variance(n, d1, d2, curve.incidence, curve.event_free)
    errors = _errors(curve.incidence, variance, interval, confidence)
    status = "too_few" if influence.n_units < 2 and curve.status == "ok" else curve.status
    return replace(curve, variance="robust", status=status, **errors)


def _compute_curve(table: RiskTable, interval: IntervalType, confidence: float) -> CumulativeIncidence:
    """Compute the cumulative incidence of a risk table without groups, with the variance ``aalen``."""
    if len(table.strata) > 1:
        raise ValueError("cumulative incidence is computed for one group and one stratum at a time")
    counts, flows = table.counts, table.weighted
    keep = np.flatnonzero((counts.left[:, 0] > 0) & (counts.at_risk[:, 0] > 0))
    n, d1, d2 = (getattr(flows, name)[keep, 0] for name in ("at_risk", "events", "competing"))
    event_free = compute_survival(n, d1 + d2)
    before = np.concatenate(([1.0], event_free[:-1]))
    incidence = np.cumsum(before * d1 / n)
    n_events = int(counts.events.sum())
    return CumulativeIncidence(
        time=table.time[keep],
        at_risk=counts.at_risk[keep, 0],
        events=counts.events[keep, 0],
        competing=counts.competing[keep, 0],
        censored=counts.censored[keep, 0],
        incidence=incidence,
        event_free=event_free,
        n=int((counts.events + counts.competing + counts.censored).sum()),
        n_events=n_events,
        n_competing=int(counts.competing.sum()),
        variance="aalen",
        status="ok" if n_events else "no_events",
        **_errors(incidence, _aalen_variance(n, d1, d2, before, event_free, incidence), interval, confidence),
    )


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


def _errors(incidence: NDArray, variance: NDArray, interval: str, confidence: float) -> dict:
    """Return standard error and interval; no interval where F is 0 or 1."""
    std_error = np.sqrt(variance)
    lower, upper = compute_interval(incidence, std_error, interval, confidence)
    known = (incidence > 0) & (incidence < 1)
    lower, upper = np.where(known, lower, np.nan), np.where(known, upper, np.nan)
    return {"std_error": std_error, "lower": lower, "upper": upper}


@dataclass(frozen=True, eq=False)
class GrayTest:
    """Gray's test.

    statistic, degrees_of_freedom, p_value : chi-square; nan where status is not ``ok``
    status : ``ok``, ``no_events`` or ``too_few``
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    status: str


def compute_gray_test(table: RiskTable, rho: float = 0.0) -> GrayTest:
    """Test whether the cumulative incidence of the cause is the same in all groups; strata are added up.

    `rho` is the power of the weight (1 - F(t-))^rho of the pooled incidence, 0 as usual. ValueError for one
    group, and for weights or late entry, for which the test is not defined. Source: Gray 1988, Annals of
    Statistics 16:1141; the numbers are those of ``cmprsk::cuminc``.
    """
    if len(table.groups) < 2:
        raise ValueError("Gray's test compares two or more groups, found 1")
    if table.delayed_entry or table.weighted is not table.counts:
        raise ValueError("Gray's test is not defined for weighted rows or late entry")
    size = len(table.groups)
    score, variance = np.zeros(size), np.zeros((size, size))
    for code in range(len(table.strata)):
        part_score, part_variance = _stratum_score(table, code, rho)
        score += part_score
        variance += part_variance
    statistic, freedom, status = compute_quadratic_form(score, variance, np.ones(size, dtype=bool))
    if table.counts.events.sum() == 0:
        status = "no_events"
    ok = status == "ok"
    p_value = float(chdtrc(freedom, statistic)) if ok else float("nan")
    statistic = statistic if ok else float("nan")
    return GrayTest(statistic, freedom, p_value, status)


def _stratum_score(table: RiskTable, code: int, rho: float) -> tuple[NDArray, NDArray]:
    """Return score and covariance of one stratum, for all groups; arrays are (n_times, n_groups)."""
    flows = table.counts
    happens = (flows.events + flows.competing).sum(axis=1) > 0
    rows = (table.stratum == code) & happens
    n, own, other = flows.at_risk[rows], flows.events[rows], flows.competing[rows]
    size = n.shape[1]
    if len(n) == 0:
        return np.zeros(size), np.zeros((size, size))
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
    weight = (1.0 - pooled_before) ** rho
    score = np.sum(weight[:, None] * (own - (d1 / total_sub)[:, None] * at_risk_sub), axis=0)
    share = adjusted / total[:, None]
    slope = adjusted[:, :, None] * (np.eye(size) - share[:, None, :]) * weight[:, None, None]
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
