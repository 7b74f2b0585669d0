"""One-sample log-rank test: observed events against those that a reference curve expects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincinv, ndtr

from prrt_outcomes.statistics.data import SurvivalData


@dataclass(frozen=True)
class PiecewiseExponential:
    """A survival curve with constant hazards between cuts.

    Attributes
    ----------
    cuts : starts of the pieces, increasing, the first 0
    hazards : hazard of each piece, per unit of time; the last goes on for ever
    """

    cuts: tuple[float, ...]
    hazards: tuple[float, ...]

    def compute_cumulative_hazard(self, time: ArrayLike) -> NDArray[np.float64]:
        """Return the cumulative hazard at each time, shape as `time`."""
        t = np.asarray(time, dtype=np.float64)[..., None]
        ends = np.append(self.cuts[1:], np.inf)
        spent = np.clip(t, self.cuts, ends) - np.asarray(self.cuts)
        return spent @ np.asarray(self.hazards)

    def compute_survival(self, time: ArrayLike) -> NDArray[np.float64]:
        """Return S at each time, shape as `time`."""
        return np.exp(-self.compute_cumulative_hazard(time))


@dataclass(frozen=True)
class OneSampleLogRank:
    """Observed against expected events.

    Attributes
    ----------
    n : patients; 0 where only counts were given
    observed, expected : events O and E
    ratio, ratio_lower, ratio_upper : O / E with the exact Poisson interval, which takes E as fixed
    statistic, p_value : (O - E) / sqrt(E), two-sided normal
    statistic_wu, p_value_wu : Wu's (O - E) / sqrt((O + E) / 2), less skewed in small samples
    status : ``ok``, or ``too_few`` where nothing is expected (all numbers but O and E are nan)
    """

    n: int
    observed: float
    expected: float
    ratio: float
    ratio_lower: float
    ratio_upper: float
    statistic: float
    p_value: float
    statistic_wu: float
    p_value_wu: float
    status: str


def fit_piecewise_exponential(times: ArrayLike, survival: ArrayLike) -> PiecewiseExponential:
    """Lay a piecewise exponential curve through points of a survival curve; the last hazard goes on.

    Parameters
    ----------
    times : above 0, distinct, any order (a median and milestones), shape (n,)
    survival : S at each time, above 0, at most 1, not rising

    Raises
    ------
    ValueError : no points, repeated or negative times, survival outside (0, 1] or rising
    """
    t, s = np.asarray(times, dtype=np.float64), np.asarray(survival, dtype=np.float64)
    if t.ndim != 1 or t.shape != s.shape or len(t) == 0:
        raise ValueError("times and survival must be two lists of the same length, at least 1")
    if not (np.isfinite(t).all() and np.isfinite(s).all() and (t > 0).all()):
        raise ValueError("times must be numbers above 0 and survival must be known at each")
    order = np.argsort(t)
    t, s = t[order], s[order]
    if (np.diff(t) <= 0).any():
        raise ValueError("a time is given twice")
    if (s <= 0).any() or (s > 1).any() or (np.diff(s) > 0).any():
        raise ValueError(f"survival must lie above 0, at most 1, and never rise; found {s.tolist()}")
    hazards = np.diff(-np.log(np.append(1.0, s))) / np.diff(np.append(0.0, t))
    return PiecewiseExponential((0.0, *t[:-1].tolist()), tuple((hazards + 0.0).tolist()))


def compute_poisson_interval(count: float, confidence: float = 0.95) -> tuple[float, float]:
    """Compute the exact interval of the mean of a Poisson count (Garwood 1936, Biometrika 28:437)."""
    if count < 0 or not 0.0 < confidence < 1.0:
        raise ValueError(
            f"expected a count of 0 or more and confidence between 0 and 1, not {count}, {confidence}"
        )
    tail = (1.0 - confidence) / 2.0
    lower = float(gammaincinv(count, tail)) if count > 0 else 0.0
    return lower, float(gammaincinv(count + 1.0, 1.0 - tail))


def compute_one_sample_logrank(
    data: SurvivalData,
    reference: PiecewiseExponential,
    *,
    confidence: float = 0.95,
) -> OneSampleLogRank:
    """Compare the events of a cohort with those that a reference curve expects in the same time at risk.

    Parameters
    ----------
    data : survival data; events other than 1 are not observed; with late entry only the hazard after entry is
        expected
    reference : curve with cumulative hazard Lambda; E = sum of Lambda(time) - Lambda(entry)

    References
    ----------
    Breslow 1975; Finkelstein, Muzikansky and Schoenfeld 2003, JNCI 95:1434; Wu 2014, Pharmaceutical
    Statistics 13:26.
    """
    data.refuse("weights", "strata", method="the one-sample log-rank test")
    expected = float(reference.compute_cumulative_hazard(data.time).sum())
    if data.entry is not None:
        expected -= float(reference.compute_cumulative_hazard(data.entry).sum())
    observed = float(np.sum(data.event == 1))
    return compute_observed_expected(observed, expected, n=data.n, confidence=confidence)


def compute_observed_expected(
    observed: float, expected: float, *, n: int = 0, confidence: float = 0.95
) -> OneSampleLogRank:
    """Compute the one-sample test from its two counts, as `compute_one_sample_logrank`."""
    if not (np.isfinite(expected) and expected > 0):
        return OneSampleLogRank(n, observed, expected, *(float("nan"),) * 7, status="too_few")
    lower, upper = compute_poisson_interval(observed, confidence)
    z = (observed - expected) / np.sqrt(expected)
    z_wu = (observed - expected) / np.sqrt((observed + expected) / 2.0)
    return OneSampleLogRank(
        n=n,
        observed=observed,
        expected=expected,
        ratio=observed / expected,
        ratio_lower=lower / expected,
        ratio_upper=upper / expected,
        statistic=float(z),
        p_value=float(2.0 * ndtr(-abs(z))),
        statistic_wu=float(z_wu),
        p_value_wu=float(2.0 * ndtr(-abs(z_wu))),
        status="ok",
    )
