"""Depth of response as a covariate that changes over time: the smallest sum so far, as a smooth effect."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from prrt_outcomes.responders.states import convert_state_rows, derive_state_rows
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.cox_result import compute_quadratic_test
from prrt_outcomes.statistics.kaplan_meier import compute_normal_quantile
from prrt_outcomes.survival.cox_models import tabulate_ratio
from prrt_outcomes.survival.endpoint_rows import EndpointRows

KNOT_QUANTILES = (0.05, 0.35, 0.65, 0.95)
GRID = 41
MINIMUM_EVENTS = 30


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


def summarise_depth(rows: EndpointRows, depth: pd.DataFrame, confidence: float) -> pd.DataFrame | None:
    """Hazard ratio of each depth of response against no change, depth changing over time.

    `depth`: smallest change so far of the same patients, as `derive_depth`; 0 before the first scan. Knots and grid
    are those of scans without progression, which ends a response.
    Returns columns change, log_hazard_ratio, std_error, hazard_ratio, hazard_ratio_low, hazard_ratio_high, p_value
    (of depth at all), p_value_nonlinear, n, events, status; one row a value of a grid over the depths seen. None
    with fewer than 30 events or no spread of depths.
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
