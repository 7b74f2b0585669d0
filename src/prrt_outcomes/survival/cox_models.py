"""The Cox models a study asks for: each covariate alone, all together, and stratified."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

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
    compute_term_tests,
    summarise_proportional_hazards,
)
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.survival.imputed import RATIO, impute_covariates, pool_models

RATIO_COLUMNS = {
    "n_events": "events",
    "coefficient": "log_hazard_ratio",
    "lower": "hazard_ratio_low",
    "upper": "hazard_ratio_high",
}
TERM_TEST = {"term_statistic": "statistic", "term_df": "degrees_of_freedom", "term_p_value": "p_value"}
MOST_PENALISED = 20
IMPUTED = "multivariable_imputed"


def format_ratio(row: pd.Series) -> dict:
    """The hazard ratio of a row of a Cox table, with the column names of result tables."""
    return row.rename(RATIO_COLUMNS)[[*RATIO, "status"]].to_dict()


def summarise_cox_models(
    rows: EndpointRows, settings: AnalysisSettings, *, only_ratios: bool = False
) -> Iterator[tuple[str, pd.DataFrame | None]]:
    """Fit the models of one endpoint; `only_ratios`: without diagnostics and penalised fits.

    `rows`: patients of one endpoint; competing events are censored (cause-specific hazards); `settings`:
    covariates, group_by (univariable too), strata, reference, confidence.level.
    Yields names and parts of the result tables `cox` (one row a coefficient), `cox_diagnostics` (proportional
    hazards, one row a term and one ``global`` for all) and `cox_fit` (one row a model), but for the column endpoint.
    `model` is ``univariable`` (one fit a covariate, named by the term in `cox_fit`), ``multivariable``,
    ``multivariable_stratified``, and, with three centres or more, ``multivariable_clustered`` (variance by centre, with
    interval and test of few clusters); with ``_firth`` behind it the penalised fit that stands beside a model with few
    events or a monotone likelihood, where it has fewer coefficients than events and at most 20 (beyond, its profile
    takes minutes and says nothing); ``multivariable_imputed`` where covariates are missing.
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
        table = (
            fit.table if data.cluster is None else _correct_for_few_clusters(fit, settings.confidence.level)
        )
        coefficients = _tabulate_coefficients(add_absent_levels(table, asked), model)
        tests = compute_term_tests(fit) if data.cluster is None else {}
        for column, value in TERM_TEST.items():
            coefficients[column] = [getattr(tests.get(term), value, np.nan) for term in coefficients["term"]]
        coefficients["term_df"] = coefficients["term_df"].replace(0, np.nan)
        yield "cox", coefficients
        if only_ratios:
            continue
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
    completed = impute_covariates(varying[together], [rows.data], settings)
    imputed = pool_models(rows.cause_specific, completed, settings)
    yield "cox", None if imputed is None else imputed.assign(model=IMPUTED)


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
    if together and has_many_centres(rows.frame[varying[together].notna().all(axis=1).to_numpy()]):
        clustered = replace(data, cluster=rows.derive_strata(["centre_id"]))
        yield "multivariable_clustered", "multivariable_clustered", varying[together], clustered


def _correct_for_few_clusters(fit: CoxResult, confidence: float) -> pd.DataFrame:
    """Coefficients with the variance times G / (G - 1), and interval and test by Student's t with G - 1 degrees.

    With the normal distribution they are too narrow in few clusters G (Cameron and Miller 2015, Journal of Human
    Resources 50:317).
    """
    clusters = len(np.unique(fit.rows.cluster))
    std_error = fit.table["std_error"] * np.sqrt(clusters / (clusters - 1))
    coefficient = fit.table["coefficient"]
    half = stdtrit(clusters - 1, (1 + confidence) / 2) * std_error
    return fit.table.assign(
        std_error=std_error,
        lower=compute_ratio(coefficient - half),
        upper=compute_ratio(coefficient + half),
        p_value=2 * stdtr(clusters - 1, -np.abs(coefficient / std_error)),
    )


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
