"""Worst grades after treatment: counts by baseline grade, and rates with exact intervals by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from prrt_outcomes.cohort.grouping import WHOLE, compute_group

if TYPE_CHECKING:
    from collections.abc import Sequence

HAEMATOLOGICAL = ("haemoglobin", "platelets", "leukocytes", "neutrophils", "lymphocytes")
RENAL = ("creatinine", "egfr")
HEPATIC = ("alt", "ast", "bilirubin")
ORGAN_GROUPS = {"any_haematological": HAEMATOLOGICAL, "any_renal": RENAL, "any_hepatic": HEPATIC}
NO_LIMIT = 0.5  # grade 0 or 1: no limit of the laboratory tells which
GRADE_FLOORS = (1, 2, 3, 4)


def summarise_worst_grades(graded: pd.DataFrame) -> pd.DataFrame:
    """Worst grade of each patient, period, analyte and phase.

    `graded`: columns patient_id, period, analyte, phase, grade, grade_at_most, baseline_grade.
    Returns one row a patient, period, analyte and phase (``treatment``, ``late`` and ``any`` of the two) with
    baseline_grade and worst_grade, 0.5 where it is 0 or 1; samples of which nothing is known do not count.
    """
    after = graded.loc[graded["phase"].isin(["treatment", "late"]) & graded["grade_at_most"].notna()]
    after = after.assign(
        phase=after["phase"].astype("string"), grade=after["grade"].astype("Float64").fillna(NO_LIMIT)
    )
    stacked = pd.concat([after, after.assign(phase="any")])
    keys = ["patient_id", "period", "analyte", "phase"]
    worst = stacked.groupby(keys, observed=True, as_index=False).agg(
        baseline_grade=("baseline_grade", "first"), worst_grade=("grade", "max")
    )
    return worst


def summarise_safety_grades(worst: pd.DataFrame) -> pd.DataFrame:
    """Count worst grades of the first period by analyte, phase and baseline grade.

    Returns columns of result table `safety_grades`; `total` is the number of patients with a graded sample of the
    analyte in the phase. A baseline that was not graded is a row with an empty baseline_grade, a worst grade of 0 or 1
    one with an empty worst_grade.
    """
    first = worst.loc[worst["period"].eq(1)]
    first = first.assign(worst_grade=first["worst_grade"].mask(first["worst_grade"].eq(NO_LIMIT)))
    keys = ["analyte", "phase", "baseline_grade", "worst_grade"]
    table = first.groupby(keys, observed=True, dropna=False, as_index=False).agg(n=("patient_id", "size"))
    total = table.groupby(["analyte", "phase"], observed=True)["n"].transform("sum")
    return table.assign(total=total).sort_values(keys, na_position="last", ignore_index=True)


def summarise_safety_rates(
    worst: pd.DataFrame, patients: pd.DataFrame, group_by: Sequence[str], level: float
) -> pd.DataFrame:
    """Share of patients at or over each grade, by analyte, organ and group, with Clopper-Pearson intervals.

    `patients`: one row a patient: patient_id and the groupings, labels as text; `group_by`: columns of `patients`;
    ``all`` is always there.
    Returns columns analyte (also any_haematological, any_renal, any_hepatic), phase, group_by, group,
    grade_at_least, n, total, proportion, proportion_low, proportion_high, status; first treatment period.
    """
    from prrt_outcomes.statistics.proportions import compute_clopper_pearson

    first = worst.loc[worst["period"].eq(1), ["patient_id", "analyte", "phase", "worst_grade"]]
    organs = [
        first.loc[first["analyte"].isin(members)]
        .groupby(["patient_id", "phase"], observed=True, as_index=False)["worst_grade"]
        .max()
        .assign(analyte=organ)
        for organ, members in ORGAN_GROUPS.items()
    ]
    grades = pd.concat([first, *organs]).merge(patients, on="patient_id", how="left")
    parts = []
    for column in (WHOLE, *group_by):
        groups = grades.assign(group=compute_group(grades, column).astype("string"))
        for floor in GRADE_FLOORS:
            told = groups[groups["worst_grade"].ne(NO_LIMIT)] if floor == 1 else groups
            table = (
                told.assign(hit=told["worst_grade"].ge(floor).astype("int64"))
                .groupby(["analyte", "phase", "group"], observed=True)["hit"]
                .agg(n="sum", total="size")
                .reset_index()
            )
            parts.append(table.assign(group_by=column, grade_at_least=floor))
    rates = pd.concat(parts, ignore_index=True)
    low, high = compute_clopper_pearson(rates["n"].to_numpy(), rates["total"].to_numpy(), level)
    rates = rates.assign(
        proportion=rates["n"] / rates["total"], proportion_low=low, proportion_high=high, status="ok"
    )
    order = ["analyte", "phase", "group_by", "group", "grade_at_least"]
    return rates[
        [*order, "n", "total", "proportion", "proportion_low", "proportion_high", "status"]
    ].reset_index(drop=True)
