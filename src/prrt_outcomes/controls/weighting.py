"""Weights that balance cohort and control, and their bootstrap intervals."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import derive_covariates
from prrt_outcomes.controls.control_results import comparison_row
from prrt_outcomes.controls.two_samples import TwoSamples, Weighting, count_loss
from prrt_outcomes.statistics.cox_bootstrap import bootstrap_cox_log_hazard_ratio
from prrt_outcomes.statistics.maic import MaicTarget, bootstrap_maic, fit_maic
from prrt_outcomes.statistics.propensity import bootstrap_propensity, fit_matching, fit_propensity
from prrt_outcomes.statistics.standardisation import bootstrap_standardised_survival
from prrt_outcomes.statistics.weights import compute_propensity_weights, draw_weights
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.controls import BaselineSummary, PatientsControl

ESTIMANDS = {"att": "ATT", "overlap": "overlap", "ate": "ATE"}
STATISTICS = {"mean": "mean", "sd": "standard_deviation", "median": "median", "share": "share"}
MATCHED = "matched"
REFITTED = "bootstrap, weights refitted"
MODELS_REFITTED = "bootstrap, weights and outcome models refitted"
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
    return Weighting(label, used, weights, score, note=reason), losses


def fit_maic_weighting(samples: TwoSamples, targets: Sequence[MaicTarget]) -> Weighting:
    """MAIC weights of the cohort towards summaries of the control; the control keeps weight 1."""
    inside = samples.in_cohort
    covariates = samples.covariates.loc[inside].reset_index(drop=True)
    try:
        found = fit_maic(covariates, targets)
    except ValueError as error:
        return Weighting("maic", samples, status="not_estimable", note=str(error))
    weights = np.ones(len(inside))
    weights[inside] = found.weights

    def refit(counts: np.ndarray) -> np.ndarray:
        """Weights of each replicate that meet the targets, which stay as they are."""
        found = np.ones(counts.shape)
        found[:, inside] = bootstrap_maic(covariates, targets, counts[:, inside])
        return found

    return Weighting("maic", samples, weights, refit=refit)


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


def bootstrap_weightings(
    weightings: Sequence[Weighting], settings: AnalysisSettings, points: Sequence[dict]
) -> list[dict]:
    """Percentile intervals of the hazard ratio and the doubly robust differences of weightings: rows of `controls`.

    `points`: rows of `controls` of these weightings; those without a value, and weightings of which no bootstrap is
    valid, have no interval. The replicates of all propensity weightings are the same, and share their scores.
    """
    scored = [w for w in weightings if w.label in ESTIMANDS and w.is_usable]
    groups = (
        [scored, *([w] for w in weightings if w.refit is not None)] if settings.bootstrap.replicates else []
    )
    return [row for group in groups if group for row in _bootstrap_group(group, settings, points)]


def _bootstrap_group(
    weightings: Sequence[Weighting], settings: AnalysisSettings, points: Sequence[dict]
) -> Iterator[dict]:
    """Rows of weightings of the same patients; replicates without weights are nan."""
    samples, boot = weightings[0].samples, settings.bootstrap
    own = [p for p in points if np.isfinite(p["value"]) and p["method"] in ("cox", "standardised")]
    fitted = {w.label: w for w in weightings if any(p["weights"] == w.label for p in own)}
    own = [p for p in own if p["weights"] in fitted]
    months = sorted({p["horizon_months"] for p in own if p["method"] == "standardised"})
    everybody, blocks = (samples.data, samples.in_cohort, samples.covariates), []
    for counts in draw_weights(len(samples.event), boot.replicates, seed=boot.seed, stratum=samples.centre):
        score = None
        if weightings[0].refit is None:
            score = bootstrap_propensity(*everybody[1:], counts)
            score[((score <= 0) | (score >= 1)).any(axis=1)] = np.nan
        block = {(label, None): _refit_hazards(w, counts, score) for label, w in fitted.items()}
        if months:
            estimands = [ESTIMANDS[label] for label in fitted]
            found = bootstrap_standardised_survival(*everybody, months, counts, score, estimands)
            for (k, label), (q, month) in itertools.product(enumerate(fitted), enumerate(months)):
                block[label, month] = found[k, :, q]
        blocks.append(block)
    for point in own:
        robust = point["method"] == "standardised"
        key = point["weights"], point["horizon_months"] if robust else None
        replicates, words = np.concatenate([block[key] for block in blocks]), REFITTED
        if robust:
            point, words = point | {"assumption": ""}, MODELS_REFITTED
        yield summarise_replicates(replicates, settings.confidence.level, point, words)


def _refit_hazards(weighting: Weighting, counts: np.ndarray, score: np.ndarray | None) -> np.ndarray:
    """Log hazard ratio of each replicate with its own weights, nan where it has none."""
    samples = weighting.samples
    if weighting.refit is None:
        assert score is not None
        weights = compute_propensity_weights(score, samples.in_cohort, ESTIMANDS[weighting.label])
    else:
        weights = weighting.refit(counts)
    known, found = np.isfinite(weights).all(axis=1), np.full(len(counts), np.nan)
    if known.any():
        inside, kept = samples.in_cohort.astype(float), (weights * counts)[known]
        found[known] = bootstrap_cox_log_hazard_ratio(samples.data, inside, kept)[:, 0]
    return found


def summarise_replicates(found: np.ndarray, confidence: float, point: dict, words: str = REFITTED) -> dict:
    """Row of `controls` from replicates of a log ratio or a difference, nan where one has none.

    The estimate is that of `point`; `words` say what was resampled; `note` counts the replicates without a value.
    Above a tenth of them the status is ``not_converged`` and there is no interval.
    """
    known = found[np.isfinite(found)]
    failed = len(found) - len(known)
    keys = (
        "method", "estimate", "weights", "n", "n_control", "ess", "ess_control", "observed", "expected", "value",
        "horizon_months",
    )  # fmt: skip
    row = {key: point[key] for key in keys}
    row["assumption"] = "; ".join(part for part in (point["assumption"], words) if part)
    row["note"] = f"{failed} of {len(found)} replicates have no estimate" if failed else ""
    if len(known) < FEWEST or failed > MOST_FAILED * len(found):
        return comparison_row(**row, status="not_converged")
    ends = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = (ends if point["estimate"] == "survival_difference" else np.exp(ends)).tolist()
    return comparison_row(**row, low=low, high=high, std_error=float(np.std(known, ddof=1)))
