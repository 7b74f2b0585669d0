"""Published curves: points cleaned, times checked, and the one-sample log-rank test against a curve."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from prrt_outcomes.controls.observed_expected import ReferenceCurve, cut_follow_up, one_sample_row
from prrt_outcomes.statistics.curve_summaries import fit_piecewise_exponential
from prrt_outcomes.study.controls import CurveControl
from prrt_outcomes.survival.endpoint_rows import EndpointRows

CURVE_TABLES = ("control_curves", "control_at_risk")
CURVE_KEYS = ("control", "arm", "endpoint")
PERCENT_FROM = 1.5
LARGEST_RISE = 0.05
AS_PUBLISHED = "published curve as given, to its end at {end:.4g} months"


@dataclass(frozen=True)
class DigitisedCurve:
    """A published curve, in order of time from (0, 1) on and not rising, and its numbers at risk.

    The first number, at time 0, is the arm's size.
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
    """Clean the points, in any order, and the risk table of a published curve.

    Percent are recognised (a median above 1.5); times below 0 become 0, survival above 1 becomes 1, small rises are
    levelled at the running minimum; rows of the risk table without a number are left out. Raises ValueError, in
    words, for fewer than two points, no number at risk at time 0, a risk table that grows, survival that rises by
    more than 5 percentage points (not a survival curve), or survival clearly below 0.
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


@dataclass(frozen=True)
class OddTime:
    """A time of a published curve in months, far from what is known beside it: perhaps in another unit."""

    what: str
    months: float
    other: str
    known: float

    @property
    def ratio(self) -> float:
        """How many times the known one it is."""
        return self.months / self.known

    def describe(self, whose: str = "") -> str:
        """Both in words."""
        ours = f"the {self.what} of the curve{whose}"
        return f"{ours} is {self.ratio:.3g} times the {self.other} ({self.known:.4g} months)"


def find_odd_times(
    points: pd.DataFrame, risk: pd.DataFrame, control: CurveControl, ours: float
) -> list[OddTime]:
    """Times of a curve far from those published of it, from its risk table, or from our longest follow-up, `ours`."""
    share = points["survival"].astype(float)
    below = points.loc[share.le(50 if share.median() > PERCENT_FROM else 0.5), "time_months"].min()
    end, last = points["time_months"].max(), risk["time_months"].max()
    pairs = (
        ("median", below, "published median", control.published_median_months, 1 / 3, 3),
        ("last time", end, "published median follow-up", control.published_follow_up_months, 1 / 2, 5),
        ("last time", end, "last time of control_at_risk", last, 1 / 3, 3),
        ("last time", end, "longest follow-up in the cohort", ours, 0, 5),
    )
    found = [
        (OddTime(what, float(months), other, float(known)), least, most)
        for what, months, other, known, least, most in pairs
        if pd.notna(months) and pd.notna(known) and known > 0
    ]
    return [odd for odd, least, most in found if 0 < odd.ratio < least or odd.ratio > most]


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


def compare_with_given_curve(rows: EndpointRows, curve: DigitisedCurve, confidence: float) -> list[dict]:
    """One-sample log-rank against a published curve, our follow-up cut at its end so that nothing is extended.

    Points at which survival is 0 say nothing of a hazard and are left out; no row where the curve never falls.
    """
    usable = (curve.time > 0) & (curve.survival > 0)
    if not (curve.survival[usable] < 1).any():
        return []
    end = float(curve.time[curve.survival > 0][-1])
    cut = cut_follow_up(rows, end)
    if not len(cut.time_months):
        return []
    fitted = fit_piecewise_exponential(curve.time[usable], curve.survival[usable])
    reference = ReferenceCurve(AS_PUBLISHED.format(end=end), fitted, end, np.zeros(len(fitted.cuts)))
    n = curve.at_risk[0] if len(curve.at_risk) else np.nan
    return [one_sample_row(cut, reference, confidence, n_control=n, horizon_months=end)]
