"""Imputed sets keep what is known, and pooling follows Rubin."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from prrt_outcomes.statistics.imputation import impute_chained, pool_estimates


def frame_with_gaps(n=300, seed=2):
    generator = np.random.default_rng(seed)
    age = generator.normal(60, 8, n)
    grade = pd.Categorical.from_codes(
        np.clip(((age - 50) / 10 + generator.normal(0, 0.5, n)).round(), 0, 2).astype(int),
        ["G1", "G2", "G3"],
        ordered=True,
    )
    whole = pd.DataFrame({"age_years": age, "grade": grade})
    gaps = whole.copy()
    gaps.loc[generator.random(n) < 0.2, "grade"] = None
    gaps.loc[generator.random(n) < 0.2, "age_years"] = np.nan
    return whole, gaps


def test_what_is_known_stays_and_what_is_missing_is_filled():
    _, gaps = frame_with_gaps()
    sets = impute_chained(gaps, np.zeros((300, 1)), sets=3, seed=1)
    assert len(sets) == 3
    for name in gaps.columns:
        known = gaps[name].notna()
        assert all((frame.loc[known, name] == gaps.loc[known, name]).all() for frame in sets)
        assert not any(frame[name].isna().any() for frame in sets)
    assert sets[0]["grade"].dtype == gaps["grade"].dtype
    assert not sets[0].equals(sets[1])


def test_the_same_seed_gives_the_same_sets():
    _, gaps = frame_with_gaps()
    first, second = (impute_chained(gaps, np.zeros((300, 1)), sets=2, seed=9) for _ in range(2))
    assert all(a.equals(b) for a, b in zip(first, second, strict=True))


def test_imputed_values_follow_the_relation_between_columns():
    whole, gaps = frame_with_gaps(1000)
    sets = impute_chained(gaps, np.zeros((1000, 1)), sets=5, seed=3)
    missing = gaps["age_years"].isna()
    truth = whole.loc[missing].groupby("grade", observed=True)["age_years"].mean()
    found = pd.concat([s.loc[missing] for s in sets]).groupby("grade", observed=True)["age_years"].mean()
    assert (found - truth).abs().max() < 3
    assert found["G3"] - found["G1"] > 8


def test_pooling_is_rubins_rule_by_hand():
    estimates, variances = np.array([[1.0], [2.0], [3.0]]), np.full((3, 1), 0.5)
    pooled = pool_estimates(estimates, variances, complete_degrees_of_freedom=97)
    total = 0.5 + (1 + 1 / 3) * 1.0
    assert pooled.estimate[0] == 2
    assert pooled.std_error[0] == pytest.approx(np.sqrt(total))
    share = (4 / 3) / total
    rubin = 2 / share**2
    observed = 98 / 100 * 97 * (1 - share)
    freedom = rubin * observed / (rubin + observed)
    assert pooled.degrees_of_freedom[0] == pytest.approx(freedom)
    assert pooled.upper[0] == pytest.approx(2 + stats.t.ppf(0.975, freedom) * np.sqrt(total))


def test_sets_that_agree_have_nothing_missing():
    pooled = pool_estimates(np.ones((4, 2)), np.full((4, 2), 0.25), complete_degrees_of_freedom=1e9)
    assert pooled.std_error.tolist() == [0.5, 0.5]
    assert pooled.upper[0] == pytest.approx(1 + 1.959964 * 0.5, abs=1e-5)


def test_one_set_cannot_be_pooled():
    with pytest.raises(ValueError, match="at least two sets"):
        pool_estimates([[1.0]], [[1.0]], complete_degrees_of_freedom=10)
