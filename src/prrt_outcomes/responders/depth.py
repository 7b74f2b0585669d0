"""Depth of response and the hazard, as a smooth effect that changes over time; baseline predictors of response."""

from dataclasses import replace

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import add_absent_levels, list_levels, select_comparable
from prrt_outcomes.responders.states import convert_state_rows, derive_state_rows
from prrt_outcomes.statistics.clustered import compute_spline_basis
from prrt_outcomes.statistics.cox import compute_quadratic_test, fit_cox
from prrt_outcomes.statistics.kaplan_meier import compute_normal_quantile
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.survival.cox_models import RATIO_COLUMNS, pool_models, tabulate_ratio
from prrt_outcomes.survival.endpoint_rows import EndpointRows

KNOT_QUANTILES = (0.05, 0.35, 0.65, 0.95)
GRID = 41
MINIMUM_EVENTS = 30
RESPONSE, EARLY = "response", "event_before_first_scan"


def summarise_depth(rows: EndpointRows, depth: pd.DataFrame, confidence: float) -> pd.DataFrame | None:
    """Hazard ratio of each depth of response against no change, depth changing over time.

    `depth`: smallest change so far of the same patients, as `derive_depth`; 0 before the first scan. Knots and grid
    are those of scans without progression, which ends a response.
    Returns result table `responder_depth` but for endpoint and criterion, one row a value of a grid over the depths
    seen; `p_value` is that of depth at all. None with fewer than 30 events or no spread of depths.
    """
    n_events = int((rows.event == 1).sum())
    if n_events < MINIMUM_EVENTS or (~depth["progressed"]).sum() < MINIMUM_EVENTS:
        return None
    reached = depth.loc[~depth["progressed"], "state"]
    knots = np.unique(np.quantile(reached, KNOT_QUANTILES))
    if len(knots) < len(KNOT_QUANTILES):
        return None
    split = derive_state_rows(depth, rows)
    fit = fit_cox(convert_state_rows(split), compute_spline_basis(split["state"], knots))
    if not fit.estimated.all():
        return None
    low, high = np.quantile(reached, [0.02, 0.98])
    grid = np.linspace(low, high, GRID)
    contrast = compute_spline_basis(grid, knots) - compute_spline_basis([0.0], knots)
    log_ratio = contrast @ fit.coefficients
    error = np.sqrt(np.einsum("ij,jk,ik->i", contrast, fit.covariance, contrast))
    half = compute_normal_quantile(confidence) * error
    ratio = tabulate_ratio(log_ratio, error, log_ratio - half, log_ratio + half, fit.wald.p_value)
    return pd.DataFrame(ratio).assign(
        change=grid,
        p_value_nonlinear=compute_quadratic_test(fit.coefficients[1:], fit.covariance[1:, 1:]).p_value,
        n=len(rows.time_months),
        events=n_events,
        status=fit.status,
    )


def summarise_predictors(
    rows: EndpointRows,
    onsets: tuple[np.ndarray, np.ndarray],
    covariates: pd.DataFrame,
    imputed: tuple[pd.DataFrame, ...],
    settings: AnalysisSettings,
) -> pd.DataFrame | None:
    """Baseline predictors of response, and of an event before any scan could be evaluated.

    `onsets`: (n,) months of the first response and of the first evaluable scan, infinite without one; `imputed`:
    completed covariates, for the rows that stand beside the complete cases; `settings`: reference, confidence.level.
    Returns result table `responder_predictors` but for endpoint and criterion. Outcome ``response``: cause-specific
    hazard of the first response, which the event censors; ``event_before_first_scan``: hazard of the event, censored
    at the first evaluable scan. None without a covariate that varies.
    """
    varying = covariates.loc[:, covariates.nunique() > 1]
    if not len(varying.columns) or varying.dropna().empty:
        return None
    response, scan = onsets
    outcomes = {
        RESPONSE: (response, response < rows.time_months),
        EARLY: (scan, (rows.event == 1) & (rows.time_months <= scan)),
    }
    parts = []
    for outcome, (end, event) in outcomes.items():
        time = np.minimum(end, rows.time_months)
        usable = time > rows.entry
        own = varying.loc[usable].reset_index(drop=True)
        comparable, references = select_comparable(own, settings.reference)
        if not len(comparable.columns):
            continue
        data = replace(rows, time_months=time, event=event).select(usable).data
        fit = fit_cox(data, comparable, references=references, confidence=settings.confidence.level)
        asked = list_levels(own, settings.reference, data.event == 1)
        parts.append(add_absent_levels(fit.table, asked).assign(outcome=outcome, imputed=False))
        completed = [frame.loc[usable, [*own]].reset_index(drop=True) for frame in imputed]
        pooled = pool_models(data, completed, settings)
        if pooled is not None:
            parts.append(pooled.assign(outcome=outcome, imputed=True))
    if not parts:
        return None
    parts = [part.rename(columns=RATIO_COLUMNS).drop(columns="z", errors="ignore") for part in parts]
    return pd.concat(parts, ignore_index=True)
