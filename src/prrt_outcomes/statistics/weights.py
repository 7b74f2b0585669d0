"""Weights: propensity and bootstrap weights, their effective sample size, trimming and balance."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from prrt_outcomes.statistics.data import compute_codes
from prrt_outcomes.statistics.model_rows import derive_indicator_matrix

ESTIMANDS = ("ATT", "overlap", "ATE")
BLOCK_CELLS = 2_000_000
BLOCK_ELEMENTS = 1 << 16


def compute_propensity_weights(score: np.ndarray, in_cohort: np.ndarray, estimand: str) -> np.ndarray:
    """Weights that make cohort and control comparable, unstabilised and not normalised.

    score : (n,) or (R, n) probability e of being in the cohort
    estimand : cohort | control: ``ATT`` 1 | e/(1-e), ``overlap`` 1-e | e, ``ATE`` 1/e | 1/(1-e)
    Returns an array like `score`, nan where the score is missing.
    ValueError for an unknown estimand, scores outside 0 to 1, or a score of exactly 0 or 1 where its weight
    would be infinite: there is no overlap there, so trim first.

    Sources: Rosenbaum 1987 (ATT, ATE); Li, Morgan and Zaslavsky 2018, JASA 113:390 (overlap).

    >>> compute_propensity_weights(np.array([0.2, 0.5]), np.array([True, False]), "ATT").tolist()
    [1.0, 1.0]
    """
    score = np.asarray(score, dtype=float)
    in_cohort = np.asarray(in_cohort, dtype=bool)
    if estimand not in ESTIMANDS:
        raise ValueError(f"estimand {estimand!r}: expected one of {', '.join(ESTIMANDS)}")
    if score.shape[-1] != len(in_cohort):
        raise ValueError(f"{score.shape[-1]} scores for {len(in_cohort)} rows")
    known = np.isfinite(score)
    if ((score < 0) | (score > 1))[known].any():
        raise ValueError("propensity scores must lie between 0 and 1")
    infinite = known & ~in_cohort & (score == 1) & (estimand != "overlap")
    infinite |= known & in_cohort & (score == 0) & (estimand == "ATE")
    if infinite.any():
        raise ValueError(
            f"{int(infinite.sum())} scores of 0 or 1 have infinite weight; trim before weighting"
        )
    complement = 1 - score
    with np.errstate(divide="ignore"):
        ours, theirs = {
            "ATT": (np.ones_like(score), score / complement),
            "overlap": (complement, score),
            "ATE": (1 / score, 1 / complement),
        }[estimand]
    return np.where(known, np.where(in_cohort, ours, theirs), np.nan)


def compute_effective_sample_size(weights: np.ndarray) -> np.ndarray | float:
    """Kish's (sum w)^2 / sum w^2 along the last axis; 0 where all weights are 0.

    >>> compute_effective_sample_size(np.array([1.0, 1.0, 2.0]))
    2.6666666666666665
    """
    weights = np.asarray(weights, dtype=float)
    square = (weights**2).sum(axis=-1)
    size = np.divide(weights.sum(axis=-1) ** 2, square, out=np.zeros_like(square), where=square > 0)
    return float(size) if size.ndim == 0 else size


def compute_balance(
    in_cohort: np.ndarray, covariates: pd.DataFrame, weights: np.ndarray | None = None
) -> pd.DataFrame:
    """Standardised mean differences, one row a covariate or level.

    covariates : numbers, and categories of which every level is a row
    weights : (n,) after weighting; without them only the columns before weighting are filled
    Returns columns covariate (``grade=G2`` for a level), mean_cohort, mean_control, smd,
    mean_cohort_weighted, mean_control_weighted, smd_weighted, status. A covariate's rows use what is known of
    it; a row with a missing value or weight counts in neither mean.
    ValueError for lengths that differ or negative weights.

    SMD = (cohort - control) / sqrt((s1^2 + s0^2) / 2), unweighted n-1 variances before and after, for 0/1
    variables too (Austin 2011, Multivar Behav Res 46:399). Where both variances are 0 equal means give 0
    and unequal ones none: status ``not_estimable``. A group of one has no variance: ``too_few``.
    """
    in_cohort = np.asarray(in_cohort, dtype=bool)
    matrix, columns = derive_indicator_matrix(covariates)
    n = len(matrix)
    if len(in_cohort) != n:
        raise ValueError(f"in_cohort has {len(in_cohort)} values for {n} rows")
    known = np.isfinite(matrix)
    values = np.where(known, matrix, 0.0)
    count, mean, variance = _moments(values, known, in_cohort, np.ones(n))
    mean_weighted = np.full_like(mean, np.nan)
    if weights is not None:
        weights = np.asarray(weights, dtype=float)
        if len(weights) != n or (weights < 0).any():
            raise ValueError(f"weights: expected {n} values of 0 or more")
        usable = known & np.isfinite(weights)[:, None]
        mean_weighted = _moments(values, usable, in_cohort, np.nan_to_num(weights))[1]
    pooled = np.sqrt(variance.mean(axis=0))
    status = np.where((count < 2).any(axis=0), "too_few", "ok").astype(object)
    gap = np.where(status == "ok", pooled, np.nan)
    status[(gap == 0) & (mean[0] != mean[1])] = "not_estimable"
    return pd.DataFrame(
        {
            "covariate": [column.name for column in columns],
            "mean_cohort": mean[0],
            "mean_control": mean[1],
            "smd": _standardise(mean, gap),
            "mean_cohort_weighted": mean_weighted[0],
            "mean_control_weighted": mean_weighted[1],
            "smd_weighted": _standardise(mean_weighted, gap),
            "status": status,
        }
    )


def compute_distance(in_first: np.ndarray, values: pd.Series) -> tuple[float, str]:
    """Standardised difference of two groups in one covariate, at least 0, and its status.

    in_first : (n,) group of each row
    values : (n,) a number, or a category whose levels count together; a missing value is left out
    Of a number |m1 - m0| / sqrt((s1^2 + s0^2) / 2); of a category sqrt(d' S^-1 d) with the differences d of the shares
    of all levels but one and the mean S of their multinomial covariances (Yang and Dalton 2012, SAS Global Forum,
    paper 335). ``too_few`` for fewer than two known values in a group; ``not_estimable`` where a difference has no
    variance in either group.

    >>> compute_distance(np.array([True] * 4 + [False] * 4), pd.Series(list("aaabbbba")))
    (1.1547005383792515, 'ok')
    """
    known = values.notna().to_numpy()
    first, text = np.asarray(in_first, dtype=bool)[known], values[known]
    if min(first.sum(), (~first).sum()) < 2:
        return np.nan, "too_few"
    is_number = pd.api.types.is_numeric_dtype(text) and not pd.api.types.is_bool_dtype(text)
    levels = None if is_number else pd.get_dummies(text.astype(str), drop_first=True)
    matrix = (text.to_frame() if levels is None else levels).to_numpy(dtype=float)
    gap = matrix[first].mean(axis=0) - matrix[~first].mean(axis=0)
    parts = [np.cov(matrix[side], rowvar=False, ddof=int(is_number)) for side in (first, ~first)]
    spread = np.atleast_2d(sum(parts) / 2) if matrix.shape[1] else np.zeros((0, 0))
    inverse = np.linalg.pinv(spread, hermitian=True) if spread.size else spread
    if not np.allclose(spread @ inverse @ gap, gap, atol=1e-9):
        return np.nan, "not_estimable"
    return float(np.sqrt(max(gap @ inverse @ gap, 0.0))), "ok"


def _moments(values, known, in_cohort, weights):
    """Sum of weights, mean and n-1 variance of cohort and control: (2, p) each, nan where there is none."""
    out = []
    for group in (in_cohort, ~in_cohort):
        w = np.where(known & group[:, None], weights[:, None], 0.0)
        total = w.sum(axis=0)
        mean = _divide((w * values).sum(axis=0), total)
        squares = (w * (values - np.nan_to_num(mean)) ** 2).sum(axis=0)
        out.append((total, mean, _divide(squares, total - 1)))
    return tuple(np.array(part) for part in zip(*out, strict=True))


def _standardise(mean: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Difference of means over the pooled deviation; 0 where both are 0."""
    difference = mean[0] - mean[1]
    return np.where((gap == 0) & (difference == 0), 0.0, _divide(difference, gap))


def _divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Quotient, nan where the divisor is not above 0."""
    return np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0)


def refit_in_blocks(
    weights_matrix: np.ndarray, complete: np.ndarray, fit_block: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Refit under each row of a matrix of weights, by blocks of bounded size: values (R, n).

    weights_matrix : (R, n) counts or case weights
    complete : (n,) rows that are fitted; the columns of the others are nan
    fit_block : values of a block of weights of the complete rows
    """
    weights_matrix = np.asarray(weights_matrix)
    if weights_matrix.ndim != 2 or weights_matrix.shape[1] != len(complete):
        shape = weights_matrix.shape
        raise ValueError(f"weights_matrix has shape {shape}; expected (replicates, {len(complete)})")
    values = np.full(weights_matrix.shape, np.nan)
    size = max(1, BLOCK_ELEMENTS // max(int(complete.sum()), 1))
    for begin in range(0, len(weights_matrix), size):
        block = slice(begin, begin + size)
        values[block, complete] = fit_block(weights_matrix[block][:, complete].astype(float))
    return values


def fit_newton_in_blocks(
    evaluate: Callable[[np.ndarray, np.ndarray], tuple],
    start: np.ndarray,
    active: np.ndarray,
    *,
    limit: float,
    tolerance: float,
    iterations: int,
) -> np.ndarray:
    """Newton's method on many replicates at once: coefficients (B, p), nan where a replicate has none.

    evaluate : of the replicates at some positions, with their coefficients: the gradient (k, p), the information
        (k, p, p), and (k,) flags of those whose information is lost, which are given up
    start : (B, p); `active` : positions of the replicates to be fitted
    limit, tolerance : largest step of a coefficient, and the step below which it is the last
    """
    beta, found = start.copy(), np.full(start.shape, np.nan)
    for _ in range(iterations):
        if not len(active):
            break
        gradient, information, flat = evaluate(active, beta[active])
        flat = flat | (np.linalg.slogdet(information)[0] == 0)  # exactly singular, which `solve` refuses
        step = np.zeros_like(gradient)
        step[~flat] = np.linalg.solve(information[~flat], gradient[~flat][..., None])[..., 0]
        largest = np.abs(step).max(axis=1)
        beta[active] += step * np.minimum(1.0, limit / np.maximum(largest, 1e-300))[:, None]
        done = (largest < tolerance) & ~flat
        found[active[done]] = beta[active[done]]
        active = active[~done & ~flat]
    return found


def draw_weights(
    n: int, replicates: int, *, seed: int, stratum: ArrayLike | None = None
) -> Iterator[NDArray[np.float64]]:
    """Yield bootstrap weights, how often each patient is drawn, in blocks of replicates so that memory stays bounded.

    n, replicates : patients and rows in all, at least 1
    seed : with the number of the block it names the random stream
    stratum : one label a patient (centre), drawn within, with replacement
    Returns blocks of shape (block, n), together `replicates` rows; the counts of a stratum add up to its size
    in every row.
    ValueError for no patients or replicates, missing labels.
    """
    if n < 1 or replicates < 1:
        raise ValueError(f"expected at least one patient and one replicate, not {n} and {replicates}")
    codes = compute_codes(stratum, n, "stratum").code
    strata = [np.flatnonzero(codes == code) for code in range(int(codes.max()) + 1)]
    largest = int(np.clip(BLOCK_CELLS // n, 1, 500))
    for block, first in enumerate(range(0, replicates, largest)):
        size = min(largest, replicates - first)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(block,)))
        weights = np.empty((size, n))
        for members in strata:
            m = len(members)
            drawn = rng.integers(0, m, (size, m)) + np.arange(size)[:, None] * m
            weights[:, members] = np.bincount(drawn.ravel(), minlength=size * m).reshape(size, m)
        yield weights
