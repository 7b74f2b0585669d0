"""The trial that a comparison with individual controls imitates: each element on both sides, and what it may do."""

import numpy as np
import pandas as pd

from prrt_outcomes.controls.control_results import Comparison
from prrt_outcomes.controls.two_samples import TwoSamples, select_source
from prrt_outcomes.study.controls import PatientsControl
from prrt_outcomes.study.endpoints import EndpointDefinition

NOT_STATED = "not stated"
TARGET_PATIENTS = {
    "att": "patients as ours (ATT)",
    "overlap": "patients who could be in either group (overlap)",
    "ate": "both groups together (ATE)",
    "maic": "patients as the controls (MAIC)",
}
Element = tuple[str | int, ...]


def describe_target_trial(comparison: Comparison, samples: TwoSamples) -> pd.DataFrame:
    """Rows of `control_target_trial` but for the control, one an element of the trial that is imitated.

    What a side does not state is ``not stated``; a note says what is not as in a trial, and is empty where nothing is.
    `n` and `n_control` are the patients that an element counts.
    Source: Hernan and Robins 2016, American Journal of Epidemiology 183:758.
    """
    control, definition = comparison.control, comparison.definition
    assert isinstance(control, PatientsControl)
    theirs = select_source(comparison.tables["control_patients"], control)
    unknown = [name for name in control.within if name not in theirs or theirs[name].isna().all()]
    imputed = comparison.settings.multiple_imputation_sets > 1
    rows = [
        *_describe_start(control, definition, samples, unknown),
        _describe_calendar(comparison, control),
        *_describe_end(control, definition, samples, imputed=imputed),
    ]
    return pd.DataFrame(rows, columns=["element", "cohort", "control_value", "note", "n", "n_control"])


def _describe_start(
    control: PatientsControl, definition: EndpointDefinition, samples: TwoSamples, unknown: list[str]
) -> list[Element]:
    """Who is eligible, how treatment is assigned, and when time starts."""
    ours, theirs = samples.sizes.values()
    within = {column: f"{column}: {', '.join(levels)}" for column, levels in control.within.items()}
    both = [words for column, words in within.items() if column not in unknown]
    rules, shared = (f" ({'; '.join(words)})" if words else "" for words in (within.values(), both))
    source = f" of {control.source}" if control.source else ""
    population = f"; {control.population}" if control.population else ""
    not_stated = "the control's rules of entry are not stated: patients unfit for treatment may be among them"
    alone = [f"{column} is not known of the control and restricts the cohort alone" for column in unknown]
    adjusted = ", ".join(control.covariates) or "nothing"
    late = [int((samples.entry[side] > 0).sum()) for _, side in samples.sides()]
    no_zero = "whether time starts when a patient could have been treated is not known: a later start favours its side"
    origin = str(getattr(definition.origin, "column", definition.origin)).replace("_", " ")
    return [
        (
            "eligibility",
            f"{ours} patients{rules}",
            f"{theirs} patients{source}{shared}{population}",
            "; ".join(words for words in (*alone, "" if population else not_stated) if words),
            ours,
            theirs,
        ),
        (
            "assignment",
            "PRRT as given",
            "as treated there",
            f"not randomised: adjusted for {adjusted}; what is not listed is not",
        ),
        ("time_zero", origin, control.origin or NOT_STATED, "" if control.origin else no_zero),
        (
            "grace_period",
            "none: treatment starts with time"
            if origin in ("first cycle", "treatment start")
            else NOT_STATED,
            NOT_STATED,
            "patients who die while waiting for treatment are not in the cohort, but may be in the control",
        ),
        (
            "left_truncation",
            *(f"{n} enter late" for n in late),
            "late entries count as at risk from their entry on" if any(late) else "",
            *late,
        ),
    ]


def _describe_calendar(comparison: Comparison, control: PatientsControl) -> Element:
    """Years of treatment of both sides, and how many of our patients were treated in the control's."""
    years = pd.to_datetime(comparison.cohort.frame["first_cycle"]).dt.year.dropna().to_numpy(dtype=float)
    ours = f"{years.min():.0f} to {years.max():.0f}" if len(years) else NOT_STATED
    first, last = control.enrolment_start_year, control.enrolment_end_year
    if first is None or last is None or not len(years):
        note = "imaging, later therapies and care change over time: the effect of the era cannot be estimated"
        return ("calendar", ours, NOT_STATED if first is None or last is None else f"{first} to {last}", note)
    share = float(np.mean((years >= first) & (years <= last)))
    note = f"{share:.0%} of our patients were treated in the years of the control"
    return ("calendar", ours, f"{first} to {last}", note)


def _describe_end(
    control: PatientsControl, definition: EndpointDefinition, samples: TwoSamples, *, imputed: bool
) -> list[Element]:
    """Outcome, follow-up, missing covariates and estimand."""
    sides = [members for _, members in samples.sides()]
    longest = [float(samples.time_months[side].max()) for side in sides]
    complete = samples.covariates.notna().all(axis=1).to_numpy()
    missing = [int((~complete & side).sum()) for side in sides]
    title = definition.title or definition.name
    criterion = f", {control.criterion}" if control.criterion else ""
    unmeasured = "how the control's outcome was measured is not stated"
    beyond = "differences beyond the shorter follow-up rest on one side"
    estimand = "; ".join(TARGET_PATIENTS[w] for w in control.weights) or "none: groups as they are"
    return [
        ("outcome", title, title + criterion, "" if criterion else unmeasured),
        (
            "follow_up",
            *(f"longest {months:.1f} months" for months in longest),
            beyond if min(longest) < 0.8 * max(longest) else "",
        ),
        (
            "missing_covariates",
            *(f"{n} patients" for n in missing),
            f"weights use complete cases{'; beside them missing values are imputed' if imputed else ''}"
            if any(missing)
            else "",
            *missing,
        ),
        ("estimand", estimand, estimand, "" if control.weights else "the two groups are not made alike"),
    ]
