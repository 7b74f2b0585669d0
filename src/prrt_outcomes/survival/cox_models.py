"""The Cox models a study asks for, each covariate alone, all together, stratified; pooled over imputed covariates."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from prrt_outcomes.cohort import grouping
from prrt_outcomes.cohort.grouping import SIZES, add_absent_levels, list_levels, select_comparable
from prrt_outcomes.statistics import hazard_ratios
from prrt_outcomes.statistics.cox import CoxResult, compute_ratio, fit_cox
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.firth import fit_firth_cox
from prrt_outcomes.statistics.imputation import compute_cumulative_hazard, impute_chained, pool_estimates
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.survival.endpoint_rows import EndpointRows

RATIO = ("log_hazard_ratio", "std_error", "hazard_ratio", "hazard_ratio_low", "hazard_ratio_high", "p_value")
FITTED = ("ok", "few_events")
RATIO_COLUMNS = {
    "n_events": "events",
    "coefficient": "log_hazard_ratio",
    "lower": "hazard_ratio_low",
    "upper": "hazard_ratio_high",
}
TERM_TEST = {"term_statistic": "statistic", "term_df": "degrees_of_freedom", "term_p_value": "p_value"}
MOST_PENALISED = 20
IMPUTED = "multivariable_imputed"


def tabulate_ratio(log_ratio, std_error, low, high, p_value) -> dict:
    """Columns of a hazard ratio from its logarithm and the ends of the interval of that; too large a ratio is empty."""
    ratios = [compute_ratio(values) for values in (log_ratio, low, high)]
    return dict(zip(RATIO, (log_ratio, std_error, *ratios, p_value), strict=True))


def impute_covariates(
    covariates: pd.DataFrame, outcomes: list[SurvivalData], settings: AnalysisSettings, *others: np.ndarray
) -> list[pd.DataFrame]:
    """Completed covariates; none where nothing is missing, a covariate is missing in all, or no sets are asked for.

    `outcomes` of the same patients, each by event and cumulative hazard, and `others` (n,) are in the imputation
    model; `settings`: multiple_imputation_sets, bootstrap.seed.
    """
    missing, sets = covariates.isna(), settings.multiple_imputation_sets
    if sets < 2 or not missing.to_numpy().any() or missing.all().any():
        return []
    known = [part for data in outcomes for part in (data.event == 1, compute_cumulative_hazard(data))]
    auxiliary = np.column_stack([*known, *others]).astype(float)
    return impute_chained(
        covariates.reset_index(drop=True), auxiliary, sets=sets, seed=settings.bootstrap.seed
    )


def pool_ratio(rows: list[dict], freedom: float, confidence: float) -> dict:
    """One hazard ratio of the same model in every set, by Rubin's rules; `not_estimable` where a set has none.

    `rows` with log_hazard_ratio, std_error and status; `freedom`: degrees of freedom of complete data.
    """
    logs, errors = (np.array([[row[name]] for row in rows], dtype=float) for name in RATIO[:2])
    if not (np.isfinite(logs).all() and np.isfinite(errors).all()):
        return dict.fromkeys(RATIO, np.nan) | {"status": "not_estimable"}
    status = next((str(row["status"]) for row in rows if row["status"] != "ok"), "ok")
    pooled = _pool(logs, errors**2, freedom, confidence)
    return {name: float(np.asarray(value)[0]) for name, value in pooled.items()} | {"status": status}


def _pool(logs: np.ndarray, variances: np.ndarray, freedom: float, confidence: float) -> dict:
    """Columns `RATIO` of coefficients of several sets, (m, p) each."""
    found = pool_estimates(logs, variances, complete_degrees_of_freedom=freedom, confidence=confidence)
    return tabulate_ratio(found.estimate, found.std_error, found.lower, found.upper, found.p_value)


def pool_models(
    data: SurvivalData, completed: list[pd.DataFrame], settings: AnalysisSettings
) -> pd.DataFrame | None:
    """Cox model of all covariates, fitted to each set and pooled.

    `settings`: reference, confidence.level.
    Returns term, level, reference, `SIZES`, `RATIO`, status; None without a set, where a set cannot be fitted, or
    where there are no more events than coefficients (the difference between the sets has no degrees of freedom then).
    A ratio too large to be a number is empty, `not_estimable`.
    """
    if not completed:
        return None
    comparable, references = select_comparable(completed[0], settings.reference)
    if not len(comparable.columns):
        return None
    fits = [fit_cox(data, frame[[*comparable]], references=references) for frame in completed]
    first, names, event = fits[0].table, ["term", "level"], data.event == 1
    alike = all(fit.status in FITTED and fit.table[names].equals(first[names]) for fit in fits)
    if event.sum() <= len(first) or not alike:
        return None
    coefficients, variances = (
        np.stack(part) for part in zip(*((f.coefficients, np.diag(f.covariance)) for f in fits), strict=True)
    )
    ratio = _pool(coefficients, variances, float(event.sum()) - len(first), settings.confidence.level)
    status = first["status"].where(np.isfinite(ratio["hazard_ratio_high"]), "not_estimable")
    # A level has other patients in each set: their mean.
    counts = pd.concat([list_levels(frame, settings.reference, event) for frame in completed])
    asked = counts.groupby(["term", "level", "reference"], sort=False).mean().round().reset_index()
    table = add_absent_levels(first[names].assign(status=status, **ratio), asked)
    return table[["term", "level", "reference", *SIZES, *RATIO, "status"]]


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
        asked = grouping.list_levels(covariates, settings.reference, rows.event == 1)
        comparable, references = grouping.select_comparable(covariates, settings.reference)
        if not len(comparable.columns):
            continue
        model_input: dict = {"references": references, "confidence": settings.confidence.level}
        fit = fit_cox(data, comparable, **model_input)
        table = (
            fit.table if data.cluster is None else _correct_for_few_clusters(fit, settings.confidence.level)
        )
        coefficients = _tabulate_coefficients(grouping.add_absent_levels(table, asked), model)
        tests = hazard_ratios.compute_term_tests(fit) if data.cluster is None else {}
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
            yield (
                "cox",
                _tabulate_coefficients(grouping.add_absent_levels(penalised, asked), f"{model}_firth"),
            )
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
    if together and grouping.has_many_centres(rows.frame[varying[together].notna().all(axis=1).to_numpy()]):
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
    kept = ["term", "level", "reference", *grouping.SIZES, *RATIO, "status"]
    return table.rename(columns=RATIO_COLUMNS)[kept].assign(model=model)


def _tabulate_diagnostics(fit: CoxResult, model: str) -> pd.DataFrame:
    test = hazard_ratios.summarise_proportional_hazards(fit)
    table = test.rename(columns={"chi_squared": "statistic", "degrees_of_freedom": "df"})
    if model == "univariable":
        table = table.loc[table["term"] != hazard_ratios.GLOBAL]
    return table[["term", "statistic", "df", "p_value", "status"]].assign(model=model)


def _tabulate_fit(fit: CoxResult, label: str, status: str) -> pd.DataFrame:
    row = {"model": label, "n": fit.rows.n, "events": fit.rows.n_events, "ties": "efron", "status": status}
    row |= {name: getattr(fit, name) for name in ("log_likelihood_null", "log_likelihood")}
    return pd.DataFrame([row | {"concordance": hazard_ratios.compute_cox_concordance(fit)}])
