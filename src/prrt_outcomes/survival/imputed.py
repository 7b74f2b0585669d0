"""Missing covariates imputed several times, and hazard ratios pooled over the sets, for every comparison."""

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import SIZES, add_absent_levels, list_levels, select_comparable
from prrt_outcomes.statistics.cox import compute_ratio, fit_cox
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.imputation import compute_cumulative_hazard, impute_chained, pool_estimates
from prrt_outcomes.study.analysis import AnalysisSettings

RATIO = ("log_hazard_ratio", "std_error", "hazard_ratio", "hazard_ratio_low", "hazard_ratio_high", "p_value")
FITTED = ("ok", "few_events")


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
