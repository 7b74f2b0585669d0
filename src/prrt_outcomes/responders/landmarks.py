"""Landmark comparisons: weighted for reaching the landmark, and at every whole month."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from prrt_outcomes.responders.comparisons import STATE, Comparison
from prrt_outcomes.responders.states import compute_landmark_limit, compute_state_at, start_at_landmark
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.propensity import fit_propensity
from prrt_outcomes.statistics.weights import compute_balance, compute_effective_sample_size
from prrt_outcomes.survival.cox_models import format_ratio

MINIMUM_EVENTS = 10
MINIMUM_GROUP = 5


def summarise_landmark_curve(comparison: Comparison) -> pd.DataFrame | None:
    """Hazard ratio of responders at every whole month at which it can be had.

    Returns columns comparison, landmark_months, n, excluded, n_state (in the state at the landmark), events,
    log_hazard_ratio, std_error, hazard_ratio, hazard_ratio_low, hazard_ratio_high, p_value, status; from the month of
    the first response on, as long as 10 events follow and both groups have 5 patients. None where no month does.
    """
    onset, rows = comparison.history.onset, comparison.rows
    if not np.isfinite(onset).any():
        return None
    written = []
    for month in range(max(int(np.ceil(onset.min())), 1), int(rows.time_months.max())):
        state = compute_state_at(comparison.history, float(month))
        chosen = comparison.find_at_risk(state, float(month))
        part = start_at_landmark(rows, chosen, float(month))
        inside = state[chosen] == comparison.positions[1]
        events = int((part.event == 1).sum())
        if events < MINIMUM_EVENTS:
            break
        if min(inside.sum(), (~inside).sum()) < MINIMUM_GROUP:
            continue
        fit = fit_cox(
            part.cause_specific,
            pd.DataFrame({STATE: inside.astype(float)}),
            confidence=comparison.confidence,
        )
        counts = {"n": len(inside), "excluded": int((~chosen).sum()), "n_state": int(inside.sum())}
        row = {"landmark_months": float(month), "comparison": comparison.name, "events": events}
        written.append(row | counts | format_ratio(fit.table.iloc[0]))
    return pd.DataFrame(written) if written else None


def compare_weighted_landmark(comparison: Comparison, month: float) -> tuple[dict, pd.DataFrame] | None:
    """Compare those who reach the landmark, weighted by one over their probability of reaching it.

    Returns a row of `responders`: hazard ratio with robust variance; balance of each covariate between those who reach
    the landmark and all patients, before and after weighting (covariate, mean_all, mean_reaching, mean_weighted,
    smd, smd_weighted, status, landmark_months). None without a covariate that varies, or where nobody or everybody
    reaches the landmark. The weights adjust for baseline covariates only. Robins and Finkelstein 2000, Biometrics
    56:779.
    """
    if comparison.covariates is None:
        return None
    rows = comparison.rows
    complete = comparison.covariates.notna().all(axis=1).to_numpy()
    state = compute_state_at(comparison.history, month)
    reaches = rows.time_months > compute_landmark_limit(month)
    inside = reaches[complete]
    covariates = comparison.covariates.loc[complete].reset_index(drop=True)
    varying = covariates.loc[:, covariates.nunique() > 1]
    if not 0 < inside.sum() < len(inside) or not len(varying.columns):
        return None
    score, _ = fit_propensity(inside, varying)
    if not np.isfinite(score).all():
        return None
    weights = np.full(len(reaches), np.nan)
    weights[complete] = 1 / score
    used = comparison.find_at_risk(state, month) & complete
    in_state = state[used] == comparison.positions[1]
    row = comparison.describe("landmark", int(used.sum()), int((rows.event[used] == 1).sum()), month)
    row |= {"weighted": True, "ess": compute_effective_sample_size(weights[used])}
    if 0 < in_state.sum() < len(in_state):
        model = fit_cox(
            replace(start_at_landmark(rows, used, month).cause_specific, weights=weights[used]),
            pd.DataFrame({STATE: in_state.astype(float)}),
            confidence=comparison.confidence,
        ).table.iloc[0]
        row |= {"statistic": model["z"] ** 2} | format_ratio(model)
    return row, _balance(varying, inside, weights[complete]).assign(landmark_months=month)


def _balance(covariates: pd.DataFrame, reaches: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """Those who reach the landmark against all patients: the latter are stacked once more as the target."""
    stacked = pd.concat([covariates.loc[reaches], covariates], ignore_index=True)
    group = np.arange(len(stacked)) < reaches.sum()
    found = compute_balance(group, stacked, np.concatenate([weights[reaches], np.ones(len(covariates))]))
    names = {
        "mean_control": "mean_all",
        "mean_cohort": "mean_reaching",
        "mean_cohort_weighted": "mean_weighted",
    }
    return found.rename(columns=names).drop(columns="mean_control_weighted")
