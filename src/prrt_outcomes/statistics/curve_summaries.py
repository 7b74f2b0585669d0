"""What is read off a survival curve: quantiles, milestones, restricted mean; and events against a reference curve."""

from dataclasses import dataclass, replace
from math import nan

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincinv, ndtr

from prrt_outcomes.statistics.data import TIE_TOLERANCE, SurvivalData, compute_tie_limit
from prrt_outcomes.statistics.kaplan_meier import KaplanMeier, compute_interval, compute_normal_quantile


@dataclass(frozen=True)
class Quantile:
    """The time by which a share (`probability`) of patients has had the event; nan where it is not reached.

    `lower`, `upper`: its interval; nan where the band does not cross (limit not reached). `status`: ``ok``,
    ``not_reached``, ``no_events`` or ``too_few`` (late entry let the risk set run empty); ``ok`` speaks of `time`, a
    limit may still be nan.
    """

    probability: float
    time: float
    lower: float
    upper: float
    status: str


def compute_quantile(curve: KaplanMeier, probability: float = 0.5) -> Quantile:
    """Compute the first time with S(t) <= 1 - probability; on a flat stretch exactly there, its midpoint.

    The interval is that of the times at which the curve's lower and upper limits cross (Brookmeyer and
    Crowley 1982, generalised to each interval type). ValueError for a probability outside 0 to 1.

    S is compared with a tolerance of 1.5e-8, so that 0.5 + 1e-16 is 0.5. A flat stretch that lasts to the end
    of the curve takes the midpoint up to the last time (R's ``quantile.survfit``; SAS calls it not
    estimable).
    """
    if not 0.0 < probability < 1.0:
        raise ValueError(f"probability must lie between 0 and 1, not {probability}")
    if np.isfinite(curve.emptied_at):
        return Quantile(probability, nan, nan, nan, "too_few")
    curves = (curve.survival, curve.lower, curve.upper)
    time, lower, upper = (_crossing(curve.time, 1.0 - values, probability) for values in curves)
    status = "ok" if np.isfinite(time) else ("not_reached" if curve.n_events else "no_events")
    return Quantile(probability, time, lower, upper, status)


def _crossing(time: NDArray[np.float64], failed: NDArray[np.float64], probability: float) -> float:
    """Return where `failed` (nan where unknown) reaches the probability, by R's midpoint rule.

    A limit need not be monotone: the level next above the probability decides, then the first time it is
    held.
    """
    known = np.isfinite(failed)
    level, when = failed[known], time[known]
    above = level[level >= probability - TIE_TOLERANCE]
    beyond = level[level >= probability + TIE_TOLERANCE]
    if len(above) == 0:
        return nan
    ends_flat = known[-1] and abs(failed[-1] - probability) < TIE_TOLERANCE

    def first(value: float) -> float:
        """The first time at a level; a flat stretch may carry rounding noise."""
        return float(when[np.argmax(np.abs(level - value) <= TIE_TOLERANCE)])

    last = float(time[-1]) if ends_flat or len(beyond) == 0 else first(beyond.min())
    return float((first(above.min()) + last) / 2.0)


def summarise_milestones(curve: KaplanMeier, times: ArrayLike) -> pd.DataFrame:
    """Read survival at milestones, in the curve's unit, 0 or more: one row a milestone, in the order given.

    Columns: time; survival, std_error, lower, upper, with the interval of the curve's type; at_risk, patients just
    before the milestone; status, ``ok``, ``no_events`` (S = 1 so far, no interval) or ``too_few`` (S = 0, no
    interval; or beyond the last time of a curve that ends censored, or from where late entry let the risk set run
    empty, where nothing is estimated).
    """
    wanted = np.atleast_1d(np.asarray(times, dtype=np.float64))
    slack = compute_tie_limit(curve.time)
    place = np.searchsorted(curve.time, wanted + slack, side="right")
    survival = np.concatenate(([1.0], curve.survival))[place]
    std_error = np.concatenate(([0.0], curve.std_error))[place]
    beyond = (wanted > curve.time[-1] + slack) & (survival > 0) | (wanted >= curve.emptied_at - slack)
    survival, std_error = np.where(beyond, np.nan, survival), np.where(beyond, np.nan, std_error)
    lower, upper = compute_interval(survival, std_error, curve.interval, curve.confidence)
    no_events = survival == 1.0
    lower, upper = np.where(no_events, np.nan, lower), np.where(no_events, np.nan, upper)
    return pd.DataFrame(
        {
            "time": wanted,
            "survival": survival,
            "std_error": std_error,
            "lower": lower,
            "upper": upper,
            "at_risk": np.append(curve.at_risk, 0.0)[np.searchsorted(curve.time, wanted - slack)],
            "status": np.where(np.isfinite(lower), "ok", np.where(no_events, "no_events", "too_few")),
        }
    )


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


UNKNOWN_DIFFERENCE = Difference(*(nan, nan, nan, nan, nan), status="too_few")


def compute_difference(
    first: tuple[float, float], second: tuple[float, float], confidence: float = 0.95
) -> Difference:
    """Compute first minus second of two independent estimates, each with its standard error.

    ``too_few`` where either is unknown.
    """
    value, std_error = float(first[0] - second[0]), float(np.hypot(first[1], second[1]))
    if not (np.isfinite(value) and np.isfinite(std_error) and std_error > 0):
        return UNKNOWN_DIFFERENCE
    half = compute_normal_quantile(confidence) * std_error
    p_value = float(2.0 * ndtr(-abs(value) / std_error))
    return Difference(value, std_error, value - half, value + half, p_value, "ok")


def compute_milestone_difference(
    first: KaplanMeier, second: KaplanMeier, time: float, confidence: float = 0.95
) -> Difference:
    """Compute S_first(time) - S_second(time) of two independent groups, with a plain interval.

    Source: Klein, Logan, Harhoff and Andersen 2007, Statistics in Medicine 26:4505, section 2.1.
    """
    names = ["survival", "std_error"]
    one, two = (tuple(summarise_milestones(curve, [time])[names].iloc[0]) for curve in (first, second))
    return compute_difference(one, two, confidence)


@dataclass(frozen=True)
class RestrictedMean:
    """Mean survival time up to a horizon, with its normal interval.

    `status`: ``ok``; ``no_events`` (everybody lives to the horizon: no standard error); ``too_few`` (the
    horizon lies beyond the last time of a curve that ends censored, or beyond where late entry let the risk set run
    empty, never a silent extension: all nan; or all have the event at once: no standard error).
    """

    rmst: float
    std_error: float
    lower: float
    upper: float
    status: str


def compute_rmst(curve: KaplanMeier, horizon: float) -> RestrictedMean:
    """Compute the area under the curve up to the horizon; a robust curve's variance is robust here too.

    Variance = sum of (area beyond t)^2 d / (n (n - d)) over event times t up to the horizon. ValueError for a
    horizon not above 0. Source: Klein and Moeschberger 2003, section 4.5.
    """
    if not horizon > 0 or not np.isfinite(horizon):
        raise ValueError(f"horizon must be a number above 0, not {horizon}")
    slack = compute_tie_limit(curve.time)
    ends_censored = horizon > curve.time[-1] + slack and curve.survival[-1] > 0
    if ends_censored or horizon >= curve.emptied_at - slack:
        return RestrictedMean(*(nan, nan, nan, nan), status="too_few")
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
        return RestrictedMean(rmst, *(nan, nan, nan), status=status)
    std_error = float(np.sqrt(variance))
    half = compute_normal_quantile(curve.confidence) * std_error
    return RestrictedMean(rmst, std_error, rmst - half, rmst + half, "ok")


def compute_rmst_difference(
    first: KaplanMeier, second: KaplanMeier, horizon: float, confidence: float = 0.95
) -> Difference:
    """Compute RMST of the first minus the second of two independent groups; without an estimate as `compute_rmst`.

    Source: Uno, Claggett, Tian et al. 2014, Journal of Clinical Oncology 32:2380.
    """
    one, two = compute_rmst(first, horizon), compute_rmst(second, horizon)
    found = compute_difference((one.rmst, one.std_error), (two.rmst, two.std_error), confidence)
    without = {one.status, two.status} - {"ok"}
    return replace(found, status="no_events") if without == {"no_events"} else found


@dataclass(frozen=True)
class PiecewiseExponential:
    """A survival curve with constant hazards between cuts.

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
    """Lay a piecewise exponential curve through points of a survival curve; the last hazard continues.

    times : above 0, distinct, any order (a median and milestones), shape (n,)
    survival : S at each time, above 0, at most 1, not rising
    ValueError for no points, repeated or negative times, survival outside (0, 1] or rising.
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


def compute_poisson_interval(count: ArrayLike, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Compute the exact interval of the mean of each Poisson count (Garwood 1936, Biometrika 28:437)."""
    counts = np.asarray(count, dtype=float)
    if (counts < 0).any() or not 0.0 < confidence < 1.0:
        raise ValueError(
            f"expected counts of 0 or more and confidence between 0 and 1, not {counts}, {confidence}"
        )
    tail = (1.0 - confidence) / 2.0
    lower = np.where(counts > 0, gammaincinv(np.where(counts > 0, counts, 1.0), tail), 0.0)
    return lower[()], gammaincinv(counts + 1.0, 1.0 - tail)


def compute_one_sample_logrank(
    data: SurvivalData, reference: PiecewiseExponential, *, confidence: float = 0.95
) -> OneSampleLogRank:
    """Compare the events of a cohort with those that a reference curve expects in the same time at risk.

    data : survival data; events other than 1 are not observed; with late entry only the hazard after entry is
        expected
    reference : curve with cumulative hazard Lambda; E = sum of Lambda(time) - Lambda(entry)
    Source: Breslow 1975; Finkelstein, Muzikansky and Schoenfeld 2003, JNCI 95:1434; Wu 2014, Pharmaceutical
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
    ratios = (observed / expected, float(lower / expected), float(upper / expected))
    spreads = (np.sqrt(expected), np.sqrt((observed + expected) / 2.0))
    z = [float((observed - expected) / spread) for spread in spreads]
    tests = [number for one in z for number in (one, float(2.0 * ndtr(-abs(one))))]
    return OneSampleLogRank(n, observed, expected, *ratios, *tests, "ok")  # type: ignore[arg-type, call-arg]
