"""A published arm as control: one-sample tests, reweighting to its baseline table, borrowing and power."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from prrt_outcomes.cohort.grouping import derive_covariates
from prrt_outcomes.controls.borrowing import count_pieces_published, tabulate_borrowing
from prrt_outcomes.controls.control_results import ControlResults, comparison_row
from prrt_outcomes.controls.library import convert_arm_to_control, find_arm, list_subgroup_arms
from prrt_outcomes.controls.power import tabulate_power_published
from prrt_outcomes.controls.rating import rate_published
from prrt_outcomes.controls.reference_curves import (
    compare_with_published,
    derive_reference_curves,
    estimate_control_events,
)
from prrt_outcomes.controls.sensitivity import (
    Estimate,
    Sensitivity,
    tabulate_bias_sensitivity,
    vary_calendar,
    vary_horizon,
    vary_start,
    vary_tumour_type,
)
from prrt_outcomes.controls.vocabulary import name_tumour_types
from prrt_outcomes.controls.weighted_curves import tabulate_reference_curves
from prrt_outcomes.controls.weighting import convert_baseline_to_targets, summarise_replicates
from prrt_outcomes.statistics.maic import MaicResult, bootstrap_maic, fit_maic
from prrt_outcomes.statistics.resampling import draw_weights
from prrt_outcomes.statistics.weights import compute_effective_sample_size
from prrt_outcomes.survival.endpoint_rows import EndpointRows

if TYPE_CHECKING:
    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.study.controls import BaselineSummary, LibraryControl, PublishedControl
    from prrt_outcomes.study.model import Study

NOT_BALANCED = (
    "weak evidence: the patients of a published arm are not known one by one, so nothing can be balanced; "
    "read it with its comparability card"
)
PARTLY_BALANCED = (
    "weak evidence: only what the published baseline table names is balanced; "
    "read it with its comparability card"
)


def make_estimate(control: PublishedControl, confidence: float) -> Estimate:
    """The rate ratio against the fullest reference curve, for any of our patients."""

    def estimate(rows: EndpointRows, start: float) -> dict:
        if not len(rows.time_months):
            return comparison_row("rate_ratio", "hazard_ratio", status="too_few", n_control=control.n)
        return compare_with_published(rows, control, confidence)[1]

    return estimate


def compare_against_published(
    cohort: EndpointRows, control: PublishedControl, study: Study
) -> ControlResults:
    """Compare our patients with a published arm.

    Parameters
    ----------
    cohort : our patients
    control : the arm, written out
    study : section `analysis`

    Returns
    -------
    ControlResults with `control_balance` (of a published baseline), `control_borrowing`, `control_power`,
    `control_curves_fitted`, `control_fitted_at_risk`, `control_verdicts`.
    """
    settings = study.analysis
    level = settings.confidence.level
    references = derive_reference_curves(control)
    rows = compare_with_published(cohort, control, level)
    balance = pd.DataFrame()
    if control.baseline:
        more, balance = compare_reweighted(cohort, control, settings)
        rows += more
    events, _ = estimate_control_events(control)
    counts = count_pieces_published(cohort, references[0], events)
    shared = {"n": len(cohort.time_months), "n_control": control.n}
    borrowed, grid = tabulate_borrowing(counts, shared, "none", level)
    share = float((cohort.event == 1).mean())
    median = np.nan if control.median_months is None else control.median_months
    rows = [*rows, *borrowed, *tabulate_bias_sensitivity(rows, event_share=share, control_median=median)]
    curves, at_risk = tabulate_reference_curves(cohort, references, settings, control.n)
    power = [
        row for reference in references for row in tabulate_power_published(cohort, reference, events, level)
    ]
    words = PARTLY_BALANCED if len(balance) else NOT_BALANCED
    return ControlResults(
        rows,
        {
            "control_balance": balance,
            "control_borrowing": grid,
            "control_power": pd.DataFrame(power),
            "control_curves_fitted": curves,
            "control_fitted_at_risk": at_risk,
            "control_verdicts": pd.DataFrame([rate_published(words)]),
        },
    )


def vary_published(
    cohort: EndpointRows, control: PublishedControl, library: LibraryControl | None, study: Study
) -> list[Sensitivity]:
    """The rate ratio under other choices; with a library arm also against the same arm by tumour type."""
    level = study.analysis.confidence.level
    estimate = make_estimate(control, level)
    found = [
        *vary_horizon(cohort, control, estimate),
        *vary_start(cohort, estimate, study.analysis),
        *vary_calendar(cohort, estimate, level),
        *vary_tumour_type(
            cohort,
            name_tumour_types(control.tumour_types),
            estimate,
            "tumour types of the control",
            f"only our patients with {control.tumour_types}",
        ),
    ]
    for name in () if library is None else list_subgroup_arms(library.arm, library.endpoint):
        arm = find_arm(name, library.endpoint)
        subgroup = None if arm is None else convert_arm_to_control(library, arm)
        if subgroup is not None:
            found += vary_tumour_type(
                cohort,
                name_tumour_types(arm.tumour_types),
                make_estimate(subgroup, level),
                name,
                f"arm {name}, our patients with {arm.tumour_types}",
            )
    return found


def fit_baseline_weights(
    cohort: EndpointRows, baseline: tuple[BaselineSummary, ...]
) -> tuple[MaicResult | None, pd.DataFrame, list, str]:
    """Weigh the cohort to a published baseline table.

    Returns
    -------
    found : None where no weights meet the table
    covariates : of the cohort, one row a patient
    targets : of the table
    note : why there are no weights; empty where there are
    """
    names = tuple(dict.fromkeys(item.covariate for item in baseline))
    covariates = derive_covariates(cohort.frame, names).reset_index(drop=True)
    targets = convert_baseline_to_targets(baseline, covariates)
    try:
        return fit_maic(covariates, targets), covariates, targets, ""
    except ValueError as error:
        return None, covariates, targets, str(error)


def compare_reweighted(
    cohort: EndpointRows, control: PublishedControl, settings: AnalysisSettings
) -> tuple[list[dict], pd.DataFrame]:
    """Compare the weighted cohort with a published curve.

    Parameters
    ----------
    cohort : our patients
    control : `baseline`, median, milestones, n, events
    settings : section `analysis`

    Returns
    -------
    rows : of `controls`, weights ``maic``: for each reference curve weighted observed over expected events, with
        the robust variance (Taylor series, weights taken as known) and with the bootstrap that refits the
        weights; both carry the uncertainty of the published arm
    balance : of `control_balance` but for the column control
    """
    found, covariates, targets, note = fit_baseline_weights(cohort, control.baseline)
    shared = {"weights": "maic", "n": len(cohort.time_months), "n_control": control.n}
    if found is None:
        row = comparison_row("rate_ratio", "hazard_ratio", status="not_estimable", note=note, **shared)
        return [row], pd.DataFrame()
    used = np.isfinite(found.weights)
    kept, covariates = cohort.select(used), covariates.loc[used].reset_index(drop=True)
    weights = found.weights[used]
    event = (kept.event == 1).astype(float)
    shared |= {"n": int(used.sum()), "ess": compute_effective_sample_size(weights), "ess_control": control.n}
    if found.n_missing:
        shared["note"] = f"{found.n_missing} patients with a covariate missing are left out"
    rows = []
    for reference in derive_reference_curves(control):
        entry = 0.0 if kept.entry_months is None else kept.entry_months
        hazard = reference.curve.compute_cumulative_hazard
        expected = hazard(kept.time_months) - hazard(np.zeros(len(event)) + entry)
        events, how = estimate_control_events(control)
        point = _compare_weighted_rates(
            event, expected, weights, events, settings.confidence.level,
            shared | {"assumption": f"{reference.assumption}; {how}"},
        )  # fmt: skip
        rows.append(point)
        if np.isfinite(point["value"]):
            logs = _resample(kept, covariates, targets, event, expected, events, settings)
            rows.append(summarise_replicates(logs, settings.confidence.level, point))
    return rows, _tabulate(found)


def _compare_weighted_rates(event, expected, weights, events: float, confidence: float, shared: dict) -> dict:
    observed, total = float(weights @ event), float(weights @ expected)
    shared = shared | {"observed": observed, "expected": total}
    if observed == 0 or events == 0 or not total > 0:
        return comparison_row("rate_ratio", "hazard_ratio", status="no_events", **shared)
    influence = weights * (event / observed - expected / total)
    error = float(np.sqrt(influence @ influence + 1 / events))
    log_ratio = float(np.log(observed / total))
    half, z = float(ndtri(0.5 + confidence / 2)) * error, log_ratio / error
    return comparison_row(
        "rate_ratio",
        "hazard_ratio",
        value=float(np.exp(log_ratio)),
        low=float(np.exp(log_ratio - half)),
        high=float(np.exp(log_ratio + half)),
        std_error=error,
        statistic=z,
        p_value=float(2 * ndtr(-abs(z))),
        **shared,
    )


def _resample(
    cohort: EndpointRows, covariates, targets, event, expected, events: float, settings: AnalysisSettings
) -> np.ndarray:
    """Log ratios of the replicates: patients within centre, weights refitted, the arm's events as a gamma variable."""
    boot, found = settings.bootstrap, []
    generator = np.random.default_rng(boot.seed)
    centre = cohort.frame["centre_id"].astype("string").fillna("").to_numpy(dtype=object)
    for counts in draw_weights(len(event), boot.replicates, seed=boot.seed, stratum=centre):
        weights = bootstrap_maic(covariates, targets, counts)[0] * counts
        observed, total = weights @ event, weights @ expected
        control = generator.gamma(events, 1 / events, len(counts))
        ratio = np.divide(observed, total * control, out=np.full(len(counts), np.nan), where=total > 0)
        found.append(np.log(ratio, out=np.full(len(counts), np.nan), where=ratio > 0))
    return np.concatenate(found)


def _tabulate(found: MaicResult) -> pd.DataFrame:
    """Rows of `control_balance` before and after weighting; a published table has no variance for an SMD."""
    table = found.balance
    level = table["level"].where(table["level"] == "", "=" + table["level"])
    statistic = table["statistic"].replace({"mean": "", "share": ""}).str.replace("_", " ")
    name = table["covariate"] + level + statistic.where(statistic == "", ", " + statistic)
    parts = [
        pd.DataFrame(
            {
                "covariate": name,
                "weights": label,
                "mean": table[column],
                "mean_control": table["target"],
                "smd": np.nan,
                "status": "not_estimable",
            }
        )
        for label, column in (("none", "before"), ("maic", "after"))
    ]
    return pd.concat(parts, ignore_index=True)
