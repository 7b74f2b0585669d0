"""Individual patients as control: every weighting that the study asks for, and the trial that this emulates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from prrt_outcomes.controls.control_results import ComparisonData, ControlResults
from prrt_outcomes.controls.sensitivity import sensitivity_row, vary_choices
from prrt_outcomes.controls.two_samples import Weighting, select_cohort, stack_samples, start_at
from prrt_outcomes.controls.weighted_comparison import compare_weightings, estimate_hazard_ratio
from prrt_outcomes.controls.weighting import fit_weighting, list_weightings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prrt_outcomes.controls.two_samples import TwoSamples
    from prrt_outcomes.study.controls import PatientsControl
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
