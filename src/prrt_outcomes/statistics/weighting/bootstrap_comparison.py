"""Bootstrap of a weighted hazard ratio that fits the weights anew in every replicate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from prrt_outcomes.statistics.models.cox_bootstrap import CoxBootstrapResult, bootstrap_cox_log_hazard_ratio
from prrt_outcomes.statistics.weighting.maic import MaicTarget, bootstrap_maic
from prrt_outcomes.statistics.weighting.propensity import bootstrap_propensity
from prrt_outcomes.statistics.weighting.weights import compute_propensity_weights


def bootstrap_propensity_weighted_hazard_ratio(
    time,
    event,
    in_cohort,
    covariates: pd.DataFrame,
    counts: np.ndarray,
    *,
    estimand: str = "ATT",
    references: Mapping[str, object] | None = None,
    entry=None,
) -> CoxBootstrapResult:
    """Log hazard ratio of cohort against control, propensity score and weights refitted in every replicate.

    Parameters
    ----------
    time, event, entry : as `fit_cox`
    in_cohort : (n,) True for the cohort
    covariates, references : of the propensity model; rows with a missing one are left out
    counts : (R, n) how often each row is drawn; draw within cohort and control, as they were sampled
    estimand : ``ATT``, ``overlap`` or ``ATE``

    Returns
    -------
    CoxBootstrapResult
        one coefficient; status also ``one_group`` or ``separation`` where a replicate has no finite weights.

    Raises
    ------
    ValueError
        as `bootstrap_propensity` and `bootstrap_cox_log_hazard_ratio`.
    """
    in_cohort = np.asarray(in_cohort, dtype=bool)
    counts = np.asarray(counts)
    score, status = bootstrap_propensity(in_cohort, covariates, counts, references=references)
    # A score that rounds to 0 or 1 is a replicate without overlap, not a fault of the data as a whole.
    drawn = counts > 0
    extreme = (drawn & (((score == 1) & ~in_cohort) | ((score == 0) & in_cohort))).any(axis=1)
    status = np.where(extreme & (status == "ok") & (estimand != "overlap"), "separation", status)
    inside = np.where((status == "ok")[:, None] & drawn, score, np.nan)
    weights = compute_propensity_weights(inside, in_cohort, estimand)
    return _fit(time, event, in_cohort, weights, counts, status, entry)


def bootstrap_maic_hazard_ratio(
    time,
    event,
    in_cohort,
    covariates: pd.DataFrame,
    targets: Sequence[MaicTarget],
    counts: np.ndarray,
    *,
    entry=None,
) -> CoxBootstrapResult:
    """Log hazard ratio of the cohort, weighted to the targets anew in every replicate, against the control.

    Parameters
    ----------
    covariates : (n rows) of which the cohort's are weighted; the control's may be missing, its weights are 1
    targets : summaries of the control, taken as fixed
    others : as `bootstrap_propensity_weighted_hazard_ratio`

    Returns
    -------
    CoxBootstrapResult
        one coefficient; status also ``no_solution`` where a replicate cannot meet the targets.
    """
    in_cohort = np.asarray(in_cohort, dtype=bool)
    counts = np.asarray(counts)
    cohort = covariates.reset_index(drop=True)[in_cohort].reset_index(drop=True)
    found, status = bootstrap_maic(cohort, targets, counts[:, in_cohort])
    weights = np.ones(counts.shape)
    weights[:, in_cohort] = found
    return _fit(time, event, in_cohort, weights, counts, status, entry)


def _fit(time, event, in_cohort, weights, counts, status, entry) -> CoxBootstrapResult:
    """Cox model of group alone under the weights; replicates without weights keep their own status."""
    total = np.where(np.isfinite(weights), weights, 0.0) * counts
    total[status != "ok"] = 0.0
    group = pd.Series(in_cohort.astype(float), name="cohort")
    result = bootstrap_cox_log_hazard_ratio(time, event, group, total, entry=entry)
    final = np.where(status == "ok", result.status, status)
    return CoxBootstrapResult(result.coefficients, final, int((final != "ok").sum()), result.names)
