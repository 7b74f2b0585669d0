"""Events over time at risk: the exact comparison of two Poisson rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv


@dataclass(frozen=True)
class RateRatioResult:
    """Ratio of two rates.

    Attributes
    ----------
    status : ``ok``; ``no_events`` where neither group has one (all empty); ``unbounded`` where the
        reference has none (ratio and upper bound do not exist)
    rate, rate_reference : events per unit of time at risk
    ratio, lower, upper, p_value : exact conditional interval and two-sided test
    std_error : of the logarithm, sqrt(1/events + 1/events of the reference); nan where a group has none
    """

    status: str
    rate: float
    rate_reference: float
    ratio: float
    lower: float
    upper: float
    p_value: float
    std_error: float


def compute_rate_ratio(
    n_events: float,
    time_at_risk: float,
    n_events_reference: float,
    time_at_risk_reference: float,
    *,
    confidence: float = 0.95,
) -> RateRatioResult:
    """Compare two Poisson rates exactly, given the total number of events.

    Parameters
    ----------
    n_events, n_events_reference : whole counts
    time_at_risk, time_at_risk_reference : above 0, in one unit; an expected number of events may stand for
        the reference's time, which makes the ratio observed over expected with the reference's own
        uncertainty

    Returns
    -------
    RateRatioResult

    Raises
    ------
    ValueError
        for negative or fractional counts, or time at risk of 0 or less.

    Notes
    -----
    Given the total, the count is binomial; its Clopper-Pearson interval is carried over, and the two-sided
    p-value adds the outcomes no likelier than the one seen, as R's poisson.test.

    Examples
    --------
    >>> result = compute_rate_ratio(31, 812.5, 44, 690.25)
    >>> round(result.ratio, 4), result.status
    (0.5985, 'ok')
    """
    counts, times = (n_events, n_events_reference), (time_at_risk, time_at_risk_reference)
    if any(c < 0 or c != round(c) or not np.isfinite(c) for c in counts):
        raise ValueError(f"numbers of events {counts}: expected whole numbers, 0 or more")
    if not all(np.isfinite(t) and t > 0 for t in times):
        raise ValueError(f"times at risk {times}: expected numbers above 0")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
    rates = counts[0] / times[0], counts[1] / times[1]
    total, tail = counts[0] + counts[1], (1 - confidence) / 2
    if total == 0:
        return RateRatioResult("no_events", *rates, np.nan, np.nan, np.nan, np.nan, np.nan)
    odds = times[1] / times[0]
    low = float(betaincinv(counts[0], counts[1] + 1, tail)) if counts[0] else 0.0
    lower = low / (1 - low) * odds
    p_value = _binomial_p_value(int(counts[0]), int(total), 1 / (1 + odds))
    if counts[1] == 0:
        return RateRatioResult("unbounded", *rates, np.nan, lower, np.nan, p_value, np.nan)
    high = float(betaincinv(counts[0] + 1, counts[1], 1 - tail))
    std_error = float(np.sqrt(1 / counts[0] + 1 / counts[1])) if counts[0] else np.nan
    return RateRatioResult(
        "ok", *rates, rates[0] / rates[1], lower, high / (1 - high) * odds, p_value, std_error
    )


def _binomial_p_value(successes: int, trials: int, probability: float) -> float:
    from scipy.stats import binomtest

    return float(binomtest(successes, trials, probability).pvalue)
