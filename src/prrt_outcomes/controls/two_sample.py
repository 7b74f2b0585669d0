"""Two samples side by side: hazard ratio, medians, survival at the milestones, restricted mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prrt_outcomes.controls.comparison_rows import comparison_row
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.curve_summaries import (
    compute_milestone_difference,
    compute_quantile,
    compute_rmst_difference,
)
from prrt_outcomes.statistics.kaplan_meier import KaplanMeier, fit_kaplan_meier
from prrt_outcomes.statistics.weights import compute_effective_sample_size

if TYPE_CHECKING:
    from prrt_outcomes.controls.cohorts import TwoSamples
    from prrt_outcomes.study.analysis import AnalysisSettings

COHORT = "cohort"


def compare_two_samples(
    samples: TwoSamples,
    settings: AnalysisSettings,
    *,
    weights: np.ndarray | None = None,
    label: str = "none",
    cluster: np.ndarray | None = None,
) -> list[dict]:
    """Compare cohort and control, weighted or not.

    Parameters
    ----------
    samples : cohort and control
    settings : confidence, milestones_months, rmst_months
    weights : (n,) balancing weights above 0, or None
    label : code of the weighting for the column `weights`
    cluster : (n,) matched set of each patient, whose errors go together, or None

    Returns
    -------
    Rows of `controls`: hazard ratio (Cox, Efron; robust variance when weighted), median of both sides,
    difference of survival at each milestone and of the restricted mean, cohort minus control.
    """
    group = samples.in_cohort
    sizes = {"n": int(group.sum()), "n_control": int((~group).sum())}
    for name, members in (("ess", group), ("ess_control", ~group)):
        own = np.ones(int(members.sum())) if weights is None else weights[members]
        sizes[name] = compute_effective_sample_size(own)
    curves = fit_both_curves(samples, settings, weights, cluster)
    shared = sizes | {"weights": label, "observed": float(samples.event[group].sum())}
    return [
        compare_hazards(samples, weights, settings, shared, cluster),
        *_compare_medians(curves, shared),
        *_compare_milestones(curves, settings, shared),
        _compare_means(curves, settings, shared),
    ]


def fit_both_curves(
    samples: TwoSamples,
    settings: AnalysisSettings,
    weights: np.ndarray | None = None,
    cluster: np.ndarray | None = None,
) -> dict[str, KaplanMeier]:
    """Kaplan-Meier curves of `cohort` and `control`, weighted or not; parameters as `compare_two_samples`."""
    curves = {}
    for name, members in (("cohort", samples.in_cohort), ("control", ~samples.in_cohort)):
        own = samples.select(members)
        curves[name] = fit_kaplan_meier(
            own.time_months,
            own.event,
            entry=own.entry_months,
            weights=None if weights is None else weights[members],
            cluster=None if cluster is None else cluster[members],
            robust=weights is not None,
            interval=settings.confidence.type,
            confidence=settings.confidence.level,
        )
    return curves


def compare_hazards(
    samples: TwoSamples,
    weights: np.ndarray | None,
    settings: AnalysisSettings,
    shared: dict,
    cluster: np.ndarray | None = None,
) -> dict:
    """Row of `controls` with the hazard ratio of the cohort; `shared` fills columns of the row."""
    import pandas as pd

    fit = fit_cox(
        samples.time_months,
        samples.event.astype(float),
        pd.DataFrame({COHORT: samples.in_cohort.astype(float)}),
        entry=samples.entry_months,
        weights=weights,
        cluster=cluster,
        robust=weights is not None,
        confidence=settings.confidence.level,
    )
    row = fit.table.iloc[0]
    return comparison_row(
        "cox",
        "hazard_ratio",
        value=row["hazard_ratio"],
        low=row["lower"],
        high=row["upper"],
        std_error=row["std_error"],
        statistic=row["z"],
        p_value=row["p_value"],
        status=row["status"],
        **shared,
    )


def _compare_medians(curves: dict[str, KaplanMeier], shared: dict) -> list[dict]:
    rows = []
    for name, estimate in (("cohort", "median"), ("control", "median_control")):
        found = compute_quantile(curves[name], 0.5)
        rows.append(
            comparison_row(
                "kaplan_meier",
                estimate,
                value=found.time,
                low=found.lower,
                high=found.upper,
                status=found.status,
                **shared,
            )
        )
    return rows


def _compare_milestones(
    curves: dict[str, KaplanMeier], settings: AnalysisSettings, shared: dict
) -> list[dict]:
    rows = []
    for month in settings.milestones_months:
        found = compute_milestone_difference(
            curves["cohort"], curves["control"], float(month), settings.confidence.level
        )
        rows.append(_difference_row("kaplan_meier", "survival_difference", found, float(month), shared))
    return rows


def _compare_means(curves: dict[str, KaplanMeier], settings: AnalysisSettings, shared: dict) -> dict:
    horizon = float(settings.rmst_months)
    found = compute_rmst_difference(curves["cohort"], curves["control"], horizon, settings.confidence.level)
    return _difference_row("rmst", "rmst_difference", found, horizon, shared)


def _difference_row(method: str, estimate: str, found, horizon: float, shared: dict) -> dict:
    return comparison_row(
        method,
        estimate,
        horizon_months=horizon,
        value=found.difference,
        low=found.lower,
        high=found.upper,
        std_error=found.std_error,
        p_value=found.p_value,
        status=found.status,
        **shared,
    )
