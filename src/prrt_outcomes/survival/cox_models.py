"""The Cox models a study asks for: each covariate alone, all together, and stratified."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import (
    SIZES,
    add_absent_levels,
    has_many_centres,
    list_levels,
    select_comparable,
)
from prrt_outcomes.statistics.cox import CoxResult, compute_ratio, fit_cox
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.firth import fit_firth_cox
from prrt_outcomes.statistics.hazard_ratios import (
    GLOBAL,
    compute_cox_concordance,
    summarise_proportional_hazards,
)
from prrt_outcomes.statistics.imputation import compute_cumulative_hazard, impute_chained, pool_estimates
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.survival.endpoint_rows import EndpointRows

FEWEST_CLUSTERS = 10
RATIO_COLUMNS = {
    "n_events": "events",
    "coefficient": "log_hazard_ratio",
    "lower": "hazard_ratio_low",
    "upper": "hazard_ratio_high",
}
RATIO = ("log_hazard_ratio", "std_error", "hazard_ratio", "hazard_ratio_low", "hazard_ratio_high", "p_value")
MOST_PENALISED = 20
IMPUTED = "multivariable_imputed"


def format_ratio(row: pd.Series) -> dict:
    """The hazard ratio of a row of a Cox table, with the column names of result tables."""
    return row.rename(RATIO_COLUMNS)[[*RATIO, "status"]].to_dict()


def tabulate_ratio(log_ratio, std_error, low, high, p_value) -> dict:
    """Columns of a hazard ratio from its logarithm and the ends of the interval of that; too large a ratio is empty."""
    ratios = [compute_ratio(values) for values in (log_ratio, low, high)]
    return dict(zip(RATIO, (log_ratio, std_error, *ratios, p_value), strict=True))


def summarise_cox_models(
    rows: EndpointRows, settings: AnalysisSettings
) -> Iterator[tuple[str, pd.DataFrame | None]]:
    """Fit the models of one endpoint.

    `rows`: patients of one endpoint; competing events are censored (cause-specific hazards); `settings`:
    covariates, group_by (univariable too), strata, reference, confidence.level.
    Yields names and parts of the result tables `cox` (one row a coefficient), `cox_diagnostics` (proportional
    hazards, one row a term and one ``global`` for all) and `cox_fit` (one row a model), but for the column endpoint.
    `model` is ``univariable`` (one fit a covariate, named by the term in `cox_fit`), ``multivariable``,
    ``multivariable_stratified``, and, with ten centres or more, ``multivariable_clustered`` (variance by centre; of
    fewer clusters it is too small: Cameron and Miller 2015, Journal of Human Resources 50:317); with ``_firth`` behind
    it the penalised fit that stands beside a model with few events or a monotone likelihood, where it has fewer
    coefficients than events and at most 20 (beyond, its profile takes minutes and says nothing);
    ``multivariable_imputed`` where covariates are missing.
    """
    every = rows.derive_covariates((*settings.covariates, *settings.group_by))
    constant = every.columns[every.nunique() < 2]
    yield "cox", _tabulate_constant(rows, every[constant])
    varying = every.drop(columns=constant)
    for model, label, covariates, data in _plan(rows, varying, settings):
        asked = list_levels(covariates, settings.reference, rows.event == 1)
        comparable, references = select_comparable(covariates, settings.reference)
        if not len(comparable.columns):
            continue
        model_input: dict = {"references": references, "confidence": settings.confidence.level}
        fit = fit_cox(data, comparable, **model_input)
        yield "cox", _tabulate_coefficients(add_absent_levels(fit.table, asked), model)
        yield "cox_diagnostics", _tabulate_diagnostics(fit, model)
        is_whole = len(comparable.columns) == len(covariates.columns)
        yield "cox_fit", _tabulate_fit(fit, label, fit.status if is_whole else "not_estimable")
        if data.cluster is not None:
            continue
        few_enough = len(fit.table) <= min(MOST_PENALISED, fit.rows.n_events - 1)
        if fit.status in ("separation", "few_events") and few_enough:
            penalised = fit_firth_cox(data, comparable, **model_input)
            yield "cox", _tabulate_coefficients(add_absent_levels(penalised, asked), f"{model}_firth")
    together = [name for name in settings.covariates if name in varying.columns]
    yield "cox", summarise_imputed_model(rows, varying[together], settings)


def _plan(
    rows: EndpointRows, varying: pd.DataFrame, settings: AnalysisSettings
) -> Iterator[tuple[str, str, pd.DataFrame, SurvivalData]]:
    """Each model: kind, name in `cox_fit`, covariates and survival data with strata or clusters."""
    data, strata = rows.cause_specific, settings.strata or ()
    for name in varying.columns:
        yield "univariable", f"univariable: {name}", varying[[name]], data
    together = [name for name in settings.covariates if name in varying.columns]
    if together:
        yield "multivariable", "multivariable", varying[together], data
    inner = [name for name in together if name not in strata]
    if inner and strata:
        stratified = replace(data, strata=rows.derive_strata(strata))
        yield "multivariable_stratified", "multivariable_stratified", varying[inner], stratified
    if together and has_many_centres(rows.frame, FEWEST_CLUSTERS):
        clustered = replace(data, cluster=rows.derive_strata(["centre_id"]))
        yield "multivariable_clustered", "multivariable_clustered", varying[together], clustered


def _tabulate_constant(rows: EndpointRows, covariates: pd.DataFrame) -> pd.DataFrame:
    """One empty row for each covariate that has the same value in all patients."""
    known = covariates.notna()
    return pd.DataFrame(
        {"model": "univariable", "term": list(covariates.columns), "status": "not_estimable"}
        | dict.fromkeys(("n", "n_model"), known.sum().to_numpy())
        | dict.fromkeys(("events", "events_model"), known.loc[rows.event == 1].sum().to_numpy())
    )


def _tabulate_coefficients(table: pd.DataFrame, model: str) -> pd.DataFrame:
    kept = ["term", "level", "reference", *SIZES, *RATIO, "status"]
    return table.rename(columns=RATIO_COLUMNS)[kept].assign(model=model)


def _tabulate_diagnostics(fit: CoxResult, model: str) -> pd.DataFrame:
    test = summarise_proportional_hazards(fit)
    table = test.rename(columns={"chi_squared": "statistic", "degrees_of_freedom": "df"})
    if model == "univariable":
        table = table.loc[table["term"] != GLOBAL]
    return table[["term", "statistic", "df", "p_value", "status"]].assign(model=model)


def _tabulate_fit(fit: CoxResult, label: str, status: str) -> pd.DataFrame:
    row = {"model": label, "n": fit.rows.n, "events": fit.rows.n_events, "ties": "efron", "status": status}
    row |= {name: getattr(fit, name) for name in ("log_likelihood_null", "log_likelihood")}
    return pd.DataFrame([row | {"concordance": compute_cox_concordance(fit)}])


def summarise_imputed_model(
    rows: EndpointRows, covariates: pd.DataFrame, settings: AnalysisSettings
) -> pd.DataFrame | None:
    """Fit the multivariable model to several imputed sets and pool it.

    `covariates`: of the multivariable model, with missing values; `settings`: multiple_imputation_sets,
    bootstrap.seed, reference, confidence.level.
    Returns rows of result table `cox` with model ``multivariable_imputed``; None where nothing is missing, where no
    set is asked for, where a set cannot be fitted, or where there are no more events than coefficients (the
    difference between the sets has no degrees of freedom then). A ratio too large to be a number is empty,
    `not_estimable`.
    """
    sets = settings.multiple_imputation_sets
    if sets < 2 or not covariates.isna().to_numpy().any() or covariates.isna().all().any():
        return None
    event = (rows.event == 1).astype(float)
    auxiliary = np.column_stack([event, compute_cumulative_hazard(rows.data)])
    seed = settings.bootstrap.seed
    completed = impute_chained(covariates.reset_index(drop=True), auxiliary, sets=sets, seed=seed)
    comparable, references = select_comparable(completed[0], settings.reference)
    fits = [fit_cox(rows.cause_specific, frame[[*comparable]], references=references) for frame in completed]
    first = fits[0].table
    names = ["term", "level"]
    alike = all(fit.status in ("ok", "few_events") and fit.table[names].equals(first[names]) for fit in fits)
    if event.sum() <= len(first) or not alike:
        return None
    pooled = pool_estimates(
        np.stack([fit.coefficients for fit in fits]),
        np.stack([np.diag(fit.covariance) for fit in fits]),
        complete_degrees_of_freedom=float(event.sum()) - len(first),
        confidence=settings.confidence.level,
    )
    ratio = tabulate_ratio(pooled.estimate, pooled.std_error, pooled.lower, pooled.upper, pooled.p_value)
    status = first["status"].where(np.isfinite(ratio["hazard_ratio_high"]), "not_estimable")
    # A level has other patients in each set: their mean.
    counts = pd.concat([list_levels(frame, settings.reference, event) for frame in completed])
    asked = counts.groupby(["term", "level", "reference"], sort=False).mean().round().reset_index()
    pooled_table = first[["term", "level"]].assign(status=status, **ratio)
    return _tabulate_coefficients(add_absent_levels(pooled_table, asked), IMPUTED)
