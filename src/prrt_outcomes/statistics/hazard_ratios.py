"""Hazard ratios by period of follow-up and by subgroup, each with the test that they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from prrt_outcomes.statistics.cox import STATUS_ORDER, derive_model, fit_cox, fit_cox_rows
from prrt_outcomes.statistics.cox_result import (
    NO_TEST,
    ChiSquaredTest,
    CoxResult,
    compute_chi_squared_test,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.model_rows import DesignColumn, derive_design_matrix, derive_model_rows


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
    cuts: ArrayLike,
    *,
    adjust: pd.DataFrame | None = None,
    references: Mapping[str, object] | None = None,
    confidence: float = 0.95,
) -> PiecewiseHazardRatio:
    """Fit one hazard ratio of `effect`, a number or category, for each period between `cuts`.

    `adjust`: covariates with one coefficient over all time; others as `fit_cox`. Rows are cut at the times
    given (R's survSplit) and the effect enters once a period; a period without events has an empty row with
    its status. ValueError for cuts that do not rise or are not above 0, and for weights, clusters or ids.
    """
    cuts = np.asarray(cuts, dtype=float)
    if not len(cuts) or (cuts <= 0).any() or (np.diff(cuts) <= 0).any() or not np.isfinite(cuts).all():
        raise ValueError(f"cuts {cuts.tolist()}: expected rising finite times above 0")
    data.refuse("weights", "cluster", "id", method="hazard ratios by period")
    effect = _name_effect(effect)
    parts = [effect.to_frame()] if adjust is None else [effect.to_frame(), adjust.reset_index(drop=True)]
    design, rows = derive_model(data, pd.concat(parts, axis=1), references)
    matrix = design.matrix
    varies = np.array([c.term == str(effect.name) for c in design.columns])
    effects = [c for c, v in zip(design.columns, varies, strict=True) if v]
    single = fit_cox_rows(design, rows, confidence=confidence)
    source, start, stop, happened, period = _cut(rows, cuts)
    split = derive_model_rows(SurvivalData(stop, happened, start, strata=rows.stratum[source]))
    in_period = period[:, None] == np.arange(len(cuts) + 1)[None, :]
    by_period = (matrix[source][:, None, varies] * in_period[:, :, None]).reshape(len(source), -1)
    periods = range(1, len(cuts) + 2)
    columns = [DesignColumn(f"{c.name} in period {k}", "", "") for k in periods for c in effects]
    columns += [c for c, v in zip(design.columns, varies, strict=True) if not v]
    wide = np.column_stack([by_period, matrix[source][:, ~varies]])
    fit = fit_cox_rows(replace(design, matrix=wide, columns=tuple(columns)), split, confidence=confidence)
    table = _table(fit, effects, cuts, period, split.event)
    differences = int(fit.estimated[: len(table)].sum()) - len(effects)
    equality = NO_TEST
    if differences > 0 and single.estimated.all():
        equality = compute_chi_squared_test(2 * (fit.log_likelihood - single.log_likelihood), differences)
    return PiecewiseHazardRatio(fit.status, table, single, equality)


def _name_effect(effect) -> pd.Series:
    """The effect as a series with a name, numbered from 0."""
    effect = pd.Series(effect).reset_index(drop=True)
    return effect.rename("effect" if effect.name is None else effect.name)


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


def _table(fit: CoxResult, effects: list[DesignColumn], cuts, period, event) -> pd.DataFrame:
    """One row a period and coefficient of the effect."""
    n_periods = len(cuts) + 1
    table = fit.table.iloc[: n_periods * len(effects)].reset_index(drop=True)
    of_row = np.repeat(np.arange(n_periods), len(effects))
    edges = np.concatenate([[0.0], cuts, [np.nan]])
    for name in ("term", "level", "reference"):
        table[name] = pd.array([getattr(c, name) for c in effects] * n_periods, dtype="string")
    table["n_events"] = np.bincount(period[event], minlength=n_periods)[of_row]
    table.loc[table["n_events"] == 0, "status"] = "no_events"
    n_at_risk = np.bincount(period, minlength=n_periods)[of_row]
    table = table.rename(columns={"n": "n_at_risk"}).assign(n_at_risk=n_at_risk)
    table.insert(0, "period_stop", edges[of_row + 1])
    table.insert(0, "period_start", edges[of_row])
    return table


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
    references: Mapping[str, object] | None = None,
    confidence: float = 0.95,
) -> SubgroupResult:
    """Fit the hazard ratio of `effect` in every level of every subgroup covariate.

    The reference of `effect`, a number or category, is the same in all subgroups; `subgroups` has one
    categorical column each, and rows where one is missing are in none of its levels. ValueError for a numeric
    subgroup covariate (give it as a category), for weights, clusters or ids, and as `fit_cox`.

    The interaction is tested in everybody with a known level by the likelihood ratio of effect x subgroup. It
    is not corrected for the number of subgroups looked at.
    """
    data.refuse("weights", "cluster", "id", method="hazard ratios by subgroup")
    effect = _name_effect(effect)
    term = str(effect.name)
    subgroups = subgroups.reset_index(drop=True)
    _check_subgroups(subgroups, term)
    # The reference level that the whole data give, so that every subgroup uses the same; None for a number.
    first = derive_design_matrix(effect.dropna().to_frame()).columns[0].reference or None
    references = {k: v for k, v in ({term: first} | dict(references or {})).items() if v is not None}
    reference = references.get(term)

    def fit(where: np.ndarray) -> CoxResult:
        own = {k: v for k, v in references.items() if k == term}
        return fit_cox(data.select(where), effect[where].to_frame(), references=own, confidence=confidence)

    overall = fit(np.ones(len(effect), dtype=bool))
    blocks = [_block(OVERALL, "", overall, None, "")]
    for name in subgroups.columns:
        column = subgroups[name]
        known = column.notna().to_numpy()
        test, status = _test_interaction(data, effect, column, references, known)
        for level in derive_design_levels(column):
            where = known & (column.astype(str) == level).to_numpy()
            if _has_level(effect[where], reference):
                blocks.append(_block(name, level, fit(where), test, status))
            else:
                blocks.append(_empty_block(name, level, overall, data.event[where], test, status))
    return SubgroupResult(pd.concat(blocks, ignore_index=True), overall)


def derive_design_levels(column: pd.Series) -> list[str]:
    """Levels of a category that occur, in category order, as text."""
    known = column.dropna()
    if not isinstance(known.dtype, pd.CategoricalDtype):
        known = known.astype(object).astype("category")
    return [str(level) for level in known.cat.remove_unused_categories().cat.categories]


def _check_subgroups(subgroups: pd.DataFrame, effect: str) -> None:
    """Categories only, and not the effect itself."""
    for name in subgroups.columns:
        numeric = pd.api.types.is_numeric_dtype(subgroups[name])
        if numeric and not pd.api.types.is_bool_dtype(subgroups[name]):
            raise ValueError(f"subgroup covariate {name} is a number; cut it into categories first")
        if str(name) == effect:
            raise ValueError(f"{name} is the effect and cannot be its own subgroup")


def _has_level(column: pd.Series, level) -> bool:
    """True where the reference occurs in these rows, or the covariate is a number."""
    return level is None or bool((column.dropna().astype(str) == str(level)).any())


def _block(subgroup, level, fit: CoxResult, test: ChiSquaredTest | None, status: str) -> pd.DataFrame:
    """Rows of one subgroup level: name of the subgroup in front, interaction behind."""
    rows = fit.table.drop(columns=["n", "n_events"])
    rows.insert(3, "n_events", fit.n_events)
    rows.insert(3, "n_rows", fit.n_rows)
    rows.insert(0, "subgroup_level", pd.Series([level] * len(rows), rows.index, dtype="string"))
    rows.insert(0, "subgroup", pd.Series([str(subgroup)] * len(rows), rows.index, dtype="string"))
    rows["interaction_p_value"] = np.nan if test is None else test.p_value
    rows["interaction_status"] = pd.array([status] * len(rows), dtype="string")
    return rows


def _empty_block(subgroup, level, overall: CoxResult, event, test, status: str) -> pd.DataFrame:
    """Rows of a level in which the reference of the effect does not occur."""
    rows = _block(subgroup, level, overall, test, status)
    numbers = ["coefficient", "std_error", "hazard_ratio", "lower", "upper", "z", "p_value"]
    rows[numbers] = np.nan
    rows["status"] = pd.array(["not_estimable"] * len(rows), dtype="string")
    return rows.assign(n_rows=len(event), n_events=int(event.sum()))


def _test_interaction(data, effect, column, references, known):
    """Test of effect x subgroup among rows with a known level, and its status."""
    frame = pd.concat([effect, column.rename(str(column.name))], axis=1)[known]
    own = {k: v for k, v in references.items() if k in frame.columns and _has_level(frame[k], v)}
    design = derive_design_matrix(frame, references=own)
    of_effect = [j for j, c in enumerate(design.columns) if c.term == str(effect.name)]
    of_group = [j for j, c in enumerate(design.columns) if c.term == str(column.name)]
    pairs = [(i, j) for i in of_effect for j in of_group]
    products = [design.matrix[:, i] * design.matrix[:, j] for i, j in pairs]
    names = [f"{design.columns[i].name} x {design.columns[j].name}" for i, j in pairs]
    rows = derive_model_rows(data.select(known), design.complete)
    plain = replace(design, matrix=design.matrix[rows.kept[design.complete]])
    wide = replace(
        design,
        matrix=np.column_stack([design.matrix, *products])[rows.kept[design.complete]],
        columns=(*design.columns, *(DesignColumn(name, "", "") for name in names)),
    )
    fit = fit_cox_rows(wide, rows)
    found = fit.table["status"].tolist()[len(design.columns) :]
    return fit.compare(fit_cox_rows(plain, rows)), next((s for s in STATUS_ORDER if s in found), "ok")
