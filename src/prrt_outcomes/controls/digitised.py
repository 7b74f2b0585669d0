"""Points read off a published curve, cleaned: in order, from (0, 1), never rising."""

from __future__ import annotations

from dataclasses import dataclass
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
    notes : what was cleaned, in words
    """

    time: NDArray[np.float64]
    survival: NDArray[np.float64]
    risk_time: NDArray[np.float64]
    at_risk: NDArray[np.int64]
    notes: tuple[str, ...]


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
    notes = list(points.notes)
    times, numbers = _clean_risk_table(risk_time, at_risk, notes)
    return DigitisedCurve(points.time, points.survival, times, numbers, tuple(notes))


def clean_points(time: ArrayLike, survival: ArrayLike) -> DigitisedCurve:
    """Clean the points of a curve that has no risk table, as `clean_digitised_curve`; the table stays empty."""
    notes: list[str] = []
    t, s = _finite_pairs(time, survival, "points", notes)
    if len(t) < 2:
        raise ValueError("fewer than two points of the curve")
    if np.median(s) > PERCENT_FROM:
        s = s / 100.0
        notes.append("survival was in percent")
    if (s < -0.05).any():
        raise ValueError(f"survival below 0: {s.min():.3g}")
    cleaned = (
        (np.diff(t) < 0, "points were out of order"),
        (t < 0, "times below 0 were set to 0"),
        (s < 0, "values below 0 were set to 0"),
        (s > 1, "values above 1 were set to 1"),
    )
    notes += [f"{int(where.sum())} {words}" for where, words in cleaned if where.any()]
    order = np.lexsort((-s, t))
    t, s = t[order], s[order]
    t, s = np.maximum(t, 0.0), np.clip(s, 0.0, 1.0)
    level = np.minimum.accumulate(s)
    rise = s - level
    if rise.max() > LARGEST_RISE:
        worst = int(rise.argmax())
        raise ValueError(
            f"survival rises by {rise.max():.3g} up to time {t[worst]:.4g}: not a survival curve"
        )
    if (rise > 0).any():
        notes.append(f"{int((rise > 0).sum())} points that rise were levelled, by {rise.max():.2g} at most")
    t, level = np.concatenate(([0.0], t)), np.concatenate(([1.0], level))
    last = np.concatenate((t[1:] > t[:-1], [True]))
    t, level = t[last], np.where(t[last] == 0, 1.0, level[last])
    return DigitisedCurve(t, level, np.zeros(0), np.zeros(0, dtype=np.int64), tuple(notes))


def find_rises(time: NDArray, survival: NDArray) -> NDArray[np.int64]:
    """Positions of the points that lie above an earlier one by more than is levelled, in order of time."""
    known = np.flatnonzero(np.isfinite(time) & np.isfinite(survival))
    if not len(known):
        return known
    scale = 100.0 if np.median(survival[known]) > PERCENT_FROM else 1.0
    order = known[np.lexsort((-survival[known], time[known]))]
    values = np.clip(survival[order] / scale, 0.0, 1.0)
    return order[values - np.minimum.accumulate(values) > LARGEST_RISE]


def _finite_pairs(first: ArrayLike, second: ArrayLike, what: str, notes: list[str]):
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    known = np.isfinite(a) & np.isfinite(b)
    if not known.all():
        notes.append(f"{int((~known).sum())} {what} without a number were left out")
    return a[known], b[known]


def _clean_risk_table(risk_time: ArrayLike, at_risk: ArrayLike, notes: list[str]):
    times, numbers = _finite_pairs(risk_time, at_risk, "rows of the risk table", notes)
    order = np.argsort(times, kind="stable")
    times, numbers = times[order], np.round(numbers[order]).astype(np.int64)
    if not len(times) or times[0] != 0:
        raise ValueError("the risk table has no row at time 0, the size of the arm")
    if (np.diff(times) == 0).any():
        raise ValueError(f"the risk table names a time twice: {times[1:][np.diff(times) == 0][0]:g}")
    if (np.diff(numbers) > 0).any():
        grows = times[1:][np.diff(numbers) > 0]
        raise ValueError(f"the risk table grows at time {grows[0]:g}")
    if numbers[0] < 1 or (numbers < 0).any():
        raise ValueError("numbers at risk must be 0 or more, and 1 or more at time 0")
    return times, numbers
