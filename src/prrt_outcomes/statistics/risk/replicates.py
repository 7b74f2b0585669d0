"""Survival statistics of many weightings at once: the `Statistic` functions of `fit_bootstrap`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prrt_outcomes.statistics.risk.rows import TIE_TOLERANCE, check_rows


@dataclass(frozen=True, eq=False)
class ReplicateRows:
    """Rows of one group in order of time, ready to be weighted.

    Attributes
    ----------
    n : rows
    time : distinct ends (and entries), shape (n_times,)
    order, starts : rows by end, and where each distinct time begins among them
    event, competing : of the rows in that order, 0 or 1
    entry_order, entry_starts : the same for entries; None without late entry
    weight : case weights in that order, None where all are 1
    """

    n: int
    time: NDArray[np.float64]
    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    event: NDArray[np.float64]
    competing: NDArray[np.float64]
    entry_order: NDArray[np.int64] | None
    entry_starts: NDArray[np.int64] | None
    weight: NDArray[np.float64] | None


def compute_replicate_rows(
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cause: int = 1,
) -> ReplicateRows:
    """Sort the rows of one group once; parameters as `check_rows`, `cause` the event, other codes competing."""
    rows = check_rows(time, event, entry=entry, weights=weights)
    order = np.argsort(rows.exit_index, kind="stable")
    n_times = len(rows.distinct)
    entry_order = entry_starts = None
    if rows.entry_index is not None:
        entry_order = np.argsort(rows.entry_index, kind="stable")
        entry_starts = np.searchsorted(rows.entry_index[entry_order], np.arange(n_times))
    return ReplicateRows(
        n=len(order),
        time=rows.distinct,
        order=order,
        starts=np.searchsorted(rows.exit_index[order], np.arange(n_times)),
        event=(rows.event[order] == cause).astype(np.float64),
        competing=((rows.event[order] > 0) & (rows.event[order] != cause)).astype(np.float64),
        entry_order=entry_order,
        entry_starts=entry_starts,
        weight=None if rows.weight is None else rows.weight,
    )


def _by_time(values: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum columns up to distinct times."""
    n = values.shape[1]
    if len(starts) == n and starts[-1] == n - 1:
        return values
    if np.all(np.diff(starts) > 0) and starts[-1] < n:
        return np.add.reduceat(values, starts, axis=1)
    total = np.concatenate((np.zeros((len(values), 1)), np.cumsum(values, axis=1)), axis=1)
    return np.diff(total[:, np.append(starts, n)], axis=1)


def _weighted(rows: ReplicateRows, weights: NDArray[np.float64]) -> tuple[NDArray, NDArray, NDArray]:
    """Return at risk, events and competing events, shape (n_replicates, n_times)."""
    if weights.ndim != 2 or weights.shape[1] != rows.n:
        raise ValueError(f"weights must have shape (n_replicates, {rows.n}), not {weights.shape}")
    own = weights if rows.weight is None else weights * rows.weight
    ordered = own[:, rows.order]
    left = _by_time(ordered, rows.starts)
    events = _by_time(ordered * rows.event, rows.starts)
    if rows.competing.any():
        competing = _by_time(ordered * rows.competing, rows.starts)
    else:
        competing = np.zeros_like(events)
    if rows.entry_order is not None:
        left = left - _by_time(own[:, rows.entry_order], rows.entry_starts)
    at_risk = np.cumsum(left[:, ::-1], axis=1)[:, ::-1]
    return np.maximum(at_risk, events + competing), events, competing


def compute_replicate_survival(rows: ReplicateRows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute Kaplan-Meier curves at ``rows.time``; weights and result have one row a replicate."""
    at_risk, events, _ = _weighted(rows, weights)
    hazard = np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
    return np.cumprod(1.0 - hazard, axis=1)


def compute_replicate_quantiles(
    rows: ReplicateRows, weights: NDArray[np.float64], probability: float = 0.5
) -> NDArray[np.float64]:
    """Compute the quantile of every replicate by the rule of `compute_quantile`; nan where it is not reached.

    Use it with ``undefined="high"``: a median not reached is above every number.
    """
    survival = compute_replicate_survival(rows, weights)
    target = 1.0 - probability
    reached, passed = survival <= target + TIE_TOLERANCE, survival < target - TIE_TOLERANCE
    first, second = np.argmax(reached, axis=1), np.argmax(passed, axis=1)
    drawn = _by_time(weights[:, rows.order], rows.starts) > 0
    last = drawn.shape[1] - 1 - np.argmax(drawn[:, ::-1], axis=1)
    second = np.where(passed.any(axis=1), second, last)
    middle = (rows.time[first] + rows.time[second]) / 2.0
    return np.where(reached.any(axis=1), middle, np.nan)


def compute_replicate_milestones(
    rows: ReplicateRows, weights: NDArray[np.float64], times: ArrayLike
) -> NDArray[np.float64]:
    """Compute S at milestones, shape (n_replicates, n_milestones); nan beyond the sample's own last time.

    A replicate that did not draw the last patients keeps its last value up to there.
    """
    survival = compute_replicate_survival(rows, weights)
    return _at(rows, survival, times, ended=survival[:, -1] == 0)


def _at(
    rows: ReplicateRows, values: NDArray, times: ArrayLike, ended: NDArray, origin: float = 1.0
) -> NDArray:
    """Return step-function values at times; nan beyond the last time unless the replicate's curve has ended."""
    wanted = np.atleast_1d(np.asarray(times, dtype=np.float64))
    slack = TIE_TOLERANCE * max(1.0, float(np.mean(rows.time)))
    place = np.searchsorted(rows.time, wanted + slack, side="right")
    padded = np.concatenate((np.full((len(values), 1), origin), values), axis=1)[:, place]
    beyond = wanted > rows.time[-1] + slack
    return np.where(beyond[None, :] & ~ended[:, None], np.nan, padded)


def compute_replicate_rmst(
    rows: ReplicateRows, weights: NDArray[np.float64], horizon: float
) -> NDArray[np.float64]:
    """Compute RMST of every replicate; nan where the horizon lies beyond the last time and S > 0.

    A replicate that did not draw the last patients keeps its last value up to the horizon.
    """
    survival = compute_replicate_survival(rows, weights)
    slack = TIE_TOLERANCE * max(1.0, float(np.mean(rows.time)))
    used = rows.time <= horizon + slack
    edges = np.concatenate(([0.0], rows.time[used], [horizon]))
    width = np.maximum(np.diff(edges), 0.0)
    area = width[0] + survival[:, used] @ width[1:]
    if horizon > rows.time[-1] + slack:
        return np.where(survival[:, -1] > 0, np.nan, area)
    return area


def compute_replicate_incidence(
    rows: ReplicateRows, weights: NDArray[np.float64], times: ArrayLike
) -> NDArray[np.float64]:
    """Compute the cumulative incidence at times, shape (n_replicates, n_times), as `compute_replicate_milestones`."""
    at_risk, events, competing = _weighted(rows, weights)
    share = np.divide(1.0, at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
    free = np.cumprod(1.0 - (events + competing) * share, axis=1)
    before = np.concatenate((np.ones((len(free), 1)), free[:, :-1]), axis=1)
    incidence = np.cumsum(before * events * share, axis=1)
    return _at(rows, incidence, times, ended=free[:, -1] == 0, origin=0.0)
