"""Hazard ratios by period of follow-up and by subgroup, each with the test that they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from prrt_outcomes.statistics.cox import derive_model, fit_cox, fit_cox_rows, needs_robust_variance
from prrt_outcomes.statistics.cox_result import (
    NO_TEST,
    ChiSquaredTest,
    CoxResult,
    compute_chi_squared_test,
    compute_quadratic_test,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.model_rows import Design, DesignColumn, derive_design_matrix, derive_model_rows


@dataclass(frozen=True)
class PiecewiseHazardRatio:
    """Hazard ratios by period.

    status : that of the model with periods
    table : one row a period and coefficient of the effect: period_start, period_stop (empty for the last; a
        period is start < t <= stop), term, level, reference, n_at_risk (rows with time in the period),
        n_events, coefficient, std_error, hazard_ratio, lower, upper, z, p_value, status
    single : the Cox model with one hazard ratio over all time
    equality : likelihood-ratio test that the hazard ratio is the same in all periods
    """

    status: str
    table: pd.DataFrame
    single: CoxResult
    equality: ChiSquaredTest


def fit_piecewise_hazard_ratio(
    data: SurvivalData,
    effect: pd.Series | np.ndarray,
    cuts: Any,
    *,
    adjust: pd.DataFrame | None = None,
    references: Mapping[str, object] | None = None,
    robust: bool | None = None,
    confidence: float = 0.95,
) -> PiecewiseHazardRatio:
    """Fit one hazard ratio of `effect`, a number or category, for each period between `cuts`.

    `adjust`: covariates with one coefficient over all time; others as `fit_cox`. Rows are cut at the times
    given (R's survSplit) and the effect enters once a period; a period without events has an empty row with
    its status. ValueError for cuts that do not rise or are not above 0, and for weights or clusters.
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
    options: dict[str, Any] = {"robust": robust, "confidence": confidence}
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
    matrix = np.array(contrast)
    covariance = np.nan_to_num(fit.covariance)
    return compute_quadratic_test(matrix @ np.nan_to_num(fit.coefficients), matrix @ covariance @ matrix.T)


OVERALL = "overall"


@dataclass(frozen=True)
class SubgroupResult:
    """Forest table, and the model in everybody.

    `table` has one row a subgroup level and coefficient of the effect, ``overall`` first: subgroup,
    subgroup_level, term, level, reference, n_rows, n_events, coefficient, std_error, hazard_ratio, lower,
    upper, z, p_value, status, interaction_p_value (of the subgroup's covariate, on each of its rows),
    interaction_status.
    """

    table: pd.DataFrame
    overall: CoxResult


def fit_subgroup_hazard_ratios(
    data: SurvivalData,
    effect: pd.Series | np.ndarray,
    subgroups: pd.DataFrame,
    *,
    adjust: pd.DataFrame | None = None,
    references: Mapping[str, object] | None = None,
    robust: bool | None = None,
    confidence: float = 0.95,
) -> SubgroupResult:
    """Fit the hazard ratio of `effect` in every level of every subgroup covariate.

    The reference of `effect`, a number or category, is the same in all subgroups; `subgroups` has one
    categorical column each, and rows where one is missing are in none of its levels. ValueError for a numeric
    subgroup covariate (give it as a category), for weights or clusters, and as `fit_cox`.

    The interaction is tested in everybody with a known level by the likelihood ratio of effect x subgroup. It
    is not corrected for the number of subgroups looked at.
    """
    effect = pd.Series(effect).reset_index(drop=True)
    effect.name = effect.name if effect.name is not None else "effect"
    n = len(effect)
    subgroups = subgroups.reset_index(drop=True)
    _check_subgroups(subgroups, str(effect.name))
    adjust = pd.DataFrame(index=range(n)) if adjust is None else adjust.reset_index(drop=True)
    references = dict(references or {})
    references.setdefault(str(effect.name), _reference_of(effect))
    references = {k: v for k, v in references.items() if v is not None}

    def fit(where: np.ndarray) -> CoxResult:
        frame = pd.concat([effect, adjust], axis=1)[where]
        own = {k: v for k, v in references.items() if k == effect.name or _has_level(frame, k, v)}
        return fit_cox(data.select(where), frame, references=own, robust=robust, confidence=confidence)

    overall = fit(np.ones(n, dtype=bool))
    blocks = [_block(OVERALL, "", overall, str(effect.name), None, "")]
    for name in subgroups.columns:
        column = subgroups[name]
        known = column.notna().to_numpy()
        test, status = _test_interaction(data, effect, column, adjust, references, known, overall)
        for level in derive_design_levels(column):
            where = known & (column.astype(str) == level).to_numpy()
            if not _has_level(effect[where].to_frame(), str(effect.name), references.get(str(effect.name))):
                blocks.append(_empty_block(name, level, overall, data.event[where], test, status))
                continue
            blocks.append(_block(name, level, fit(where), str(effect.name), test, status))
    return SubgroupResult(pd.concat(blocks, ignore_index=True), overall)


def derive_design_levels(column: pd.Series) -> list[str]:
    """Levels of a category that occur, in category order, as text."""
    known = column.dropna()
    categorical = (
        known if isinstance(known.dtype, pd.CategoricalDtype) else known.astype(object).astype("category")
    )
    return [str(level) for level in categorical.cat.remove_unused_categories().cat.categories]


def _check_subgroups(subgroups: pd.DataFrame, effect: str) -> None:
    """Categories only, and not the effect itself."""
    for name in subgroups.columns:
        numeric = pd.api.types.is_numeric_dtype(subgroups[name])
        if numeric and not pd.api.types.is_bool_dtype(subgroups[name]):
            raise ValueError(f"subgroup covariate {name} is a number; cut it into categories first")
        if str(name) == effect:
            raise ValueError(f"{name} is the effect and cannot be its own subgroup")


def _reference_of(effect: pd.Series):
    """Reference level that the whole data give, so that every subgroup uses the same; None for a number."""
    return derive_design_matrix(effect.dropna().to_frame()).columns[0].reference or None


def _has_level(frame: pd.DataFrame, name: str, level) -> bool:
    """True where the reference occurs in these rows, or the covariate is a number."""
    return level is None or bool((frame[name].dropna().astype(str) == str(level)).any())


def _block(subgroup, level, fit: CoxResult, effect: str, test, status: str) -> pd.DataFrame:
    """Rows of one subgroup level."""
    rows = fit.table[fit.table["term"] == effect].drop(columns=["n", "n_events"]).reset_index(drop=True)
    rows.insert(3, "n_events", fit.n_events)
    rows.insert(3, "n_rows", fit.n_rows)
    return _label(rows, subgroup, level, test, status)


def _empty_block(subgroup, level, overall: CoxResult, event, test, status: str) -> pd.DataFrame:
    """Rows of a level in which the reference of the effect does not occur."""
    effect = overall.table["term"].iloc[0]
    rows = _block(subgroup, level, overall, effect, test, status)
    numbers = ["coefficient", "std_error", "hazard_ratio", "lower", "upper", "z", "p_value"]
    rows[numbers] = np.nan
    rows["status"] = pd.array(["not_estimable"] * len(rows), dtype="string")
    return rows.assign(n_rows=len(event), n_events=int(event.sum()))


def _label(rows: pd.DataFrame, subgroup, level, test: ChiSquaredTest | None, status: str) -> pd.DataFrame:
    """Name of the subgroup in front, interaction behind."""
    rows.insert(0, "subgroup_level", pd.Series([level] * len(rows), rows.index, dtype="string"))
    rows.insert(0, "subgroup", pd.Series([str(subgroup)] * len(rows), rows.index, dtype="string"))
    rows["interaction_p_value"] = np.nan if test is None else test.p_value
    rows["interaction_status"] = pd.array([status] * len(rows), dtype="string")
    return rows


def _test_interaction(data, effect, column, adjust, references, known, overall: CoxResult):
    """Test of effect x subgroup among rows with a known level, and its status."""
    frame = pd.concat(
        [effect, column.rename(str(column.name)), adjust.drop(columns=[column.name], errors="ignore")], axis=1
    )[known]
    own = {k: v for k, v in references.items() if k in frame.columns and _has_level(frame, k, v)}
    design = derive_design_matrix(frame, references=own)
    of_effect = [j for j, c in enumerate(design.columns) if c.term == str(effect.name)]
    of_group = [j for j, c in enumerate(design.columns) if c.term == str(column.name)]
    products = [design.matrix[:, i] * design.matrix[:, j] for i in of_effect for j in of_group]
    names = [
        DesignColumn(f"{design.columns[i].name} x {design.columns[j].name}", "", "")
        for i in of_effect
        for j in of_group
    ]
    rows = derive_model_rows(data.select(known), design.complete)
    used = rows.kept[design.complete]
    wide = Design(
        np.column_stack([design.matrix, *products])[used],
        (*design.columns, *names),
        design.complete,
        design.n_missing,
    )
    fit = fit_cox_rows(wide, rows, robust=overall.robust)
    interaction = np.arange(len(wide.columns)) >= len(design.columns)
    estimated = interaction & fit.estimated
    if overall.robust:
        test = compute_quadratic_test(
            fit.coefficients[estimated], fit.covariance[np.ix_(estimated, estimated)]
        )
    else:
        plain = fit_cox_rows(Design(design.matrix[used], design.columns, design.complete, 0), rows)
        test = fit.compare(plain)
    found = fit.table.loc[interaction, "status"].tolist()
    order = ("no_events", "separation", "not_estimable", "few_events", "too_few")
    return test, next((s for s in order if s in found), "ok")
