"""Kaplan-Meier, quantiles, RMST, follow-up and numbers at risk against R's survival."""

from __future__ import annotations

from pathlib import Path

import lifelines.datasets
import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.curve_summaries import compute_quantile, compute_rmst, summarise_milestones
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import (
    fit_kaplan_meier,
    fit_kaplan_meier_by_group,
    fit_reverse_kaplan_meier,
)
from prrt_outcomes.statistics.logrank import fit_simon_makuch
from prrt_outcomes.statistics.risk_table import flag_at_risk

TYPES = ("log-log", "log", "plain", "logit", "arcsin")
GENERATED = pd.read_csv(Path(__file__).parent / "r" / "risk" / "generated.csv")


@pytest.fixture(scope="module")
def lung():
    return lifelines.datasets.load_lung()


def hold_curve(r_risk, id, what, curve, times):
    at = summarise_milestones(curve, times)
    r_risk(f"{id}_survival", f"{what}: S(t)", at.survival)
    r_risk(f"{id}_std_error", f"{what}: standard error", at.std_error)
    r_risk(f"{id}_lower", f"{what}: lower limit", at.lower)
    r_risk(f"{id}_upper", f"{what}: upper limit", at.upper)


def hold_quantiles(r_risk, id, what, curve):
    found = [compute_quantile(curve, p) for p in (0.25, 0.5, 0.75)]
    r_risk(f"{id}_quantile", f"{what}: quartiles", [q.time for q in found], 0)
    r_risk(f"{id}_quantile_lower", f"{what}: quartiles, lower limit", [q.lower for q in found], 0)
    r_risk(f"{id}_quantile_upper", f"{what}: quartiles, upper limit", [q.upper for q in found], 0)


@pytest.mark.parametrize("interval", TYPES)
def test_intervals(r_risk, lung, interval):
    curve = fit_kaplan_meier(SurvivalData(lung.time, lung.status), interval=interval)
    hold_curve(r_risk, f"lung_km_{interval}", f"lung, {interval}", curve, [100, 365, 700])
    hold_quantiles(r_risk, f"lung_km_{interval}", f"lung, {interval}", curve)


@pytest.mark.parametrize("interval", TYPES)
def test_late_entry(r_risk, interval):
    g = GENERATED
    curve = fit_kaplan_meier(SurvivalData(g.time, g.status == 1, entry=g.entry), interval=interval)
    hold_curve(r_risk, f"generated_entry_{interval}", f"late entry, {interval}", curve, [60, 200, 600])
    hold_quantiles(r_risk, f"generated_entry_{interval}", f"late entry, {interval}", curve)


def test_late_entry_aids(r_risk):
    aids = lifelines.datasets.load_multicenter_aids_cohort_study()
    curve = fit_kaplan_meier(SurvivalData(aids["T"], aids["D"], entry=aids["W"]))
    hold_curve(r_risk, "aids_entry", "AIDS cohort, late entry", curve, [3, 5, 7])
    hold_quantiles(r_risk, "aids_entry", "AIDS cohort, late entry", curve)


def test_quantiles_with_ties_and_follow_up(r_risk):
    for label, part in GENERATED.groupby("group"):
        months = fit_kaplan_meier(SurvivalData(part.months, part.status == 1))
        hold_quantiles(r_risk, f"generated_months_{label}", "ties by month", months)
        follow_up = fit_reverse_kaplan_meier(SurvivalData(part.time, part.status))
        hold_quantiles(r_risk, f"generated_followup_{label}", "reverse Kaplan-Meier", follow_up)


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("late", [False, True])
def test_robust_variance(r_risk, clustered, late):
    g = GENERATED
    optional = ({"entry": g.entry} if late else {}) | ({"cluster": g.centre} if clustered else {})
    curve = fit_kaplan_meier(SurvivalData(g.time, g.status == 1, weights=g.weight, **optional))
    id = f"generated_{'cluster' if clustered else 'robust'}{'_entry' if late else ''}"
    what = f"weighted, robust{' by centre' if clustered else ''}{', late entry' if late else ''}"
    hold_curve(r_risk, id, what, curve, [60, 200, 600])
    hold_quantiles(r_risk, id, what, curve)
    mean = compute_rmst(curve, 500)
    r_risk(f"{id}_rmst", f"{what}: RMST at 500", mean.rmst)
    r_risk(f"{id}_rmst_std_error", f"{what}: RMST standard error", mean.std_error)


def test_rmst(r_risk, lung):
    curve = fit_kaplan_meier(SurvivalData(lung.time, lung.status))
    for horizon in (365, 700):
        mean = compute_rmst(curve, horizon)
        r_risk(f"lung_rmst_{horizon}", f"lung, RMST at {horizon}", [mean.rmst, mean.std_error])
    gbsg2 = lifelines.datasets.load_gbsg2()
    means = [
        compute_rmst(c, 1500)
        for c in fit_kaplan_meier_by_group(SurvivalData(gbsg2.time, gbsg2.cens), gbsg2.horTh).values()
    ]
    ours = [mean.rmst for mean in means] + [mean.std_error for mean in means]
    r_risk("gbsg2_rmst_1500", "GBSG2 by hormone therapy, RMST at 1500", ours)


def test_numbers_at_risk(r_risk):
    g = GENERATED
    ours, _ = flag_at_risk(SurvivalData(g.time, g.status, entry=g.entry), np.array([10, 100, 105, 400]))
    ours = ours.sum(axis=1)
    r_risk("generated_at_risk", "at risk just before a tick, late entry", ours[:2], 0)
    r_risk("generated_at_risk_between", "at risk just before a tick between times, late entry", ours[2:], 0)
    ours, _ = flag_at_risk(SurvivalData(g.time, g.status), np.array([0, 10, 100, 105, 400]))
    r_risk("generated_at_risk_none", "at risk just before a tick", ours.sum(axis=1), 0)


@pytest.mark.parametrize("landmark", [0, 30])
def test_simon_makuch(r_risk, landmark):
    d = lifelines.datasets.load_stanford_heart_transplants()
    curves = fit_simon_makuch(
        SurvivalData(d.stop, d.event, entry=d.start, id=d.id), d.transplant, landmark=landmark
    )
    for state, curve in curves.items():
        id = f"stanford_simon_makuch_{landmark}_{state}"
        hold_curve(r_risk, id, f"Simon-Makuch from {landmark}, state {state}", curve, [60, 180, 365])


def test_median_rounding(agree):
    for n in (6, 8, 14, 18, 20, 44, 58):
        median = compute_quantile(fit_kaplan_meier(SurvivalData(np.arange(1, n + 1), np.ones(n)))).time
        source = "midpoint rule; a float S of 0.5 + 1e-16 must not skip a step"
        agree(
            f"risk_median_rounding_{n}",
            f"median of {n} distinct uncensored times",
            median,
            n / 2 + 0.5,
            0,
            source,
        )
