"""Cox proportional-hazards regression that agrees with R's coxph, robust variance included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from prrt_outcomes.statistics.cox_result import (
    CoxResult,
    compute_chi_squared_test,
    compute_quadratic_test,
    empty_cox_result,
    format_coefficient_table,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.model_rows import (
    Design,
    DesignColumn,
    ModelRows,
    compute_centre_and_scale,
    derive_design_matrix,
    derive_model_rows,
)
from prrt_outcomes.statistics.partial_likelihood import (
    compute_partial_likelihood,
    compute_score_residuals,
    derive_tied_events,
    fit_newton,
)
from prrt_outcomes.statistics.separation import (
    find_estimable_columns,
    find_separated_columns,
    fit_monotone_limit,
)

EVENTS_PER_PARAMETER = 10
STATUS_ORDER = ("no_events", "separation", "not_estimable", "few_events")


def fit_cox(
    data: SurvivalData,
    covariates: pd.DataFrame | pd.Series | np.ndarray,
    *,
    references: Mapping[str, object] | None = None,
    robust: bool | None = None,
    ties: str = "efron",
    confidence: float = 0.95,
) -> CoxResult:
    """Fit a Cox model: any covariates, strata, delayed entry, counting-process rows, weights.

    `covariates` has one row an observation; see `derive_design_matrix` for categories and references. Events
    are 0 or 1, whole weights are counts, `ties` is ``efron`` or ``breslow``. `robust` asks for the sandwich
    variance; default: when weights are not counts, when clusters are given or when a patient has more than
    one event.

    Wald intervals. Rows with a missing covariate are left out and counted. Integer weights under Efron are
    R's case weights, which are not quite the same as repeated rows; under Breslow they are. The robust
    variance is the sum over clusters of squared weighted dfbeta (Lin and Wei 1989, JASA 84:1074), with R's
    residuals for Efron ties. ValueError for other events and for a robust variance of a single cluster.

    >>> data = SurvivalData([9, 1, 1, 6, 6, 8], [1, 1, 0, 1, 1, 0])
    >>> fit = fit_cox(data, [[0], [1], [1], [1], [0], [0]])
    >>> round(float(fit.coefficients[0]), 6), fit.status
    (1.676857, 'few_events')
    """
    design, rows = derive_model(data, covariates, references)
    if robust is None:
        robust = needs_robust_variance(data, rows)
    return fit_cox_rows(design, rows, robust=robust, ties=ties, confidence=confidence)


def derive_model(
    data: SurvivalData, covariates, references: Mapping[str, object] | None
) -> tuple[Design, ModelRows]:
    """Design matrix and rows of a model, without rows of weight 0 or with a missing covariate."""
    design = derive_design_matrix(covariates, references=references)
    if len(design.complete) != data.n:
        raise ValueError(f"covariates has {len(design.complete)} rows, time has {data.n}")
    rows = derive_model_rows(data, design.complete)
    return replace(design, matrix=design.matrix[rows.kept[design.complete]]), rows


def needs_robust_variance(data: SurvivalData, rows: ModelRows) -> bool:
    """Whether weights are not counts, clusters are given or a patient has more than one event."""
    counts = bool((rows.weights == np.round(rows.weights)).all())
    return not counts or data.cluster is not None or rows.events_per_patient_max > 1


def fit_cox_rows(
    design: Design,
    rows: ModelRows,
    *,
    robust: bool = False,
    ties: str = "efron",
    confidence: float = 0.95,
) -> CoxResult:
    """Fit a Cox model to a design and rows that are already checked; see `fit_cox`."""
    if rows.n_events == 0:
        return empty_cox_result(design, rows, robust, ties, confidence)
    centre, scale = compute_centre_and_scale(design.matrix)
    matrix = (design.matrix - centre) / scale
    null = compute_partial_likelihood(matrix, rows, derive_tied_events(rows, ties), np.zeros(matrix.shape[1]))
    used = find_estimable_columns(null.information, rows.weights[rows.event].sum())
    if not used.any():
        statuses = np.full(len(used), "not_estimable", dtype=object)
        empty = empty_cox_result(design, rows, robust, ties, confidence)
        return replace(
            empty,
            status="not_estimable",
            reason=_reason(design.columns, statuses, rows.n_events),
            table=empty.table.assign(status="not_estimable"),
            log_likelihood=null.log_likelihood,
            log_likelihood_null=null.log_likelihood,
        )
    beta, covariances, statuses, log_likelihood = _maximise(matrix, rows, ties, null, used, robust)
    covariance, model_covariance = covariances
    finite = statuses == "ok"
    if rows.n_events < EVENTS_PER_PARAMETER * used.sum():
        statuses[finite] = "few_events"
    table = format_coefficient_table(
        design, rows.event, beta / scale, np.sqrt(np.diag(covariance)) / scale, statuses, confidence
    )
    unscale = np.outer(scale, scale)
    ratio = 2 * (log_likelihood - null.log_likelihood)
    return CoxResult(
        status=next((s for s in STATUS_ORDER if (statuses == s).any()), "ok"),
        reason=_reason(design.columns, statuses, rows.n_events),
        table=table,
        covariance=covariance / unscale,
        model_covariance=model_covariance / unscale,
        robust=robust,
        n_rows=rows.n,
        n_patients=rows.n_patients,
        n_events=rows.n_events,
        n_missing=design.n_missing,
        n_clusters=len(np.unique(rows.cluster)),
        log_likelihood=log_likelihood,
        log_likelihood_null=null.log_likelihood,
        likelihood_ratio=compute_chi_squared_test(ratio, int(used.sum())),
        wald=compute_quadratic_test(beta[finite], covariance[np.ix_(finite, finite)]),
        score=compute_quadratic_test(null.score[used], null.information[np.ix_(used, used)]),
        confidence=confidence,
        ties=ties,
        design=design,
        rows=rows,
    )


def _maximise(matrix: np.ndarray, rows: ModelRows, ties: str, null, used: np.ndarray, robust: bool):
    """Coefficients, both covariances, statuses and log likelihood; empty where separated or not estimable."""
    p, inner, tied = len(used), matrix[:, used], derive_tied_events(rows, ties)
    information = null.information[np.ix_(used, used)]
    fit = fit_newton(
        lambda beta: compute_partial_likelihood(inner, rows, tied, beta),
        np.zeros(inner.shape[1]),
        null_information=information,
    )
    separated, directions = find_separated_columns(fit, information)
    fitted, columns = rows, np.arange(inner.shape[1])
    if separated.any():
        limit = fit_monotone_limit(inner, rows, directions, separated, ties)
        fit, fitted, columns, separated = limit.fit, limit.rows, limit.columns, limit.separated
    place = np.flatnonzero(used)[columns]
    statuses = np.full(p, "not_estimable", dtype=object)
    statuses[place] = "ok"
    statuses[np.flatnonzero(used)[separated]] = "separation"
    beta, covariance, model_covariance = np.full(p, np.nan), np.full((p, p), np.nan), np.full((p, p), np.nan)
    if len(columns):
        block = np.ix_(place, place)
        beta[place] = fit.coefficients
        model_covariance[block] = covariance[block] = np.linalg.inv(fit.at.information)
        if robust:
            tied = derive_tied_events(fitted, ties)
            residuals = compute_score_residuals(matrix[:, place], fitted, tied, fit.at)
            covariance[block] = compute_sandwich(residuals, model_covariance[block], fitted)
    empty = statuses != "ok"
    beta[empty] = np.nan
    for values in (covariance, model_covariance):
        values[empty], values[:, empty] = np.nan, np.nan
    return beta, (covariance, model_covariance), statuses, fit.at.log_likelihood


def compute_sandwich(residuals: np.ndarray, model_covariance: np.ndarray, rows: ModelRows) -> np.ndarray:
    """Robust covariance (p, p): squared weighted dfbeta, summed over the rows of a cluster first."""
    influence = (residuals * rows.weights[:, None]) @ model_covariance
    n_clusters = int(rows.cluster.max()) + 1
    if n_clusters < 2:
        raise ValueError("a robust variance needs at least two clusters; found 1")
    if n_clusters < rows.n:
        influence = np.column_stack(
            [np.bincount(rows.cluster, weights=v, minlength=n_clusters) for v in influence.T]
        )
    return influence.T @ influence


def _reason(columns: tuple[DesignColumn, ...], statuses: np.ndarray, n_events: int) -> str:
    """The status in words."""
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
