"""Weights for reaching the landmark: those who are still there stand for those who resembled them and left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.responders.comparisons import STATE, Comparison, select_landmark
from prrt_outcomes.responders.states import compute_state_at
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.propensity import fit_propensity
from prrt_outcomes.statistics.weights import compute_balance, compute_effective_sample_size


@dataclass(frozen=True)
class WeightedLandmark:
    """A landmark comparison weighted for reaching the landmark; `row` as in `responders`, with `balance`."""

    row: dict
    balance: pd.DataFrame


def compare_weighted_landmark(comparison: Comparison, month: float) -> WeightedLandmark | None:
    """Weigh those who reach the landmark by one over their probability of reaching it, then compare.

    Parameters
    ----------
    comparison : two states, with baseline covariates
    month : landmark

    Returns
    -------
    WeightedLandmark: hazard ratio with robust variance; balance of each covariate between those who reach the
    landmark and all patients, before and after weighting (covariate, mean_all, mean_reaching, mean_weighted,
    smd, smd_weighted, status). None without covariates, or where nobody or everybody reaches the landmark.

    Notes
    -----
    The weights answer for baseline covariates only. Robins and Finkelstein 2000, Biometrics 56:779.
    """
    if comparison.covariates is None:
        return None
    rows = comparison.rows
    complete = comparison.covariates.notna().all(axis=1).to_numpy()
    state = compute_state_at(comparison.history, month)
    chosen, _, _ = select_landmark(comparison, state, month)
    reaches = rows.time_months > month + 1e-8 * max(1.0, month)
    inside = reaches[complete]
    if not 0 < inside.sum() < len(inside):
        return None
    covariates = comparison.covariates.loc[complete].reset_index(drop=True)
    varying = covariates[[name for name in covariates.columns if covariates[name].nunique() > 1]]
    fit = fit_propensity(inside, varying)
    if not np.isfinite(fit.score).all():
        return None
    weights = np.full(len(reaches), np.nan)
    weights[complete] = 1 / fit.score
    used = chosen & complete
    in_state = (state[used] == comparison.positions[1]).astype(float)
    base = {
        "method": "landmark",
        "landmark_months": month,
        "comparison": comparison.name,
        "adjusted": False,
        "weighted": True,
        "n": int(used.sum()),
        "excluded": int((~used).sum()),
        "events": int((rows.event[used] == 1).sum()),
        "ess": compute_effective_sample_size(weights[used]),
    }
    empty = (
        "statistic",
        "log_hazard_ratio",
        "std_error",
        "hazard_ratio",
        "hazard_ratio_low",
        "hazard_ratio_high",
    )
    row = base | dict.fromkeys((*empty, "p_value"), np.nan) | {"status": "too_few"}
    if 0 < in_state.sum() < len(in_state):
        entry = None if rows.entry_months is None else np.maximum(rows.entry_months[used] - month, 0.0)
        model = fit_cox(
            rows.time_months[used] - month,
            (rows.event[used] == 1).astype(float),
            pd.DataFrame({STATE: in_state}),
            entry=entry,
            weights=weights[used],
            robust=True,
            confidence=comparison.confidence,
        ).table.iloc[0]
        row |= {
            "statistic": model["z"] ** 2,
            "log_hazard_ratio": model["coefficient"],
            "std_error": model["std_error"],
            "hazard_ratio": model["hazard_ratio"],
            "hazard_ratio_low": model["lower"],
            "hazard_ratio_high": model["upper"],
            "p_value": model["p_value"],
            "status": model["status"],
        }
    return WeightedLandmark(row, _balance(varying, inside, weights[complete]))


def _balance(covariates: pd.DataFrame, reaches: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """Those who reach the landmark against all patients: the latter are stacked once more as the target."""
    stacked = pd.concat([covariates.loc[reaches], covariates], ignore_index=True)
    group = np.arange(len(stacked)) < reaches.sum()
    found = compute_balance(group, stacked, np.concatenate([weights[reaches], np.ones(len(covariates))]))
    level = found["level"].fillna("")
    return pd.DataFrame(
        {
            "covariate": found["term"].where(level == "", found["term"] + "=" + level),
            "mean_all": found["mean_control"],
            "mean_reaching": found["mean_cohort"],
            "mean_weighted": found["mean_cohort_weighted"],
            "smd": found["smd"],
            "smd_weighted": found["smd_weighted"],
            "status": found["status"].replace("no_variance", "not_estimable"),
        }
    )
