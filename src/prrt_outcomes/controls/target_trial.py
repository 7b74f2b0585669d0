"""The trial that a comparison with individual controls imitates, element by element, and where it falls short."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from prrt_outcomes.controls.cohorts import TwoSamples
    from prrt_outcomes.study.controls import PatientsControl
    from prrt_outcomes.study.endpoints import EndpointDefinition

ESTIMANDS = {
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
    estimand = "; ".join(ESTIMANDS[w] for w in control.weights) or "none: groups as they are"
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
