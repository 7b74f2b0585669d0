"""The curves behind a comparison, weighted as it is, with weighted numbers at risk and the overlap of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.controls.two_samples import COHORT, CONTROL, fit_both_curves
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import KaplanMeier
from prrt_outcomes.survival.curves import choose_ticks, fit_curve

if TYPE_CHECKING:
    from prrt_outcomes.controls.reference_curves import ReferenceCurve
    from prrt_outcomes.controls.two_samples import Weighting
    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

BINS = 20
REFERENCE_STEPS = 200


def tabulate_weighted_curves(
    weighting: Weighting, settings: AnalysisSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Curves of both sides (`control_curves_fitted`) and numbers at risk (`control_fitted_at_risk`).

    Both lack control and endpoint. A row of a curve at 0 and at each distinct time; patients, and sums of weights,
    just before each tick.
    """
    samples = weighting.samples
    curves = fit_both_curves(weighting, settings)
    ticks = choose_ticks(float(samples.time_months.max()))
    parts, counts = [], []
    for side, members in samples.sides():
        labels = {"weights": weighting.label, "group": side}
        parts.append(_tabulate(curves[side]).assign(**labels))
        counts.append(_count_at_ticks(weighting.select(members).data, ticks).assign(**labels))
    return pd.concat(parts, ignore_index=True), pd.concat(counts, ignore_index=True)


def tabulate_reference_curves(
    rows: EndpointRows, references: list[ReferenceCurve], settings: AnalysisSettings, n_control: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Curve of our patients, and the reference curves of a published arm beside it; as `tabulate_weighted_curves`.

    `assumption` tells the reference curves apart; they have no numbers at risk but their size at 0.
    """
    curve = fit_curve(rows, settings)
    end = float(rows.time_months.max())
    grid = np.linspace(0, end, REFERENCE_STEPS + 1)
    parts = [_tabulate(curve).assign(weights="none", group=COHORT)]
    for reference in references:
        # Cuts are on the grid, so that the kinks of the curve are drawn where they are.
        times = np.union1d(grid, [c for c in reference.curve.cuts if c <= end])
        at_risk = np.where(times == 0, float(n_control), np.nan)
        columns = {
            "time_months": times,
            "n_at_risk": at_risk,
            "survival": reference.curve.compute_survival(times),
        }
        labels = {"assumption": reference.assumption, "weights": "none", "group": CONTROL}
        parts.append(pd.DataFrame(columns).assign(**labels))
    ticks = choose_ticks(end)
    counts = _count_at_ticks(rows.data, ticks)
    return pd.concat(parts, ignore_index=True), counts.assign(weights="none", group=COHORT)


def tabulate_overlap(weighting: Weighting) -> pd.DataFrame:
    """Propensity scores of both sides in bins of one twentieth: `control_overlap` but for control and endpoint."""
    samples, weights, parts = weighting.samples, weighting.weights_or_ones, []
    if weighting.score is None:
        return pd.DataFrame()
    edges = np.linspace(0, 1, BINS + 1)
    for side, members in samples.sides():
        counts, _ = np.histogram(weighting.score[members], bins=edges)
        weighted, _ = np.histogram(weighting.score[members], bins=edges, weights=weights[members])
        columns = {"score_low": edges[:-1], "score_high": edges[1:], "n": counts}
        columns |= {"share": counts / members.sum(), "share_weighted": weighted / weights[members].sum()}
        parts.append(pd.DataFrame(columns).assign(weights=weighting.label, group=side))
    return pd.concat(parts, ignore_index=True)


def _tabulate(curve: KaplanMeier) -> pd.DataFrame:
    columns = {
        "time_months": (0.0, curve.time),
        "n_at_risk": (curve.weighted_at_risk[0], curve.weighted_at_risk),
        "survival": (1.0, curve.survival),
        "survival_low": (np.nan, curve.lower),
        "survival_high": (np.nan, curve.upper),
    }
    frame = pd.DataFrame({name: np.append(first, values) for name, (first, values) in columns.items()})
    return frame.assign(assumption="")


def _count_at_ticks(rows: SurvivalData, ticks: np.ndarray) -> pd.DataFrame:
    """Patients and weights at risk just before each tick."""
    inside = rows.time[None, :] >= ticks[:, None] - 1e-9
    if rows.entry is not None:
        inside &= rows.entry[None, :] < np.maximum(ticks, 1e-9)[:, None]
    weights = np.ones(len(rows.time)) if rows.weights is None else rows.weights
    return pd.DataFrame(
        {"time_months": ticks, "n_at_risk": inside.sum(axis=1), "weighted_at_risk": inside @ weights}
    )
