"""Bootstrap by a matrix of weights: any statistic that takes weights, replicates by patients, can be resampled.

One sort, then cumulative sums over a replicate-by-patient matrix. The replicates of a seed are the same numbers on
any number of cores, since each block of replicates has a random stream of its own and its size depends on the
number of patients only.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prrt_outcomes.statistics.data import compute_codes

BLOCK_CELLS = 2_000_000


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
