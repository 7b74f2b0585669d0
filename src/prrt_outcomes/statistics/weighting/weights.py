"""From propensity scores to weights, trimming and effective sample size."""

from __future__ import annotations

import numpy as np

ESTIMANDS = ("ATT", "overlap", "ATE")


def compute_propensity_weights(score: np.ndarray, in_cohort: np.ndarray, estimand: str) -> np.ndarray:
    """Weights that make cohort and control comparable, unstabilised and not normalised.

    Parameters
    ----------
    score : (n,) or (R, n) probability e of being in the cohort
    in_cohort : (n,) True for the cohort, False for the control
    estimand : cohort | control: ``ATT`` 1 | e/(1-e), ``overlap`` 1-e | e, ``ATE`` 1/e | 1/(1-e)

    Returns
    -------
    array like `score`, nan where the score is missing

    Raises
    ------
    ValueError
        for an unknown estimand; for scores outside 0 to 1; for a score of exactly 0 or 1 where its weight
        would be infinite: there is no overlap there, so trim first.

    Notes
    -----
    Sources: Rosenbaum 1987 (ATT, ATE); Li, Morgan and Zaslavsky 2018, JASA 113:390 (overlap).

    Examples
    --------
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
        if estimand == "ATT":
            weights = np.where(in_cohort, 1.0, score / complement)
        elif estimand == "overlap":
            weights = np.where(in_cohort, complement, score)
        else:
            weights = np.where(in_cohort, 1 / score, 1 / complement)
    return np.where(known, weights, np.nan)


def compute_trimming(
    score: np.ndarray,
    in_cohort: np.ndarray,
    *,
    bounds: tuple[float, float] | None = None,
) -> np.ndarray:
    """Flag the rows that stay: (n,).

    Parameters
    ----------
    bounds : lowest and highest score kept. Default: common support, from the larger of the two groups'
        minima to the smaller of their maxima.

    Notes
    -----
    Rows without a score do not stay. The population changes with trimming: count what left.
    """
    score = np.asarray(score, dtype=float)
    in_cohort = np.asarray(in_cohort, dtype=bool)
    known = np.isfinite(score)
    if bounds is None:
        groups = [score[known & in_cohort], score[known & ~in_cohort]]
        if not all(len(g) for g in groups):
            raise ValueError("common support needs scores in both cohort and control")
        bounds = max(g.min() for g in groups), min(g.max() for g in groups)
    low, high = bounds
    return known & (np.nan_to_num(score, nan=-1.0) >= low) & (np.nan_to_num(score, nan=2.0) <= high)


def compute_effective_sample_size(weights: np.ndarray) -> np.ndarray | float:
    """Kish's (sum w)^2 / sum w^2 along the last axis; 0 where all weights are 0.

    Examples
    --------
    >>> compute_effective_sample_size(np.array([1.0, 1.0, 2.0]))
    2.6666666666666665
    """
    weights = np.asarray(weights, dtype=float)
    square = (weights**2).sum(axis=-1)
    size = np.divide(weights.sum(axis=-1) ** 2, square, out=np.zeros_like(square), where=square > 0)
    return float(size) if size.ndim == 0 else size
