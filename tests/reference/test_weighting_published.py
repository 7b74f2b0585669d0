"""MAIC, E-values and the RADIANT-4 arms against published or independently recomputed numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.cox import compute_e_value, fit_cox
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.maic import MaicTarget, fit_maic
from prrt_outcomes.statistics.weights import compute_effective_sample_size

TARGETS = (
    MaicTarget("AGE", "mean", 51),
    MaicTarget("AGE", "standard_deviation", 3.25),
    MaicTarget("SEX", "share", 0.49, "Male"),
    MaicTarget("ECOG0", "share", 0.35),
    MaicTarget("SMOKE", "share", 58 / 300),
    MaicTarget("N_PR_THER", "median", 2),
)


@pytest.fixture(scope="module")
def maic(shared_data):
    return fit_maic(pd.read_csv(shared_data / "maic" / "adsl.csv"), TARGETS)


def test_maic_weights(maic, agree):
    agree(
        "maic_weights",
        "unanchored MAIC: sum of weights, ESS",
        [maic.weights.sum(), compute_effective_sample_size(maic.weights)],
        [199.4265, 166.6626],
        1e-6,
        "maicplus _snaps/maic_unanchored.md",
    )
    np.testing.assert_allclose(maic.balance["after"], maic.balance["target"], rtol=1e-8)


def test_maic_responders(maic, shared_data, agree):
    responders = pd.read_csv(shared_data / "maic" / "adrs.csv")["AVAL"]
    agree(
        "maic_events",
        "MAIC-weighted responders",
        (maic.weights * responders).sum(),
        142.8968,
        1e-6,
        "maicplus _snaps/maic_unanchored.md",
    )


def test_maic_hazard_ratio(maic, shared_data, agree):
    ours = pd.read_csv(shared_data / "maic" / "adtte.csv")
    theirs = pd.read_csv(shared_data / "maic" / "psuedo_IPD.csv")
    time, event = np.r_[ours["AVAL"], theirs["Time"]], np.r_[ours["EVNT"], theirs["Event"]]
    arm = np.repeat([1.0, 0.0], [len(ours), len(theirs)])
    weights = np.r_[maic.weights, np.ones(len(theirs))]
    for name, options, expected in (
        ("before", {}, [0.374898, 0.303901, 0.462481]),
        ("after", {"weights": weights}, [0.283485, 0.20747, 0.38734]),
    ):
        row = fit_cox(SurvivalData(time, event, **options), arm).table.iloc[0]
        agree(
            f"maic_survival_{name}",
            f"MAIC: hazard ratio {name} weighting, interval",
            row[["hazard_ratio", "lower", "upper"]].to_numpy(dtype=float),
            expected,
            1e-3,
            "recomputed from maicplus inputs",
        )


@pytest.mark.parametrize(
    ("endpoint", "expected", "tolerance"),
    [("pfs", [0.558, 0.406, 0.766], 2e-3), ("os", [0.656, 0.406, 1.059], 1e-2)],
)
def test_radiant4_hazard_ratio(shared_data, endpoint, expected, tolerance, agree):
    d = pd.read_csv(shared_data / "radiant4" / f"{endpoint}.csv")
    row = fit_cox(SurvivalData(d["time"], d["event"]), d[["arm"]], references={"arm": "placebo"}).table.iloc[
        0
    ]
    agree(
        f"radiant4_{endpoint}_hazard_ratio",
        f"RADIANT-4 {endpoint}: unstratified hazard ratio, interval",
        row[["hazard_ratio", "lower", "upper"]].to_numpy(dtype=float),
        expected,
        tolerance,
        "recomputed from kmdata",
    )


def test_e_values(agree):
    rr = compute_e_value(10.73, 8.02, 14.36, common_outcome=False)
    agree(
        "evalue_rr",
        "E-value of RR 10.73 (from 8.02)",
        rr,
        [20.94777, 15.52336],
        1e-6,
        "EValue README",
    )
    hr = compute_e_value(0.56, 0.46, 0.69)
    agree(
        "evalue_hr",
        "E-value of HR 0.56 (0.46-0.69), common outcome: E, bound",
        hr,
        [2.3495, 1.9080],
        1e-4,
        "EValue evalues.HR.Rd",
    )
