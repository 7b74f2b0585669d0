"""A published curve as reference: the one-sample log-rank test and the rate ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from prrt_outcomes.controls.control_results import comparison_row
from prrt_outcomes.statistics.one_sample import (
    PiecewiseExponential,
    compute_one_sample_logrank,
    fit_piecewise_exponential,
)

if TYPE_CHECKING:
    from prrt_outcomes.controls.digitised import DigitisedCurve
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


GIVEN = "published curve as given, to its end at {end:.4g} months"


def fit_given_curve(curve: DigitisedCurve) -> PiecewiseExponential | None:
    """The hazard between the points of a published curve; None where no point lies between 0 and the end.

    Points at which survival is 0 say nothing of a hazard and are left out.
    """
    usable = (curve.time > 0) & (curve.survival > 0)
    if not usable.any() or not (curve.survival[usable] < 1).any():
        return None
    return fit_piecewise_exponential(curve.time[usable], curve.survival[usable])


def cut_follow_up(rows: EndpointRows, months: float) -> EndpointRows:
    """Patients as they are known up to a time: later events and censorings become censorings there."""
    from dataclasses import replace

    entry = np.zeros(len(rows.time_months)) if rows.entry_months is None else rows.entry_months
    later = rows.time_months > months
    cut = replace(
        rows,
        time_months=np.where(later, months, rows.time_months),
        event=np.where(later, 0, rows.event),
    )
    return cut.select(entry < months)


def compare_with_given_curve(
    rows: EndpointRows, curve: DigitisedCurve, confidence: float, n_control: float = np.nan
) -> list[dict]:
    """One-sample log-rank against a published curve, our follow-up cut at its end so that nothing is extended.

    Parameters
    ----------
    rows : our patients
    curve : cleaned points
    confidence : level of the interval
    n_control : patients of the published arm, where known

    Returns
    -------
    One row of `controls`, or none where the curve never falls.
    """
    reference = fit_given_curve(curve)
    if reference is None:
        return []
    end = float(curve.time[curve.survival > 0][-1])
    cut = cut_follow_up(rows, end)
    if not len(cut.time_months):
        return []
    test = compute_one_sample_logrank(
        cut.time_months, cut.event, reference, entry=cut.entry_months, confidence=confidence
    )
    row = comparison_row(
        "one_sample_logrank",
        "smr",
        n=test.n,
        n_control=n_control,
        observed=test.observed,
        expected=test.expected,
        assumption=GIVEN.format(end=end),
        statistic=test.statistic,
        p_value=test.p_value,
        value=test.ratio,
        low=test.ratio_lower,
        high=test.ratio_upper,
        status=test.status,
    )
    return [row | {"statistic_wu": test.statistic_wu, "p_value_wu": test.p_value_wu}]
