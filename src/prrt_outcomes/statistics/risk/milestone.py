"""Survival at milestones (12, 24 months), and the difference of two groups there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from prrt_outcomes.statistics.risk.interval import compute_interval, compute_normal_quantile
from prrt_outcomes.statistics.risk.kaplan_meier import KaplanMeier
from prrt_outcomes.statistics.risk.rows import TIE_TOLERANCE


@dataclass(frozen=True, eq=False)
class Milestones:
    """Survival at given times; arrays have one element a milestone.

    Attributes
    ----------
    time : the milestones
    survival, std_error, lower, upper : estimate and interval of the curve's type
    at_risk : patients at risk just before the milestone
    status : ``ok``; ``no_events`` (S = 1 so far, no interval); ``too_few`` (S = 0, no interval; or beyond
        the last
        time of a curve that ends censored, where nothing is estimated)
    """

    time: NDArray[np.float64]
    survival: NDArray[np.float64]
    std_error: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    at_risk: NDArray[np.float64]
    status: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """First minus second of two independent estimates, with a normal interval and two-sided p-value.

    `status` is ``ok`` or ``too_few``; where it is not ok all numbers are nan.
    """

    difference: float
    std_error: float
    lower: float
    upper: float
    p_value: float
    status: str


def compute_milestones(curve: KaplanMeier, times: ArrayLike) -> Milestones:
    """Compute survival at milestones.

    Parameters
    ----------
    curve : Kaplan-Meier curve
    times : milestones in the curve's unit, 0 or more, shape (n,)

    Returns
    -------
    Milestones, in the order given
    """
    wanted = np.atleast_1d(np.asarray(times, dtype=np.float64))
    slack = TIE_TOLERANCE * max(1.0, float(np.mean(np.abs(curve.time))))
    place = np.searchsorted(curve.time, wanted + slack, side="right")
    survival = np.concatenate(([1.0], curve.survival))[place]
    std_error = np.concatenate(([0.0], curve.std_error))[place]
    beyond = (wanted > curve.time[-1] + slack) & (survival > 0)
    survival, std_error = np.where(beyond, np.nan, survival), np.where(beyond, np.nan, std_error)
    lower, upper = compute_interval(survival, std_error, curve.interval, curve.confidence)
    no_events = survival == 1.0
    lower, upper = np.where(no_events, np.nan, lower), np.where(no_events, np.nan, upper)
    next_time = np.searchsorted(curve.time, wanted - slack)
    at_risk = np.append(curve.at_risk, 0.0)[next_time]
    known = np.isfinite(lower) & np.isfinite(upper)
    status = np.where(known, "ok", np.where(no_events, "no_events", "too_few"))
    return Milestones(wanted, survival, std_error, lower, upper, at_risk, tuple(status.tolist()))


def compute_difference(
    estimates: tuple[float, float], std_errors: tuple[float, float], confidence: float = 0.95
) -> Difference:
    """Compute first minus second of two independent estimates; ``too_few`` where either is unknown."""
    z = compute_normal_quantile(confidence)
    value = estimates[0] - estimates[1]
    std_error = float(np.hypot(*std_errors))
    if not (np.isfinite(value) and np.isfinite(std_error) and std_error > 0):
        return Difference(*[float("nan")] * 5, status="too_few")
    p_value = float(2.0 * ndtr(-abs(value) / std_error))
    return Difference(
        float(value), std_error, float(value - z * std_error), float(value + z * std_error), p_value, "ok"
    )


def compute_milestone_difference(
    first: KaplanMeier, second: KaplanMeier, time: float, confidence: float = 0.95
) -> Difference:
    """Compute S_first(time) - S_second(time) of two independent groups, with a plain interval.

    References
    ----------
    Klein, Logan, Harhoff and Andersen 2007, Statistics in Medicine 26:4505, section 2.1.
    """
    pair = [compute_milestones(curve, [time]) for curve in (first, second)]
    return compute_difference(
        (pair[0].survival[0], pair[1].survival[0]), (pair[0].std_error[0], pair[1].std_error[0]), confidence
    )
