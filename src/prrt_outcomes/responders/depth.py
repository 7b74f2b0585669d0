"""Depth of response as a covariate that changes over time: the smallest sum so far, as a smooth effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtri

from prrt_outcomes.responders.states import StateHistory, derive_state_rows
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.cox_result import compute_ratio
from prrt_outcomes.statistics.data import SurvivalData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from prrt_outcomes.survival.endpoint_rows import EndpointRows

KNOT_QUANTILES = (0.05, 0.35, 0.65, 0.95)
GRID = 41
MINIMUM_EVENTS = 30


@dataclass(frozen=True)
class DepthHistory:
    """Smallest change from baseline so far, at each scan at which it fell.

    patient : position of the patient of each change
    month : time of the change
    change : smallest change from baseline so far, a share (-0.3 is a fall by 30 %)
    """

    patient: NDArray[np.int64]
    month: NDArray[np.float64]
    change: NDArray[np.float64]


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


def summarise_depth(rows: EndpointRows, depth: DepthHistory, confidence: float) -> pd.DataFrame | None:
    """Hazard ratio of each depth of response against no change, depth changing over time.

    `depth`: smallest change so far of the same patients; 0 before the first scan.
    Returns columns change, log_hazard_ratio, std_error, hazard_ratio, hazard_ratio_low, hazard_ratio_high, p_value
    (of depth at all), p_value_nonlinear, n, events, status; one row a value of a grid over the depths seen. None
    with fewer than 30 events or no spread of depths.
    """
    event = rows.event == 1
    if event.sum() < MINIMUM_EVENTS or len(depth.change) < MINIMUM_EVENTS:
        return None
    knots = np.unique(np.quantile(depth.change, KNOT_QUANTILES))
    if len(knots) < len(KNOT_QUANTILES):
        return None
    changes = len(depth.month)
    numbered = StateHistory(
        ("none", *map(str, range(changes))),
        depth.patient,
        depth.month,
        np.arange(1, changes + 1),
        np.zeros(len(event), dtype=int),
    )
    split = derive_state_rows(numbered, rows.time_months, rows.event, rows.entry_months)
    value = np.concatenate(([0.0], depth.change))[split.state]
    basis = compute_spline_basis(value, knots)
    names = [f"depth_{k}" for k in range(basis.shape[1])]
    fit = fit_cox(
        SurvivalData(split.stop, (split.event == 1).astype(float), entry=split.start),
        pd.DataFrame(basis, columns=names),
    )
    if not fit.estimated.all():
        return None
    low, high = np.quantile(depth.change, [0.02, 0.98])
    grid = np.linspace(low, high, GRID)
    contrast = compute_spline_basis(grid, knots) - compute_spline_basis([0.0], knots)
    log_ratio = contrast @ fit.coefficients
    error = np.sqrt(np.einsum("ij,jk,ik->i", contrast, fit.covariance, contrast))
    half = ndtri(0.5 + confidence / 2) * error
    return pd.DataFrame(
        {
            "change": grid,
            "log_hazard_ratio": log_ratio,
            "std_error": error,
            "hazard_ratio": compute_ratio(log_ratio),
            "hazard_ratio_low": compute_ratio(log_ratio - half),
            "hazard_ratio_high": compute_ratio(log_ratio + half),
            "p_value": fit.wald.p_value,
            "p_value_nonlinear": _wald(fit.coefficients[1:], fit.covariance[1:, 1:]),
            "n": len(event),
            "events": int(event.sum()),
            "status": fit.status,
        }
    )


def _wald(coefficients: NDArray, covariance: NDArray) -> float:
    return float(chdtrc(len(coefficients), coefficients @ np.linalg.solve(covariance, coefficients)))
