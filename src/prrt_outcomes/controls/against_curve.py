"""All that a published curve allows: the curve as it is, and the patients reconstructed from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import derive_covariates
from prrt_outcomes.controls.against_samples import describe_samples, make_judge
from prrt_outcomes.controls.curve import reconstruct_curve, stack_reconstruction
from prrt_outcomes.controls.findings import Findings
from prrt_outcomes.controls.individual import compare_weighted, tabulate_balance
from prrt_outcomes.controls.sensitivity import Judge, vary_calendar, vary_start
from prrt_outcomes.controls.two_sample import compare_two_samples
from prrt_outcomes.controls.verdicts import judge_published
from prrt_outcomes.controls.weighing import Weighting, convert_baseline_to_targets, weigh_to_targets

if TYPE_CHECKING:
    from prrt_outcomes.controls.cohorts import TwoSamples
    from prrt_outcomes.controls.sensitivity import Sensitivity
    from prrt_outcomes.study.controls import CurveControl
    from prrt_outcomes.study.model import Study
    from prrt_outcomes.survival.endpoint_rows import EndpointRows


def compare_against_curve(
    tables: dict[str, pd.DataFrame], cohort: EndpointRows, control: CurveControl, study: Study
) -> tuple[Findings, list[Sensitivity], Judge | None]:
    """Compare our patients with a published curve.

    Returns
    -------
    findings : with `reconstruction_quality` and `control_reconstruction`; all else only where the reconstruction
        is accepted, but for the one-sample test against the curve as given
    sensitivity : the hazard ratio under other choices
    judge : that gave it; None without a reconstruction
    """
    compared = reconstruct_curve(tables, cohort, control, study.analysis)
    quality = {
        "reconstruction_quality": compared.quality.assign(arm=control.arm),
        "control_reconstruction": compared.overlay.assign(arm=control.arm),
    }
    if compared.found is None:
        verdict = judge_published(f"no two-sample comparison: {compared.reason}", verdict="no_comparison")
        quality["control_verdicts"] = pd.DataFrame([verdict])
        return Findings(compared.given, quality, reason=compared.reason), [], None
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

    judge = make_judge(restack, None, study)
    varied = [
        *vary_start(cohort, judge, study.analysis),
        *vary_calendar(cohort, judge, study.analysis.confidence.level),
    ]
    return Findings(found.rows, found.tables | quality), varied, judge


def _weigh(samples: TwoSamples, cohort: EndpointRows, control: CurveControl) -> Weighting:
    """MAIC towards the published baseline; the reconstructed patients have no covariates and keep weight 1."""
    names = tuple(dict.fromkeys(item.covariate for item in control.baseline))
    ours = derive_covariates(cohort.frame, names).reset_index(drop=True)
    targets = convert_baseline_to_targets(control.baseline, ours)
    padded = ours.reindex(range(len(samples.in_cohort)))
    kept = ~samples.in_cohort | padded.notna().all(axis=1).to_numpy()
    return weigh_to_targets(replace(samples, covariates=padded).select(kept), targets)


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
