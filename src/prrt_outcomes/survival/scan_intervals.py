"""Days between scans by group: in a group scanned less often progression is seen later."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import UNKNOWN, WHOLE, compute_group
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import stack_tables

SCANS_SHOWN = 12


def derive_scan_intervals(
    responses: pd.DataFrame,
    endpoint: pd.DataFrame,
    analysis_set: pd.DataFrame,
    criterion: str,
    reader: str | None,
) -> pd.DataFrame:
    """Days between the scans of each patient, from the first cycle to the end of the endpoint.

    `endpoint`: rows of the primary endpoint, with `end_date`; `analysis_set`: with `first_cycle` and the groupings;
    `criterion`, `reader`: whose scans; None for the primary reader.
    Returns one row a patient and scan after the first cycle and up to the end date: patient_id, scan (1, 2, ...),
    interval_days since the scan before (the first: since the first cycle), and the columns of `analysis_set`.
    """
    primary = responses["primary_reader"].fillna(False).astype(bool)
    own = primary if reader is None else responses["reader"] == reader
    rows = responses[(responses["criterion"] == criterion) & own]
    keys = ["patient_id", "assessment_date"]
    scans = rows[keys].drop_duplicates().sort_values(keys)
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
            tests.append(_test(intervals.assign(group=group), study) | {"group_by": group_by})
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


def _test(intervals: pd.DataFrame, study: Study) -> dict:
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
