"""Linear models of measurements that share a patient: estimating equations, mixed models, and a spline basis."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

TOLERANCE = 1e-10
MOST_STEPS = 100
FEWEST_PATIENTS = 5
FLAT, RESTARTS = 0.01, 4  # largest gradient of minus twice the log likelihood at its minimum
BOTH, LEVEL = "intercept and slope", "intercept"


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


@dataclass(frozen=True, eq=False)
class MixedModel:
    """Fixed effects of a mixed model; numbers are nan where its status is not ``ok``.

    coefficients, covariance : of the fixed effects, by restricted maximum likelihood
    slope_sd : standard deviation of the slopes between patients
    n : patients; degrees_of_freedom : patients with values at two times or more, less one
    random_effects : ``intercept and slope``; ``intercept`` where the model with both did not converge
    status : ``ok``, ``too_few``, ``not_converged``
    """

    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    slope_sd: float
    n: int
    degrees_of_freedom: int
    random_effects: str
    status: str


def fit_random_slopes(values: NDArray, design: NDArray, time: NDArray, patient: NDArray) -> MixedModel:
    """Fit values by `design`, with a random intercept and a random slope in `time` of each patient.

    values, time, patient : one element a value; `design` : fixed effects, one column each
    At least five patients need values at two times. Without convergence the intercept alone is random. The numbers are
    those of nlme and lme4; ``MixedLM`` of statsmodels stops up to 0.2 % of a standard error away, depends on the order
    of the rows and is some ten times slower. The covariance counts the variances of the random effects as known.
    Source: Laird NM, Ware JH. Biometrics 1982;38:963-74.

    >>> time, patient = np.tile([0.0, 1.0, 2.0], 6), np.repeat(np.arange(6), 3)
    >>> values = 80 + 5.0 * patient - (1.5 + 0.2 * patient) * time + np.tile([1, -2, 1, -1, 2, -1], 3)
    >>> fit_random_slopes(values, np.column_stack([np.ones(18), time]), time, patient).coefficients.round(3)
    array([92.5, -2. ])
    """
    from scipy.optimize import minimize

    labels, code = np.unique(patient, return_inverse=True)
    n, p = len(labels), design.shape[1]
    off = time - (np.bincount(code, time) / np.bincount(code))[code]
    several = int((np.bincount(code, off**2) > 1e-12).sum())
    nothing = np.full(p, np.nan), np.full((p, p), np.nan), np.nan, n, several - 1
    left = len(values) - p
    if several < FEWEST_PATIENTS or np.linalg.matrix_rank(design) < p or left <= 4:
        return MixedModel(*nothing, BOTH, "too_few")
    centre = np.linalg.lstsq(design, values, rcond=None)[0]
    random = np.column_stack([np.ones(len(time)), time])
    fixed = np.column_stack([design, values - design @ centre])
    sums = np.zeros((n, 2, p + 3))
    np.add.at(sums, code, random[:, :, None] * np.column_stack([random, fixed])[:, None, :])
    own, cross, whole = sums[:, :, :2], sums[:, :, 2:], fixed.T @ fixed
    slope_scale = 1 / np.sqrt((time**2).mean())

    def evaluate(parameters: NDArray) -> tuple[float, NDArray, NDArray, float]:
        """Minus twice the restricted log likelihood, coefficients, covariance and spread of slopes.

        `parameters`: Cholesky factor of the random effects' covariance relative to the noise, or its first element.
        """
        level, both, slope = np.pad(parameters, (0, 3 - len(parameters)))
        factor = np.array([[level, 0.0], [both * slope_scale, slope * slope_scale]])
        inner, turned = np.eye(2) + factor.T @ own @ factor, factor.T @ cross
        kept = whole - (np.swapaxes(turned, 1, 2) @ np.linalg.solve(inner, turned)).sum(axis=0)
        information = kept[:-1, :-1]
        beta = np.linalg.solve(information, kept[:-1, -1])
        noise = max(float(kept[-1, -1] - beta @ kept[:-1, -1]), 1e-12) / left
        value = np.linalg.slogdet(inner)[1].sum() + np.linalg.slogdet(information)[1] + left * np.log(noise)
        spread = float(np.sqrt(noise) * np.linalg.norm(factor[1]))
        return float(value), beta + centre, noise * np.linalg.inv(information), spread

    for name, at in ((BOTH, np.array([1.0, 0.0, 1.0])), (LEVEL, np.array([1.0]))):
        try:
            for _ in range(RESTARTS):
                fit = minimize(lambda x: evaluate(x)[0], at, method="BFGS")  # type: ignore[call-overload]
                at = fit.x
                if np.abs(fit.jac).max() < FLAT + 1e-6 * abs(fit.fun):
                    return MixedModel(*evaluate(at)[1:], n, several - 1, name, "ok")
        except np.linalg.LinAlgError:
            continue
    return MixedModel(*nothing, BOTH, "not_converged")
