"""Sensitivity of the primary endpoint: interval and informative censoring, the lost, partial dates, days of scans."""

from bisect import bisect_left

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import UNKNOWN, WHOLE, compute_group
from prrt_outcomes.endpoints.variants import ANY_PROGRESSION, VARIANT_WORDS
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.logrank import compute_logrank
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.statistics.turnbull import Turnbull, fit_turnbull
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival import scan_follow_up
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_endpoint_rows, select_known
from prrt_outcomes.survival.estimands import compare_groups, list_groupings
from prrt_outcomes.tables.frames import empty_table, stack_tables
from prrt_outcomes.units import convert_days_to_months

SENSITIVITY_OUTPUTS = (
    "sensitivity", "interval_censored_curve", "scan_intervals", "scan_interval_test", "scan_follow_up",
    "scan_stop_milestones",
)  # fmt: skip
INFORMATIVE = (
    "new_therapy", "retreatment", "missed_assessments", "lost_to_follow_up", "no_adequate_assessment",
)  # fmt: skip
SILENT_DAYS = 180
SAME_DAYS = 0.5
NO_PROBABILITY = 1e-9
VARIANTS = tuple(name for name in VARIANT_WORDS if name != ANY_PROGRESSION)
SCANS_SHOWN = 12


def summarise_sensitivity_tables(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Analyse the primary endpoint again under other assumptions on censoring and dates.

    `tables`: endpoints, endpoint_variants, analysis_set, estimands, responses; `study`: its first endpoint is
    primary; analysis, planned scan interval.
    Returns the result tables of `SENSITIVITY_OUTPUTS`; empty where nobody has a time for the primary endpoint.
    """
    name = study.endpoints[0].name
    rows = tables["endpoints"][tables["endpoints"]["endpoint"] == name].reset_index(drop=True)
    if rows.empty:
        return {table: empty_table(table) for table in SENSITIVITY_OUTPUTS}
    groupings = list_groupings(tables["analysis_set"], study.analysis)
    analysis_set = tables["analysis_set"][["patient_id", "first_cycle", *groupings[1:]]]
    cutoff = find_cutoff(tables["estimands"], name)
    counts_progression = study.endpoints[0].progression == "event"
    parts: list[pd.DataFrame] = []

    def compare(analysis: str, patients: EndpointRows | None, counts: dict[str, int], is_other: bool) -> None:
        """Compare all groupings; the whole cohort alone where the analysis is no other than the primary one."""
        for group_by in groupings if is_other else (WHOLE,):
            if patients is not None:
                part = compare_groups(patients, group_by, study.analysis).assign(analysis=analysis)
                parts.append(part.assign(**(counts if group_by == WHOLE else {})))

    for analysis, changed, eligible in list_analyses(rows, tables["endpoint_variants"], cutoff, study):
        counts = {"n_changed": _count_changed(rows, changed), "n_eligible": eligible}
        patients = select_endpoint_rows(changed, analysis_set, name)
        compare(analysis, patients, counts, counts["n_changed"] > 0 or analysis == "primary")
    follow_up, milestones = [], []
    if counts_progression:
        observed = _disregard_missed(rows, tables["endpoint_variants"], study)
        stops = scan_follow_up.analyse_stops(observed, tables, cutoff, study)
        follow_up = list(scan_follow_up.summarise_follow_up(observed, stops, groupings, analysis_set))
        if stops is not None:
            n_stopped = int(stops.rows["stopped"].sum())
            counts = {"n_changed": _count_changed(rows, stops.rows), "n_eligible": n_stopped}
            for analysis, patients in stops.analyses.items():
                compare(analysis, patients, counts, n_stopped > 0)
            milestones = (
                list(scan_follow_up.tabulate_stop_milestones(stops.analyses, groupings, study))
                if n_stopped
                else []
            )
    curve, medians = summarise_turnbull(rows, groupings, analysis_set, counts_progression=counts_progression)
    tipping = find_tipping_points(rows, groupings, analysis_set, study.analysis)
    intervals = derive_scan_intervals(
        scan_follow_up.select_scans(tables["responses"], study, adequate=False), rows, analysis_set
    )
    repeated = [part.assign(endpoint=name) for part in (*parts, medians, tipping)]
    scans = [[table] for table in summarise_scan_intervals(intervals, groupings, study)]
    stopped = [[part.assign(endpoint=name) for part in own] for own in (follow_up, milestones)]
    made_tables = (repeated, [curve.assign(endpoint=name)], *scans, *stopped)
    return {
        table: stack_tables(table, own) for table, own in zip(SENSITIVITY_OUTPUTS, made_tables, strict=True)
    }


def _disregard_missed(rows: pd.DataFrame, variants: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The rows of the primary endpoint with missed assessments disregarded."""
    if study.endpoints[0].missed_assessments == "ignore":
        return rows
    own = variants["endpoint"].eq(study.endpoints[0].name) & variants["variant"].eq("missed_scans_ignored")
    return variants[own].reset_index(drop=True) if own.any() else rows


def find_cutoff(estimands: pd.DataFrame, endpoint: str) -> pd.Timestamp:
    """Data cut-off that the endpoint was derived under; NaT where it has no dates."""
    own = estimands[(estimands["endpoint"] == endpoint) & (estimands["variant"].fillna("") == "")]
    return pd.Timestamp(own["data_cutoff"].iloc[0]) if len(own) else pd.Timestamp("NaT")


def list_analyses(
    rows: pd.DataFrame, variants: pd.DataFrame, cutoff: pd.Timestamp, study: Study
) -> list[tuple[str, pd.DataFrame, int]]:
    """Each analysis with its rows and the number of patients that could change.

    `censored_as_events`: everybody censored before the cut-off had the event there and then.
    `early_censored_as_events`: only those whose censoring may depend on prognosis: for a therapy, missed
    assessments, loss, no assessment, or last seen more than one planned interval and window (180 days where none is
    planned) before the cut-off. `censored_event_free`: they all went on without event to the cut-off.
    """
    censored = pd.Series(rows["event"].to_numpy("int64") == 0, index=rows.index)
    before = censored & ~(rows["end_date"] >= cutoff)
    silent = pd.Timedelta((study.assessment_interval_days or SILENT_DAYS) + study.assessment_window_days, "D")
    seen = rows[["end_date", "last_contact_date"]].max(axis=1)
    early = before & (rows["reason"].isin(INFORMATIVE) | (seen + silent < cutoff))
    analyses = [("primary", rows, 0), ("censored_as_events", _as_events(rows, before), int(before.sum()))]
    if rows["end_date"].notna().any():  # else nobody knows who was censored early
        analyses.append(("early_censored_as_events", _as_events(rows, early), int(early.sum())))
    dated = before & rows["origin_date"].notna()
    if dated.any() and pd.notna(cutoff):
        days = (cutoff - rows["origin_date"]).dt.days.astype("float64")
        longer = rows["time_days"].mask(dated & (days > rows["time_days"]), days)
        analyses.append(("censored_event_free", rows.assign(time_days=longer), int(dated.sum())))
    own = variants[variants["endpoint"] == study.endpoints[0].name]
    for name in VARIANTS:
        chosen = own[own["variant"] == name].reset_index(drop=True)
        if len(chosen):
            analyses.append((name, chosen, int(censored.sum()) if name.startswith("lost") else len(rows)))
    return analyses


def _as_events(rows: pd.DataFrame, where: pd.Series) -> pd.DataFrame:
    """The same times; the chosen censored patients have the event."""
    return rows.assign(event=rows["event"].mask(where, 1))


def _count_changed(rows: pd.DataFrame, changed: pd.DataFrame) -> int:
    columns = ["patient_id", "time_days", "event"]
    both = rows[columns].merge(changed[columns], on="patient_id", how="left", suffixes=("", "_new"))
    differs = (both["time_days"] - both["time_days_new"]).abs() > SAME_DAYS
    return int((differs | (both["event"] != both["event_new"])).sum())


def derive_event_bounds(rows: pd.DataFrame, *, counts_progression: bool) -> tuple[np.ndarray, np.ndarray]:
    """Bounds in months between which each event lies.

    `counts_progression`: whether progression is an event of it.
    Returns `left`, `right`: months, shape (n,) a progression that a scan showed lies after the last adequate scan
    before it, or after the start. So does a death without it where progression counts and scans are recorded: the
    patient may have progressed unseen. Every other event happened on its day; a competing event and a censoring
    leave the time open (right is infinite).
    """
    time = rows["time_days"].to_numpy(float)
    event = rows["event"].to_numpy("int64") == 1
    hidden = event & rows["basis"].eq("responses.assessment_date").fillna(False).to_numpy(bool)
    if counts_progression and rows["last_adequate_date"].notna().any():
        hidden |= event & rows["reason"].eq("death").fillna(False).to_numpy(bool)
    before = (rows["previous_assessment_date"] - rows["origin_date"]).dt.days.astype("float64")
    start = np.fmax(before.to_numpy(float), rows["entry_days"].fillna(0.0).to_numpy(float))
    left = np.where(hidden, start, time)
    right = np.where(event, time, np.inf)
    return convert_days_to_months(left), convert_days_to_months(right)


def summarise_turnbull(
    rows: pd.DataFrame, groupings: tuple[str, ...], analysis_set: pd.DataFrame, *, counts_progression: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turnbull's curve by group, and the interval in which its median lies.

    Returns `curve`: the columns of result table `interval_censored_curve` but `endpoint`; `medians`: rows of table
    `sensitivity`: median_low and median_high are the ends of the interval that holds the median (no confidence
    limits), median_months its middle. Both are empty where no event lies between two days.
    The curve knows no delayed entry: a group with it has the status `delayed_entry` and no curve.
    """
    left, right = derive_event_bounds(rows, counts_progression=counts_progression)
    if not ((left < right) & np.isfinite(right)).any():
        return pd.DataFrame(), pd.DataFrame()
    joined = rows[["patient_id", "event", "entry_days"]].assign(left=left, right=right)
    joined = joined.merge(analysis_set, on="patient_id", how="left")
    curves, medians = [], []
    for group_by in groupings:
        for level, members in joined.groupby(compute_group(joined, group_by), observed=True):
            key = {"group_by": group_by, "group": str(level)}
            row = {"analysis": "interval_censored", "n": len(members), **key}
            row["events"] = int((members["event"] == 1).sum())
            if (members["entry_days"] > 0).any():
                medians.append(row | {"status": "delayed_entry"})
                continue
            fit = fit_turnbull(members["left"], members["right"])
            curve = pd.DataFrame(
                {
                    "time_low_months": fit.left,
                    "time_high_months": np.where(np.isfinite(fit.right), fit.right, np.nan),
                    "probability": fit.probability,
                    "survival": fit.survival,
                }
            )
            curves.append(curve.loc[fit.probability > NO_PROBABILITY].assign(status=fit.status, **key))
            medians.append(row | _find_median(fit))
    curve = pd.concat(curves, ignore_index=True) if curves else pd.DataFrame()
    return curve, pd.DataFrame(medians)


def _find_median(curve: Turnbull) -> dict:
    """The first interval after which survival is at most one half."""
    below = np.flatnonzero(curve.survival <= 0.5 + 1.5e-8)
    if not len(below) or not np.isfinite(curve.right[below[0]]):
        return {"median_months": np.nan, "status": "not_reached"}
    low, high = curve.left[below[0]], curve.right[below[0]]
    return {"median_months": (low + high) / 2, "median_low": low, "median_high": high, "status": curve.status}


def find_tipping_points(
    rows: pd.DataFrame, groupings: tuple[str, ...], analysis_set: pd.DataFrame, settings: AnalysisSettings
) -> pd.DataFrame:
    """Tipping point of each comparison of a group with its reference.

    `groupings`: columns of `analysis_set`; `all` is left out; `settings`: reference and alpha.
    Returns rows of table `sensitivity` (`analysis = tipping_point`), one a group other than the reference: p_value
    of the log-rank test before, n_eligible censored patients of the group that does better, n_changed how many of
    them, earliest censored first, must have had the event when they were censored for the p-value to rise to alpha.
    Status `not_significant` where p is not below alpha, `never` where even all of them do not suffice.
    """
    patients = select_endpoint_rows(rows, analysis_set, str(rows["endpoint"].iloc[0]))
    if patients is None:
        return pd.DataFrame()
    found = []
    for group_by in groupings:
        known = select_known(patients, compute_group(patients.frame, group_by))
        reference = settings.reference.get(group_by)
        if known is None or reference not in known[1].cat.categories:
            continue
        part, group = known
        for level in group.cat.categories:
            if level != reference:
                pair = group.isin([level, reference]).to_numpy()
                member = (group[pair] == level).to_numpy()
                key = {"group_by": group_by, "group": str(level), "reference": reference}
                found.append(_find_tipping_point(part.select(pair), member, settings.alpha) | key)
    return pd.DataFrame(found).assign(analysis="tipping_point") if found else pd.DataFrame()


def _find_tipping_point(rows: EndpointRows, member: np.ndarray, alpha: float) -> dict:
    """Search the smallest number of censored patients that must have had the event."""
    event = rows.event == 1
    p_value, z, status = _test(rows, event, member)
    row = {"n": len(event), "events": int(event.sum()), "p_value": p_value, "hazard_ratio_status": None}
    if status != "ok" or not p_value < alpha:
        return row | {"status": status if status != "ok" else "not_significant"}
    better = ~member if z > 0 else member
    censored = np.flatnonzero(better & (rows.event == 0))
    order = censored[np.argsort(rows.time_months[censored], kind="stable")]
    row["n_eligible"] = len(order)

    def tips(n_changed: int) -> bool:
        """Whether p is alpha or more, or the better group does not do better any more."""
        turned = event.copy()
        turned[order[:n_changed]] = True
        p_after, z_after, _ = _test(rows, turned, member)
        return z_after * z <= 0 or p_after >= alpha

    if not tips(len(order)):
        return row | {"status": "never"}
    return row | {"n_changed": bisect_left(range(len(order)), True, key=tips), "status": "ok"}


def _test(rows: EndpointRows, event: np.ndarray, member: np.ndarray) -> tuple[float, float, str]:
    """p-value, signed root and status of the log-rank test; positive where the group has more events."""
    data = SurvivalData(rows.time_months, event, entry=rows.entry_months)
    test = compute_logrank(compute_risk_table(data, group=member))
    return float(test.p_value), float(test.z), test.status


def derive_scan_intervals(
    scans: pd.DataFrame, endpoint: pd.DataFrame, analysis_set: pd.DataFrame
) -> pd.DataFrame:
    """Days between the scans of each patient, from the first cycle to the end of the endpoint.

    `scans`: those of the endpoint (`select_scans`); `endpoint`: rows of the primary endpoint, with `end_date`;
    `analysis_set`: with `first_cycle` and the groupings.
    Returns one row a patient and scan after the first cycle and up to the end date: patient_id, scan (1, 2, ...),
    interval_days since the scan before (the first: since the first cycle), and the columns of `analysis_set`.
    """
    scans = scans[["patient_id", "assessment_date"]]
    end = endpoint.set_index("patient_id")["end_date"]
    scans = scans[scans["assessment_date"] <= scans["patient_id"].map(end)]
    scans = scans.merge(analysis_set, on="patient_id", how="inner")
    scans = scans[scans["assessment_date"] > scans["first_cycle"]]
    before = scans.groupby("patient_id")["assessment_date"].shift().fillna(scans["first_cycle"])
    return scans.assign(
        scan=scans.groupby("patient_id").cumcount() + 1,
        interval_days=(scans["assessment_date"] - before).dt.days.astype("float64"),
    )


def summarise_scan_intervals(
    intervals: pd.DataFrame, groupings: tuple[str, ...], study: Study
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Quartiles of the intervals by group and scan, and whether the groups differ.

    `groupings`: `all` and columns of `intervals`; `study`: planned interval, window, analysis.alpha.
    Returns `scan_intervals`, `scan_interval_test`: the test is Kruskal-Wallis on the mean interval of each patient,
    since intervals of one patient go together; `differ` where p is below alpha. The planned interval and the share
    of late scans are empty where the study plans none.
    """
    if intervals.empty:
        return pd.DataFrame(), pd.DataFrame()
    planned = study.assessment_interval_days
    parts, tests = [], []
    for group_by in groupings:
        group = compute_group(intervals, group_by)
        for level, members in intervals.groupby(group, observed=True):
            numbers = range(1, min(int(members["scan"].max()), SCANS_SHOWN) + 1)
            chosen = [("all", members), *[(str(k), members[members["scan"] == k]) for k in numbers]]
            rows = [{"scan": name, **_quartiles(part["interval_days"], study)} for name, part in chosen]
            parts.append(pd.DataFrame(rows).assign(group_by=group_by, group=str(level)))
        if group_by != WHOLE:
            tests.append(_test_intervals(intervals.assign(group=group), study) | {"group_by": group_by})
    table = stack_tables("scan_intervals", parts)
    return table.assign(planned_days=np.nan if planned is None else float(planned)), pd.DataFrame(tests)


def _quartiles(days: pd.Series, study: Study) -> dict:
    """Quartiles and range of intervals, and the share that came late."""
    low, median, high = days.quantile([0.25, 0.5, 0.75])
    planned = study.assessment_interval_days
    late = np.nan
    if planned is not None:
        late = float((days > planned + study.assessment_window_days).mean())
    quartiles = {"median_days": median, "lower_quartile_days": low, "upper_quartile_days": high}
    extremes = {"minimum_days": days.min(), "maximum_days": days.max()}
    return {"n": len(days), **quartiles, **extremes, "share_late": late}


def _test_intervals(intervals: pd.DataFrame, study: Study) -> dict:
    """Kruskal-Wallis over the known groups, one mean a patient."""
    from scipy.stats import kruskal

    known = intervals[intervals["group"].ne(UNKNOWN)]
    by_patient = known.groupby("patient_id").agg(group=("group", "first"), mean=("interval_days", "mean"))
    samples = [rows["mean"].to_numpy() for _, rows in by_patient.groupby("group", observed=True)]
    row = {"n": len(by_patient), "df": max(len(samples) - 1, 0), "verdict": None, "status": "too_few"}
    if len(samples) < 2 or by_patient["mean"].nunique() < 2:
        return row | {"statistic": np.nan, "p_value": np.nan, "difference_days": np.nan}
    medians = [float(np.median(sample)) for sample in samples]
    result = kruskal(*samples)
    differ = bool(result.pvalue < study.analysis.alpha)
    return row | {
        "statistic": float(result.statistic),
        "p_value": float(result.pvalue),
        "difference_days": max(medians) - min(medians),
        "verdict": "differ" if differ else "similar",
        "status": "ok",
    }
