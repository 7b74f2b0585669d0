"""Log-rank test and its weighted relatives, MaxCombo, and comparisons by a state entered during follow-up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.linalg.lapack import dpstrf
from scipy.special import chdtrc, ndtr

from prrt_outcomes.statistics.data import SurvivalData, compute_codes
from prrt_outcomes.statistics.kaplan_meier import IntervalType, KaplanMeier, fit_kaplan_meier_by_group
from prrt_outcomes.statistics.risk_table import RiskTable, compute_risk_table

TestWeight = Literal["logrank", "gehan", "tarone_ware", "peto", "fleming_harrington"]
TEST_WEIGHTS: tuple[str, ...] = get_args(TestWeight)


@dataclass(frozen=True)
class GroupTest:
    """A test between groups; numbers are nan where its status is not ``ok``.

    statistic : chi-square, or the z of MaxCombo, which has no degrees of freedom (nan)
    status : ``ok``; ``no_events``; ``too_few`` (one group, or groups that are never at risk together)
    """

    statistic: float
    degrees_of_freedom: float
    p_value: float
    status: str


@dataclass(frozen=True, eq=False)
class LogRank(GroupTest):
    """A weighted log-rank test.

    observed, expected : events and expected events per group, unweighted by the test's weight function
    score, variance : weighted observed minus expected per group, shape (n_groups,), and its covariance
    z : signed root of the statistic for two groups, positive where the last group has more events than
        expected; nan for more groups
    """

    observed: NDArray[np.float64]
    expected: NDArray[np.float64]
    score: NDArray[np.float64]
    variance: NDArray[np.float64]
    z: float


def compute_test_weights(
    table: RiskTable, weight: TestWeight = "logrank", rho: float = 0.0, gamma: float = 0.0
) -> NDArray[np.float64]:
    """Compute the weight function of a log-rank test at each row of the risk table, pooled over groups.

    `weight`: ``logrank`` 1, ``gehan`` n, ``tarone_ware`` sqrt(n), ``peto`` the product of 1 - d / (n + 1) up
    to and including t, ``fleming_harrington`` S(t-)^rho (1 - S(t-))^gamma of the pooled curve, within each
    stratum. ValueError for an unknown weight, a negative rho or gamma, or one given to another weight.
    """
    if weight not in TEST_WEIGHTS:
        raise ValueError(f"weight must be one of {', '.join(TEST_WEIGHTS)}, not {weight!r}")
    if rho < 0 or gamma < 0:
        raise ValueError(f"rho and gamma must be 0 or more, not {rho} and {gamma}")
    if weight != "fleming_harrington" and (rho or gamma):
        raise ValueError(f"rho and gamma belong to fleming_harrington, not to {weight}")
    if weight == "logrank":
        return np.ones(len(table.time))
    at_risk, events = _sum_over_groups(table.weighted.at_risk), _sum_over_groups(table.weighted.events)
    if weight == "gehan":
        return at_risk
    if weight == "tarone_ware":
        return np.sqrt(at_risk)
    if weight == "peto":
        kept = pd.Series(1.0 - events / (at_risk + 1.0))
        return np.asarray(kept.groupby(table.stratum).cumprod(), dtype=np.float64)
    hazard = np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
    after = pd.Series(np.maximum(1.0 - hazard, 0.0)).groupby(table.stratum).cumprod()
    before = np.asarray(after.groupby(table.stratum).shift(fill_value=1.0), dtype=np.float64)
    return before**rho * (1.0 - before) ** gamma


def _sum_over_groups(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return row sums; a product is several times faster than a sum along few columns."""
    return values @ np.ones(values.shape[1])


def compute_score(
    table: RiskTable, weights: Sequence[NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compute scores and covariances of log-rank tests with the given weight functions, one array a test.

    score : weighted observed minus expected, strata added up, shape (n_tests, n_groups)
    covariance : hypergeometric, shape (n_tests, n_tests, n_groups, n_groups)
    expected : events that each group would have under equal hazards, shape (n_groups,)
    """
    happening = np.flatnonzero(_sum_over_groups(table.weighted.events) > 0)
    at_risk, events = table.weighted.at_risk[happening], table.weighted.events[happening]
    n, d = _sum_over_groups(at_risk), _sum_over_groups(events)
    w = np.stack([weight[happening] for weight in weights])
    share = at_risk / n[:, None]
    score = w @ (events - d[:, None] * share)
    spread = np.divide(d * (n - d), n - 1.0, out=np.zeros_like(n), where=n > 1.0)
    k, g = len(weights), at_risk.shape[1]
    covariance = np.empty((k, k, g, g))
    for i in range(k):
        for j in range(i, k):
            factor = w[i] * w[j] * spread
            spent = factor @ share
            block = np.diag(spent) - (share * factor[:, None]).T @ share
            # where a group is alone in every stratum the two parts cancel: what is left is rounding, not variance
            block[np.abs(block) <= 1e-13 * np.max(np.abs(spent), initial=0.0)] = 0.0
            covariance[i, j] = covariance[j, i] = block
    return score, covariance, d @ share


def compute_logrank(
    table: RiskTable, weight: TestWeight = "logrank", *, rho: float = 0.0, gamma: float = 0.0
) -> LogRank:
    """Test whether the hazards of two or more groups are the same; weights as `compute_test_weights`.

    Strata of the risk table make the test stratified, entries make it respect late entry; its weights count
    as numbers of patients. Groups that are never at risk when an event happens do not count as a degree of
    freedom. Source: Fleming and Harrington 1991, chapter 7; Tarone and Ware 1977; Peto and Peto 1972; R
    survival ``survdiff``.
    """
    (score,), covariance, expected = compute_score(table, [compute_test_weights(table, weight, rho, gamma)])
    variance = covariance[0, 0]
    observed = table.weighted.events.sum(axis=0)
    test = compute_group_test(score, variance, expected > 0)
    test = test if observed.any() else replace(test, status="no_events")
    two = test.status == "ok" and len(table.groups) == 2
    z = float(score[-1] / np.sqrt(variance[-1, -1])) if two else np.nan
    return LogRank(**vars(test), observed=observed, expected=expected, score=score, variance=variance, z=z)


def compute_group_test(
    score: NDArray[np.float64], variance: NDArray[np.float64], used: NDArray[np.bool_]
) -> GroupTest:
    """Test scores that sum to 0 over the used groups."""
    chosen = np.flatnonzero(used)[:-1]
    block = variance[np.ix_(chosen, chosen)]
    scale = float(np.max(np.abs(block), initial=0.0))
    rank = int(np.linalg.matrix_rank(block, tol=1e-10 * scale)) if scale > 0 else 0
    if rank < max(len(chosen), 1):
        return GroupTest(np.nan, rank, np.nan, "too_few")
    statistic = float(score[chosen] @ np.linalg.solve(block, score[chosen]))
    return GroupTest(statistic, rank, float(chdtrc(rank, statistic)), "ok")


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


COMPONENTS = ((0, 0), (1, 0), (0, 1), (1, 1))


def compute_maxcombo(table: RiskTable) -> GroupTest:
    """Test two groups where the hazards may not be proportional, by four Fleming-Harrington components.

    The statistic is the z of largest absolute value, positive where the last group has more events than expected; the
    p-value is P(max |Z| >= |statistic|) under the joint normal distribution.

    Strata and late entry are respected; a component without variance (FH(0, 1) with a single event time) is
    left out. ValueError for other than two groups. Source: Lee 2007, Computational Statistics and Data
    Analysis 51:6557; Karrison 2016, Stata Journal 16:678.
    """
    if len(table.groups) != 2:
        raise ValueError(f"MaxCombo compares two groups, found {len(table.groups)}")
    weights = [compute_test_weights(table, "fleming_harrington", rho, gamma) for rho, gamma in COMPONENTS]
    score, covariance, _ = compute_score(table, weights)
    covariance = covariance[:, :, -1, -1]
    variance = np.diag(covariance)
    usable = variance > 1e-12 * max(float(variance.max()), 1e-300)
    if not (variance.max() > 0 and usable.any()):
        status = "too_few" if table.weighted.events.sum() else "no_events"
        return GroupTest(np.nan, np.nan, np.nan, status)
    deviation = np.sqrt(np.where(usable, variance, np.nan))
    z = score[:, -1] / deviation
    correlation = covariance / np.outer(deviation, deviation)
    statistic = float(z[np.nanargmax(np.abs(z))])
    p_value = compute_maximum_p_value(abs(statistic), correlation[np.ix_(usable, usable)])
    return GroupTest(statistic, np.nan, p_value, "ok")


def compute_maximum_p_value(maximum: float, correlation: NDArray[np.float64]) -> float:
    """Compute P(max |Z_i| >= maximum) of correlated standard normals of rank 4 at most.

    By quadrature over all but the last direction, in which the probability is exact (error below 1e-5). The
    correlation may be singular: FH(0, 1) is FH(0, 0) less FH(1, 0), so the standard combination has rank 3.
    """
    # Cholesky's factor, one column a rank, rows permuted so that its head is lower triangular.
    factor, _, rank, _ = dpstrf(correlation, tol=1e-9, lower=1)
    return float(np.clip(1.0 - _probability_inside(maximum, np.tril(factor)[:, :rank]), 0.0, 1.0))


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
        low, high = (np.clip((end - centre) / factor[j, j], -9.0, 9.0) for end in (-maximum, maximum))
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


def compute_mantel_byar(data: SurvivalData, state: ArrayLike) -> LogRank:
    """Test whether the hazard depends on the state a patient is in at each moment.

    data : counting-process rows with entry and id; the event closes the patient's last row; strata make the
        test stratified
    state : state during the row; a state entered on a date begins with a row that starts there
    ValueError for no entry or id, rows after the patient's event.
    Source: Mantel and Byar 1974, JASA 69:81; Anderson, Cain and Gelber 1983, Journal of Clinical Oncology
    1:710.
    """
    _check_last_event(data)
    return compute_logrank(compute_risk_table(data, state))


def _check_last_event(data: SurvivalData) -> None:
    """Refuse rows that are no counting process, and rows after a patient's event."""
    if data.entry is None or data.id is None:
        raise ValueError("states that change need counting-process rows: give entry and id")
    order = np.lexsort((data.entry, data.id.code))
    patient = data.id.code[order]
    wrong = (patient[:-1] == patient[1:]) & (data.event[order][:-1] > 0)
    if wrong.any():
        found = ", ".join(str(data.id.labels[c]) for c in patient[:-1][wrong][:5])
        raise ValueError(f"rows follow the event of {int(wrong.sum())} patients: {found}")


def fit_simon_makuch(
    data: SurvivalData,
    state: ArrayLike,
    *,
    landmark: float = 0.0,
    interval: IntervalType = "log-log",
    confidence: float = 0.95,
) -> dict[object, KaplanMeier]:
    """Fit one curve a state, in which patients count from when they enter the state until they leave it.

    data, state : as `compute_mantel_byar`
    landmark : curves start here with those still at risk (time > landmark); from 0 the first risk sets of
        a late state are tiny, and one early event can take its curve to 0 (status ``too_few``)
    Returns the curve by state, time counted from the landmark, at_risk rising where patients enter; a state
    nobody is in after the landmark has none.
    Source: Simon and Makuch 1984, Statistics in Medicine 3:35.
    """
    _check_last_event(data)
    if not landmark >= 0:
        raise ValueError(f"landmark must be 0 or more, not {landmark}")
    kept = data.time > landmark
    if not kept.any():
        raise ValueError(f"nobody is at risk after the landmark {landmark}")
    rows, current = data.select(kept), compute_codes(state, data.n, "state").select(kept)
    rows = replace(rows, time=rows.time - landmark, entry=np.maximum(rows.entry - landmark, 0.0))
    return fit_kaplan_meier_by_group(rows, current, interval=interval, confidence=confidence)
