"""Kidney function after the first cycle: eGFR, its slope a year, its loss with death competing, and organ doses."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.cohort.grouping import WHOLE, compute_group
from prrt_outcomes.endpoints.patient_dates import PatientDates
from prrt_outcomes.safety.grading import VALUE, derive_egfr_samples
from prrt_outcomes.statistics.clustered import MixedModel, fit_random_slopes
from prrt_outcomes.statistics.proportions import compute_clopper_pearson
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.model import SafetySettings, Study
from prrt_outcomes.survival.curves import compare_incidences
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_known
from prrt_outcomes.survival.myeloid import tabulate_incidence
from prrt_outcomes.treatment.periods import compute_radionuclide
from prrt_outcomes.units import DAYS_PER_MONTH, DAYS_PER_YEAR

STEP = "safety: kidney function"
ENDED_DAYS = 365  # a patient is under observation until so long after the last value
SCHEDULE_SHARE = 0.95  # of the last values lie before the end of the schedule of sampling
CONFIRMED_DAYS = 28
LOSS, STAGE_4 = 0.6, 30.0  # of the baseline; mL/min/1.73 m2
EVENTS = ("loss_40", "stage_4", "either")
MONTHS = (12.0, 24.0, 36.0, 48.0, 60.0)
BIN_YEARS, FEWEST_IN_BIN = 0.5, 5
PER_GY = 10.0
FURTHER = (WHOLE, "radionuclide")
DOSES = yaml.safe_load(Path(__file__).with_name("kidney.yaml").read_text("utf-8"))
ORGANS = {"kidney": "kidney_dose_gy", "marrow": "marrow_dose_gy"}
QUARTILES = {"lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75}


def derive_egfr_course(
    graded: pd.DataFrame, patients: pd.DataFrame, first_cycles: pd.Series, equation: str
) -> tuple[pd.DataFrame, list[dict]]:
    """The eGFR of each patient from the baseline on, one row a patient and day, of one kind a patient.

    Estimated from creatinine where a patient has an estimate from the baseline on, measured only in others. `graded`:
    table `lab_grades`; `patients`, `equation`: as `derive_egfr_samples`; `first_cycles`: by patient_id.
    Returns patient_id, days (from the first cycle), years, egfr, baseline (that of the first period; missing where
    there is none); `attrition`: measured values beside estimates, values before the baseline.
    """
    graded = graded.drop_duplicates(VALUE)
    creatinine, keys = graded[graded["analyte"].eq("creatinine")], ["patient_id", "sample_date", "value_si"]
    estimated, _ = derive_egfr_samples(creatinine, patients, first_cycles, equation)
    estimated = estimated[estimated["analyte"].eq("egfr")]
    measured, same = graded[graded["analyte"].eq("egfr") & graded["value_si"].gt(0)], estimated[keys]
    measured = measured[~pd.MultiIndex.from_frame(measured[keys]).isin(pd.MultiIndex.from_frame(same))]
    beside = measured["patient_id"].isin(estimated.loc[estimated["phase"].ne("before"), "patient_id"])
    rows = pd.concat([estimated, measured[~beside]])
    kept = rows[rows["phase"].ne("before")].astype({"patient_id": "string"})
    days = (kept["sample_date"] - kept["patient_id"].map(first_cycles)).dt.days
    course = kept.assign(days=days).groupby(["patient_id", "days"], as_index=False)["value_si"].mean()
    course = course.assign(egfr=course.pop("value_si"), years=course["days"] / DAYS_PER_YEAR)
    baseline = course[course["days"] <= 0].set_index("patient_id")["egfr"]
    counts = (len(rows) + int(beside.sum()), len(rows), len(kept))
    losses = _count_losses("rows", counts, ("measured, of a patient with estimates", "before the baseline"))
    return course.assign(baseline=course["patient_id"].map(baseline)), losses


def _count_losses(unit: str, counts: Sequence[int], reasons: Sequence[str]) -> list[dict]:
    steps = zip(reasons, pairwise(counts), strict=True)
    return [attrition_row("lab_grades", unit, STEP, f"eGFR {why}", a, a - b) for why, (a, b) in steps]


def derive_observed_days(observed: PatientDates) -> pd.DataFrame:
    """Days from the first cycle by patient: `death_days`, `seen_days` (death, else last contact, else cut-off)."""
    own = observed.patients
    seen = own["death_date"].fillna(own["last_contact_date"]).fillna(observed.cutoff)
    dates = {"death_days": own["death_date"], "seen_days": seen}
    return pd.DataFrame({name: (date - own["first_cycle"]).dt.days for name, date in dates.items()})


def flag_ended_early(last: pd.Series, days: pd.DataFrame, schedule_months: float | None) -> pd.Series:
    """Whether sampling ended early: with a death within a year, or over a year before it was to end.

    `last`: day of the last value by patient; `days`: as `derive_observed_days`; `schedule_months`: when the schedule
    of sampling ends, None for the 95th percentile of `last`. It was to end with the schedule or with the observation.
    """
    schedule = last.quantile(SCHEDULE_SHARE) if schedule_months is None else schedule_months * DAYS_PER_MONTH
    due = days["seen_days"].reindex(last.index).clip(upper=schedule)
    return (days["death_days"].reindex(last.index) - last).le(ENDED_DAYS) | last.lt(due - ENDED_DAYS)


def summarise_slopes(
    course: pd.DataFrame, groups: pd.DataFrame, names: Sequence[str], settings: SafetySettings, level: float
) -> pd.DataFrame:
    """Slopes of eGFR a year by mixed models: columns of result table `egfr_slope`.

    `course`: as `derive_egfr_course`; `groups`: index patient_id, the groupings in `names`, ended_early (boolean) and
    kidney_dose_gy (until the landmark). The whole cohort and radionuclides also have the acute and the chronic slope (a
    straight line that bends after `egfr_acute_months` of `settings`), the slopes of those whose values ended early and
    of all others with their mean weighted by patients (pattern mixture), and the difference of slopes for 10 Gy more to
    the kidneys until `activity_landmark_months`, by values from then on: later doses depend on kidneys that bear them.
    Intervals: t with the patients who have two values or more, less one, as degrees of freedom. Sources: Vonesh E et
    al. Stat Med 2019;38:4218-39 (acute and chronic); Hedeker D, Gibbons RD. Psychol Methods 1997;2:64-78 (patterns).
    """
    both = course.merge(groups, left_on="patient_id", right_index=True)
    table = pd.DataFrame(
        {"group_by": name, "group": label} | found
        for name in names
        for label, part in both.groupby(compute_group(both, name), observed=True)
        for found in _fit_slopes(part, settings if name in FURTHER else None)
    )
    reach = stdtrit(table["df"].clip(lower=1), (1 + level) / 2) * table["std_error"]
    percent, around = table["percent_per_year"], reach / table["std_error"] * table.pop("percent_error")
    limits = {"percent_low": percent - around, "percent_high": percent + around}
    return table.assign(low=table["slope_per_year"] - reach, high=table["slope_per_year"] + reach, **limits)


def _fit_slopes(part: pd.DataFrame, settings: SafetySettings | None) -> Iterator[dict]:
    """Rows of one group; the straight line alone where there are no `settings`."""
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
    by_both = np.array([-slope, start]) / start**2  # delta method, of slope / start
    error = 100 * np.sqrt(by_both @ line.covariance @ by_both)
    more = {"egfr_at_start": start, "percent_per_year": 100 * slope / start, "percent_error": error}
    more["slope_sd"] = line.slope_sd
    yield describe(line, [0, 1], "mixed") | more
    if settings is None:
        return
    months = np.array([settings.egfr_acute_months, settings.activity_landmark_months])
    knot, landmark = months * DAYS_PER_MONTH / DAYS_PER_YEAR
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
    has_dose = part["kidney_dose_gy"].notna().any()
    part = part[part["kidney_dose_gy"].notna() & part["years"].ge(landmark)]
    if has_dose:
        dose = (part["kidney_dose_gy"] - part["kidney_dose_gy"].mean()).to_numpy(float) / PER_GY
        years = part["years"].to_numpy() - landmark
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
    table = table.assign(low=table["mean"] - reach, high=table["mean"] + reach)
    table["fitted"] = start + slope * table["years"]
    months = table["years"] * DAYS_PER_YEAR / DAYS_PER_MONTH
    return table[table["n"] >= FEWEST_IN_BIN].assign(group_by="radionuclide", time_months=months)


def derive_kidney_times(course: pd.DataFrame, days: pd.DataFrame) -> tuple[pd.DataFrame, list[dict]]:
    """Time to each loss of kidney function: one row a patient with a baseline, event and whether it is confirmed.

    `days`: as `derive_observed_days`. Observation of the living and the dead ends alike: a year after the last value,
    or at death, last contact or cut-off where that is earlier. Who began below 30 has no time to `stage_4`.
    Returns patient_id, event (40 % below the baseline; below 30; the first of both), confirmed (by the next value at
    least 28 days later), time_months, code (1 the loss, 2 death, 0 the end of observation); `attrition`: patients
    without a baseline, without anything after it, and who began below 30.
    """
    known = course[course["baseline"].notna()]
    last = known.groupby("patient_id")["days"].max().clip(lower=0).astype("float64")
    own = days.reindex(last.index).astype("float64")
    end = (last + ENDED_DAYS).clip(upper=own["seen_days"].fillna(np.inf)).clip(lower=last)
    is_dead = own["death_days"] <= end
    later = known[known["days"] > 0].sort_values("days", kind="stable")
    later["loss_40"] = later["egfr"] <= LOSS * later["baseline"] * (1 + 1e-9)
    later["stage_4"] = (later["egfr"] < STAGE_4) & (later["baseline"] >= STAGE_4)
    later["either"] = later["loss_40"] | later["stage_4"]
    asked = later[["patient_id", "days"]].assign(days=later["days"] + CONFIRMED_DAYS)
    seconds = pd.merge_asof(asked, later, on="days", by="patient_id", direction="forward")
    followed, parts = end[end > 0], []
    low = known.groupby("patient_id")["baseline"].first().reindex(followed.index) < STAGE_4
    for event, confirmed in product(EVENTS, ("no", "yes")):
        at_risk = followed[~low] if event == "stage_4" else followed
        is_hit = later[event] & (seconds[event].eq(True).to_numpy() | (confirmed == "no"))
        first = later[is_hit].groupby("patient_id")["days"].min().reindex(at_risk.index)
        code = np.select([first.notna(), is_dead[at_risk.index]], [1, 2], 0)
        rows = pd.DataFrame({"time_months": first.fillna(at_risk) / DAYS_PER_MONTH, "code": code})
        parts.append(rows.assign(event=event, confirmed=confirmed).reset_index())
    counts = course["patient_id"].nunique(), len(last), len(followed), len(followed) - int(low.sum())
    reasons = "none at baseline", "nothing known after the baseline", "below 30 at baseline, no fall below 30"
    return pd.concat(parts, ignore_index=True), _count_losses("patients", counts, reasons)


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
        time, code = frame["time_months"].to_numpy(), frame["code"].to_numpy()
        rows = EndpointRows(str(event), time, code, None, frame)
        for name in names:
            group = compute_group(frame, name)
            known, p_value = select_known(rows, group), np.nan
            if known is not None:
                p_value = compare_incidences(*known).p_value
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
    reason, n, losses = "dose not known of every cycle", len(doses), []
    for organ in ORGANS:
        unknown = doses[organ].iloc[:, 0].isna().sum()  # type: ignore[call-overload]
        if unknown < n:
            step = f"safety: doses of the {organ}"
            losses.append(attrition_row("cycles", "patients", step, reason, n, unknown))
    return doses, losses


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
    is_known = table["total"] > 0
    low, high = compute_clopper_pearson(table["n"].to_numpy(), table["total"].to_numpy(), level)
    share = table["n"] / table["total"].where(is_known)
    return table.assign(proportion=share, low=low, high=high, status=np.where(is_known, "ok", "too_few"))


def summarise_dose_distribution(doses: pd.DataFrame, groups: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Patients whose absorbed dose is above each step of dose: columns of `organ_dose_distribution`."""
    own, parts = groups.reindex(doses.index), [pd.DataFrame()]
    for name, (organ, step) in product(names, DOSES["step_gy"].items()):
        dose = doses[organ, "absorbed_dose"].dropna()
        ticks = (np.arange(np.ceil(dose.max() / step) + 1) * step).round(6) if len(dose) else np.array([])
        over = pd.DataFrame(dose.to_numpy()[:, None] > ticks, index=dose.index, columns=ticks)
        by_group = over.groupby(compute_group(own.loc[dose.index], name).astype(str))
        table = by_group.sum().melt(ignore_index=False, var_name="dose_gy", value_name="n")
        table = table.assign(total=by_group.size().reindex(table.index), group=table.index)
        parts.append(table.assign(group_by=name, organ=organ, proportion=table["n"] / table["total"]))
    return pd.concat(parts, ignore_index=True)


def follow_kidneys(
    tables: Mapping[str, pd.DataFrame], groups: pd.DataFrame, observed: PatientDates, study: Study
) -> tuple[dict[str, pd.DataFrame], list[dict]]:
    """Tables of kidney function and of doses to kidneys and marrow, and what they leave out.

    `tables`: lab_grades, patients, cycles; `groups`: patient_id and the groupings; `observed`: as `derive_observation`.
    """
    safety, level = study.safety, study.analysis.confidence.level
    patients, first_cycles, cycles = tables["patients"], observed.patients["first_cycle"], tables["cycles"]
    own = groups.astype({"patient_id": "string"}).set_index("patient_id")
    names = [WHOLE, *map(str, own)]
    course, losses = derive_egfr_course(tables["lab_grades"], patients, first_cycles, safety.egfr_equation)
    further = [name for name in FURTHER if name in names]
    doses, without_dose = derive_organ_doses(cycles)
    made = {"organ_doses": summarise_organ_doses(doses, own, names, level)}
    made["organ_dose_distribution"] = summarise_dose_distribution(doses, own, further)
    if course.empty:
        return made, [*losses, *without_dose]
    since = (cycles["cycle_date"] - cycles["patient_id"].astype("string").map(first_cycles)).dt.days
    early = since.astype("float64") <= safety.activity_landmark_months * DAYS_PER_MONTH
    until, _ = derive_organ_doses(cycles.loc[early])
    days, last = derive_observed_days(observed), course.groupby("patient_id")["days"].max()
    early = flag_ended_early(last, days, safety.egfr_schedule_months)
    own = own.reindex(last.index).assign(ended_early=early, kidney_dose_gy=until["kidney", "absorbed_dose"])
    slopes = summarise_slopes(course, own, names, safety, level)
    times, without = derive_kidney_times(course, days)
    made |= {"egfr_slope": slopes}
    if "radionuclide" in own:
        made["egfr_course"] = summarise_course(course, own, slopes, level)
    if len(times):
        made["kidney_events"] = summarise_kidney_events(times, own, names, study.analysis)
    return made, [*losses, *without_dose, *without]
