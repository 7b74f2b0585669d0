"""How well a reconstruction meets what was published, and whether it is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from prrt_outcomes.statistics.curve_summaries import compute_quantile
from prrt_outcomes.statistics.kaplan_meier import KaplanMeier, fit_kaplan_meier

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from prrt_outcomes.controls.digitised import DigitisedCurve
    from prrt_outcomes.controls.reconstruction import Reconstruction
    from prrt_outcomes.study.controls import CurveControl

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
