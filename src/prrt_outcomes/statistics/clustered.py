"""Linear models of measurements that share a patient: generalised estimating equations, and a spline basis."""

import warnings
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
    """Gaussian estimating equations with exchangeable working correlation, by statsmodels.

    outcome : (n,); design : (n, p) with its intercept; cluster : (n,) labels, such as patients
    Returns None where there are no more clusters than coefficients, columns are collinear, a column is constant but
    within one cluster, the outcome has no variance beside them, or the iteration does not converge.
    The covariance is Mancl and DeRouen's (2001, Biometrics 57:126), since the sandwich is too small with few clusters.
    Liang and Zeger 1986, Biometrika 73:13.
    """
    from statsmodels.genmod.cov_struct import Exchangeable, Independence
    from statsmodels.genmod.generalized_estimating_equations import GEE

    y, x = np.asarray(outcome, dtype=float), np.asarray(design, dtype=float)
    _, code, size = np.unique(np.asarray(cluster), return_inverse=True, return_counts=True)
    p, groups = x.shape[1], len(size)
    if groups <= p or np.linalg.matrix_rank(x) < p or np.ptp(y - x @ np.linalg.lstsq(x, y)[0]) <= TOLERANCE:
        return None
    paired = (size * (size - 1) / 2).sum() > p
    structure = Exchangeable() if paired else Independence()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = GEE(y, x, groups=code, cov_struct=structure).fit(
                cov_type="bias_reduced", maxiter=MOST_STEPS
            )
            covariance = np.asarray(fit.cov_params())
    except np.linalg.LinAlgError:
        return None
    if not fit.converged or not np.isfinite(covariance).all():
        return None
    rho = float(structure.dep_params) if paired else 0.0
    order = np.argsort(code, kind="stable")
    starts = np.cumsum(size) - size
    shared = (rho / (1 + (size - 1) * rho))[:, None]

    def add_up(values: NDArray) -> NDArray[np.float64]:
        return np.add.reduceat(values[order], starts, axis=0)

    sums, totals = add_up(x), add_up(y[:, None])
    information = (
        add_up(x[:, :, None] * x[:, None, :]) - shared[:, :, None] * sums[:, :, None] * sums[:, None, :]
    )
    score = add_up(x * y[:, None]) - shared * totals * sums
    return ClusteredFit(np.asarray(fit.params), covariance, rho, information, score)


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
