"""Individual patients as control: the trial that the comparison emulates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.controls.control_results import ControlResults
from prrt_outcomes.controls.sensitivity import (
    Estimate,
    Sensitivity,
    vary_calendar,
    vary_covariates,
    vary_start,
)
from prrt_outcomes.controls.two_samples import TwoSamples, stack_samples
from prrt_outcomes.controls.weighted_comparison import compare_individuals, describe_samples, make_estimate

if TYPE_CHECKING:
    from prrt_outcomes.study.controls import PatientsControl
    from prrt_outcomes.study.endpoints import EndpointDefinition
    from prrt_outcomes.study.model import Study
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

TARGET_PATIENTS = {
    "att": "patients as ours (ATT)",
    "overlap": "patients who could be in either group (overlap)",
    "ate": "both groups together (ATE)",
    "maic": "patients as the controls (MAIC)",
}


def describe_target_trial(
    samples: TwoSamples, control: PatientsControl, definition: EndpointDefinition | None
) -> list[dict]:
    """Describe the emulated trial.

    Parameters
    ----------
    samples : cohort and control
    control : covariates, weights, what is said of the control
    definition : of the endpoint, where the study defines it

    Returns
    -------
    Rows of `control_target_trial` but for the control: element, cohort, control_value, note. A note says what is
    not as in a trial; it is empty where nothing is.
    """
    inside = samples.in_cohort
    entry = np.zeros(len(inside)) if samples.entry_months is None else samples.entry_months
    late = [int((entry[side] > 0).sum()) for side in (inside, ~inside)]
    sizes = int(inside.sum()), int((~inside).sum())
    origin = "as reported" if definition is None else _name_origin(definition)
    within = "; ".join(f"{column}: {', '.join(levels)}" for column, levels in control.within.items())
    complete = samples.covariates.notna().all(axis=1).to_numpy()
    missing = [int((~complete & side).sum()) for side in (inside, ~inside)]
    longest = [float(samples.time_months[side].max()) for side in (inside, ~inside)]
    estimand = "; ".join(TARGET_PATIENTS[w] for w in control.weights) or "none: groups as they are"
    return [
        _element(
            "eligibility",
            f"{sizes[0]} patients{f' ({within})' if within else ''}",
            f"{sizes[1]} patients{f' of {control.source}' if control.source else ''}"
            f"{f'; {control.population}' if control.population else ''}",
            "" if control.population else "the control's rules of entry are not stated",
        ),
        _element(
            "assignment",
            "PRRT as given",
            "as treated there",
            f"not randomised: adjusted for {', '.join(control.covariates) or 'nothing'}; what is not listed is not",
        ),
        _element(
            "time_zero",
            origin,
            control.origin or "not stated",
            ""
            if control.origin
            else "whether time zero is when a patient could have been treated is not known",
        ),
        _element(
            "left_truncation",
            f"{late[0]} enter late",
            f"{late[1]} enter late",
            "late entries count as at risk from their entry on" if any(late) else "",
        ),
        _element(
            "outcome",
            control.endpoint if definition is None else definition.title or definition.name,
            control.endpoint + (f", {control.criterion}" if control.criterion else ""),
            "" if control.criterion else "how the control's outcome was measured is not stated",
        ),
        _element(
            "follow_up",
            f"longest {longest[0]:.1f} months",
            f"longest {longest[1]:.1f} months",
            "differences beyond the shorter follow-up rest on one side"
            if min(longest) < 0.8 * max(longest)
            else "",
        ),
        _element(
            "missing_covariates",
            f"{missing[0]} patients",
            f"{missing[1]} patients",
            "weights use complete cases only" if any(missing) else "",
        ),
        _element(
            "estimand", estimand, estimand, "" if control.weights else "the two groups are not made alike"
        ),
    ]


def _element(name: str, cohort: str, control_value: str, note: str) -> dict:
    return {"element": name, "cohort": cohort, "control_value": control_value, "note": note}


def _name_origin(definition: EndpointDefinition) -> str:
    return str(getattr(definition.origin, "column", definition.origin)).replace("_", " ")


def compare_against_patients(
    tables: dict[str, pd.DataFrame],
    cohort: EndpointRows,
    control: PatientsControl,
    study: Study,
    definition: EndpointDefinition | None,
) -> ControlResults:
    """Compare our patients with a control whose patients are known one by one."""
    samples, losses = stack_samples(tables, cohort, control)
    if samples is None:
        return ControlResults(losses=losses, reason=f"no patient of the control has {control.endpoint}")
    compared = compare_individuals(samples, control, study.analysis)
    found = describe_samples(compared.rows, compared.weightings, compared.balance, study)
    found.tables["control_target_trial"] = pd.DataFrame(describe_target_trial(samples, control, definition))
    return ControlResults(found.rows, found.tables, [*losses, *compared.losses])


def vary_patients(
    tables: dict[str, pd.DataFrame], cohort: EndpointRows, control: PatientsControl, study: Study
) -> tuple[list[Sensitivity], Estimate]:
    """The weighted hazard ratio under other choices, and the estimate that gave it."""

    def restack(rows: EndpointRows) -> TwoSamples | None:
        return stack_samples(tables, rows, control)[0] if len(rows.time_months) else None

    estimate = make_estimate(restack, control, study)
    samples = restack(cohort)
    found = [*vary_start(cohort, estimate, study.analysis)]
    found += vary_calendar(cohort, estimate, study.analysis.confidence.level)
    if samples is not None:
        found += vary_covariates(samples, control, study.analysis)
    return found, estimate
