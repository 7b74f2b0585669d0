"""Kidney function after the first cycle: eGFR, its slope a year, its loss with death competing, and organ doses."""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.cohort.grouping import WHOLE, compute_group
from prrt_outcomes.endpoints.patient_dates import PatientDates
from prrt_outcomes.safety.grading import VALUE
from prrt_outcomes.statistics.cumulative_incidence import compute_gray_test
from prrt_outcomes.statistics.mixed_model import MixedModel, fit_random_slopes
from prrt_outcomes.statistics.proportions import compute_clopper_pearson
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_known
from prrt_outcomes.survival.myeloid import tabulate_incidence
from prrt_outcomes.treatment.periods import compute_radionuclide
from prrt_outcomes.units import DAYS_PER_MONTH, DAYS_PER_YEAR

STEP = "safety: kidney function"
ENDED_DAYS = 365  # values that end longer than this before the cut-off ended early; a death later than this is not seen
CONFIRMED_DAYS = 28
LOSS, STAGE_4 = 0.6, 30.0  # of the baseline; mL/min/1.73 m2
EVENTS = ("loss_40", "stage_4", "either")
MONTHS = (12.0, 24.0, 60.0)
BIN_YEARS, FEWEST_IN_BIN = 0.5, 5
PER_GY = 10.0
FURTHER = (WHOLE, "radionuclide")
DOSES = yaml.safe_load(Path(__file__).with_name("kidney.yaml").read_text("utf-8"))
ORGANS = {"kidney": "kidney_dose_gy", "marrow": "marrow_dose_gy"}
QUARTILES = {"lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75}


def derive_egfr_course(graded: pd.DataFrame, first_cycles: pd.Series) -> tuple[pd.DataFrame, list[dict]]:
    """The eGFR of each patient from the baseline on, one row a patient and day.

    `graded`: table `lab_grades`; `first_cycles`: by patient_id.
    Returns patient_id, days (from the first cycle), years, egfr, baseline (that of the first period; missing where
    there is none); `attrition`: values before the baseline.
    """
    rows = graded[graded["analyte"].eq("egfr") & graded["value_si"].gt(0)].drop_duplicates(VALUE)
    kept = rows[rows["phase"].ne("before")].astype({"patient_id": "string"})
    days = (kept["sample_date"] - kept["patient_id"].map(first_cycles)).dt.days
    course = kept.assign(days=days).groupby(["patient_id", "days"], as_index=False)["value_si"].mean()
    course = course.assign(egfr=course.pop("value_si"), years=course["days"] / DAYS_PER_YEAR)
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

    def describe(model: MixedModel, weights: Sequence[float], analysis: str) -> dict:
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
    """Mean eGFR by radionuclide and half-year, one value a patient, beside the fitted line: table `egfr_course`."""
    at = (course["years"] / BIN_YEARS).round().abs() * BIN_YEARS  # no minus zero
    values = course.assign(years=at).groupby(["patient_id", "years"], as_index=False)["egfr"].mean()
    values = values.merge(groups, left_on="patient_id", right_index=True)
    by = [compute_group(values, "radionuclide").astype(str).rename("group"), "years"]
    table = values.groupby(by)["egfr"].agg(n="size", mean="mean", sd="std").reset_index()
    lines = slopes[slopes["group_by"].eq("radionuclide") & slopes["egfr_at_start"].notna()].set_index("group")
    start, slope = (table["group"].map(lines[name]) for name in ("egfr_at_start", "slope_per_year"))
    reach = stdtrit(table["n"] - 1, (1 + level) / 2) * table["sd"] / np.sqrt(table["n"])
    table = table.assign(
        low=table["mean"] - reach, high=table["mean"] + reach, fitted=start + slope * table["years"]
    )
    months = table["years"] * DAYS_PER_YEAR / DAYS_PER_MONTH
    return table[table["n"] >= FEWEST_IN_BIN].assign(group_by="radionuclide", time_months=months)


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
    seconds = pd.merge_asof(asked, later, on="days", by="patient_id", direction="forward")
    followed, parts = end[end > 0], []
    for event, confirmed in product(EVENTS, ("no", "yes")):
        is_hit = later[event] & (seconds[event].eq(True).to_numpy() | (confirmed == "no"))
        first = later[is_hit].groupby("patient_id")["days"].min().reindex(followed.index)
        code = np.select([first.notna(), is_dead[followed.index]], [1, 2], 0)
        rows = pd.DataFrame({"time_months": first.fillna(followed) / DAYS_PER_MONTH, "code": code})
        parts.append(rows.assign(event=event, confirmed=confirmed).reset_index())
    counts = course["patient_id"].nunique(), len(last), len(followed)
    return pd.concat(parts, ignore_index=True), [
        attrition_row(
            "lab_grades", "patients", STEP, f"no eGFR {when} baseline", counts[i], counts[i] - counts[i + 1]
        )
        for i, when in enumerate(("at", "after the"))
    ]


def summarise_kidney_events(
    times: pd.DataFrame, groups: pd.DataFrame, names: Sequence[str], settings: AnalysisSettings
) -> pd.DataFrame:
    """Cumulative incidence of each loss, death competing (Aalen-Johansen), with Gray's test between the groups.

    `times`: as `derive_kidney_times`. Returns columns of `kidney_events`: at the start, at `MONTHS` and, where the
    event need not be confirmed, at each event.
    """
    parts = []
    for event, confirmed in product(EVENTS, ("no", "yes")):
        own = times[times["event"].eq(event) & times["confirmed"].eq(confirmed)]
        frame = own.merge(groups, left_on="patient_id", right_index=True)
        rows = EndpointRows(
            str(event), frame["time_months"].to_numpy(), frame["code"].to_numpy(), None, frame
        )
        for name in names:
            group = compute_group(frame, name)
            known, p_value = select_known(rows, group), np.nan
            if known is not None:
                p_value = compute_gray_test(compute_risk_table(known[0].data, group=known[1])).p_value
            for label, part in rows.split(group):
                each = part.time_months[part.event == 1] if confirmed == "no" else ()
                table = tabulate_incidence(part, sorted({0.0, *MONTHS, *each}), settings)
                table = table.assign(group_by=name, group=label, event=event, confirmed=confirmed)
                parts.append(table.assign(gray_p_value=p_value))
    return pd.concat(parts, ignore_index=True)


def compute_effective_dose(dose_gy: ArrayLike, radionuclide: ArrayLike) -> np.ndarray:
    """Biologically effective dose of the kidneys from one cycle, by the linear-quadratic model.

    dose_gy : absorbed dose; radionuclide : one a dose, by which the dose rate falls
    Returns Gy; missing where the dose is, or where the radionuclide has no half-life in `kidney.yaml`, which names the
    sources.

    >>> compute_effective_dose([5.0, 5.0], ["177Lu", "225Ac"]).round(3)
    array([5.5, nan])
    """
    dose, biological = np.asarray(dose_gy, dtype=float), DOSES["biological_hours"]
    physical = pd.Series(radionuclide).astype("string").map(DOSES["physical_hours"]).to_numpy(float)
    effective = biological * physical / (biological + physical)
    repair = DOSES["repair_hours"] / (DOSES["repair_hours"] + effective)
    return dose + dose**2 / DOSES["alpha_beta_gy"] * repair


def derive_organ_doses(cycles: pd.DataFrame) -> tuple[pd.DataFrame, list[dict]]:
    """Doses of each patient over all cycles, known where they are known of every cycle.

    Returns index patient_id, columns (organ, quantity) in Gy; `attrition`: patients without them.
    """
    by_cycle = {(organ, "absorbed_dose"): cycles[name].astype("float64") for organ, name in ORGANS.items()}
    nuclide, kidney = compute_radionuclide(cycles["radiopharmaceutical"]), by_cycle["kidney", "absorbed_dose"]
    by_cycle["kidney", "effective_dose"] = pd.Series(compute_effective_dose(kidney, nuclide), cycles.index)
    own = pd.DataFrame(by_cycle).groupby(cycles["patient_id"].astype("string"))
    doses = own.sum().where(own.count().eq(own.size(), axis=0))
    reason, unknown = "dose not known of every cycle", doses.isna().sum()
    return doses, [
        attrition_row(
            "cycles", "patients", f"safety: doses of the {organ}", reason, len(doses), unknown[organ].iloc[0]
        )
        for organ in ORGANS
        if unknown[organ].iloc[0] < len(doses)
    ]


def summarise_organ_doses(
    doses: pd.DataFrame, groups: pd.DataFrame, names: list[str], level: float
) -> pd.DataFrame:
    """Median and quartiles of each dose, and the share of patients over each limit: columns of `organ_doses`.

    `groups`: index patient_id, the groupings in `names`; `level`: of the Clopper-Pearson intervals. No row of a dose
    that nobody has.
    """
    own, parts = groups.reindex(doses.index), [pd.DataFrame()]
    for name, limit in product(names, DOSES["limits"]):
        dose, group = doses[limit["organ"], limit["quantity"]], compute_group(own, name)
        by_group = dose.groupby(group, observed=True)
        found = pd.DataFrame({column: by_group.quantile(q) for column, q in QUARTILES.items()})
        over = (dose > limit["limit_gy"]).groupby(group, observed=True).sum()
        counts = {"n": over, "total": by_group.count(), "n_unknown": by_group.size() - by_group.count()}
        if dose.notna().any():
            found = found.join(pd.DataFrame(counts)).assign(group=found.index.astype(str), group_by=name)
            parts.append(found.assign(**limit))
    table = pd.concat(parts, ignore_index=True)
    if table.empty:
        return table
    known = table["total"].where(table["total"] > 0)
    low, high = compute_clopper_pearson(table["n"].to_numpy(), known.fillna(1).to_numpy(), level)
    table = table.assign(proportion=table["n"] / known, low=low, high=high)
    table[["low", "high"]] = table[["low", "high"]].where(known.notna(), np.nan)
    return table.assign(status=np.where(known.notna(), "ok", "too_few"))


def follow_kidneys(
    graded: pd.DataFrame, cycles: pd.DataFrame, groups: pd.DataFrame, observed: PatientDates, study: Study
) -> tuple[dict[str, pd.DataFrame], list[dict]]:
    """Tables `egfr_slope`, `egfr_course`, `kidney_events` and `organ_doses`, and what they leave out.

    `graded`: table `lab_grades`; `groups`: patient_id and the groupings; `observed`: as `derive_observation`.
    """
    patients, cutoff, level = observed.patients, observed.cutoff, study.analysis.confidence.level
    own = groups.astype({"patient_id": "string"}).set_index("patient_id")
    names = [WHOLE, *map(str, own)]
    course, losses = derive_egfr_course(graded, patients["first_cycle"])
    doses, without_dose = derive_organ_doses(cycles)
    made = {"organ_doses": summarise_organ_doses(doses, own, names, level)}
    if course.empty:
        return made, [*losses, *without_dose]
    death_days = (patients["death_date"] - patients["first_cycle"]).dt.days
    seen_days = (cutoff - patients["first_cycle"]).dt.days - ENDED_DAYS
    last = course.groupby("patient_id")["days"].max().reindex(patients.index)
    kidney = doses["kidney", "absorbed_dose"].reindex(patients.index)
    own = own.reindex(patients.index).assign(
        ended_early=death_days.notna() | (last < seen_days), kidney_dose_gy=kidney
    )
    slopes = summarise_slopes(course, own, names, study.safety.egfr_acute_months, level)
    times, without = derive_kidney_times(course, death_days)
    made |= {"egfr_slope": slopes}
    if "radionuclide" in own:
        made["egfr_course"] = summarise_course(course, own, slopes, level)
    if len(times):
        made["kidney_events"] = summarise_kidney_events(times, own, names, study.analysis)
    return made, [*losses, *without_dose, *without]
