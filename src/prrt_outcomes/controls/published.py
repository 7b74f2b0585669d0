"""A published arm: one-sample tests against its curve, and the rate ratio that carries its own doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from prrt_outcomes.controls.comparison_rows import comparison_row
from prrt_outcomes.statistics.one_sample import (
    PiecewiseExponential,
    compute_one_sample_logrank,
    fit_piecewise_exponential,
)

if TYPE_CHECKING:
    from prrt_outcomes.study.controls import PublishedControl
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

MEDIAN_ALONE = "exponential of the median"
ALL_POINTS = "piecewise exponential through median and milestones"


@dataclass(frozen=True)
class ReferenceCurve:
    """What a published arm says of survival, and how it was read."""

    assumption: str
    curve: PiecewiseExponential


def derive_reference_curves(control: PublishedControl) -> list[ReferenceCurve]:
    """Reference curves of a published arm, the fullest first.

    With milestones, the piecewise exponential through median and milestones, its last hazard going on; the
    exponential of the median alone stands beside it.
    """
    median = control.median_months
    points = [(m.months, m.survival) for m in control.milestones]
    curves = []
    if points:
        every = points if median is None else [*points, (median, 0.5)]
        months, survival = zip(*every, strict=True)
        curves.append(ReferenceCurve(ALL_POINTS, fit_piecewise_exponential(months, survival)))
    if median is not None:
        curves.append(ReferenceCurve(MEDIAN_ALONE, fit_piecewise_exponential([median], [0.5])))
    return curves


def compare_with_published(rows: EndpointRows, control: PublishedControl, confidence: float) -> list[dict]:
    """Compare our events with those that a published arm would have had in our time at risk.

    Parameters
    ----------
    rows : our patients
    control : published median, milestones, n, events
    confidence : level of the intervals

    Returns
    -------
    Rows of `controls`: for each reference curve the one-sample log-rank test with observed over expected
    (exact Poisson interval, which takes the expectation as fixed) and the rate ratio whose interval carries
    the uncertainty of the published arm.
    """
    written = []
    for reference in derive_reference_curves(control):
        test = compute_one_sample_logrank(
            rows.time_months, rows.event, reference.curve, entry=rows.entry_months, confidence=confidence
        )
        shared = {
            "n": test.n,
            "n_control": control.n,
            "observed": test.observed,
            "expected": test.expected,
            "assumption": reference.assumption,
        }
        written.append(
            comparison_row(
                "one_sample_logrank",
                "smr",
                statistic=test.statistic,
                p_value=test.p_value,
                value=test.ratio,
                low=test.ratio_lower,
                high=test.ratio_upper,
                status=test.status,
                **shared,
            )
            | {"statistic_wu": test.statistic_wu, "p_value_wu": test.p_value_wu}
        )
        written.append(_compare_rates(test.observed, test.expected, control, confidence, shared))
    return written


def estimate_control_events(control: PublishedControl) -> tuple[float, str]:
    """Events of the published arm on which its precision rests.

    The published number where there is one; else that which the interval of the median implies for an
    exponential arm, Var(log median) = 1 / events; else half of the patients, who had the event by the median.
    """
    if control.events is not None:
        return float(control.events), "events as published"
    low, high = control.median_low, control.median_high
    if low is not None and high is not None and high > low:
        error = (np.log(high) - np.log(low)) / (2 * ndtri(0.975))
        return float(min(1 / error**2, control.n)), "events implied by the interval of the median"
    return control.n / 2.0, "half of the patients taken as events"


def _compare_rates(
    observed: float, expected: float, control: PublishedControl, confidence: float, shared: dict
) -> dict:
    """Observed over expected with Var(log ratio) = 1 / observed + 1 / events of the control."""
    events, how = estimate_control_events(control)
    shared = shared | {"assumption": f"{shared['assumption']}; {how}"}
    if observed == 0 or events == 0 or not expected > 0:
        return comparison_row("rate_ratio", "hazard_ratio", status="no_events", **shared)
    error = float(np.sqrt(1 / observed + 1 / events))
    log_ratio = float(np.log(observed / expected))
    half = float(ndtri(0.5 + confidence / 2)) * error
    z = log_ratio / error
    return comparison_row(
        "rate_ratio",
        "hazard_ratio",
        value=float(np.exp(log_ratio)),
        low=float(np.exp(log_ratio - half)),
        high=float(np.exp(log_ratio + half)),
        std_error=error,
        statistic=z,
        p_value=float(2 * ndtr(-abs(z))),
        **shared,
    )
