"""Stage `endpoints`: times to event with their reasons, and one row a patient for the analyses."""

import pandas as pd

from prrt_outcomes.attrition import attrition_frame, attrition_row, stage_frame
from prrt_outcomes.cohort.grouping import GROUP_BY, summarise_baseline
from prrt_outcomes.endpoints import analysis_set, derivation
from prrt_outcomes.endpoints.estimands import derive_changes, summarise_estimands
from prrt_outcomes.endpoints.sources import EXCLUSION_REASONS, check_columns
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table
from prrt_outcomes.treatment.periods import find_first_cycles

INPUTS = (
    "patients", "cycles", "therapies", "assessments", "labs", "adverse_events", "follow_up",
    "reported_outcomes", "treatment_periods", "responses", "best_responses", "pet",
)  # fmt: skip
OUTPUTS = (
    "endpoints", "endpoint_variants", "endpoint_exclusions", "endpoint_changes", "estimands",
    "reported_differences", "treatment_course", "analysis_set", "baseline", "baseline_differences", "adtte", "adrs",
)  # fmt: skip
SETTINGS = (
    "study", "data_cutoff", "response", "endpoints", "assessment_interval_days", "assessment_window_days",
    "partial_dates", "new_anticancer_therapy", "extra_columns", "analysis.group_by", "analysis.covariates",
)  # fmt: skip


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Derive every endpoint of the study, its variants, and the analysis set.

    Returns the tables of `OUTPUTS`, `attrition` and `stages`.
    Raises InputError with every date that lies before its origin, or every column that an endpoint names and the
    tables lack.
    """
    check_columns(tables, study.endpoints)
    dates = derivation.derive_study_dates(tables, study)
    derived = derivation.derive_study_endpoints(tables, study, dates)
    rows = derivation.stack_frames([derived.endpoints.assign(variant=""), derived.variants])
    known = next(iter(dates.values()))
    course = analysis_set.derive_course(known, tables["treatment_periods"], study)
    progression = course.set_index("patient_id")["progression_date"]
    after = analysis_set.compute_cycles_after(tables["cycles"], tables["treatment_periods"], progression)
    analysis, unused = derive_patient_rows(tables, study, after)
    best, asked = tables["best_responses"], study.analysis
    made = {
        "endpoints": derived.endpoints,
        "endpoint_variants": derived.variants,
        "endpoint_exclusions": derived.exclusions,
        "endpoint_changes": derive_changes(rows, derived.definitions),
        "estimands": summarise_estimands(
            rows, derived.definitions, study, scans_recorded=known.scans_recorded, cutoff=known.cutoff
        ),
        "reported_differences": derived.differences,
        "treatment_course": course,
        "analysis_set": analysis,
        **summarise_baseline(analysis, (*asked.group_by[:1], GROUP_BY), asked.covariates),
        "adtte": analysis_set.format_adtte(
            derived.endpoints, {d.name: d.title for d in study.endpoints}, study.study
        ),
        "adrs": analysis_set.format_adrs(
            tables["responses"], best, known.patients["first_cycle"], study.study
        ),
    }
    result = {name: conform_table(name, made[name]) for name in OUTPUTS}
    losses = [*_count_losses(derived, study, len(known.patients)), *_count_unused(tables, study), *unused]
    return result | {"attrition": attrition_frame(losses), "stages": _state(derived, study)}


def derive_patient_rows(
    tables: dict[str, pd.DataFrame], study: Study, after_progression: pd.Series
) -> tuple[pd.DataFrame, list[dict]]:
    """The analysis set with receptors at baseline, and attrition rows of the scans that show none.

    `after_progression`: as `analysis_set.derive_analysis_set` takes it
    """
    periods = tables["treatment_periods"]
    given = tables["patients"], periods, tables["best_responses"]
    analysis = analysis_set.derive_analysis_set(*given, study.response, after_progression)
    first, days = find_first_cycles(periods), study.response.baseline_days
    pet, unused = analysis_set.select_baseline_pet(tables["pet"], first, days)
    return analysis.join(pet, on="patient_id"), unused


def _count_losses(derived: derivation.Derived, study: Study, n_patients: int) -> list[dict]:
    """Patients without a time for an endpoint, by reason."""
    counted = []
    for definition in study.endpoints:
        before = n_patients
        reasons = derived.exclusions.loc[derived.exclusions["endpoint"] == definition.name, "reason"]
        for code, words in EXCLUSION_REASONS.items():
            lost = int((reasons == code).sum())
            if lost:
                step = f"endpoints: {definition.name}"
                counted.append(attrition_row("endpoints", "patients", step, words, before, lost))
                before -= lost
    return counted


def _count_unused(tables: dict[str, pd.DataFrame], study: Study) -> list[dict]:
    """Reported outcomes of endpoints that the study does not name."""
    reported = tables["reported_outcomes"]
    named = reported["endpoint"].isin([definition.name for definition in study.endpoints])
    reason = "no endpoint of the study (a negative-control outcome is one of its control)"
    n, lost = len(reported), int((~named).sum())
    row = attrition_row("reported_outcomes", "rows", "endpoints: reported", reason, n, lost)
    return [row] if lost else []


def _state(derived: derivation.Derived, study: Study) -> pd.DataFrame:
    """Done, or partial where an endpoint has no patient."""
    have = set(derived.endpoints["endpoint"])
    without = [definition.name for definition in study.endpoints if definition.name not in have]
    none = len(without) == len(study.endpoints)
    words = f"no patient has a time for {'any endpoint' if none else ', '.join(without)}"
    status = ("skipped" if none else "partial", words) if without else ("done",)
    return stage_frame("endpoints", *status)
