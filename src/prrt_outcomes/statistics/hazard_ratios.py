"""Hazard ratios by period and by subgroup, the test of proportional hazards, and Harrell's concordance."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from prrt_outcomes.statistics.cox import (
    STATUS_ORDER,
    ChiSquaredTest,
    CoxResult,
    derive_model,
    fit_cox,
    fit_cox_rows,
)
from prrt_outcomes.statistics.data import SurvivalData, merge_near_times
from prrt_outcomes.statistics.model_rows import (
    DesignColumn,
    ModelRows,
    derive_design_matrix,
    derive_levels,
    derive_model_rows,
    rank_nearly_equal,
)
from prrt_outcomes.statistics.partial_likelihood import compute_partial_likelihood, derive_tied_events

OVERALL = "overall"
NUMBERS = ("coefficient", "std_error", "hazard_ratio", "lower", "upper", "z", "p_value")
GLOBAL = "global"
SAME_SCORE = 1e-12
BLOCK_PAIRS = 1 << 18


@dataclass(frozen=True)
class PiecewiseHazardRatio:
    """Hazard ratios by period.

    table : one row a period and coefficient of the effect: period_start, period_stop (empty for the last; a
        period is start < t <= stop), term, level, reference, n_at_risk and n_events (rows with time in the period
        and their events, of the level and its reference), coefficient, std_error, hazard_ratio, lower, upper, z,
        p_value, status
    single : the Cox model with one hazard ratio over all time
    equality : likelihood-ratio test that the hazard ratio is the same in all periods; a monotone coefficient has its
        degree of freedom as it has its share of the likelihood
    expected : (periods with events, levels) events expected under the single hazard ratios, the reference first; a
        number has one column with the events of the period; nan where a single ratio is not estimated
    """

    table: pd.DataFrame
    single: CoxResult
    equality: ChiSquaredTest
    expected: np.ndarray


def fit_piecewise_hazard_ratio(
    data: SurvivalData,
    effect: pd.Series | np.ndarray,
    cuts: ArrayLike,
    *,
    references: Mapping[str, object] | None = None,
    confidence: float = 0.95,
) -> PiecewiseHazardRatio:
    """Fit one hazard ratio of `effect`, a number or category, for each period between `cuts`.

    Others as `fit_cox`. Rows are cut at the times given (R's survSplit) and the effect enters once a period;
    where neither level has an event the row is empty, with its status. ValueError for cuts that do not rise or are not
    above 0, and for weights, clusters or ids.
    """
    cuts = np.asarray(cuts, dtype=float)
    if not len(cuts) or (cuts <= 0).any() or (np.diff(cuts) <= 0).any() or not np.isfinite(cuts).all():
        raise ValueError(f"cuts {cuts.tolist()}: expected rising finite times above 0")
    data.refuse("weights", "cluster", "id", method="hazard ratios by period")
    design, rows = derive_model(data, _name_effect(effect), references)
    single = fit_cox_rows(design, rows, confidence=confidence)
    # Near cuts, entries and times are one: no row has a period with less time in it than ties may differ.
    late = np.isfinite(rows.entry)
    distinct, place = merge_near_times(np.concatenate([cuts, rows.time, rows.entry[late]]))
    near, time, of_late = np.split(distinct[place], [len(cuts), len(cuts) + rows.n])
    entry = np.full(rows.n, -np.inf)
    entry[late] = of_late
    edges = np.concatenate([[-np.inf], near, [np.inf]])
    start, stop = np.maximum(entry[:, None], edges[:-1]), np.minimum(time[:, None], edges[1:])
    source, period = np.nonzero(start < stop)
    # Everybody enters before time 0 unless a late entry is known, so that an event at 0 keeps its risk set.
    start, stop = np.maximum(start[source, period], -1.0), stop[source, period]
    happened = rows.event[source] & (time[source] <= edges[period + 1])
    periods, effects = np.arange(len(cuts) + 1), design.columns
    # No risk set reaches into another period: as strata, a likelihood without bound in one leaves the others exact.
    strata = rows.stratum[source] * len(periods) + period
    split = derive_model_rows(SurvivalData(stop, happened.astype(int), start, strata=strata))
    in_period = period[:, None] == periods
    by_period = (design.matrix[source][:, None, :] * in_period[:, :, None]).reshape(len(source), -1)
    columns = [DesignColumn(f"{c.name} in period {k + 1}", "", "") for k in periods for c in effects]
    model = replace(design, matrix=by_period, columns=tuple(columns))
    fit = fit_cox_rows(model, split, confidence=confidence)
    of_row = np.repeat(periods, len(effects))
    # Rows of the level and of its reference, which has 0 in every column; a number compares all rows.
    of_level = np.array([bool(c.level) for c in effects])
    others = design.matrix[source].sum(axis=1, keepdims=True) - design.matrix[source]
    compared = ~of_level | (others == 0)
    n_events = (in_period[happened].T.astype(int) @ compared[happened]).ravel()
    described = pd.DataFrame([vars(c) for c in effects] * len(periods), dtype="string")
    table = fit.table.drop(columns="n").assign(
        period_start=np.append(0.0, cuts)[of_row],
        period_stop=np.append(cuts, np.nan)[of_row],
        n_at_risk=(in_period.T.astype(int) @ compared).ravel(),
        n_events=n_events,
        status=fit.table["status"].mask(n_events == 0, "no_events"),
        **described,
    )
    table.loc[n_events == 0, [*NUMBERS]] = np.nan
    at = np.tile(single.coefficients, len(periods))
    with np.errstate(invalid="ignore"):
        score = compute_partial_likelihood(by_period, split, derive_tied_events(split), at).score
    every = in_period[happened].sum(axis=0)
    expected = (by_period[happened].sum(axis=0) - score).reshape(len(periods), -1)
    expected = np.column_stack([every - expected.sum(axis=1), expected]) if of_level.all() else every[:, None]
    return PiecewiseHazardRatio(table, single, fit.compare(single), expected[every > 0])


def compute_term_tests(fit: CoxResult) -> dict[str, ChiSquaredTest]:
    """Likelihood-ratio test of each covariate, all its levels at once, given the others: R's `drop1`."""
    found = {}
    for term in fit.design.terms:
        others = np.array([column.term != term for column in fit.design.columns])
        columns = tuple(column for column in fit.design.columns if column.term != term)
        rest = replace(fit.design, matrix=fit.design.matrix[:, others], columns=columns)
        found[term] = fit.compare(fit_cox_rows(rest, fit.rows)) if columns else fit.likelihood_ratio
    return found


def _name_effect(effect) -> pd.Series:
    """The effect as a series with a name, numbered from 0."""
    effect = pd.Series(effect).reset_index(drop=True)
    return effect.rename("effect" if effect.name is None else str(effect.name))


def summarise_subgroup_hazard_ratios(
    data: SurvivalData,
    effect: pd.Series | np.ndarray,
    subgroups: pd.DataFrame,
    *,
    reference: object | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Fit the hazard ratio of `effect` in every level of every subgroup covariate.

    `effect`: a number, or a category with the same `reference` in all subgroups; `subgroups` has one
    categorical column each, and rows where one is missing are in none of its levels. ValueError for a numeric
    subgroup covariate (give it as a category), for weights, clusters or ids, and as `fit_cox`.

    Returns one row a subgroup level and coefficient of the effect, ``overall`` first: subgroup,
    subgroup_level, term, level, reference, n_rows, n_events, coefficient, std_error, hazard_ratio, lower,
    upper, z, p_value, status, interaction_p_value (of the subgroup's covariate, on each of its rows),
    interaction_status. The interaction is tested in everybody with a known level by the likelihood ratio of
    effect x subgroup. It is not corrected for the number of subgroups looked at.
    """
    data.refuse("weights", "cluster", "id", method="hazard ratios by subgroup")
    effect = _name_effect(effect)
    subgroups = subgroups.reset_index(drop=True)
    for name, column in subgroups.items():
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            raise ValueError(f"subgroup covariate {name} is a number; cut it into categories first")
        if str(name) == effect.name:
            raise ValueError(f"{name} is the effect and cannot be its own subgroup")
    if reference is None:
        # The reference level that the whole data give; none for a number.
        reference = derive_design_matrix(effect.dropna()).columns[0].reference or None

    def fit(where: np.ndarray) -> CoxResult:
        references = {} if reference is None else {str(effect.name): reference}
        return fit_cox(data.select(where), effect[where], references=references, confidence=confidence)

    overall = fit(np.ones(len(effect), dtype=bool))
    blocks = [_tabulate_level(overall, subgroup=OVERALL, subgroup_level="", interaction_status="")]
    for name, column in subgroups.items():
        test, status = _test_interaction(data, effect, column.rename(str(name)), reference)
        shared = {"interaction_status": status, "interaction_p_value": test.p_value}
        codes, levels = derive_levels(column)
        for code, level in enumerate(levels):
            where = codes == code
            labels = {"subgroup": str(name), "subgroup_level": level} | shared
            if _has_level(effect[where], reference):
                blocks.append(_tabulate_level(fit(where), **labels))
                continue
            empty = _tabulate_level(overall, **labels).assign(status="not_estimable", n_rows=where.sum())
            empty[[*NUMBERS]] = np.nan
            blocks.append(empty.assign(n_events=data.event[where].sum()))
    texts = ("subgroup", "subgroup_level", "interaction_status", "status")
    return pd.concat(blocks, ignore_index=True).astype(dict.fromkeys(texts, "string"))


def _has_level(column: pd.Series, level) -> bool:
    """True where the reference occurs in these rows, or the covariate is a number."""
    return level is None or bool((column.dropna().astype(str) == str(level)).any())


def _tabulate_level(fit: CoxResult, **labels: object) -> pd.DataFrame:
    """Coefficients of a fit, with its size and the labels of its subgroup level."""
    sizes: dict = {"n_rows": fit.rows.n, "n_events": fit.rows.n_events, "interaction_p_value": np.nan}
    return fit.table.drop(columns="n").assign(**sizes | labels)


def _test_interaction(
    data: SurvivalData, effect: pd.Series, column: pd.Series, reference
) -> tuple[ChiSquaredTest, str]:
    """Test of effect x subgroup among rows with a known level, and its status."""
    known = column.notna().to_numpy()
    frame = pd.concat([effect, column], axis=1)[known]
    own = reference is not None and _has_level(frame[effect.name], reference)
    design, rows = derive_model(data.select(known), frame, {str(effect.name): reference} if own else None)
    of_effect, of_group = (
        [j for j, c in enumerate(design.columns) if c.term == part.name] for part in (effect, column)
    )
    pairs = [(i, j) for i in of_effect for j in of_group]
    products = [design.matrix[:, i] * design.matrix[:, j] for i, j in pairs]
    names = [f"{design.columns[i].name} x {design.columns[j].name}" for i, j in pairs]
    columns = (*design.columns, *(DesignColumn(name, "", "") for name in names))
    wide = replace(design, matrix=np.column_stack([design.matrix, *products]), columns=columns)
    fit = fit_cox_rows(wide, rows)
    found = fit.table["status"].tolist()[len(design.columns) :]
    return fit.compare(fit_cox_rows(design, rows)), next((s for s in STATUS_ORDER if s in found), "ok")


def summarise_proportional_hazards(fit: CoxResult) -> pd.DataFrame:
    """Score test for a coefficient that changes with a function of time, per term and for all terms.

    Returns one row a term, and last ``global``: term, chi_squared, degrees_of_freedom, p_value, status. `status`
    is ``ok``; that of a model in which nothing can be tested (``no_events``, ``not_estimable``,
    ``separation``); ``too_few`` where the test cannot be had although the model can (a single event time).

    For a term with columns j the model is extended by x_j g(t), with g = 1 - S(t-) of the pooled, unweighted
    Kaplan-Meier curve; the statistic is U' I^-1 U at coefficients 0 of the extension, U and I with Efron's
    ties as in the fit. Empty coefficients are left out. Source: survival 3 (Therneau), cox.zph, src/zph1.c
    and zph2.c.
    """
    used = fit.estimated
    # Where a coefficient has run to infinity the score of the others is not 0 in these risk sets.
    if not used.any() or fit.status == "separation":
        return _tabulate([(name, np.nan, 0) for name in (*fit.design.terms, GLOBAL)], fit.status)
    rows = fit.rows
    tied = derive_tied_events(rows)
    beta = fit.coefficients[used]
    matrix = fit.design.matrix[:, used]
    scale = np.where(matrix.std(axis=0) > 0, matrix.std(axis=0), 1.0)
    matrix, beta = (matrix - matrix.mean(axis=0)) / scale, beta * scale
    g = compute_transformed_time(rows)
    centred = g - g[rows.event_cell].mean()
    at, first, second = (
        compute_partial_likelihood(matrix, rows, tied, beta, cell_weight=w)
        for w in (None, centred, centred**2)
    )
    information = np.block([[at.information, first.information], [first.information, second.information]])
    terms = np.array([c.term for c, u in zip(fit.design.columns, used, strict=True) if u])
    p, lines = len(terms), []
    for name in (*dict.fromkeys(terms), GLOBAL):
        own = np.flatnonzero((terms == name) | (name == GLOBAL))
        keep = [*range(p), *(own + p)]
        score = np.concatenate([np.zeros(p), first.score[own]])
        lines.append((name, _quadratic_form(information[np.ix_(keep, keep)], score), len(own)))
    return _tabulate(lines, "too_few")


def _tabulate(lines: list[tuple[str, float, int]], otherwise: str) -> pd.DataFrame:
    """Tests with their p-values; one without a statistic has the status `otherwise`."""
    table = pd.DataFrame(lines, columns=["term", "chi_squared", "degrees_of_freedom"])
    known = table["chi_squared"].notna()
    return table.assign(
        p_value=chdtrc(table["degrees_of_freedom"], table["chi_squared"]),
        status=pd.array(np.where(known, "ok", otherwise), dtype="string"),
    ).astype({"term": "string"})


def compute_transformed_time(rows: ModelRows) -> np.ndarray:
    """1 - S(t-) of the pooled, unweighted Kaplan-Meier curve at each cell: (G,)."""
    distinct, n_events = np.unique(rows.time[rows.event], return_counts=True)
    at_risk = rows.n - np.searchsorted(np.sort(rows.time), distinct, side="left")
    at_risk = at_risk - (rows.n - np.searchsorted(np.sort(rows.entry), distinct, side="left"))
    survival_before = np.concatenate(([1.0], np.cumprod(1 - n_events / at_risk)))
    return 1 - survival_before[np.searchsorted(distinct, rows.cell_time, side="left")]


def _quadratic_form(matrix: np.ndarray, vector: np.ndarray) -> float:
    """v' M^-1 v, or nan where M is singular: time does not vary enough to tell its effect."""
    scale = np.sqrt(np.clip(np.diag(matrix), 0, None))
    if (scale <= 0).any():
        return np.nan
    correlation = matrix / np.outer(scale, scale)
    if np.linalg.cond(correlation) > 1e12:
        return np.nan
    return float(max((vector / scale) @ np.linalg.solve(correlation, vector / scale), 0.0))


def compute_cox_concordance(fit: CoxResult) -> float:
    """Harrell's concordance of a fitted Cox model's linear predictor; see `compute_concordance`.

    nan for a separated model and one without estimable columns, which have no linear predictor; among others
    a column that is not estimable does not contribute.
    """
    if fit.status == "separation" or not fit.estimated.any():
        return float("nan")
    matrix = fit.design.matrix
    return compute_concordance(fit.rows, (matrix - matrix.mean(axis=0)) @ np.nan_to_num(fit.coefficients))


def compute_concordance(rows: ModelRows, score) -> float:
    """Harrell's concordance of a risk score (higher means earlier events; one a row) with survival.

    The weight of concordant pairs and half of the tied ones, over that of all; nan where there is no pair. A
    pair is an event at t and another row at risk at t of the same stratum that ends later, or is censored at
    t. Scores closer than 1e-12 of the largest are tied. Source: survival::concordance.
    """
    score = np.asarray(score, dtype=float)
    if score.shape != (rows.n,) or not np.isfinite(score).all():
        raise ValueError(f"score: expected {rows.n} finite numbers, one a row")
    rank = rank_nearly_equal(score, SAME_SCORE * np.abs(score).max(initial=0.0))
    order = np.argsort(rank)
    first, weights = rows.first[order].astype(np.int32), rows.weights[order]
    # An event row of the same cell is no partner: its range of cells ends one cell earlier here.
    end = (rows.last - rows.event)[order].astype(np.int32)
    lower, upper = (np.searchsorted(rank[order], rank[rows.event], side) for side in ("left", "right"))
    favourable = pairs = 0.0
    size = max(1, BLOCK_PAIRS // rows.n)
    for begin in range(0, rows.n_cells, size):
        cell = np.arange(begin, min(begin + size, rows.n_cells), dtype=np.int32)[:, None]
        at_risk = np.zeros((len(cell), rows.n + 1))
        np.cumsum(((first <= cell) & (cell < end)) * weights, axis=1, out=at_risk[:, 1:])
        here = (rows.event_cell >= begin) & (rows.event_cell < begin + size)
        place, weight = rows.event_cell[here] - begin, rows.weights[rows.event][here]
        pairs += weight @ at_risk[place, -1]
        favourable += weight @ (at_risk[place, lower[here]] + at_risk[place, upper[here]]) / 2
    return float(favourable / pairs) if pairs > 0 else float("nan")
