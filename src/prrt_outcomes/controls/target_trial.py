"""The trial that a comparison with individual controls imitates: each element on both sides, and what it may do."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from prrt_outcomes.controls.control_results import Comparison
from prrt_outcomes.controls.two_samples import TwoSamples, select_source
from prrt_outcomes.study.controls import PatientsControl
from prrt_outcomes.study.endpoints import EndpointDefinition

WORDS: dict = yaml.safe_load(Path(__file__).with_name("target_trial.yaml").read_text("utf-8"))
NOT_STATED: str = WORDS["not_stated"]
TARGET_PATIENTS: dict[str, str] = WORDS["targets"]
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
    alone = [WORDS["alone"].format(column=column) for column in unknown]
    adjusted = ", ".join(control.covariates) or "nothing"
    late = [int((samples.entry[side] > 0).sum()) for _, side in samples.sides()]
    origin = str(getattr(definition.origin, "column", definition.origin)).replace("_", " ")
    entry = "; ".join([*alone, *([] if population else [WORDS["eligibility"]])])
    begins = origin in ("first cycle", "treatment start")
    grace = (WORDS["no_grace"] if begins else NOT_STATED, NOT_STATED, WORDS["grace_period"])
    given = ("PRRT as given", "as treated there", WORDS["assignment"].format(covariates=adjusted))
    zero = "" if control.origin else WORDS["time_zero"]
    entries = (*(f"{n} enter late" for n in late), WORDS["left_truncation"] if any(late) else "")
    who = f"{ours} patients{rules}", f"{theirs} patients{source}{shared}{population}"
    return [
        ("eligibility", *who, entry, ours, theirs),
        ("assignment", *given),
        ("time_zero", origin, control.origin or NOT_STATED, zero),
        ("grace_period", *grace),
        ("left_truncation", *entries, *late),
    ]


def _describe_calendar(comparison: Comparison, control: PatientsControl) -> Element:
    """Years of treatment of both sides, and how many of our patients were treated in the control's."""
    years = pd.to_datetime(comparison.cohort.frame["first_cycle"]).dt.year.dropna().to_numpy(dtype=float)
    ours = f"{years.min():.0f} to {years.max():.0f}" if len(years) else NOT_STATED
    first, last = control.enrolment_start_year, control.enrolment_end_year
    if first is None or last is None or not len(years):
        theirs = NOT_STATED if first is None or last is None else f"{first} to {last}"
        return ("calendar", ours, theirs, WORDS["calendar"])
    share = float(np.mean((years >= first) & (years <= last)))
    return ("calendar", ours, f"{first} to {last}", WORDS["calendar_share"].format(share=share))


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
    estimand = "; ".join(TARGET_PATIENTS[w] for w in control.weights) or WORDS["no_estimand"]
    apart = WORDS["follow_up"] if min(longest) < 0.8 * max(longest) else ""
    cases = WORDS["missing_covariates"] + (WORDS["imputed"] if imputed else "") if any(missing) else ""
    return [
        ("outcome", title, title + criterion, "" if criterion else WORDS["outcome"]),
        ("follow_up", *(f"longest {months:.1f} months" for months in longest), apart),
        ("missing_covariates", *(f"{n} patients" for n in missing), cases, *missing),
        ("estimand", estimand, estimand, "" if control.weights else WORDS["estimand"]),
    ]
