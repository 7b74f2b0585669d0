"""MaxCombo: the largest of several Fleming-Harrington tests, with the p-value of their joint distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from prrt_outcomes.statistics.logrank import compute_score, compute_test_weights
from prrt_outcomes.statistics.risk_table import RiskTable

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
    """Compute P(max |Z_i| >= maximum) of correlated standard normals; the same number at every call.

    Parameters
    ----------
    maximum : 0 or more
    correlation : shape (k, k), may be singular: FH(0, 1) is FH(0, 0) less FH(1, 0), so the standard combination has
        rank 3

    Returns
    -------
    float; up to rank 4 by quadrature over all but the last direction, in which the probability is exact (error below
        1e-5), above by scipy's lattice rule (error below 1e-4)
    """
    factor = _pivoted_factor(correlation)
    rank = factor.shape[1]
    if rank > 4:
        from scipy.stats import multivariate_normal

        limit = np.full(len(correlation), maximum)
        settings = {"allow_singular": True, "abseps": 1e-5, "rng": 20151122}
        inside = multivariate_normal.cdf(limit, cov=correlation, lower_limit=-limit, **settings)
    else:
        inside = _probability_inside(maximum, factor)
    return float(min(1.0, max(0.0, 1.0 - inside)))


def _pivoted_factor(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return L with L L' = correlation, one column a rank, rows permuted so that its head is lower triangular."""
    rest, k = correlation.copy(), len(correlation)
    order, columns = np.arange(k), []
    for j in range(k):
        diagonal = np.diag(rest)[order[j:]]
        best = j + int(np.argmax(diagonal))
        if rest[order[best], order[best]] < 1e-9:
            break
        order[[j, best]] = order[[best, j]]
        column = rest[:, order[j]] / np.sqrt(rest[order[j], order[j]])
        columns.append(column)
        rest = rest - np.outer(column, column)
    return np.stack(columns, axis=1)[order]


@cache
def _gauss_legendre(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes and weights on -1 to 1; finding them costs more than using them."""
    return np.polynomial.legendre.leggauss(count)


def _probability_inside(maximum: float, factor: NDArray[np.float64]) -> float:
    """Return P(|factor @ x| <= maximum in every row) of independent standard normals x."""
    rank = factor.shape[1]
    node, node_weight = _gauss_legendre({1: 1, 2: 500, 3: 200, 4: 80}[rank])
    x, weight = np.zeros((1, 0)), np.ones(1)
    for j in range(rank - 1):
        centre = x @ factor[j, :j]
        low = np.clip((-maximum - centre) / factor[j, j], -9.0, 9.0)
        high = np.clip((maximum - centre) / factor[j, j], -9.0, 9.0)
        half = (high - low) / 2.0
        new = ((high + low) / 2.0)[:, None] + half[:, None] * node
        weight = (weight * half)[:, None] * node_weight * np.exp(-(new**2) / 2.0) / np.sqrt(2.0 * np.pi)
        x = np.concatenate((np.repeat(x, len(node), axis=0), new.reshape(-1, 1)), axis=1)
        weight = weight.ravel()
    low, high = np.full(len(x), -np.inf), np.full(len(x), np.inf)
    for row in factor[rank - 1 :]:
        centre, slope = x @ row[:-1], row[-1]
        if abs(slope) < 1e-10:
            weight = weight * (np.abs(centre) <= maximum)
            continue
        one, two = (-maximum - centre) / slope, (maximum - centre) / slope
        low, high = np.maximum(low, np.minimum(one, two)), np.minimum(high, np.maximum(one, two))
    return float(weight @ np.maximum(ndtr(high) - ndtr(low), 0.0))
