"""MaxCombo: the largest of several Fleming-Harrington tests, with the p-value of their joint distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prrt_outcomes.statistics.risk.logrank import compute_score, compute_test_weights
from prrt_outcomes.statistics.risk.table import RiskTable

STANDARD_COMBINATION: tuple[tuple[float, float], ...] = ((0, 0), (1, 0), (0, 1), (1, 1))


@dataclass(frozen=True, eq=False)
class MaxCombo:
    """A MaxCombo test of two groups.

    Attributes
    ----------
    combination : (rho, gamma) of each component
    z : signed component statistics, positive where the last group has more events than expected
    correlation : of the components under the null hypothesis
    statistic : the z of largest absolute value
    p_value : two-sided, P(max |Z| >= |statistic|) under the joint normal distribution
    status : ``ok``, ``no_events`` or ``too_few``; numbers are nan where not ok
    """

    combination: tuple[tuple[float, float], ...]
    z: NDArray[np.float64]
    correlation: NDArray[np.float64]
    statistic: float
    p_value: float
    status: str


def compute_maxcombo(
    table: RiskTable, combination: Sequence[tuple[float, float]] = STANDARD_COMBINATION
) -> MaxCombo:
    """Test two groups where the hazards may not be proportional.

    Parameters
    ----------
    table : risk table of two groups; strata and late entry are respected
    combination : (rho, gamma) of the Fleming-Harrington components

    Returns
    -------
    MaxCombo; a component without variance (FH(0, 1) with a single event time) is left out, its z nan

    Raises
    ------
    ValueError : not two groups

    References
    ----------
    Lee 2007, Computational Statistics and Data Analysis 51:6557; Karrison 2016, Stata Journal 16:678.
    """
    if len(table.groups) != 2:
        raise ValueError(f"MaxCombo compares two groups, found {len(table.groups)}")
    weights = [compute_test_weights(table, "fleming_harrington", rho, gamma) for rho, gamma in combination]
    score, covariance = compute_score(table, weights)
    covariance = covariance[:, :, -1, -1]
    variance = np.diag(covariance)
    usable = variance > 1e-12 * max(float(variance.max()), 1e-300)
    combination = tuple((float(rho), float(gamma)) for rho, gamma in combination)
    k = len(combination)
    if not (variance.max() > 0 and usable.any()):
        status = "too_few" if table.weighted.events.sum() else "no_events"
        nans = np.full(k, np.nan)
        return MaxCombo(combination, nans, np.full((k, k), np.nan), float("nan"), float("nan"), status)
    deviation = np.sqrt(np.where(usable, variance, np.nan))
    z = score[:, -1] / deviation
    correlation = covariance / np.outer(deviation, deviation)
    statistic = float(z[np.nanargmax(np.abs(z))])
    p_value = compute_maximum_p_value(abs(statistic), correlation[np.ix_(usable, usable)])
    return MaxCombo(combination, z, correlation, statistic, p_value, "ok")


def compute_maximum_p_value(maximum: float, correlation: NDArray[np.float64]) -> float:
    """Return P(max |Z_i| >= maximum) of correlated standard normals; the same number at every call."""
    from scipy.stats import multivariate_normal

    distinct = _distinct_components(correlation)
    matrix = correlation[np.ix_(distinct, distinct)]
    limit = np.full(len(matrix), maximum)
    settings = {"allow_singular": True, "abseps": 1e-7, "maxpts": 1_000_000, "rng": 20151122}
    inside = multivariate_normal.cdf(limit, cov=matrix, lower_limit=-limit, **settings)
    return float(min(1.0, max(0.0, 1.0 - inside)))


def _distinct_components(correlation: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the components that are not a copy of an earlier one."""
    copies = np.triu(np.abs(correlation) > 1.0 - 1e-10, k=1).any(axis=0)
    return np.flatnonzero(~copies)
