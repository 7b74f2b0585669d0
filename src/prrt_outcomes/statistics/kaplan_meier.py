"""Kaplan-Meier curves with their confidence bands and robust (infinitesimal-jackknife) variance."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from prrt_outcomes.statistics.data import Codes, SurvivalData, compute_codes
from prrt_outcomes.statistics.risk_table import RiskTable, compute_risk_table

IntervalType = Literal["log-log", "log", "plain", "logit", "arcsin"]
INTERVAL_TYPES: tuple[str, ...] = get_args(IntervalType)


def compute_normal_quantile(confidence: float) -> float:
    """Return the two-sided normal quantile, 1.96 for 0.95."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    return float(ndtri(0.5 + confidence / 2.0))


def compute_interval(
    probability: ArrayLike, std_error: ArrayLike, interval: str = "log-log", confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute a pointwise interval of survival or cumulative incidence on one of five scales, cut to 0..1.

    `std_error` is on the probability scale; `interval`: ``log-log`` log(-log p), ``log`` log p, ``plain`` p,
    ``logit`` log(p / (1 - p)), ``arcsin`` arcsin(sqrt p), as R's ``survfit``. nan where the scale has no
    interval: p = 0 (all but plain), p = 1 (log-log, logit, arcsin). ValueError for an unknown type and a
    confidence outside 0 to 1. Source: Kalbfleisch and Prentice 2002, section 1.4; R survival
    ``survfit.formula``, argument ``conf.type``.
    """
    if interval not in INTERVAL_TYPES:
        raise ValueError(f"interval must be one of {', '.join(INTERVAL_TYPES)}, not {interval!r}")
    z = compute_normal_quantile(confidence)
    p = np.asarray(probability, dtype=np.float64)
    se = np.asarray(std_error, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if interval == "plain":
            lower, upper = p - z * se, p + z * se
        elif interval == "log":
            lower, upper = p * np.exp(-z * se / p), p * np.exp(z * se / p)
        elif interval == "log-log":
            half = z * se / (p * np.log(p))
            lower, upper = p ** np.exp(-half), p ** np.exp(half)
        elif interval == "logit":
            odds, half = np.log(p / (1 - p)), z * se / (p * (1 - p))
            lower, upper = 1 / (1 + np.exp(half - odds)), 1 / (1 + np.exp(-half - odds))
        else:
            angle, half = np.arcsin(np.sqrt(p)), 0.5 * z * se / np.sqrt(p * (1 - p))
            lower = np.sin(np.maximum(0.0, angle - half)) ** 2
            upper = np.sin(np.minimum(np.pi / 2, angle + half)) ** 2
        lower, upper = np.clip(lower, 0.0, 1.0), np.clip(upper, 0.0, 1.0)
    undefined = ~(np.isfinite(lower) & np.isfinite(upper) & np.isfinite(se))
    undefined |= (p == 1.0) & (interval not in ("plain", "log"))
    return np.where(undefined, np.nan, lower), np.where(undefined, np.nan, upper)


@dataclass(frozen=True, eq=False)
class KaplanMeier:
    """A Kaplan-Meier curve; arrays have one element per distinct time at which somebody leaves.

    at_risk, events, censored : numbers of patients (unweighted), competing events counted as censored
    weighted_at_risk, weighted_events : sums of weights; the same where there are none
    survival : S(t), from 1 before the first time
    std_error : of S(t); nan where S is 0
    lower, upper : pointwise interval; nan where its scale has none (S = 1, S = 0)
    n, n_events : patients, events
    status : ``ok``, ``no_events``, ``competing_censored``, or ``too_few`` (late entry let the risk set run
        empty, so that S is 0 from there on although patients follow; or a single cluster, which has no robust
        variance)
    influence : where the variance is robust (infinitesimal jackknife)
    """

    time: NDArray[np.float64]
    at_risk: NDArray[np.float64]
    events: NDArray[np.float64]
    censored: NDArray[np.float64]
    weighted_at_risk: NDArray[np.float64]
    weighted_events: NDArray[np.float64]
    survival: NDArray[np.float64]
    std_error: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    n: int
    n_events: int
    interval: str
    confidence: float
    status: str
    influence: InfluenceRows | None = field(default=None, repr=False)

    @property
    def emptied_at(self) -> float:
        """Time at which late entry let the risk set run empty before the last end; infinite where it never did."""
        empty = np.flatnonzero(self.survival[:-1] == 0)
        return float(self.time[empty[0]]) if len(empty) else np.inf


def fit_kaplan_meier(
    data: SurvivalData, *, interval: IntervalType = "log-log", confidence: float = 0.95
) -> KaplanMeier:
    """Fit one Kaplan-Meier curve.

    Event codes above 1 are censored (status ``competing_censored``). With weights or clusters the variance is
    robust: the infinitesimal jackknife over clusters, else patients, else rows. `interval`, `confidence` as
    `compute_interval`. ValueError for strata. Source: Greenwood 1926; robust variance as R survival's
    ``survfit(..., robust = TRUE)``.
    """
    curve = compute_kaplan_meier(compute_risk_table(data), interval=interval, confidence=confidence)
    if data.weights is None and data.cluster is None:
        return curve
    influence = compute_influence_rows(data, curve.time)
    variance = influence.compute_relative_variance(curve.weighted_at_risk, curve.weighted_events)
    errors = _errors(curve.survival, variance, interval, confidence)
    status = "too_few" if influence.n_units < 2 and curve.status == "ok" else curve.status
    return replace(curve, influence=influence, status=status, **errors)


def fit_kaplan_meier_by_group(
    data: SurvivalData, group: ArrayLike | Codes, **options: Any
) -> dict[object, KaplanMeier]:
    """Fit one curve a group; options as `fit_kaplan_meier`, result keyed by label in the groups' order."""
    codes = compute_codes(group, data.n, "group")
    return {
        label: fit_kaplan_meier(data.select(codes.code == code), **options)
        for code, label in enumerate(codes.labels)
    }


def compute_kaplan_meier(
    table: RiskTable, *, interval: IntervalType = "log-log", confidence: float = 0.95
) -> KaplanMeier:
    """Compute the curve of a risk table of one group, with Greenwood's variance; ValueError for strata."""
    if len(table.strata) > 1:
        raise ValueError("the risk table has strata; a curve is computed for each stratum on its own")
    if len(table.groups) > 1:
        raise ValueError(f"a curve is computed for one group, found {table.groups}")
    counts = table.counts
    keep = (counts.left[:, 0] > 0) & (counts.at_risk[:, 0] > 0)
    events, competing = counts.events[keep, 0], counts.competing[keep, 0]
    at_risk, happened = table.weighted.at_risk[keep, 0], table.weighted.events[keep, 0]
    survival = compute_survival(at_risk, happened)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(happened / (at_risk * (at_risk - happened)))
    if (survival[:-1] == 0).any():
        status = "too_few"
    elif competing.any():
        status = "competing_censored"
    else:
        status = "ok" if events.any() else "no_events"
    return KaplanMeier(
        time=table.time[keep],
        at_risk=counts.at_risk[keep, 0],
        events=events,
        censored=counts.censored[keep, 0] + competing,
        weighted_at_risk=at_risk,
        weighted_events=happened,
        survival=survival,
        # Ends that are an event or a censoring, so that a split row counts once.
        n=int((counts.events + counts.competing + counts.censored).sum()),
        n_events=int(events.sum()),
        interval=interval,
        confidence=confidence,
        status=status,
        **_errors(survival, greenwood, interval, confidence),
    )


def compute_survival(at_risk: NDArray[np.float64], events: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the product of 1 - events / at_risk, exactly 0 where all at risk have the event."""
    hazard = np.divide(events, at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
    return np.cumprod(1.0 - np.minimum(hazard, 1.0)).astype(np.float64)


def _errors(survival: NDArray, relative_variance: NDArray, interval: str, confidence: float) -> dict:
    """Return standard errors and interval; nan where S is 0."""
    known = (survival > 0) & np.isfinite(relative_variance)
    std_error = survival * np.sqrt(np.where(known, relative_variance, np.nan))
    lower, upper = compute_interval(survival, std_error, interval, confidence)
    return {"std_error": std_error, "lower": lower, "upper": upper}


def fit_reverse_kaplan_meier(data: SurvivalData) -> KaplanMeier:
    """Fit the distribution of follow-up: censoring is the event, every event (competing ones too) censors.

    Source: Schemper and Smith 1996, Controlled Clinical Trials 17:343.
    """
    return fit_kaplan_meier(replace(data, event=data.event == 0))


@dataclass(frozen=True, eq=False)
class InfluenceRows:
    """The rows of one curve, placed on the curve's times, for variances that sum over patients."""

    last: NDArray[np.int64]  # number of the curve's times at or before the row's end, shape (n_rows,)
    first: NDArray[np.int64]  # number of those at or before its entry
    event: NDArray[np.bool_]
    weight: NDArray[np.float64]
    cluster: NDArray[np.int64]  # code of the patient or centre; rows of one code are one unit of the variance

    @property
    def n_units(self) -> int:
        """Number of patients or clusters; below 2 there is no variance (nan)."""
        return len(np.unique(self.cluster))

    def compute_relative_variance(
        self, at_risk: NDArray[np.float64], events: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the robust variance of log S at each time of the curve, in linear time.

        A cluster's influence on -log S(t) is A(t) - H(t) R(t): A sums what its ended and entered rows have
        contributed, R is its weight at risk, H Greenwood's sum. Both step only where a row of the cluster
        enters or ends, so the sum of squares over clusters is three running sums of steps. A variance that
        is only what rounding left of its squares is 0.
        """
        if self.n_units < 2:
            return np.full(len(at_risk), np.nan)
        per_event = _inverse(np.maximum(at_risk - events, 0.0))
        greenwood = _running_sum(events * _inverse(at_risk) * per_event)
        entered, ended = greenwood[self.first], self._read_at_end(per_event) - greenwood[self.last]
        steps = pd.DataFrame({"r": np.concatenate((self.weight, -self.weight))})
        steps["a"] = np.concatenate((self.weight * entered, self.weight * ended))
        when, cluster = np.concatenate((self.first, self.last)), np.tile(self.cluster, 2)
        order = np.argsort(when, kind="stable")
        steps = steps.iloc[order]
        after = steps.groupby(cluster[order]).cumsum()
        before = after - steps

        def add_up(one: str, two: str) -> NDArray[np.float64]:
            step = after[one] * after[two] - before[one] * before[two]
            total = np.bincount(when[order], weights=step, minlength=len(at_risk) + 1)
            return np.cumsum(total.astype(np.float64))[1:]

        h = greenwood[1:]
        squares = add_up("a", "a") + h * h * add_up("r", "r")
        variance = squares - 2 * h * add_up("a", "r")
        return np.where(variance > 1e-13 * squares, variance, 0.0)

    def compute_variance(self, hazard_gradient: NDArray[np.float64], at_risk, events) -> float:
        """Return the robust variance of a number whose derivative by each hazard (one a time) is known."""
        if self.n_units < 2:
            return float("nan")
        per_event = hazard_gradient * _inverse(at_risk)
        drift = _running_sum(per_event * events * _inverse(at_risk))
        influence = self.weight * (self._read_at_end(per_event) - (drift[self.last] - drift[self.first]))
        return float(np.sum(np.bincount(self.cluster, weights=influence) ** 2))

    def _read_at_end(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value at the time of each row's event; 0 for a row without event."""
        return np.where(self.event, values[np.maximum(self.last - 1, 0)], 0.0)


def _inverse(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / values, 0 where a value is 0: there the curve has ended."""
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)


def _running_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the running sum with a leading 0, to be read by the number of times passed."""
    return np.concatenate(([0.0], np.cumsum(values)))


def compute_influence_rows(data: SurvivalData, curve_time: NDArray[np.float64]) -> InfluenceRows:
    """Place rows on the times of their curve; a unit is a cluster, else a patient, else a row."""
    place = np.searchsorted(curve_time, data.placement.distinct, side="right")
    entries = data.placement.entries
    member = data.cluster if data.cluster is not None else data.id
    return InfluenceRows(
        last=place[data.placement.exits],
        first=np.zeros(data.n, dtype=np.int64) if entries is None else place[entries],
        event=data.event == 1,
        weight=np.ones(data.n) if data.weights is None else data.weights,
        cluster=np.arange(data.n) if member is None else member.code,
    )
