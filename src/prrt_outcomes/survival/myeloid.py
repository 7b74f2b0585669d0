"""Myelodysplastic syndrome and acute leukaemia: cumulative incidence from the first cycle, death competing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import UNKNOWN, WHOLE, compute_group
from prrt_outcomes.endpoints.derivation import derive_endpoint
from prrt_outcomes.endpoints.patient_dates import PatientDates
from prrt_outcomes.statistics.cumulative_incidence import fit_cumulative_incidence
from prrt_outcomes.statistics.proportions import compute_clopper_pearson
from prrt_outcomes.statistics.risk_table import flag_at_risk
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.endpoints import EndpointDefinition, resolve_endpoint
from prrt_outcomes.study.model import SafetySettings, Study
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_endpoint_rows
from prrt_outcomes.treatment.periods import summarise_cycle_days
from prrt_outcomes.units import DAYS_PER_MONTH

NEOPLASM = EndpointDefinition(**resolve_endpoint("tmn"))
WORDS = {
    "tmn": "",
    "mds": r"m[yi][eé]lod[yi]spl|\b[st]?mds|\braeb|refract",
    "leukaemia": r"l[eé]u[kc]|\b(?:[st]?am|ap)l\b",
}
"""Terms of the group `myeloid_neoplasm` that are of each kind; all of them are a `tmn`."""
MONTHS = (12.0, 24.0, 60.0, 76.0)
ACTIVITY = "cumulative_activity"
SEVERAL = "Several radionuclides"
NEAR = 1e-8


def derive_neoplasm_rows(
    dates: PatientDates, analysis_set: pd.DataFrame, study: Study
) -> dict[str, EndpointRows]:
    """Times from the first cycle to the first myeloid neoplasm of each kind, by the rules of the preset `tmn`.

    `dates`: from `derive_observation`. Returns rows by kind: `tmn`, `mds`, `leukaemia`.
    """
    rows = dict[str, EndpointRows]()
    for kind, words in WORDS.items():
        named = dates.adverse_events["term"].str.contains(words, case=False, na=False)
        own = replace(dates, adverse_events=dates.adverse_events[named.astype(bool)])
        times = derive_endpoint(own, NEOPLASM, study)
        found = select_endpoint_rows(times[times["exclusion"] == ""], analysis_set, NEOPLASM.name)
        rows |= {} if found is None else {kind: found}
    return rows


def tabulate_incidence(
    rows: EndpointRows, months: Sequence[float], settings: AnalysisSettings
) -> pd.DataFrame:
    """Cumulative incidence (Aalen-Johansen) at some months.

    Returns one row a month: time_months, n, events and competing_events until then, n_at_risk, cumulative_incidence,
    low, high, status: `too_few` where nobody is under observation any more, `no_events`: the upper limit is then
    the exact one (Clopper-Pearson) of none of those who are still at risk, which is conservative: it leaves out all who
    were followed for less time. At month 0 there are no limits.
    """
    ticks, interval = np.asarray(months, dtype=float), settings.confidence
    curve = fit_cumulative_incidence(rows.data, interval=interval.type, confidence=interval.level)
    place = np.searchsorted(curve.time, ticks + NEAR, side="right")
    at_risk = flag_at_risk(rows.data, ticks)[0].sum(axis=1)
    known = (at_risk > 0) | (np.append(1.0, curve.event_free)[place] <= 0)
    table = pd.DataFrame(
        {
            "cumulative_incidence": np.append(0.0, curve.incidence)[place],
            "low": np.append(np.nan, curve.lower)[place],
            "high": np.append(np.nan, curve.upper)[place],
        }
    )
    none = (at_risk > 0) & (ticks > 0) & (table["cumulative_incidence"] <= 0)
    highest = compute_clopper_pearson(np.zeros_like(at_risk), at_risk, interval.level)[1]
    table["low"], table["high"] = np.where(none, 0.0, table["low"]), np.where(none, highest, table["high"])
    table[~known] = np.nan
    status = np.select([~known, table["cumulative_incidence"] <= 0], ["too_few", "no_events"], "ok")
    by_then = rows.time_months <= ticks[:, None] + NEAR
    events, deaths = ((by_then & (rows.event == code)).sum(axis=1) for code in (1, 2))
    counts = {"n": rows.n_patients, "events": events, "competing_events": deaths, "n_at_risk": at_risk}
    return table.assign(time_months=ticks, status=status, **counts)


def summarise_myeloid_neoplasms(
    rows: Mapping[str, EndpointRows], cycles: pd.DataFrame, study: Study
) -> Iterator[pd.DataFrame]:
    """Cumulative incidence of each kind in all patients, by radionuclide, and by activity given until a landmark.

    `rows`: from `derive_neoplasm_rows`; `cycles`: the table of that name.
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
                table.loc[table["time_months"] <= start, ["low", "high"]] = np.nan  # 0 by definition
                yield table.assign(neoplasm=kind, group_by=group_by, group=label, landmark_months=start)


def derive_activity_class(
    patients: pd.DataFrame, cycles: pd.DataFrame, settings: SafetySettings
) -> pd.Series:
    """Class of the activity that each patient was given until the landmark, within the radionuclide.

    `patients`: patient_id, first_cycle; `settings`: `activity_landmark_months`, `activity_bounds_gbq` (a bound belongs
    to the lower class); a radionuclide without bounds is split at its median.
    Returns an ordered category of the index of `patients`: `177Lu: up to 26.6 GBq` and so on, `Several
    radionuclides`, and unknown where the activity of one cycle is.
    """
    days = summarise_cycle_days(cycles).merge(patients[["patient_id", "first_cycle"]], on="patient_id")
    since = (days["cycle_date"] - days["first_cycle"]).dt.days
    early = since.astype("float64") <= settings.activity_landmark_months * DAYS_PER_MONTH
    given = (
        days.loc[early]
        .assign(radionuclide=days["radionuclide"].astype("string"))
        .groupby("patient_id")
        .agg(
            nuclide=("radionuclide", "first"), kinds=("radionuclide", "nunique"), most=("n_radionuclides", "max"),
            total=("activity_gbq", "sum"), known=("activity_gbq", "count"), cycles=("activity_gbq", "size"),
        )
    )  # fmt: skip
    group = pd.Series(np.where(given[["kinds", "most"]].max(axis=1) > 1, SEVERAL, UNKNOWN), given.index)
    clear, order = given[(group == UNKNOWN) & (given["known"] == given["cycles"])], []
    for nuclide, own in clear["total"].round(6).groupby(clear["nuclide"]):
        bounds = sorted(settings.activity_bounds_gbq.get(nuclide, (own.median(),)))
        ends = [f"{bound:.1f}" for bound in bounds]
        words = [f"up to {ends[0]}", *(f"{a} to {b}" for a, b in pairwise(ends)), f"more than {ends[-1]}"]
        labels = [f"{nuclide}: {word} GBq" for word in words]
        group[own.index] = np.array(labels)[np.searchsorted(bounds, own)]
        order += labels
    found = patients["patient_id"].map(group).fillna(UNKNOWN)
    levels = [level for level in (*order, SEVERAL, UNKNOWN) if level in set(found)]
    return pd.Series(pd.Categorical(found, levels, ordered=True), index=patients.index)
