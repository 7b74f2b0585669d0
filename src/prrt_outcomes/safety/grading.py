"""Laboratory samples on one scale, their CTCAE v5 grades, worst grades after treatment and their rates.

The terms are rows of a table; one classifier reads them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.cohort.grouping import WHOLE, compute_group
from prrt_outcomes.laboratory import USUAL_FACTORS, compute_egfr, convert_units_to_si
from prrt_outcomes.statistics.proportions import compute_clopper_pearson
from prrt_outcomes.study.model import Study
from prrt_outcomes.units import DAYS_PER_YEAR

TOLERANCE = 1e-9
MMOL_TO_G = USUAL_FACTORS["haemoglobin", "mmol/L"]
CITATION = "Common Terminology Criteria for Adverse Events (CTCAE) version 5.0, US DHHS, 27 November 2017"
HAEMATOLOGICAL = ("haemoglobin", "platelets", "leukocytes", "neutrophils", "lymphocytes")
RENAL = ("creatinine", "egfr")
HEPATIC = ("alt", "ast", "bilirubin")
ORGAN_GROUPS = {
    "any_haematological": HAEMATOLOGICAL,
    "any_haematological_without_lymphocytes": HAEMATOLOGICAL[:-1],
    "any_renal": RENAL,
    "any_hepatic": HEPATIC,
}
NO_LIMIT = 0.5  # grade 0 or 1: no limit of the laboratory distinguishes them
GRADE_FLOORS = (1, 2, 3, 4)
PHASES = ("before", "baseline", "treatment", "late")
STEP = "safety: laboratory values"
VALUE = ["patient_id", "sample_date", "analyte", "sequence"]  # names one laboratory value


@dataclass(frozen=True)
class GradeRule:
    """How one CTCAE term grades one analyte."""

    analyte: str  # code of `labs.analyte`
    term: str  # CTCAE v5 term
    direction: str  # ``low`` grades falls below, ``high`` rises above
    # SI thresholds of grades 2, 3, 4 below which a low value lies (None where the term has none)
    absolute: tuple[float | None, ...] = ()
    # the same as CTCAE prints them in mmol/L, for values that the laboratory gave in mmol/L
    absolute_mmol_l: tuple[float | None, ...] = ()
    times_upper: tuple[float, ...] = ()  # multiples of the upper limit above which grades 1, 2, 3, 4 begin
    # multiples of the baseline above which grades 1, 2, 3, 4 begin
    times_baseline: tuple[float | None, ...] = ()
    # multiples of baseline replace those of the limit where the baseline was abnormal; otherwise they count
    # beside them
    baseline_replaces: bool = False
    first_inclusive: bool = False  # whether grade 1 over an abnormal baseline begins at the multiple itself
    # lower limit where the laboratory gave none (None: grade 1 cannot be distinguished from 0)
    default_lower: float | None = None


_ROWS = yaml.safe_load(Path(__file__).with_name("ctcae.yaml").read_text("utf-8"))
GRADE_RULES: tuple[GradeRule, ...] = tuple(GradeRule(**row) for row in _ROWS)
GRADED_ANALYTES = tuple(rule.analyte for rule in GRADE_RULES)


def compute_grades(samples: pd.DataFrame) -> pd.Series:
    """Grade laboratory values by CTCAE v5.

    `samples`: columns analyte, value_si, lower_si, upper_si, baseline_si (value before treatment); limits and
    baseline may be missing; `si_factor`, from the unit of the laboratory to ours, 1 where there is no such column.
    Returns Series of Int64, index of `samples`: 0 to 4; missing where the value is missing, the analyte has no
    term, or the limit that would tell grade 0 from grade 1 is missing and no higher grade holds.
    Thresholds are as CTCAE prints them: "below" and "above" exclude the threshold, compared with a relative
    tolerance of 1e-9, haemoglobin given in mmol/L by the thresholds in mmol/L (6.2 and 4.9, which are not quite 100 and
    80 g/L). Where the baseline was above the upper limit, liver values are graded against the baseline;
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
            grade = _grade_low(rule, part) if rule.direction == "low" else _grade_high(rule, part)
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


def _grade_low(rule: GradeRule, part: pd.DataFrame) -> np.ndarray:
    value, lower, upper = (part[name].to_numpy(dtype=float) for name in ("value_si", "lower_si", "upper_si"))
    limit = lower if rule.default_lower is None else np.where(np.isnan(lower), rule.default_lower, lower)
    grade = np.where(_below(value, limit), 1.0, 0.0)
    # A value inside a known range is grade 0 even where only the upper limit is known and is exceeded.
    grade = np.where(np.isnan(limit) & ~_above(value, upper), np.nan, grade)
    factor = np.asarray(part.get("si_factor", 1.0), dtype=float)
    in_mmol = np.isclose(factor, MMOL_TO_G) & bool(rule.absolute_mmol_l)
    printed = rule.absolute_mmol_l or rule.absolute
    for number, (threshold, in_mmol_l) in enumerate(zip(rule.absolute, printed, strict=True), start=2):
        if threshold is not None and in_mmol_l is not None:
            limit = np.where(in_mmol, in_mmol_l * MMOL_TO_G, threshold)
            grade = np.where(_below(value, limit), float(number), grade)
    return np.where(np.isnan(value), np.nan, grade)


def _grade_high(rule: GradeRule, part: pd.DataFrame) -> np.ndarray:
    names = ("value_si", "upper_si", "baseline_si")
    value, upper, baseline = (part[name].to_numpy(dtype=float) for name in names)
    abnormal = _above(baseline, upper) & rule.baseline_replaces
    by_limit = np.where(np.isnan(upper), np.nan, 0.0)
    by_baseline = np.where(np.isnan(baseline), np.nan, 0.0)
    both = zip(rule.times_upper, rule.times_baseline, strict=True)
    for number, (times_upper, times_baseline) in enumerate(both, start=1):
        by_limit = np.where(_above(value, times_upper * upper), float(number), by_limit)
        if times_baseline is not None:
            sign = -1 if number == 1 and rule.first_inclusive else 1
            over = value > times_baseline * baseline * (1 + sign * TOLERANCE)
            by_baseline = np.where(over, float(number), by_baseline)
    grade = np.fmax(by_limit, np.where(by_baseline > 0, by_baseline, np.nan))
    if rule.baseline_replaces:
        grade = np.where(abnormal, by_baseline, by_limit)
    return np.where(np.isnan(value), np.nan, grade)


def summarise_worst_grades(graded: pd.DataFrame) -> pd.DataFrame:
    """Worst grade of each patient, period, analyte and phase, and the part of it that treatment brought.

    `graded`: columns patient_id, period, analyte, phase, score, baseline_score (grades, 0.5 where it is 0 or 1),
    baseline_grade.
    Returns one row a patient, period, analyte and phase (``treatment``, ``late`` and ``any`` of the two) with
    baseline_grade, worst_grade (0.5 where it is 0 or 1) and emergent_grade: the worst grade where it is above that of
    the baseline, else 0; 0.5 where it is 0 or 1, missing where the baseline was not graded. Samples of which nothing
    is known do not count.
    """
    after = graded.loc[graded["phase"].isin(["treatment", "late"]) & graded["score"].notna()]
    after = after.assign(phase=after["phase"].astype("string"))
    keys = ["patient_id", "period", "analyte", "phase"]
    found = {"baseline_grade": ("baseline_grade", "first"), "baseline": ("baseline_score", "first")}
    stacked = pd.concat([after, after.assign(phase="any")]).groupby(keys, observed=True, as_index=False)
    worst = stacked.agg(**found, worst_grade=("score", "max"))
    grade, baseline = worst["worst_grade"], worst["baseline"]
    emergent = grade.where((grade > baseline).fillna(False), 0.0).mask(baseline.isna())
    unclear = baseline.eq(NO_LIMIT).fillna(False) & grade.isin([NO_LIMIT, 1.0])
    return worst.assign(emergent_grade=emergent.mask(unclear, NO_LIMIT)).drop(columns="baseline")


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
    Returns result table `safety_rates` of the first treatment period; analytes are also the groups of `ORGAN_GROUPS`,
    the total of treatment-emergent grades are the patients with a graded baseline.
    """
    scores = ["worst_grade", "emergent_grade"]
    first = worst.loc[worst["period"].eq(1), ["patient_id", "analyte", "phase", *scores]]
    organs = [_pick_worst_of_organ(first, organ) for organ in ORGAN_GROUPS]
    grades = pd.concat([first, *organs]).merge(patients, on="patient_id", how="left")
    keys, parts = ["analyte", "phase", "group"], []
    for column in (WHOLE, *group_by):
        groups = grades.assign(group=compute_group(grades, column).astype("string"))
        for floor in GRADE_FLOORS:
            for score, prefix in zip(scores, ("", "emergent_"), strict=True):
                known = groups[score].notna() & (groups[score].ne(NO_LIMIT) | (floor > 1))
                groups[f"{prefix}n"], groups[f"{prefix}total"] = known & groups[score].ge(floor), known
            counts = ["n", "total", "emergent_n", "emergent_total"]
            table = groups.groupby(keys, observed=True)[counts].sum().astype("int64").reset_index()
            parts.append(table[table["total"].gt(0)].assign(group_by=column, grade_at_least=floor))
    rates = pd.concat(parts, ignore_index=True)
    for prefix, share in (("", "proportion"), ("emergent_", "emergent_proportion")):
        n, total = rates[f"{prefix}n"], rates[f"{prefix}total"]
        low, high = compute_clopper_pearson(n.to_numpy(), total.to_numpy(), level)
        rates[share], rates[f"{share}_low"], rates[f"{share}_high"] = n / total.where(total.gt(0)), low, high
        rates[f"{prefix}status"] = np.where(total.gt(0), "ok", "too_few")
    return rates


def _pick_worst_of_organ(worst: pd.DataFrame, organ: str) -> pd.DataFrame:
    """Worst grades of each patient and phase over the analytes of an organ.

    emergent_grade is missing where an analyte without a graded baseline has a grade above that of the others.
    """
    own = worst.loc[worst["analyte"].isin(ORGAN_GROUPS[organ])]
    own = own.assign(open_grade=own["worst_grade"].where(own["emergent_grade"].isna()))
    found = own.groupby(["patient_id", "phase"], observed=True, as_index=False).max(numeric_only=True)
    emergent, above = found["emergent_grade"], found["open_grade"] > found["emergent_grade"]
    return found.assign(emergent_grade=emergent.mask(above.fillna(False)), analyte=organ)


def derive_si_values(labs: pd.DataFrame) -> tuple[pd.DataFrame, list[dict]]:
    """Add `si_factor`, `value_si`, `lower_si` and `upper_si`; samples in a unit that is not known are counted.

    A limit of 0 is none: everything would lie above it, nothing below.
    Returns `samples`: rows with a known unit, index reset; `attrition`: one row of losses.
    """
    factor = convert_units_to_si(labs["analyte"], labs["unit"])
    known = factor.notna()
    samples = labs.loc[known].assign(si_factor=factor[known])
    for ours, theirs in (("value_si", "value"), ("lower_si", "lower_limit"), ("upper_si", "upper_limit")):
        samples[ours] = labs.loc[known, theirs].astype("float64") * factor[known]
    limits = ["lower_si", "upper_si"]
    samples[limits] = samples[limits].where(samples[limits].gt(0))
    reason = "unit not known for the analyte"
    losses = [attrition_row("labs", "rows", STEP, reason, len(labs), int((~known).sum()))]
    return samples.reset_index(drop=True), losses


def derive_egfr_samples(
    samples: pd.DataFrame, patients: pd.DataFrame, first_cycles: pd.Series, equation: str
) -> tuple[pd.DataFrame, list[dict]]:
    """Append eGFR for each creatinine of a day without a measured eGFR.

    `patients`: typed input table `patients` (sex, age_years at first cycle, birth_year); `equation`: as `compute_egfr`.
    Returns `samples`: with rows of analyte ``egfr`` (mL/min/1.73 m2) appended; `attrition`: creatinine values for
    which sex or age is not known.
    """
    creatinine = samples.loc[samples["analyte"].eq("creatinine")]
    traits = patients.set_index("patient_id").reindex(creatinine["patient_id"])
    days = (creatinine["sample_date"] - creatinine["patient_id"].map(first_cycles)).dt.days.to_numpy(float)
    at_cycle, born = (traits[name].to_numpy(float, na_value=np.nan) for name in ("age_years", "birth_year"))
    by_birth = creatinine["sample_date"].dt.year.to_numpy(dtype=float) - born
    age = pd.Series(at_cycle + days / DAYS_PER_YEAR).fillna(pd.Series(by_birth)).to_numpy()
    rate = compute_egfr(creatinine["value_si"], age, traits["sex"], equation)
    usable = pd.notna(rate)
    estimated = creatinine.assign(analyte="egfr", value_si=rate, lower_si=np.nan, upper_si=np.nan).loc[usable]
    measured = samples.loc[samples["analyte"].eq("egfr"), ["patient_id", "sample_date"]].drop_duplicates()
    merged = estimated.merge(measured, on=["patient_id", "sample_date"], how="left", indicator=True)
    estimated = merged.loc[merged["_merge"].eq("left_only")].drop(columns="_merge")
    reason = "eGFR not estimable: sex or age not known, or creatinine 0"
    losses = [attrition_row("labs", "rows", "safety: eGFR", reason, len(creatinine), int((~usable).sum()))]
    both = pd.concat([samples.astype({"analyte": "string"}), estimated.astype({"analyte": "string"})])
    return both.reset_index(drop=True), losses


def derive_phases(samples: pd.DataFrame, periods: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Add `period` and `phase` of each sample, and `baseline_si` of its analyte.

    `samples`: columns patient_id, sample_date, analyte, value_si; `study`: `safety.baseline_days` and
    `safety.late_after_days`.
    Returns the rows, with `period`, the period whose first cycle was last before or on the day (0 before all
    cycles); `phase`: ``baseline`` is the last sample of an analyte on or before the first cycle of a period and at
    most `baseline_days` earlier; other samples before it are ``before`` (for a later period they stay in the phase
    of the period before); then ``treatment`` until `late_after_days` after the last cycle, ``late``; `baseline_si`,
    the baseline value of the period and analyte, missing where there is none. The baseline of a later period is a
    sample of the period before as well, so that it has two rows. Patients without a cycle have no phase and are left
    out by the caller.
    """
    starts = periods[["patient_id", "period", "first_cycle", "last_cycle"]].sort_values("first_cycle")
    ordered = samples.sort_values(["sample_date"], kind="stable").reset_index(drop=True)
    ordered["order"] = range(len(ordered))
    on: dict = {"left_on": "sample_date", "right_on": "first_cycle", "by": "patient_id"}
    after = pd.merge_asof(ordered, starts, **on, allow_exact_matches=False)
    upcoming = pd.merge_asof(ordered[["patient_id", "sample_date"]], starts, **on, direction="forward")
    after["next_period"] = upcoming["period"].to_numpy()
    gap_days = (upcoming["first_cycle"] - upcoming["sample_date"]).dt.days
    candidate = gap_days.le(study.safety.baseline_days)
    keys = ["patient_id", "analyte", "next_period"]
    last_rows = after.loc[candidate.fillna(False)].groupby(keys, observed=True)["order"].max()
    is_baseline = after["order"].isin(last_rows)
    late_from = after["last_cycle"] + pd.to_timedelta(study.safety.late_after_days, unit="D")
    after["phase"] = "treatment"
    after.loc[after["sample_date"].gt(late_from), "phase"] = "late"
    after.loc[after["period"].isna(), "phase"] = "before"
    baselines = after.loc[is_baseline].set_index(keys)["value_si"]
    after["period"] = after["period"].astype("Int64").fillna(0)
    of_both = after.loc[is_baseline & after["period"].gt(0)]
    after.loc[is_baseline, "phase"] = "baseline"
    after.loc[is_baseline, "period"] = after.loc[is_baseline, "next_period"].astype("Int64")
    after = pd.concat([after, of_both], ignore_index=True)
    own = pd.MultiIndex.from_frame(after[["patient_id", "analyte", "period"]].astype({"period": "float64"}))
    baselines.index = baselines.index.set_names(["patient_id", "analyte", "period"])
    after["baseline_si"] = baselines.where(baselines.gt(0)).reindex(own).to_numpy()
    after["phase"] = pd.Categorical(after["phase"], categories=list(PHASES), ordered=True)
    return after.drop(columns=["order", "next_period", "first_cycle", "last_cycle"])
