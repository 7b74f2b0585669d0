"""Intervals by resampling patients within centre and side, where every replicate refits its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prrt_outcomes.controls.comparison_rows import comparison_row
from prrt_outcomes.statistics.cox_bootstrap import bootstrap_cox_log_hazard_ratio
from prrt_outcomes.statistics.maic import MaicTarget, bootstrap_maic
from prrt_outcomes.statistics.propensity import bootstrap_propensity
from prrt_outcomes.statistics.resampling import draw_weights
from prrt_outcomes.statistics.weights import compute_propensity_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prrt_outcomes.controls.cohorts import TwoSamples
    from prrt_outcomes.study.analysis import AnalysisSettings

REFITTED = "bootstrap, weights refitted"
MOST_FAILED = 0.1


def refit_propensity(samples: TwoSamples, estimand: str) -> Callable[[np.ndarray], np.ndarray]:
    """Weights of each replicate from its own propensity model; rows of nan where it has none."""

    def refit(counts: np.ndarray) -> np.ndarray:
        score, _ = bootstrap_propensity(samples.in_cohort, samples.covariates, counts)
        certain = ((score <= 0) | (score >= 1)).any(axis=1)
        score[certain] = np.nan
        return compute_propensity_weights(score, samples.in_cohort, estimand)

    return refit


def refit_maic(samples: TwoSamples, targets: Sequence[MaicTarget]) -> Callable[[np.ndarray], np.ndarray]:
    """Weights of each replicate that meet the targets, which stay as they are; the control's weights are 1."""
    inside = samples.in_cohort
    covariates = samples.covariates.loc[inside].reset_index(drop=True)

    def refit(counts: np.ndarray) -> np.ndarray:
        weights = np.ones(counts.shape)
        weights[:, inside], _ = bootstrap_maic(covariates, targets, counts[:, inside])
        return weights

    return refit


def bootstrap_hazard_ratio(
    samples: TwoSamples,
    refit: Callable[[np.ndarray], np.ndarray],
    settings: AnalysisSettings,
    point: dict,
) -> dict:
    """Percentile interval of a weighted hazard ratio.

    Parameters
    ----------
    samples : complete cases that carry a weight
    refit : counts (R, n) to weights (R, n), rows of nan where a replicate has none
    settings : bootstrap, confidence
    point : the row of `controls` whose interval this is

    Returns
    -------
    Row of `controls` with the same estimate and the interval of the replicates; `note` counts the replicates
    without a value. Above a tenth of them the status is ``not_converged`` and there is no interval.
    """
    boot = settings.bootstrap
    logs = []
    for counts in draw_weights(
        len(samples.time_months), boot.replicates, seed=boot.seed, stratum=samples.centre
    ):
        weights = refit(counts) * counts
        known = np.isfinite(weights).all(axis=1)
        found = np.full(len(counts), np.nan)
        if known.any():
            fitted = bootstrap_cox_log_hazard_ratio(
                samples.time_months,
                samples.event.astype(float),
                samples.in_cohort.astype(float)[:, None],
                weights[known],
                entry=samples.entry_months,
            )
            found[known] = fitted.coefficients[:, 0]
        logs.append(found)
    return summarise_replicates(np.concatenate(logs), settings.confidence.level, point)


def summarise_replicates(logs: np.ndarray, confidence: float, point: dict) -> dict:
    """Row of `controls` from replicates of a log ratio, nan where one has none."""
    known = logs[np.isfinite(logs)]
    failed = len(logs) - len(known)
    keys = ("method", "estimate", "weights", "n", "n_control", "ess", "ess_control", "observed", "expected")
    shared = {key: point[key] for key in keys}
    assumption = f"{point['assumption']}; {REFITTED}" if point["assumption"] else REFITTED
    note = f"{failed} of {len(logs)} replicates have no estimate" if failed else ""
    if len(known) < 2 or failed > MOST_FAILED * len(logs):
        return comparison_row(
            **shared, assumption=assumption, value=point["value"], status="not_converged", note=note
        )
    low, high = np.exp(np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2]))
    return comparison_row(
        **shared,
        assumption=assumption,
        value=point["value"],
        low=float(low),
        high=float(high),
        std_error=float(np.std(known, ddof=1)),
        note=note,
    )
