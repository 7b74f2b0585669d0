"""What our patients, or the patients of a control, are like, in the items of a comparability card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.controls.arm_words import LATER, MIXED, describe_share
from prrt_outcomes.dates import resolve_partial_dates

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study

DAYS_A_WEEK = 7


@dataclass(frozen=True)
class Profile:
    """Shares and medians of a group of patients; nan or empty where nothing is known.

    Attributes
    ----------
    progressive : share with progression before treatment
    pretreated : share with at least one earlier line
    analogue : share with a long-acting analogue during treatment
    types, grades : share of each code among those known
    scan_interval_weeks : median time between scans
    years : first and last year of treatment, and the years of all patients
    """

    progressive: float
    pretreated: float
    analogue: float
    types: dict[str, float]
    grades: dict[str, float]
    scan_interval_weeks: float
    years: np.ndarray


def describe_patients(frame: pd.DataFrame) -> Profile:
    """Profile of rows of `analysis_set` or `control_patients`: what these tables hold, all else unknown."""
    years = np.zeros(0)
    if "first_cycle" in frame.columns:
        years = pd.to_datetime(frame["first_cycle"]).dt.year.dropna().to_numpy(dtype=float)
    lines = frame["prior_lines"].astype("Float64")
    return Profile(
        progressive=_share(frame["progressive_at_baseline"].astype("Float64")),
        pretreated=_share((lines > 0).astype("Float64").where(lines.notna())),
        analogue=float("nan"),
        types=_shares(frame["tumour_type"]),
        grades=_shares(frame["grade"]),
        scan_interval_weeks=float("nan"),
        years=years,
    )


def describe_cohort(frame: pd.DataFrame, tables: dict[str, pd.DataFrame], study: Study) -> Profile:
    """Profile of our patients, with the scans and analogues that other tables hold.

    Parameters
    ----------
    frame : rows of `analysis_set`
    tables : responses, therapies
    study : planned scan interval, rule of partial dates
    """
    base = describe_patients(frame)
    interval = measure_scan_interval(frame, tables["responses"])
    if not np.isfinite(interval) and study.assessment_interval_days is not None:
        interval = study.assessment_interval_days / DAYS_A_WEEK
    return Profile(
        base.progressive,
        base.pretreated,
        measure_analogue(frame, tables["therapies"], study.partial_dates),
        base.types,
        base.grades,
        interval,
        base.years,
    )


def measure_scan_interval(frame: pd.DataFrame, responses: pd.DataFrame) -> float:
    """Median weeks between successive scans of a patient; nan where nobody has two."""
    own = responses.loc[responses["patient_id"].isin(frame["patient_id"]), ["patient_id", "assessment_date"]]
    dates = own.drop_duplicates().sort_values(["patient_id", "assessment_date"])
    gaps = dates.groupby("patient_id")["assessment_date"].diff().dt.days.dropna()
    return float(gaps.median() / DAYS_A_WEEK) if len(gaps) else float("nan")


def measure_analogue(frame: pd.DataFrame, therapies: pd.DataFrame, rule: str) -> float:
    """Share of patients with a long-acting analogue between first and last cycle; nan without therapies."""
    own = therapies.loc[therapies["kind"].astype("string").eq("ssa_long_acting").fillna(False)]
    if therapies.empty or frame["first_cycle"].isna().all():
        return float("nan")
    start = resolve_partial_dates(own["start_date"], own["start_date_precision"], rule)
    end = resolve_partial_dates(own["end_date"], own["end_date_precision"], rule)
    given = pd.DataFrame(
        {"patient_id": own["patient_id"].to_numpy(), "start": np.asarray(start), "end": np.asarray(end)}
    )
    joined = given.merge(frame[["patient_id", "first_cycle", "last_cycle"]], on="patient_id", how="inner")
    during = (joined["start"] <= joined["last_cycle"]) & (
        joined["end"].isna() | (joined["end"] >= joined["first_cycle"])
    )
    return float(frame["patient_id"].isin(joined.loc[during, "patient_id"]).mean())


def describe_line(pretreated: float) -> str:
    """Line of treatment of a group, in the words of `arm_words`."""
    return {"yes": LATER, "no": "first", MIXED: MIXED}[describe_share(pretreated)]


def _share(values: pd.Series) -> float:
    known = values.dropna()
    return float(known.mean()) if len(known) else float("nan")


def _shares(values: pd.Series) -> dict[str, float]:
    known = values.dropna().astype(str)
    known = known[known != "unknown"]
    return {str(level): float(share) for level, share in known.value_counts(normalize=True).items()}
