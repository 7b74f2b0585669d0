"""Median and other quantiles of a Kaplan-Meier curve, with the interval where the band crosses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prrt_outcomes.statistics.risk.kaplan_meier import KaplanMeier
from prrt_outcomes.statistics.risk.rows import TIE_TOLERANCE


@dataclass(frozen=True)
class Quantile:
    """The time by which a share of patients has had the event.

    Attributes
    ----------
    probability : the share, 0.5 for the median
    time : the quantile; nan where it is not reached
    lower, upper : its interval; nan where the band does not cross (limit not reached)
    status : ``ok``, ``not_reached`` or ``no_events``; ``ok`` speaks of `time`, a limit may still be nan
    """

    probability: float
    time: float
    lower: float
    upper: float
    status: str


def compute_quantile(curve: KaplanMeier, probability: float = 0.5) -> Quantile:
    """Compute the first time with S(t) <= 1 - probability; on a flat stretch exactly there, its midpoint.

    Parameters
    ----------
    curve : Kaplan-Meier curve with its interval
    probability : between 0 and 1, both excluded

    Returns
    -------
    Quantile; the interval is that of the times at which the curve's lower and upper limits cross
    (Brookmeyer and
    Crowley 1982, generalised to each interval type)

    Raises
    ------
    ValueError : probability outside 0 to 1

    Notes
    -----
    S is compared with a tolerance of 1.5e-8, so that 0.5 + 1e-16 is 0.5. A flat stretch that lasts to the
    end of the curve takes the midpoint up to the last time (R's ``quantile.survfit``; SAS calls it not
    estimable).
    """
    if not 0.0 < probability < 1.0:
        raise ValueError(f"probability must lie between 0 and 1, not {probability}")
    time = _crossing(curve.time, 1.0 - curve.survival, probability)
    lower = _crossing(curve.time, 1.0 - curve.lower, probability)
    upper = _crossing(curve.time, 1.0 - curve.upper, probability)
    status = "ok" if np.isfinite(time) else ("not_reached" if curve.n_events else "no_events")
    return Quantile(probability, time, lower, upper, status)


def _crossing(time: NDArray[np.float64], failed: NDArray[np.float64], probability: float) -> float:
    """Return where `failed` (nan where unknown) reaches the probability, by R's midpoint rule.

    A limit need not be monotone: the level next above the probability decides, then the first time it is
    held.
    """
    known = np.isfinite(failed)
    if not known.any():
        return float("nan")
    level, when = failed[known], time[known]
    above = level[level >= probability - TIE_TOLERANCE]
    beyond = level[level >= probability + TIE_TOLERANCE]
    if len(above) == 0:
        return float("nan")
    reached = _first_time(level, when, above.min())
    ends_flat = known[-1] and abs(failed[-1] - probability) < TIE_TOLERANCE
    if ends_flat or len(beyond) == 0:
        return float((reached + time[-1]) / 2.0)
    return float((reached + _first_time(level, when, beyond.min())) / 2.0)


def _first_time(level: NDArray[np.float64], when: NDArray[np.float64], value: float) -> float:
    """Return the first time at a level; a flat stretch may carry rounding noise."""
    return float(when[np.argmax(np.abs(level - value) <= TIE_TOLERANCE)])
