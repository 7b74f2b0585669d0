"""Bootstrap by a matrix of weights: any statistic that takes weights, replicates by patients, can be resampled.

One sort, then cumulative sums over a replicate-by-patient matrix. The replicates of a seed are the same numbers on
any number of cores, since each block of replicates has a random stream of its own and its size depends on the
number of patients only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from prrt_outcomes.statistics.risk.rows import compute_codes

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Weights, shape (n_replicates, n_patients), to values, shape (n_replicates,) or (n_replicates, n_values)."""

BLOCK_CELLS = 2_000_000
JACKKNIFE_PARTS = 1_000


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """A bootstrap; arrays have one element per value of the statistic.

    Attributes
    ----------
    estimate : the statistic of the sample itself
    replicates : shape (n_replicates, n_values); nan where a replicate has no value
    std_error : standard deviation of the replicates; nan where any is undefined
    lower, upper : limits; nan where they are not reached
    bias_correction, acceleration : of BCa; nan for percentile
    n_undefined : replicates without a value
    method, confidence, seed : as asked
    status : per value ``ok``; ``not_reached`` (the estimate or a limit is undefined); ``too_few`` (all replicates
        on one side of the estimate, so BCa has no correction, or no replicate has a value)
    """

    estimate: NDArray[np.float64]
    replicates: NDArray[np.float64]
    std_error: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    bias_correction: NDArray[np.float64]
    acceleration: NDArray[np.float64]
    n_undefined: NDArray[np.int64]
    method: str
    confidence: float
    seed: int
    status: tuple[str, ...]


def compute_block_sizes(n: int, replicates: int) -> list[int]:
    """Return the sizes of the blocks of replicates: memory stays bounded, and cores do not matter."""
    size = int(np.clip(BLOCK_CELLS // n, 1, 500))
    return [min(size, replicates - first) for first in range(0, replicates, size)]


def draw_block(codes: NDArray[np.int64], size: int, seed: int, block: int) -> NDArray[np.float64]:
    """Draw one block of bootstrap weights: how often each patient is drawn within its stratum.

    Parameters
    ----------
    codes : stratum of each patient, shape (n,); patients are drawn with replacement within their stratum
    size : replicates in the block
    seed, block : together they name the random stream

    Returns
    -------
    counts, shape (size, n); each stratum's counts add up to its size in every replicate
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(block,)))
    weights = np.empty((size, len(codes)))
    for code in range(int(codes.max()) + 1):
        members = np.flatnonzero(codes == code)
        n = len(members)
        drawn = rng.integers(0, n, (size, n)) + np.arange(size)[:, None] * n
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        if n == len(codes):
            return counts.astype(np.float64)
        weights[:, members] = counts
    return weights


def draw_weights(
    n: int, replicates: int, *, seed: int, stratum: ArrayLike | None = None
) -> Iterator[NDArray[np.float64]]:
    """Yield bootstrap weights block by block, shape (block, n); all blocks together have `replicates` rows.

    Parameters
    ----------
    n : patients
    replicates : rows in all, at least 1
    seed : whole number
    stratum : one label a patient (centre), drawn within

    Raises
    ------
    ValueError : no patients or replicates, missing labels
    """
    if n < 1 or replicates < 1:
        raise ValueError(f"expected at least one patient and one replicate, not {n} and {replicates}")
    codes = compute_codes(stratum, n, "stratum").code
    for block, size in enumerate(compute_block_sizes(n, replicates)):
        yield draw_block(codes, size, seed, block)


def fit_bootstrap(
    statistic: Statistic,
    n: int,
    *,
    seed: int,
    replicates: int = 2000,
    stratum: ArrayLike | None = None,
    method: Literal["percentile", "bca"] = "percentile",
    confidence: float = 0.95,
    undefined: Literal["high", "drop"] = "drop",
    workers: int = 1,
) -> Bootstrap:
    """Resample patients and compute the interval of any statistic that takes weights.

    Parameters
    ----------
    statistic : weights, shape (r, n), to values, shape (r,) or (r, k); called from several threads if `workers` > 1
    n : patients
    seed : whole number
    replicates : at least 1
    stratum : one label a patient (centre): resampled within
    method : ``percentile`` or ``bca`` (bias-corrected and accelerated; acceleration by the jackknife, which leaves
        out patients up to 1,000 and one of about 1,000 parts of a larger cohort)
    confidence : two-sided
    undefined : a nan replicate counts as above every number (``high``: a median not reached) or not at all
    workers : threads; the result does not depend on it

    Returns
    -------
    Bootstrap

    Raises
    ------
    ValueError : as `draw_weights`; unknown method

    References
    ----------
    Efron 1987, JASA 82:171; strata as Davison and Hinkley 1997, section 5.3.2.
    """
    if method not in ("percentile", "bca"):
        raise ValueError(f"method must be percentile or bca, not {method!r}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    if n < 1 or replicates < 1:
        raise ValueError(f"expected at least one patient and one replicate, not {n} and {replicates}")
    codes = compute_codes(stratum, n, "stratum").code
    estimate = _columns(statistic(np.ones((1, n))))[0]
    sizes = compute_block_sizes(n, replicates)

    def block(k: int) -> NDArray[np.float64]:
        return _columns(statistic(draw_block(codes, sizes[k], seed, k)))

    values = np.concatenate(_each(block, len(sizes), workers))
    acceleration = np.full(len(estimate), np.nan)
    if method == "bca":
        acceleration = _acceleration(statistic, codes, estimate, workers)
    parts = [
        _limits(estimate[k], values[:, k], acceleration[k], method, confidence, undefined)
        for k in range(len(estimate))
    ]
    lower, upper, correction, status = zip(*parts, strict=True)
    n_undefined = np.isnan(values).sum(axis=0)
    with np.errstate(invalid="ignore"):
        spread = np.std(values, axis=0, ddof=1) if replicates > 1 else np.full(len(estimate), np.nan)
    return Bootstrap(
        estimate=estimate,
        replicates=values,
        std_error=spread,
        lower=np.array(lower),
        upper=np.array(upper),
        bias_correction=np.array(correction),
        acceleration=acceleration,
        n_undefined=n_undefined,
        method=method,
        confidence=confidence,
        seed=seed,
        status=tuple(status),
    )


def _columns(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    return array[:, None] if array.ndim == 1 else array


def _each(task: Callable[[int], NDArray], count: int, workers: int) -> list[NDArray]:
    """Run the tasks 0, 1, ... in order or on several threads; results in order."""
    if workers <= 1:
        return [task(k) for k in range(count)]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(task, range(count)))


def _limits(estimate, values, acceleration, method, confidence, undefined) -> tuple[float, float, float, str]:
    """Return lower, upper, bias correction and status of one value."""
    nan = float("nan")
    known = np.where(np.isnan(values), np.inf, values) if undefined == "high" else values[~np.isnan(values)]
    if len(known) == 0 or not np.isfinite(known).any():
        return nan, nan, nan, "too_few"
    levels = np.array([(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    correction = nan
    if method == "bca":
        level = np.inf if np.isnan(estimate) else estimate
        correction = float(ndtri(np.mean(known < level) + 0.5 * np.mean(known == level)))
        if not np.isfinite(correction):
            return nan, nan, nan, "too_few"
        shifted = correction + ndtri(levels)
        levels = ndtr(correction + shifted / (1.0 - acceleration * shifted))
    ordered = np.sort(known)
    lower, upper = (_order_statistic(ordered, level) for level in levels)
    reached = np.isfinite(estimate) and np.isfinite(lower) and np.isfinite(upper)
    return lower, upper, correction, "ok" if reached else "not_reached"


def _order_statistic(ordered: NDArray[np.float64], level: float) -> float:
    """Return the interpolated quantile; nan where it falls among replicates without a value."""
    position = float(level) * (len(ordered) - 1)
    below, above = ordered[int(np.floor(position))], ordered[int(np.ceil(position))]
    if not (np.isfinite(below) and np.isfinite(above)):
        return float("nan")
    return float(below + (position - np.floor(position)) * (above - below))


def _acceleration(statistic: Statistic, codes, estimate, workers: int) -> NDArray[np.float64]:
    """Return the acceleration of each value, from weights that leave out one part of one stratum at a time."""
    n = len(codes)
    part, strata_sizes = np.empty(n, dtype=np.int64), np.bincount(codes)
    first = 0
    for code, size in enumerate(strata_sizes):
        n_parts = min(size, max(1, round(JACKKNIFE_PARTS * size / n))) if n > JACKKNIFE_PARTS else size
        part[codes == code] = first + np.arange(size) % n_parts
        first += n_parts
    stratum_of = np.empty(first, dtype=np.int64)
    stratum_of[part] = codes
    part_size, stratum_size = np.bincount(part), strata_sizes[stratum_of]
    left = stratum_size - part_size
    starts = np.concatenate(([0], np.cumsum(compute_block_sizes(n, first))))

    def block(k: int) -> NDArray[np.float64]:
        parts = np.arange(starts[k], starts[k + 1])
        scale = stratum_size[parts] / np.maximum(left[parts], 1)
        same = stratum_of[parts][:, None] == codes[None, :]
        weights = np.where(same, scale[:, None], 1.0)
        return _columns(statistic(np.where(part[None, :] == parts[:, None], 0.0, weights)))

    values = np.concatenate(_each(block, len(starts) - 1, workers))
    influence = (estimate[None, :] - values) * (left / stratum_size)[:, None]
    influence = np.where((left == 0)[:, None] | ~np.isfinite(influence), 0.0, influence)
    square = np.sum(influence**2, axis=0)
    cube = np.sum(influence**3, axis=0)
    return np.divide(cube, 6.0 * square**1.5, out=np.zeros_like(cube), where=square > 0)
