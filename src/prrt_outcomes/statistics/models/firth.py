"""Firth's penalised Cox regression with profile-likelihood intervals, for few events and monotone likelihoods."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import chdtrc, chdtri

from prrt_outcomes.statistics.models.coefficient_table import format_coefficient_table
from prrt_outcomes.statistics.models.design import Design, compute_centre_and_scale, derive_design_matrix
from prrt_outcomes.statistics.models.estimability import find_estimable_columns
from prrt_outcomes.statistics.models.model_rows import ModelRows, derive_model_rows
from prrt_outcomes.statistics.models.partial_likelihood import compute_partial_likelihood, derive_tied_events
from prrt_outcomes.statistics.models.penalised_likelihood import (
    PenalisedFit,
    find_profile_bound,
    fit_penalised,
)


@dataclass(frozen=True)
class FirthResult:
    """A penalised Cox model.

    Attributes
    ----------
    status : ``ok``; ``no_events``; ``not_estimable`` (constant or collinear columns are empty);
        ``not_converged`` (all empty); ``no_bound`` (a profile-likelihood bound was not found and is empty)
    table : one row a coefficient, as `CoxResult.table`; lower and upper are profile-likelihood bounds,
        p_value is that of the penalised likelihood-ratio test, z is coefficient / std_error
    n_rows, n_events, n_missing : counts
    log_likelihood, log_likelihood_null : penalised
    confidence : of the interval
    """

    status: str
    table: pd.DataFrame
    n_rows: int
    n_events: int
    n_missing: int
    log_likelihood: float
    log_likelihood_null: float
    confidence: float


def fit_firth_cox(
    time,
    event,
    covariates: pd.DataFrame | pd.Series | np.ndarray,
    *,
    references: Mapping[str, object] | None = None,
    entry=None,
    weights=None,
    strata=None,
    identifier=None,
    confidence: float = 0.95,
) -> FirthResult:
    """Fit a Cox model with Firth's penalty; arguments as `fit_cox`.

    Returns
    -------
    FirthResult

    Raises
    ------
    ValueError
        as `fit_cox`.

    Notes
    -----
    The log partial likelihood (Breslow ties, as coxphf) plus half the log determinant of its information;
    estimates exist also under separation. One unweighted row a patient without strata or delayed entry is
    fitted by firthmodels; anything else by the same penalty on our likelihood. Source: Heinze and Schemper
    2001, Biometrics 57:114.
    """
    design = derive_design_matrix(covariates, references=references)
    rows = derive_model_rows(
        time, event, entry=entry, weights=weights, strata=strata, identifier=identifier, keep=design.complete
    )
    design = replace(design, matrix=design.matrix[rows.kept[design.complete]])
    return fit_firth_rows(design, rows, confidence=confidence)


def fit_firth_rows(
    design: Design, rows: ModelRows, *, confidence: float = 0.95, engine: str | None = None
) -> FirthResult:
    """Penalised fit of checked rows; `engine` (``firthmodels`` or ``newton``) overrides the choice of route."""
    p = len(design.columns)
    if rows.n_events == 0:
        return _gather(design, rows, np.full(p, "no_events", dtype=object), None, None, None, confidence)
    centre, scale = compute_centre_and_scale(design.matrix)
    matrix = (design.matrix - centre) / scale
    tied = derive_tied_events(rows, "breslow")
    used = find_estimable_columns(
        compute_partial_likelihood(matrix, rows, tied, np.zeros(p)).information,
        rows.weights[rows.event].sum(),
    )
    statuses = np.where(used, "ok", "not_estimable").astype(object)
    if not used.any():
        return _gather(design, rows, statuses, None, None, None, confidence)
    simple = rows.one_row_per_patient and not rows.delayed_entry and not rows.stratum.any()
    simple = simple and bool((rows.weights == 1).all())
    if engine not in (None, "firthmodels", "newton"):
        raise ValueError(f"engine {engine!r}: expected 'firthmodels' or 'newton'")
    if engine == "firthmodels" and not simple:
        raise ValueError("firthmodels fits one unweighted row a patient without strata or delayed entry")
    by_library = simple and engine != "newton"
    fit, bounds, p_values = (_by_firthmodels if by_library else _by_newton)(matrix[:, used], rows, confidence)
    if fit is None:
        statuses[used] = "not_converged"
        return _gather(design, rows, statuses, None, None, None, confidence)
    missing = ~np.isfinite(bounds).all(axis=1)
    statuses[np.flatnonzero(used)[missing]] = "no_bound"
    full = np.full((4, p), np.nan)
    full[:, used] = np.vstack([fit.coefficients, fit.std_errors, *bounds.T]) / scale[used]
    tests = np.full(p, np.nan)
    tests[used] = p_values
    return _gather(design, rows, statuses, fit, full, tests, confidence)


def _by_firthmodels(matrix: np.ndarray, rows: ModelRows, confidence: float):
    """Fit, bounds and p-values from the library; its warnings are read off the result instead."""
    from firthmodels import FirthCoxPH

    model = FirthCoxPH(backend="numpy", max_iter=200, gtol=1e-8, xtol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(matrix, (rows.event, rows.time))
            if not model.converged_:
                return _by_newton(matrix, rows, confidence)
            bounds = model.conf_int(alpha=1 - confidence, method="pl", max_iter=200, tol=1e-8)
            p_values = model.lrt().lrt_pvalues_
        except np.linalg.LinAlgError:
            return _by_newton(matrix, rows, confidence)
    if not (np.isfinite(bounds).all() and np.isfinite(p_values).all()):
        return _by_newton(matrix, rows, confidence)
    null = fit_penalised(matrix, rows, free=np.zeros(matrix.shape[1], dtype=bool)).log_likelihood
    return PenalisedFit(model.coef_, model.bse_, float(model.loglik_), null, True), bounds, p_values


def _by_newton(matrix: np.ndarray, rows: ModelRows, confidence: float):
    """Fit, bounds and p-values on our own likelihood."""
    p = matrix.shape[1]
    fit = fit_penalised(matrix, rows)
    if not fit.converged:
        return None, None, None
    drop = float(chdtri(1, 1 - confidence)) / 2
    bounds = np.array(
        [[find_profile_bound(matrix, rows, fit, j, side, drop) for side in (-1, 1)] for j in range(p)]
    )
    p_values = np.empty(p)
    for j in range(p):
        without = fit_penalised(matrix, rows, free=np.arange(p) != j)
        p_values[j] = chdtrc(1, max(2 * (fit.log_likelihood - without.log_likelihood), 0.0))
    return fit, bounds, p_values


def _gather(design, rows, statuses, fit, numbers, p_values, confidence) -> FirthResult:
    """Result with a table of the common form."""
    empty = np.full((4, len(statuses)), np.nan)
    numbers = empty if numbers is None else numbers
    table = format_coefficient_table(design, rows.event, numbers[0], numbers[1], statuses, confidence)
    with np.errstate(over="ignore"):
        bounds = np.exp(numbers[2:])
    table["lower"], table["upper"] = np.where(np.isfinite(bounds), bounds, np.nan)
    table["p_value"] = np.full(len(statuses), np.nan) if p_values is None else p_values
    order = ("no_events", "not_converged", "not_estimable", "no_bound")
    status = next((s for s in order if (statuses == s).any()), "ok")
    return FirthResult(
        status,
        table,
        rows.n,
        rows.n_events,
        design.n_missing,
        fit.log_likelihood if fit else np.nan,
        fit.log_likelihood_null if fit else np.nan,
        confidence,
    )
