"""Cumulative incidence and Gray's test against cmprsk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import sksurv.datasets

from prrt_outcomes.statistics.cumulative_incidence import (
    compute_gray_test,
    fit_cumulative_incidence,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.risk_table import compute_risk_table

GENERATED = pd.read_csv(Path(__file__).parent / "r" / "risk" / "generated.csv")


def hold_gray(r_risk, id, what, test_one, test_two):
    ours = [test_one.statistic, test_one.p_value, test_two.statistic, test_two.p_value]
    r_risk(f"{id}_gray", f"Gray's test, {what}: chi-square and p of both causes", ours)


def gray_tests(time, g, group="group"):
    data = SurvivalData(time, g.status)
    return [compute_gray_test(compute_risk_table(data, g[group], cause=cause)) for cause in (1, 2)]


def hold_incidence(r_risk, id, what, time, g, group, times):
    data = SurvivalData(time, g.status)
    for label in sorted(g[group].unique()):
        curve = fit_cumulative_incidence(data.select((g[group] == label).to_numpy()))
        place = np.searchsorted(curve.time, times, side="right") - 1
        r_risk(f"{id}_{label}_incidence", f"cumulative incidence, {what}", curve.incidence[place])
        r_risk(
            f"{id}_{label}_variance",
            f"cumulative incidence, {what}: variance (cuminc)",
            curve.std_error[place] ** 2,
        )


def test_gray_and_cuminc(r_risk):
    g = GENERATED
    hold_gray(r_risk, "generated", "three groups", *gray_tests(g.time, g))
    hold_gray(r_risk, "generated_months", "ties by month", *gray_tests(g.months, g))
    hold_incidence(r_risk, "generated", "three groups", g.time, g, "group", [60, 200, 500])
    hold_incidence(r_risk, "generated_months", "ties by month", g.months, g, "group", [2, 7, 16])


def test_bone_marrow_transplants(r_risk):
    x, y = sksurv.datasets.load_bmt()
    d = pd.DataFrame({"time": y["ftime"], "status": y["status"], "dis": x["dis"].astype(str).to_numpy()})
    hold_gray(r_risk, "bmt", "bone marrow transplants", *gray_tests(d.time, d, "dis"))
    hold_incidence(r_risk, "bmt", "bone marrow transplants", d.time, d, "dis", [6, 12, 24])


def test_late_entry(r_risk):
    g = GENERATED
    curve = fit_cumulative_incidence(SurvivalData(g.time, g.status, entry=g.entry))
    place = np.searchsorted(curve.time, [60, 200, 600], side="right") - 1
    r_risk("generated_aj_entry_incidence", "Aalen-Johansen, late entry", curve.incidence[place])
