"""A published curve as the reference of a one-sample test, whether or not it can be reconstructed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prrt_outcomes.controls.comparison_rows import comparison_row
from prrt_outcomes.statistics.one_sample import (
    PiecewiseExponential,
    compute_one_sample_logrank,
    fit_piecewise_exponential,
)

if TYPE_CHECKING:
    from prrt_outcomes.controls.digitised import DigitisedCurve
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

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
