"""Turnbull's curve: survival when an event is only known to lie between two visits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

TOLERANCE = 1e-8
MAX_ITERATIONS = 20_000


@dataclass(frozen=True, eq=False)
class Turnbull:
    """The nonparametric maximum-likelihood curve of interval-censored times.

    left, right : bounds of the intervals that hold probability, increasing; an interval is (left, right], a point
        where both are equal; the last may reach to infinity. Inside an interval the curve is not determined
    probability : of each interval
    survival : S after each interval
    status : ``ok``; ``not_converged`` where an interval still offers a relative gain above the tolerance
    """

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    probability: NDArray[np.float64]
    survival: NDArray[np.float64]
    status: str


def fit_turnbull(left: ArrayLike, right: ArrayLike) -> Turnbull:
    """Fit the survival curve of interval-censored times.

    left, right : the event lies in (left, right]; equal: seen exactly then; right missing or infinite: not seen by
        `left`; left 0: before the first visit
    ValueError for no rows, unequal lengths, missing or negative left, right before left.
    Source: Turnbull 1976, JRSS B 38:290; acceleration by SQUAREM, Varadhan and Roland 2008, Scandinavian
    Journal of Statistics 35:335; bound on the likelihood by Gentleman and Geyer 1994, Biometrika 81:618.
    """
    low, high = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if low.ndim != 1 or low.shape != high.shape or len(low) == 0:
        raise ValueError("left and right must be two lists of the same length, at least 1")
    high = np.where(np.isnan(high), np.inf, high)
    if not np.isfinite(low).all() or (low < 0).any():
        raise ValueError("left must be known and 0 or more in every row")
    if (high < low).any():
        raise ValueError(f"right lies before left in {int((high < low).sum())} rows")
    bounds, lo, hi = _innermost(low, high)
    p = np.full(len(bounds[0]), 1.0 / len(bounds[0]))
    for _ in range(MAX_ITERATIONS):
        # The log-likelihood lies within n x gap of its maximum.
        one, gap = _step(p, lo, hi)
        if gap < TOLERANCE:
            break
        two, _ = _step(one, lo, hi)
        three, _ = _step(_extrapolate(p, one, two), lo, hi)
        # The one of the larger likelihood.
        p = max((three, two), key=lambda one: float(np.log(_covered(one, lo, hi)).sum()))
    survival = np.maximum(1.0 - np.cumsum(p), 0.0)
    survival[survival < 1e-12] = 0.0
    return Turnbull(*bounds, p, survival, "ok" if gap < TOLERANCE else "not_converged")


def _innermost(low: NDArray, high: NDArray) -> tuple[tuple[NDArray, NDArray], NDArray, NDArray]:
    """Return the intervals that can hold probability, and which of them (first, one past last) each row covers."""
    values = np.unique(np.concatenate((low, high)))
    exact = low == high
    start = 2 * np.searchsorted(values, low) + np.where(exact, 0, 1)
    stop = 2 * np.searchsorted(values, high)
    keys = np.concatenate((start, stop))
    is_stop = np.repeat([False, True], len(low))
    order = np.lexsort((is_stop, keys))
    keys, is_stop = keys[order], is_stop[order]
    inner = np.flatnonzero(~is_stop[:-1] & is_stop[1:])
    inner_start, inner_stop = keys[inner], keys[inner + 1]
    bounds = (values[inner_start // 2], values[inner_stop // 2])
    return bounds, np.searchsorted(inner_start, start), np.searchsorted(inner_stop, stop, side="right")


def _covered(p: NDArray, lo: NDArray, hi: NDArray) -> NDArray:
    """Return the probability that each row's interval covers."""
    total = np.concatenate(([0.0], np.cumsum(p)))
    return np.maximum(total[hi] - total[lo], 1e-300)


def _step(p: NDArray, lo: NDArray, hi: NDArray) -> tuple[NDArray, float]:
    """Return one EM step and the largest relative gain before it."""
    share = 1.0 / _covered(p, lo, hi)
    change = np.bincount(lo, share, minlength=len(p) + 1) - np.bincount(hi, share, minlength=len(p) + 1)
    gain = np.cumsum(change)[:-1] / len(lo)
    new = p * np.maximum(gain, 0.0)
    return new / new.sum(), float(gain.max() - 1.0)


def _extrapolate(p: NDArray, one: NDArray, two: NDArray) -> NDArray:
    """Return the SQUAREM step from three successive iterates, kept inside the simplex."""
    first, second = one - p, two - 2 * one + p
    length = np.sqrt(np.sum(second**2))
    if length < 1e-300:
        return two
    alpha = -max(1.0, np.sqrt(np.sum(first**2)) / length)
    new = np.maximum(p - 2 * alpha * first + alpha**2 * second, 1e-300)
    return new / new.sum()
