"""Diagnostics of a Cox model: proportional hazards (score test of R's cox.zph) and Harrell's concordance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtri

from prrt_outcomes.statistics.cox_result import CoxResult
from prrt_outcomes.statistics.model_rows import ModelRows
from prrt_outcomes.statistics.partial_likelihood import (
    compute_partial_likelihood,
    derive_tied_events,
)

GLOBAL = "GLOBAL"


@dataclass(frozen=True)
class ProportionalHazardsResult:
    """Test of proportional hazards.

    status : ``ok``, or the status of a model in which nothing can be tested (``no_events``,
        ``not_estimable``, ``separation``); ``too_few`` where the test cannot be had although the model can (a
        single event time)
    table : one row a term, and last ``GLOBAL``: term, chi_squared, degrees_of_freedom, p_value, status
    """

    status: str
    table: pd.DataFrame


def fit_proportional_hazards_test(fit: CoxResult) -> ProportionalHazardsResult:
    """Score test for a coefficient that changes with a function of time, per term and for all terms.

    For a term with columns j the model is extended by x_j g(t), with g = 1 - S(t-) of the pooled, unweighted
    Kaplan-Meier curve; the statistic is U' I^-1 U at coefficients 0 of the extension, U and I with Efron's
    ties as in the fit. Empty coefficients are left out. Source: survival 3 (Therneau), cox.zph, src/zph1.c
    and zph2.c.
    """
    used = fit.estimated
    # Where a coefficient has run to infinity the score of the others is not 0 in these risk sets.
    if not used.any() or fit.status == "separation":
        return _empty_result(fit)
    rows = fit.rows
    tied = derive_tied_events(rows, fit.ties)
    beta = fit.coefficients[used]
    matrix = fit.design.matrix[:, used]
    scale = np.where(matrix.std(axis=0) > 0, matrix.std(axis=0), 1.0)
    matrix, beta = (matrix - matrix.mean(axis=0)) / scale, beta * scale
    terms = [c.term for c, u in zip(fit.design.columns, used, strict=True) if u]
    g = compute_transformed_time(rows)
    centred = g - g[rows.event_cell].mean()
    at, first, second = (
        compute_partial_likelihood(matrix, rows, tied, beta, cell_weight=w)
        for w in (None, centred, centred**2)
    )
    information = np.block([[at.information, first.information], [first.information, second.information]])
    table = _test_terms(terms, first.score, information)
    testable = table["p_value"].notna().any()
    return ProportionalHazardsResult("ok" if testable else "too_few", table)


def compute_transformed_time(rows: ModelRows) -> np.ndarray:
    """1 - S(t-) of the pooled, unweighted Kaplan-Meier curve at each cell: (G,)."""
    distinct, n_events = np.unique(rows.time[rows.event], return_counts=True)
    at_risk = rows.n - np.searchsorted(np.sort(rows.time), distinct, side="left")
    at_risk = at_risk - (rows.n - np.searchsorted(np.sort(rows.entry), distinct, side="left"))
    survival_before = np.concatenate(([1.0], np.cumprod(1 - n_events / at_risk)))
    return 1 - survival_before[np.searchsorted(distinct, rows.cell_time, side="left")]


def _test_terms(terms: list[str], score: np.ndarray, information: np.ndarray) -> pd.DataFrame:
    """One row a term, and the global test."""
    p = len(terms)
    lines = []
    names = list(dict.fromkeys(terms))
    for name in [*names, GLOBAL]:
        columns = [j for j, term in enumerate(terms) if name in (GLOBAL, term)]
        keep = [*range(p), *(j + p for j in columns)]
        u = np.concatenate([np.zeros(p), score[columns]])
        statistic = _quadratic_form(information[np.ix_(keep, keep)], u)
        df = len(columns)
        p_value = float(chdtrc(df, statistic)) if np.isfinite(statistic) else np.nan
        status = "ok" if np.isfinite(statistic) else "too_few"
        lines.append((name, statistic, df, p_value, status))
    table = pd.DataFrame(lines, columns=["term", "chi_squared", "degrees_of_freedom", "p_value", "status"])
    return table.astype({"term": "string", "status": "string"})


def _quadratic_form(matrix: np.ndarray, vector: np.ndarray) -> float:
    """v' M^-1 v, or nan where M is singular: time does not vary enough to tell its effect."""
    scale = np.sqrt(np.clip(np.diag(matrix), 0, None))
    if (scale <= 0).any():
        return np.nan
    correlation = matrix / np.outer(scale, scale)
    if np.linalg.cond(correlation) > 1e12:
        return np.nan
    return float(max((vector / scale) @ np.linalg.solve(correlation, vector / scale), 0.0))


def _empty_result(fit: CoxResult) -> ProportionalHazardsResult:
    """Nothing to test, with the model's status."""
    names = list(fit.design.terms)
    table = pd.DataFrame(
        {
            "term": pd.array([*names, GLOBAL], dtype="string"),
            "chi_squared": np.nan,
            "degrees_of_freedom": 0,
            "p_value": np.nan,
            "status": pd.array([fit.status] * (len(names) + 1), dtype="string"),
        }
    )
    return ProportionalHazardsResult(fit.status, table)


SAME_SCORE = 1e-12


@dataclass(frozen=True)
class ConcordanceResult:
    """Concordance of a score with survival.

    status : ``ok``; ``no_events`` or ``too_few`` where no pair can be compared; ``separation`` of a model
        without a linear predictor
    concordance : (concordant + tied/2) / comparable pairs; nan where there is none
    std_error, lower, upper : infinitesimal jackknife over clusters; normal interval, within 0 and 1
    concordant, discordant, tied : weights of pairs
    """

    status: str
    concordance: float
    std_error: float
    lower: float
    upper: float
    concordant: float
    discordant: float
    tied: float


def compute_cox_concordance(fit: CoxResult, *, confidence: float = 0.95) -> ConcordanceResult:
    """Concordance of a fitted Cox model's linear predictor; see `compute_concordance`.

    A separated model has no linear predictor: status ``separation``, empty. Columns that are not estimable
    do not contribute.
    """
    if fit.status == "separation":
        return ConcordanceResult("separation", np.nan, np.nan, np.nan, np.nan, 0.0, 0.0, 0.0)
    return compute_concordance(fit.rows, fit.linear_predictor, confidence=confidence)


def compute_concordance(rows: ModelRows, score, *, confidence: float = 0.95) -> ConcordanceResult:
    """Harrell's concordance of a risk score (higher means earlier events; one a row) with survival.

    Scores closer than 1e-12 of the largest are tied. A pair is an event at t and another row at risk at t of
    the same stratum that ends later, or is censored at t. Source: survival::concordance.
    """
    score = np.asarray(score, dtype=float)
    if score.shape != (rows.n,) or not np.isfinite(score).all():
        raise ValueError(f"score: expected {rows.n} finite numbers, one a row")
    rank = _rank_with_tolerance(score)
    counts = np.zeros((rows.n, 3))
    for s in np.unique(rows.stratum):
        own = np.flatnonzero(rows.stratum == s)
        counts[own] = _count_pairs(rows, own, rank[own])
    # Each pair is counted at both its members.
    concordant, discordant, tied = rows.weights @ counts / 2
    pairs = concordant + discordant + tied
    if pairs <= 0:
        status = "no_events" if rows.n_events == 0 else "too_few"
        return ConcordanceResult(status, np.nan, np.nan, np.nan, np.nan, 0.0, 0.0, 0.0)
    somers = (concordant - discordant) / pairs
    influence = rows.weights * ((counts[:, 0] - counts[:, 1]) - somers * counts.sum(axis=1)) / pairs
    std_error = float(np.sqrt((np.bincount(rows.cluster, weights=influence) ** 2).sum()) / 2)
    value = float((somers + 1) / 2)
    half = float(ndtri(0.5 + confidence / 2)) * std_error
    return ConcordanceResult(
        "ok",
        value,
        std_error,
        max(0.0, value - half),
        min(1.0, value + half),
        float(concordant),
        float(discordant),
        float(tied),
    )


def _count_pairs(rows: ModelRows, own: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Weights of concordant, discordant and tied partners of each row of one stratum: (n, 3)."""
    time, event = rows.time[own], rows.event[own]
    weight = rows.weights[own]
    distinct = np.unique(np.concatenate([time, rows.entry[own]]))
    # An event meets everybody whose key is larger: later ends, and censorings at the same time.
    end = 2 * np.searchsorted(distinct, time) + ~event
    begin = 2 * np.searchsorted(distinct, rows.entry[own]) + 1
    out = np.zeros((len(own), 3))
    for sign, keys in ((1, end), (-1, begin)):
        if sign < 0 and not rows.delayed_entry:
            continue
        partners = _sum_by_order(end[event], rank[event], keys, rank, weight)
        out[event] += sign * partners
        # Seen from the later row, those of higher score than its own are the concordant ones.
        earlier = _sum_by_order(-keys, rank, -end[event], rank[event], weight[event])
        out += sign * earlier[:, [1, 0, 2]]
    return out


def _sum_by_order(key, rank, other_key, other_rank, other_weight) -> np.ndarray:
    """Weight of others with a larger key and a lower, higher, and equal rank: (n, 3)."""
    lower = _sum_dominated(key, rank, other_key, other_rank, other_weight, inclusive=False)
    up_to = _sum_dominated(key, rank, other_key, other_rank, other_weight, inclusive=True)
    order = np.argsort(other_key, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(other_weight[order][::-1])])
    larger = total[len(order) - np.searchsorted(other_key[order], key, side="right")]
    return np.column_stack([lower, larger - up_to, up_to - lower])


def _sum_dominated(key, rank, other_key, other_rank, other_weight, *, inclusive: bool) -> np.ndarray:
    """Weight of others with a larger key and a lower rank (or equal, when inclusive): O(n log n).

    All items are put in order of falling key; at each level of a binary tree over that order, others in the
    left half count for items in the right half, found by cumulative sums in order of rank.
    """
    n = len(key)
    keys = np.concatenate([key, other_key])
    ranks = np.concatenate([rank, other_rank])
    is_other = np.arange(len(keys)) >= n
    weight = np.where(is_other, np.concatenate([np.zeros(n), other_weight]), 0.0)
    place = np.empty(len(keys), dtype=np.int64)
    # Of equal keys the asking item comes first, so that it does not meet them.
    place[np.lexsort((is_other, -keys))] = np.arange(len(keys))
    by_rank = np.lexsort((~is_other if inclusive else is_other, ranks))
    out = np.zeros(len(keys))
    for level in range(int(len(keys) - 1).bit_length()):
        order = by_rank[np.argsort(place[by_rank] >> (level + 1), kind="stable")]
        right = (place[order] >> level) & 1 == 1
        total = np.concatenate([[0.0], np.cumsum(np.where(right, 0.0, weight[order]))])
        block = place[order] >> (level + 1)
        start = np.searchsorted(block, block, side="left")
        asking = right & ~is_other[order]
        out[order[asking]] += total[1:][asking] - total[start[asking]]
    return out[:n]


def _rank_with_tolerance(score: np.ndarray) -> np.ndarray:
    """Integer ranks; scores that differ by rounding only are one."""
    distinct, position = np.unique(score, return_inverse=True)
    new = np.diff(distinct) > SAME_SCORE * np.abs(distinct).max(initial=0.0)
    return np.concatenate([[0], np.cumsum(new)])[position]
