from __future__ import annotations

import warnings
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from prrt_outcomes.statistics.propensity import bootstrap_propensity, fit_matching, fit_propensity


@pytest.fixture
def groups():
    rng = np.random.default_rng(31)
    n = 150
    x = pd.DataFrame({"age": rng.normal(60, 8, n), "grade": rng.choice(["G1", "G2"], n)})
    return rng.random(n) < 1 / (1 + np.exp(-(x["age"] - 60) / 10)), x


def test_scores_of_the_cohort_sum_to_its_size(groups):
    cohort, x = groups
    score, reason = fit_propensity(cohort, x)
    assert reason == ""
    assert score.sum() == pytest.approx(cohort.sum(), rel=1e-9)
    # The score equations hold for every covariate.
    assert score @ x["age"] == pytest.approx(x.loc[cohort, "age"].sum(), rel=1e-9)
    g2 = (x["grade"] == "G2").to_numpy()
    assert score[g2].sum() == pytest.approx((cohort & g2).sum(), rel=1e-9)


def test_missing_covariates_have_no_score_and_constant_ones_are_left_out(groups):
    cohort, x = groups
    x = x.assign(site="Basel")
    x.loc[4, "age"] = np.nan
    score, reason = fit_propensity(cohort, x)
    assert reason == "constant or collinear: site"
    assert np.flatnonzero(np.isnan(score)).tolist() == [4]


def test_no_overlap_has_a_reason_without_a_warning(groups):
    cohort, x = groups
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for given_away in (cohort.astype(float), np.where(cohort, 5.0, np.arange(len(cohort)) % 3)):
            score, reason = fit_propensity(cohort, x.assign(tell=given_away))
            assert "no overlap" in reason
            assert np.isnan(score).all()


def test_a_covariate_that_only_controls_have_is_quasi_separation(groups):
    cohort, x = groups
    _, reason = fit_propensity(cohort, x.assign(rare=~cohort & (np.arange(len(cohort)) % 5 == 0)))
    assert "no overlap" in reason


def test_one_group_has_a_reason(groups):
    _, x = groups
    score, reason = fit_propensity(np.ones(len(x)), x)
    assert "both have complete rows" in reason
    assert np.isnan(score).all()


def test_group_labels_must_be_0_and_1(groups):
    _, x = groups
    for labels, message in ((np.full(150, 2), "0 and 1 only"), (np.ones(3), "3 values for 150 rows")):
        with pytest.raises(ValueError, match=message):
            fit_propensity(labels, x)


def test_every_refit_equals_its_own_fit(groups):
    cohort, x = groups
    counts = np.random.default_rng(0).multinomial(150, np.full(150, 1 / 150), size=6)
    score = bootstrap_propensity(cohort, x, counts)
    for row, count in zip(score, counts, strict=True):
        rows = np.repeat(np.arange(150), count)
        single, _ = fit_propensity(cohort[rows], x.iloc[rows])
        np.testing.assert_allclose(row[rows], single, rtol=1e-7)


def test_refits_without_a_solution_are_empty(groups):
    cohort, x = groups
    order = np.argsort(x["age"].to_numpy())
    apart = np.zeros(150, dtype=int)
    apart[np.concatenate([order[:40][~cohort[order[:40]]], order[-40:][cohort[order[-40:]]]])] = 1
    score = bootstrap_propensity(cohort, x, np.vstack([cohort.astype(int), apart, np.ones(150, dtype=int)]))
    assert np.isnan(score[:2]).all()
    assert np.isfinite(score[2]).all()


def pair(score, cohort, matched_set):
    """One row a pair: cohort and control row, and their distance on the scale of the logit."""
    rows = pd.DataFrame({"row": range(len(score)), "set": matched_set, "scale": logit(score)})
    rows = rows[rows["set"] >= 0]
    pairs = rows[cohort[rows["row"]]].merge(rows[~cohort[rows["row"]]], on="set", suffixes=("", "_control"))
    return pairs.assign(distance=(pairs["scale"] - pairs["scale_control"]).abs())


def test_the_sum_of_distances_is_the_smallest_possible():
    # Greedily the first would take 0.0 and leave the second 1.1; together 0.4 and 0.0 are nearer.
    score = expit(np.array([0.1, -0.2, 0.0, 0.5, -0.9]))
    cohort = np.array([True, True, False, False, False])
    weights, matched_set = fit_matching(score, cohort, caliper_sd=5)
    best = min(
        sum(abs(logit(score[i]) - logit(score[j])) for i, j in zip((0, 1), pick, strict=True))
        for pick in permutations((2, 3, 4), 2)
    )
    assert pair(score, cohort, matched_set)["distance"].sum() == pytest.approx(best)
    assert weights[cohort].tolist() == [1, 1]


def test_nobody_beyond_the_caliper_and_at_most_two_controls():
    rng = np.random.default_rng(1)
    score, cohort = expit(rng.normal(size=300)), np.arange(300) < 80
    score[:5] = 0.9999
    weights, matched_set = fit_matching(score, cohort, n_controls=2)
    pairs = pair(score, cohort, matched_set)
    scale = logit(score)
    caliper = 0.2 * np.sqrt((scale[cohort].var(ddof=1) + scale[~cohort].var(ddof=1)) / 2)
    assert (pairs["distance"] <= caliper * (1 + 1e-6)).all()
    assert pairs.groupby("row").size().max() == 2
    assert pairs["row"].nunique() == pairs["set"].nunique() == (weights[cohort] > 0).sum() <= 75


def test_weights_give_every_set_one_cohort_and_one_control():
    rng = np.random.default_rng(2)
    score, cohort = expit(rng.normal(size=200)), np.arange(200) < 60
    weights, matched_set = fit_matching(score, cohort, n_controls=3)
    n_sets = matched_set.max() + 1
    assert weights[cohort].sum() == pytest.approx(n_sets)
    assert weights[~cohort].sum() == pytest.approx(n_sets)
    assert ((matched_set >= 0) == (weights > 0)).all()


def test_second_controls_come_after_everybody_has_a_first():
    score = expit(np.array([0.0, 0.01, 0.0, 0.0, 2.0]))
    cohort = np.array([True, True, False, False, False])
    weights, _ = fit_matching(score, cohort, n_controls=2, caliper_sd=1)
    assert weights[cohort].tolist() == [1, 1]


def test_equal_scores_match():
    weights, _ = fit_matching(np.full(6, 0.4), np.arange(6) < 3)
    assert weights.tolist() == [1] * 6


def test_the_last_digits_of_scores_do_not_choose_the_pairs():
    rng = np.random.default_rng(6)
    score, cohort = expit(rng.normal(size=200).round(2)), np.arange(200) < 80
    first, matched_set = fit_matching(score, cohort, n_controls=2)
    for _ in range(5):
        again = fit_matching(score * (1 + 1e-14 * rng.normal(size=200)), cohort, n_controls=2)
        np.testing.assert_array_equal(again, (first, matched_set))


def test_nothing_to_match_leaves_all_weights_at_zero():
    far = np.array([0.99, 0.98, 0.01, 0.02])
    weights, matched_set = fit_matching(far, np.array([True, True, False, False]), caliper_sd=0.01)
    assert (weights.sum(), matched_set.max()) == (0, -1)
    assert fit_matching(np.full(3, np.nan), np.array([True, False, False]))[0].sum() == 0


@pytest.mark.parametrize("options", [{"n_controls": 0}, {"n_controls": 1.5}, {"caliper_sd": 0}])
def test_faults(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        fit_matching(np.array([0.5, 0.5]), np.array([True, False]), **options)
