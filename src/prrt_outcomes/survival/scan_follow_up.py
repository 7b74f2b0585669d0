"""Follow-up by scans of the primary endpoint: new therapy before the event; scans that do not take place, weights."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import UNKNOWN, compute_group, derive_covariates
from prrt_outcomes.endpoints.derivation import HALF_DAY, MISSED
from prrt_outcomes.endpoints.sources import STOPS
from prrt_outcomes.response.codes import COMPOSITES
from prrt_outcomes.statistics.propensity import fit_stopping_weights
from prrt_outcomes.statistics.weights import compute_effective_sample_size
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.curves import fit_curve, tabulate_milestones
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_endpoint_rows
from prrt_outcomes.units import convert_days_to_months

STOP_CENSORED, STOP_WEIGHTED = "scan_stop_censored", "scan_stop_weighted"
FEWEST_STOPS = 10
NOT_SCANNED = "not scanned"
VISIT = ["patient", "time_days", "end_days", "stopped", "known", "response", "new_therapy"]


def select_scans(responses: pd.DataFrame, study: Study, *, adequate: bool) -> pd.DataFrame:
    """Scans under criterion and reader of the primary endpoint, one row a patient and date, in this order.

    `adequate`: leave out those whose response is not known or NE.
    """
    first, keys = study.endpoints[0], ["patient_id", "assessment_date"]
    primary = responses["primary_reader"].fillna(False).astype(bool)
    own = primary if first.reader is None else responses["reader"] == first.reader
    code = responses["overall_response"].astype("string")
    own &= (responses["criterion"] == (first.criterion or study.response.primary_criterion)).astype(bool)
    chosen = responses[own & (code.notna() & (code != "NE") | (not adequate))]
    return chosen.sort_values([*keys, "period"], kind="stable").drop_duplicates(keys)


def derive_visits(
    rows: pd.DataFrame, scans: pd.DataFrame, cutoff: pd.Timestamp, study: Study
) -> pd.DataFrame:
    """Start of observation and adequate scans of each patient, up to the first after which the scans stop.

    `rows`: of table `endpoints`, missed assessments disregarded; `scans`: adequate ones (`select_scans`); `study`:
    planned scan interval and window. The next scan is planned one interval after a scan, the first one two intervals
    after the start; it takes place where a scan or a progression comes by the end of the window after that.
    Returns one row a visit, by patient and time: patient (position in `rows`), time_days, end_days (half a day before
    the next planned scan), stopped: that scan does not take place, nor an event by end_days; known: the window ends
    by the cut-off, and no death or other censoring came in it or before; response (CR, PR, ... or not scanned),
    new_therapy: begun by the day of the visit.
    """
    interval = study.assessment_interval_days or 0
    patients = rows.rename(columns={"time_days": "last_days"}).assign(patient=range(len(rows)))
    start = patients[patients["origin_date"].notna()]
    start = start.assign(time_days=start["entry_days"].fillna(0.0), response=NOT_SCANNED)
    later = start.merge(scans[["patient_id", "assessment_date", "overall_response"]], on="patient_id")
    days = (later["assessment_date"] - later["origin_date"]).dt.days.astype("float64")
    inside = (days > later["time_days"]) & (days < later["last_days"] + (later["event"] == 0) * HALF_DAY)
    later = later.assign(time_days=days, response=later["overall_response"].astype("string"))[inside]
    visits = pd.concat([start, later]).sort_values(["patient", "time_days"], ignore_index=True)
    following = visits.groupby("patient")["time_days"].shift(-1)
    is_last, event = following.isna(), visits["event"] > 0
    planned = visits["time_days"] + interval * np.where(visits["response"] == NOT_SCANNED, MISSED, 1)
    end, limit = planned - HALF_DAY, planned + study.assessment_window_days
    progressed = event & visits["reason"].eq("progression").fillna(False)
    absent = ~(following.where(~is_last, visits["last_days"].where(progressed, np.inf)) <= limit)
    unseen = is_last & event & ~progressed
    censored = is_last & ~event & visits["reason"].isin(STOPS)
    decided = limit <= (cutoff - visits["origin_date"]).dt.days.astype("float64")
    stopped = absent & (decided | event) & ~censored & ~(unseen & (visits["last_days"] <= end))
    date = visits["origin_date"] + pd.to_timedelta(visits["time_days"], unit="D")
    visits = visits.assign(
        end_days=end, stopped=stopped, known=decided & ~censored & ~(unseen & (visits["last_days"] <= limit)),
        new_therapy=visits["new_therapy_date"] <= date,
    )  # fmt: skip
    before = stopped.groupby(visits["patient"]).cumsum() - stopped
    return visits.loc[before == 0, VISIT].reset_index(drop=True)


def censor_at_stops(rows: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    """The rows with all who have no event, or whose scans stop before it, followed up to the next planned scan.

    They are censored half a day before the scan is planned, or when last known to be alive if that is earlier:
    deaths until then are events, and whether somebody is followed until then does not depend on what comes later.
    """
    last = visits.groupby("patient")[["end_days", "stopped"]].last().reindex(range(len(rows)))
    stopped = last["stopped"].eq(True).to_numpy()
    time = rows["time_days"].to_numpy(float)
    alive = np.fmax(time, (rows["last_contact_date"] - rows["origin_date"]).dt.days.to_numpy(float))
    ends = np.fmin(last["end_days"].to_numpy(float), alive)
    open_ = (rows["event"].to_numpy("int64") == 0) & ~rows["reason"].isin(STOPS).to_numpy(bool)
    changed = np.isfinite(ends) & (stopped | open_)
    return rows.assign(time_days=np.where(changed, ends, time), event=rows["event"].mask(stopped, 0))


def weigh_visits(
    censored: EndpointRows, visits: pd.DataFrame, covariates: pd.DataFrame
) -> EndpointRows | None:
    """Time between planned scans as rows, weighted by the inverse probability of continued scanning.

    `censored`: patients from `censor_at_stops`; `covariates`: of these patients; a missing value is a level of its
    own. The model of stopping knows months since the origin (linear, squared, whether there was a scan), and
    beside these the covariates, the response at the last scan and a new therapy. Before the first stop and after the
    last one nobody stops: such visits leave a weight as it is. The weight of a visit counts from its end_days on.
    Returns None where there are no weights.
    """
    months = convert_days_to_months(visits["time_days"].to_numpy(float))
    scanned = (visits["response"] != NOT_SCANNED).astype(float)
    timing = pd.DataFrame({"months": months, "months_squared": months**2, "scanned": scanned})
    response = visits["response"].isin(COMPOSITES["objective_with_mr"]).astype(float)
    moving = pd.DataFrame({"last response": response, "new therapy": visits["new_therapy"].astype(float)})
    fixed = fill_missing(covariates).iloc[visits["patient"].to_numpy()].reset_index(drop=True)
    stops = months[visits["stopped"].to_numpy()]
    decides = (months >= stops.min()) & (months <= stops.max())
    parts = (visits, timing, pd.concat([moving, fixed], axis=1))
    fitted = fit_stopping_weights(*[part[decides].reset_index(drop=True) for part in parts])
    if fitted is None:
        return None
    weights = np.full(len(visits), np.nan)
    weights[decides] = fitted
    weight = pd.Series(weights).groupby(visits["patient"]).ffill().fillna(1.0)
    first = visits.drop_duplicates("patient").assign(weight=1.0, start=visits["time_days"])
    earliest = visits["end_days"][::-1].groupby(visits["patient"]).cummin()
    spans = pd.concat([first, visits.assign(weight=weight, start=earliest)])
    spans = spans.sort_values(["patient", "start"], kind="stable", ignore_index=True)
    patient = spans["patient"].to_numpy()
    start = convert_days_to_months(spans["start"].to_numpy(float))
    following = np.where(np.append(patient[1:] == patient[:-1], False), np.append(start[1:], np.inf), np.inf)
    end = censored.time_months[patient]
    kept = start < np.minimum(following, end)
    patient, stop = patient[kept], np.minimum(following, end)[kept]
    event = np.where((following >= end)[kept], censored.event[patient], 0)
    frame = censored.frame.iloc[patient].reset_index(drop=True)
    return EndpointRows(censored.endpoint, stop, event, start[kept], frame, spans["weight"].to_numpy()[kept])


def fill_missing(covariates: pd.DataFrame) -> pd.DataFrame:
    """Covariates with a missing value as a level; a number takes the mean, with an indicator beside it."""
    columns = {}
    for name, values in covariates.items():
        if pd.api.types.is_numeric_dtype(values):
            columns[str(name)] = values.fillna(values.mean()).fillna(0.0)
            columns[f"{name} {UNKNOWN}"] = values.isna().astype(float)
        else:
            columns[str(name)] = values.astype("string").fillna(UNKNOWN).astype("category")
    return pd.DataFrame(columns, index=covariates.index)


class ScanStops(NamedTuple):
    """The primary endpoint censored before the first planned scan that does not take place."""

    rows: pd.DataFrame  # of table `endpoints`, with `stopped` of those whose scans stop
    # patients of each analysis: censored, and weighted where there are weights
    analyses: dict[str, EndpointRows]
    status: str  # of the weights


def analyse_stops(
    rows: pd.DataFrame, tables: dict[str, pd.DataFrame], cutoff: pd.Timestamp, study: Study
) -> ScanStops | None:
    """Censor the primary endpoint where scans stop, and weigh those who go on; None without a planned interval.

    `rows`: of the primary endpoint, missed assessments disregarded; `tables`: analysis_set, responses.
    Reported times have no visits: with them there are no weights.
    """
    if study.assessment_interval_days is None or not rows["origin_date"].notna().any():
        return None
    visits = derive_visits(rows, select_scans(tables["responses"], study, adequate=True), cutoff, study)
    stopped = pd.Series(range(len(rows))).isin(visits.loc[visits["stopped"], "patient"])
    changed = censor_at_stops(rows, visits).assign(stopped=stopped.to_numpy())
    patients = select_endpoint_rows(changed, tables["analysis_set"], study.endpoints[0].name)
    if patients is None:
        return None
    analyses, status = {STOP_CENSORED: patients}, "no_events"
    if stopped.any():
        present = tuple(name for name in study.analysis.covariates if name in patients.frame)
        covariates, weighted = derive_covariates(patients.frame, present), None
        if rows["origin_date"].notna().all():
            weighted = weigh_visits(patients, visits, covariates)
        status = "not_estimable"
        if weighted is not None:
            analyses[STOP_WEIGHTED] = weighted
            status = "few_events" if stopped.sum() < FEWEST_STOPS else "ok"
    return ScanStops(changed, analyses, status)


def tabulate_stop_milestones(
    analyses: dict[str, EndpointRows], groupings: tuple[str, ...], study: Study
) -> Iterator[pd.DataFrame]:
    """Parts of result table `scan_stop_milestones` but for endpoint: survival at the milestones of each analysis."""
    for analysis, rows in analyses.items():
        for group_by in groupings:
            for level, part in rows.split(compute_group(rows.frame, group_by)):
                found = tabulate_milestones(fit_curve(part, study.analysis), part, study.analysis)
                yield found.assign(analysis=analysis, group_by=group_by, group=level)


def summarise_follow_up(
    rows: pd.DataFrame, stops: ScanStops | None, groupings: tuple[str, ...], analysis_set: pd.DataFrame
) -> Iterator[pd.DataFrame]:
    """Parts of result table `scan_follow_up` but for endpoint.

    `rows`: of the primary endpoint, missed assessments disregarded; `stops`: from `analyse_stops`. The effective
    sample size is of the last weight of each patient. Reported times have no dates: those patients are left out.
    """
    began = rows["new_therapy_days"].notna()
    flags = {
        "n_switched": began,
        "n_scanned_after_switch": began & (rows["last_adequate_date"] > rows["new_therapy_date"]),
        "n_progressed_after_switch": began & (rows["progression_date"] > rows["new_therapy_date"]),
    }
    weights, status = None, "no_interval"
    if stops is not None:
        status, weighted = stops.status, stops.analyses.get(STOP_WEIGHTED)
        flags["n_stopped"] = stops.rows["stopped"]
        if weighted is not None:
            by_patient = pd.Series(weighted.weights).groupby(weighted.frame["patient_id"].to_numpy())
            weights = by_patient.last(), by_patient.max()
    dated = rows[["patient_id"]].assign(**flags)[rows["origin_date"].notna()]
    joined = dated.merge(analysis_set, on="patient_id", how="left")
    for group_by in groupings:
        for level, members in joined.groupby(compute_group(joined, group_by), observed=True):
            row = {"group_by": group_by, "group": str(level), "n": len(members), "status": status}
            row |= {name: int(members[name].sum()) for name in flags}
            if weights is not None:
                last, largest = (members["patient_id"].map(column) for column in weights)
                row["effective_n"] = compute_effective_sample_size(last.to_numpy(float))
                row["largest_weight"] = largest.max()
            yield pd.DataFrame([row])
