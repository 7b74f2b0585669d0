"""A control with individual patients: unweighted always, and every weighting the study asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.controls.comparison_rows import comparison_row
from prrt_outcomes.controls.two_sample import compare_two_samples
from prrt_outcomes.statistics.weighting.balance import compute_balance
from prrt_outcomes.statistics.weighting.maic import MaicTarget, fit_maic
from prrt_outcomes.statistics.weighting.propensity import fit_propensity
from prrt_outcomes.statistics.weighting.standardisation import fit_standardised_survival
from prrt_outcomes.statistics.weighting.weights import compute_propensity_weights, compute_trimming

if TYPE_CHECKING:
    import pandas as pd

    from prrt_outcomes.controls.cohorts import TwoSamples
    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.study.controls import PatientsControl

ESTIMANDS = {"att": "ATT", "overlap": "overlap", "ate": "ATE"}
MAIC_STATISTICS = {"mean": "mean", "sd": "standard_deviation", "median": "median"}


def compare_individuals(
    samples: TwoSamples, control: PatientsControl, settings: AnalysisSettings
) -> tuple[list[dict], list[pd.DataFrame], list[dict]]:
    """Compare with a control whose patients are known one by one.

    Parameters
    ----------
    samples : cohort and control
    control : covariates, weights, maic_moments, trim
    settings : section `analysis`

    Returns
    -------
    rows : of `controls`, the unweighted comparison first
    balance : tables of `control_balance` but for the column control, one a weighting
    attrition : patients that a weighting leaves out
    """
    import pandas as pd

    rows = compare_two_samples(samples, settings)
    balance = [_tabulate_balance(samples, None, "none")] if len(samples.covariates.columns) else []
    losses: list[dict] = []
    for label in control.weights:
        kept, weights, lost, reason = _weigh(samples, control, label)
        losses += lost
        if weights is None:
            rows.append(comparison_row("cox", "hazard_ratio", weights=label, status=reason))
            continue
        used = samples.select(kept)
        rows += compare_two_samples(used, settings, weights=weights, label=label)
        balance.append(_tabulate_balance(used, weights, label))
        if label in ESTIMANDS:
            rows += _compare_standardised(used, label, settings)
    return rows, [table for table in balance if isinstance(table, pd.DataFrame)], losses


def _weigh(
    samples: TwoSamples, control: PatientsControl, label: str
) -> tuple[np.ndarray, np.ndarray | None, list[dict], str]:
    """Flags of the patients who get a weight, their weights, losses, and why there are none."""
    step = f"controls: {control.id}, {label}"
    n = len(samples.in_cohort)
    complete = samples.covariates.notna().all(axis=1).to_numpy()
    losses = [attrition_row("endpoints", "patients", step, "covariate missing", n, int((~complete).sum()))]
    inside = samples.in_cohort
    if min((complete & inside).sum(), (complete & ~inside).sum()) < 2:
        return complete, None, losses, "too_few"
    used = samples.select(complete)
    if label == "maic":
        weights, status = _weigh_by_moments(used, control)
        return complete, weights, losses, status
    fit = fit_propensity(used.in_cohort, used.covariates)
    if not np.isfinite(fit.score).any():
        return complete, None, losses, "separation"
    kept = complete.copy()
    if control.trim > 0:
        low, high = np.quantile(fit.score, [control.trim, 1 - control.trim])
        stay = compute_trimming(fit.score, used.in_cohort, bounds=(float(low), float(high)))
        kept[complete] = stay
        reason = f"propensity score among the {control.trim:.0%} most extreme at either end"
        losses.append(attrition_row("endpoints", "patients", step, reason, len(stay), int((~stay).sum())))
    score = fit.score[kept[complete]]
    weights = compute_propensity_weights(score, samples.in_cohort[kept], ESTIMANDS[label])
    return kept, weights, losses, "ok"


def _weigh_by_moments(samples: TwoSamples, control: PatientsControl) -> tuple[np.ndarray | None, str]:
    """MAIC weights of the cohort towards the control's summaries; the control keeps weight 1."""
    inside = samples.in_cohort
    targets = summarise_targets(samples.covariates.loc[~inside], control.maic_moments)
    try:
        found = fit_maic(samples.covariates.loc[inside].reset_index(drop=True), targets)
    except ValueError:
        return None, "not_estimable"
    weights = np.ones(len(inside))
    weights[inside] = found.weights
    return weights, "ok"


def summarise_targets(covariates: pd.DataFrame, moments: tuple[str, ...]) -> list[MaicTarget]:
    """Summaries of the control that MAIC meets: chosen moments of numbers, shares of all levels but one."""
    import pandas as pd

    targets = []
    for name in covariates.columns:
        values = covariates[name]
        if isinstance(values.dtype, pd.CategoricalDtype):
            shares = values.value_counts(normalize=True, sort=False)
            targets += [
                MaicTarget(name, "share", float(s), str(level)) for level, s in shares.iloc[1:].items()
            ]
            continue
        wanted = ("mean", *moments) if "sd" in moments and "mean" not in moments else moments
        found = {"mean": values.mean(), "sd": values.std(), "median": values.median()}
        targets += [MaicTarget(name, MAIC_STATISTICS[m], float(found[m])) for m in dict.fromkeys(wanted)]
    return targets


def _compare_standardised(samples: TwoSamples, label: str, settings: AnalysisSettings) -> list[dict]:
    """Doubly robust survival difference at the milestones; needs everybody there from the start."""
    if samples.entry_months is not None:
        return []
    score = fit_propensity(samples.in_cohort, samples.covariates).score
    found = fit_standardised_survival(
        samples.time_months,
        samples.event,
        samples.in_cohort,
        samples.covariates,
        score,
        settings.milestones_months,
        estimand=ESTIMANDS[label],
        confidence=settings.confidence.level,
    )
    inside = samples.in_cohort
    return [
        comparison_row(
            "standardised",
            "survival_difference",
            weights=label,
            n=int(inside.sum()),
            n_control=int((~inside).sum()),
            horizon_months=row.time,
            assumption=found.method,
            value=row.difference,
            low=row.lower,
            high=row.upper,
            std_error=row.std_error,
            p_value=row.p_value,
            status=row.status,
        )
        for row in found.table.itertuples()
    ]


def _tabulate_balance(samples: TwoSamples, weights: np.ndarray | None, label: str) -> pd.DataFrame:
    import pandas as pd

    found = compute_balance(samples.in_cohort, samples.covariates, weights)
    suffix = "" if weights is None else "_weighted"
    level = found["level"].fillna("")
    return pd.DataFrame(
        {
            "covariate": found["term"].where(level == "", found["term"] + "=" + level),
            "weights": label,
            "mean": found[f"mean_cohort{suffix}"],
            "mean_control": found[f"mean_control{suffix}"],
            "smd": found[f"smd{suffix}"],
            "status": found["status"].replace("no_variance", "not_estimable"),
        }
    )
