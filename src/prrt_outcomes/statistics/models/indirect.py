"""Comparing two treatments that were each held against the same third: Bucher's adjusted indirect comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from prrt_outcomes.statistics.risk.interval import compute_normal_quantile


@dataclass(frozen=True)
class IndirectComparison:
    """Difference of two effects (logarithms, for ratios), with normal interval and two-sided p-value."""

    estimate: float
    std_error: float
    lower: float
    upper: float
    p_value: float


def compute_indirect_comparison(
    estimate: float,
    std_error: float,
    estimate_comparator: float,
    std_error_comparator: float,
    *,
    confidence: float = 0.95,
) -> IndirectComparison:
    """Effect of A against B from A against C and B against C.

    Parameters
    ----------
    estimate, std_error : A against C, on a scale where effects add (log hazard ratio, log odds ratio,
        difference)
    estimate_comparator, std_error_comparator : B against C

    Returns
    -------
    IndirectComparison
        of A against B; take exponents for a ratio.

    Raises
    ------
    ValueError
        for missing or infinite numbers, or standard errors of 0 or less.

    Notes
    -----
    Source: Bucher 1997, J Clin Epidemiol 50:683.

    Examples
    --------
    >>> import math
    >>> round(compute_indirect_comparison(math.log(1.1), 0.2, math.log(1.3), 0.18).estimate, 4)
    -0.1671
    """
    numbers = (estimate, std_error, estimate_comparator, std_error_comparator)
    if not all(np.isfinite(x) for x in numbers):
        raise ValueError(f"effects and standard errors must be finite; found {numbers}")
    if std_error <= 0 or std_error_comparator <= 0:
        raise ValueError(f"standard errors must be above 0; found {std_error} and {std_error_comparator}")
    difference = float(estimate - estimate_comparator)
    error = float(np.hypot(std_error, std_error_comparator))
    half = compute_normal_quantile(confidence) * error
    p_value = float(2 * ndtr(-abs(difference) / error))
    return IndirectComparison(difference, error, difference - half, difference + half, p_value)


def compute_std_error_from_interval(
    lower: float, upper: float, *, confidence: float = 0.95, ratio: bool = True
) -> float:
    """Standard error behind a published normal interval; of the logarithm where the interval is a ratio's.

    Raises
    ------
    ValueError
        when the bounds are not in order, or a ratio's are not above 0.
    """
    if not (np.isfinite(lower) and np.isfinite(upper) and lower < upper):
        raise ValueError(f"interval {lower} to {upper}: expected a lower bound below the upper")
    if ratio and lower <= 0:
        raise ValueError(f"interval {lower} to {upper} of a ratio: expected bounds above 0")
    width = np.log(upper / lower) if ratio else upper - lower
    return float(width / (2 * compute_normal_quantile(confidence)))
