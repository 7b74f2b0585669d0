"""A hazard ratio in stretches of time, beside the single one: what to show when hazards cross."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.statistics.cox import derive_model, fit_cox_rows, needs_robust_variance
from prrt_outcomes.statistics.cox_result import (
    NO_TEST,
    ChiSquaredTest,
    CoxResult,
    compute_chi_squared_test,
    compute_quadratic_test,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.design import Design, DesignColumn
from prrt_outcomes.statistics.model_rows import derive_model_rows


@dataclass(frozen=True)
class PiecewiseHazardRatio:
    """Hazard ratios by period.

    Attributes
    ----------
    status : that of the model with periods
    table : one row a period and coefficient of the effect: period_start, period_stop (empty for the last; a
        period is start < t <= stop), term, level, reference, n_at_risk (rows with time in the period),
        n_events, coefficient, std_error, hazard_ratio, lower, upper, z, p_value, status
    single : the Cox model with one hazard ratio over all time
    equality : test that the hazard ratio is the same in all periods (likelihood ratio; Wald where robust)
    """

    status: str
    table: pd.DataFrame
    single: CoxResult
    equality: ChiSquaredTest


def fit_piecewise_hazard_ratio(
    data: SurvivalData,
    effect: pd.Series | np.ndarray,
    cuts: Sequence[float],
    *,
    adjust: pd.DataFrame | None = None,
    references: Mapping[str, object] | None = None,
    robust: bool | None = None,
    confidence: float = 0.95,
) -> PiecewiseHazardRatio:
    """Fit one hazard ratio of `effect` for each period between `cuts`.

    Parameters
    ----------
    effect : the covariate whose hazard ratio changes; number or category
    cuts : times above 0 at which it may change, rising
    adjust : covariates with one coefficient over all time
    others : as `fit_cox`

    Raises
    ------
    ValueError
        for cuts that do not rise or are not above 0, and as `fit_cox`.

    Notes
    -----
    Rows are cut at the times given (R's survSplit) and the effect enters once a period. A period without
    events has an empty row with its status.
    """
    cuts = np.asarray(cuts, dtype=float)
    if not len(cuts) or (cuts <= 0).any() or (np.diff(cuts) <= 0).any() or not np.isfinite(cuts).all():
        raise ValueError(f"cuts {cuts.tolist()}: expected rising finite times above 0")
    effect = pd.Series(effect).reset_index(drop=True)
    effect.name = effect.name if effect.name is not None else "effect"
    parts = [effect.to_frame()] if adjust is None else [effect.to_frame(), adjust.reset_index(drop=True)]
    design, rows = derive_model(data, pd.concat(parts, axis=1), references)
    if robust is None:
        robust = needs_robust_variance(data, rows)
    matrix = design.matrix
    varies = np.array([c.term == str(effect.name) for c in design.columns])
    options = {"robust": robust, "confidence": confidence}
    single = fit_cox_rows(design, rows, **options)
    source, start, stop, happened, period = _cut(rows, cuts)
    labels = (rows.stratum[source], rows.cluster[source])
    split = derive_model_rows(SurvivalData(stop, happened, start, rows.weights[source], *labels))
    in_period = period[:, None] == np.arange(len(cuts) + 1)[None, :]
    by_period = (matrix[source][:, None, varies] * in_period[:, :, None]).reshape(len(source), -1)
    columns = [
        DesignColumn(f"{c.name} in period {k + 1}", "", "")
        for k in range(len(cuts) + 1)
        for c, v in zip(design.columns, varies, strict=True)
        if v
    ]
    columns += [c for c, v in zip(design.columns, varies, strict=True) if not v]
    wide = Design(
        np.column_stack([by_period, matrix[source][:, ~varies]]),
        tuple(columns),
        design.complete,
        design.n_missing,
    )
    fit = fit_cox_rows(wide, split, **options)
    table = _table(fit, design, varies, cuts, period, split.event)
    return PiecewiseHazardRatio(
        fit.status, table, single, _test_equality(fit, single, len(table), varies.sum())
    )


def _cut(rows, cuts: np.ndarray):
    """Source row, start, stop, event and period of every piece."""
    edges = np.concatenate([[-np.inf], cuts, [np.inf]])
    first = np.searchsorted(cuts, rows.entry, side="right")
    last = np.searchsorted(cuts, rows.time, side="left")
    pieces = last - first + 1
    source = np.repeat(np.arange(rows.n), pieces)
    offset = np.arange(len(source)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    period = first[source] + offset
    # Everybody enters before time 0 unless a late entry is known, so that an event at 0 keeps its risk set.
    start = np.maximum(np.where(np.isfinite(rows.entry), rows.entry, -1.0)[source], edges[period])
    stop = np.minimum(rows.time[source], edges[period + 1])
    return source, start, stop, rows.event[source] & (period == last[source]), period


def _table(fit: CoxResult, design: Design, varies, cuts, period, event) -> pd.DataFrame:
    """One row a period and coefficient of the effect."""
    effects = [c for c, v in zip(design.columns, varies, strict=True) if v]
    n_periods = len(cuts) + 1
    table = fit.table.iloc[: n_periods * len(effects)].reset_index(drop=True)
    of_row = np.repeat(np.arange(n_periods), len(effects))
    edges = np.concatenate([[0.0], cuts, [np.nan]])
    n_at_risk = np.bincount(period, minlength=n_periods)
    n_events = np.bincount(period[event], minlength=n_periods)
    for name in ("term", "level", "reference"):
        table[name] = pd.array([getattr(c, name) for c in effects] * n_periods, dtype="string")
    table["n_events"] = n_events[of_row]
    table.loc[table["n_events"] == 0, "status"] = "no_events"
    table = table.rename(columns={"n": "n_at_risk"}).assign(n_at_risk=n_at_risk[of_row])
    table.insert(0, "period_stop", edges[of_row + 1])
    table.insert(0, "period_start", edges[of_row])
    return table


def _test_equality(fit: CoxResult, single: CoxResult, n_coefficients: int, n_columns: int) -> ChiSquaredTest:
    """Likelihood ratio against one hazard ratio; Wald on the differences where the variance is robust."""
    estimated = np.flatnonzero(fit.estimated[:n_coefficients])
    differences = len(estimated) - int(n_columns)
    if differences < 1 or not single.estimated.all():
        return NO_TEST
    if not fit.robust:
        return compute_chi_squared_test(2 * (fit.log_likelihood - single.log_likelihood), differences)
    contrast = []
    for column in range(int(n_columns)):
        own = [j for j in estimated if j % int(n_columns) == column]
        contrast += [np.eye(len(fit.estimated))[j] - np.eye(len(fit.estimated))[own[0]] for j in own[1:]]
    contrast = np.array(contrast)
    covariance = np.nan_to_num(fit.covariance)
    return compute_quadratic_test(
        contrast @ np.nan_to_num(fit.coefficients), contrast @ covariance @ contrast.T
    )
