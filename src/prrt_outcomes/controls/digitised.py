"""Points read off a published curve, cleaned: in order, from (0, 1), never rising."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from prrt_outcomes.study.controls import CurveControl

CURVE_TABLES = ("control_curves", "control_at_risk")
CURVE_KEYS = ("control", "arm", "endpoint")
PERCENT_FROM = 1.5
LARGEST_RISE = 0.05


@dataclass(frozen=True)
class DigitisedCurve:
    """A published curve and its numbers at risk.

    Attributes
    ----------
    time, survival : points in order of time, the first (0, 1), survival not rising
    risk_time, at_risk : numbers at risk; the first at time 0 is the arm's size
    """

    time: NDArray[np.float64]
    survival: NDArray[np.float64]
    risk_time: NDArray[np.float64]
    at_risk: NDArray[np.int64]


def select_curve(table: pd.DataFrame, control: CurveControl) -> pd.DataFrame:
    """Rows of a table of curves that belong to a control; rows keep their labels."""
    wanted = zip(CURVE_KEYS, (control.id, control.arm, control.endpoint), strict=True)
    chosen = pd.concat([table[key].eq(value) for key, value in wanted], axis=1).all(axis=1)
    return table.loc[chosen.to_numpy(dtype=bool)]


def clean_digitised_curve(
    time: ArrayLike, survival: ArrayLike, risk_time: ArrayLike, at_risk: ArrayLike
) -> DigitisedCurve:
    """Clean the points and the risk table of a published curve.

    Parameters
    ----------
    time, survival : points in any order; percent are recognised (a median above 1.5)
    risk_time, at_risk : rows of the risk table; rows without a number are left out

    Returns
    -------
    DigitisedCurve

    Raises
    ------
    ValueError
        in words: fewer than two points, no number at risk at time 0, a risk table that grows, survival that
        rises by more than 5 percentage points (not a survival curve), or survival clearly below 0.

    Notes
    -----
    Times below 0 become 0, survival above 1 becomes 1, small rises are levelled at the running minimum.
    """
    points = clean_points(time, survival)
    times, numbers = _known_pairs(risk_time, at_risk)
    order = np.argsort(times, kind="stable")
    times, numbers = times[order], np.round(numbers[order]).astype(np.int64)
    if not len(times) or times[0] != 0:
        raise ValueError("the risk table has no row at time 0, the size of the arm")
    if (np.diff(times) == 0).any():
        raise ValueError(f"the risk table names a time twice: {times[1:][np.diff(times) == 0][0]:g}")
    if (np.diff(numbers) > 0).any():
        raise ValueError(f"the risk table grows at time {times[1:][np.diff(numbers) > 0][0]:g}")
    if numbers[0] < 1 or (numbers < 0).any():
        raise ValueError("numbers at risk must be 0 or more, and 1 or more at time 0")
    return replace(points, risk_time=times, at_risk=numbers)


def clean_points(time: ArrayLike, survival: ArrayLike) -> DigitisedCurve:
    """Clean the points of a curve that has no risk table, as `clean_digitised_curve`; the table stays empty."""
    t, s = _known_pairs(time, survival)
    if len(t) < 2:
        raise ValueError("fewer than two points of the curve")
    t, s, level, _ = _sort_points(t, s)
    if (s < -0.05).any():
        raise ValueError(f"survival below 0: {s.min():.3g}")
    rise = np.clip(s, 0.0, 1.0) - level
    if rise.max() > LARGEST_RISE:
        at = t[int(rise.argmax())]
        raise ValueError(f"survival rises by {rise.max():.3g} up to time {at:.4g}: not a survival curve")
    t, level = np.append(0.0, np.maximum(t, 0.0)), np.append(1.0, level)
    last = np.append(t[1:] > t[:-1], True)
    t, level = t[last], np.where(t[last] == 0, 1.0, level[last])
    return DigitisedCurve(t, level, np.zeros(0), np.zeros(0, dtype=np.int64))


def find_rises(time: NDArray, survival: NDArray) -> NDArray[np.int64]:
    """Positions of the points that lie above an earlier one by more than is levelled, in order of time."""
    known = np.flatnonzero(np.isfinite(time) & np.isfinite(survival))
    if not len(known):
        return known
    _, s, level, order = _sort_points(time[known], survival[known])
    return known[order][np.clip(s, 0.0, 1.0) - level > LARGEST_RISE]


def _sort_points(time: NDArray, survival: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Times and survival as a share, in order of time, the running minimum of survival, and the order."""
    share = survival / 100.0 if np.median(survival) > PERCENT_FROM else survival
    order = np.lexsort((-share, time))
    share = share[order]
    return time[order], share, np.minimum.accumulate(np.clip(share, 0.0, 1.0)), order


def _known_pairs(first: ArrayLike, second: ArrayLike) -> tuple[NDArray, NDArray]:
    """Pairs of which both numbers are known."""
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    known = np.isfinite(a) & np.isfinite(b)
    return a[known], b[known]
