"""Columns that a Cox model cannot estimate, and the fit in the limit of a monotone likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from prrt_outcomes.statistics.model_rows import ModelRows, replace_strata
from prrt_outcomes.statistics.partial_likelihood import (
    NewtonFit,
    compute_partial_likelihood,
    derive_tied_events,
    fit_newton,
)

COLLINEAR = 1e-10
FLAT = 1e-7
LOADING = 1e-3
SAME_POSITION = 1e-4


def find_estimable_columns(information: np.ndarray, total: float) -> np.ndarray:
    """Flag the columns that carry information beyond the columns before them: (p,).

    `information` is that at coefficients 0 of columns of unit variance, `total` its order of magnitude (the
    weight of the events). A column that is constant within every risk set has none; of collinear columns
    the later ones have none left (R gives these NA).
    """
    p = len(information)
    keep = np.zeros(p, dtype=bool)
    for j in range(p):
        own = information[j, j]
        if own <= COLLINEAR * total:
            continue
        earlier = np.flatnonzero(keep)
        left = own
        if len(earlier):
            cross = information[earlier, j]
            left = own - cross @ np.linalg.solve(information[np.ix_(earlier, earlier)], cross)
        keep[j] = left > COLLINEAR * own
    return keep


def find_separated_columns(fit: NewtonFit, null_information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flag the columns whose coefficient runs to infinity: (p,), with the directions in which it does: (p, k).

    Along a direction in which the likelihood is monotone, Newton's method never rests and the information
    melts away; compared with the information at 0, its generalised eigenvalue there tends to 0. A fit that
    converged with its information intact has no such direction.
    """
    from scipy.linalg import eigh

    shares, directions = eigh(fit.at.information, null_information)
    if fit.converged and shares[0] > FLAT:
        return np.zeros(len(shares), dtype=bool), np.empty((len(shares), 0))
    flat = directions[:, shares <= max(FLAT, shares[0] * 1.001)]
    loading = np.abs(flat).max(axis=1)
    separated = loading > LOADING * loading.max()
    return separated, np.where(separated[:, None], flat, 0.0)


@dataclass(frozen=True)
class LimitFit:
    """The model in the limit.

    Attributes
    ----------
    fit : maximum over `columns`
    rows : the rows, stratified so that their likelihood is the limit
    columns : positions of the columns fitted; separated ones among them are contrasts that stay finite
    separated : (p,) True for a column that takes part in running to infinity
    """

    fit: NewtonFit
    rows: ModelRows
    columns: np.ndarray
    separated: np.ndarray


def fit_monotone_limit(
    matrix: np.ndarray, rows: ModelRows, directions: np.ndarray, separated: np.ndarray
) -> LimitFit:
    """Fit what stays finite of a monotone likelihood.

    As coefficients run to infinity along a direction, an event is compared only with those in its risk set
    that lie as far along it. So the limit is the likelihood of rows stratified by their position along the
    direction. It may be monotone again in another direction; then the same is done again.

    Parameters
    ----------
    matrix : (n, p) standardised estimable columns
    directions : (p, k) along which the likelihood is monotone
    separated : (p,) columns that take part
    """
    separated = separated.copy()
    for _ in range(matrix.shape[1] + 1):
        rows = _stratify(matrix @ directions, rows)
        tied = derive_tied_events(rows)
        # The separated columns come last, so that what is left of them cannot displace another column.
        order = np.concatenate([np.flatnonzero(~separated), np.flatnonzero(separated)])
        null = compute_partial_likelihood(matrix[:, order], rows, tied, np.zeros(len(order)))
        estimable = find_estimable_columns(null.information, rows.weights[rows.event].sum())
        columns = order[estimable]
        information = null.information[np.ix_(estimable, estimable)]
        evaluate = partial(compute_partial_likelihood, matrix[:, columns], rows, tied)
        fit = fit_newton(evaluate, np.zeros(len(columns)), null_information=information)
        if not len(columns):
            break
        again, further = find_separated_columns(fit, information)
        if not again.any():
            break
        separated[columns[again]] = True
        directions = np.zeros((matrix.shape[1], further.shape[1]))
        directions[columns] = further
    return LimitFit(fit, rows, columns, separated)


def _stratify(position: np.ndarray, rows: ModelRows) -> ModelRows:
    """The same rows with strata crossed by position, rounding apart."""
    strata = {"stratum": rows.stratum}
    for k, along in enumerate(position.T):
        distinct, inverse = np.unique(along, return_inverse=True)
        new = np.diff(distinct) > SAME_POSITION * np.ptp(distinct)
        strata[f"direction {k}"] = np.concatenate([[0], np.cumsum(new)])[inverse]
    return replace_strata(rows, pd.DataFrame(strata).groupby(list(strata)).ngroup().to_numpy())
