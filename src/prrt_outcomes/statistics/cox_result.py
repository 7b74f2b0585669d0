"""The result of a Cox model: coefficients, tests of all of them, and the E-value of a ratio."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr

from prrt_outcomes.statistics.kaplan_meier import compute_normal_quantile
from prrt_outcomes.statistics.model_rows import Design, ModelRows


def format_coefficient_table(
    design: Design,
    event: np.ndarray,
    coefficients: np.ndarray,
    std_errors: np.ndarray,
    statuses: np.ndarray,
    confidence: float,
    *,
    ratio: str = "hazard_ratio",
) -> pd.DataFrame:
    """Coefficients with ratio, Wald interval and two-sided p-value, one row each.

    Columns: term, level, reference, n, n_events, coefficient, std_error, `ratio`, lower, upper, z, p_value,
    status; `n` and `n_events` count the rows of the level (all rows for a number).
    """
    matrix = design.matrix
    half = compute_normal_quantile(confidence) * std_errors
    z = np.divide(coefficients, std_errors, out=np.full(len(coefficients), np.nan), where=std_errors > 0)
    of_level = [
        matrix[:, j] == 1 if column.level else np.ones(len(matrix), bool)
        for j, column in enumerate(design.columns)
    ]
    return pd.DataFrame(
        {
            "term": pd.array([c.term for c in design.columns], dtype="string"),
            "level": pd.array([c.level for c in design.columns], dtype="string"),
            "reference": pd.array([c.reference for c in design.columns], dtype="string"),
            "n": [int(rows.sum()) for rows in of_level],
            "n_events": [int(event[rows].sum()) for rows in of_level],
            "coefficient": coefficients,
            "std_error": std_errors,
            ratio: compute_ratio(coefficients),
            "lower": compute_ratio(coefficients - half),
            "upper": compute_ratio(coefficients + half),
            "z": z,
            "p_value": 2 * ndtr(-np.abs(z)),
            "status": pd.array([str(s) for s in statuses], dtype="string"),
        }
    )


def compute_ratio(logarithm: np.ndarray) -> np.ndarray:
    """Ratios from their natural logarithms; one too large to be a number is empty, never infinite."""
    with np.errstate(over="ignore"):
        ratios = np.exp(logarithm)
    return np.where(np.isfinite(ratios), ratios, np.nan)


@dataclass(frozen=True)
class ChiSquaredTest:
    """A chi-squared test; empty (nan) with the model's status where it does not exist."""

    statistic: float
    degrees_of_freedom: int
    p_value: float


NO_TEST = ChiSquaredTest(np.nan, 0, np.nan)


@dataclass(frozen=True)
class CoxResult:
    """A fitted Cox model.

    status : ``ok``; ``few_events`` (under 10 events a parameter: estimates are there, to be read beside
        Firth's); ``separation`` (monotone likelihood: the terms concerned are empty); ``not_estimable``
        (constant or collinear columns: those are empty); ``no_events`` (all empty)
    reason : the status in words; empty when ok
    table : one row a coefficient, as `format_coefficient_table`
    covariance : (p, p), robust where weights or clusters were given; nan rows and columns where a coefficient
        is empty
    log_likelihood, log_likelihood_null : partial log likelihoods
    likelihood_ratio, wald, score : global tests on the estimable coefficients; `wald` uses `covariance`
    design, rows : what was fitted, for residuals and tests; `design.matrix` has the rows that were used
    """

    status: str
    reason: str
    table: pd.DataFrame
    covariance: np.ndarray
    log_likelihood: float
    log_likelihood_null: float
    likelihood_ratio: ChiSquaredTest
    wald: ChiSquaredTest
    score: ChiSquaredTest
    design: Design
    rows: ModelRows

    @property
    def coefficients(self) -> np.ndarray:
        """The p coefficients, nan where empty."""
        return self.table["coefficient"].to_numpy()

    @property
    def estimated(self) -> np.ndarray:
        """The p flags: True where the coefficient is not empty."""
        return np.isfinite(self.coefficients)

    def compare(self, smaller: CoxResult) -> ChiSquaredTest:
        """Likelihood-ratio test against a model with fewer columns of the same rows."""
        more = self.likelihood_ratio.degrees_of_freedom - smaller.likelihood_ratio.degrees_of_freedom
        return compute_chi_squared_test(2 * (self.log_likelihood - smaller.log_likelihood), more)


def compute_chi_squared_test(statistic: float, degrees_of_freedom: int) -> ChiSquaredTest:
    """A chi-squared statistic with its p-value; rounding below 0 is 0; empty without degrees of freedom."""
    if degrees_of_freedom < 1 or not np.isfinite(statistic):
        return NO_TEST
    statistic = max(float(statistic), 0.0)
    return ChiSquaredTest(statistic, degrees_of_freedom, float(chdtrc(degrees_of_freedom, statistic)))


def compute_quadratic_test(vector: np.ndarray, matrix: np.ndarray) -> ChiSquaredTest:
    """v' M^-1 v; by least squares, since a robust variance of few clusters is not of full rank."""
    if not len(vector):
        return NO_TEST
    solution, _, rank, _ = np.linalg.lstsq(matrix, vector, rcond=1e-12)
    return compute_chi_squared_test(vector @ solution, int(rank))


def compute_e_value(
    estimate: float, lower: float, upper: float, *, common_outcome: bool = True
) -> tuple[float, float]:
    """Compute the E-values of a hazard ratio, RR + sqrt(RR (RR - 1)), of 1/RR below 1, and of its interval.

    The second is that of the bound nearer to 1, and 1 where the interval holds 1. `common_outcome`: more than
    15 % have the event by the end of follow-up; the ratio is then turned into a risk ratio by
    (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1/HR)), else taken as one. ValueError for ratios of 0 or less, or an
    interval without the estimate. Source: VanderWeele and Ding 2017, Ann Intern Med 167:268.

    >>> round(compute_e_value(0.56, 0.46, 0.69)[0], 4)
    2.3495
    """
    if not all(np.isfinite(x) and x > 0 for x in (lower, estimate, upper)):
        raise ValueError(f"ratios must be finite and above 0; found {[lower, estimate, upper]}")
    if not lower <= estimate <= upper:
        raise ValueError(f"the estimate {estimate} is not inside its interval {lower} to {upper}")

    def e_value(ratio: float) -> float:
        if common_outcome:
            ratio = (1 - 0.5 ** np.sqrt(ratio)) / (1 - 0.5 ** np.sqrt(1 / ratio))
        away = max(ratio, 1 / ratio)
        return float(away + np.sqrt(away * (away - 1)))

    bound = 1.0 if lower <= 1 <= upper else e_value(lower if estimate > 1 else upper)
    return e_value(estimate), bound
