"""Controls with patients, given or reconstructed from a published curve, and compared as two samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

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
from prrt_outcomes.controls.sensitivity import sensitivity_row, vary_choices
from prrt_outcomes.controls.two_samples import (
    CONTROL,
    SHORTEST_MONTHS,
    TwoSamples,
    Weighting,
    select_cohort,
    stack_samples,
    stack_sides,
    start_at,
)
from prrt_outcomes.controls.weighted_comparison import compare_weightings, estimate_hazard_ratio
from prrt_outcomes.controls.weighting import (
    derive_targets,
    fit_maic_weighting,
    fit_weighting,
    list_weightings,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prrt_outcomes.study.controls import CurveControl, PatientsControl
    from prrt_outcomes.study.endpoints import EndpointDefinition
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

TRIAL_COLUMNS = ("element", "cohort", "control_value", "note")
ELEMENTS = (
    "eligibility", "assignment", "time_zero", "left_truncation",
    "outcome", "follow_up", "missing_covariates", "estimand",
)  # fmt: skip
TARGET_PATIENTS = {
    "att": "patients as ours (ATT)",
    "overlap": "patients who could be in either group (overlap)",
    "ate": "both groups together (ATE)",
    "maic": "patients as the controls (MAIC)",
}


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
        published = points["time_months"], points["survival"]
        bare = clean_points(*published)
        if risk.empty:
            return refuse(f"no rows in control_at_risk {place}: not reconstructed", bare)
        numbers = risk["n_at_risk"].astype("Float64")
        curve = clean_digitised_curve(*published, risk["time_months"], numbers)
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
    columns = ("time_months", "survival")
    frames = [
        pd.DataFrame(dict(zip(columns, at, strict=True))).assign(curve=name) for name, at in parts.items()
    ]
    return pd.concat(frames, ignore_index=True)


def _weight_to_baseline(samples: TwoSamples, cohort: EndpointRows, control: CurveControl) -> Weighting:
    """MAIC towards the published baseline; the reconstructed patients have no covariates and keep weight 1."""
    ours, targets = derive_targets(control.baseline, cohort.frame)
    padded = ours.reindex(range(len(samples.in_cohort)))
    kept = ~samples.in_cohort | padded.notna().all(axis=1).to_numpy()
    return fit_maic_weighting(replace(samples, covariates=padded).select(kept), targets)


@dataclass(frozen=True)
class PatientsComparison:
    """Individual patients as control."""

    data: ComparisonData[PatientsControl]

    @property
    def described(self) -> PatientsControl:
        """What the study says of the control."""
        return self.data.control

    @cached_property
    def stacked(self) -> tuple[TwoSamples | None, list[dict]]:
        """Both sides, None where the control has nobody, and the patients that are lost."""
        return stack_samples(self.data.tables, self.data.cohort, self.described)

    def compare(self) -> ControlResults:
        """Unweighted always, and every weighting that the control asks for."""
        control, (samples, losses) = self.described, self.stacked
        if samples is None:
            return ControlResults(losses=losses, reason=f"no patient of the control has {control.endpoint}")
        fitted = [fit_weighting(samples, control, label) for label in list_weightings(control)]
        weightings = [Weighting("none", samples), *(weighting for weighting, _ in fitted)]
        found = compare_weightings(weightings, self.data.settings)
        trial = pd.DataFrame(describe_target_trial(samples, control, self.data.definition))
        losses = [*losses, *(row for _, lost in fitted for row in lost)]
        return replace(found, tables=found.tables | {"control_target_trial": trial}, losses=losses)

    def estimate(self, cohort: EndpointRows, start: float = 0.0) -> dict:
        """Row of `controls` with the hazard ratio by the first weighting, from a start in months on both sides."""
        samples = None
        if len(cohort.time_months):
            samples, _ = stack_samples(self.data.tables, cohort, self.described)
        if samples is not None:
            samples = start_at(samples, start)
        return estimate_hazard_ratio(samples, self.described, self.data.settings)

    def vary(self) -> list[dict]:
        """The weighted hazard ratio under other choices; none where the control has nobody."""
        samples, _ = self.stacked
        if samples is None:
            return []
        more = [*self._vary_covariates(samples), *self._compare_negative_control()]
        return vary_choices(self.data, self.described, self.estimate, more=more)

    def _vary_covariates(self, samples: TwoSamples) -> Iterator[dict]:
        """The weighted comparison with each covariate left out of the weights in turn."""
        control = self.described
        for name in control.covariates if control.weights and len(control.covariates) > 1 else ():
            fewer = [other for other in control.covariates if other != name]
            part = replace(samples, covariates=samples.covariates[fewer])
            row = estimate_hazard_ratio(part, control, self.data.settings)
            yield sensitivity_row("leave_one_out", f"without {name}", row)

    def _compare_negative_control(self) -> Iterator[dict]:
        """The weighted comparison of an outcome that treatment cannot change."""
        control, data = self.described, self.data
        if control.negative_control is None:
            return
        changed = control.model_copy(update={"endpoint": control.negative_control})
        cohort, _ = select_cohort(data.tables, changed)
        if cohort is not None:
            samples, _ = stack_samples(data.tables, cohort, changed)
            row = estimate_hazard_ratio(samples, control, data.settings)
            note = "treatment cannot change this outcome: a ratio away from 1 is what confounding alone does"
            yield sensitivity_row("negative_control", control.negative_control, row, note)


def describe_target_trial(
    samples: TwoSamples, control: PatientsControl, definition: EndpointDefinition | None
) -> list[dict]:
    """Rows of `control_target_trial` but for the control, one an element of the emulated trial.

    A note says what is not as in a trial; it is empty where nothing is.
    """
    origin, outcome = "as reported", control.endpoint
    if definition is not None:
        origin = str(getattr(definition.origin, "column", definition.origin)).replace("_", " ")
        outcome = definition.title or definition.name
    within = "; ".join(f"{column}: {', '.join(levels)}" for column, levels in control.within.items())
    estimand = "; ".join(TARGET_PATIENTS[w] for w in control.weights) or "none: groups as they are"
    source = f" of {control.source}" if control.source else ""
    population = f"; {control.population}" if control.population else ""
    criterion = f", {control.criterion}" if control.criterion else ""
    adjusted = ", ".join(control.covariates) or "nothing"
    ours, theirs = samples.sizes.values()
    who = f"{ours} patients" + (f" ({within})" if within else "")
    no_rules = "" if population else "the control's rules of entry are not stated"
    not_random = f"not randomised: adjusted for {adjusted}; what is not listed is not"
    no_zero = (
        "" if control.origin else "whether time zero is when a patient could have been treated is not known"
    )
    no_measure = "" if criterion else "how the control's outcome was measured is not stated"
    rows = _describe_follow_up(samples) | {
        "eligibility": (who, f"{theirs} patients{source}{population}", no_rules),
        "assignment": ("PRRT as given", "as treated there", not_random),
        "time_zero": (origin, control.origin or "not stated", no_zero),
        "outcome": (outcome, control.endpoint + criterion, no_measure),
        "estimand": (estimand, estimand, "" if control.weights else "the two groups are not made alike"),
    }
    return [dict(zip(TRIAL_COLUMNS, (name, *rows[name]), strict=True)) for name in ELEMENTS]


def _describe_follow_up(samples: TwoSamples) -> dict[str, tuple[str, str, str]]:
    """Late entry, follow-up and missing covariates: cohort, control, note."""
    sides = [members for _, members in samples.sides()]
    complete = samples.covariates.notna().all(axis=1).to_numpy()
    late = [int((samples.entry[side] > 0).sum()) for side in sides]
    missing = [int((~complete & side).sum()) for side in sides]
    longest = [float(samples.time_months[side].max()) for side in sides]
    entries = "late entries count as at risk from their entry on" if any(late) else ""
    beyond = "differences beyond the shorter follow-up rest on one side"
    uneven = beyond if min(longest) < 0.8 * max(longest) else ""
    cases = "weights use complete cases only" if any(missing) else ""
    return {
        "left_truncation": (f"{late[0]} enter late", f"{late[1]} enter late", entries),
        "follow_up": (f"longest {longest[0]:.1f} months", f"longest {longest[1]:.1f} months", uneven),
        "missing_covariates": (f"{missing[0]} patients", f"{missing[1]} patients", cases),
    }
