"""Individual times behind a published curve, from its points and numbers at risk (Guyot 2012)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prrt_outcomes.controls.digitised import DigitisedCurve

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
class _Walk:
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
    walk = _Walk(int(curve.at_risk[0]), 1.0)
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


def _ways_to_spread(time, survival, part, walk: _Walk, flat: float) -> list[NDArray]:
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


def _losses_by_step_size(edges, before, survival, walk: _Walk, flat: float) -> NDArray:
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


def _meet_target(survival, part, walk: _Walk, guess: int, target, wanted, flat: float, share: NDArray):
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


def _walk_points(survival, part, walk: _Walk, lost: NDArray, flat: float):
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
    return deaths, lost, _Walk(int(at_risk), float(rebuilt)), distance


def _censorings_at_earlier_rate(time, part, walk: _Walk, censored: NDArray) -> int:
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
