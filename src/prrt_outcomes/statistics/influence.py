"""Robust (infinitesimal-jackknife) variance of a Kaplan-Meier curve and of what is computed from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prrt_outcomes.statistics.data import SurvivalData


@dataclass(frozen=True, eq=False)
class InfluenceRows:
    """The rows of one curve, placed on the curve's times, for variances that sum over patients.

    last, first : number of the curve's times at or before the row's end, and its entry, shape (n_rows,)
    event, competing : whether the row ends with the event, with a competing one
    cluster : code of the patient or centre; rows of one code are one unit of the variance
    """

    last: NDArray[np.int64]
    first: NDArray[np.int64]
    event: NDArray[np.bool_]
    competing: NDArray[np.bool_]
    weight: NDArray[np.float64]
    cluster: NDArray[np.int64]

    @property
    def n_units(self) -> int:
        """Number of patients or clusters; below 2 there is no variance (nan)."""
        return len(np.unique(self.cluster))

    def compute_relative_variance(
        self, at_risk: NDArray[np.float64], events: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the robust variance of log S at each time of the curve, in linear time.

        A cluster's influence on -log S(t) is A(t) - H(t) R(t): A sums what its ended and entered rows have
        contributed, R is its weight at risk, H Greenwood's sum. Both step only where a row of the cluster
        enters or ends, so the sum of squares over clusters is three running sums of steps.
        """
        survivors = np.maximum(at_risk - events, 0.0)
        own = _inverse(survivors)
        drift = _running_sum(events * _inverse(at_risk) * own)
        jump = np.where(self.event, own[np.maximum(self.last - 1, 0)], 0.0)
        paths = [self._path(jump, drift), self._path(None, None)]
        (aa, ar), (_, rr) = self._products(paths, len(at_risk))
        h = drift[1:]
        return self._settle(aa - 2 * h * ar + h * h * rr, aa + h * h * rr)

    def compute_incidence_variance(
        self, at_risk, events, competing, incidence, event_free
    ) -> NDArray[np.float64]:
        """Return the robust variance of the cumulative incidence at each time of its curve, in linear time.

        With F the incidence, a cluster's influence at t is P(t) - F(t) Q(t) minus what its rows at risk owe
        so far, (a(t) - F(t) b(t)) R(t); P, Q and R step only where a row enters or ends.
        """
        before = np.concatenate(([1.0], event_free[:-1]))
        freed = _inverse(np.maximum(at_risk - events - competing, 0.0))
        per_own = before * _inverse(at_risk) + incidence * freed
        per_other = incidence * freed
        hazards = (events * _inverse(at_risk), competing * _inverse(at_risk))
        a = _running_sum(per_own * hazards[0] + per_other * hazards[1])
        b = _running_sum(freed * (hazards[0] + hazards[1]))
        place = np.maximum(self.last - 1, 0)
        any_event = self.event | self.competing
        jump_p = np.where(self.event, per_own[place], np.where(self.competing, per_other[place], 0.0))
        jump_q = np.where(any_event, freed[place], 0.0)
        paths = [self._path(jump_p, a), self._path(jump_q, b), self._path(None, None)]
        (pp, pq, pr), (_, qq, qr), (_, _, rr) = self._products(paths, len(at_risk))
        g = a[1:] - incidence * b[1:]
        squares = pp + incidence**2 * qq + g * g * rr
        return self._settle(squares - 2 * incidence * pq - 2 * g * pr + 2 * incidence * g * qr, squares)

    def _settle(self, variance: NDArray[np.float64], squares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the variance, 0 where it is only what rounding left of its squares."""
        if self.n_units < 2:
            return np.full_like(variance, np.nan)
        return np.where(variance > 1e-13 * squares, variance, 0.0)

    def _path(self, jump, drift) -> NDArray[np.float64]:
        """Return the steps of a cluster sum at each row's entry and end; without arguments the weight at risk."""
        if jump is None:
            return np.concatenate((self.weight, -self.weight))
        return np.concatenate((self.weight * drift[self.first], self.weight * (jump - drift[self.last])))

    def _products(self, paths, n_times: int) -> list[list[NDArray[np.float64]]]:
        """Return, for each pair of paths, the sum over clusters of their product at each time of the curve."""
        when = np.concatenate((self.first, self.last))
        member = np.concatenate((self.cluster, self.cluster))
        order = np.lexsort((when, member))
        runs = [_running(path[order], member[order]) for path in paths]

        def summed(one, two) -> NDArray[np.float64]:
            step = one[0] * two[0] - one[1] * two[1]
            return np.cumsum(np.bincount(when[order], weights=step, minlength=n_times + 1).astype(float))[1:]

        return [[summed(one, two) for two in runs] for one in runs]

    def compute_variance(self, hazard_gradient: NDArray[np.float64], at_risk, events) -> float:
        """Return the robust variance of a number whose derivative by each hazard (one a time) is known."""

        per_event = hazard_gradient * _inverse(at_risk)
        drift = _running_sum(per_event * events * _inverse(at_risk))
        jump = np.where(self.event, per_event[np.maximum(self.last - 1, 0)], 0.0)
        influence = self.weight * (jump - (drift[self.last] - drift[self.first]))
        totals = np.bincount(self.cluster, weights=influence)
        return float(np.sum(totals**2)) if self.n_units > 1 else float("nan")


def _inverse(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / values, 0 where a value is 0: there the curve has ended."""
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)


def _running_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the running sum with a leading 0, to be read by the number of times passed."""
    return np.concatenate(([0.0], np.cumsum(values)))


def _running(change: NDArray[np.float64], member: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
    """Return the running sum within each member after and before each change."""
    total = np.cumsum(change)
    begins = np.flatnonzero(np.concatenate(([True], member[1:] != member[:-1])))
    base = np.repeat(total[begins] - change[begins], np.diff(np.append(begins, len(change))))
    after = total - base
    return after, after - change


def compute_influence_rows(data: SurvivalData, cause: int, curve_time: NDArray[np.float64]) -> InfluenceRows:
    """Place rows on the times of their curve; a unit is a cluster, else a patient, else a row."""
    place = np.searchsorted(curve_time, data.placement.distinct, side="right")
    entries = data.placement.entries
    member = data.cluster if data.cluster is not None else data.id
    return InfluenceRows(
        last=place[data.placement.exits],
        first=np.zeros(data.n, dtype=np.int64) if entries is None else place[entries],
        event=data.event == cause,
        competing=(data.event > 0) & (data.event != cause),
        weight=np.ones(data.n) if data.weights is None else data.weights,
        cluster=np.arange(data.n) if member is None else member.code,
    )
