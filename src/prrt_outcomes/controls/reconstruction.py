"""Individual times behind a published curve (Guyot 2012), and how well they meet what was published."""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prrt_outcomes.controls.reference_curves import DigitisedCurve
from prrt_outcomes.statistics.curve_summaries import compute_quantile
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.study.controls import CurveControl

MAXIMUM_ROUNDS = 200
FLAT_SHARE = 0.02
ACCEPTED, REFUSED, UNKNOWN = "accepted", "refused", "unknown"
FLAT_STRETCH = 0.1


@dataclass(frozen=True)
class Reconstruction:
    """Individual times of a published arm, (n,) in the unit of the curve, with events 0 or 1.

    `at_risk` are the numbers at risk that it gives at the times of the risk table.
    """

    time: NDArray[np.float64]
    event: NDArray[np.int64]
    at_risk: NDArray[np.int64]


class _State(NamedTuple):
    """Patients at risk, and survival as rebuilt, at some point of the curve."""

    at_risk: int
    survival: float


def reconstruct_patients(curve: DigitisedCurve, events: int | None = None) -> Reconstruction:
    """Reconstruct individual times, one a patient of the arm, from a cleaned curve and published events.

    Between two rows of the risk table, censorings are spread evenly and their number is changed until the number at
    risk at the next row is the published one; events are those that the fall of the curve asks for, and none stand
    where it is flat. After the last row, censorings are those that meet the number of events, or go on at the rate
    seen before. Everybody left at the last point is censored there. Source: Guyot, Ades, Ouwens and Welton 2012, BMC
    Medical Research Methodology 12:9.
    """
    time, survival = _with_risk_times(curve)
    starts = np.searchsorted(time, curve.risk_time[curve.risk_time <= time[-1]]).tolist()
    flat = FLAT_SHARE / curve.at_risk[0]
    state = _State(int(curve.at_risk[0]), 1.0)
    deaths, censored = np.zeros(len(time), dtype=np.int64), np.zeros(len(time), dtype=np.int64)
    reached = [state.at_risk]
    for number, (start, stop) in enumerate(pairwise([*starts, len(time)]), start=1):
        part, is_last = slice(start, stop), number == len(starts)
        target = None if is_last else int(curve.at_risk[number])
        wanted = None if events is None or not is_last else events - int(deaths.sum())
        interval = _Interval(time, survival, part, state, target, wanted, flat)
        deaths[part], censored[part], state = interval.fill(int(censored[:start].sum()))
        if not is_last:
            reached.append(state.at_risk)
    censored[-1] += state.at_risk
    times = np.concatenate([np.repeat(time, deaths), _spread(time, censored)])
    happened = np.repeat([1, 0], [deaths.sum(), censored.sum()]).astype(np.int64)
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


def _spread(time: NDArray, censored: NDArray) -> NDArray:
    """Times of censorings: between their point and the next, evenly; at the last point on it."""
    point = np.repeat(np.arange(len(time)), censored)
    rank = np.arange(len(point)) - (np.cumsum(censored) - censored)[point] + 1
    gap = np.append(np.diff(time), 0.0)
    return time[point] + rank / (censored[point] + 1) * gap[point]


@dataclass(frozen=True)
class _Interval:
    """One interval of the risk table: the points `part` of the curve, from `state` on.

    `target` is the number at risk at its end, None after the last row of the table; `wanted` the events after that
    row, where known; `flat` the fall of the curve up to which nobody has the event.
    """

    time: NDArray
    survival: NDArray
    part: slice
    state: _State
    target: int | None
    wanted: int | None
    flat: float

    def fill(self, censored_before: int) -> tuple[NDArray, NDArray, _State]:
        """Deaths and censorings at the points, and the state after them.

        Where censorings fall within the interval is not published: they are tried spread over time, over the
        points, over the points at which the curve is flat, and where the sizes of its steps say that somebody
        has left; the way that follows the curve best is kept.
        """
        stop, at_risk = self.part.stop, self.state.at_risk
        remain = at_risk / max(self.state.survival, 1e-12)
        if self.target is not None:
            guess = round(remain * self.survival[min(stop, len(self.survival) - 1)]) - self.target
        elif self.wanted is not None:
            guess = max(at_risk - self.wanted - round(remain * self.survival[stop - 1]), 0)
        else:
            since = self.time[self.part.start]
            guess = round(censored_before / since * (self.time[stop - 1] - since)) if since > 0 else 0
        guess = int(np.clip(guess, 0, at_risk))
        ways = [self._meet_target(guess, share) for share in self._spreads()]
        return min(ways, key=lambda way: way[:2])[2:]

    def _spreads(self) -> list[NDArray]:
        """Cumulative shares of the censorings at the points, one array a way to spread them, from 0 to 1."""
        time, survival, part = self.time, self.survival, self.part
        points = part.stop - part.start
        edges = np.append(time[part], time[min(part.stop, len(time) - 1)])
        width = edges[-1] - edges[0]
        by_point = np.arange(points + 1) / points
        before = survival[np.maximum(np.arange(part.start, part.stop) - 1, 0)]
        is_flat = before - survival[part] <= self.flat
        ways = [(edges - edges[0]) / width if width > 0 else by_point, by_point]
        if is_flat.any():
            ways.append(np.append(0.0, np.cumsum(is_flat) / is_flat.sum()))
        lost = self._losses_by_step_size(edges, before)
        if lost[-1] > 0:
            ways.append(lost / lost[-1])
        return ways

    def _losses_by_step_size(self, edges: NDArray, before: NDArray) -> NDArray:
        """Censorings up to each point that the steps imply: d deaths among n make the curve fall by the share d/n.

        The deaths of a step are those that the number at risk so far asks for; the number at risk then follows
        from the step and never grows. Between steps, censorings are spread over time.
        """
        survival = self.survival[self.part]
        at_risk, deaths = float(self.state.at_risk), 0.0
        places, lost = [0], [0.0]
        for k in np.flatnonzero((before - survival > self.flat) & (survival > 0)):
            share = 1 - survival[k] / before[k]
            dead = max(round(at_risk * share), 1)
            at_risk = min(dead / share, at_risk)
            places.append(int(k))
            lost.append(max(self.state.at_risk - deaths - at_risk, lost[-1]))
            at_risk -= dead
            deaths += dead
            if at_risk <= 0:
                break
        cumulative = np.interp(edges, edges[places], lost)
        cumulative[0] = 0.0
        return np.maximum.accumulate(cumulative)

    def _meet_target(self, guess: int, share: NDArray) -> tuple:
        """Change the number of censorings until numbers at risk, or events, are those published.

        Gives what is missed, the largest distance from the curve, deaths, censorings, and the state after them.
        """
        found, tried = [], set()
        for _ in range(MAXIMUM_ROUNDS):
            tried.add(guess)
            lost = np.diff(np.floor(share * guess + 0.5)).astype(np.int64)
            deaths, lost, end, distance = self._place_deaths(lost)
            miss = 0
            if self.target is not None:
                miss = end.at_risk - self.target
            elif self.wanted is not None:
                miss = int(deaths.sum()) - self.wanted
            found.append((abs(miss), distance, deaths, lost, end))
            guess = int(np.clip(guess + miss, 0, self.state.at_risk))
            if miss == 0 or guess in tried:
                break
        return min(found, key=lambda way: way[:2])

    def _place_deaths(self, lost: NDArray) -> tuple[NDArray, NDArray, _State, float]:
        """Deaths that the fall asks for, censorings as given, nobody below zero, and the distance from the curve."""
        deaths, lost = np.zeros(len(lost), dtype=np.int64), lost.copy()
        (at_risk, rebuilt), distance = self.state, 0.0
        level = self.survival[max(self.part.start - 1, 0)]
        for k, here in enumerate(self.survival[self.part]):
            if at_risk > 0 and rebuilt > 0 and level - here > self.flat:
                level = here
                deaths[k] = min(max(round(at_risk * (1 - here / rebuilt)), 0), at_risk)
                rebuilt *= 1 - deaths[k] / at_risk
            lost[k] = min(lost[k], at_risk - deaths[k])
            at_risk -= deaths[k] + lost[k]
            distance = max(distance, abs(rebuilt - here))
        return deaths, lost, _State(int(at_risk), float(rebuilt)), distance


def measure_quality(curve: DigitisedCurve, found: Reconstruction, control: CurveControl) -> pd.DataFrame:
    """Hold a reconstruction against points, numbers at risk, events, median, mean and flat stretches.

    Rows of `reconstruction_quality` but for control, arm and endpoint; limits in each measure's own terms. Measures
    ``survival`` (largest distance of the curves), ``at_risk`` (largest difference as a share of the arm), ``events``
    (relative), ``median`` (months), ``rmst`` (relative, to the last point) and ``flat_stretch_events`` (events where
    the published curve is flat). What was not published is ``unknown`` and refuses nothing.
    """
    rebuilt = fit_kaplan_meier(SurvivalData(found.time, found.event))
    steps = np.searchsorted(rebuilt.time, curve.time, side="right")
    values = np.concatenate(([1.0], rebuilt.survival))[steps]
    distance = float(np.max(np.abs(values - curve.survival)))
    at_risk = float(np.max(np.abs(found.at_risk - curve.at_risk))) / float(curve.at_risk[0])
    events = float(found.event.sum())
    wanted = np.nan if control.events is None else float(control.events)
    median = compute_quantile(rebuilt, 0.5).time
    below = curve.time[curve.survival <= 0.5]
    published = control.published_median_months or (float(below[0]) if len(below) else np.nan)
    mean, ours = (float(np.sum(np.diff(curve.time) * s[:-1])) for s in (curve.survival, values))
    flat = float(count_flat_events(curve, found))
    rows = [
        ("survival", 0.0, distance, distance, control.limit_survival),
        ("at_risk", 0.0, at_risk, at_risk, control.limit_at_risk),
        ("events", wanted, events, abs(events - wanted) / max(wanted, 1.0), control.limit_events),
        ("median", published, median, abs(median - published), control.limit_median_months),
        ("rmst", mean, ours, abs(ours - mean) / mean, control.limit_rmst),
        ("flat_stretch_events", 0.0, flat, flat, 0.0),
    ]
    table = pd.DataFrame(rows, columns=["measure", "target", "reconstructed", "difference", "limit"])
    difference = table.pop("difference")
    verdict = np.where(difference <= table["limit"] + 1e-12, ACCEPTED, REFUSED)
    return table.assign(verdict=np.where(np.isfinite(difference), verdict, UNKNOWN))


def count_flat_events(curve: DigitisedCurve, found: Reconstruction) -> int:
    """Events inside stretches of a tenth of the axis or more on which the published curve does not fall.

    A stretch counts as flat where the whole of it falls by less than a quarter of what one death would make it fall.
    """
    events = np.sort(found.time[found.event == 1])
    # Points that lie lower than the last such point by enough, so that a slow slope is no flat stretch.
    falls: list[int] = []
    level = curve.survival[0]
    for place, value in enumerate(curve.survival):
        if level - value > 0.25 / curve.at_risk[0]:
            falls.append(place)
            level = value
    edges = [0, *falls, len(curve.time) - 1]
    count = 0
    for first, last in pairwise(edges):
        inner = curve.time[first], curve.time[last]
        if inner[1] - inner[0] >= FLAT_STRETCH * curve.time[-1]:
            end = np.searchsorted(events, inner[1], side="right" if last not in falls else "left")
            count += int(end - np.searchsorted(events, inner[0], side="right"))
    return count
