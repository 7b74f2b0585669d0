"""Kidney function after the first cycle: eGFR over time, its slope a year, and its loss with death competing."""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.cohort.grouping import WHOLE, compute_group
from prrt_outcomes.safety.organ_doses import derive_organ_doses, summarise_organ_doses
from prrt_outcomes.statistics.cumulative_incidence import compute_gray_test
from prrt_outcomes.statistics.mixed_model import MixedModel, fit_random_slopes
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_known
from prrt_outcomes.survival.myeloid import tabulate_incidence
from prrt_outcomes.units import DAYS_PER_MONTH, DAYS_PER_YEAR

Observation = tuple[pd.DataFrame, pd.DataFrame, pd.Timestamp]
STEP = "safety: kidney function"
ENDED_DAYS = 365  # values that end longer than this before the cut-off ended early; a death later than this is not seen
CONFIRMED_DAYS = 28
LOSS, STAGE_4 = 0.6, 30.0  # of the baseline; mL/min/1.73 m2
EVENTS = ("loss_40", "stage_4", "either")
MONTHS = (12.0, 24.0, 60.0)
BIN_YEARS, FEWEST_IN_BIN = 0.5, 5
PER_GY = 10.0
FURTHER = (WHOLE, "radionuclide")


def derive_egfr_course(graded: pd.DataFrame, first_cycles: pd.Series) -> tuple[pd.DataFrame, list[dict]]:
    """The eGFR of each patient from the baseline on, one row a patient and day.

    `graded`: table `lab_grades`; `first_cycles`: by patient_id.
    Returns patient_id, days (from the first cycle), years, egfr, baseline (that of the first period; missing where
    there is none); `attrition`: values before the baseline.
    """
    rows = graded[graded["analyte"].eq("egfr") & graded["value_si"].gt(0)]
    kept = rows[rows["phase"].ne("before")].astype({"patient_id": "string"})
    days = (kept["sample_date"] - kept["patient_id"].map(first_cycles)).dt.days
    course = kept.assign(days=days).groupby(["patient_id", "days"], as_index=False)["value_si"].mean()
    course = course.rename(columns={"value_si": "egfr"}).assign(years=course["days"] / DAYS_PER_YEAR)
    baseline = course[course["days"] <= 0].set_index("patient_id")["egfr"]
    before = len(rows) - len(kept)
    losses = [attrition_row("lab_grades", "rows", STEP, "eGFR before the baseline", len(rows), before)]
    return course.assign(baseline=course["patient_id"].map(baseline)), losses


def summarise_slopes(
    course: pd.DataFrame, groups: pd.DataFrame, names: Sequence[str], acute_months: float, level: float
) -> pd.DataFrame:
    """Slopes of eGFR a year by mixed models: columns of result table `egfr_slope`.

    `course`: as `derive_egfr_course`; `groups`: index patient_id, the groupings in `names`, ended_early (boolean) and
    kidney_dose_gy. The whole cohort and radionuclides also have the acute and the chronic slope (a straight line that
    bends after `acute_months`), the slopes of those whose values ended early and of all others with their mean weighted
    by patients (pattern mixture), and the difference of slopes for 10 Gy more to the kidneys.
    Intervals: t with the patients who have two values or more, less one, as degrees of freedom. Sources: Vonesh E et
    al. Stat Med 2019;38:4218-39 (acute and chronic); Hedeker D, Gibbons RD. Psychol Methods 1997;2:64-78 (patterns).
    """
    both = course.merge(groups, left_on="patient_id", right_index=True)
    table = pd.DataFrame(
        {"group_by": name, "group": label} | found
        for name in names
        for label, part in both.groupby(compute_group(both, name), observed=True)
        for found in _fit_slopes(part, acute_months if name in FURTHER else None)
    )
    reach = stdtrit(table["df"].clip(lower=1), (1 + level) / 2) * table["std_error"]
    return table.assign(low=table["slope_per_year"] - reach, high=table["slope_per_year"] + reach)


def _fit_slopes(part: pd.DataFrame, acute_months: float | None) -> Iterator[dict]:
    """Rows of one group; the straight line alone where there is no `acute_months`."""
    years, ones = part["years"].to_numpy(), np.ones(len(part))

    def fit(*columns: np.ndarray) -> MixedModel:
        values, patient = part["egfr"].to_numpy(), part["patient_id"].to_numpy()
        return fit_random_slopes(values, np.column_stack(columns), years, patient)

    def describe(model: MixedModel, weights: list[float], analysis: str) -> dict:
        w = np.array(weights)
        return {
            "slope_per_year": w @ model.coefficients, "std_error": np.sqrt(w @ model.covariance @ w), "n": model.n,
            "n_values": len(part), "df": model.degrees_of_freedom, "status": model.status, "analysis": analysis,
            "phase": "all", "random_effects": model.random_effects,
        }  # fmt: skip

    line = fit(ones, years)
    start, slope = line.coefficients
    more = {"egfr_at_start": start, "percent_per_year": 100 * slope / start, "slope_sd": line.slope_sd}
    yield describe(line, [0, 1], "mixed") | more
    if acute_months is None:
        return
    knot = acute_months * DAYS_PER_MONTH / DAYS_PER_YEAR
    bent = fit(ones, np.minimum(years, knot), np.maximum(years - knot, 0))
    yield describe(bent, [0, 1, 0], "mixed") | {"phase": "acute"}
    yield describe(bent, [0, 0, 1], "mixed") | {"phase": "chronic"}
    early = part["ended_early"].to_numpy(bool)
    split = fit(~early, early, years * ~early, years * early)
    share = float(part.groupby("patient_id")["ended_early"].first().mean())
    for name, is_own, weights in (("followed", ~early, [0, 0, 1, 0]), ("ended_early", early, [0, 0, 0, 1])):
        sizes = {"n": part["patient_id"][is_own].nunique(), "n_values": int(is_own.sum())}
        yield describe(split, weights, name) | sizes
    found = describe(split, [0, 0, 1 - share, share], "pattern_mixture")
    of_share = share * (1 - share) / split.n * (split.coefficients[3] - split.coefficients[2]) ** 2
    yield found | {"std_error": np.sqrt(found["std_error"] ** 2 + of_share)}
    part = part[part["kidney_dose_gy"].notna()]
    if len(part):
        dose = (part["kidney_dose_gy"] - part["kidney_dose_gy"].mean()).to_numpy(float) / PER_GY
        years = part["years"].to_numpy()
        yield describe(fit(np.ones(len(part)), years, dose, dose * years), [0, 0, 0, 1], "per_10_gy")


def summarise_course(
    course: pd.DataFrame, groups: pd.DataFrame, slopes: pd.DataFrame, level: float
) -> pd.DataFrame:
    """Mean eGFR in half-years, one value a patient, beside the fitted line: columns of result table `egfr_course`."""
    at = (course["years"] / BIN_YEARS).round().abs() * BIN_YEARS  # no minus zero
    values = course.assign(years=at).groupby(["patient_id", "years"], as_index=False)["egfr"].mean()
    values = values.merge(groups, left_on="patient_id", right_index=True)
    parts = []
    for name in slopes.loc[slopes["phase"].eq("acute"), "group_by"].unique():
        by = [compute_group(values, name).astype(str).rename("group"), "years"]
        found = values.groupby(by)["egfr"].agg(n="size", mean="mean", sd="std").reset_index()
        parts.append(found[found["n"] >= FEWEST_IN_BIN].assign(group_by=name))
    lines = slopes.loc[
        slopes["egfr_at_start"].notna(), ["group_by", "group", "egfr_at_start", "slope_per_year"]
    ]
    table = pd.concat(parts).merge(lines, on=["group_by", "group"], how="left")
    reach = stdtrit(table["n"] - 1, (1 + level) / 2) * table["sd"] / np.sqrt(table["n"])
    return table.assign(
        time_months=table["years"] * DAYS_PER_YEAR / DAYS_PER_MONTH, low=table["mean"] - reach,
        high=table["mean"] + reach, fitted=table["egfr_at_start"] + table["slope_per_year"] * table["years"],
    )  # fmt: skip


def derive_kidney_times(course: pd.DataFrame, death_days: pd.Series) -> tuple[pd.DataFrame, list[dict]]:
    """Time to each loss of kidney function: one row a patient with a baseline, event and whether it is confirmed.

    `death_days`: by patient_id, from the first cycle; missing for who is not known to have died.
    Returns patient_id, event (40 % below the baseline; below 30 of those who began above; the first of both),
    confirmed (by the next value at least 28 days later), time_months, code (1 the loss, 2 death within a year of the
    last value, 0 the last value); `attrition`: patients without a baseline, and without anything after it.
    """
    known = course[course["baseline"].notna()]
    last = known.groupby("patient_id")["days"].max().clip(lower=0).astype("float64")
    death = death_days.reindex(last.index).astype("float64")
    is_dead = (death - last).le(ENDED_DAYS) & death.ge(last)
    end = last.where(~is_dead, death)
    later = known[known["days"] > 0].sort_values("days", kind="stable")
    later["loss_40"] = later["egfr"] <= LOSS * later["baseline"] * (1 + 1e-9)
    later["stage_4"] = (later["egfr"] < STAGE_4) & (later["baseline"] >= STAGE_4)
    later["either"] = later["loss_40"] | later["stage_4"]
    asked = later[["patient_id", "days"]].assign(days=later["days"] + CONFIRMED_DAYS)
    seconds = pd.merge_asof(asked, later, on="days", by="patient_id", direction="forward").set_index(
        later.index
    )
    followed, parts = end[end > 0], []
    for event, confirmed in product(EVENTS, ("no", "yes")):
        is_hit = later[event] & (seconds[event].eq(True) | (confirmed == "no"))
        first = later[is_hit].groupby("patient_id")["days"].min().reindex(followed.index)
        code = np.select([first.notna(), is_dead.reindex(followed.index)], [1, 2], 0)
        months = first.fillna(followed) / DAYS_PER_MONTH
        rows = pd.DataFrame({"time_months": months, "code": code, "event": event, "confirmed": confirmed})
        parts.append(rows.reset_index())
    n = [course["patient_id"].nunique(), len(last), len(followed)]
    reasons = ("no eGFR at baseline", "no eGFR after the baseline")
    losses = [
        attrition_row("lab_grades", "patients", STEP, reason, of, of - left)
        for reason, of, left in zip(reasons, n[:-1], n[1:], strict=True)
    ]
    return pd.concat(parts, ignore_index=True), losses


def summarise_kidney_events(
    times: pd.DataFrame, groups: pd.DataFrame, names: Sequence[str], settings: AnalysisSettings
) -> pd.DataFrame:
    """Cumulative incidence of each loss, death competing (Aalen-Johansen), with Gray's test between the groups.

    `times`: as `derive_kidney_times`. Returns columns of `kidney_events`: at the start, at `MONTHS` and, where the
    event need not be confirmed, at each event.
    """
    parts = []
    for (event, confirmed), own in times.groupby(["event", "confirmed"], sort=False):
        frame = own.merge(groups, left_on="patient_id", right_index=True)
        rows = EndpointRows(event, frame["time_months"].to_numpy(), frame["code"].to_numpy(), None, frame)
        for name in names:
            group = compute_group(frame, name)
            known, p_value = select_known(rows, group), np.nan
            if known is not None:
                p_value = compute_gray_test(compute_risk_table(known[0].data, group=known[1])).p_value
            for label, part in rows.split(group):
                each = part.time_months[part.event == 1] if confirmed == "no" else ()
                table = tabulate_incidence(part, sorted({0.0, *MONTHS, *each}), settings)
                labels = {"group_by": name, "group": label, "event": event, "confirmed": confirmed}
                parts.append(table.assign(**labels, gray_p_value=p_value))
    return pd.concat(parts, ignore_index=True)


def follow_kidneys(
    graded: pd.DataFrame, cycles: pd.DataFrame, groups: pd.DataFrame, observed: Observation, study: Study
) -> tuple[dict[str, pd.DataFrame], list[dict]]:
    """Tables `egfr_slope`, `egfr_course`, `kidney_events` and `organ_doses`, and what they leave out.

    `graded`: table `lab_grades`; `groups`: patient_id and the groupings; `observed`: as `derive_observation`.
    """
    (patients, _, cutoff), level = observed, study.analysis.confidence.level
    names = [WHOLE, *(str(name) for name in groups if name != "patient_id")]
    course, losses = derive_egfr_course(graded, patients["first_cycle"])
    doses, without_dose = derive_organ_doses(cycles)
    made = {"organ_doses": summarise_organ_doses(doses, groups, names, level)}
    if course.empty:
        return made, [*losses, *without_dose]
    death_days = (patients["death_date"] - patients["first_cycle"]).dt.days
    seen_days = (cutoff - patients["first_cycle"]).dt.days - ENDED_DAYS
    last = course.groupby("patient_id")["days"].max().reindex(patients.index)
    own = groups.astype({"patient_id": "string"}).set_index("patient_id").reindex(patients.index)
    own["ended_early"] = death_days.notna() | (last < seen_days)
    own["kidney_dose_gy"] = doses["kidney", "absorbed_dose"].reindex(own.index)
    slopes = summarise_slopes(course, own, names, study.safety.egfr_acute_months, level)
    times, without = derive_kidney_times(course, death_days)
    made |= {"egfr_slope": slopes, "egfr_course": summarise_course(course, own, slopes, level)}
    if len(times):
        made["kidney_events"] = summarise_kidney_events(times, own, names, study.analysis)
    return made, [*losses, *without_dose, *without]
