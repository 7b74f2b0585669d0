"""Weighted log-rank tests: two or more groups, strata, late entry, trend, pairwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from prrt_outcomes.statistics.risk_table import RiskTable

TestWeight = Literal["logrank", "gehan", "tarone_ware", "peto", "fleming_harrington"]
TEST_WEIGHTS: tuple[str, ...] = ("logrank", "gehan", "tarone_ware", "peto", "fleming_harrington")


@dataclass(frozen=True, eq=False)
class LogRank:
    """A weighted log-rank test.

    Attributes
    ----------
    weight, rho, gamma : the weight function
    groups : labels
    n, observed, expected : per group: ends of observation, events and expected events, unweighted by the
        test's
        weight function
    score, variance : weighted observed minus expected per group, shape (n_groups,), and its covariance
    statistic, degrees_of_freedom, p_value : chi-square; nan where it cannot be had
    z : signed root of the statistic for two groups, positive where the last group has more events than
        expected;
        nan for more groups
    status : ``ok``; ``no_events``; ``too_few`` (one group, or groups that are never at risk together)
    """

    weight: str
    rho: float
    gamma: float
    groups: tuple
    n: NDArray[np.float64]
    observed: NDArray[np.float64]
    expected: NDArray[np.float64]
    score: NDArray[np.float64]
    variance: NDArray[np.float64]
    statistic: float
    degrees_of_freedom: int
    p_value: float
    z: float
    status: str


def compute_test_weights(
    table: RiskTable, weight: TestWeight = "logrank", rho: float = 0.0, gamma: float = 0.0
) -> NDArray[np.float64]:
    """Compute the weight function of a log-rank test at each row of the risk table.

    Parameters
    ----------
    table : risk table of all groups
    weight : ``logrank`` 1, ``gehan`` n, ``tarone_ware`` sqrt(n), ``peto`` the product of 1 - d / (n + 1)
        up to and including t, ``fleming_harrington`` S(t-)^rho (1 - S(t-))^gamma of the pooled curve
    rho, gamma : 0 or more, used by ``fleming_harrington`` only

    Returns
    -------
    weights, shape (n_times,), pooled over groups, within each stratum

    Raises
    ------
    ValueError : unknown weight, negative rho or gamma, or rho or gamma given to another weight
    """
    if weight not in TEST_WEIGHTS:
        raise ValueError(f"weight must be one of {', '.join(TEST_WEIGHTS)}, not {weight!r}")
    if rho < 0 or gamma < 0:
        raise ValueError(f"rho and gamma must be 0 or more, not {rho} and {gamma}")
    if weight != "fleming_harrington" and (rho or gamma):
        raise ValueError(f"rho and gamma belong to fleming_harrington, not to {weight}")
    if weight == "logrank":
        return np.ones(len(table.time))
    at_risk, events = sum_over_groups(table.weighted.at_risk), sum_over_groups(table.weighted.events)
    if weight == "gehan":
        return at_risk
    if weight == "tarone_ware":
        return np.sqrt(at_risk)
    if weight == "peto":
        return _product_by_stratum(1.0 - events / (at_risk + 1.0), table.stratum)
    kept = 1.0 - np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
    after = _product_by_stratum(np.maximum(kept, 0.0), table.stratum)
    first = np.concatenate(([True], table.stratum[1:] != table.stratum[:-1]))
    before = np.where(first, 1.0, np.concatenate(([1.0], after[:-1])))
    return before**rho * (1.0 - before) ** gamma


def _product_by_stratum(factors: NDArray[np.float64], stratum: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the running product within each stratum; rows are sorted by stratum."""
    bounds = np.searchsorted(stratum, np.arange(stratum[-1] + 2))
    return np.concatenate([np.cumprod(factors[a:b]) for a, b in pairwise(bounds)])


def sum_over_groups(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return row sums; a product is several times faster than a sum along few columns."""
    return values @ np.ones(values.shape[1])


def select_event_rows(table: RiskTable) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the rows with events, and who is at risk and has the event there, per group."""
    happening = np.flatnonzero(sum_over_groups(table.weighted.events) > 0)
    return happening, table.weighted.at_risk[happening], table.weighted.events[happening]


def compute_expected(table: RiskTable) -> NDArray[np.float64]:
    """Return the events that each group would have under equal hazards, shape (n_groups,)."""
    _, at_risk, events = select_event_rows(table)
    return (sum_over_groups(events) / sum_over_groups(at_risk)) @ at_risk


def compute_score(
    table: RiskTable, weights: Sequence[NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute scores and covariances of log-rank tests with the given weight functions.

    Parameters
    ----------
    table : risk table; strata are added up
    weights : one array a test, shape (n_times,)

    Returns
    -------
    score : weighted observed minus expected, shape (n_tests, n_groups)
    covariance : hypergeometric, shape (n_tests, n_tests, n_groups, n_groups)
    """
    happening, at_risk, events = select_event_rows(table)
    n, d = sum_over_groups(at_risk), sum_over_groups(events)
    w = np.stack([weight[happening] for weight in weights])
    share = at_risk / n[:, None]
    score = w @ (events - d[:, None] * share)
    spread = np.divide(d * (n - d), n - 1.0, out=np.zeros_like(n), where=n > 1.0)
    k, g = len(weights), at_risk.shape[1]
    covariance = np.empty((k, k, g, g))
    for i in range(k):
        for j in range(i, k):
            factor = w[i] * w[j] * spread
            weighted_share = share * factor[:, None]
            spent = factor @ share
            block = np.diag(spent) - weighted_share.T @ share
            # where a group is alone in every stratum the two parts cancel: what is left is rounding, not variance
            block[np.abs(block) <= 1e-13 * np.max(np.abs(spent), initial=0.0)] = 0.0
            covariance[i, j] = covariance[j, i] = block
    return score, covariance


def compute_logrank(
    table: RiskTable, weight: TestWeight = "logrank", *, rho: float = 0.0, gamma: float = 0.0
) -> LogRank:
    """Test whether the hazards of two or more groups are the same.

    Parameters
    ----------
    table : risk table with the groups; strata make the test stratified, entries make it respect late entry;
        weights count as numbers of patients
    weight, rho, gamma : as `compute_test_weights`

    Returns
    -------
    LogRank; groups that are never at risk when an event happens do not count as a degree of freedom

    Raises
    ------
    ValueError : as `compute_test_weights`

    References
    ----------
    Fleming and Harrington 1991, chapter 7; Tarone and Ware 1977; Peto and Peto 1972; R survival ``survdiff``.
    """
    weights = compute_test_weights(table, weight, rho, gamma)
    (score,), covariance = compute_score(table, [weights])
    variance = covariance[0, 0]
    observed = table.weighted.events.sum(axis=0)
    expected = observed - score if weight == "logrank" else compute_expected(table)
    ends = table.weighted.events + table.weighted.competing + table.weighted.censored
    statistic, freedom, status = compute_quadratic_form(score, variance, expected > 0)
    if observed.sum() == 0:
        status = "no_events"
    z = float("nan")
    if status == "ok" and len(table.groups) == 2:
        z = float(score[-1] / np.sqrt(variance[-1, -1]))
    p_value = float(chdtrc(freedom, statistic)) if status == "ok" else float("nan")
    return LogRank(
        weight=weight,
        rho=rho,
        gamma=gamma,
        groups=table.groups,
        n=ends.sum(axis=0),
        observed=observed,
        expected=expected,
        score=score,
        variance=variance,
        statistic=statistic if status == "ok" else float("nan"),
        degrees_of_freedom=freedom,
        p_value=p_value,
        z=z,
        status=status,
    )


def compute_quadratic_form(
    score: NDArray[np.float64], variance: NDArray[np.float64], used: NDArray[np.bool_]
) -> tuple[float, int, str]:
    """Return chi-square, its degrees of freedom and status of scores that sum to 0 over the used groups."""
    chosen = np.flatnonzero(used)[:-1]
    if len(chosen) == 0:
        return float("nan"), 0, "too_few"
    block = variance[np.ix_(chosen, chosen)]
    scale = float(np.max(np.abs(block)))
    rank = int(np.linalg.matrix_rank(block, tol=1e-10 * scale)) if scale > 0 else 0
    if rank < len(chosen):
        return float("nan"), rank, "too_few"
    return float(score[chosen] @ np.linalg.solve(block, score[chosen])), len(chosen), "ok"


def compute_holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust p-values by Holm's step-down method; nan stays nan and does not count.

    The same numbers as statsmodels' ``multipletests``, whose import costs more than the survival stage's tests.
    """
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted
