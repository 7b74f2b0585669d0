"""Weights that balance cohort and control, and their bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import derive_covariates
from prrt_outcomes.controls.control_results import comparison_row
from prrt_outcomes.controls.two_samples import TwoSamples, Weighting, count_loss
from prrt_outcomes.statistics.cox_bootstrap import bootstrap_cox_log_hazard_ratio
from prrt_outcomes.statistics.maic import MaicTarget, bootstrap_maic, fit_maic
from prrt_outcomes.statistics.propensity import bootstrap_propensity, fit_matching, fit_propensity
from prrt_outcomes.statistics.weights import compute_propensity_weights, draw_weights
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.controls import BaselineSummary, PatientsControl

ESTIMANDS = {"att": "ATT", "overlap": "overlap", "ate": "ATE"}
STATISTICS = {"mean": "mean", "sd": "standard_deviation", "median": "median", "share": "share"}
MATCHED = "matched"
REFITTED = "bootstrap, weights refitted"
MOST_FAILED = 0.1
FEWEST = 2


def fit_weighting(samples: TwoSamples, control: PatientsControl, label: str) -> tuple[Weighting, list[dict]]:
    """Fit the weights of one kind (att, overlap, ate, maic or matched).

    The weighting has a `status` where there are no weights; rows of `attrition` count who is left out, by reason.
    """
    step = f"controls: {control.id}, {label}"
    complete = samples.covariates.notna().all(axis=1).to_numpy()
    losses = [count_loss("endpoints", step, "covariate missing", complete)]
    used = samples.select(complete)
    if min(used.sizes.values()) < FEWEST:
        note = "{n} patients and {n_control} controls have all covariates".format(**used.sizes)
        return Weighting(label, used, status="too_few", note=note), losses
    if label == "maic":
        targets = summarise_targets(used.covariates.loc[~used.in_cohort], control.maic_moments)
        return fit_maic_weighting(used, targets), losses
    score, reason = fit_propensity(used.in_cohort, used.covariates)
    if not np.isfinite(score).any():
        return Weighting(label, used, status="separation", note=reason), losses
    if label == MATCHED:
        weighting, lost = _match(used, score, control, step)
        return weighting, losses + lost
    if control.trim > 0:
        low, high = np.quantile(score, [control.trim, 1 - control.trim])
        stay = (score >= low) & (score <= high)
        reason = f"propensity score among the {control.trim:.0%} most extreme at either end"
        losses.append(count_loss("endpoints", step, reason, stay))
        used, score = used.select(stay), score[stay]
        if not min(used.sizes.values()):
            return Weighting(label, used, status="too_few", note="trimming leaves one side empty"), losses
    weights = compute_propensity_weights(score, used.in_cohort, ESTIMANDS[label])
    refit = partial(_refit_propensity, used, ESTIMANDS[label])
    return Weighting(label, used, weights, score, refit=refit, note=reason), losses


def fit_maic_weighting(samples: TwoSamples, targets: Sequence[MaicTarget]) -> Weighting:
    """MAIC weights of the cohort towards summaries of the control; the control keeps weight 1."""
    inside = samples.in_cohort
    try:
        found = fit_maic(samples.covariates.loc[inside].reset_index(drop=True), targets)
    except ValueError as error:
        return Weighting("maic", samples, status="not_estimable", note=str(error))
    weights = np.ones(len(inside))
    weights[inside] = found.weights
    return Weighting("maic", samples, weights, refit=partial(_refit_maic, samples, targets))


def _match(
    samples: TwoSamples, score: np.ndarray, control: PatientsControl, step: str
) -> tuple[Weighting, list[dict]]:
    """Optimal 1:k matching within the caliper; a bootstrap of matched sets is not valid, so none is offered."""
    weights, matched_set = fit_matching(
        score, samples.in_cohort, n_controls=control.match_ratio, caliper_sd=control.caliper_sd
    )
    kept = weights > 0
    reason = f"{{}} without a partner within {control.caliper_sd:g} standard deviations"
    losses = [
        count_loss("endpoints", f"{step}: {side}", reason.format(side), kept[members])
        for side, members in (("patient of the cohort", samples.in_cohort), ("control", ~samples.in_cohort))
    ]
    if not kept.any():
        note = "no patient has a control within the caliper"
        return Weighting(MATCHED, samples, score=score, status="too_few", note=note), losses
    alone = int((samples.in_cohort & ~kept).sum())
    note = f"{alone} patients of the cohort have no partner" if alone else ""
    return replace(Weighting(MATCHED, samples, weights, score, matched_set).select(kept), note=note), losses


def summarise_targets(covariates: pd.DataFrame, moments: tuple[str, ...]) -> list[MaicTarget]:
    """Summaries of the control that MAIC meets: chosen moments of numbers, shares of all levels but one."""
    wanted = ("mean", *moments) if "sd" in moments and "mean" not in moments else moments
    targets = []
    for name, values in covariates.items():
        if isinstance(values.dtype, pd.CategoricalDtype):
            shares = values.value_counts(normalize=True, sort=False).iloc[1:]
            targets += [MaicTarget(str(name), "share", float(s), str(level)) for level, s in shares.items()]
            continue
        found = {"mean": values.mean(), "sd": values.std(), "median": values.median()}
        targets += [MaicTarget(str(name), STATISTICS[m], float(found[m])) for m in dict.fromkeys(wanted)]
    return targets


def derive_targets(
    baseline: Sequence[BaselineSummary], frame: pd.DataFrame
) -> tuple[pd.DataFrame, list[MaicTarget]]:
    """Our covariates of a published baseline table, and its targets; the share of a yes/no column is that of `true`."""
    names = tuple(dict.fromkeys(item.covariate for item in baseline))
    covariates = derive_covariates(frame, names).reset_index(drop=True)
    targets = []
    for item in baseline:
        level = item.level or ""
        categorical = isinstance(covariates[item.covariate].dtype, pd.CategoricalDtype)
        if item.statistic == "share" and not level and categorical:
            level = "true"
        targets.append(MaicTarget(item.covariate, STATISTICS[item.statistic], item.value, level))
    return covariates, targets


def _refit_propensity(samples: TwoSamples, estimand: str, counts: np.ndarray) -> np.ndarray:
    """Weights of each replicate from its own propensity model; rows of nan where it has none."""
    score = bootstrap_propensity(samples.in_cohort, samples.covariates, counts)
    score[((score <= 0) | (score >= 1)).any(axis=1)] = np.nan
    return compute_propensity_weights(score, samples.in_cohort, estimand)


def _refit_maic(samples: TwoSamples, targets: Sequence[MaicTarget], counts: np.ndarray) -> np.ndarray:
    """Weights of each replicate that meet the targets, which stay as they are; the control's weights are 1."""
    weights, inside = np.ones(counts.shape), samples.in_cohort
    covariates = samples.covariates.loc[inside].reset_index(drop=True)
    weights[:, inside] = bootstrap_maic(covariates, targets, counts[:, inside])
    return weights


def bootstrap_hazard_ratio(weighting: Weighting, settings: AnalysisSettings, point: dict) -> list[dict]:
    """Percentile interval of the weighted hazard ratio of `point`, a row of `controls`, as `summarise_replicates`.

    No row where no bootstrap is valid or `point` has no value. `refit` gives rows of nan where a replicate has no
    weights.
    """
    if weighting.refit is None or not np.isfinite(point["value"]):
        return []
    samples, boot = weighting.samples, settings.bootstrap
    logs = []
    n = len(samples.time_months)
    for counts in draw_weights(n, boot.replicates, seed=boot.seed, stratum=samples.centre):
        weights = weighting.refit(counts) * counts
        known = np.isfinite(weights).all(axis=1)
        found = np.full(len(counts), np.nan)
        if known.any():
            in_cohort = samples.in_cohort.astype(float)
            found[known] = bootstrap_cox_log_hazard_ratio(samples.data, in_cohort, weights[known])[:, 0]
        logs.append(found)
    return [summarise_replicates(np.concatenate(logs), settings.confidence.level, point)]


def summarise_replicates(logs: np.ndarray, confidence: float, point: dict) -> dict:
    """Row of `controls` from replicates of a log ratio, nan where one has none.

    The estimate is that of `point`; `note` counts the replicates without a value. Above a tenth of them the
    status is ``not_converged`` and there is no interval.
    """
    known = logs[np.isfinite(logs)]
    failed = len(logs) - len(known)
    keys = (
        "method", "estimate", "weights", "n", "n_control", "ess", "ess_control", "observed", "expected", "value",
        "horizon_months",
    )  # fmt: skip
    row = {key: point[key] for key in keys}
    row["assumption"] = f"{point['assumption']}; {REFITTED}" if point["assumption"] else REFITTED
    row["note"] = f"{failed} of {len(logs)} replicates have no estimate" if failed else ""
    if len(known) < FEWEST or failed > MOST_FAILED * len(logs):
        return comparison_row(**row, status="not_converged")
    low, high = np.exp(np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2]))
    return comparison_row(**row, low=float(low), high=float(high), std_error=float(np.std(known, ddof=1)))
