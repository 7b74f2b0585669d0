"""What is left to estimate of a Cox model when some of its coefficients run to infinity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.statistics.models.estimability import find_estimable_columns, find_separated_columns
from prrt_outcomes.statistics.models.model_rows import ModelRows, derive_model_rows
from prrt_outcomes.statistics.models.partial_likelihood import (
    NewtonFit,
    compute_partial_likelihood,
    derive_tied_events,
    fit_newton,
)

SAME_POSITION = 1e-4


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
    matrix: np.ndarray, rows: ModelRows, directions: np.ndarray, separated: np.ndarray, ties: str
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
        tied = derive_tied_events(rows, ties)
        # The separated columns come last, so that what is left of them cannot displace another column.
        order = np.concatenate([np.flatnonzero(~separated), np.flatnonzero(separated)])
        null = compute_partial_likelihood(matrix[:, order], rows, tied, np.zeros(len(order)))
        estimable = find_estimable_columns(null.information, rows.weights[rows.event].sum())
        columns = order[estimable]
        information = null.information[np.ix_(estimable, estimable)]
        fit = _maximise(matrix[:, columns], rows, tied, information)
        if not len(columns):
            break
        again, further = find_separated_columns(fit, information)
        if not again.any():
            break
        separated[columns[again]] = True
        directions = np.zeros((matrix.shape[1], further.shape[1]))
        directions[columns] = further
    return LimitFit(fit, rows, columns, separated)


def _maximise(columns: np.ndarray, rows: ModelRows, tied, null_information: np.ndarray) -> NewtonFit:
    """Newton's method from 0."""
    return fit_newton(
        lambda beta: compute_partial_likelihood(columns, rows, tied, beta),
        np.zeros(columns.shape[1]),
        null_information=null_information,
    )


def _stratify(position: np.ndarray, rows: ModelRows) -> ModelRows:
    """The same rows with strata crossed by position, rounding apart."""
    strata = {"stratum": rows.stratum}
    for k, along in enumerate(position.T):
        distinct, inverse = np.unique(along, return_inverse=True)
        new = np.diff(distinct) > SAME_POSITION * np.ptp(distinct)
        strata[f"direction {k}"] = np.concatenate([[0], np.cumsum(new)])[inverse]
    return derive_model_rows(
        rows.time,
        rows.event,
        entry=rows.entry if rows.delayed_entry else None,
        weights=rows.weights,
        strata=pd.DataFrame(strata),
        cluster=rows.cluster,
        tie_tolerance=0.0,
    )
