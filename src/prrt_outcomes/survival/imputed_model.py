"""The multivariable model once more with missing covariates imputed, beside the complete cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prrt_outcomes.cohort.grouping import choose_references
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.cox_result import compute_ratio
from prrt_outcomes.statistics.imputation import impute_chained, pool_estimates
from prrt_outcomes.statistics.risk_table import compute_risk_table

if TYPE_CHECKING:
    import pandas as pd

    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

MODEL = "multivariable_imputed"


def summarise_imputed_model(
    rows: EndpointRows, covariates: pd.DataFrame, settings: AnalysisSettings
) -> pd.DataFrame | None:
    """Fit the multivariable model to several imputed sets and pool it.

    Parameters
    ----------
    rows : patients of one endpoint
    covariates : of the multivariable model, with missing values
    settings : multiple_imputation_sets, bootstrap.seed, reference, confidence.level

    Returns
    -------
    Rows of result table `cox` with model ``multivariable_imputed``; None where nothing is missing, where no
    set is asked for, where a set cannot be fitted, or where there are no more events than coefficients (nothing is
    left then to tell how much the sets differ). A ratio too large to be a number is empty, `not_estimable`.
    """
    sets = settings.multiple_imputation_sets
    if sets < 2 or not covariates.isna().to_numpy().any() or covariates.isna().all().any():
        return None
    event = (rows.event == 1).astype(float)
    auxiliary = np.column_stack([event, compute_cumulative_hazard(rows)])
    references = choose_references(covariates, settings.reference)
    completed = impute_chained(
        covariates.reset_index(drop=True), auxiliary, sets=sets, seed=settings.bootstrap.seed
    )
    fits = [
        fit_cox(
            rows.time_months,
            event,
            frame,
            references=references,
            entry=rows.entry_months,
            confidence=settings.confidence.level,
        )
        for frame in completed
    ]
    first = fits[0].table
    names = ["term", "level"]
    if event.sum() <= len(first):
        return None
    if any(
        fit.status not in ("ok", "few_events") or not fit.table[names].equals(first[names]) for fit in fits
    ):
        return None
    pooled = pool_estimates(
        np.stack([fit.coefficients for fit in fits]),
        np.stack([np.diag(fit.covariance) for fit in fits]),
        complete_degrees_of_freedom=float(event.sum()) - len(first),
        confidence=settings.confidence.level,
    )
    high = compute_ratio(pooled.upper)
    return first[["term", "level", "reference"]].assign(
        model=MODEL,
        status=first["status"].where(np.isfinite(high), "not_estimable"),
        n=len(event),
        events=int(event.sum()),
        log_hazard_ratio=pooled.estimate,
        std_error=pooled.std_error,
        hazard_ratio=compute_ratio(pooled.estimate),
        hazard_ratio_low=compute_ratio(pooled.lower),
        hazard_ratio_high=high,
        p_value=pooled.p_value,
    )


def compute_cumulative_hazard(rows: EndpointRows) -> np.ndarray:
    """Nelson-Aalen cumulative hazard that each patient lived through: to the end, from a late entry on."""
    table = compute_risk_table(rows.time_months, rows.event, entry=rows.entry_months)
    at_risk, events = table.counts.at_risk[:, 0], table.counts.events[:, 0]
    steps = np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
    hazard = np.concatenate(([0.0], np.cumsum(steps)))
    end = hazard[np.searchsorted(table.time, rows.time_months * (1 + 1e-9), side="right")]
    if rows.entry_months is None:
        return end
    return end - hazard[np.searchsorted(table.time, rows.entry_months * (1 + 1e-9), side="right")]
