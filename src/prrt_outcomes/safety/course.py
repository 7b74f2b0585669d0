"""Course of laboratory values: shifts, baseline to last, creatinine by either rule, nadir and recovery."""

import numpy as np
import pandas as pd

from prrt_outcomes.laboratory import SI_UNITS
from prrt_outcomes.safety.grading import GRADE_RULES, HAEMATOLOGICAL, NO_LIMIT, bound_grades, compute_grades
from prrt_outcomes.statistics.curve_summaries import compute_quantile
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier_by_group
from prrt_outcomes.study.model import Study

HIGH = tuple(rule.analyte for rule in GRADE_RULES if rule.direction == "high")
GRADE_COLUMNS = {float(g): f"n_grade_{g}" for g in range(5)} | {NO_LIMIT: "n_grade_0_or_1"}
SHIFT_COLUMNS = {score: name.replace("n_grade", "worst") for score, name in GRADE_COLUMNS.items()}
QUARTILES = {"median": 0.5, "lower_quartile": 0.25, "upper_quartile": 0.75}


def derive_grades(phased: pd.DataFrame) -> pd.DataFrame:
    """Add grades of each sample and of its baseline; a baseline itself is graded against the limits alone.

    Returns the same rows with `grade`, `grade_at_most`, `score` (the grade, 0.5 where it is 0 or 1, missing where
    nothing bounds it), `baseline_grade` and `baseline_score`.
    """
    is_baseline = phased["phase"].eq("baseline")
    samples = phased.assign(baseline_si=phased["baseline_si"].mask(is_baseline))
    grade = compute_grades(samples)
    at_most = bound_grades(samples, grade)
    score = grade.astype("Float64").mask(grade.isna() & at_most.notna(), NO_LIMIT)
    keys = ["patient_id", "analyte", "period"]
    known = pd.Series(score[is_baseline].array, index=pd.MultiIndex.from_frame(phased.loc[is_baseline, keys]))
    baseline = known.reindex(pd.MultiIndex.from_frame(phased[keys])).array
    found = phased.assign(grade=grade, grade_at_most=at_most, score=score, baseline_score=baseline)
    of_baseline = found["baseline_score"]
    return found.assign(baseline_grade=of_baseline.mask(of_baseline.eq(NO_LIMIT)).astype("Int64"))


def derive_creatinine_rules(graded: pd.DataFrame) -> pd.DataFrame:
    """Grade creatinine by each of the two rules of CTCAE v5 alone.

    Returns the rows of creatinine twice: as analyte ``creatinine_over_limit``, against the upper limit, and as
    ``creatinine_over_baseline``, against the baseline, without patients who have none.
    """
    own = graded.loc[graded["analyte"].eq("creatinine")]
    by_rule = {
        "creatinine_over_limit": own.assign(baseline_si=np.nan),
        "creatinine_over_baseline": own.loc[own["baseline_si"].notna()].assign(upper_si=np.inf),
    }
    return pd.concat([derive_grades(rows).assign(analyte=name) for name, rows in by_rule.items()])


def summarise_lab_shifts(worst: pd.DataFrame) -> pd.DataFrame:
    """Lay out the worst grades by the grade at baseline, with totals of rows and columns.

    `worst`: as `summarise_worst_grades` gives it. Returns columns of result table `lab_shifts`, first period.
    """
    first = worst.loc[worst["period"].eq(1)]
    flags = {name: first["worst_grade"].eq(score) for score, name in SHIFT_COLUMNS.items()}
    baseline = first["baseline_grade"].astype("string").fillna("unknown")
    shift = first.assign(baseline=baseline, total=1, **flags)
    both = pd.concat([shift, shift.assign(baseline="all")])
    both["baseline"] = pd.Categorical(both["baseline"], [*map(str, range(5)), "unknown", "all"])
    groups = both.groupby(["analyte", "phase", "baseline"], observed=True)
    return groups[[*flags, "total"]].sum().reset_index()


def summarise_lab_course(graded: pd.DataFrame) -> pd.DataFrame:
    """Values and grades at baseline, at worst and at last of patients with a graded sample before and after.

    `graded`: samples in order of time: patient_id, period, analyte, phase, value_si, score.
    Returns columns of result table `lab_course`, first treatment period; the worst value is the lowest, of creatinine
    and liver values the highest, the worst grade the highest one.
    """
    keys = ["patient_id", "analyte"]
    known = graded.loc[graded["period"].eq(1) & graded["score"].notna()]
    by_patient = known.loc[known["phase"].isin(["treatment", "late"])].groupby(keys, observed=True)
    last = by_patient[["value_si", "score"]].last()
    high = last.index.get_level_values("analyte").isin(HIGH)
    worst = by_patient.agg(low=("value_si", "min"), high=("value_si", "max"), score=("score", "max"))
    worst["value_si"] = worst["low"].where(~high, worst["high"])
    baseline = known.loc[known["phase"].eq("baseline")].set_index(keys)
    both = last.index.intersection(baseline.index)
    moments = {"baseline": baseline, "worst": worst, "last": last}
    parts = {name: frame.loc[both, ["value_si", "score"]] for name, frame in moments.items()}
    rows = pd.concat(parts, names=["moment"]).reset_index()
    rows = rows.assign(**{column: rows["score"].eq(score) for score, column in GRADE_COLUMNS.items()})
    table = _describe_values(rows, ["analyte", "moment"], list(GRADE_COLUMNS.values()))
    return table.assign(total=table["analyte"].map(last.groupby("analyte").size()))


def _describe_values(rows: pd.DataFrame, keys: list[str], flags: list[str]) -> pd.DataFrame:
    """Rows, rows with each flag, median and quartiles of the value, by group, in the order of the groups."""
    groups = rows.groupby(keys, sort=False)
    values = {name: groups["value_si"].quantile(share) for name, share in QUARTILES.items()}
    table = groups[flags].sum().assign(n=groups.size(), **values).reset_index()
    return table.assign(unit=table["analyte"].map(SI_UNITS)).sort_values("analyte", kind="stable")


def summarise_lab_nadirs(
    graded: pd.DataFrame, cycles: pd.DataFrame, periods: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """Lowest blood counts after each cycle, and the time until they recover.

    `graded`: as `summarise_lab_course`, with sample_date and baseline_score; `study`: `safety.late_after_days`,
    `analysis.confidence`.
    Returns columns of result table `lab_nadirs`: one row an analyte and cycle of the first treatment period. A nadir is
    the lowest value after the day of a cycle and up to the day of the next, after the last cycle within
    `late_after_days`. A nadir of grade 2 or worse, and worse than the baseline, recovers at the first later sample of
    grade 0 or 1, or of the grade of the baseline; patients not seen to recover are censored at their last sample
    before the next cycle, after the last cycle at that of the period.
    Source: Lutathera, US prescribing information 2024, table 2 (treatment resumes at grade 0 or 1) and section 5.2
    (recovery to baseline or normal levels).
    """
    # Days of the cycles of the first period, with their number and the day of the next.
    first = periods.loc[periods["period"].eq(1), ["patient_id", "last_cycle"]]
    given = cycles[["patient_id", "cycle_date"]].drop_duplicates().merge(first, on="patient_id")
    given = given.loc[given["cycle_date"].le(given["last_cycle"])].sort_values(["cycle_date", "patient_id"])
    by_patient = given.groupby("patient_id", observed=True)["cycle_date"]
    given = given.assign(cycle=by_patient.cumcount() + 1, next_cycle=by_patient.shift(-1))
    samples = _place_samples(graded, given)
    within = samples["next_cycle"].notna() | samples["days"].le(study.safety.late_after_days)
    keys = ["patient_id", "analyte", "cycle"]
    lowest = samples.loc[within].groupby(keys)["value_si"].idxmin()
    nadirs = samples.loc[lowest]
    deep = nadirs["score"].ge(2) & ~nadirs["baseline_score"].ge(nadirs["score"]).fillna(False)
    flags = {f"n_grade_{g}_or_worse": nadirs["score"].ge(g) for g in (2, 3, 4)} | {"n_to_recover": deep}
    nadirs = nadirs.assign(**flags).sort_values("cycle", kind="stable")
    table = _describe_values(nadirs, keys[1:], list(flags)).set_index(keys[1:])
    days = nadirs.groupby(keys[1:])["days"].median()
    recovery = _summarise_recovery(nadirs.loc[deep], samples, study)
    table = table.assign(days_to_nadir=days).join(recovery).reset_index()
    return table.assign(
        total=table["cycle"].map(given.groupby("cycle").size()),
        n_recovered=pd.to_numeric(table["n_recovered"]).fillna(0),
        status=table["status"].fillna("none_to_recover"),
    )


def _place_samples(graded: pd.DataFrame, given: pd.DataFrame) -> pd.DataFrame:
    """Blood counts of the first period after a cycle, with that cycle and the days since."""
    own = graded["period"].eq(1) & graded["score"].notna() & graded["analyte"].isin(HAEMATOLOGICAL)
    columns = ["patient_id", "sample_date", "analyte", "value_si", "score", "baseline_score"]
    rows = graded.loc[own, columns].sort_values("sample_date", kind="stable")
    rows = rows.assign(analyte=rows["analyte"].astype("string"), cycle_date=rows["sample_date"])
    days = given[["patient_id", "cycle_date", "cycle", "next_cycle"]].assign(given=given["cycle_date"])
    placed = pd.merge_asof(rows, days, on="cycle_date", by="patient_id", allow_exact_matches=False)
    placed = placed.loc[placed["cycle"].notna()]
    return placed.assign(days=(placed["sample_date"] - placed["given"]).dt.days)


def _summarise_recovery(nadirs: pd.DataFrame, samples: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Recovered patients and median time to recovery, by analyte and cycle."""
    keys = ["patient_id", "analyte", "cycle"]
    lowest = nadirs[[*keys, "sample_date", "baseline_score"]]
    later = samples[[*keys, "sample_date", "score"]].merge(lowest, on=keys, suffixes=("", "_nadir"))
    later = later.assign(days=(later["sample_date"] - later["sample_date_nadir"]).dt.days)
    later = later.loc[later["days"].ge(0)]
    back = later["score"].le(later["baseline_score"].fillna(1.0).clip(lower=1.0)) & later["days"].gt(0)
    by_nadir = later.assign(recovered=later["days"].where(back)).groupby(keys, as_index=False)
    ends = by_nadir.agg(last=("days", "max"), recovered=("recovered", "min"))
    columns = ["n_recovered", "recovery_days", "recovery_days_low", "recovery_days_high", "status"]
    if ends.empty:
        return pd.DataFrame(columns=columns, index=pd.MultiIndex.from_arrays([[], []], names=keys[1:]))
    time = ends["recovered"].fillna(ends["last"]).clip(lower=1e-9)  # without a later sample censored at once
    data = SurvivalData(time.to_numpy(dtype=float), ends["recovered"].notna().to_numpy())
    how = {"interval": study.analysis.confidence.type, "confidence": study.analysis.confidence.level}
    groups = pd.MultiIndex.from_frame(ends[keys[1:]])
    curves = fit_kaplan_meier_by_group(data, groups.to_numpy(), **how)
    medians = [(curve.n_events, compute_quantile(curve)) for curve in curves.values()]
    rows = [(n, q.time, q.lower, q.upper, q.status) for n, q in medians]
    labels = [label for label in curves if isinstance(label, tuple)]
    places = pd.MultiIndex.from_tuples(labels, names=keys[1:])
    return pd.DataFrame(rows, columns=columns, index=places)
