"""Firth's Cox model against coxphf and the closed form of two patients."""

from __future__ import annotations

import numpy as np
import pytest

from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.firth import fit_firth_cox

SOURCE = "coxphf, printed in firthmodels tests/test_cox.py"


@pytest.fixture(scope="module")
def separated():
    # The generator of firthmodels' tests, draw by draw, so that its printed numbers of coxphf apply.
    rng = np.random.default_rng(42)
    n = 100
    separator = rng.choice([0, 1], n, p=[0.35, 0.65])
    x1, x2 = rng.standard_normal(n), rng.uniform(-1, 1, n)
    x3 = rng.choice([0, 1], n, p=[0.6, 0.4])
    x = np.column_stack([separator, x1, x2, x3])
    survival = rng.exponential(1 / (0.1 * np.exp(x @ [0.0, 0.5, -0.3, 0.7])))
    censoring = rng.exponential(scale=15.0, size=n)
    return x, np.minimum(survival, censoring), (survival <= censoring) & (separator == 1)


def test_separated_data_equal_coxphf(separated, agree):
    x, time, event = separated
    fit = fit_firth_cox(SurvivalData(time, event), x)
    assert fit["status"].eq("ok").all()
    expected = {
        "coefficient": [3.8815800583, 0.6042066427, -0.4202139201, 1.0415063080],
        "std_error": [1.4430190269, 0.1599607483, 0.2541800107, 0.3128784410],
        "p_value": [7.318984974e-09, 1.686334002e-04, 9.295083722e-02, 8.463066114e-04],
        "lower": np.exp([1.9343469272, 0.2921186188, -0.9217200647, 0.4348431279]),
        "upper": np.exp([8.7215676015, 0.9164270978, 0.0699415336, 1.6550461482]),
    }
    for quantity, values in expected.items():
        # A hazard ratio's relative error is the absolute error of its logarithm, 8.7 for the largest bound.
        tolerance = 1e-5 if quantity in ("lower", "upper") else 1e-6
        ours = fit[quantity].to_numpy()
        agree(f"firth_{quantity}", f"Firth Cox {quantity}", ours, values, tolerance, SOURCE)


def test_cox_says_separation_where_firth_has_an_estimate(separated):
    x, time, event = separated
    fit = fit_cox(SurvivalData(time, event), x)
    assert fit.status == "separation"
    assert fit.table["status"].tolist() == ["separation", "ok", "ok", "ok"]


def test_two_patients_have_a_hazard_ratio_of_three(agree):
    fit = fit_firth_cox(SurvivalData([1.0, 2.0], [1, 0]), [[1.0], [0.0]])
    agree(
        "firth_two_patients",
        "Firth hazard ratio of two patients, one event",
        fit["hazard_ratio"].iloc[0],
        3.0,
        1e-6,
        "Heinze and Schemper 2001, section 2",
    )
