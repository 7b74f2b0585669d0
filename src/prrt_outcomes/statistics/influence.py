"""Robust (infinitesimal-jackknife) variance of a Kaplan-Meier curve and of what is computed from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prrt_outcomes.statistics.data import SurvivalData


@dataclass(frozen=True, eq=False)
class InfluenceRows:
    """The rows of one curve, placed on the curve's times, for variances that sum over patients.

    last, first : number of the curve's times at or before the row's end, and its entry, shape (n_rows,)
    event : whether the row ends with the event
    cluster : code of the patient or centre; rows of one code are one unit of the variance
    """

    last: NDArray[np.int64]
    first: NDArray[np.int64]
    event: NDArray[np.bool_]
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
        enters or ends, so the sum of squares over clusters is three running sums of steps. A variance that
        is only what rounding left of its squares is 0.
        """
        if self.n_units < 2:
            return np.full(len(at_risk), np.nan)
        per_event = _inverse(np.maximum(at_risk - events, 0.0))
        greenwood = _running_sum(events * _inverse(at_risk) * per_event)
        entered, ended = greenwood[self.first], self._read_at_end(per_event) - greenwood[self.last]
        steps = pd.DataFrame(
            {
                "a": np.concatenate((self.weight * entered, self.weight * ended)),
                "r": np.concatenate((self.weight, -self.weight)),
            }
        )
        when, cluster = np.concatenate((self.first, self.last)), np.tile(self.cluster, 2)
        order = np.argsort(when, kind="stable")
        steps = steps.iloc[order]
        after = steps.groupby(cluster[order]).cumsum()
        before = after - steps

        def add_up(one: str, two: str) -> NDArray[np.float64]:
            step = after[one] * after[two] - before[one] * before[two]
            total = np.bincount(when[order], weights=step, minlength=len(at_risk) + 1)
            return np.cumsum(total.astype(np.float64))[1:]

        h = greenwood[1:]
        squares = add_up("a", "a") + h * h * add_up("r", "r")
        variance = squares - 2 * h * add_up("a", "r")
        return np.where(variance > 1e-13 * squares, variance, 0.0)

    def compute_variance(self, hazard_gradient: NDArray[np.float64], at_risk, events) -> float:
        """Return the robust variance of a number whose derivative by each hazard (one a time) is known."""
        if self.n_units < 2:
            return float("nan")
        per_event = hazard_gradient * _inverse(at_risk)
        drift = _running_sum(per_event * events * _inverse(at_risk))
        influence = self.weight * (self._read_at_end(per_event) - (drift[self.last] - drift[self.first]))
        return float(np.sum(np.bincount(self.cluster, weights=influence) ** 2))

    def _read_at_end(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value at the time of each row's event; 0 for a row without event."""
        return np.where(self.event, values[np.maximum(self.last - 1, 0)], 0.0)


def _inverse(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / values, 0 where a value is 0: there the curve has ended."""
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)


def _running_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the running sum with a leading 0, to be read by the number of times passed."""
    return np.concatenate(([0.0], np.cumsum(values)))


def compute_influence_rows(data: SurvivalData, curve_time: NDArray[np.float64]) -> InfluenceRows:
    """Place rows on the times of their curve; a unit is a cluster, else a patient, else a row."""
    place = np.searchsorted(curve_time, data.placement.distinct, side="right")
    entries = data.placement.entries
    member = data.cluster if data.cluster is not None else data.id
    return InfluenceRows(
        last=place[data.placement.exits],
        first=np.zeros(data.n, dtype=np.int64) if entries is None else place[entries],
        event=data.event == 1,
        weight=np.ones(data.n) if data.weights is None else data.weights,
        cluster=np.arange(data.n) if member is None else member.code,
    )
