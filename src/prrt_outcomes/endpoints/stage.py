"""Stage `endpoints`: times to event with their reasons, and one row a patient for the analyses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from prrt_outcomes.attrition import attrition_frame, attrition_row
from prrt_outcomes.endpoints.analysis_set import compute_cycles_after, derive_analysis_set
from prrt_outcomes.endpoints.derivation import EndpointSettings, derive_endpoint
from prrt_outcomes.endpoints.facts import Facts, derive_facts
from prrt_outcomes.endpoints.origin import find_primary_reader, origin_columns
from prrt_outcomes.endpoints.reasons import EXCLUSION_REASONS
from prrt_outcomes.endpoints.reported import combine_reported, derive_reported, stack_frames
from prrt_outcomes.errors import InputError
from prrt_outcomes.stage_status import stage_frame
from prrt_outcomes.study.endpoints import EndpointDefinition
from prrt_outcomes.tables.frames import conform_table

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study

INPUTS = (
    "patients",
    "cycles",
    "therapies",
    "assessments",
    "labs",
    "adverse_events",
    "follow_up",
    "reported_outcomes",
    "treatment_periods",
    "responses",
    "best_responses",
)
OUTPUTS = ("endpoints", "endpoint_exclusions", "reported_differences", "analysis_set")
SETTINGS = (
    "data_cutoff",
    "response",
    "endpoints",
    "assessment_interval_days",
    "assessment_window_days",
    "partial_dates",
    "new_anticancer_therapy",
    "extra_columns",
)


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Derive every endpoint of the study and the analysis set.

    Parameters
    ----------
    tables : the tables of `INPUTS` as typed frames
    study : endpoints, data cut-off, partial dates, scan interval, therapies, response settings

    Returns
    -------
    dict
        the tables of `OUTPUTS`, `attrition` and `stages`.

    Raises
    ------
    InputError
        with every date that lies before its origin.
    """
    settings = endpoint_settings(study)
    facts = derive_study_facts(tables, study)
    frames, differences, losses = derive_endpoints(tables["reported_outcomes"], study, settings, facts)
    rows = stack_frames(frames)
    losses += _count_unused(tables["reported_outcomes"], study)
    kept = rows[rows["exclusion"] == ""]
    excluded = rows[rows["exclusion"] != ""]
    excluded = excluded[["patient_id", "endpoint"]].assign(
        reason=excluded["exclusion"], description=excluded["exclusion"].map(EXCLUSION_REASONS)
    )
    known = next(iter(facts.values()))
    reader = find_primary_reader(known, study.response, study.response.criteria[0])
    analysis = derive_analysis_set(
        tables["patients"],
        tables["treatment_periods"],
        tables["best_responses"],
        study.response,
        reader,
        compute_cycles_after(
            tables["cycles"], tables["treatment_periods"], _first_progression(known, settings)
        ),
    )
    return {
        "endpoints": conform_table("endpoints", kept.drop(columns="exclusion")),
        "endpoint_exclusions": conform_table("endpoint_exclusions", excluded),
        "reported_differences": conform_table("reported_differences", differences),
        "analysis_set": conform_table("analysis_set", analysis),
        "attrition": attrition_frame(losses),
        "stages": _stage_row(kept, study),
    }


def endpoint_settings(study: Study) -> EndpointSettings:
    """Gather the settings that all endpoints share."""
    return EndpointSettings(
        response=study.response,
        interval_days=study.assessment_interval_days,
        window_days=study.assessment_window_days,
        therapies=study.new_anticancer_therapy,
    )


def derive_study_facts(
    tables: dict[str, pd.DataFrame], study: Study, rule: str | None = None
) -> dict[str, Facts]:
    """What is known, by what the endpoints of the study do with the data cut-off (`censor`, `ignore`)."""
    return {
        key: derive_facts(
            tables,
            rule=rule or study.partial_dates,
            new_anticancer_therapy=study.new_anticancer_therapy,
            cutoff=None if key == "ignore" else study.data_cutoff,
            origin_columns=origin_columns(study.endpoints),
        )
        for key in dict.fromkeys(definition.data_cutoff for definition in study.endpoints)
    }


def derive_endpoints(
    reported: pd.DataFrame, study: Study, settings: EndpointSettings, facts: dict[str, Facts]
) -> tuple[list[pd.DataFrame], pd.DataFrame, list[dict]]:
    """All endpoints of the study, derived or as reported, with what differs and what is lost."""
    frames, differences, losses, problems = [], [], [], []
    for definition in study.endpoints:
        try:
            derived = derive_endpoint(facts[definition.data_cutoff], definition, settings)
        except InputError as error:
            problems += [problem for problem in error.problems if problem not in problems]
            continue
        rows, differ = combine_reported(derived, derive_reported(reported, definition.name))
        frames.append(rows)
        differences.append(differ)
        losses += _count_losses(rows, definition.name)
    if problems:
        raise InputError(problems)
    return frames, stack_frames(differences), losses


def _count_losses(rows: pd.DataFrame, endpoint: str) -> list[dict]:
    """Patients without a time for an endpoint, by reason."""
    counted, before = [], len(rows)
    for code, words in EXCLUSION_REASONS.items():
        lost = int((rows["exclusion"] == code).sum())
        if lost:
            counted.append(
                attrition_row("endpoints", "patients", f"endpoints: {endpoint}", words, before, lost)
            )
            before -= lost
    return counted


def _count_unused(reported: pd.DataFrame, study: Study) -> list[dict]:
    """Reported outcomes of endpoints that the study does not name."""
    named = reported["endpoint"].isin([definition.name for definition in study.endpoints])
    lost = int((~named).sum())
    if not lost:
        return []
    reason = "endpoint is not named in the study"
    return [attrition_row("reported_outcomes", "rows", "endpoints: reported", reason, len(reported), lost)]


def _first_progression(facts: Facts, settings: EndpointSettings) -> pd.Series:
    """First PD by the primary criterion and reader, or the recorded progression of patients without scans."""
    definition = EndpointDefinition(name="progression", end="last_contact", death="censor")
    rows = derive_endpoint(facts, definition, settings)
    return rows.set_index("patient_id")["progression_date"]


def _stage_row(kept: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The row of this stage in `stages`: partial where an endpoint has no patient."""
    without = [d.name for d in study.endpoints if not (kept["endpoint"] == d.name).any()]
    if not without:
        status, reason = "done", ""
    elif len(without) == len(study.endpoints):
        status, reason = "skipped", "no patient has a time for any endpoint"
    else:
        status, reason = "partial", f"no patient has a time for {', '.join(without)}"
    return stage_frame("endpoints", status, reason)
