"""The run of a criterion: overall response of every scan and best response of every course."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.response.best import REASONS, derive_best_responses, find_confirmations, find_counted
from prrt_outcomes.response.codes import BASES, FOLLOW_UP, NON_TARGETS, PD, PR, RESPONSES, convert_to_category
from prrt_outcomes.response.lesions import compute_sizes
from prrt_outcomes.response.reasons import format_days, format_reasons
from prrt_outcomes.response.scan_responses import NEW_BY_MODALITY, NEW_COUNTED, derive_scan_responses
from prrt_outcomes.response.scans import (
    ADJUDICATED,
    LABORATORY,
    Registry,
    choose_adjudicated_courses,
    derive_registry,
    find_primary_reader,
)
from prrt_outcomes.study.model import Study
from prrt_outcomes.study.response import CriterionDefinition, ResponseSettings
from prrt_outcomes.tables.frames import conform_table, empty_table

KEYS = ["patient_id", "period", "reader"]


@dataclass(frozen=True)
class CriterionRun:
    """Responses of a registry under one criterion.

    registry : courses, scans and lesions that were read
    lesions : the lesions with their sizes under the criterion
    scans : follow-up scans with the columns of the derivations, counted (for best response), confirmation_date (of
        the scan that confirms the CR or PR of this one) and reason
    all_scans : the scans before treatment too, with the columns of `derive_target_responses`
    best : best responses by whether confirmation is asked, one row a course
    """

    criterion: CriterionDefinition
    settings: ResponseSettings
    registry: Registry
    lesions: pd.DataFrame
    scans: pd.DataFrame
    all_scans: pd.DataFrame
    best: dict[bool, pd.DataFrame]

    @property
    def is_marker(self) -> bool:
        return self.criterion.measure == "marker"

    @property
    def primary_reader(self) -> str:
        """The reader whose responses are the study's."""
        return find_primary_reader(self.registry.readers, self.settings)

    def complete_table(self, table: pd.DataFrame) -> pd.DataFrame:
        """Add criterion, keys, the rows after adjudication and `primary_reader` to a table with a column `course`."""
        courses = self.registry.courses
        keys = courses[KEYS].take(table["course"].to_numpy()).set_axis(table.index)
        table = pd.concat([keys, table], axis=1).assign(criterion=self.criterion.name)
        if self.settings.adjudicator is not None:
            chosen = choose_adjudicated_courses(courses, self.settings)
            adjudicated = table[table["course"].isin(chosen)].assign(reader=ADJUDICATED)
            table = pd.concat([table, adjudicated.astype({"reader": "string"})], ignore_index=True)
        return table.assign(primary_reader=(table["reader"] == self.primary_reader).astype("boolean")).drop(
            columns="course"
        )


def run_criteria(
    tables: dict[str, pd.DataFrame], study: Study, criteria: tuple[CriterionDefinition, ...]
) -> list[CriterionRun]:
    """Run all criteria of a study, those of size first; nothing after the data cut-off is read."""
    dates = {"assessments": "assessment_date", "lesions": "assessment_date", "labs": "sample_date"}
    tables = tables | {name: filter_known(tables[name], column, study) for name, column in dates.items()}
    runs = []
    by_size = [c for c in criteria if c.measure != "marker"]
    if by_size:
        registry = derive_registry(tables, study)
        runs += [run_criterion(registry, c, study.response) for c in by_size]
    settings = study.response.model_copy(update={"reader": LABORATORY, "adjudicator": None})
    own = study.model_copy(update={"response": settings})
    for criterion in criteria:
        if criterion.measure == "marker":
            registry = derive_registry(derive_marker_tables(tables, str(criterion.analyte)), own)
            runs.append(run_criterion(registry, criterion, settings))
    return runs


def filter_known(table: pd.DataFrame, column: str, study: Study) -> pd.DataFrame:
    """Rows up to the data cut-off."""
    if study.data_cutoff is None:
        return table
    return table[~(table[column] > pd.Timestamp(study.data_cutoff))]


def derive_marker_tables(tables: dict[str, pd.DataFrame], analyte: str) -> dict[str, pd.DataFrame]:
    """Samples of an analyte as lesion rows: the value is the one lesion, the sample the scan.

    Returns the same tables with `lesions` made of the samples (value in `longest_mm`, upper limit of the
    laboratory in `perpendicular_mm`: at or under it the value is normal) and no assessments.

    Of several samples of a day the last counts. Where the unit of a patient's samples changes, all of his
    values are read as multiples of their upper limits; a sample without limit is then not evaluated.
    """
    labs = tables["labs"]
    own = labs[(labs["analyte"].astype("string") == analyte) & labs["value"].notna()]
    own = own.sort_values(["patient_id", "sample_date", "sequence"], kind="stable")
    own = own.drop_duplicates(["patient_id", "sample_date"], keep="last")
    unit = own["unit"].astype("string").str.strip().str.lower()
    changes = unit.groupby(own["patient_id"].astype("string")).transform("nunique").gt(1).to_numpy(dtype=bool)
    limit = own["upper_limit"].to_numpy(dtype=float)
    limit = np.where(limit > 0, limit, np.nan)
    value = np.where(changes, own["value"].to_numpy(dtype=float) / limit, own["value"].to_numpy(dtype=float))
    lesions = pd.DataFrame(
        {
            "patient_id": own["patient_id"],
            "assessment_date": own["sample_date"],
            "lesion_id": analyte,
            "reader": LABORATORY,
            "role": "target",
            "lymph_node": False,
            "longest_mm": value,
            "perpendicular_mm": np.where(changes, 1.0, limit),
            "state": np.where(np.isnan(value), "not_evaluated", "measured"),
        }
    )
    return tables | {"lesions": conform_table("lesions", lesions), "assessments": empty_table("assessments")}


def run_criterion(
    registry: Registry, criterion: CriterionDefinition, settings: ResponseSettings
) -> CriterionRun:
    """Derive target, overall and best responses of all courses under one criterion."""
    courses = registry.courses
    lesions = pd.concat([registry.lesions, compute_sizes(registry.lesions, criterion)], axis=1)
    reported = registry.find_reported(criterion.name)
    scans = derive_scan_responses(registry.scans, lesions, reported, criterion, settings)
    own = scans[scans["kind"] == FOLLOW_UP]
    own = own.assign(
        reason=format_reasons(own, lesions, criterion), counted=find_counted(own, courses["new_therapy_date"])
    )
    own["confirmation_date"] = find_confirmations(own[own["counted"]], settings)
    shown = ["course", "date", "overall_response", "reason", "reported", "confirmation_date"]
    counted = own.loc[own["counted"], shown]
    best = {c: derive_best_responses(counted, courses, settings, confirmed=c) for c in (False, True)}
    return CriterionRun(criterion, settings, registry, lesions, own, scans, best)


def find_first_scans(scans: pd.DataFrame, courses: pd.DataFrame) -> pd.DataFrame:
    """First of the scans of each course, one row a course, empty where there is none."""
    return scans.drop_duplicates("course").set_index("course").reindex(courses.index)


def derive_responses_table(run: CriterionRun) -> pd.DataFrame:
    """Table `responses` under one criterion: one row a patient, period, follow-up scan and reader."""
    scans = run.scans
    total, base, comparable = scans["total"], scans["baseline_sum"], scans["complete"]
    nadir = scans["nadir_sum"].where(base > 0)
    table = scans[["course", "baseline_sum", "reason", "counted", "confirmation_date"]].assign(
        assessment_date=scans["date"],
        target_sum=total.where(comparable & base.notna()),
        nadir_sum=nadir,
        change_from_baseline=(total / base - 1).where(comparable),
        change_from_nadir=(total / nadir.where(nadir > 0) - 1).where(comparable),
        target_response=convert_to_category(scans["target_response"], RESPONSES),
        non_target_response=convert_to_category(scans["non_target"], NON_TARGETS),
        overall_response=convert_to_category(scans["overall_response"], RESPONSES),
        new_lesion=scans["new_lesion"] == NEW_COUNTED,
        new_lesion_by_modality=scans["new_lesion"] == NEW_BY_MODALITY,
        basis=convert_to_category(scans["reported"].astype("int8"), BASES),
    )
    return run.complete_table(table.reset_index(drop=True))


def derive_best_table(run: CriterionRun, *, confirmed: bool) -> pd.DataFrame:
    """Table `best_responses` under one criterion: one row a treated patient, period and reader.

    Where confirmation is asked, a patient is a responder from `confirmation_date` on, and the date of the first
    response is that of the first that was confirmed.
    """
    courses, best, scans = run.registry.courses, run.best[confirmed], run.scans
    groups = {str(code): name for name, codes in run.settings.groups.items() for code in codes}
    names = np.array([groups.get(code) for code in RESPONSES], dtype=object)
    any_scans = run.registry.scans
    with_lesions = courses.index.isin(any_scans.loc[any_scans["has_lesions"], "course"])
    seen = best["date"].notna()
    by_report = np.where(seen, best["reported"].eq(True), ~with_lesions)
    days = run.settings.minimum_stable_days
    words = best["why"].cat.rename_categories(lambda name: REASONS[name].format(days=days)).astype(object)
    shown = pd.Series(" (" + format_days(best["date"]) + " ", index=best.index) + best["reason"] + ")"
    response = np.array([f"{name}: " for name in RESPONSES], dtype=object)[best["response"].to_numpy()]
    responded = scans["counted"] & (scans["overall_response"] <= PR)
    if confirmed:
        responded &= scans["confirmation_date"].notna()
    first = find_first_scans(scans.loc[responded, ["course", "date", "confirmation_date"]], courses)
    progressed = find_first_scans(scans.loc[scans["overall_response"] == PD, ["course", "date"]], courses)
    table = pd.DataFrame(
        {
            "course": courses.index,
            "confirmed": confirmed,
            "best_response": convert_to_category(best["response"], RESPONSES),
            "best_response_date": best["date"],
            "response_group": names[best["response"].to_numpy()],
            "basis": convert_to_category(by_report.astype("int8"), BASES),
            "confirmation_date": best["confirmation_date"],
            "complete_then_partial": best["complete_then_partial"],
            "reason": response + words + shown.where(seen, ""),
            "first_response_date": first["date"],
            "first_confirmation_date": first["confirmation_date"] if confirmed else pd.NaT,
            "progression_date": progressed["date"],
            "new_therapy_date": courses["new_therapy_date"],
        }
    )
    return run.complete_table(table)
