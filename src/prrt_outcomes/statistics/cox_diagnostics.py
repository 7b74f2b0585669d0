"""Diagnostics of a Cox model: proportional hazards (score test of R's cox.zph) and Harrell's concordance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from prrt_outcomes.statistics.cox import CoxResult
from prrt_outcomes.statistics.model_rows import ModelRows
from prrt_outcomes.statistics.partial_likelihood import compute_partial_likelihood, derive_tied_events

GLOBAL = "global"
SAME_SCORE = 1e-12
BLOCK_PAIRS = 1 << 18


def summarise_proportional_hazards(fit: CoxResult) -> pd.DataFrame:
    """Score test for a coefficient that changes with a function of time, per term and for all terms.

    Returns one row a term, and last ``global``: term, chi_squared, degrees_of_freedom, p_value, status. `status`
    is ``ok``; that of a model in which nothing can be tested (``no_events``, ``not_estimable``,
    ``separation``); ``too_few`` where the test cannot be had although the model can (a single event time).

    For a term with columns j the model is extended by x_j g(t), with g = 1 - S(t-) of the pooled, unweighted
    Kaplan-Meier curve; the statistic is U' I^-1 U at coefficients 0 of the extension, U and I with Efron's
    ties as in the fit. Empty coefficients are left out. Source: survival 3 (Therneau), cox.zph, src/zph1.c
    and zph2.c.
    """
    used = fit.estimated
    # Where a coefficient has run to infinity the score of the others is not 0 in these risk sets.
    if not used.any() or fit.status == "separation":
        return _tabulate([(name, np.nan, 0) for name in (*fit.design.terms, GLOBAL)], fit.status)
    rows = fit.rows
    tied = derive_tied_events(rows)
    beta = fit.coefficients[used]
    matrix = fit.design.matrix[:, used]
    scale = np.where(matrix.std(axis=0) > 0, matrix.std(axis=0), 1.0)
    matrix, beta = (matrix - matrix.mean(axis=0)) / scale, beta * scale
    g = compute_transformed_time(rows)
    centred = g - g[rows.event_cell].mean()
    at, first, second = (
        compute_partial_likelihood(matrix, rows, tied, beta, cell_weight=w)
        for w in (None, centred, centred**2)
    )
    information = np.block([[at.information, first.information], [first.information, second.information]])
    terms = np.array([c.term for c, u in zip(fit.design.columns, used, strict=True) if u])
    p, lines = len(terms), []
    for name in (*dict.fromkeys(terms), GLOBAL):
        own = np.flatnonzero((terms == name) | (name == GLOBAL))
        keep = [*range(p), *(own + p)]
        score = np.concatenate([np.zeros(p), first.score[own]])
        lines.append((name, _quadratic_form(information[np.ix_(keep, keep)], score), len(own)))
    return _tabulate(lines, "too_few")


def _tabulate(lines: list[tuple[str, float, int]], otherwise: str) -> pd.DataFrame:
    """Tests with their p-values; one without a statistic has the status `otherwise`."""
    table = pd.DataFrame(lines, columns=["term", "chi_squared", "degrees_of_freedom"])
    known = table["chi_squared"].notna()
    return table.assign(
        p_value=chdtrc(table["degrees_of_freedom"], table["chi_squared"]),
        status=pd.array(np.where(known, "ok", otherwise), dtype="string"),
    ).astype({"term": "string"})


def compute_transformed_time(rows: ModelRows) -> np.ndarray:
    """1 - S(t-) of the pooled, unweighted Kaplan-Meier curve at each cell: (G,)."""
    distinct, n_events = np.unique(rows.time[rows.event], return_counts=True)
    at_risk = rows.n - np.searchsorted(np.sort(rows.time), distinct, side="left")
    at_risk = at_risk - (rows.n - np.searchsorted(np.sort(rows.entry), distinct, side="left"))
    survival_before = np.concatenate(([1.0], np.cumprod(1 - n_events / at_risk)))
    return 1 - survival_before[np.searchsorted(distinct, rows.cell_time, side="left")]


def _quadratic_form(matrix: np.ndarray, vector: np.ndarray) -> float:
    """v' M^-1 v, or nan where M is singular: time does not vary enough to tell its effect."""
    scale = np.sqrt(np.clip(np.diag(matrix), 0, None))
    if (scale <= 0).any():
        return np.nan
    correlation = matrix / np.outer(scale, scale)
    if np.linalg.cond(correlation) > 1e12:
        return np.nan
    return float(max((vector / scale) @ np.linalg.solve(correlation, vector / scale), 0.0))


def compute_cox_concordance(fit: CoxResult) -> float:
    """Harrell's concordance of a fitted Cox model's linear predictor; see `compute_concordance`.

    nan for a separated model and one without estimable columns, which have no linear predictor; among others
    a column that is not estimable does not contribute.
    """
    if fit.status == "separation" or not fit.estimated.any():
        return float("nan")
    matrix = fit.design.matrix
    return compute_concordance(fit.rows, (matrix - matrix.mean(axis=0)) @ np.nan_to_num(fit.coefficients))


def compute_concordance(rows: ModelRows, score) -> float:
    """Harrell's concordance of a risk score (higher means earlier events; one a row) with survival.

    The weight of concordant pairs and half of the tied ones, over that of all; nan where there is no pair. A
    pair is an event at t and another row at risk at t of the same stratum that ends later, or is censored at
    t. Scores closer than 1e-12 of the largest are tied. Source: survival::concordance.
    """
    score = np.asarray(score, dtype=float)
    if score.shape != (rows.n,) or not np.isfinite(score).all():
        raise ValueError(f"score: expected {rows.n} finite numbers, one a row")
    rank = _rank_with_tolerance(score)
    order = np.argsort(rank)
    first, weights = rows.first[order].astype(np.int32), rows.weights[order]
    # An event row of the same cell is no partner: its range of cells ends one cell earlier here.
    end = (rows.last - rows.event)[order].astype(np.int32)
    lower, upper = (np.searchsorted(rank[order], rank[rows.event], side) for side in ("left", "right"))
    favourable = pairs = 0.0
    size = max(1, BLOCK_PAIRS // rows.n)
    for begin in range(0, rows.n_cells, size):
        cell = np.arange(begin, min(begin + size, rows.n_cells), dtype=np.int32)[:, None]
        at_risk = np.zeros((len(cell), rows.n + 1))
        np.cumsum(((first <= cell) & (cell < end)) * weights, axis=1, out=at_risk[:, 1:])
        here = (rows.event_cell >= begin) & (rows.event_cell < begin + size)
        place, weight = rows.event_cell[here] - begin, rows.weights[rows.event][here]
        pairs += weight @ at_risk[place, -1]
        favourable += weight @ (at_risk[place, lower[here]] + at_risk[place, upper[here]]) / 2
    return float(favourable / pairs) if pairs > 0 else float("nan")


def _rank_with_tolerance(score: np.ndarray) -> np.ndarray:
    """Integer ranks; scores that differ by rounding only are one."""
    distinct, position = np.unique(score, return_inverse=True)
    new = np.diff(distinct) > SAME_SCORE * np.abs(distinct).max(initial=0.0)
    return np.concatenate([[0], np.cumsum(new)])[position]
