"""A published curve as control: reconstructed, checked against what was published, compared as two samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import derive_covariates
from prrt_outcomes.controls.control_results import ComparisonData, ControlResults
from prrt_outcomes.controls.rating import NO_COMPARISON, rate_published
from prrt_outcomes.controls.reconstruction import (
    REFUSED,
    Reconstruction,
    is_accepted,
    measure_quality,
    reconstruct_patients,
)
from prrt_outcomes.controls.reference_curves import (
    CURVE_TABLES,
    DigitisedCurve,
    clean_digitised_curve,
    clean_points,
    compare_with_given_curve,
    select_curve,
)
from prrt_outcomes.controls.sensitivity import vary_choices
from prrt_outcomes.controls.two_samples import (
    CONTROL,
    SHORTEST_MONTHS,
    TwoSamples,
    Weighting,
    stack_sides,
    start_at,
)
from prrt_outcomes.controls.weighted_comparison import compare_weightings, estimate_hazard_ratio
from prrt_outcomes.controls.weighting import (
    convert_baseline_to_targets,
    fit_maic_weighting,
    list_baseline_covariates,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier

if TYPE_CHECKING:
    from prrt_outcomes.study.controls import CurveControl
    from prrt_outcomes.survival.endpoint_rows import EndpointRows


@dataclass(frozen=True)
class CurveReading:
    """What is made of a published curve.

    `given` are rows of `controls` against the curve as published, there even where it is not reconstructed;
    `patients` are reconstructed and accepted; `quality` (`reconstruction_quality`) and `overlay`
    (`control_reconstruction`) lack control, arm and endpoint; `reason` says why there is no reconstruction.
    """

    given: list[dict]
    patients: Reconstruction | None
    quality: pd.DataFrame
    overlay: pd.DataFrame
    reason: str


@dataclass(frozen=True)
class CurveComparison:
    """A published curve as control."""

    data: ComparisonData[CurveControl]

    @property
    def described(self) -> CurveControl:
        """What the study says of the control."""
        return self.data.control

    @cached_property
    def reading(self) -> CurveReading:
        """The reconstruction, or why there is none."""
        return read_curve(self.data)

    def compare(self) -> ControlResults:
        """The one-sample test against the curve as given, and two samples where the reconstruction is accepted."""
        control, read = self.described, self.reading
        tables = {
            "reconstruction_quality": read.quality.assign(arm=control.arm),
            "control_reconstruction": read.overlay.assign(arm=control.arm),
        }
        if read.patients is None:
            rating = rate_published(f"no two-sample comparison: {read.reason}", verdict=NO_COMPARISON)
            tables["control_verdicts"] = pd.DataFrame([rating])
            return ControlResults(read.given, tables, reason=read.reason)
        samples = stack_reconstruction(self.data.cohort, read.patients)
        weightings = [Weighting("none", samples)]
        if control.baseline:
            weightings.append(_weight_to_baseline(samples, self.data.cohort, control))
        means = {
            (item.covariate if not item.level else f"{item.covariate}={item.level}"): item.value
            for item in control.baseline
            if item.statistic in ("mean", "share")
        }
        found = compare_weightings(weightings, self.data.settings, given=read.given, published_means=means)
        return replace(found, tables=found.tables | tables)

    def estimate(self, cohort: EndpointRows, start: float = 0.0) -> dict:
        """Row of `controls` with the unweighted hazard ratio, from a start in months on both sides."""
        samples, patients = None, self.reading.patients
        if patients is not None and len(cohort.time_months):
            samples = start_at(stack_reconstruction(cohort, patients), start)
        return estimate_hazard_ratio(samples, None, self.data.settings)

    def vary(self) -> list[dict]:
        """The hazard ratio under other choices; none without a reconstruction."""
        if self.reading.patients is None:
            return []
        return vary_choices(self.data, self.described, self.estimate)


def read_curve(data: ComparisonData[CurveControl]) -> CurveReading:
    """Compare with a published curve as it is, and reconstruct its patients within stated limits."""
    control, nothing = data.control, pd.DataFrame()
    points, risk = (select_curve(data.tables[name], control) for name in CURVE_TABLES)
    place = f"for arm {control.arm} and {control.endpoint}"

    def refuse(reason: str, bare: DigitisedCurve | None = None) -> CurveReading:
        given = [] if bare is None else compare_with_given_curve(data.cohort, bare, data.level)
        return CurveReading(given, None, nothing, nothing, reason)

    if points.empty:
        return refuse(f"no points in control_curves {place}")
    bare = None
    try:
        bare = clean_points(points["time_months"], points["survival"])
        if risk.empty:
            return refuse(f"no rows in control_at_risk {place}: not reconstructed", bare)
        curve = clean_digitised_curve(
            points["time_months"],
            points["survival"],
            risk["time_months"],
            risk["n_at_risk"].astype("Float64"),
        )
    except ValueError as error:
        return refuse(f"the curve cannot be used: {error}", bare)
    given = compare_with_given_curve(data.cohort, curve, data.level, float(curve.at_risk[0]))
    patients = reconstruct_patients(curve, control.events)
    measures = measure_quality(curve, patients, control)
    quality, overlay = pd.DataFrame([vars(measure) for measure in measures]), _overlay(curve, patients)
    if is_accepted(measures):
        return CurveReading(given, patients, quality, overlay, "")
    refused = ", ".join(m.measure for m in measures if m.verdict == REFUSED)
    reason = f"the reconstruction is refused: {refused} beyond the limit"
    return CurveReading(given, None, quality, overlay, reason)


def stack_reconstruction(cohort: EndpointRows, found: Reconstruction) -> TwoSamples:
    """Our patients, and the reconstructed ones as control; the latter have no covariates."""
    n = len(found.time)
    time = np.maximum(found.time, SHORTEST_MONTHS)
    return stack_sides(cohort, time, found.event, np.zeros(n), np.full(n, CONTROL, dtype=object))


def _overlay(curve: DigitisedCurve, found: Reconstruction) -> pd.DataFrame:
    """Published points, and the rebuilt curve at its own times."""
    rebuilt = fit_kaplan_meier(SurvivalData(np.maximum(found.time, SHORTEST_MONTHS), found.event))
    parts = {
        "published": (curve.time, curve.survival),
        "reconstructed": (np.append(0.0, rebuilt.time), np.append(1.0, rebuilt.survival)),
    }
    frames = [
        pd.DataFrame({"curve": name, "time_months": time, "survival": survival})
        for name, (time, survival) in parts.items()
    ]
    return pd.concat(frames, ignore_index=True)


def _weight_to_baseline(samples: TwoSamples, cohort: EndpointRows, control: CurveControl) -> Weighting:
    """MAIC towards the published baseline; the reconstructed patients have no covariates and keep weight 1."""
    names = list_baseline_covariates(control.baseline)
    ours = derive_covariates(cohort.frame, names).reset_index(drop=True)
    targets = convert_baseline_to_targets(control.baseline, ours)
    padded = ours.reindex(range(len(samples.in_cohort)))
    kept = ~samples.in_cohort | padded.notna().all(axis=1).to_numpy()
    return fit_maic_weighting(replace(samples, covariates=padded).select(kept), targets)
