"""Cohort and control side by side: their patients stacked, and hazard ratio, medians, survival and restricted means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.cohort.grouping import compute_group, derive_covariates
from prrt_outcomes.controls.control_results import comparison_row, read_difference
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.curve_summaries import (
    compute_milestone_difference,
    compute_quantile,
    compute_rmst_difference,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import KaplanMeier, fit_kaplan_meier
from prrt_outcomes.statistics.weights import compute_effective_sample_size
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.controls import ControlBase, PatientsControl
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_endpoint_rows
from prrt_outcomes.units import convert_days_to_months

COHORT, CONTROL = "cohort", "control"
SHORTEST_DAYS, SHORTEST_MONTHS = 0.5, 1e-6


@dataclass(frozen=True)
class TwoSamples:
    """Cohort and control stacked, one element a patient, the cohort first.

    Events are 0/1 (competing events are censored); `entry_months` is None where nobody enters late; `covariates` have
    no columns where the control names none; patients are resampled within `centre`, side and centre of each.
    """

    time_months: np.ndarray
    event: np.ndarray
    entry_months: np.ndarray | None
    in_cohort: np.ndarray
    covariates: pd.DataFrame
    centre: np.ndarray

    @property
    def entry(self) -> np.ndarray:
        """Start of observation of every patient, months; 0 where nobody enters late."""
        return np.zeros(len(self.time_months)) if self.entry_months is None else self.entry_months

    @property
    def data(self) -> SurvivalData:
        """The times as survival data."""
        return SurvivalData(self.time_months, self.event, self.entry_months)

    @property
    def sizes(self) -> dict[str, int]:
        """Patients of the cohort and of the control, as columns of `controls`."""
        return {"n": int(self.in_cohort.sum()), "n_control": int((~self.in_cohort).sum())}

    def sides(self) -> Iterator[tuple[str, np.ndarray]]:
        """Name and members of the cohort and of the control."""
        yield from ((COHORT, self.in_cohort), (CONTROL, ~self.in_cohort))

    def select(self, rows: np.ndarray) -> TwoSamples:
        """The patients where `rows` is true."""
        return TwoSamples(
            self.time_months[rows],
            self.event[rows],
            None if self.entry_months is None else self.entry_months[rows],
            self.in_cohort[rows],
            self.covariates.loc[rows].reset_index(drop=True),
            self.centre[rows],
        )


Rows = TypeVar("Rows", EndpointRows, TwoSamples)


def start_at(rows: Rows, months: float) -> Rows:
    """Patients still observed after some months, who enter observation then at the earliest."""
    late = replace(rows, entry_months=np.maximum(rows.entry, months))
    return late.select(rows.time_months > late.entry) if months > 0 else rows


@dataclass(frozen=True)
class Weighting:
    """Two samples, complete cases, with the (n,) weights of one kind.

    Weights are above 0, None where there is no solution, or nothing is weighted; `score` is the propensity score and
    `cluster` the matched set, where there are any; `refit` takes counts (R, n) to weights (R, n) for a bootstrap
    without scores; status and note say why there are no weights, in a code and in words.
    """

    label: str
    samples: TwoSamples
    weights: np.ndarray | None = None
    score: np.ndarray | None = None
    cluster: np.ndarray | None = None
    refit: Callable[[np.ndarray], np.ndarray] | None = None
    status: str = "ok"
    note: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether there are weights, or none are wanted."""
        return self.weights is not None or self.label == "none"

    @property
    def data(self) -> SurvivalData:
        """The times as survival data, with weights and matched sets."""
        return replace(self.samples.data, weights=self.weights, cluster=self.cluster)

    def select(self, rows: np.ndarray) -> Weighting:
        """The patients where `rows` is true, without a refit."""
        parts = {name: getattr(self, name) for name in ("weights", "score", "cluster")}
        kept = {name: values[rows] for name, values in parts.items() if values is not None}
        return replace(self, samples=self.samples.select(rows), refit=None, **kept)

    @property
    def weights_or_ones(self) -> np.ndarray:
        """(n,) weights, 1 where nothing is weighted."""
        return np.ones(len(self.samples.time_months)) if self.weights is None else self.weights

    @property
    def effective_sizes(self) -> dict[str, float]:
        """Effective sample sizes of the cohort and of the control, as columns of `controls`."""
        sizes = [
            compute_effective_sample_size(self.weights_or_ones[side]) for _, side in self.samples.sides()
        ]
        return {"ess": float(sizes[0]), "ess_control": float(sizes[1])}


def count_loss(table: str, step: str, reason: str, stay: np.ndarray) -> dict:
    """Row of `attrition` of the patients who do not stay."""
    return attrition_row(table, "patients", step, reason, len(stay), int((~stay).sum()))


def select_cohort(
    tables: dict[str, pd.DataFrame], control: ControlBase
) -> tuple[EndpointRows | None, list[dict]]:
    """Our patients whom a control is compared with, None where nobody is left, and rows of `attrition`.

    One row of `attrition` for each column of `within`. Tables: endpoints, analysis_set.
    """
    rows = select_endpoint_rows(tables["endpoints"], tables["analysis_set"], control.endpoint)
    losses: list[dict] = []
    if rows is None:
        return None, losses
    for column, levels in control.within.items():
        inside = compute_group(rows.frame, column).astype(str).isin(levels).to_numpy()
        reason = f"{column} is not {' or '.join(levels)}"
        losses.append(count_loss("endpoints", f"controls: {control.id}", reason, inside))
        rows = rows.select(inside)
    return (rows if len(rows.time_months) else None), losses


def select_source(people: pd.DataFrame, control: PatientsControl) -> pd.DataFrame:
    """Rows of `control_patients` of the source that a control names; all where it names none."""
    return people if control.source is None else people.loc[people["source"].eq(control.source).fillna(False)]


def stack_samples(
    tables: dict[str, pd.DataFrame], cohort: EndpointRows, control: PatientsControl
) -> tuple[TwoSamples | None, list[dict]]:
    """Stack our patients and the rows of control_patients and control_outcomes of a control.

    What `within` asks of our patients is asked of the control's too, where they have the column. None where the control
    has no row for the endpoint; `attrition` has control patients of another source, outside `within`, without a time
    for the endpoint, or never under observation.
    """
    everybody, outcomes = tables["control_patients"], tables["control_outcomes"]
    people = source = select_source(everybody, control)
    for column, levels in control.within.items():
        if column in people.columns and people[column].notna().any():
            people = people.loc[compute_group(people, column).astype(str).isin(levels).to_numpy()]
    own = outcomes.loc[outcomes["endpoint"].eq(control.endpoint)]
    joined = people.merge(own, on="patient_id", how="inner", validate="one_to_one")
    unseen = joined["entry_time"].ge(joined["time"].clip(lower=SHORTEST_DAYS)).fillna(False).to_numpy(bool)
    seen = joined.loc[~unseen]
    steps = [(f"source is not {control.source}", everybody, source)] if control.source is not None else []
    if len(people) < len(source):
        steps.append((f"{' or '.join(control.within)} is not as in the cohort", source, people))
    steps.append((f"no {control.endpoint} in control_outcomes", people, joined))
    steps.append(("comes under observation only at or after the end of it", joined, seen))
    losses = [
        attrition_row(
            "control_patients", "patients", f"controls: {control.id}", reason, len(a), len(a) - len(b)
        )
        for reason, a, b in steps
    ]
    if seen.empty:
        return None, losses
    names = list(control.covariates)
    stacked = pd.concat([cohort.frame[names], seen[names]], ignore_index=True)
    # Concatenating two categories may have made text of them.
    stacked = stacked.astype({name: cohort.frame[name].dtype for name in names})
    days = seen["time"].to_numpy(dtype=float)
    entry_days = seen["entry_time"].to_numpy(dtype=float, na_value=np.nan)
    samples = stack_sides(
        cohort,
        convert_days_to_months(np.where(days == 0, SHORTEST_DAYS, days)),
        seen["event"].to_numpy(dtype="int64"),
        convert_days_to_months(np.nan_to_num(entry_days)),
        _label_centres(seen, CONTROL),
    )
    return replace(samples, covariates=derive_covariates(stacked, control.covariates)), losses


def stack_sides(
    cohort: EndpointRows, time: np.ndarray, event: np.ndarray, entry: np.ndarray, centre: np.ndarray
) -> TwoSamples:
    """Stack our patients and those of a control, without covariates; times in months, events as codes."""
    entries = np.concatenate([cohort.entry, entry])
    return TwoSamples(
        time_months=np.concatenate([cohort.time_months, time]),
        event=np.concatenate([cohort.event, event]) == 1,
        entry_months=entries if (entries > 0).any() else None,
        in_cohort=np.arange(len(entries)) < len(cohort.time_months),
        covariates=pd.DataFrame(index=range(len(entries))),
        centre=np.concatenate([_label_centres(cohort.frame, COHORT), centre]),
    )


def _label_centres(frame: pd.DataFrame, side: str) -> np.ndarray:
    """Side and centre of each row; one centre where the table names none."""
    if "centre_id" not in frame.columns:
        return np.full(len(frame), side, dtype=object)
    return (side + ":" + frame["centre_id"].astype("string").fillna("")).to_numpy(dtype=object)


def compare_two_samples(weighting: Weighting, settings: AnalysisSettings) -> list[dict]:
    """Compare cohort and control, weighted or not: rows of `controls`.

    Hazard ratio (Cox, Efron; robust variance when weighted), median of both sides, difference of survival at each
    milestone and of the restricted mean, cohort minus control.
    """
    samples, level = weighting.samples, settings.confidence.level
    observed = float(samples.event[samples.in_cohort].sum())
    shared: dict = {"weights": weighting.label, "observed": observed} | samples.sizes
    shared |= weighting.effective_sizes
    curves = fit_both_curves(weighting, settings)
    rows = [compare_hazards(weighting, settings, shared)]
    for name, estimate in ((COHORT, "median"), (CONTROL, "median_control")):
        median = compute_quantile(curves[name], 0.5)
        numbers: dict = {"value": median.time, "low": median.lower, "high": median.upper}
        rows.append(comparison_row("kaplan_meier", estimate, status=median.status, **numbers, **shared))
    both = curves[COHORT], curves[CONTROL]
    for month in map(float, settings.milestones_months):
        numbers = read_difference(compute_milestone_difference(*both, month, level)) | shared
        rows.append(comparison_row("kaplan_meier", "survival_difference", horizon_months=month, **numbers))
    horizon = float(settings.rmst_months)
    numbers = read_difference(compute_rmst_difference(*both, horizon, level)) | shared
    return [*rows, comparison_row("rmst", "rmst_difference", horizon_months=horizon, **numbers)]


def fit_both_curves(weighting: Weighting, settings: AnalysisSettings) -> dict[str, KaplanMeier]:
    """Kaplan-Meier curves of `cohort` and `control`, weighted or not."""
    how: dict = {"interval": settings.confidence.type, "confidence": settings.confidence.level}
    return {
        name: fit_kaplan_meier(weighting.select(members).data, **how)
        for name, members in weighting.samples.sides()
    }


def compare_hazards(weighting: Weighting, settings: AnalysisSettings, shared: dict) -> dict:
    """Row of `controls` with the hazard ratio of the cohort; `shared` fills columns of the row."""
    fit = fit_cox(
        weighting.data,
        pd.DataFrame({COHORT: weighting.samples.in_cohort.astype(float)}),
        confidence=settings.confidence.level,
    )
    return hazard_ratio_row(fit.table.iloc[0], **shared)


def hazard_ratio_row(coefficient: pd.Series, **shared) -> dict:
    """Row of `controls` from a row of the table of a Cox model."""
    own = {"value": "hazard_ratio", "low": "lower", "high": "upper", "statistic": "z"}
    names = ("value", "low", "high", "std_error", "statistic", "p_value", "status")
    numbers = {name: coefficient[own.get(name, name)] for name in names}
    return comparison_row("cox", "hazard_ratio", **numbers, **shared)
