import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.weights import compute_balance

COHORT = np.array([True, True, True, False, False, False])


def test_smd_by_hand_for_numbers_and_for_every_level():
    x = pd.DataFrame({"age": [50.0, 60, 70, 40, 50, 60], "sex": list("ffmfmm")})
    table = compute_balance(COHORT, x, np.array([1, 1, 1, 0.5, 1, 1.5])).set_index(["term", "level"])
    assert table.loc[("age", ""), "smd"] == pytest.approx((60 - 50) / 10)
    # n-1 variances of 2/3 and 1/3 are both 1/3.
    assert table.loc[("sex", "f"), "smd"] == pytest.approx((1 / 3) / np.sqrt(1 / 3))
    assert table.loc[("sex", "m"), "smd"] == pytest.approx(-table.loc[("sex", "f"), "smd"])
    mean = (0.5 * 40 + 50 + 1.5 * 60) / 3
    assert table.loc[("age", ""), "smd_weighted"] == pytest.approx((60 - mean) / 10)
    assert table.loc[("age", ""), "variance_ratio"] == pytest.approx(1)


def test_what_does_not_vary_has_a_status_not_an_infinity():
    x = pd.DataFrame({"same": np.ones(6), "apart": COHORT.astype(float)})
    table = compute_balance(COHORT, x).set_index("term")
    assert table.loc["same", ["smd", "status"]].tolist() == [0.0, "ok"]
    assert table.loc["apart", "status"] == "no_variance"
    assert np.isnan(table.loc["apart", "smd"])
    assert compute_balance(np.arange(6) == 0, x)["status"].tolist() == ["too_few", "too_few"]


def test_missing_values_are_counted_and_left_out():
    x = pd.DataFrame({"age": [50.0, np.nan, 70, 40, 50, 60]})
    row = compute_balance(COHORT, x, np.array([1, 1, 1, np.nan, 1, 1])).iloc[0]
    assert (row["n_missing"], row["mean_cohort"], row["mean_control_weighted"]) == (1, 60, 55)


def test_faults():
    x = pd.DataFrame({"age": np.arange(6.0)})
    with pytest.raises(ValueError, match="in_cohort has 2"):
        compute_balance(COHORT[:2], x)
    with pytest.raises(ValueError, match="weights"):
        compute_balance(COHORT, x, -np.ones(6))
