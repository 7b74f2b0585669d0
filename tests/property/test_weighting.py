"""What weights must do for every data set."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from prrt_outcomes.statistics.maic import MaicTarget, fit_maic
from prrt_outcomes.statistics.propensity import fit_matching, fit_propensity
from prrt_outcomes.statistics.weights import (
    compute_balance,
    compute_effective_sample_size,
    compute_propensity_weights,
)

FEW = settings(max_examples=30, deadline=None, derandomize=True)


@st.composite
def groups(draw):
    """Membership and two covariates."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(30, 120))
    x = pd.DataFrame({"age": rng.normal(60, 10, n), "liver": rng.integers(0, 2, n)})
    return rng.random(n) < 1 / (1 + np.exp(-(x["age"].to_numpy() - 60) / 20)), x, rng


@FEW
@given(groups())
def test_overlap_weights_balance_the_means_of_the_model_exactly(d):
    cohort, x, _ = d
    score, reason = fit_propensity(cohort, x)
    assume(not reason)
    weights = compute_propensity_weights(score, cohort, "overlap")
    np.testing.assert_allclose(compute_balance(cohort, x, weights)["smd_weighted"], 0, atol=1e-8)


@FEW
@given(groups(), st.sampled_from(["ATT", "ATE", "overlap"]))
def test_swapped_groups_flip_balance_and_swap_weights(d, estimand):
    cohort, x, _ = d
    (score, reason), (swapped, _) = fit_propensity(cohort, x), fit_propensity(~cohort, x)
    assume(not reason)
    np.testing.assert_allclose(score, 1 - swapped, rtol=1e-6)
    if estimand != "ATT":
        weights = [
            compute_propensity_weights(s, c, estimand) for s, c in ((score, cohort), (swapped, ~cohort))
        ]
        np.testing.assert_allclose(weights[0], weights[1], rtol=1e-6)
    np.testing.assert_allclose(
        compute_balance(cohort, x)["smd"], -compute_balance(~cohort, x)["smd"], rtol=1e-9
    )


@FEW
@given(groups(), st.floats(0.1, 100))
def test_scale_of_weights_does_not_change_effective_size_or_balance(d, factor):
    cohort, x, rng = d
    weights = rng.exponential(1, len(x))
    sizes = [compute_effective_sample_size(w) for w in (weights, weights * factor)]
    np.testing.assert_allclose(sizes[0], sizes[1], rtol=1e-9)
    assert 1 <= sizes[0] <= len(x) + 1e-9
    balance = [compute_balance(cohort, x, w)["smd_weighted"] for w in (weights, weights * factor)]
    np.testing.assert_allclose(balance[0], balance[1], rtol=1e-7, atol=1e-10)


@FEW
@given(groups(), st.floats(-0.4, 0.4))
def test_maic_meets_its_targets_whatever_the_unit(d, shift):
    _, x, _ = d
    mean = x["age"].mean() + shift * x["age"].std()
    years = fit_maic(x, [MaicTarget("age", "mean", mean)])
    np.testing.assert_allclose(years.balance["after"], years.balance["target"], rtol=1e-9)
    months = fit_maic(x * 12, [MaicTarget("age", "mean", mean * 12)])
    np.testing.assert_allclose(years.weights, months.weights, rtol=1e-6)


@FEW
@given(groups(), st.integers(1, 3))
def test_matched_sets_are_within_two_calipers_and_weights_add_up(d, k):
    cohort, x, _ = d
    score = 1 / (1 + np.exp(-(x["age"].to_numpy() - 60) / 10))
    weights, matched_set = fit_matching(score, cohort, n_controls=k)
    scale = np.log(score / (1 - score))
    within = pd.Series(scale).groupby(matched_set).transform(np.ptp)[matched_set >= 0]
    deviation = np.sqrt((scale[cohort].var(ddof=1) + scale[~cohort].var(ddof=1)) / 2)
    assert (within <= 2 * 0.2 * deviation * (1 + 1e-6)).all()
    sets = matched_set.max() + 1
    np.testing.assert_allclose([weights[cohort].sum(), weights[~cohort].sum()], sets, atol=1e-9)
