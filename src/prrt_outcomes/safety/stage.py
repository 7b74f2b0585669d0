"""Safety: laboratory values graded by CTCAE, worst grades by phase and baseline, adverse events, rates by group."""

import pandas as pd

from prrt_outcomes.attrition import attrition_frame, attrition_row, stage_frame
from prrt_outcomes.endpoints.patient_dates import PatientDates, derive_observation
from prrt_outcomes.safety import course, grading
from prrt_outcomes.safety.adverse_events import lay_out_exposure, place_events, summarise_adverse_events
from prrt_outcomes.safety.kidney import follow_kidneys
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.myeloid import derive_neoplasm_rows, summarise_myeloid_neoplasms
from prrt_outcomes.tables.frames import conform_table, derive_skipped_tables, empty_table
from prrt_outcomes.treatment.periods import find_first_cycles

INPUTS = (
    "patients", "cycles", "assessments", "labs", "adverse_events", "follow_up", "treatment_periods", "analysis_set",
)  # fmt: skip
OUTPUTS = (
    "lab_grades", "safety_grades", "safety_rates", "lab_shifts", "lab_course", "lab_nadirs", "adverse_event_rates",
    "myeloid_neoplasms", "egfr_slope", "egfr_course", "kidney_events", "organ_doses", "organ_dose_distribution",
)  # fmt: skip
SETTINGS = (
    "safety", "analysis", "data_cutoff", "partial_dates", "response", "endpoints", "assessment_interval_days",
    "assessment_window_days", "new_anticancer_therapy",
)  # fmt: skip


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Grade the laboratory values of all treated patients, follow their kidneys, and count their adverse events.

    Returns the tables of `OUTPUTS`, attrition, stages.
    """
    kinds = {"labs": "laboratory values", "adverse_events": "adverse events"}
    absent = {name: f"there are no {words}" for name, words in kinds.items() if tables[name].empty}
    if len(absent) == 2:
        reason = "there are no laboratory values and no adverse events"
        return derive_skipped_tables("safety", OUTPUTS, reason)
    if tables["treatment_periods"].empty:
        return derive_skipped_tables("safety", OUTPUTS, "no cycles: nothing has a baseline or a start")
    groups = tables["analysis_set"].drop_duplicates("patient_id")
    known = [name for name in study.analysis.group_by if name in groups]
    named = [name for name in dict.fromkeys([*known, "radionuclide"]) if name in groups]
    by_patient = groups[["patient_id", *named]]
    observed = derive_observation(tables, study)
    made, losses = {name: empty_table(name) for name in OUTPUTS}, list[dict]()
    if "labs" not in absent:
        periods = tables["treatment_periods"]
        graded, losses = derive_lab_grades(tables["labs"], tables["patients"], periods, study)
        worst = grading.summarise_worst_grades(graded)
        made |= {
            "lab_grades": graded,
            "safety_grades": grading.summarise_safety_grades(worst),
            "safety_rates": rate_grades(graded, worst, groups[["patient_id", *known]], study),
            "lab_shifts": course.summarise_lab_shifts(worst),
            "lab_course": course.summarise_lab_course(graded),
            "lab_nadirs": course.summarise_lab_nadirs(graded, tables["cycles"], periods, study),
        }
    followed, lost = follow_kidneys(tables | {"lab_grades": made["lab_grades"]}, by_patient, observed, study)
    made, losses = made | followed, [*losses, *lost]
    if "adverse_events" not in absent:
        made["adverse_event_rates"], lost = count_events(tables, by_patient, observed, study)
        rows = derive_neoplasm_rows(observed, tables["analysis_set"], study)
        found = list(summarise_myeloid_neoplasms(rows, tables["cycles"], study))
        made["myeloid_neoplasms"] = pd.concat(found) if found else empty_table("myeloid_neoplasms")
        step, n = "safety: myeloid neoplasms", tables["treatment_periods"]["patient_id"].nunique()
        reason = "one before the first cycle, or no follow-up after it"
        without = n - (rows["tmn"].n_patients if rows else 0)
        losses = [*losses, *lost, attrition_row("patients", "patients", step, reason, n, without)]
    status = ("partial", next(iter(absent.values()))) if absent else ("done",)
    typed = {name: conform_table(name, table) for name, table in made.items()}
    return typed | {"attrition": attrition_frame(losses), "stages": stage_frame("safety", *status)}


def rate_grades(
    graded: pd.DataFrame, worst: pd.DataFrame, groups: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """Table `safety_rates` of graded values and their worst grades; `groups`: patient_id and groupings."""
    rules = grading.summarise_worst_grades(course.derive_creatinine_rules(graded))
    rated = pd.concat([worst, rules]) if len(rules) else worst
    return grading.summarise_safety_rates(
        rated, groups, list(groups.columns[1:]), study.analysis.confidence.level
    )


def count_events(
    tables: dict[str, pd.DataFrame], groups: pd.DataFrame, observed: PatientDates, study: Study
) -> tuple[pd.DataFrame, list[dict]]:
    """Rates of adverse events by term, and the events that do not count."""
    events, late_after = observed.adverse_events, study.safety.late_after_days
    exposure = lay_out_exposure(tables["treatment_periods"], observed.patients, events, late_after)
    placed, losses = place_events(events, exposure)
    late = len(tables["adverse_events"]) - len(events)
    step, n = "safety: adverse events", len(tables["adverse_events"])
    losses = [attrition_row("adverse_events", "rows", step, "after the data cut-off", n, late), *losses]
    return summarise_adverse_events(placed, exposure, groups, study.analysis.confidence.level), losses


def derive_lab_grades(
    labs: pd.DataFrame, patients: pd.DataFrame, periods: pd.DataFrame, study: Study
) -> tuple[pd.DataFrame, list[dict]]:
    """Grade each laboratory value of treated patients; count what cannot be graded.

    Returns `graded`: one row a sample, analyte and treatment period (two for a baseline that ends an earlier period)
    with the columns of derived table `lab_grades`; `attrition`: losses in order: cut-off, patients without a cycle,
    units, limits.
    """
    losses = []
    if study.data_cutoff is not None:
        late, reason = ~labs["sample_date"].le(pd.Timestamp(study.data_cutoff)), "after the data cut-off"
        losses.append(attrition_row("labs", "rows", grading.STEP, reason, len(labs), int(late.sum())))
        labs = labs.loc[~late]
    treated, reason = labs["patient_id"].isin(periods["patient_id"]), "patient without a cycle"
    losses.append(attrition_row("labs", "rows", grading.STEP, reason, len(labs), int((~treated).sum())))
    samples, unit_losses = grading.derive_si_values(labs.loc[treated])
    first_cycles = find_first_cycles(periods)
    samples, rate_losses = grading.derive_egfr_samples(
        samples, patients, first_cycles, study.safety.egfr_equation
    )
    phased = grading.derive_phases(samples, periods, study)
    phased = course.derive_grades(phased)
    has_term = phased["analyte"].isin(grading.GRADED_ANALYTES) & ~phased.duplicated(grading.VALUE)
    ungraded = int((has_term & phased["grade_at_most"].isna()).sum())
    reason = "no grade: the laboratory gave no limit"
    n = int(has_term.sum())
    ungradable = attrition_row("lab_grades", "rows", "safety: grades", reason, n, ungraded)
    losses += [*unit_losses, *rate_losses, ungradable]
    order = ["patient_id", "period", "sample_date", "analyte", "sequence"]
    return phased.sort_values(order).reset_index(drop=True), losses
