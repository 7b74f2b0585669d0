"""CTCAE v5 grades of laboratory values: the terms are rows of a table, one classifier reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

TOLERANCE = 1e-9
CITATION = "Common Terminology Criteria for Adverse Events (CTCAE) version 5.0, US DHHS, 27 November 2017"


@dataclass(frozen=True)
class GradeRule:
    """How one CTCAE term grades one analyte.

    analyte : code of `labs.analyte`
    term : CTCAE v5 term
    direction : ``low`` grades falls below, ``high`` rises above
    absolute : SI thresholds of grades 2, 3, 4 below which a low value lies (None where the term has none)
    times_upper : multiples of the upper limit above which grades 1, 2, 3, 4 begin
    times_baseline : multiples of the baseline above which grades 1, 2, 3, 4 begin
    baseline_replaces : multiples of baseline replace those of the limit where the baseline was abnormal;
        otherwise they count beside them
    first_inclusive : whether grade 1 over an abnormal baseline begins at the multiple itself
    default_lower : lower limit where the laboratory gave none (None: grade 1 cannot be told from 0)
    """

    analyte: str
    term: str
    direction: str
    absolute: tuple[float | None, ...] = ()
    times_upper: tuple[float, ...] = ()
    times_baseline: tuple[float | None, ...] = ()
    baseline_replaces: bool = False
    first_inclusive: bool = False
    default_lower: float | None = None


LIVER_TIMES_UPPER = (1.0, 3.0, 5.0, 20.0)
LIVER_TIMES_BASELINE = (1.5, 3.0, 5.0, 20.0)
GRADE_RULES: tuple[GradeRule, ...] = (
    GradeRule("haemoglobin", "Anemia", "low", absolute=(100.0, 80.0, None)),
    GradeRule("platelets", "Platelet count decreased", "low", absolute=(75.0, 50.0, 25.0)),
    GradeRule("leukocytes", "White blood cell decreased", "low", absolute=(3.0, 2.0, 1.0)),
    GradeRule("neutrophils", "Neutrophil count decreased", "low", absolute=(1.5, 1.0, 0.5)),
    GradeRule("lymphocytes", "Lymphocyte count decreased", "low", absolute=(0.8, 0.5, 0.2)),
    GradeRule(
        "creatinine",
        "Creatinine increased",
        "high",
        times_upper=(1.0, 1.5, 3.0, 6.0),
        times_baseline=(None, 1.5, 3.0, None),
    ),
    GradeRule("egfr", "Chronic kidney disease", "low", absolute=(60.0, 30.0, 15.0), default_lower=90.0),
    GradeRule(
        "alt",
        "Alanine aminotransferase increased",
        "high",
        times_upper=LIVER_TIMES_UPPER,
        times_baseline=LIVER_TIMES_BASELINE,
        baseline_replaces=True,
        first_inclusive=True,
    ),
    GradeRule(
        "ast",
        "Aspartate aminotransferase increased",
        "high",
        times_upper=LIVER_TIMES_UPPER,
        times_baseline=LIVER_TIMES_BASELINE,
        baseline_replaces=True,
        first_inclusive=True,
    ),
    GradeRule(
        "bilirubin",
        "Blood bilirubin increased",
        "high",
        times_upper=(1.0, 1.5, 3.0, 10.0),
        times_baseline=(1.0, 1.5, 3.0, 10.0),
        baseline_replaces=True,
    ),
)
GRADED_ANALYTES = tuple(rule.analyte for rule in GRADE_RULES)


def compute_grades(samples: pd.DataFrame) -> pd.Series:
    """Grade laboratory values by CTCAE v5.

    `samples`: columns analyte, value_si, lower_si, upper_si, baseline_si (value before treatment); limits and
    baseline may be missing.
    Returns Series of Int64, index of `samples`: 0 to 4; missing where the value is missing, the analyte has no
    term, or the limit that would tell grade 0 from grade 1 is missing and no higher grade holds.
    Thresholds are as CTCAE prints them: "below" and "above" exclude the threshold, compared with a relative
    tolerance of 1e-9. Where the baseline was above the upper limit, liver values are graded against the baseline;
    an unknown baseline counts as normal. Anaemia has no laboratory grade 4. Creatinine rises from baseline count
    beside those over the limit. Grade 1 of chronic kidney disease begins below the laboratory's lower limit, 90
    mL/min/1.73 m2 where it gave none.
    """
    grades = pd.Series(pd.NA, index=samples.index, dtype="Int64")
    analyte = samples["analyte"].astype("string")
    for rule in GRADE_RULES:
        rows = (analyte == rule.analyte).to_numpy(dtype=bool, na_value=False)
        if rows.any():
            part = samples.loc[rows]
            columns = (part[name].to_numpy(dtype=float) for name in ("value_si", "lower_si", "upper_si"))
            grade = _grade_low(rule, *columns) if rule.direction == "low" else _grade_high(rule, part)
            grades.loc[rows] = pd.array(grade, dtype="Int64")
    return grades


def bound_grades(samples: pd.DataFrame, grades: pd.Series) -> pd.Series:
    """Highest grade that each value can have.

    `samples`: as `compute_grades`; `grades`: what that gave.
    Returns the grade; 1 where only the limit that tells 0 from 1 is missing, for creatinine by its rise from baseline
    alone; missing where nothing bounds it. Without it the share of high grades would be that of the abnormal values.
    """
    rises = samples["analyte"].astype("string").eq("creatinine") & samples["baseline_si"].notna()
    upper = samples["upper_si"].mask(rises & samples["upper_si"].isna(), np.inf)
    filled = samples.assign(lower_si=samples["lower_si"].fillna(np.inf), upper_si=upper)
    return grades.fillna(compute_grades(filled).clip(lower=1))


def _below(value: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    return value < np.asarray(limit) * (1 - TOLERANCE)


def _above(value: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    return value > np.asarray(limit) * (1 + TOLERANCE)


def _grade_low(rule: GradeRule, value: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    limit = lower if rule.default_lower is None else np.where(np.isnan(lower), rule.default_lower, lower)
    grade = np.where(_below(value, limit), 1.0, 0.0)
    # A value inside a known range is grade 0 even where only the upper limit is known and is exceeded.
    grade = np.where(np.isnan(limit) & ~_above(value, upper), np.nan, grade)
    for number, threshold in enumerate(rule.absolute, start=2):
        if threshold is not None:
            grade = np.where(_below(value, threshold), float(number), grade)
    return np.where(np.isnan(value), np.nan, grade)


def _grade_high(rule: GradeRule, part: pd.DataFrame) -> np.ndarray:
    value, upper, baseline = (
        part[name].to_numpy(dtype=float) for name in ("value_si", "upper_si", "baseline_si")
    )
    abnormal = _above(baseline, upper) & rule.baseline_replaces
    by_limit = np.where(np.isnan(upper), np.nan, 0.0)
    by_baseline = np.where(np.isnan(baseline), np.nan, 0.0)
    for number, (times_upper, times_baseline) in enumerate(
        zip(rule.times_upper, rule.times_baseline, strict=True), start=1
    ):
        by_limit = np.where(_above(value, times_upper * upper), float(number), by_limit)
        if times_baseline is not None:
            sign = -1 if number == 1 and rule.first_inclusive else 1
            over = value > times_baseline * baseline * (1 + sign * TOLERANCE)
            by_baseline = np.where(over, float(number), by_baseline)
    if rule.baseline_replaces:
        grade = np.where(abnormal, by_baseline, by_limit)
    else:
        rise = np.where(by_baseline > 0, by_baseline, np.nan)
        grade = np.fmax(by_limit, rise)
    return np.where(np.isnan(value), np.nan, grade)
