"""Linear models of measurements that share a patient: generalised estimating equations, and a spline basis."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

TOLERANCE = 1e-10
MOST_STEPS = 100


@dataclass(frozen=True)
class ClusteredFit:
    """A fitted mean model of G clusters and p coefficients; each cluster adds to information @ estimate = score."""

    estimate: NDArray[np.float64]  # (p,)
    covariance: NDArray[np.float64]  # (p, p), corrected for few clusters
    correlation: float  # within a cluster
    information: NDArray[np.float64]  # (G, p, p)
    score: NDArray[np.float64]  # (G, p)

    @property
    def df(self) -> int:
        """Degrees of freedom of a t test: clusters minus coefficients."""
        return len(self.score) - len(self.estimate)

    def resample(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Estimates (R, p) of resampled clusters, `counts` (R, G) of each, with the correlation of the fit.

        nan where a replicate leaves a coefficient without information.
        """
        groups, p = self.score.shape
        information = (counts @ self.information.reshape(groups, -1)).reshape(-1, p, p)
        singular = np.linalg.cond(information) > 1 / TOLERANCE
        information[singular] = np.eye(p)
        found = np.linalg.solve(information, (counts @ self.score)[:, :, None])[:, :, 0]
        return np.where(singular[:, None], np.nan, found)


def fit_clustered(outcome: ArrayLike, design: ArrayLike, cluster: ArrayLike) -> ClusteredFit | None:
    """Gaussian estimating equations with exchangeable working correlation.

    outcome : (n,); design : (n, p) with its intercept; cluster : (n,) labels, such as patients
    Returns None where there are no more clusters than coefficients, columns are collinear, a column is constant but
    within one cluster, or the iteration does not converge.
    The covariance is Mancl and DeRouen's (2001, Biometrics 57:126), since the sandwich is too small with few clusters.
    Liang and Zeger 1986, Biometrika 73:13; the correlation is estimated as statsmodels does.
    """
    y, x = np.asarray(outcome, dtype=float), np.asarray(design, dtype=float)
    _, code, size = np.unique(np.asarray(cluster), return_inverse=True, return_counts=True)
    p, groups = x.shape[1], len(size)
    if groups <= p or np.linalg.matrix_rank(x) < p:
        return None
    order = np.argsort(code, kind="stable")
    place = np.arange(len(y)) - np.repeat(np.cumsum(size) - size, size)
    rows, target = np.zeros((groups, size.max(), p)), np.zeros((groups, size.max()))
    rows[code[order], place], target[code[order], place] = x[order], y[order]
    sums, pairs = rows.sum(axis=1), (size * (size - 1) / 2).sum()
    squares = np.einsum("gmp,gmq->gpq", rows, rows)
    products, totals = np.einsum("gmp,gm->gp", rows, target), target.sum(axis=1)
    rho = 0.0
    for _ in range(MOST_STEPS):
        shared = rho / (1 + (size - 1) * rho)
        information = squares - shared[:, None, None] * sums[:, :, None] * sums[:, None, :]
        score = products - (shared * totals)[:, None] * sums
        bread = np.linalg.pinv(information.sum(axis=0), hermitian=True)
        estimate = bread @ score.sum(axis=0)
        residual = target - rows @ estimate
        square = (residual**2).sum(axis=1)
        scale = square.sum() / (len(y) - p)
        products_within = ((residual.sum(axis=1) ** 2 - square) / 2).sum()
        found = products_within / scale / (pairs - p) if pairs > p and scale > TOLERANCE**2 else 0.0
        found = float(np.clip(found, -0.99 / max(size.max() - 1, 1), 0.99))
        if abs(found - rho) < TOLERANCE:
            break
        rho = found
    else:
        return None
    weighted = rows - shared[:, None, None] * sums[:, None, :]
    leverage = np.einsum("gmp,pq,gkq->gmk", rows, bread, weighted)
    with np.errstate(all="ignore"):
        whole = np.eye(size.max()) - leverage
        if np.abs(np.linalg.det(whole)).min() < TOLERANCE:
            return None
        corrected = np.linalg.solve(whole, residual[:, :, None])[:, :, 0]
    meat = np.einsum("gmp,gm->gp", weighted, corrected)
    return ClusteredFit(estimate, bread @ (meat.T @ meat) @ bread, rho, information, score)


def compute_spline_basis(values: ArrayLike, knots: ArrayLike) -> NDArray[np.float64]:
    """Restricted cubic spline: linear beyond the outer knots.

    `values`: (n,); `knots`: (k,) rising, at least three.
    Returns (n, k - 1): the value itself and k - 2 curved terms, scaled by the squared range of the knots.
    Harrell 2015, Regression Modeling Strategies, section 2.4.5.
    """
    x, t = np.asarray(values, dtype=float)[:, None], np.asarray(knots, dtype=float)

    def cube(shift: NDArray) -> NDArray:
        return np.maximum(x - shift, 0.0) ** 3

    last, second = t[-1], t[-2]
    width = last - second
    inner = cube(t[:-2]) - cube(second) * (last - t[:-2]) / width + cube(last) * (second - t[:-2]) / width
    return np.column_stack([x[:, 0], inner / (last - t[0]) ** 2])
