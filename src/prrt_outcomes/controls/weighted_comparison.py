"""Two samples compared unweighted and with every weighting, with balance, borrowing, power and rating."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.controls.borrowing import count_pieces, tabulate_borrowing
from prrt_outcomes.controls.control_results import ControlResults, comparison_row, stack
from prrt_outcomes.controls.power import tabulate_power_two_samples
from prrt_outcomes.controls.rating import rate_weighting
from prrt_outcomes.controls.sensitivity import (
    Estimate,
    estimate_samples,
    tabulate_bias_sensitivity,
)
from prrt_outcomes.controls.two_samples import TwoSamples, compare_two_samples
from prrt_outcomes.controls.weighted_curves import tabulate_overlap, tabulate_weighted_curves
from prrt_outcomes.controls.weighting import (
    ESTIMANDS,
    Weighting,
    bootstrap_hazard_ratio,
    fit_weighting,
    list_weightings,
)
from prrt_outcomes.statistics.standardisation import fit_standardised_survival
from prrt_outcomes.statistics.weights import compute_balance

if TYPE_CHECKING:
    from collections.abc import Callable

    from prrt_outcomes.controls.two_samples import TwoSamples
    from prrt_outcomes.controls.weighting import Weighting
    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.study.controls import PatientsControl
    from prrt_outcomes.study.model import Study
    from prrt_outcomes.survival.endpoint_rows import EndpointRows


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
        weighting, lost = fit_weighting(samples, control, label)
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


BORROWED_WEIGHTS = ("none", "att", "overlap", "maic")


def describe_samples(
    rows: list[dict], weightings: list[Weighting], balance: list[pd.DataFrame], study: Study
) -> ControlResults:
    """Add borrowing, doubt, power, curves, overlap and verdicts to the comparison of two samples.

    Parameters
    ----------
    rows : of `controls`
    weightings : unweighted first
    balance : tables of `control_balance`, one a weighting that has one
    study : section `analysis`
    """
    settings = study.analysis
    level = settings.confidence.level
    samples = weightings[0].samples
    share = float(samples.event.mean())
    medians = {row["weights"]: row["value"] for row in rows if row["estimate"] == "median_control"}
    extra: list[dict] = []
    found: dict[str, list[pd.DataFrame]] = {
        name: [] for name in ("borrowing", "curves", "at_risk", "overlap")
    }
    for weighting in weightings:
        if weighting.weights is None and weighting.label != "none":
            continue
        curves, at_risk = tabulate_weighted_curves(weighting, settings)
        found["curves"].append(curves)
        found["at_risk"].append(at_risk)
        if weighting.score is not None:
            found["overlap"].append(tabulate_overlap(weighting))
        if weighting.label in BORROWED_WEIGHTS:
            inside = weighting.samples.in_cohort
            shared = {"n": int(inside.sum()), "n_control": int((~inside).sum())}
            counts = count_pieces(weighting.samples, weighting.weights)
            borrowed, grid = tabulate_borrowing(counts, shared, weighting.label, level)
            extra += borrowed
            found["borrowing"].append(grid)
    for label in dict.fromkeys(row["weights"] for row in rows):
        own = [row for row in rows if row["weights"] == label]
        extra += tabulate_bias_sensitivity(own, event_share=share, control_median=medians.get(label, np.nan))
    balanced = stack(balance)
    verdicts = [rate_weighting(w, _pick(balanced, w.label)) for w in weightings]
    return ControlResults(
        [*rows, *extra],
        {
            "control_balance": balanced,
            "control_borrowing": stack(found["borrowing"]),
            "control_power": pd.DataFrame(tabulate_power_two_samples(samples, level)),
            "control_curves_fitted": stack(found["curves"]),
            "control_fitted_at_risk": stack(found["at_risk"]),
            "control_overlap": stack(found["overlap"]),
            "control_verdicts": pd.DataFrame(verdicts),
        },
    )


def _pick(balance: pd.DataFrame, label: str) -> pd.DataFrame | None:
    if balance.empty:
        return None
    own = balance[balance["weights"] == label]
    return own if len(own) else None


def make_estimate(
    restack: Callable[[EndpointRows], TwoSamples | None], control: PatientsControl | None, study: Study
) -> Estimate:
    """The hazard ratio by a Cox model, for any of our patients and any start on both sides."""

    def estimate(rows: EndpointRows, start: float) -> dict:
        samples = restack(rows)
        if samples is not None and start > 0:
            samples = samples.start_at(start)
        return estimate_samples(samples, control, study.analysis)

    return estimate
