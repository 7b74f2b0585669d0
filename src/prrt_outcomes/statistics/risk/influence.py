"""Robust (infinitesimal-jackknife) variance of a Kaplan-Meier curve and of what is computed from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prrt_outcomes.statistics.risk.rows import SurvivalRows


@dataclass(frozen=True, eq=False)
class InfluenceRows:
    """The rows of one curve, placed on the curve's times, for variances that sum over patients.

    Attributes
    ----------
    last : number of the curve's times at or before the row's end, shape (n_rows,)
    first : number of the curve's times at or before the row's entry
    event : whether the row ends with the event
    weight : case weight
    cluster : code of the patient or centre; rows of one code are one unit of the variance
    """

    last: NDArray[np.int64]
    first: NDArray[np.int64]
    event: NDArray[np.bool_]
    weight: NDArray[np.float64]
    cluster: NDArray[np.int64]

    def compute_relative_variance(
        self, at_risk: NDArray[np.float64], events: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the robust variance of log S at each time of the curve, in linear time.

        Notes
        -----
        A cluster's influence on -log S(t) is A(t) - H(t) R(t): A sums what its ended and entered rows have
        contributed, R is its weight at risk, H Greenwood's sum. Both step only where a row of the cluster
        enters or ends, so the sum of squares over clusters is three running sums of steps.
        """
        n_times = len(at_risk)
        survivors = np.maximum(at_risk - events, 0.0)
        whole = survivors > 0
        step = np.divide(events, at_risk * survivors, out=np.zeros(n_times), where=whole)
        hazard_sum = np.concatenate(([0.0], np.cumsum(step)))
        inverse = np.divide(1.0, survivors, out=np.zeros(n_times), where=whole)
        w = self.weight
        gain = w * (hazard_sum[self.first])
        own = w * (np.where(self.event, inverse[np.maximum(self.last - 1, 0)], 0.0) - hazard_sum[self.last])
        when = np.concatenate((self.first, self.last))
        change_a = np.concatenate((gain, own))
        change_r = np.concatenate((w, -w))
        member = np.concatenate((self.cluster, self.cluster))
        order = np.lexsort((when, member))
        a, a_before = _running(change_a[order], member[order])
        r, r_before = _running(change_r[order], member[order])
        size = n_times + 1
        squares = [
            np.cumsum(np.bincount(when[order], weights=new - old, minlength=size))[1:]
            for new, old in ((a * a, a_before**2), (a * r, a_before * r_before), (r * r, r_before**2))
        ]
        h = hazard_sum[1:]
        return np.maximum(squares[0] - 2 * h * squares[1] + h * h * squares[2], 0.0)

    def compute_variance(self, hazard_gradient: NDArray[np.float64], at_risk, events) -> float:
        """Return the robust variance of a number whose derivative by each hazard is known.

        `hazard_gradient` has one element per time of the curve: d(number) / d(hazard).
        """
        per_event = np.divide(hazard_gradient, at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
        drift = np.concatenate(([0.0], np.cumsum(per_event * np.divide(events, at_risk))))
        jump = np.where(self.event, per_event[np.maximum(self.last - 1, 0)], 0.0)
        influence = self.weight * (jump - (drift[self.last] - drift[self.first]))
        totals = np.bincount(self.cluster, weights=influence)
        return float(np.sum(totals**2))


def _running(change: NDArray[np.float64], member: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
    """Return the running sum within each member after and before each change."""
    total = np.cumsum(change)
    begins = np.flatnonzero(np.concatenate(([True], member[1:] != member[:-1])))
    base = np.repeat(total[begins] - change[begins], np.diff(np.append(begins, len(change))))
    after = total - base
    return after, after - change


def compute_influence_rows(
    rows: SurvivalRows, cause: int, cluster: NDArray[np.int64] | None, curve_time: NDArray[np.float64]
) -> InfluenceRows:
    """Place checked rows on the times of their curve; without `cluster` every row is a unit of its own."""
    n = len(rows.event)
    place = np.searchsorted(curve_time, rows.distinct, side="right")
    entry = rows.entry_index
    return InfluenceRows(
        last=place[rows.exit_index],
        first=np.zeros(n, dtype=np.int64) if entry is None else place[entry],
        event=rows.event == cause,
        weight=np.ones(n) if rows.weight is None else rows.weight,
        cluster=np.arange(n) if cluster is None else cluster,
    )
