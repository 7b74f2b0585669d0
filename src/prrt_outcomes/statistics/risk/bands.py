"""Simultaneous confidence bands of a Kaplan-Meier curve: Hall-Wellner and equal precision (Nair)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from prrt_outcomes.statistics.risk.interval import IntervalType, compute_interval
from prrt_outcomes.statistics.risk.kaplan_meier import KaplanMeier


@dataclass(frozen=True, eq=False)
class Band:
    """A simultaneous band; arrays have one element per time of the curve inside the range.

    Attributes
    ----------
    time, lower, upper : the band at the curve's times within the range
    kind : ``hall_wellner`` or ``equal_precision``
    critical_value : of the supremum of the limiting process
    fraction_low, fraction_high : n sigma^2 / (1 + n sigma^2) at the ends of the range
    status : ``ok``; ``too_few`` (no range with positive variance: arrays are empty)
    """

    time: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    kind: str
    critical_value: float
    fraction_low: float
    fraction_high: float
    status: str


def compute_band(
    curve: KaplanMeier,
    kind: Literal["hall_wellner", "equal_precision"] = "equal_precision",
    *,
    interval: IntervalType = "log-log",
    confidence: float = 0.95,
    time_low: float | None = None,
    time_high: float | None = None,
) -> Band:
    """Compute a band that holds the whole curve between two times with the given confidence.

    Parameters
    ----------
    curve : curve with Greenwood variance; Hall-Wellner without late entry
    kind : ``hall_wellner`` (wide where few are at risk) or ``equal_precision`` (proportional to the
        pointwise one)
    interval : scale of the band, as `compute_interval`
    time_low, time_high : range; default from the first event to the last event with S > 0

    Returns
    -------
    Band

    Raises
    ------
    ValueError : a curve with robust variance or weights; Hall-Wellner with late entry; unknown kind

    References
    ----------
    Hall and Wellner 1980, Biometrika 67:133; Nair 1984, Technometrics 26:265; Klein and Moeschberger 2003,
    4.4.
    """
    if kind not in ("hall_wellner", "equal_precision"):
        raise ValueError(f"kind must be hall_wellner or equal_precision, not {kind!r}")
    if curve.variance != "greenwood":
        raise ValueError(
            "simultaneous bands need Greenwood's variance: their limit process is unknown otherwise"
        )
    if kind == "hall_wellner" and curve.delayed_entry:
        raise ValueError("the Hall-Wellner band has no sample size under late entry; use equal_precision")
    low = -np.inf if time_low is None else time_low
    high = np.inf if time_high is None else time_high
    usable = (curve.time >= low) & (curve.time <= high) & (curve.relative_variance > 0)
    if not usable.any():
        empty = np.array([])
        return Band(empty, empty, empty, kind, float("nan"), float("nan"), float("nan"), "too_few")
    survival, sigma2 = curve.survival[usable], curve.relative_variance[usable]
    fraction = curve.n * sigma2 / (1.0 + curve.n * sigma2)
    first, last = float(fraction[0]), float(fraction[-1])
    critical = compute_band_critical_value(kind, first, last, confidence)
    hall_wellner = (1.0 + curve.n * sigma2) / np.sqrt(curve.n)
    scale = hall_wellner if kind == "hall_wellner" else np.sqrt(sigma2)
    lower, upper = compute_interval(survival, survival * scale, interval, confidence, quantile=critical)
    return Band(curve.time[usable], lower, upper, kind, critical, first, last, "ok")


def compute_band_critical_value(kind: str, low: float, high: float, confidence: float = 0.95) -> float:
    """Return c such that the band's limit process stays within +-c on [low, high] with the given probability.

    Parameters
    ----------
    kind : ``hall_wellner`` sup of a Brownian bridge, ``equal_precision`` of the bridge over its standard
        deviation
    low, high : 0 < low <= high < 1

    Returns
    -------
    float; Hall-Wellner exact by quadrature, equal precision by the tail formula of Miller and Siegmund 1982
    (Biometrics 38:1011), which Nair uses
    """
    from scipy.optimize import brentq

    def excess(c: float) -> float:
        if kind == "equal_precision":
            return _equal_precision_tail(c, low, high) - (1.0 - confidence)
        return confidence - _bridge_within(c, low, high)

    return float(brentq(excess, 0.05 if kind == "hall_wellner" else 1.0, 12.0, xtol=1e-10))


def _equal_precision_tail(c: float, low: float, high: float) -> float:
    """Return P(sup |bridge| / sd > c), which is 2 (1 - Phi(c)) where the range is one point."""
    density = np.exp(-c * c / 2.0) / np.sqrt(2.0 * np.pi)
    length = np.log(high * (1.0 - low) / (low * (1.0 - high)))
    if length <= 0:
        return float(2.0 * ndtr(-c))
    return float(min(1.0, 4.0 * density / c + density * (c - 1.0 / c) * length))


def _bridge_within(c: float, low: float, high: float) -> float:
    """Return P(|Brownian bridge| <= c on [low, high]), by quadrature over its values at both ends."""
    node, weight = np.polynomial.legendre.leggauss(96)
    start_variance = low * (1 - low)
    reach = min(c, 9.0 * np.sqrt(start_variance))
    a = reach * node
    density_a = np.exp(-a * a / (2 * start_variance)) / np.sqrt(2 * np.pi * start_variance)
    span = high - low
    if span < 1e-12:
        return float(2 * ndtr(c / np.sqrt(start_variance)) - 1)
    shrink = (1 - high) / (1 - low)
    variance = span * shrink
    bottom = np.maximum(-c, shrink * a - 9.0 * np.sqrt(variance))
    top = np.minimum(c, shrink * a + 9.0 * np.sqrt(variance))
    half = np.maximum((top - bottom) / 2, 0.0)
    b = ((top + bottom) / 2)[:, None] + half[:, None] * node[None, :]
    a = a[:, None]
    density_b = np.exp(-((b - shrink * a) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    stay = np.zeros_like(b)
    for k in range(-12, 13):
        stay += np.exp(-4 * k * c * (2 * k * c + b - a) / span)
        stay -= np.exp(-2 * (a - (2 * k + 1) * c) * (b - (2 * k + 1) * c) / span)
    inner = (density_b * np.clip(stay, 0.0, 1.0)) @ weight * half
    return float(np.sum(reach * weight * density_a * inner))
