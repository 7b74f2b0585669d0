"""What a comparison could have shown: power at given hazard ratios, and the ratio it had 80 % power to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from prrt_outcomes.statistics.risk.kaplan_meier import fit_reverse_kaplan_meier

if TYPE_CHECKING:
    from prrt_outcomes.controls.cohorts import TwoSamples
    from prrt_outcomes.controls.published import ReferenceCurve
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

HAZARD_RATIOS = (0.5, 0.6, 0.7, 0.8, 0.9)
WANTED_POWER = 0.8
GRID_POINTS = 2000


def tabulate_power_published(
    rows: EndpointRows, reference: ReferenceCurve, control_events: float, confidence: float
) -> list[dict]:
    """Power of the one-sample log-rank test and of the rate ratio against a published curve.

    Parameters
    ----------
    rows : our patients; their censoring is taken as it was
    reference : curve of the published arm
    control_events : events on which its precision rests
    confidence : 1 minus the two-sided level of the test

    Returns
    -------
    Rows of `control_power` but for control and endpoint.

    Notes
    -----
    With P(h) the chance of an event before censoring when the hazard is h times the reference's, n P(h) events
    are observed and n P(h) / h expected, so (O - E) / sqrt(E) has mean (h - 1) sqrt(n P(h) / h) and variance
    about h (Wu 2015, Pharmaceutical Statistics 14:26). The rate ratio has Var(log) = 1 / (n P(h)) + 1 / events.
    """
    n = len(rows.time_months)
    compute_share = _event_shares(rows, reference)
    z = float(ndtri(0.5 + confidence / 2))

    def one_sample(ratio: float) -> tuple[float, float]:
        events = n * compute_share(ratio)
        mean = (ratio - 1) * np.sqrt(events / ratio)
        return float(ndtr((-z - mean) / np.sqrt(ratio))), events

    def with_control(ratio: float) -> tuple[float, float]:
        events = n * compute_share(ratio)
        error = np.sqrt(1 / max(events, 1e-12) + 1 / max(control_events, 1e-12))
        return float(ndtr(-np.log(ratio) / error - z)), events

    return [
        *_rows("one_sample_logrank", reference.assumption, n, one_sample),
        *_rows("rate_ratio", reference.assumption, n, with_control),
    ]


def tabulate_power_two_samples(samples: TwoSamples, confidence: float) -> list[dict]:
    """Power of the Cox model with the events that there were (Schoenfeld 1981, Biometrika 68:316)."""
    events = float(samples.event.sum())
    share = float(samples.in_cohort.mean())
    z = float(ndtri(0.5 + confidence / 2))

    def schoenfeld(ratio: float) -> tuple[float, float]:
        return float(ndtr(-np.log(ratio) * np.sqrt(events * share * (1 - share)) - z)), events

    return _rows("cox", "events as observed in both", int(samples.in_cohort.sum()), schoenfeld)


def _event_shares(rows: EndpointRows, reference: ReferenceCurve):
    """Share of patients with an event before censoring, as a function of the hazard ratio."""
    censoring = fit_reverse_kaplan_meier(rows.time_months, rows.event)
    edges = np.linspace(0, float(rows.time_months.max()), GRID_POINTS + 1)
    observed = np.concatenate(([1.0], censoring.survival))[
        np.searchsorted(censoring.time, (edges[:-1] + edges[1:]) / 2, side="right")
    ]
    hazard = reference.curve.compute_cumulative_hazard(edges)

    def compute_share(ratio: float) -> float:
        return float(observed @ -np.diff(np.exp(-ratio * hazard)))

    return compute_share


def _rows(method: str, assumption: str, n: int, compute_power) -> list[dict]:
    """Power at the ratios of the grid, and the ratio that is shown with the wanted power."""
    shared = {"method": method, "assumption": assumption, "n": n}
    found = []
    for ratio in HAZARD_RATIOS:
        power, events = compute_power(ratio)
        found.append(
            shared | {"item": "grid", "hazard_ratio": ratio, "events": events, "power": power, "status": "ok"}
        )
    detectable = _find_detectable(compute_power)
    known = np.isfinite(detectable)
    return [
        *found,
        shared
        | {
            "item": "detectable",
            "hazard_ratio": detectable,
            "events": compute_power(detectable)[1] if known else np.nan,
            "power": WANTED_POWER,
            "status": "ok" if known else "too_few",
        },
    ]


def _find_detectable(compute_power) -> float:
    """The hazard ratio nearest to 1 that is shown with the wanted power; nan where none above 0.01 is."""
    ratios = np.geomspace(0.01, 0.999, 400)
    power = np.array([compute_power(ratio)[0] for ratio in ratios])
    enough = np.flatnonzero(power >= WANTED_POWER)
    if not len(enough):
        return float("nan")
    last = int(enough[-1])
    if last + 1 == len(ratios):
        return float(ratios[last])
    share = (power[last] - WANTED_POWER) / (power[last] - power[last + 1])
    return float(np.exp(np.log(ratios[last]) + share * (np.log(ratios[last + 1]) - np.log(ratios[last]))))
