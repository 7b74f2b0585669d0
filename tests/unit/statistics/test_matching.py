from itertools import permutations

import numpy as np
import pytest
from scipy.special import expit, logit

from prrt_outcomes.statistics.matching import fit_matching


def test_the_sum_of_distances_is_the_smallest_possible():
    # Greedily the first would take 0.0 and leave the second 1.1; together 0.4 and 0.0 are nearer.
    score = expit(np.array([0.1, -0.2, 0.0, 0.5, -0.9]))
    cohort = np.array([True, True, False, False, False])
    result = fit_matching(score, cohort, caliper_sd=5)
    best = min(
        sum(abs(logit(score[i]) - logit(score[j])) for i, j in zip((0, 1), pick, strict=True))
        for pick in permutations((2, 3, 4), 2)
    )
    assert result.pairs["distance"].sum() == pytest.approx(best)
    assert result.n_unmatched == 0


def test_nobody_beyond_the_caliper_and_nobody_twice():
    rng = np.random.default_rng(1)
    score, cohort = expit(rng.normal(size=300)), np.arange(300) < 80
    score[:5] = 0.9999
    result = fit_matching(score, cohort, n_controls=2)
    assert (result.pairs["distance"] <= result.caliper * (1 + 1e-6)).all()
    assert result.pairs["control_row"].is_unique
    assert result.pairs.groupby("cohort_row").size().max() == 2
    assert cohort[result.pairs["cohort_row"]].all()
    assert not cohort[result.pairs["control_row"]].any()
    assert result.n_unmatched == 80 - result.pairs["cohort_row"].nunique() >= 5


def test_weights_give_every_set_one_cohort_and_one_control():
    rng = np.random.default_rng(2)
    score, cohort = expit(rng.normal(size=200)), np.arange(200) < 60
    result = fit_matching(score, cohort, n_controls=3)
    n_sets = result.pairs["set"].nunique()
    assert result.weights[cohort].sum() == result.weights[~cohort].sum() == pytest.approx(n_sets)
    assert ((result.matched_set >= 0) == (result.weights > 0)).all()


def test_second_controls_come_after_everybody_has_a_first():
    score = expit(np.array([0.0, 0.01, 0.0, 0.0, 2.0]))
    cohort = np.array([True, True, False, False, False])
    result = fit_matching(score, cohort, n_controls=2, caliper_sd=1)
    assert result.pairs["cohort_row"].nunique() == 2


def test_equal_scores_match():
    result = fit_matching(np.full(6, 0.4), np.arange(6) < 3)
    assert result.status == "ok"
    assert len(result.pairs) == 3


def test_nothing_to_match_is_a_status():
    far = np.array([0.99, 0.98, 0.01, 0.02])
    result = fit_matching(far, np.array([True, True, False, False]), caliper_sd=0.01)
    assert (result.status, result.n_unmatched, result.weights.sum()) == ("no_matches", 2, 0)
    assert fit_matching(np.full(3, np.nan), np.array([True, False, False])).status == "no_matches"


@pytest.mark.parametrize("options", [{"n_controls": 0}, {"n_controls": 1.5}, {"caliper_sd": 0}])
def test_faults(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        fit_matching(np.array([0.5, 0.5]), np.array([True, False]), **options)
