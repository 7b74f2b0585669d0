"""RADIANT-4 through the whole stage: its placebo arm as individual control and as published curve."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.controls.stage import INPUTS, run
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table

DAYS = 30.4375
SOURCE = "recomputed from kmdata; published 11.0 and 3.9"


def study(control):
    return Study(
        study="radiant4",
        tables={"patients": "p.csv", "reported_outcomes": "r.csv"},
        endpoints=["pfs"],
        controls=[control],
        analysis={"milestones_months": [12], "rmst_months": 18, "landmark_months": [3]},
    )


@pytest.fixture(scope="module")
def arms(shared_data):
    data = pd.read_csv(shared_data / "radiant4" / "pfs.csv")
    data["patient_id"] = [f"p{k}" for k in range(len(data))]
    return dict(iter(data.groupby("arm")))


@pytest.fixture(scope="module")
def tables(arms):
    ours, theirs = arms["everolimus"], arms["placebo"]
    endpoints = pd.DataFrame(
        {
            "patient_id": ours["patient_id"],
            "endpoint": "pfs",
            "time_days": ours["time"] * DAYS,
            "event": ours["event"],
        }
    )
    outcomes = pd.DataFrame(
        {
            "patient_id": theirs["patient_id"],
            "endpoint": "pfs",
            "time": theirs["time"] * DAYS,
            "event": theirs["event"],
        }
    )
    curve = fit_kaplan_meier(SurvivalData(theirs["time"], theirs["event"]))
    grid = np.linspace(0, theirs["time"].max(), 400)
    survival = np.concatenate(([1.0], curve.survival))[np.searchsorted(curve.time, grid, side="right")]
    ticks = np.arange(0, theirs["time"].max(), 3)
    labels = {"control": "placebo", "arm": "placebo", "endpoint": "pfs"}
    points = pd.DataFrame({"time_months": grid, "survival": survival}).assign(**labels)
    risk = pd.DataFrame(
        {"time_months": ticks, "n_at_risk": [(theirs["time"] >= t).sum() for t in ticks]}
    ).assign(**labels)
    return {name: empty_table(name) for name in INPUTS} | {
        "endpoints": conform_table("endpoints", endpoints),
        "analysis_set": conform_table("analysis_set", ours[["patient_id"]]),
        "control_patients": conform_table("control_patients", theirs[["patient_id"]]),
        "control_outcomes": conform_table("control_outcomes", outcomes),
        "control_curves": conform_table("control_curves", points),
        "control_at_risk": conform_table("control_at_risk", risk),
    }


@pytest.mark.parametrize(("kind", "more"), [("patients", {}), ("curve", {"arm": "placebo"})])
def test_medians_and_hazard_ratio(tables, kind, more, agree):
    out = run(tables, study({"id": "placebo", "kind": kind} | more))["controls"]
    rows = out[out["weights"].eq("none")].set_index(["method", "estimate"])["value"]
    months = [rows["kaplan_meier", "median"], rows["kaplan_meier", "median_control"]]
    agree(
        f"controls_radiant4_{kind}_medians",
        f"RADIANT-4, placebo as {kind}: medians",
        months,
        [11.3, 4.01],
        0.5,
        SOURCE,
        False,
    )
    ratio = rows["cox", "hazard_ratio"]
    agree(
        f"controls_radiant4_{kind}_hazard_ratio",
        f"RADIANT-4, placebo as {kind}: hazard ratio",
        ratio,
        0.558,
        0.02,
        "recomputed from kmdata",
        False,
    )


def test_library_arm_expects_the_exponential_of_its_median(tables, arms, agree):
    out = run(tables, study({"id": "published", "kind": "library", "arm": "radiant4_placebo"}))["controls"]
    row = out[out["method"].eq("one_sample_logrank")].iloc[0]
    expected = np.log(2) / 3.9 * np.minimum(arms["everolimus"]["time"], 3.9).sum()
    agree(
        "controls_radiant4_expected",
        "RADIANT-4 everolimus: events expected from the published placebo median",
        row["expected"],
        expected,
        1e-6,
        "log 2 / 3.9 times the months lived up to the median",
    )
