"""A published curve as control: reconstructed, checked against what was published, compared as two samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import derive_covariates
from prrt_outcomes.controls.control_results import ControlResults
from prrt_outcomes.controls.digitised import clean_digitised_curve, clean_points
from prrt_outcomes.controls.rating import rate_published
from prrt_outcomes.controls.reconstruction import (
    Reconstruction,
    is_accepted,
    measure_quality,
    median_of_points,
    reconstruct_patients,
)
from prrt_outcomes.controls.reference_curves import compare_with_given_curve
from prrt_outcomes.controls.sensitivity import Estimate, vary_calendar, vary_start
from prrt_outcomes.controls.two_samples import TwoSamples, compare_two_samples, label_centres
from prrt_outcomes.controls.weighted_comparison import (
    compare_weighted,
    describe_samples,
    make_estimate,
    tabulate_balance,
)
from prrt_outcomes.controls.weighting import Weighting, convert_baseline_to_targets, fit_maic_weighting

if TYPE_CHECKING:
    from prrt_outcomes.controls.sensitivity import Sensitivity
    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.study.controls import CurveControl
    from prrt_outcomes.study.model import Study
    from prrt_outcomes.survival.endpoint_rows import EndpointRows


def compare_against_curve(
    tables: dict[str, pd.DataFrame], cohort: EndpointRows, control: CurveControl, study: Study
) -> tuple[ControlResults, list[Sensitivity], Estimate | None]:
    """Compare our patients with a published curve.

    Returns
    -------
    findings : with `reconstruction_quality` and `control_reconstruction`; all else only where the reconstruction
        is accepted, but for the one-sample test against the curve as given
    sensitivity : the hazard ratio under other choices
    estimate : that gave it; None without a reconstruction
    """
    compared = reconstruct_curve(tables, cohort, control, study.analysis)
    quality = {
        "reconstruction_quality": compared.quality.assign(arm=control.arm),
        "control_reconstruction": compared.overlay.assign(arm=control.arm),
    }
    if compared.found is None:
        verdict = rate_published(f"no two-sample comparison: {compared.reason}", verdict="no_comparison")
        quality["control_verdicts"] = pd.DataFrame([verdict])
        return ControlResults(compared.given, quality, reason=compared.reason), [], None
    samples = stack_reconstruction(cohort, compared.found)
    rows = compare_two_samples(samples, study.analysis)
    weightings = [Weighting("none", samples, None)]
    balance: list[pd.DataFrame] = []
    if control.baseline:
        weighting = _weigh(samples, cohort, control)
        weightings.append(weighting)
        rows += compare_weighted(weighting, study.analysis)
        if weighting.weights is not None:
            balance.append(_tabulate(weighting, control))
    found = describe_samples([*rows, *compared.given], weightings, balance, study)

    def restack(part: EndpointRows) -> TwoSamples | None:
        return stack_reconstruction(part, compared.found) if len(part.time_months) else None

    estimate = make_estimate(restack, None, study)
    varied = [
        *vary_start(cohort, estimate, study.analysis),
        *vary_calendar(cohort, estimate, study.analysis.confidence.level),
    ]
    return ControlResults(found.rows, found.tables | quality), varied, estimate


def _weigh(samples: TwoSamples, cohort: EndpointRows, control: CurveControl) -> Weighting:
    """MAIC towards the published baseline; the reconstructed patients have no covariates and keep weight 1."""
    names = tuple(dict.fromkeys(item.covariate for item in control.baseline))
    ours = derive_covariates(cohort.frame, names).reset_index(drop=True)
    targets = convert_baseline_to_targets(control.baseline, ours)
    padded = ours.reindex(range(len(samples.in_cohort)))
    kept = ~samples.in_cohort | padded.notna().all(axis=1).to_numpy()
    return fit_maic_weighting(replace(samples, covariates=padded).select(kept), targets)


def _tabulate(weighting: Weighting, control: CurveControl) -> pd.DataFrame:
    """Balance against the published table: the control's means are the published ones, and have no variance."""
    table = tabulate_balance(weighting)
    published = {
        (item.covariate if not item.level else f"{item.covariate}={item.level}"): item.value
        for item in control.baseline
        if item.statistic in ("mean", "share")
    }
    return table.assign(
        mean_control=table["covariate"].map(published).astype(float), smd=np.nan, status="not_estimable"
    )


@dataclass(frozen=True)
class CurveComparison:
    """What a published curve gives.

    Attributes
    ----------
    given : rows of `controls` against the curve as it was published; there even where it is not reconstructed
    found : reconstructed patients, accepted; None where there are none
    quality : `reconstruction_quality` but for control, arm and endpoint
    overlay : `control_reconstruction` but for the same: published points and the rebuilt curve
    median : of the published points, months; nan where they do not reach it
    reason : why there is no reconstruction; empty where there is
    """

    given: list[dict]
    found: Reconstruction | None
    quality: pd.DataFrame
    overlay: pd.DataFrame
    median: float
    reason: str


def reconstruct_curve(
    tables: dict[str, pd.DataFrame], cohort: EndpointRows, control: CurveControl, settings: AnalysisSettings
) -> CurveComparison:
    """Hold the cohort against a published curve as it is, and reconstruct its patients within stated limits.

    Parameters
    ----------
    tables : control_curves, control_at_risk
    cohort : our patients
    control : arm, published events and median, limits of acceptance
    settings : section `analysis`
    """
    import pandas as pd

    nothing, nan = pd.DataFrame(), float("nan")
    points = _select(tables["control_curves"], control)
    risk = _select(tables["control_at_risk"], control)
    level = settings.confidence.level
    if points.empty:
        reason = f"no points in control_curves for arm {control.arm} and {control.endpoint}"
        return CurveComparison([], None, nothing, nothing, nan, reason)
    try:
        bare = clean_points(points["time_months"], points["survival"])
    except ValueError as error:
        return CurveComparison([], None, nothing, nothing, nan, f"the curve cannot be used: {error}")
    median = median_of_points(bare)
    if risk.empty:
        reason = f"no rows in control_at_risk for arm {control.arm} and {control.endpoint}: not reconstructed"
        given = compare_with_given_curve(cohort, bare, level)
        return CurveComparison(given, None, nothing, nothing, median, reason)
    try:
        curve = clean_digitised_curve(
            points["time_months"],
            points["survival"],
            risk["time_months"],
            risk["n_at_risk"].astype("Float64"),
        )
    except ValueError as error:
        given = compare_with_given_curve(cohort, bare, level)
        return CurveComparison(given, None, nothing, nothing, median, f"the curve cannot be used: {error}")
    given = compare_with_given_curve(cohort, curve, level, float(curve.at_risk[0]))
    found = reconstruct_patients(curve, control.events)
    measures = measure_quality(curve, found, control)
    quality = pd.DataFrame([vars(measure) for measure in measures])
    overlay = _overlay(curve, found)
    if is_accepted(measures):
        return CurveComparison(given, found, quality, overlay, median, "")
    refused = ", ".join(m.measure for m in measures if m.verdict == "refused")
    reason = f"the reconstruction is refused: {refused} beyond the limit"
    return CurveComparison(given, None, quality, overlay, median, reason)


def _select(table: pd.DataFrame, control: CurveControl) -> pd.DataFrame:
    own = table["control"].eq(control.id) & table["arm"].eq(control.arm)
    return table.loc[own & table["endpoint"].eq(control.endpoint)]


def stack_reconstruction(cohort: EndpointRows, found: Reconstruction) -> TwoSamples:
    """Our patients, and the reconstructed ones as control; the latter have no covariates."""
    import pandas as pd

    ours = np.zeros(len(cohort.time_months)) if cohort.entry_months is None else cohort.entry_months
    entry = np.concatenate([ours, np.zeros(len(found.time))])
    time = np.concatenate([cohort.time_months, np.maximum(found.time, 1e-6)])
    return TwoSamples(
        time_months=time,
        event=np.concatenate([cohort.event, found.event]) == 1,
        entry_months=entry if (entry > 0).any() else None,
        in_cohort=np.arange(len(time)) < len(ours),
        covariates=pd.DataFrame(index=range(len(time))),
        centre=np.concatenate(
            [label_centres(cohort.frame, "cohort"), np.full(len(found.time), "control", dtype=object)]
        ),
    )


def _overlay(curve, found: Reconstruction) -> pd.DataFrame:
    """Published points, and the rebuilt curve at its own times."""
    import pandas as pd

    from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier

    rebuilt = fit_kaplan_meier(np.maximum(found.time, 1e-6), found.event)
    return pd.concat(
        [
            pd.DataFrame({"curve": "published", "time_months": curve.time, "survival": curve.survival}),
            pd.DataFrame(
                {
                    "curve": "reconstructed",
                    "time_months": np.concatenate(([0.0], rebuilt.time)),
                    "survival": np.concatenate(([1.0], rebuilt.survival)),
                }
            ),
        ],
        ignore_index=True,
    )
