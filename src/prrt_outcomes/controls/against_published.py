"""All that a published arm allows: one-sample tests, reweighting, borrowing, power and doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.controls.aggregate import compare_reweighted
from prrt_outcomes.controls.arm_words import name_tumour_types
from prrt_outcomes.controls.borrowing import count_pieces_published
from prrt_outcomes.controls.comparison_rows import comparison_row
from prrt_outcomes.controls.doubt import tabulate_doubt
from prrt_outcomes.controls.findings import Findings, tabulate_borrowing
from prrt_outcomes.controls.fitted_curves import tabulate_reference_curves
from prrt_outcomes.controls.library import convert_arm_to_control, find_arm, list_subgroup_arms
from prrt_outcomes.controls.power import tabulate_power_published
from prrt_outcomes.controls.published import (
    compare_with_published,
    derive_reference_curves,
    estimate_control_events,
)
from prrt_outcomes.controls.sensitivity import (
    Judge,
    Sensitivity,
    vary_calendar,
    vary_horizon,
    vary_start,
    vary_tumour_type,
)
from prrt_outcomes.controls.verdicts import judge_published

if TYPE_CHECKING:
    from prrt_outcomes.study.controls import LibraryControl, PublishedControl
    from prrt_outcomes.study.model import Study
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

NOT_BALANCED = (
    "weak evidence: the patients of a published arm are not known one by one, so nothing can be balanced; "
    "read it with its comparability card"
)
PARTLY_BALANCED = (
    "weak evidence: only what the published baseline table names is balanced; "
    "read it with its comparability card"
)


def make_judge(control: PublishedControl, confidence: float) -> Judge:
    """The rate ratio against the fullest reference curve, for any of our patients."""

    def judge(rows: EndpointRows, start: float) -> dict:
        if not len(rows.time_months):
            return comparison_row("rate_ratio", "hazard_ratio", status="too_few", n_control=control.n)
        return compare_with_published(rows, control, confidence)[1]

    return judge


def compare_against_published(cohort: EndpointRows, control: PublishedControl, study: Study) -> Findings:
    """Compare our patients with a published arm.

    Parameters
    ----------
    cohort : our patients
    control : the arm, written out
    study : section `analysis`

    Returns
    -------
    Findings with `control_balance` (of a published baseline), `control_borrowing`, `control_power`,
    `control_curves_fitted`, `control_fitted_at_risk`, `control_verdicts`.
    """
    settings = study.analysis
    level = settings.confidence.level
    references = derive_reference_curves(control)
    rows = compare_with_published(cohort, control, level)
    balance = pd.DataFrame()
    if control.baseline:
        more, balance = compare_reweighted(cohort, control, settings)
        rows += more
    events, _ = estimate_control_events(control)
    counts = count_pieces_published(cohort, references[0], events)
    shared = {"n": len(cohort.time_months), "n_control": control.n}
    borrowed, grid = tabulate_borrowing(counts, shared, "none", level)
    share = float((cohort.event == 1).mean())
    median = np.nan if control.median_months is None else control.median_months
    rows = [*rows, *borrowed, *tabulate_doubt(rows, event_share=share, control_median=median)]
    curves, at_risk = tabulate_reference_curves(cohort, references, settings, control.n)
    power = [
        row for reference in references for row in tabulate_power_published(cohort, reference, events, level)
    ]
    words = PARTLY_BALANCED if len(balance) else NOT_BALANCED
    return Findings(
        rows,
        {
            "control_balance": balance,
            "control_borrowing": grid,
            "control_power": pd.DataFrame(power),
            "control_curves_fitted": curves,
            "control_fitted_at_risk": at_risk,
            "control_verdicts": pd.DataFrame([judge_published(words)]),
        },
    )


def vary_published(
    cohort: EndpointRows, control: PublishedControl, library: LibraryControl | None, study: Study
) -> list[Sensitivity]:
    """The rate ratio under other choices; with a library arm also against the same arm by tumour type."""
    level = study.analysis.confidence.level
    judge = make_judge(control, level)
    found = [
        *vary_horizon(cohort, control, judge),
        *vary_start(cohort, judge, study.analysis),
        *vary_calendar(cohort, judge, level),
        *vary_tumour_type(
            cohort,
            name_tumour_types(control.tumour_types),
            judge,
            "tumour types of the control",
            f"only our patients with {control.tumour_types}",
        ),
    ]
    for name in () if library is None else list_subgroup_arms(library.arm, library.endpoint):
        arm = find_arm(name, library.endpoint)
        subgroup = None if arm is None else convert_arm_to_control(library, arm)
        if subgroup is not None:
            found += vary_tumour_type(
                cohort,
                name_tumour_types(arm.tumour_types),
                make_judge(subgroup, level),
                name,
                f"arm {name}, our patients with {arm.tumour_types}",
            )
    return found
