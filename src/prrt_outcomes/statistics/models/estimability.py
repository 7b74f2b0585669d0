"""Which coefficients of a model exist: columns vary among those at risk, the likelihood has a maximum."""

from __future__ import annotations

import numpy as np

from prrt_outcomes.statistics.models.partial_likelihood import NewtonFit

COLLINEAR = 1e-10
FLAT = 1e-7
LOADING = 1e-3


def find_estimable_columns(information: np.ndarray, total: float) -> np.ndarray:
    """Flag the columns that carry information beyond the columns before them: (p,).

    `information` is that at coefficients 0 of columns of unit variance, `total` its order of magnitude (the
    weight of the events). A column that is constant within
    every risk set has none; of collinear columns the later ones have none left (R gives these NA).
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
