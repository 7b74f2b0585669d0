"""Cox proportional-hazards regression that agrees with R's coxph, robust variance included, and E-values of ratios."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import compute_normal_quantile
from prrt_outcomes.statistics.model_rows import (
    Design,
    DesignColumn,
    ModelRows,
    compute_centre_and_scale,
    derive_design_matrix,
    derive_model_rows,
)
from prrt_outcomes.statistics.partial_likelihood import (
    LikelihoodAt,
    compute_partial_likelihood,
    compute_score_residuals,
    derive_tied_events,
    find_estimable_columns,
    find_separated_columns,
    fit_monotone_limit,
    fit_newton,
)

EVENTS_PER_PARAMETER = 10
STATUS_ORDER = ("no_events", "separation", "not_estimable", "few_events")


def fit_cox(
    data: SurvivalData,
    covariates: pd.DataFrame | pd.Series | np.ndarray,
    *,
    references: Mapping[str, object] | None = None,
    confidence: float = 0.95,
) -> CoxResult:
    """Fit a Cox model: any covariates, strata, delayed entry, counting-process rows, weights; Efron's ties.

    `covariates` has one row an observation; see `derive_design_matrix` for categories and references. Events
    are 0 or 1. Wald intervals. Rows with a missing covariate are left out and counted.

    With weights or clusters the variance is robust: the sum over clusters (rows where there are none) of
    squared weighted dfbeta (Lin and Wei 1989, JASA 84:1074), with R's residuals for Efron ties. Rows of one
    id need no clusters, since a patient has one event at most; with several events give patients as clusters.
    ValueError for other events, and for a robust variance of a single cluster.

    >>> data = SurvivalData([9, 1, 1, 6, 6, 8], [1, 1, 0, 1, 1, 0])
    >>> fit = fit_cox(data, [[0], [1], [1], [1], [0], [0]])
    >>> round(float(fit.coefficients[0]), 6), fit.status
    (1.676857, 'few_events')
    """
    design, rows = derive_model(data, covariates, references)
    robust = data.weights is not None or data.cluster is not None
    return fit_cox_rows(design, rows, robust=robust, confidence=confidence)


def derive_model(
    data: SurvivalData, covariates, references: Mapping[str, object] | None
) -> tuple[Design, ModelRows]:
    """Design matrix and rows of a model, without rows of weight 0 or with a missing covariate."""
    design = derive_design_matrix(covariates, references=references)
    if len(design.complete) != data.n:
        raise ValueError(f"covariates has {len(design.complete)} rows, time has {data.n}")
    rows = derive_model_rows(data, design.complete)
    return replace(design, matrix=design.matrix[rows.kept[design.complete]]), rows


def fit_cox_rows(
    design: Design, rows: ModelRows, *, robust: bool = False, confidence: float = 0.95
) -> CoxResult:
    """Fit a Cox model to a design and rows that are already checked; see `fit_cox`."""
    p = len(design.columns)
    beta, covariance, scale = np.full(p, np.nan), np.full((p, p), np.nan), np.ones(p)
    statuses, used = np.full(p, "no_events", dtype=object), np.zeros(p, dtype=bool)
    log_likelihood = log_likelihood_null = np.nan
    score = NO_TEST
    if rows.n_events:
        centre, scale = compute_centre_and_scale(design.matrix)
        matrix = (design.matrix - centre) / scale
        null = compute_partial_likelihood(matrix, rows, derive_tied_events(rows), np.zeros(p))
        log_likelihood = log_likelihood_null = null.log_likelihood
        used = find_estimable_columns(null.information, rows.weights[rows.event].sum())
        score = compute_quadratic_test(null.score[used], null.information[np.ix_(used, used)])
        statuses[:] = "not_estimable"
        if used.any():
            beta, covariance, statuses, log_likelihood = _maximise(matrix, rows, null, used, robust)
    finite = statuses == "ok"
    if rows.n_events < EVENTS_PER_PARAMETER * used.sum():
        statuses[finite] = "few_events"
    errors = np.sqrt(np.diag(covariance)) / scale
    return CoxResult(
        status=next((s for s in STATUS_ORDER if (statuses == s).any()), "ok"),
        reason=_reason(design.columns, statuses, rows.n_events),
        table=format_coefficient_table(design, rows.event, beta / scale, errors, statuses, confidence),
        covariance=covariance / np.outer(scale, scale),
        log_likelihood=log_likelihood,
        log_likelihood_null=log_likelihood_null,
        likelihood_ratio=compute_chi_squared_test(
            2 * (log_likelihood - log_likelihood_null), int(used.sum())
        ),
        wald=compute_quadratic_test(beta[finite], covariance[np.ix_(finite, finite)]),
        score=score,
        design=design,
        rows=rows,
    )


def _maximise(matrix: np.ndarray, rows: ModelRows, null: LikelihoodAt, used: np.ndarray, robust: bool):
    """Coefficients, covariance, statuses and log likelihood; empty where separated or not estimable."""
    inner, information = matrix[:, used], null.information[np.ix_(used, used)]
    evaluate = partial(compute_partial_likelihood, inner, rows, derive_tied_events(rows))
    fit = fit_newton(evaluate, np.zeros(inner.shape[1]), null_information=information)
    separated, directions = find_separated_columns(fit, information)
    columns, place = np.arange(inner.shape[1]), np.flatnonzero(used)
    if separated.any():
        fit, rows, columns, separated = fit_monotone_limit(inner, rows, directions, separated)
    statuses = np.full(len(used), "not_estimable", dtype=object)
    statuses[place[columns]] = "ok"
    statuses[place[separated]] = "separation"
    beta, covariance = np.full(len(used), np.nan), np.full((len(used), len(used)), np.nan)
    if len(columns):
        place = place[columns]
        inverse = np.linalg.inv(fit.at.information)
        beta[place] = fit.coefficients
        covariance[np.ix_(place, place)] = (
            _compute_sandwich(matrix[:, place], rows, fit.at, inverse) if robust else inverse
        )
    empty = statuses != "ok"
    beta[empty], covariance[empty], covariance[:, empty] = np.nan, np.nan, np.nan
    return beta, covariance, statuses, fit.at.log_likelihood


def _compute_sandwich(
    matrix: np.ndarray, rows: ModelRows, at: LikelihoodAt, inverse: np.ndarray
) -> np.ndarray:
    """Robust covariance (p, p): squared weighted dfbeta, summed over the rows of a cluster first."""
    if rows.cluster.max() < 1:
        raise ValueError("a robust variance needs at least two clusters; found 1")
    residuals = compute_score_residuals(matrix, rows, derive_tied_events(rows), at)
    influence = pd.DataFrame((residuals * rows.weights[:, None]) @ inverse)
    of_cluster = influence.groupby(rows.cluster).sum().to_numpy()
    return of_cluster.T @ of_cluster


def _reason(columns: tuple[DesignColumn, ...], statuses: np.ndarray, n_events: int) -> str:
    if not n_events:
        return "no events"
    parts = []
    for status, words in (
        ("separation", "the likelihood is monotone (all events, or none, on one side) in"),
        ("not_estimable", "constant, or a combination of the columns before it, among those at risk:"),
    ):
        named = [column.name for column, s in zip(columns, statuses, strict=True) if s == status]
        if named:
            parts.append(f"{words} {', '.join(named)}")
    if (statuses == "few_events").any():
        estimable = int((statuses != "not_estimable").sum())
        parts.append(f"{n_events} events for {estimable} parameters, under {EVENTS_PER_PARAMETER} each")
    return "; ".join(parts)


def format_coefficient_table(
    design: Design,
    event: np.ndarray,
    coefficients: np.ndarray,
    std_errors: np.ndarray,
    statuses: np.ndarray,
    confidence: float,
) -> pd.DataFrame:
    """Coefficients with hazard ratio, Wald interval and two-sided p-value, one row each.

    Columns: term, level, reference, n, n_events, coefficient, std_error, hazard_ratio, lower, upper, z, p_value,
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
            **pd.DataFrame([vars(column) for column in design.columns], dtype="string"),
            "n": [int(rows.sum()) for rows in of_level],
            "n_events": [int(event[rows].sum()) for rows in of_level],
            "coefficient": coefficients,
            "std_error": std_errors,
            "hazard_ratio": compute_ratio(coefficients),
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
