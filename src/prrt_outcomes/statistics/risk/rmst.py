"""Restricted mean survival time: the area under a Kaplan-Meier curve up to a horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prrt_outcomes.statistics.risk.interval import compute_normal_quantile
from prrt_outcomes.statistics.risk.kaplan_meier import KaplanMeier
from prrt_outcomes.statistics.risk.milestone import Difference, compute_difference
from prrt_outcomes.statistics.risk.rows import TIE_TOLERANCE


@dataclass(frozen=True)
class RestrictedMean:
    """Mean survival time up to a horizon.

    Attributes
    ----------
    horizon : the horizon, in the curve's unit
    rmst, std_error, lower, upper : estimate with normal interval
    status : ``ok``; ``no_events`` (everybody lives to the horizon: no standard error); ``too_few`` (the horizon
        lies beyond the last time of a curve that ends censored, never a silent extension: all nan; or all have
        the event at once: no standard error)
    """

    horizon: float
    rmst: float
    std_error: float
    lower: float
    upper: float
    status: str


def compute_rmst(curve: KaplanMeier, horizon: float) -> RestrictedMean:
    """Compute the area under the curve up to the horizon.

    Parameters
    ----------
    curve : Kaplan-Meier curve; with robust variance the robust variance is used here too
    horizon : above 0

    Returns
    -------
    RestrictedMean; variance = sum of (area beyond t)^2 d / (n (n - d)) over event times t up to the horizon

    Raises
    ------
    ValueError : horizon not above 0

    References
    ----------
    Klein and Moeschberger 2003, section 4.5.
    """
    if not horizon > 0 or not np.isfinite(horizon):
        raise ValueError(f"horizon must be a number above 0, not {horizon}")
    slack = TIE_TOLERANCE * max(1.0, float(np.mean(np.abs(curve.time))))
    if horizon > curve.time[-1] + slack and curve.survival[-1] > 0:
        return RestrictedMean(horizon, *[float("nan")] * 4, status="too_few")
    used = curve.time <= horizon + slack
    time, survival = curve.time[used], curve.survival[used]
    width = np.maximum(np.diff(np.concatenate(([0.0], time, [horizon]))), 0.0)
    area = width * np.concatenate(([1.0], survival))
    beyond = np.cumsum(area[::-1])[::-1][1:]
    rmst = float(np.sum(area))
    at_risk, events = curve.weighted_at_risk[used], curve.weighted_events[used]
    spared = np.maximum(at_risk - events, 0.0)
    whole = spared > 0
    if curve.influence is None:
        share = np.divide(events, at_risk * spared, out=np.zeros_like(spared), where=whole)
        variance = float(np.sum(beyond**2 * share))
    else:
        gradient = np.zeros(len(curve.time))
        gradient[: len(time)] = np.divide(beyond * at_risk, spared, out=np.zeros_like(spared), where=whole)
        variance = curve.influence.compute_variance(gradient, curve.weighted_at_risk, curve.weighted_events)
    if not variance > 0:
        status = "too_few" if events.sum() > 0 else "no_events"
        return RestrictedMean(horizon, rmst, *[float("nan")] * 3, status=status)
    std_error = float(np.sqrt(variance))
    half = compute_normal_quantile(curve.confidence) * std_error
    return RestrictedMean(horizon, rmst, std_error, rmst - half, rmst + half, "ok")


def compute_rmst_difference(
    first: KaplanMeier, second: KaplanMeier, horizon: float, confidence: float = 0.95
) -> Difference:
    """Compute RMST of the first minus that of the second of two independent groups; ``too_few`` as
    `compute_rmst`.

    References
    ----------
    Uno, Claggett, Tian et al. 2014, Journal of Clinical Oncology 32:2380.
    """
    pair = [compute_rmst(curve, horizon) for curve in (first, second)]
    return compute_difference(
        (pair[0].rmst, pair[1].rmst), (pair[0].std_error, pair[1].std_error), confidence
    )
