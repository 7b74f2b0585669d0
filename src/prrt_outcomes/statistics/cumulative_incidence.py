"""Cumulative incidence with competing events (Aalen-Johansen), with its variance and interval."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.influence import InfluenceRows, compute_influence_rows
from prrt_outcomes.statistics.kaplan_meier import IntervalType, compute_interval, compute_survival
from prrt_outcomes.statistics.risk_table import RiskTable, compute_risk_table


@dataclass(frozen=True, eq=False)
class CumulativeIncidence:
    """The probability of the event by t, other events competing; arrays have one element per time of the
    curve.

    Attributes
    ----------
    time : distinct times at which somebody leaves
    at_risk, events, competing, censored : numbers of patients
    incidence : F(t)
    event_free : S(t) of any event
    std_error, lower, upper : of F(t); lower and upper nan where F is 0 or 1
    cause : event code; `group` : label; `n`, `n_events`, `n_competing` : patients and events
    interval, confidence, variance : ``aalen`` (as cmprsk) or ``robust`` (infinitesimal jackknife, as R's
        survfit)
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
    cause: int
    group: object
    n: int
    n_events: int
    n_competing: int
    interval: str
    confidence: float
    variance: str
    status: str
    influence: InfluenceRows | None = field(default=None, repr=False)


def fit_cumulative_incidence(
    data: SurvivalData,
    *,
    cause: int = 1,
    robust: bool | None = None,
    interval: IntervalType = "log-log",
    confidence: float = 0.95,
    group: object = "all",
) -> CumulativeIncidence:
    """Fit the cumulative incidence of one kind of event.

    Parameters
    ----------
    data : survival data without strata; `cause` is the event, any other code above 0 competes
    robust : as `fit_kaplan_meier`
    interval, confidence : as `compute_interval`, on F
    group : label that the result carries

    Returns
    -------
    CumulativeIncidence

    Raises
    ------
    ValueError : strata

    References
    ----------
    Aalen and Johansen 1978; variance as ``cmprsk::cuminc`` (Aalen 1978, Annals of Statistics 6:534, with the
    correction for ties) or, robust, as R survival's multi-state ``survfit``.
    """
    table = compute_risk_table(data, cause=cause)
    curve = compute_cumulative_incidence(table, cause=cause, interval=interval, confidence=confidence)
    if robust is None:
        robust = data.cluster is not None or not data.whole_weights
    if not robust:
        return replace(curve, group=group)
    influence = compute_influence_rows(data, cause, curve.time)
    place = np.searchsorted(table.time, curve.time)
    flows = table.weighted
    parts = [getattr(flows, name)[place, 0] for name in ("at_risk", "events", "competing")]
    variance = influence.compute_incidence_variance(*parts, curve.incidence, curve.event_free)
    errors = _errors(curve.incidence, variance, interval, confidence)
    status = "too_few" if influence.n_units < 2 and curve.status == "ok" else curve.status
    return replace(curve, group=group, variance="robust", influence=influence, status=status, **errors)


def compute_cumulative_incidence(
    table: RiskTable,
    *,
    cause: int = 1,
    interval: IntervalType = "log-log",
    confidence: float = 0.95,
) -> CumulativeIncidence:
    """Compute the cumulative incidence from the risk table of one group, without strata.

    `cause` only labels the result: the table was made for its cause. Variance ``aalen``.
    """
    if len(table.strata) > 1 or len(table.groups) > 1:
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
        cause=cause,
        group=table.groups[0],
        n=int((counts.events + counts.competing + counts.censored).sum()),
        n_events=n_events,
        n_competing=int(counts.competing.sum()),
        interval=interval,
        confidence=confidence,
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
