"""Observed over expected events against a published arm, over the published window and with its uncertainty."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from prrt_outcomes.cohort.grouping import compute_group
from prrt_outcomes.controls.control_results import comparison_row
from prrt_outcomes.controls.library import name_grades, name_tumour_types, name_yes
from prrt_outcomes.statistics.curve_summaries import (
    PiecewiseExponential,
    compute_one_sample_logrank,
    fit_piecewise_exponential,
)
from prrt_outcomes.study.controls import PublishedControl
from prrt_outcomes.survival.endpoint_rows import EndpointRows

MEDIAN_ALONE = "constant hazard through the published median"
ALL_POINTS = "piecewise exponential through median and milestones"
FIXED = "{}, taken as fixed"
UNCERTAIN = "{}, with its uncertainty ({:.0f} effective events)"
PUBLISHED_Z = float(ndtri(0.975))
DRAWS = 10_000
SEED = 19_700_101
SHAPE_SPREAD = 0.25
NODES = np.linspace(-3.0, 3.0, 13)
FITTING, ALL = "fitting", "all"


@dataclass(frozen=True)
class ReferenceCurve:
    """What a published arm shows of survival: a curve up to `end`, its last published point, in months.

    `events` are the effective events on which the hazard of each piece rests, shape (pieces,): the variance of its
    logarithm is 1 / events. A piece in which the curve does not fall has 0.
    """

    assumption: str
    curve: PiecewiseExponential
    end: float
    events: NDArray[np.float64]

    @property
    def edges(self) -> NDArray[np.float64]:
        """Start of each piece and the end of the last, months."""
        return np.append(self.curve.cuts, self.end)


def derive_reference_curves(control: PublishedControl) -> list[ReferenceCurve]:
    """Reference curves of a published arm, the fullest first.

    With milestones, the piecewise exponential through median and milestones; a constant hazard through the median
    stands beside it. Each ends at its last published point.
    """
    points = [(m.months, m.survival, m.low, m.high) for m in control.milestones]
    median = []
    if control.median_months is not None:
        median = [(control.median_months, 0.5, control.median_low, control.median_high)]
    chosen = {ALL_POINTS: [*points, *median] if points else [], MEDIAN_ALONE: median}
    return [_fit_reference(words, sorted(rows), control) for words, rows in chosen.items() if rows]


def _fit_reference(words: str, points: list[tuple], control: PublishedControl) -> ReferenceCurve:
    """Reference curve through points (months, survival, low, high), with the events that stand behind each piece.

    The cumulative hazard at a point has the variance that its published interval implies: of a milestone on the
    log-log scale, of the median by the curve at both of its limits. No Kaplan-Meier estimate is below the binomial
    variance of n, (1 - S) / (n S), and what censoring adds to it grows with time: it is not above that of a later
    point. Increments of the estimated cumulative hazard are uncorrelated, so each piece rests on (increment)^2 /
    (increment of variance) events; together they are not more than the published number of events.
    """
    months, survival = (np.array([point[k] for point in points], dtype=float) for k in (0, 1))
    curve = fit_piecewise_exponential(months, survival)
    hazard = -np.log(survival)
    binomial = (1 - survival) / (survival * control.n)
    published = [_derive_variance(curve, control, *point) for point in points]
    added = np.fmin.accumulate((np.array(published) - binomial)[::-1])[::-1]
    rises = np.diff(hazard, prepend=0.0)
    spreads = np.maximum(np.diff(binomial + np.fmax(added, 0.0), prepend=0.0), np.diff(binomial, prepend=0.0))
    events = np.divide(rises**2, spreads, out=np.zeros(len(rises)), where=spreads > 0)
    if control.events and events.sum() > control.events:
        events *= control.events / events.sum()
    return ReferenceCurve(words, curve, float(months[-1]), events)


def _derive_variance(
    curve: PiecewiseExponential,
    control: PublishedControl,
    months: float,
    survival: float,
    *ends: float | None,
) -> float:
    """Variance of the cumulative hazard at a point, from both ends of its interval; nan without."""
    if (months, survival) == (control.median_months, 0.5):
        known, scale = np.array([end for end in ends if end]), 1.0
        reach = np.abs(curve.compute_cumulative_hazard(known) - np.log(2))
    else:
        known = np.array([share for share in ends if share is not None and 0 < share < 1 and survival < 1])
        scale = -np.log(survival)
        reach = np.abs(np.log(-np.log(known)) - np.log(scale)) if len(known) else known
    return float((scale * reach.mean() / PUBLISHED_Z) ** 2) if len(known) else np.nan


def draw_expected(
    reference: ReferenceCurve,
    rows: EndpointRows,
    weights: NDArray | None = None,
    generator: np.random.Generator | None = None,
) -> NDArray[np.float64]:
    """Expected events of our patients, followed no longer than the curve, in draws of the curve; shape (draws,).

    Each draw has hazards from gamma variables, mean 1, shapes the effective events of each piece plus 1/2 (since the
    logarithm of a gamma variable has a variance of about 1 / (shape - 1/2)), and a course within the pieces, which
    nobody published: the hazard is that of time to a power, log-normal with a spread of 0.25, so that it falls or
    rises in a piece. `weights` (n,) count patients in 10,000 draws, (draws, n) anew in each draw.
    """
    generator = generator or np.random.default_rng(SEED)
    counts = np.ones(len(rows.time_months)) if weights is None else weights
    draws = len(counts) if counts.ndim == 2 else DRAWS
    totals = np.stack([counts @ share for share in _spend(reference, rows)])
    place = np.clip(generator.normal(size=draws), NODES[0], NODES[-1] - 1e-9) - NODES[0]
    step = NODES[1] - NODES[0]
    node = (place / step).astype(int)
    part = (place / step - node)[:, None]
    which = (node, np.arange(draws)) if totals.ndim == 3 else (node,)
    after = (node + 1, *which[1:])
    spent = (1 - part) * totals[which] + part * totals[after]
    shape = np.where(reference.events > 0, reference.events, 1.0) + 0.5
    drawn = generator.gamma(shape, 1 / shape, (draws, len(shape)))
    rises = np.array(reference.curve.hazards) * np.diff(reference.edges)
    return (spent * drawn) @ rises


def _spend(reference: ReferenceCurve, rows: EndpointRows) -> Iterator[NDArray]:
    """Share of each piece that each patient spends at risk, shapes (n, pieces), for each power of time of `NODES`."""
    edges = reference.edges
    for power in np.exp(SHAPE_SPREAD * NODES):
        scale = edges**power
        until, since = (
            np.clip(time[:, None], edges[:-1], edges[1:]) ** power for time in (rows.time_months, rows.entry)
        )
        yield (until - since) / np.diff(scale)


def count_effective_events(drawn: NDArray) -> float:
    """Events of a control whose expected events are as uncertain as these draws, Var(log) = 1 / events."""
    usable = drawn[drawn > 0]
    variance = float(np.var(np.log(usable))) if len(usable) > 1 else 0.0
    return 1 / variance if variance > 0 else np.inf


def compare_with_published(
    rows: EndpointRows, control: PublishedControl, confidence: float, population: str = ALL
) -> list[dict]:
    """Rows of `controls` of `compare_with_curve`, for each reference curve of a published arm, the fullest first."""
    return [
        row
        for reference in derive_reference_curves(control)
        for row in compare_with_curve(rows, reference, confidence, n_control=control.n, population=population)
    ]


def compare_with_curve(
    rows: EndpointRows, reference: ReferenceCurve, confidence: float, **shared
) -> list[dict]:
    """Compare our events with those that a published curve would have had in our time at risk, up to its end.

    Rows of `controls`: the one-sample log-rank test with observed over expected (exact Poisson interval, which takes
    the curve as known), and observed over expected with the uncertainty of the published curve in interval and test.
    """
    cut = cut_follow_up(rows, reference.end)
    shared["horizon_months"] = reference.end
    if not len(cut.time_months):
        nothing = {"status": "too_few", "assumption": reference.assumption, **shared}
        return [comparison_row(method, "smr", **nothing) for method in ("one_sample_logrank", "rate_ratio")]
    test = one_sample_row(cut, reference, confidence, **shared)
    drawn = draw_expected(reference, cut)
    numbers = {name: test[name] for name in ("n", "observed", "expected")} | shared
    words = UNCERTAIN.format(reference.assumption, count_effective_events(drawn))
    own = draw_observed(numbers["observed"])
    return [test, observed_expected_row(own / drawn, confidence, assumption=words, **numbers)]


def draw_observed(observed: float, draws: int = DRAWS) -> NDArray[np.float64]:
    """Mean numbers of events that agree with an observed Poisson number (gamma, shape observed + 1/2)."""
    return np.random.default_rng(SEED + 1).gamma(observed + 0.5, 1.0, draws)


def one_sample_row(rows: EndpointRows, reference: ReferenceCurve, confidence: float, **shared) -> dict:
    """Row of `controls` with the one-sample log-rank test and observed over expected events, the curve as known."""
    test = compute_one_sample_logrank(rows.data, reference.curve, confidence=confidence)
    same = ("n", "observed", "expected", "statistic", "p_value", "statistic_wu", "p_value_wu", "status")
    ratio = {"value": test.ratio, "low": test.ratio_lower, "high": test.ratio_upper}
    numbers = ratio | {name: getattr(test, name) for name in same} | shared
    assumption = FIXED.format(reference.assumption)
    return comparison_row("one_sample_logrank", "smr", assumption=assumption, **numbers)


def observed_expected_row(drawn: NDArray, confidence: float, **shared) -> dict:
    """Row of `controls` with observed over expected events, which stand in `shared`, and draws of the ratio.

    Interval: percentiles of the draws; p-value: the level at which it reaches 1; no ratio where a side has no event.
    """
    observed, expected = shared["observed"], shared["expected"]
    if not (observed > 0 and expected > 0):
        return comparison_row("rate_ratio", "smr", status="no_events", **shared)
    usable = drawn[np.isfinite(drawn) & (drawn > 0)]
    low, high = np.quantile(usable, [(1 - confidence) / 2, (1 + confidence) / 2])
    below = float((usable < 1).mean())
    numbers = {"value": observed / expected, "low": float(low), "high": float(high)}
    numbers["p_value"] = min(1.0, max(2 * min(below, 1 - below), 1 / len(usable)))
    numbers["std_error"] = float(np.log(usable).std())
    return comparison_row("rate_ratio", "smr", **numbers, **shared)


def cut_follow_up(rows: EndpointRows, months: float) -> EndpointRows:
    """Patients as they are known up to a time: later events and censorings become censorings there."""
    event = np.where(rows.time_months > months, 0, rows.event)
    cut = replace(rows, time_months=np.minimum(rows.time_months, months), event=event)
    return cut.select(rows.entry < months)


def find_fitting(frame: pd.DataFrame, control: PublishedControl) -> dict[str, NDArray[np.bool_]]:
    """Which of our patients a published arm could have had: by tumour type, grade and progression at entry.

    One flag a patient for each of the three that the arm states; of a patient of whom it is not known it is false.
    """
    stated = {"tumour_type": name_tumour_types(control.tumour_types), "grade": name_grades(control.grade)}
    found = {
        column: compute_group(frame, column).astype(str).isin(codes).to_numpy()
        for column, codes in stated.items()
        if codes
    }
    progressive = {"yes": True, "no": False}.get(name_yes(control.progressive_at_entry))
    if progressive is not None:
        ours = frame["progressive_at_baseline"].astype("boolean")
        found["progressive_at_baseline"] = ours.eq(progressive).fillna(False).to_numpy(dtype=bool)
    return found
