"""A control with individual patients: unweighted always, and every weighting the study asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prrt_outcomes.controls.comparison_rows import comparison_row
from prrt_outcomes.controls.resampled import bootstrap_hazard_ratio
from prrt_outcomes.controls.two_sample import compare_two_samples
from prrt_outcomes.controls.weighing import ESTIMANDS, Weighting, list_weightings, weigh_samples
from prrt_outcomes.statistics.standardisation import fit_standardised_survival
from prrt_outcomes.statistics.weights import compute_balance

if TYPE_CHECKING:
    import pandas as pd

    from prrt_outcomes.controls.cohorts import TwoSamples
    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.study.controls import PatientsControl


@dataclass(frozen=True)
class IndividualComparison:
    """What a control with individual patients gives.

    Attributes
    ----------
    rows : of `controls`, the unweighted comparison first
    balance : of `control_balance` but for the column control, one table a weighting
    losses : patients that a weighting leaves out
    weightings : the weights themselves, unweighted first
    """

    rows: list[dict]
    balance: list[pd.DataFrame]
    losses: list[dict]
    weightings: list[Weighting]


def compare_individuals(
    samples: TwoSamples, control: PatientsControl, settings: AnalysisSettings
) -> IndividualComparison:
    """Compare with a control whose patients are known one by one.

    Parameters
    ----------
    samples : cohort and control
    control : covariates, weights, maic_moments, trim, match_ratio, caliper_sd
    settings : section `analysis`
    """
    rows = compare_two_samples(samples, settings)
    unweighted = Weighting("none", samples, None)
    balance = [tabulate_balance(unweighted)] if len(samples.covariates.columns) else []
    losses: list[dict] = []
    weightings = [unweighted]
    for label in list_weightings(control):
        weighting, lost = weigh_samples(samples, control, label)
        losses += lost
        weightings.append(weighting)
        rows += compare_weighted(weighting, settings)
        if weighting.weights is not None:
            balance.append(tabulate_balance(weighting))
    return IndividualComparison(rows, balance, losses, weightings)


def compare_weighted(weighting: Weighting, settings: AnalysisSettings) -> list[dict]:
    """Rows of `controls` of one weighting: robust and bootstrap interval, and what is doubly robust."""
    label, samples = weighting.label, weighting.samples
    if weighting.weights is None:
        return [
            comparison_row("cox", "hazard_ratio", weights=label, status=weighting.status, note=weighting.note)
        ]
    rows = compare_two_samples(
        samples, settings, weights=weighting.weights, label=label, cluster=weighting.cluster
    )
    rows[0]["note"] = weighting.note
    if weighting.refit is not None and np.isfinite(rows[0]["value"]):
        rows.append(bootstrap_hazard_ratio(samples, weighting.refit, settings, rows[0]))
    if label in ESTIMANDS:
        rows += _compare_standardised(weighting, settings)
    return rows


def _compare_standardised(weighting: Weighting, settings: AnalysisSettings) -> list[dict]:
    """Doubly robust survival difference at the milestones; needs everybody there from the start."""
    samples = weighting.samples
    if samples.entry_months is not None:
        return []
    found = fit_standardised_survival(
        samples.time_months,
        samples.event,
        samples.in_cohort,
        samples.covariates,
        weighting.score,
        settings.milestones_months,
        estimand=ESTIMANDS[weighting.label],
        confidence=settings.confidence.level,
    )
    inside = samples.in_cohort
    return [
        comparison_row(
            "standardised",
            "survival_difference",
            weights=weighting.label,
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


def tabulate_balance(weighting: Weighting) -> pd.DataFrame:
    """Rows of `control_balance` of one weighting, but for the column control."""
    import pandas as pd

    samples = weighting.samples
    found = compute_balance(samples.in_cohort, samples.covariates, weighting.weights)
    suffix = "" if weighting.weights is None else "_weighted"
    level = found["level"].fillna("")
    return pd.DataFrame(
        {
            "covariate": found["term"].where(level == "", found["term"] + "=" + level),
            "weights": weighting.label,
            "mean": found[f"mean_cohort{suffix}"],
            "mean_control": found[f"mean_control{suffix}"],
            "smd": found[f"smd{suffix}"],
            "status": found["status"].replace("no_variance", "not_estimable"),
        }
    )
