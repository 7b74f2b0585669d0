"""The same comparison under other choices: origin, calendar, patients, covariates, criterion and scan grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import compute_group
from prrt_outcomes.controls.cohorts import stack_samples
from prrt_outcomes.controls.given_curve import cut_follow_up
from prrt_outcomes.controls.two_sample import compare_hazards
from prrt_outcomes.controls.weighing import weigh_samples
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.weights import compute_effective_sample_size

if TYPE_CHECKING:
    from prrt_outcomes.controls.cohorts import TwoSamples
    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.study.controls import PatientsControl, PublishedControl
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

Judge = Callable[["EndpointRows", float], dict]
"""Our patients and a start in months to the row of `controls` with the estimate that a control is judged by."""

TOO_FEW = 10


@dataclass(frozen=True)
class Sensitivity:
    """One row of `control_sensitivity` but for control and endpoint: another choice and its estimate."""

    kind: str
    item: str
    row: dict
    note: str = ""

    def as_row(self) -> dict:
        """The row, with the numbers of the estimate."""
        names = (
            "method", "weights", "n", "n_control", "ess", "ess_control",
            "observed", "expected", "value", "low", "high", "std_error", "p_value", "status",
        )  # fmt: skip
        note = "; ".join(part for part in (self.note, self.row["note"]) if part)
        return {"kind": self.kind, "item": self.item} | {n: self.row[n] for n in names} | {"note": note}


def start_late(rows: EndpointRows, months: float) -> EndpointRows:
    """Patients still observed after some months, who enter observation then at the earliest."""
    entry = np.zeros(len(rows.time_months)) if rows.entry_months is None else rows.entry_months
    late = replace(rows, entry_months=np.maximum(entry, months))
    return late if months <= 0 else late.select(rows.time_months > late.entry_months)


def judge_samples(
    samples: TwoSamples | None, control: PatientsControl | None, settings: AnalysisSettings
) -> dict:
    """Cox row of two samples, weighted by the first weighting that the control asks for."""
    from prrt_outcomes.controls.comparison_rows import comparison_row

    label = control.weights[0] if control is not None and control.weights else "none"
    if samples is None or min(samples.in_cohort.sum(), (~samples.in_cohort).sum()) < TOO_FEW:
        return comparison_row("cox", "hazard_ratio", weights=label, status="too_few")
    weights = None
    if label != "none":
        weighting, _ = weigh_samples(samples, control, label)
        if weighting.weights is None:
            return comparison_row(
                "cox", "hazard_ratio", weights=label, status=weighting.status, note=weighting.note
            )
        samples, weights = weighting.samples, weighting.weights
    inside = samples.in_cohort
    shared = {
        "weights": label,
        "n": int(inside.sum()),
        "n_control": int((~inside).sum()),
        "observed": float(samples.event[inside].sum()),
    }
    if weights is not None:
        shared["ess"] = compute_effective_sample_size(weights[inside])
        shared["ess_control"] = compute_effective_sample_size(weights[~inside])
    return compare_hazards(samples, weights, settings, shared)


def vary_start(rows: EndpointRows, judge: Judge, settings: AnalysisSettings) -> list[Sensitivity]:
    """The comparison of what came after each landmark, among those still observed then, on both sides."""
    return [
        Sensitivity(
            "start",
            f"from {months:g} months",
            judge(start_late(rows, float(months)), float(months)),
            "those who had the event earlier are out on both sides",
        )
        for months in settings.landmark_months
    ]


def vary_calendar(rows: EndpointRows, judge: Judge, confidence: float) -> list[Sensitivity]:
    """Earlier and later half of our patients against the same control, and the drift within our cohort."""
    from prrt_outcomes.controls.comparison_rows import comparison_row

    dates = pd.to_datetime(rows.frame["first_cycle"])
    year = (dates.dt.year + (dates.dt.dayofyear - 1) / 365.25).to_numpy(dtype=float)
    known = np.isfinite(year)
    if known.sum() < 2 * TOO_FEW or np.ptp(year[known]) < 1:
        return []
    middle = int(np.median(np.floor(year[known])))
    early, late = known & (year < middle + 1), known & (year >= middle + 1)
    found = [
        Sensitivity("calendar", words, judge(rows.select(part), 0.0))
        for words, part in ((f"treated up to {middle}", early), (f"treated after {middle}", late))
        if part.sum() >= TOO_FEW
    ]
    entry = None if rows.entry_months is None else rows.entry_months[known]
    event = rows.event[known] == 1
    fit = fit_cox(
        rows.time_months[known],
        event.astype(float),
        pd.DataFrame({"five_years": (year[known] - middle) / 5}),
        entry=entry,
        confidence=confidence,
    ).table.iloc[0]
    row = comparison_row(
        "cox",
        "hazard_ratio",
        n=int(known.sum()),
        observed=float(event.sum()),
        value=fit["hazard_ratio"],
        low=fit["lower"],
        high=fit["upper"],
        std_error=fit["std_error"],
        p_value=fit["p_value"],
        status=fit["status"],
    )
    note = "hazard of patients treated five years later over that of earlier ones, without the control"
    return [*found, Sensitivity("calendar", "per five years within the cohort", row, note)]


def vary_horizon(rows: EndpointRows, control: PublishedControl, judge: Judge) -> list[Sensitivity]:
    """The comparison up to the last published point, so that no hazard is extended beyond what was seen."""
    known = [m.months for m in control.milestones]
    if control.median_months is not None:
        known.append(control.median_months)
    end = max(known)
    cut = cut_follow_up(rows, end)
    if not len(cut.time_months):
        return []
    note = "our follow-up is cut at the last published point, nothing is extended"
    return [Sensitivity("horizon", f"up to {end:g} months", judge(cut, 0.0), note)]


def vary_tumour_type(
    rows: EndpointRows, types: frozenset[str], judge: Judge, item: str, note: str
) -> list[Sensitivity]:
    """The comparison with those of our patients who have the tumour types that a control had."""
    group = compute_group(rows.frame, "tumour_type").astype(str)
    inside = group.isin(types).to_numpy()
    if not types or inside.all() or inside.sum() < TOO_FEW:
        return []
    return [Sensitivity("tumour_type", item, judge(rows.select(inside), 0.0), note)]


def vary_covariates(
    samples: TwoSamples, control: PatientsControl, settings: AnalysisSettings
) -> list[Sensitivity]:
    """The weighted comparison with each covariate left out of the weights in turn."""
    if not control.weights or len(control.covariates) < 2:
        return []
    found = []
    for name in control.covariates:
        fewer = tuple(other for other in control.covariates if other != name)
        row = judge_samples(
            replace(samples, covariates=samples.covariates[list(fewer)]),
            control.model_copy(update={"covariates": fewer}),
            settings,
        )
        found.append(Sensitivity("leave_one_out", f"without {name}", row))
    return found


def compare_negative_control(
    tables: dict[str, pd.DataFrame], rows: EndpointRows, control: PatientsControl, settings: AnalysisSettings
) -> list[Sensitivity]:
    """The weighted comparison of an outcome that treatment cannot change.

    Parameters
    ----------
    rows : our patients with the times of the negative-control outcome
    """
    samples, _ = stack_samples(tables, rows, control, control.negative_control)
    row = judge_samples(samples, control, settings)
    note = "treatment cannot change this outcome: a ratio away from 1 is what confounding alone does"
    return [Sensitivity("negative_control", str(control.negative_control), row, note)]
