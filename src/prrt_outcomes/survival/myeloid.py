"""Myelodysplastic syndrome and acute leukaemia: cumulative incidence from the first cycle, death competing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import UNKNOWN, WHOLE, compute_group
from prrt_outcomes.endpoints.derivation import derive_endpoint
from prrt_outcomes.endpoints.patient_dates import derive_patient_dates
from prrt_outcomes.statistics.cumulative_incidence import fit_cumulative_incidence
from prrt_outcomes.statistics.risk_table import flag_at_risk
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.endpoints import EndpointDefinition, resolve_endpoint
from prrt_outcomes.study.model import SafetySettings, Study
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_endpoint_rows
from prrt_outcomes.tables.frames import empty_table
from prrt_outcomes.treatment.periods import summarise_cycle_days
from prrt_outcomes.units import DAYS_PER_MONTH

NEOPLASM = EndpointDefinition(**resolve_endpoint("tmn"))
WORDS = {"tmn": "", "mds": r"m[yi][eé]lod[yi]spl|\bmds\b", "leukaemia": r"l[eé]u[kc]|\baml\b"}
"""Terms of the group `myeloid_neoplasm` that are of each kind; all of them are a `tmn`."""
MONTHS = (12.0, 24.0, 60.0, 76.0)
ACTIVITY = "cumulative_activity"
SEVERAL = "Several radionuclides"
NEAR = 1e-8


def derive_neoplasm_rows(
    tables: dict[str, pd.DataFrame], study: Study
) -> tuple[dict[str, EndpointRows], int, int]:
    """Times from the first cycle to the first myeloid neoplasm of each kind, by the rules of the preset `tmn`.

    tables : patients, cycles, assessments, labs, adverse_events, follow_up, treatment_periods, analysis_set
    Returns rows by kind (`tmn`, `mds`, `leukaemia`), patients with a first cycle, and those of them who have no time
    because one was found before the first cycle.
    """
    absent = {name: empty_table(name) for name in ("therapies", "responses", "best_responses")}
    dates = derive_patient_dates(tables | absent, study)
    events, rows, earlier = dates.adverse_events, dict[str, EndpointRows](), 0
    for kind, words in WORDS.items():
        named = events["term"].str.contains(words, case=False).fillna(False).astype(bool)
        times = derive_endpoint(replace(dates, adverse_events=events[named]), NEOPLASM, study)
        found = select_endpoint_rows(times[times["exclusion"] == ""], tables["analysis_set"], NEOPLASM.name)
        if kind == "tmn":
            earlier = int((times["exclusion"] == "event_before_origin").sum())
        if found is not None:
            rows[kind] = found
    return rows, int(dates.patients["first_cycle"].notna().sum()), earlier


def tabulate_incidence(
    rows: EndpointRows, months: Sequence[float], settings: AnalysisSettings
) -> pd.DataFrame:
    """Cumulative incidence (Aalen-Johansen) at some months.

    Returns one row a month: time_months, n, events and competing_events until then, n_at_risk, cumulative_incidence,
    low, high, status: `too_few` where nobody is under observation any more, `no_events` without limits.
    """
    ticks = np.asarray(months, dtype=float)
    curve = fit_cumulative_incidence(
        rows.data, interval=settings.confidence.type, confidence=settings.confidence.level
    )
    place = np.searchsorted(curve.time, ticks + NEAR, side="right")
    at_risk = flag_at_risk(rows.data, ticks)[0].sum(axis=1)
    known = (at_risk > 0) | (np.append(1.0, curve.event_free)[place] <= 0)
    by_then = rows.time_months <= ticks[:, None] + NEAR
    found = {
        name: np.where(known, np.append(start, values)[place], np.nan)
        for name, start, values in (
            ("cumulative_incidence", 0.0, curve.incidence),
            ("low", np.nan, curve.lower),
            ("high", np.nan, curve.upper),
        )
    }
    status = np.select([~known, found["cumulative_incidence"] <= 0], ["too_few", "no_events"], "ok")
    counts = {
        name: (by_then & (rows.event == code)).sum(axis=1)
        for name, code in (("events", 1), ("competing_events", 2))
    }
    labels = {"time_months": ticks, "n": rows.n_patients, "n_at_risk": at_risk, "status": status}
    return pd.DataFrame(labels | counts | found)


def summarise_myeloid_neoplasms(
    rows: Mapping[str, EndpointRows], cycles: pd.DataFrame, study: Study
) -> Iterator[pd.DataFrame]:
    """Cumulative incidence of each kind in all patients, by radionuclide, and by activity given until a landmark.

    rows : from `derive_neoplasm_rows`
    cycles : table `cycles`
    Yields parts of result table `myeloid_neoplasms`: the start, `MONTHS`, and each event until the last of them. By
    activity only those are counted who were alive, under observation and without the neoplasm at
    `safety.activity_landmark_months`, and only months after it: activity is known only later, so a patient must live
    to be given more (guarantee time).
    """
    landmark = study.safety.activity_landmark_months
    for kind, all_rows in rows.items():
        later = all_rows.select(all_rows.time_months > landmark)
        activity = derive_activity_class(later.frame, cycles, study.safety)
        groupings = (
            (WHOLE, 0.0, all_rows, compute_group(all_rows.frame, WHOLE)),
            ("radionuclide", 0.0, all_rows, compute_group(all_rows.frame, "radionuclide")),
            (ACTIVITY, landmark, later, activity),
        )
        for group_by, start, chosen, group in groupings:
            for label, part in chosen.split(group) if len(chosen.frame) else ():
                months = {start, *MONTHS, *part.time_months[part.event == 1]}
                ticks = sorted(month for month in months if start <= month <= MONTHS[-1])
                table = tabulate_incidence(part, ticks, study.analysis)
                yield table.assign(neoplasm=kind, group_by=group_by, group=label, landmark_months=start)


def derive_activity_class(
    patients: pd.DataFrame, cycles: pd.DataFrame, settings: SafetySettings
) -> pd.Series:
    """Class of the activity that each patient was given until the landmark, within the radionuclide.

    patients : patient_id, first_cycle
    cycles : table `cycles`
    settings : `activity_landmark_months`, `activity_bounds_gbq` (a bound belongs to the lower class); a radionuclide
        without bounds is split at its median
    Returns an ordered category of the index of `patients`: `177Lu: up to 26.6 GBq` and so on, `Several
    radionuclides`, and unknown where the activity of one cycle is.
    """
    days = summarise_cycle_days(cycles).merge(patients[["patient_id", "first_cycle"]], on="patient_id")
    since = (days["cycle_date"] - days["first_cycle"]).dt.days
    given = days[since <= settings.activity_landmark_months * DAYS_PER_MONTH].groupby("patient_id")
    nuclide, activity = given["radionuclide"].first().astype("string"), given["activity_gbq"]
    total = activity.sum().where(activity.count() == given.size())
    several = (given["radionuclide"].nunique() > 1) | (given["n_radionuclides"].max() > 1)
    group = pd.Series(UNKNOWN, index=nuclide.index).mask(several, SEVERAL)
    order = []
    for name in sorted(nuclide.dropna().unique()):
        own = total[(nuclide == name) & ~several].dropna()
        if own.empty:
            continue
        bounds = [float(bound) for bound in settings.activity_bounds_gbq.get(name, (own.median(),))]
        upper = [
            f"up to {bounds[0]:.1f}",
            *(f"{a:.1f} to {b:.1f}" for a, b in pairwise(bounds)),
        ]
        labels = np.array([f"{name}: {words} GBq" for words in (*upper, f"more than {bounds[-1]:.1f}")])
        group[own.index] = labels[np.searchsorted(bounds, own.round(6), side="left")]
        order += list(labels)
    levels = [*order, SEVERAL, UNKNOWN]
    found = patients["patient_id"].map(group).fillna(UNKNOWN)
    kept = [level for level in levels if level in set(found)]
    return pd.Series(pd.Categorical(found, kept, ordered=True), index=patients.index)
