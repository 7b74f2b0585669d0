"""Optimal 1:k matching on the propensity score within a caliper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logit

NEAREST_KEPT = 400


@dataclass(frozen=True)
class MatchingResult:
    """Matched sets.

    Attributes
    ----------
    status : ``ok`` or ``no_matches``
    pairs : one row a pair: set (0, 1, ... one a matched cohort row), cohort_row, control_row (positions),
        distance (on the scale of the logit)
    weights : (n,) 1 for a matched cohort row, 1 / (controls in the set) for a matched control, 0 for the
        others
    matched_set : (n,) set of each row, -1 where unmatched; the cluster of a robust variance
    caliper : largest distance allowed, on the scale of the logit
    n_unmatched : cohort rows without a control
    """

    status: str
    pairs: pd.DataFrame
    weights: np.ndarray
    matched_set: np.ndarray
    caliper: float
    n_unmatched: int


def fit_matching(
    score: np.ndarray,
    in_cohort: np.ndarray,
    *,
    n_controls: int = 1,
    caliper_sd: float = 0.2,
) -> MatchingResult:
    """Match each cohort row to up to `n_controls` control rows, none used twice.

    Parameters
    ----------
    score : (n,) propensity scores; rows without one, or with 0 or 1, are not matched
    in_cohort : (n,) True for the cohort
    n_controls : k of 1:k; first controls are shared out before second ones
    caliper_sd : largest distance, in pooled standard deviations of the logit

    Returns
    -------
    MatchingResult

    Raises
    ------
    ValueError
        for lengths that differ, k below 1 or a caliper of 0 or less.

    Notes
    -----
    As many pairs as possible, then the smallest sum of distances (minimum-weight bipartite matching,
    scipy), among the 400 nearest controls of a row. Caliper: Austin 2011, Pharm Stat 10:150. Optimal
    matching: Rosenbaum 1989, JASA 84:1024.
    """
    score = np.asarray(score, dtype=float)
    in_cohort = np.asarray(in_cohort, dtype=bool)
    if len(score) != len(in_cohort):
        raise ValueError(f"{len(score)} scores for {len(in_cohort)} rows")
    if n_controls < 1 or int(n_controls) != n_controls:
        raise ValueError(f"n_controls {n_controls}: expected a whole number of 1 or more")
    if not caliper_sd > 0:
        raise ValueError(f"caliper_sd {caliper_sd}: expected a number above 0")
    usable = np.isfinite(score) & (score > 0) & (score < 1)
    scale = np.full(len(score), np.nan)
    scale[usable] = logit(score[usable])
    cohort, control = np.flatnonzero(usable & in_cohort), np.flatnonzero(usable & ~in_cohort)
    caliper = _caliper(scale, cohort, control, caliper_sd)
    found, free = [], np.ones(len(control), dtype=bool)
    hopeful = np.arange(len(cohort))
    for _ in range(int(n_controls)):
        rows, columns = _match_once(scale[cohort[hopeful]], scale[control[free]], caliper)
        chosen = np.flatnonzero(free)[columns]
        found.append(np.column_stack([hopeful[rows], chosen]))
        free[chosen] = False
        hopeful = hopeful[np.sort(rows)]
    pairs = np.concatenate(found)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    return _gather(pairs, cohort, control, scale, caliper, int(in_cohort.sum()))


def _caliper(scale, cohort, control, caliper_sd: float) -> float:
    """Caliper on the scale of the logit; nan where a group is too small to have a deviation."""
    if len(cohort) < 2 or len(control) < 2:
        return np.nan
    pooled = np.sqrt((scale[cohort].var(ddof=1) + scale[control].var(ddof=1)) / 2)
    return float(caliper_sd * pooled)


def _match_once(cohort: np.ndarray, control: np.ndarray, caliper: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions of matched cohort and control rows, one to one."""
    nothing = np.empty(0, dtype=np.int64)
    if not len(cohort) or not len(control) or np.isnan(caliper):
        return nothing, nothing
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    order = np.argsort(control, kind="stable")
    ordered = control[order]
    # Rounding must not shut out a control at exactly the caliper, nor an equal score under a caliper of 0.
    reach = caliper * (1 + 1e-9) + 1e-12
    low = np.searchsorted(ordered, cohort - reach, side="left")
    high = np.searchsorted(ordered, cohort + reach, side="right")
    middle = np.searchsorted(ordered, cohort)
    low = np.maximum(low, middle - NEAREST_KEPT // 2)
    high = np.maximum(np.minimum(high, middle + NEAREST_KEPT // 2), low)
    size = high - low
    row = np.repeat(np.arange(len(cohort)), size)
    column = np.repeat(low, size) + np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    distance = np.abs(cohort[row] - ordered[column])
    # A stand-in that each row may take, dearer than all distances together, leaves as few unmatched as
    # possible; the 1 keeps a distance of 0 from being read as no edge.
    unmatched = 2.0 + (len(cohort) + 1) * reach
    own = np.arange(len(cohort))
    cost = np.concatenate([distance + 1.0, np.full(len(cohort), unmatched + 1.0)])
    edges = csr_array(
        (cost, (np.concatenate([row, own]), np.concatenate([column, len(control) + own]))),
        shape=(len(cohort), len(control) + len(cohort)),
    )
    rows, columns = min_weight_full_bipartite_matching(edges)
    real = columns < len(control)
    return rows[real], order[columns[real]]


def _gather(pairs, cohort, control, scale, caliper: float, n_cohort: int) -> MatchingResult:
    """Result from pairs of positions within cohort and control."""
    matched, of_pair, n_controls = np.unique(pairs[:, 0], return_inverse=True, return_counts=True)
    cohort_row, control_row = cohort[pairs[:, 0]], control[pairs[:, 1]]
    weights = np.zeros(len(scale))
    matched_set = np.full(len(scale), -1)
    weights[cohort_row] = 1.0
    weights[control_row] = 1 / n_controls[of_pair]
    matched_set[cohort_row] = of_pair
    matched_set[control_row] = of_pair
    frame = pd.DataFrame(
        {
            "set": of_pair,
            "cohort_row": cohort_row,
            "control_row": control_row,
            "distance": np.abs(scale[cohort_row] - scale[control_row]),
        }
    )
    status = "ok" if len(frame) else "no_matches"
    return MatchingResult(status, frame, weights, matched_set, caliper, n_cohort - len(matched))
