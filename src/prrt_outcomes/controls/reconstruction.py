"""Individual times behind a published curve (Guyot 2012), and how well they meet what was published."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prrt_outcomes.controls.digitised import DigitisedCurve
from prrt_outcomes.statistics.curve_summaries import compute_quantile
from prrt_outcomes.statistics.kaplan_meier import KaplanMeier, fit_kaplan_meier

if TYPE_CHECKING:
    from prrt_outcomes.study.controls import CurveControl

MAXIMUM_ROUNDS = 200
FLAT_SHARE = 0.02


@dataclass(frozen=True)
class Reconstruction:
    """Individual times of a published arm.

    Attributes
    ----------
    time : (n,) in the unit of the curve
    event : (n,) 0 or 1
    at_risk : numbers at risk that the reconstruction gives at the times of the risk table
    """

    time: NDArray[np.float64]
    event: NDArray[np.int64]
    at_risk: NDArray[np.int64]


@dataclass
class _State:
    """Where the walk along the curve stands: patients left, and the curve as rebuilt so far."""

    at_risk: int
    survival: float


def reconstruct_patients(curve: DigitisedCurve, events: int | None = None) -> Reconstruction:
    """Reconstruct individual times.

    Parameters
    ----------
    curve : cleaned points and numbers at risk
    events : published number of events in the arm, where known

    Returns
    -------
    Reconstruction with one time a patient of the arm

    Notes
    -----
    Between two rows of the risk table, censorings are spread evenly and their number is changed until the
    number at risk at the next row is the published one; events are those that the fall of the curve asks for,
    and none stand where it is flat. After the last row, censorings are those that meet the number of events,
    or go on at the rate seen before. Everybody left at the last point is censored there.

    References
    ----------
    Guyot, Ades, Ouwens and Welton 2012, BMC Medical Research Methodology 12:9.
    """
    time, survival = _with_risk_times(curve)
    starts = np.searchsorted(time, curve.risk_time[curve.risk_time <= time[-1]])
    bounds = [*starts.tolist(), len(time)]
    flat = FLAT_SHARE / curve.at_risk[0]
    walk = _State(int(curve.at_risk[0]), 1.0)
    deaths, censored = np.zeros(len(time), dtype=np.int64), np.zeros(len(time), dtype=np.int64)
    reached = [walk.at_risk]
    for interval in range(len(bounds) - 1):
        part = slice(bounds[interval], bounds[interval + 1])
        is_last = interval == len(bounds) - 2
        target = None if is_last else int(curve.at_risk[interval + 1])
        wanted = None if events is None or not is_last else events - int(deaths.sum())
        found = _fill_interval(time, survival, part, walk, target, wanted, flat, censored)
        deaths[part], censored[part], walk = found
        if not is_last:
            reached.append(walk.at_risk)
    censored[-1] += walk.at_risk
    times = np.concatenate([np.repeat(time, deaths), _spread(time, censored)])
    happened = np.concatenate([np.ones(int(deaths.sum())), np.zeros(int(censored.sum()))]).astype(np.int64)
    order = np.lexsort((1 - happened, times))
    beyond = [0] * (len(curve.risk_time) - len(reached))
    return Reconstruction(times[order], happened[order], np.array([*reached, *beyond], dtype=np.int64))


def _with_risk_times(curve: DigitisedCurve) -> tuple[NDArray, NDArray]:
    """Points, with one at each time of the risk table: the value of the last point at or before it."""
    extra = curve.risk_time[(curve.risk_time <= curve.time[-1]) & ~np.isin(curve.risk_time, curve.time)]
    before = np.searchsorted(curve.time, extra, side="right") - 1
    time = np.concatenate([curve.time, extra])
    survival = np.concatenate([curve.survival, curve.survival[before]])
    order = np.argsort(time, kind="stable")
    return time[order], survival[order]


def _fill_interval(time, survival, part, walk, target, wanted, flat, censored_before):
    """Deaths and censorings of one interval of the risk table, and where the walk stands after it.

    Where censorings fall within the interval is not published: they are tried spread over time, over the
    points, over the points at which the curve is flat, and where the sizes of its steps say that somebody has
    left; the way that follows the curve best is kept.
    """
    ending = survival[part.stop - 1]
    if target is not None:
        after = survival[part.stop] if part.stop < len(survival) else ending
        guess = round(walk.at_risk * after / max(walk.survival, 1e-12)) - target
    elif wanted is not None:
        guess = max(walk.at_risk - wanted - round(walk.at_risk * ending / max(walk.survival, 1e-12)), 0)
    else:
        guess = _censorings_at_earlier_rate(time, part, walk, censored_before)
    guess = int(np.clip(guess, 0, walk.at_risk))
    found = [
        _meet_target(survival, part, walk, guess, target, wanted, flat, share)
        for share in _ways_to_spread(time, survival, part, walk, flat)
    ]
    best = min(found, key=lambda way: way[:2])
    return best[2:]


def _ways_to_spread(time, survival, part, walk: _State, flat: float) -> list[NDArray]:
    """Cumulative shares of the censorings at the points of an interval, one array a way, from 0 to 1."""
    points = part.stop - part.start
    edges = np.append(time[part], time[min(part.stop, len(time) - 1)])
    width = edges[-1] - edges[0]
    by_point = np.arange(points + 1) / points
    by_time = (edges - edges[0]) / width if width > 0 else by_point
    before = survival[max(part.start - 1, 0) : part.stop - 1]
    before = before if part.start else np.concatenate(([survival[0]], before))
    is_flat = before - survival[part] <= flat
    ways = [by_time, by_point]
    if is_flat.any():
        ways.append(np.concatenate(([0.0], np.cumsum(is_flat) / is_flat.sum())))
    lost = _losses_by_step_size(edges, before, survival[part], walk, flat)
    if lost[-1] > 0:
        ways.append(lost / lost[-1])
    return ways


def _losses_by_step_size(edges, before, survival, walk: _State, flat: float) -> NDArray:
    """Censorings up to each point that the steps of the curve imply: d deaths among n make it fall by the share d/n.

    The deaths of a step are those that the number at risk so far asks for; the number at risk then follows from
    the step and never grows. Between steps, censorings are spread over time.
    """
    at_risk, deaths = float(walk.at_risk), 0.0
    places, lost = [0], [0.0]
    for k in np.flatnonzero((before - survival > flat) & (survival > 0)):
        share = 1 - survival[k] / before[k]
        dead = max(round(at_risk * share), 1)
        at_risk = min(dead / share, at_risk)
        places.append(int(k))
        lost.append(max(walk.at_risk - deaths - at_risk, lost[-1]))
        at_risk -= dead
        deaths += dead
        if at_risk <= 0:
            break
    cumulative = np.interp(edges, edges[places], lost)
    cumulative[0] = 0.0
    return np.maximum.accumulate(cumulative)


def _meet_target(survival, part, walk: _State, guess: int, target, wanted, flat: float, share: NDArray):
    """Change the number of censorings until numbers at risk, or events, are those published.

    Returns the size of what is missed, the largest distance from the curve, deaths, censorings, and where the
    walk stands.
    """
    best, tried = None, set()
    for _ in range(MAXIMUM_ROUNDS):
        tried.add(guess)
        lost = np.diff(np.floor(share * guess + 0.5)).astype(np.int64)
        deaths, lost, end, distance = _walk_points(survival, part, walk, lost, flat)
        miss = 0
        if target is not None:
            miss = end.at_risk - target
        elif wanted is not None:
            miss = int(deaths.sum()) - wanted
        if best is None or (abs(miss), distance) < best[:2]:
            best = (abs(miss), distance, deaths, lost, end)
        guess = int(np.clip(guess + miss, 0, walk.at_risk))
        if miss == 0 or guess in tried:
            break
    return best


def _walk_points(survival, part, walk: _State, lost: NDArray, flat: float):
    """Walk along the points: deaths that the fall asks for, censorings as given, nobody below zero."""
    deaths = np.zeros(len(lost), dtype=np.int64)
    lost = lost.copy()
    at_risk, rebuilt, distance = walk.at_risk, walk.survival, 0.0
    level = survival[max(part.start - 1, 0)]
    for k in range(len(lost)):
        here = part.start + k
        if at_risk > 0 and rebuilt > 0 and level - survival[here] > flat:
            level = survival[here]
            deaths[k] = min(max(round(at_risk * (1 - survival[here] / rebuilt)), 0), at_risk)
            rebuilt *= 1 - deaths[k] / at_risk
        lost[k] = min(lost[k], at_risk - deaths[k])
        at_risk -= deaths[k] + lost[k]
        distance = max(distance, abs(rebuilt - survival[here]))
    return deaths, lost, _State(int(at_risk), float(rebuilt)), distance


def _censorings_at_earlier_rate(time, part, walk: _State, censored: NDArray) -> int:
    before = time[part.start]
    if before <= 0:
        return 0
    rate = censored[: part.start].sum() / before
    return int(min(round(rate * (time[part.stop - 1] - before)), walk.at_risk))


def _spread(time: NDArray, censored: NDArray) -> NDArray:
    """Times of censorings: between their point and the next, evenly; at the last point on it."""
    following = np.append(time[1:], time[-1])
    times = []
    for k in np.flatnonzero(censored):
        fractions = np.arange(1, censored[k] + 1) / (censored[k] + 1)
        times.append(time[k] + fractions * (following[k] - time[k]))
    return np.concatenate(times) if times else np.zeros(0)


ACCEPTED, REFUSED, UNKNOWN = "accepted", "refused", "unknown"
FLAT_STRETCH = 0.1


@dataclass(frozen=True)
class QualityMeasure:
    """One measure: what was published, what the reconstruction gives, the limit and the verdict.

    `target` and `reconstructed` are numbers or nan; `limit` is in the measure's own terms (the largest
    distance, share or number that is accepted).
    """

    measure: str
    target: float
    reconstructed: float
    limit: float
    verdict: str


def measure_quality(
    curve: DigitisedCurve, found: Reconstruction, control: CurveControl
) -> list[QualityMeasure]:
    """Hold a reconstruction against points, numbers at risk, events, median, mean and flat stretches.

    Parameters
    ----------
    curve : cleaned points and numbers at risk, months
    found : reconstruction of it
    control : published events and median, and the limits of acceptance

    Returns
    -------
    Measures ``survival`` (largest distance of the curves), ``at_risk`` (largest difference as a share of the
    arm), ``events`` (relative), ``median`` (months), ``rmst`` (relative, to the last point) and
    ``flat_stretch_events`` (events where the published curve is flat). What was not published is ``unknown``
    and refuses nothing.
    """
    rebuilt = fit_kaplan_meier(found.time, found.event)
    size = float(curve.at_risk[0])
    distance = float(np.max(np.abs(_value_at(rebuilt, curve.time) - curve.survival)))
    at_risk = float(np.max(np.abs(found.at_risk - curve.at_risk))) / size
    events = float(found.event.sum())
    measures = [
        _judge("survival", 0.0, distance, distance, control.limit_survival),
        _judge("at_risk", 0.0, at_risk, at_risk, control.limit_at_risk),
    ]
    target = np.nan if control.events is None else float(control.events)
    measures.append(
        _judge("events", target, events, abs(events - target) / max(target, 1.0), control.limit_events)
    )
    median = compute_quantile(rebuilt, 0.5).time
    published = control.published_median_months or median_of_points(curve)
    measures.append(_judge("median", published, median, abs(median - published), control.limit_median_months))
    mean, ours = _area(curve.time, curve.survival), _area(curve.time, _value_at(rebuilt, curve.time))
    measures.append(_judge("rmst", mean, ours, abs(ours - mean) / mean, control.limit_rmst))
    invented = float(count_flat_events(curve, found))
    measures.append(_judge("flat_stretch_events", 0.0, invented, invented, 0.0))
    return measures


def _judge(name: str, target: float, reconstructed: float, difference: float, limit: float) -> QualityMeasure:
    if not np.isfinite(difference):
        return QualityMeasure(name, float(target), float(reconstructed), limit, UNKNOWN)
    verdict = ACCEPTED if difference <= limit + 1e-12 else REFUSED
    return QualityMeasure(name, float(target), float(reconstructed), limit, verdict)


def is_accepted(measures: list[QualityMeasure]) -> bool:
    """Whether no measure refuses the reconstruction."""
    return all(measure.verdict != REFUSED for measure in measures)


def _value_at(curve: KaplanMeier, time: NDArray) -> NDArray:
    return np.concatenate(([1.0], curve.survival))[np.searchsorted(curve.time, time, side="right")]


def median_of_points(curve: DigitisedCurve) -> float:
    """First time at which the published points are at one half or below; nan where they stay above."""
    below = np.flatnonzero(curve.survival <= 0.5)
    return float(curve.time[below[0]]) if len(below) else float("nan")


def _area(time: NDArray, survival: NDArray) -> float:
    return float(np.sum(np.diff(time) * survival[:-1]))


def count_flat_events(curve: DigitisedCurve, found: Reconstruction) -> int:
    """Events inside stretches of a tenth of the axis or more on which the published curve does not fall.

    A stretch counts as flat where the whole of it falls by less than a quarter of what one death would make it fall.
    """
    events = np.sort(found.time[found.event == 1])
    falls = np.array(_find_falls(curve.survival, 0.25 / curve.at_risk[0]), dtype=np.int64)
    edges = np.concatenate(([0], falls, [len(curve.time) - 1]))
    count = 0
    for first, last in pairwise(edges):
        inner = curve.time[first], curve.time[last]
        if inner[1] - inner[0] >= FLAT_STRETCH * curve.time[-1]:
            end = np.searchsorted(events, inner[1], side="right" if last not in falls else "left")
            count += int(end - np.searchsorted(events, inner[0], side="right"))
    return count


def _find_falls(survival: NDArray, least: float) -> list[int]:
    """Points that lie lower than the last such point by more than `least`, so that a slow slope is no flat stretch."""
    falls, level = [], survival[0]
    for place, value in enumerate(survival):
        if level - value > least:
            falls.append(place)
            level = value
    return falls
