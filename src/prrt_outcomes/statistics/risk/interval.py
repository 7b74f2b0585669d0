"""Confidence intervals of a probability that comes from a product or sum over risk sets."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

IntervalType = Literal["log-log", "log", "plain", "logit", "arcsin"]
INTERVAL_TYPES: tuple[str, ...] = ("log-log", "log", "plain", "logit", "arcsin")


def compute_normal_quantile(confidence: float) -> float:
    """Return the two-sided normal quantile, 1.96 for 0.95."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    return float(ndtri(0.5 + confidence / 2.0))


def compute_interval(
    probability: ArrayLike,
    std_error: ArrayLike,
    interval: IntervalType = "log-log",
    confidence: float = 0.95,
    quantile: float | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute a pointwise interval on one of five scales, cut to 0..1.

    Parameters
    ----------
    probability : survival (or cumulative incidence), 0 to 1
    std_error : its standard error, on the probability scale
    interval : ``log-log`` log(-log p), ``log`` log p, ``plain`` p, ``logit`` log(p / (1 - p)), ``arcsin``
        arcsin(sqrt p), as R's ``survfit``
    confidence : two-sided
    quantile : in place of the normal quantile (simultaneous bands)

    Returns
    -------
    lower, upper : nan where the scale has no interval: p = 0 (all but plain), p = 1 (log-log, logit, arcsin)

    Raises
    ------
    ValueError : unknown interval type, confidence outside 0 to 1

    References
    ----------
    Kalbfleisch and Prentice 2002, section 1.4; R survival ``survfit.formula``, argument ``conf.type``.
    """
    if interval not in INTERVAL_TYPES:
        raise ValueError(f"interval must be one of {', '.join(INTERVAL_TYPES)}, not {interval!r}")
    z = compute_normal_quantile(confidence) if quantile is None else quantile
    p = np.asarray(probability, dtype=np.float64)
    se = np.asarray(std_error, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if interval == "plain":
            lower, upper = p - z * se, p + z * se
        elif interval == "log":
            lower, upper = p * np.exp(-z * se / p), p * np.exp(z * se / p)
        elif interval == "log-log":
            half = z * se / (p * np.log(p))
            lower, upper = p ** np.exp(-half), p ** np.exp(half)
        elif interval == "logit":
            odds, half = np.log(p / (1 - p)), z * se / (p * (1 - p))
            lower, upper = 1 / (1 + np.exp(half - odds)), 1 / (1 + np.exp(-half - odds))
        else:
            angle, half = np.arcsin(np.sqrt(p)), 0.5 * z * se / np.sqrt(p * (1 - p))
            lower = np.sin(np.maximum(0.0, angle - half)) ** 2
            upper = np.sin(np.minimum(np.pi / 2, angle + half)) ** 2
        lower, upper = np.clip(lower, 0.0, 1.0), np.clip(upper, 0.0, 1.0)
    undefined = ~(np.isfinite(lower) & np.isfinite(upper) & np.isfinite(se))
    undefined |= (p == 1.0) & (interval not in ("plain", "log"))
    return np.where(undefined, np.nan, lower), np.where(undefined, np.nan, upper)
