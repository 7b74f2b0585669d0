"""Two samples compared unweighted and with every weighting, with balance, borrowing, power and rating."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.controls.borrowing import count_pieces, tabulate_borrowing
from prrt_outcomes.controls.control_results import (
    ControlResults,
    comparison_row,
    join_frames,
    read_difference,
)
from prrt_outcomes.controls.rating import rate_weighting, tabulate_power_two_samples
from prrt_outcomes.controls.sensitivity import tabulate_bias_sensitivity
from prrt_outcomes.controls.two_samples import TwoSamples, Weighting, compare_hazards, compare_two_samples
from prrt_outcomes.controls.weighted_curves import tabulate_overlap, tabulate_weighted_curves
from prrt_outcomes.controls.weighting import ESTIMANDS, MATCHED, bootstrap_hazard_ratio, fit_weighting
from prrt_outcomes.statistics.standardisation import fit_standardised_survival
from prrt_outcomes.statistics.weights import compute_balance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.study.controls import PatientsControl

NOT_BORROWED = ("ate", MATCHED)
FEWEST = 10


def compare_weightings(
    weightings: Sequence[Weighting],
    settings: AnalysisSettings,
    *,
    given: Sequence[dict] = (),
    published_means: Mapping[str, float] | None = None,
) -> ControlResults:
    """Compare two samples with every weighting, unweighted first; add borrowing, power, curves, overlap and ratings.

    `given` are further rows of `controls`; balance is held against `published_means` of a control whose patients have
    no covariates.
    """
    level, samples = settings.confidence.level, weightings[0].samples
    usable = [weighting for weighting in weightings if weighting.is_usable]
    rows = [row for weighting in weightings for row in compare_weighted(weighting, settings)] + [*given]
    balance = {
        w.label: tabulate_balance(w, published_means) for w in usable if len(w.samples.covariates.columns)
    }
    curves, at_risk = zip(*(tabulate_weighted_curves(w, settings) for w in usable), strict=True)
    borrowed = [
        tabulate_borrowing(count_pieces(w.samples, w.weights), w.samples.sizes, w.label, level)
        for w in usable
        if w.label not in NOT_BORROWED
    ]
    medians = {row["weights"]: row["value"] for row in rows if row["estimate"] == "median_control"}
    extra = [row for more, _ in borrowed for row in more]
    for label in dict.fromkeys(row["weights"] for row in rows):
        extra += tabulate_bias_sensitivity(
            [row for row in rows if row["weights"] == label],
            event_share=float(samples.event.mean()),
            control_median=medians.get(label, np.nan),
        )
    tables = {
        "control_balance": join_frames(balance.values()),
        "control_borrowing": join_frames(grid for _, grid in borrowed),
        "control_power": pd.DataFrame(tabulate_power_two_samples(samples, level)),
        "control_curves_fitted": join_frames(curves),
        "control_fitted_at_risk": join_frames(at_risk),
        "control_overlap": join_frames(tabulate_overlap(w) for w in usable),
        "control_verdicts": pd.DataFrame([rate_weighting(w, balance.get(w.label)) for w in weightings]),
    }
    return ControlResults([*rows, *extra], tables)


def compare_weighted(weighting: Weighting, settings: AnalysisSettings) -> list[dict]:
    """Rows of `controls` of one weighting: robust and bootstrap interval, and what is doubly robust."""
    if not weighting.is_usable:
        return [_row_without_weights(weighting)]
    rows = compare_two_samples(weighting, settings)
    rows[0]["note"] = weighting.note
    rows += bootstrap_hazard_ratio(weighting, settings, rows[0])
    return rows + _compare_standardised(weighting, settings)


def _row_without_weights(weighting: Weighting) -> dict:
    """Row of `controls` of a weighting that has no solution."""
    return comparison_row(
        "cox", "hazard_ratio", weights=weighting.label, status=weighting.status, note=weighting.note
    )


def _compare_standardised(weighting: Weighting, settings: AnalysisSettings) -> list[dict]:
    """Doubly robust survival difference at the milestones; needs scores, and everybody there from the start."""
    samples = weighting.samples
    if weighting.label not in ESTIMANDS or weighting.score is None or samples.entry_months is not None:
        return []
    estimand, level = ESTIMANDS[weighting.label], settings.confidence.level
    data = samples.data, samples.in_cohort, samples.covariates, weighting.score
    found = fit_standardised_survival(*data, settings.milestones_months, estimand=estimand, confidence=level)
    shared: dict = {"weights": weighting.label, "assumption": found.method} | samples.sizes
    return [
        comparison_row(
            "standardised", "survival_difference", horizon_months=row.time, **read_difference(row), **shared
        )
        for row in found.table.itertuples()
    ]


def tabulate_balance(
    weighting: Weighting, published_means: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Rows of `control_balance` of one weighting; published means have no variance, so no standardised difference."""
    samples = weighting.samples
    found = compute_balance(samples.in_cohort, samples.covariates, weighting.weights)
    suffix = "" if weighting.weights is None else "_weighted"
    level = found["level"].fillna("")
    table = pd.DataFrame(
        {
            "covariate": found["term"].where(level == "", found["term"] + "=" + level),
            "weights": weighting.label,
            "mean": found[f"mean_cohort{suffix}"],
            "mean_control": found[f"mean_control{suffix}"],
            "smd": found[f"smd{suffix}"],
            "status": found["status"].replace("no_variance", "not_estimable"),
        }
    )
    if published_means is None:
        return table
    means = table["covariate"].map(published_means).astype(float)
    return table.assign(mean_control=means, smd=np.nan, status="not_estimable")


def estimate_hazard_ratio(
    samples: TwoSamples | None, control: PatientsControl | None, settings: AnalysisSettings
) -> dict:
    """Cox row of two samples by the first weighting that the control asks for; unweighted for None."""
    label = control.weights[0] if control is not None and control.weights else "none"
    if samples is None or min(samples.sizes.values()) < FEWEST:
        return comparison_row("cox", "hazard_ratio", weights=label, status="too_few")
    weighting = Weighting("none", samples)
    if control is not None and control.weights:
        weighting, _ = fit_weighting(samples, control, label)
    if not weighting.is_usable:
        return _row_without_weights(weighting)
    samples = weighting.samples
    sizes = samples.sizes | ({} if weighting.weights is None else weighting.effective_sizes)
    shared: dict = {"weights": label, "observed": float(samples.event[samples.in_cohort].sum())}
    return compare_hazards(weighting, settings, shared | sizes)
