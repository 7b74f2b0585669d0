"""Adverse events from the first cycle on: patients by term and worst grade, and rates per 100 patient-years."""

from itertools import product

import numpy as np
import pandas as pd

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.cohort.grouping import WHOLE, compute_group
from prrt_outcomes.statistics.curve_summaries import compute_poisson_interval
from prrt_outcomes.statistics.proportions import compute_clopper_pearson
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.units import DAYS_PER_YEAR

ANY = "any"
GRADES = (1, 3)
RELATED = (ANY, "yes")
PHASES = ("during_cycles", "after_last_cycle", "late")
PERIODS = {ANY: PHASES, "treatment": PHASES[:2]} | {phase: (phase,) for phase in PHASES}
BY_TREATMENT = "kind"
STEP = "safety: adverse events"
ORDER = ["period", "term_group", "is_term", "term", "grade_at_least", "related", "group_by", "group"]


def lay_out_exposure(
    periods: pd.DataFrame, patients: pd.DataFrame, events: pd.DataFrame, late_after_days: int
) -> pd.DataFrame:
    """Time at risk of each patient in each treatment period, during the cycles, soon after them and late.

    `periods`: table `treatment_periods`; `patients`: index patient_id, last_contact_date and death_date as known by the
    cut-off; `events`: patient_id, onset_date.
    Returns one row a patient, treatment period and phase (``during_cycles`` until the day of the last cycle,
    ``after_last_cycle`` until `late_after_days` later, then ``late``): patient_id, kind, phase, start (first day),
    since (from which days count), days. A treatment period ends where the next one begins, the last at death or the
    last contact, but not before a cycle or an event of it.
    """
    rows = periods.sort_values(["patient_id", "period"]).astype({"patient_id": "string"})
    contact = patients["death_date"].fillna(patients["last_contact_date"])
    end = pd.concat([contact, events.groupby("patient_id")["onset_date"].max()], axis=1).max(axis=1)
    following = rows.groupby("patient_id")["first_cycle"].shift(-1)
    stop = following.fillna(rows["patient_id"].map(end).astype("datetime64[ns]"))
    stop = stop.where(stop >= rows["last_cycle"], rows["last_cycle"])
    late_from = (rows["last_cycle"] + pd.Timedelta(late_after_days, "D")).clip(upper=stop)
    parts = [
        rows.assign(phase=phase, start=start, since=since, days=(until - since).dt.days)
        for phase, start, since, until in (
            ("during_cycles", rows["first_cycle"], rows["first_cycle"], rows["last_cycle"]),
            ("after_last_cycle", rows["last_cycle"] + pd.Timedelta(1, "D"), rows["last_cycle"], late_from),
            ("late", late_from + pd.Timedelta(1, "D"), late_from, stop),
        )
    ]
    laid = pd.concat(parts).sort_values(["patient_id", "start", "period"], kind="stable", ignore_index=True)
    is_there = (laid["days"] > 0) | (laid["phase"] == "during_cycles")
    columns = ["patient_id", "kind", "phase", "start", "since", "days"]
    return laid.loc[is_there, columns].reset_index(drop=True)


def place_events(events: pd.DataFrame, exposure: pd.DataFrame) -> tuple[pd.DataFrame, list[dict]]:
    """The row of `exposure` in which each event began.

    `events`: patient_id, onset_date, term, term_group, grade, related; one spelling, the first, is taken for terms that
    differ by case alone.
    Returns the events of treated patients from the first cycle on with `row`, the position in `exposure`, and `day`,
    counted from the start of that row; `attrition`: events of patients without a cycle, without onset and before the
    first cycle, and those without a grade or relation, which count only where neither is asked for.
    """
    treated = events["patient_id"].isin(exposure["patient_id"])
    dated = events["onset_date"].notna()
    starts = exposure[["patient_id", "start", "since"]].assign(row=exposure.index)
    starts = starts.sort_values("start", kind="stable")
    known = events[treated & dated].sort_values("onset_date", kind="stable")
    placed = pd.merge_asof(known, starts, left_on="onset_date", right_on="start", by="patient_id")
    after = placed[placed["row"].notna()].astype({"row": "int64"})
    sizes = [len(events), int(treated.sum()), len(known), len(after)]
    reasons = ("patient without a cycle", "onset not known", "before the first cycle")
    losses = [
        attrition_row("adverse_events", "rows", STEP, reason, n, n - left)
        for reason, n, left in zip(reasons, sizes[:-1], sizes[1:], strict=True)
    ]
    unknown = {"grade": ("no grade", " of grade 3 or worse"), "related": ("relation not known", ", related")}
    for column, (reason, words) in unknown.items():
        n = int(after[column].isna().sum())
        losses.append(attrition_row("adverse_events", "rows", f"{STEP}{words}", reason, len(after), n))
    spelled = after["term"].groupby(after["term"].str.casefold()).transform("first")
    days = (after["onset_date"] - after["since"]).dt.days
    return after.assign(term=spelled, day=days).drop(columns=["start", "since"]), losses


def summarise_adverse_events(
    events: pd.DataFrame, exposure: pd.DataFrame, groups: pd.DataFrame, level: float
) -> pd.DataFrame:
    """Count patients with an event, and first events per 100 patient-years at risk.

    `events`, `exposure`: as `place_events` and `lay_out_exposure` return them; `groups`: one row a patient, patient_id
    and the groupings; ``all`` and ``kind`` (initial treatment and retreatment) are always there.
    Returns columns of result table `adverse_event_rates`. A patient counts once, at the first event in the period that
    fulfils grade and relation; the time at risk ends there. Intervals: Clopper-Pearson, and the exact Poisson interval
    of Garwood (1936) with the time at risk as fixed.
    """
    names = [WHOLE, *(str(name) for name in groups if name != "patient_id"), BY_TREATMENT]
    rows = exposure.merge(groups, on="patient_id", how="left")
    levels = [
        events.assign(term=ANY, term_group=ANY),
        events.assign(term=events["term_group"]),
        events[events["term"].ne(events["term_group"])],
    ]
    stacked = pd.concat(levels, ignore_index=True)
    columns = ["term_group", "term"]
    keys = pd.concat([pd.DataFrame(ANY, index=[0], columns=columns), stacked[columns]])
    keys = keys.drop_duplicates(ignore_index=True)
    stacked["key"] = pd.MultiIndex.from_frame(keys).get_indexer(pd.MultiIndex.from_frame(stacked[columns]))
    parts = [_count_period(stacked, keys, rows, period, name) for period, name in product(PERIODS, names)]
    rates = pd.concat(parts, ignore_index=True)
    low, high = compute_clopper_pearson(rates["n"].to_numpy(), rates["total"].to_numpy(), level)
    rate_low, rate_high = compute_poisson_interval(rates["n"], level)
    years = rates["years"].where(rates["years"] > 0) / 100
    rates = rates.assign(
        proportion=rates["n"] / rates["total"], low=low, high=high,
        rate_per_100_years=rates["n"] / years, rate_low=rate_low / years, rate_high=rate_high / years, status="ok",
    )  # fmt: skip
    is_whole = rates["term"].eq(rates["term_group"])
    rates = rates.assign(is_term=~is_whole).sort_values(ORDER, key=_sort_all_first, kind="stable")
    return rates[list(load_schema("adverse_event_rates").names)].reset_index(drop=True)


def _count_period(
    events: pd.DataFrame, keys: pd.DataFrame, rows: pd.DataFrame, period: str, name: str
) -> pd.DataFrame:
    """Patients with a first event, all patients and years at risk in one period, by the groups of one column.

    `events`: with `key`, the row of `keys` (term_group, term) that each counts for
    """
    chosen = rows[rows["phase"].isin(PERIODS[period])]
    group = compute_group(chosen, name)
    levels, n_groups = group.cat.categories, len(group.cat.categories)
    patients = pd.factorize(chosen["patient_id"])[0] * n_groups + group.cat.codes.to_numpy(np.int64)
    unit, units = pd.factorize(patients)  # a patient can be in both groups of `kind`
    days = chosen["days"].to_numpy(np.int64)
    before = pd.Series(days).groupby(unit).cumsum().to_numpy() - days
    total = np.bincount(unit, days, len(units))
    of_unit = units % n_groups
    places = pd.Index(chosen.index).get_indexer(events["row"])
    here, places = events[places >= 0], places[places >= 0]
    own = unit[places]
    at = np.minimum(before[places] + here["day"].to_numpy(), total[own])
    is_related, grade = here["related"].fillna(False).to_numpy(bool), here["grade"].fillna(1).to_numpy()
    found = pd.DataFrame({"key": here["key"].to_numpy(), "unit": own, "at": at})
    found = found.sort_values("at", kind="stable")
    sizes = pd.DataFrame({"group": levels, "total": np.bincount(of_unit, minlength=n_groups)})
    every = keys.merge(sizes, how="cross")
    at_risk = np.bincount(of_unit, total, n_groups)
    parts = []
    for least, related in product(GRADES, RELATED):
        counts = (grade >= least) & (is_related | (related == ANY))
        first = found[counts[found.index]].drop_duplicates(["key", "unit"])
        cell = first["key"].to_numpy() * n_groups + of_unit[first["unit"]]
        spared = np.bincount(cell, total[first["unit"]] - first["at"], len(keys) * n_groups)
        part = every.assign(n=np.bincount(cell, minlength=len(spared)))
        years = (np.tile(at_risk, len(keys)) - spared) / DAYS_PER_YEAR
        parts.append(part.assign(grade_at_least=least, related=related, years=years))
    return pd.concat(parts).assign(period=period, group_by=name)


def _sort_all_first(column: pd.Series) -> pd.Series:
    """``any`` and ``all`` before the rest."""
    if column.dtype in ("int64", "bool"):
        return column
    return column.astype(str).where(~column.isin([ANY, WHOLE]), "")
