"""What our patients, or those of a control, are like: shares and medians of a group."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from prrt_outcomes.dates import resolve_partial_dates
from prrt_outcomes.study.model import Study
from prrt_outcomes.units import DAYS_PER_WEEK, convert_days_to_months

UNKNOWN = "unknown"
Shares = dict[str, float]


@dataclass(frozen=True)
class Profile:
    """Shares and medians of a group of patients; nan or empty where nothing is known.

    Shares: progression before treatment, an earlier line, a long-acting analogue during treatment, and each known
    code of types, grades and performance (ECOG); `scan_interval_weeks` is the median time between scans,
    `first_scan_months` that to the first restaging, `years` those of treatment.
    """

    progressive: float
    pretreated: float
    types: Shares
    grades: Shares
    analogue: float = np.nan
    performance: Shares = field(default_factory=dict)
    scan_interval_weeks: float = np.nan
    first_scan_months: float = np.nan
    years: np.ndarray = field(default_factory=lambda: np.zeros(0))


def describe_patients(frame: pd.DataFrame) -> Profile:
    """Profile of rows of `analysis_set` or `control_patients`: what these tables hold, all else unknown."""
    return Profile(
        progressive=_share(frame["progressive_at_baseline"].astype("boolean")),
        pretreated=_share(frame["prior_lines"].astype("Float64") > 0),
        types=_count_shares(frame["tumour_type"]),
        grades=_count_shares(frame["grade"]),
        performance=_count_shares(frame["ecog"]),
    )


def describe_cohort(frame: pd.DataFrame, tables: dict[str, pd.DataFrame], study: Study) -> Profile:
    """Profile of our patients, rows of `analysis_set`, with scans and analogues from responses and therapies."""
    interval = measure_scan_interval(frame, tables["responses"])
    if not np.isfinite(interval) and study.assessment_interval_days is not None:
        interval = study.assessment_interval_days / DAYS_PER_WEEK
    return replace(
        describe_patients(frame),
        analogue=measure_analogue(frame, tables["therapies"], study.partial_dates),
        scan_interval_weeks=interval,
        first_scan_months=measure_first_scan(frame, tables["responses"]),
        years=pd.to_datetime(frame["first_cycle"]).dt.year.dropna().to_numpy(dtype=float),
    )


def measure_scan_interval(frame: pd.DataFrame, responses: pd.DataFrame) -> float:
    """Median weeks between successive scans of a patient; nan where nobody has two."""
    own = responses.loc[responses["patient_id"].isin(frame["patient_id"]), ["patient_id", "assessment_date"]]
    dates = own.drop_duplicates().sort_values(["patient_id", "assessment_date"])
    gaps = dates.groupby("patient_id")["assessment_date"].diff().dt.days.dropna()
    return float(gaps.median() / DAYS_PER_WEEK) if len(gaps) else float("nan")


def measure_first_scan(frame: pd.DataFrame, responses: pd.DataFrame) -> float:
    """Median months from the first cycle to the first scan after it; nan where nobody has both."""
    own = responses[["patient_id", "assessment_date"]]
    joined = own.merge(frame[["patient_id", "first_cycle"]], on="patient_id")
    first = joined[joined["assessment_date"] > joined["first_cycle"]].groupby("patient_id").min()
    days = (first["assessment_date"] - first["first_cycle"]).dt.days
    return float(convert_days_to_months(days.median())) if len(days) else float("nan")


def measure_analogue(frame: pd.DataFrame, therapies: pd.DataFrame, rule: str) -> float:
    """Share of patients with a long-acting analogue between first and last cycle; nan without therapies."""
    own = therapies.loc[therapies["kind"].astype("string").eq("ssa_long_acting").fillna(False)]
    if therapies.empty or frame["first_cycle"].isna().all():
        return float("nan")
    start, end = (
        np.asarray(resolve_partial_dates(own[f"{side}_date"], own[f"{side}_date_precision"], rule))
        for side in ("start", "end")
    )
    given = pd.DataFrame({"patient_id": own["patient_id"].to_numpy(), "start": start, "end": end})
    joined = given.merge(frame[["patient_id", "first_cycle", "last_cycle"]], on="patient_id", how="inner")
    during = (joined["start"] <= joined["last_cycle"]) & ~(joined["end"] < joined["first_cycle"])
    return float(frame["patient_id"].isin(joined.loc[during, "patient_id"]).mean())


def _share(values: pd.Series) -> float:
    return float(values.mean()) if values.notna().any() else float("nan")


def _count_shares(values: pd.Series) -> Shares:
    known = values.dropna().astype(str)
    shares = known[known != UNKNOWN].value_counts(normalize=True)
    return {str(level): float(share) for level, share in shares.items()}
