"""All that two samples allow, be the control reconstructed from a curve or known patient by patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.controls.borrowing import count_pieces
from prrt_outcomes.controls.cohorts import TwoSamples, stack_samples
from prrt_outcomes.controls.doubt import tabulate_doubt
from prrt_outcomes.controls.findings import Findings, stack, tabulate_borrowing
from prrt_outcomes.controls.fitted_curves import tabulate_overlap, tabulate_weighted_curves
from prrt_outcomes.controls.individual import compare_individuals
from prrt_outcomes.controls.power import tabulate_power_two_samples
from prrt_outcomes.controls.sensitivity import (
    Judge,
    Sensitivity,
    judge_samples,
    vary_calendar,
    vary_covariates,
    vary_start,
)
from prrt_outcomes.controls.target_trial import describe_target_trial
from prrt_outcomes.controls.verdicts import judge_weighting

if TYPE_CHECKING:
    from collections.abc import Callable

    from prrt_outcomes.controls.weighing import Weighting
    from prrt_outcomes.study.controls import PatientsControl
    from prrt_outcomes.study.endpoints import EndpointDefinition
    from prrt_outcomes.study.model import Study
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

BORROWED_WEIGHTS = ("none", "att", "overlap", "maic")


def describe_samples(
    rows: list[dict], weightings: list[Weighting], balance: list[pd.DataFrame], study: Study
) -> Findings:
    """Add borrowing, doubt, power, curves, overlap and verdicts to the comparison of two samples.

    Parameters
    ----------
    rows : of `controls`
    weightings : unweighted first
    balance : tables of `control_balance`, one a weighting that has one
    study : section `analysis`
    """
    settings = study.analysis
    level = settings.confidence.level
    samples = weightings[0].samples
    share = float(samples.event.mean())
    medians = {row["weights"]: row["value"] for row in rows if row["estimate"] == "median_control"}
    extra: list[dict] = []
    found: dict[str, list[pd.DataFrame]] = {
        name: [] for name in ("borrowing", "curves", "at_risk", "overlap")
    }
    for weighting in weightings:
        if weighting.weights is None and weighting.label != "none":
            continue
        curves, at_risk = tabulate_weighted_curves(weighting, settings)
        found["curves"].append(curves)
        found["at_risk"].append(at_risk)
        if weighting.score is not None:
            found["overlap"].append(tabulate_overlap(weighting))
        if weighting.label in BORROWED_WEIGHTS:
            inside = weighting.samples.in_cohort
            shared = {"n": int(inside.sum()), "n_control": int((~inside).sum())}
            counts = count_pieces(weighting.samples, weighting.weights)
            borrowed, grid = tabulate_borrowing(counts, shared, weighting.label, level)
            extra += borrowed
            found["borrowing"].append(grid)
    for label in dict.fromkeys(row["weights"] for row in rows):
        own = [row for row in rows if row["weights"] == label]
        extra += tabulate_doubt(own, event_share=share, control_median=medians.get(label, np.nan))
    balanced = stack(balance)
    verdicts = [judge_weighting(w, _pick(balanced, w.label)) for w in weightings]
    return Findings(
        [*rows, *extra],
        {
            "control_balance": balanced,
            "control_borrowing": stack(found["borrowing"]),
            "control_power": pd.DataFrame(tabulate_power_two_samples(samples, level)),
            "control_curves_fitted": stack(found["curves"]),
            "control_fitted_at_risk": stack(found["at_risk"]),
            "control_overlap": stack(found["overlap"]),
            "control_verdicts": pd.DataFrame(verdicts),
        },
    )


def _pick(balance: pd.DataFrame, label: str) -> pd.DataFrame | None:
    if balance.empty:
        return None
    own = balance[balance["weights"] == label]
    return own if len(own) else None


def compare_against_patients(
    tables: dict[str, pd.DataFrame],
    cohort: EndpointRows,
    control: PatientsControl,
    study: Study,
    definition: EndpointDefinition | None,
) -> Findings:
    """Compare our patients with a control whose patients are known one by one."""
    samples, losses = stack_samples(tables, cohort, control)
    if samples is None:
        return Findings(losses=losses, reason=f"no patient of the control has {control.endpoint}")
    compared = compare_individuals(samples, control, study.analysis)
    found = describe_samples(compared.rows, compared.weightings, compared.balance, study)
    found.tables["control_target_trial"] = pd.DataFrame(describe_target_trial(samples, control, definition))
    return Findings(found.rows, found.tables, [*losses, *compared.losses])


def vary_patients(
    tables: dict[str, pd.DataFrame], cohort: EndpointRows, control: PatientsControl, study: Study
) -> tuple[list[Sensitivity], Judge]:
    """The weighted hazard ratio under other choices, and the judge that gave it."""

    def restack(rows: EndpointRows) -> TwoSamples | None:
        return stack_samples(tables, rows, control)[0] if len(rows.time_months) else None

    judge = make_judge(restack, control, study)
    samples = restack(cohort)
    found = [*vary_start(cohort, judge, study.analysis)]
    found += vary_calendar(cohort, judge, study.analysis.confidence.level)
    if samples is not None:
        found += vary_covariates(samples, control, study.analysis)
    return found, judge


def make_judge(
    restack: Callable[[EndpointRows], TwoSamples | None], control: PatientsControl | None, study: Study
) -> Judge:
    """The hazard ratio by a Cox model, for any of our patients and any start on both sides."""

    def judge(rows: EndpointRows, start: float) -> dict:
        samples = restack(rows)
        if samples is not None and start > 0:
            samples = samples.start_at(start)
        return judge_samples(samples, control, study.analysis)

    return judge
